# /// script
# requires-python = ">=3.10"
# dependencies = ["torch==2.15.0"]
# ///
"""Times in PyTorch what BenchmarkStep, BenchmarkEvaluate and BenchmarkProduct
of package cpu measure: one optimizer step on 8 documents of 100 tokens with a
Llama of a million parameters, LoRA of rank 8 on all projections, float32.

    python3 bench_torch.py --threads 2

The base's weights are plain float32 here, so that PyTorch unpacks nothing; its
attention is the fused one, the head runs on positions with a target only, and
AdamW is the fused one.
"""

import argparse
import os
import time

parser = argparse.ArgumentParser()
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--seconds", type=float, default=5)
arguments = parser.parse_args()
os.environ["OMP_NUM_THREADS"] = str(arguments.threads)

import torch
import torch.nn.functional as F
from torch import nn

VOCAB, HIDDEN, LAYERS, HEADS, KV_HEADS, HEAD_DIM, INTERMEDIATE = 1024, 128, 5, 4, 2, 32, 384
DOCUMENTS, LENGTH, RANK, ALPHA, DROPOUT = 8, 100, 8, 16, 0.05


class Linear(nn.Module):
    """A frozen projection with an adapter, as PEFT computes it."""

    def __init__(self, ins, outs):
        super().__init__()
        self.base = nn.Linear(ins, outs, bias=False).requires_grad_(False)
        self.a = nn.Linear(ins, RANK, bias=False)
        self.b = nn.Linear(RANK, outs, bias=False)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, x):
        return self.base(x) + self.b(self.a(self.dropout(x))) * (ALPHA / RANK)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1 = nn.RMSNorm(HIDDEN, eps=1e-5).requires_grad_(False)
        self.norm2 = nn.RMSNorm(HIDDEN, eps=1e-5).requires_grad_(False)
        self.q, self.o = Linear(HIDDEN, HEADS * HEAD_DIM), Linear(HEADS * HEAD_DIM, HIDDEN)
        self.k, self.v = Linear(HIDDEN, KV_HEADS * HEAD_DIM), Linear(HIDDEN, KV_HEADS * HEAD_DIM)
        self.gate, self.up = Linear(HIDDEN, INTERMEDIATE), Linear(HIDDEN, INTERMEDIATE)
        self.down = Linear(INTERMEDIATE, HIDDEN)

    def forward(self, x, cos, sin):
        n = self.norm1(x)
        q, k, v = (p(n).unflatten(-1, (-1, HEAD_DIM)).transpose(1, 2) for p in (self.q, self.k, self.v))
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        x = x + self.o(a.transpose(1, 2).flatten(-2))
        n = self.norm2(x)
        return x + self.down(F.silu(self.gate(n)) * self.up(n))


def rotate(x, cos, sin):
    half = HEAD_DIM // 2
    return x * cos + torch.cat((-x[..., half:], x[..., :half]), -1) * sin


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, HIDDEN).requires_grad_(False)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm = nn.RMSNorm(HIDDEN, eps=1e-5).requires_grad_(False)
        angle = torch.arange(LENGTH)[:, None] * 10000.0 ** (-torch.arange(0, HEAD_DIM, 2) / HEAD_DIM)
        self.cos, self.sin = (f(angle).repeat(1, 2) for f in (torch.cos, torch.sin))

    def forward(self, tokens, targets):
        x = self.embedding(tokens)
        for layer in self.layers:
            x = layer(x, self.cos, self.sin)
        wanted = targets >= 0
        return F.cross_entropy(self.norm(x[wanted]) @ self.embedding.weight.T, targets[wanted])


def measure(name, f, work, unit):
    for _ in range(5):
        f()
    count, cpu, begin = 0, time.process_time(), time.perf_counter()
    while time.perf_counter() - begin < arguments.seconds:
        f()
        count += 1
    wall, cpu = time.perf_counter() - begin, time.process_time() - cpu
    print(f"{name}: {work * count / wall:.1f} {unit}, {1e3 * wall / count:.2f} ms, {1e3 * cpu / count:.2f} ms of CPU time")


def main():
    torch.manual_seed(0)
    torch.set_num_threads(arguments.threads)
    print(f"PyTorch {torch.__version__}, {arguments.threads} threads")
    model = Model()
    tokens = torch.randint(VOCAB, (DOCUMENTS, LENGTH))
    targets = torch.randint(VOCAB, (DOCUMENTS, LENGTH))
    targets[:, : LENGTH - 66] = -1
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, weight_decay=0, fused=True)

    def step():
        loss = model(tokens, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        loss.item()

    measure("step", step, DOCUMENTS * LENGTH, "tokens/s")
    with torch.inference_mode():
        model.eval()
        measure("evaluate", lambda: model(tokens, targets).item(), DOCUMENTS * LENGTH, "tokens/s")
        for rows, outs, ins in ((800, 128, 128), (800, 384, 128), (800, 128, 384), (64, 384, 128), (1, 384, 128), (512, 2048, 2048)):
            x, w = torch.rand(rows, ins), torch.rand(outs, ins)
            measure(f"product {rows}x{outs}x{ins}", lambda: F.linear(x, w), 2e-9 * rows * outs * ins, "GFLOP/s")


if __name__ == "__main__":
    main()
