#!/usr/bin/env python3
"""Checks the attention kernels against float64 and times them beside PyTorch's.

    attention.py ARCH check         every kernel; prints relative Frobenius errors
    attention.py ARCH race          a few small cases, for compute-sanitizer
    attention.py ARCH time          beside PyTorch's flash and cuDNN backends

ARCH names a folder of ../kernels/images, such as sm_90a. Needs a GPU, cupy and
torch. The conformance suite is the contract; this script reaches the lengths,
head sizes and timings that it leaves out.
"""

import gzip
import math
import os
import sys
import tempfile

import cupy
import numpy as np
import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

LOG2E = 1.4426950408889634
NAN = float("nan")
HEADS_AT_ONCE = 4  # attentionHeads in attention.go
IMAGES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "kernels", "images")

arch = sys.argv[1]
stream = cupy.cuda.ExternalStream(torch.cuda.current_stream().cuda_stream)
modules, failures = {}, 0


def kernel(op, name, shared=0):
    if op not in modules:
        with gzip.open(os.path.join(IMAGES, arch, op + ".cubin.gz")) as image, \
                tempfile.NamedTemporaryFile(suffix=".cubin") as f:
            f.write(image.read())
            f.flush()
            modules[op] = cupy.RawModule(path=f.name)
            modules[op].compile()
    f = modules[op].get_function(name)
    if shared > 48 << 10:
        f.max_dynamic_shared_size_bytes = shared
    return f


def launch(f, grid, threads, shared, *args):
    """A tuple (tensor, column) is a matrix: an address and a row stride."""
    out = []
    for a in args:
        if isinstance(a, tuple):
            out += [np.uint64(a[0].data_ptr() + a[1] * a[0].element_size()), np.int64(a[0].stride(0))]
        elif isinstance(a, torch.Tensor):
            out.append(np.uint64(a.data_ptr()))
        else:
            out.append(np.int64(a) if isinstance(a, int) else np.float32(a))
    with stream:
        f(grid, (threads,), tuple(out), shared_mem=shared)


def suffix(dtype):
    return "bf16" if dtype == torch.bfloat16 else "f32"


def rounded(n):
    return (n + 63) // 64 * 64


def int32(values):
    return torch.tensor(values, dtype=torch.int32, device="cuda")


def cut(starts, rows):
    """The tiles of cut in tiles.go: by keys, then by queries."""
    t = [(f, s, e, 0) for s, e in zip(starts, starts[1:]) for f in range(s, e, rows)]
    by_keys = sorted(t, key=lambda x: x[0] - x[1], reverse=True)
    by_queries = sorted(t, key=lambda x: x[2] - x[0], reverse=True)
    return int32(by_keys + by_queries), len(t)


class Case:
    """Documents of the lengths given, inputs random, all else NaN."""

    def __init__(self, lengths, heads, kv, dim, dtype, engine, spare=5):
        self.heads, self.kv, self.dim, self.engine, self.dtype = heads, kv, dim, engine, dtype
        self.starts = [0] + [int(x) for x in np.cumsum(lengths)]
        self.T = T = self.starts[-1]
        self.qd, self.kd = qd, kd = heads * dim, kv * dim

        def rows(width, random):
            x = torch.full((T + spare, rounded(width)), NAN, dtype=dtype, device="cuda")
            if random:
                x[:T, :width] = torch.randn(T, width, device="cuda").to(dtype)
            return x

        self.qkv, self.do = rows(qd + 2 * kd, True), rows(qd, True)
        self.qkv[:T, :qd + kd] *= 1.5
        self.o, self.dqkv = rows(qd, False), rows(qd + 2 * kd, False)
        self.lse = torch.full((heads * T + 8,), NAN, device="cuda")
        self.stats = torch.full((heads * T * 2,), NAN, device="cuda")
        self.owner = int32(np.repeat(np.arange(len(lengths)), lengths))
        self.starts_on = int32(self.starts)
        self.tiles, self.n = cut(self.starts, {"wgmma": 128, "mma": 64, "simple": 1}[engine])
        self.compiled = dim if engine != "mma" else min(d for d in (16, 32, 64, 96, 128) if d >= dim)

    def run(self, what, shared, outputs, tail, heads, tiles):
        sizes = [self.heads, self.kv, self.dim, self.T, 1 / math.sqrt(self.dim)]
        inputs = [(self.qkv, 0), (self.qkv, self.qd), (self.qkv, self.qd + self.kd), *tail]
        if self.engine == "simple":
            f = kernel("attention", f"attention_{what}_{suffix(self.dtype)}")
            launch(f, ((self.T + 3) // 4, heads), 128, 0, *outputs, *inputs, self.owner, self.starts_on, *sizes)
            return
        op = "attention_" + self.engine
        f = kernel(op, f"{op}_{what}_{self.compiled}_bf16", shared)
        if self.engine == "mma":
            launch(f, (self.n, heads), 128, shared, *outputs, *inputs, tiles, *sizes)
        else:
            launch(f, (self.n * heads,), 384, shared, *outputs, *inputs, tiles, self.n, min(heads, HEADS_AT_ONCE), *sizes)

    def shared(self, mma_rows, wgmma_tiles):
        row = (self.compiled + 8) * 2
        return mma_rows * row if self.engine == "mma" else wgmma_tiles * 256 * self.compiled + 72

    def forward(self):
        self.run("forward", self.shared(128, 5), [(self.o, 0), self.lse], [], self.heads, self.tiles)

    def backward(self):
        unit = 1.0 if self.engine == "simple" else LOG2E
        f = kernel("attention", "attention_stats_" + suffix(self.dtype))
        launch(f, ((self.T * self.heads + 7) // 8,), 128, 0, self.stats, (self.o, 0), (self.do, 0), self.lse,
               self.heads, self.dim, self.T, unit)
        self.backward_q()
        self.backward_kv()

    def backward_q(self):
        self.run("backward_q", self.shared(256, 6), [(self.dqkv, 0)], [(self.do, 0), self.stats], self.heads, self.tiles)

    def backward_kv(self):
        outputs = [(self.dqkv, self.qd), (self.dqkv, self.qd + self.kd)]
        self.run("backward_kv", self.shared(256, 4), outputs, [(self.do, 0), self.stats], self.kv, self.tiles[self.n:])

    def split(self, x):
        q, k, v, _ = x[:self.T].split([self.qd, self.kd, self.kd, x.shape[1] - self.qd - 2 * self.kd], 1)
        return q.reshape(self.T, self.heads, self.dim), k.reshape(self.T, self.kv, self.dim), v.reshape(self.T, self.kv, self.dim)

    def results(self):
        """What the kernels wrote where they should."""
        return self.o[:self.T, :self.qd], self.dqkv[:self.T, :self.qd + 2 * self.kd]

    def reference(self):
        q, k, v = [x.double() for x in self.split(self.qkv)]
        do = self.do[:self.T, :self.qd].double().view(self.T, self.heads, self.dim)
        o, dq, dk, dv = [torch.zeros_like(x) for x in (q, q, k, v)]
        lse = torch.zeros(self.heads, self.T, dtype=torch.float64, device="cuda")
        scale = 1 / math.sqrt(self.dim)
        for s, e in zip(self.starts, self.starts[1:]):
            seen = torch.ones(e - s, e - s, device="cuda", dtype=torch.bool).tril()
            for h in range(self.heads):
                g = h // (self.heads // self.kv)
                S = (q[s:e, h] @ k[s:e, g].T * scale).masked_fill(~seen, -math.inf)
                L = S.logsumexp(1, keepdim=True)
                P, d = (S - L).exp(), do[s:e, h]
                o[s:e, h], lse[h, s:e] = P @ v[s:e, g], L[:, 0]
                dv[s:e, g] += P.T @ d
                dS = P * (d @ v[s:e, g].T - (o[s:e, h] * d).sum(1, keepdim=True)) * scale
                dq[s:e, h] = dS @ k[s:e, g]
                dk[s:e, g] += dS.T @ q[s:e, h]
        return o, lse, dq, dk, dv


def rel(a, b):
    return ((a.double() - b).norm() / b.norm().clamp_min(1e-30)).item()


def verdict(name, value, limit):
    global failures
    ok = value <= limit  # false for NaN
    failures += not ok
    return f"{name} {value:.2e}" + ("" if ok else " FAIL")


def check(lengths, heads, kv, dim, dtype, engine):
    c = Case(lengths, heads, kv, dim, dtype, engine)
    T, qd, kd = c.T, c.qd, c.kd
    c.forward()
    c.backward()
    torch.cuda.synchronize()
    o, lse, dq, dk, dv = c.reference()
    gq, gk, gv = c.split(c.dqkv)
    limit = 4e-3 if dtype == torch.bfloat16 else 3e-6
    line = [verdict("o", rel(c.o[:T, :qd].view(T, heads, dim), o), limit),
            verdict("lse", rel(c.lse[:heads * T].view(heads, T), lse), 1e-5)]
    if all(n == 1 for n in lengths):  # a softmax of one score has no gradient
        line += [verdict("dq", gq.abs().max().item(), 0.05), verdict("dk", gk.abs().max().item(), 0.05)]
    else:
        line += [verdict("dq", rel(gq, dq), limit), verdict("dk", rel(gk, dk), limit)]
    line.append(verdict("dv", rel(gv, dv), limit))

    def expect(name, ok):
        if not ok:
            line.append(verdict(name, 1, 0))

    expect("written outside", all(x.isnan().all() for x in (
        c.o[T:], c.o[:, qd:], c.dqkv[T:], c.dqkv[:, qd + 2 * kd:], c.lse[heads * T:])))
    first = [x.clone() for x in c.results()]
    c.o.fill_(NAN)
    c.dqkv.fill_(NAN)
    c.forward()
    c.backward()
    expect("repeated", all(torch.equal(a, b) for a, b in zip(c.results(), first)))
    if len(lengths) > 1:
        for d, (s, e) in enumerate(zip(c.starts, c.starts[1:])):
            a = Case([e - s], heads, kv, dim, dtype, engine, spare=1)
            a.qkv[:e - s], a.do[:e - s] = c.qkv[s:e], c.do[s:e]
            a.forward()
            a.backward()
            expect(f"document {d} alone", all(torch.equal(x, y[s:e]) for x, y in zip(a.results(), first)))
        s = c.starts[1]  # a NaN in document 0 spoils it and nothing else
        c.qkv[s - 1, qd + kd] = NAN
        c.o.fill_(7)
        c.dqkv.fill_(7)
        c.forward()
        c.backward()
        expect("others of a NaN", all(torch.equal(x[s:], y[s:]) for x, y in zip(c.results(), first)))
        expect("a NaN's own", all(x[s - 1, 0].isnan() for x in c.results()))
    print(f"{engine:6s} {suffix(dtype):4s} {heads}/{kv} d{dim} {lengths}: " + "  ".join(line), flush=True)


class Cached:
    """Documents of so many positions in a cache, the last `new` of each to be attended."""

    CHUNK, HEADS, SHARES, STAGE = 64, 4, 8, 80 << 10  # as in cached_attention.go

    def __init__(self, lengths, new, heads, kv, dim, dtype):
        self.heads, self.kv, self.dim, self.dtype, self.T = heads, kv, dim, dtype, sum(new)
        self.qd, self.kd, self.capacity = heads * dim, kv * dim, max(lengths) + 3
        slots = len(lengths) + 2
        self.keys, self.values = [torch.full((slots, kv, self.capacity, dim), NAN, dtype=dtype, device="cuda") for _ in range(2)]
        self.qkv = torch.randn(self.T, rounded(self.qd + 2 * self.kd), device="cuda").to(dtype)
        self.qkv[:, :self.qd + self.kd] *= 1.5
        self.o = torch.full((self.T + 2, rounded(self.qd)), NAN, dtype=dtype, device="cuda")
        self.lse = torch.full((heads, self.T), NAN, device="cuda")
        self.slot = torch.randperm(slots)[:len(lengths)].int().cuda()
        self.owner = int32(np.repeat(np.arange(len(new)), new))
        self.position = int32([p for n, m in zip(lengths, new) for p in range(n - m, n)])
        for i, n in enumerate(lengths):
            for to, deviation in ((self.keys, 1.5), (self.values, 1.0)):
                to[self.slot[i], :, :n] = (torch.randn(kv, n, dim, device="cuda") * deviation).to(dtype)
        row, rest = dim * self.keys.element_size(), self.CHUNK * 16 + 16 * dim
        self.staged = row % 16 == 0 and 2 * self.CHUNK * row <= self.STAGE
        self.shared = rest + (2 * self.CHUNK * row if self.staged else 16 * self.SHARES * dim)
        self.most = (max(lengths) - 1) // self.CHUNK + 1
        self.parts = torch.full((self.T * heads * self.most * 2,), NAN, device="cuda")
        self.weighted = torch.full((self.T * heads * self.most * dim,), NAN, device="cuda")

    def store(self):
        f = kernel("cached_attention", "cached_attention_store_" + suffix(self.dtype))
        launch(f, (self.T, (self.kd + 255) // 256), 256, 0, self.keys, self.values, (self.qkv, self.qd), (self.qkv, self.qd + self.kd),
               self.owner, self.position, self.slot, self.kv, self.dim, self.capacity)

    def attend(self, first, n, most, keys=None, values=None):
        heads, dim, T = self.heads, self.dim, self.T
        shares = (heads // self.kv + self.HEADS - 1) // self.HEADS
        f = kernel("cached_attention", "cached_attention_chunks_" + suffix(self.dtype), self.shared)
        launch(f, (n, self.kv * shares, most), 128, self.shared, (self.o, 0), self.lse, self.parts, self.weighted, (self.qkv, 0),
               self.keys if keys is None else keys, self.values if values is None else values,
               self.owner, self.position, self.slot, heads, self.kv, dim, self.capacity, int(self.staged), first, T, 1 / math.sqrt(dim))
        if most > 1:
            f = kernel("cached_attention", "cached_attention_combine_" + suffix(self.dtype))
            launch(f, (n, heads), 256, 4 * most, (self.o, 0), self.lse, self.parts, self.weighted, self.position, heads, dim, most, first, T)


def check_cached(lengths, new, heads, kv, dim, dtype):
    c = Cached(lengths, new, heads, kv, dim, dtype)
    T, qd, kd = c.T, c.qd, c.kd
    c.store()
    c.attend(0, T, c.most)
    torch.cuda.synchronize()
    o, lse = torch.zeros(T, heads, dim, dtype=torch.float64, device="cuda"), torch.zeros(heads, T, dtype=torch.float64, device="cuda")
    line = []
    for t in range(T):
        s, n = c.slot[c.owner[t]].item(), c.position[t].item() + 1
        for cache, at in ((c.keys, qd), (c.values, qd + kd)):
            if not torch.equal(cache[s, :, n - 1], c.qkv[t, at:at + kd].view(kv, dim)):
                line.append(verdict("store", 1, 0))
        k, v = [x[s, :, :n].double().repeat_interleave(heads // kv, 0) for x in (c.keys, c.values)]
        S = (k @ c.qkv[t, :qd].double().view(heads, dim, 1))[:, :, 0] / math.sqrt(dim)
        lse[:, t], o[t] = S.logsumexp(1), (S.softmax(1)[:, None] @ v)[:, 0]
    limit = 4e-3 if dtype == torch.bfloat16 else 3e-6
    line += [verdict("o", rel(c.o[:T, :qd].view(T, heads, dim), o), limit), verdict("lse", rel(c.lse, lse), 1e-5)]
    whole = c.o.clone()
    for t in range(T):
        c.o[t] = NAN
        c.attend(t, 1, c.position[t].item() // c.CHUNK + 1)
        if not torch.equal(c.o[t, :qd], whole[t, :qd]):
            line.append(verdict(f"token {t} alone", 1, 0))
    if not c.o[T:].isnan().all():
        line.append(verdict("written outside", 1, 0))
    print(f"cached {suffix(dtype):4s} {heads}/{kv} d{dim} {lengths} {new}: " + "  ".join(line), flush=True)


def timed(f, n=10, rounds=5):
    """Median over rounds of the mean of n calls queued behind a pause, so that launching takes no part; ms."""
    for _ in range(3):
        f()
    times = []
    for _ in range(rounds):
        a, b = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        torch.cuda._sleep(4_000_000)
        a.record()
        for _ in range(n):
            f()
        b.record()
        b.synchronize()
        times.append(a.elapsed_time(b) / n)
    return sorted(times)[rounds // 2]


def time(batch, length, heads, kv, dim):
    work = 4 * batch * heads * length * length * dim / 2 / 1e9  # GFLOP forward
    print(f"--- {batch} x {length}, {heads}/{kv} heads of {dim}")
    for engine in ("wgmma", "mma"):
        c = Case([length] * batch, heads, kv, dim, torch.bfloat16, engine, spare=0)
        f, b, q, k = timed(c.forward), timed(c.backward), timed(c.backward_q), timed(c.backward_kv)
        print(f"{engine:6s} forward {f:.3f} ms ({work / f:.0f} TFLOP/s)  backward {b:.3f} ({2.5 * work / b:.0f})  "
              f"[q {q:.3f}, kv {k:.3f}]  both {f + b:.3f}", flush=True)
    q, k, v = [torch.randn(batch, h, length, dim, device="cuda", dtype=torch.bfloat16, requires_grad=True) for h in (heads, kv, kv)]
    do = torch.randn_like(q)
    for name, peer in (("flash", SDPBackend.FLASH_ATTENTION), ("cudnn", SDPBackend.CUDNN_ATTENTION)):
        with sdpa_kernel(peer):
            def run():
                return F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=heads != kv)
            f, o = timed(run), run()
            b = timed(lambda: torch.autograd.grad(o, (q, k, v), do, retain_graph=True))
        print(f"{name:6s} forward {f:.3f} ms ({work / f:.0f} TFLOP/s)  backward {b:.3f} ({2.5 * work / b:.0f})  both {f + b:.3f}", flush=True)


def time_cached(documents, length, heads, kv, dim):
    """In a graph over several caches, so that none is in the L2 cache, as between layers."""
    global stream
    c = Cached([length] * documents, [1] * documents, heads, kv, dim, torch.bfloat16)
    size = documents * length * c.kd * 4  # bytes
    caches = [(torch.randn_like(c.keys), torch.randn_like(c.values)) for _ in range(min(64, (200 << 20) // size + 1))]
    c.attend(0, c.T, c.most)
    torch.cuda.synchronize()
    graph, before = torch.cuda.CUDAGraph(), stream
    with torch.cuda.graph(graph):
        stream = cupy.cuda.ExternalStream(torch.cuda.current_stream().cuda_stream)
        for keys, values in caches:
            c.attend(0, c.T, c.most, keys, values)
    stream = before
    t = timed(graph.replay) / len(caches)
    print(f"cached {documents} x {length}, {heads}/{kv} d{dim}: {t * 1e3:.1f} us, {size / t / 1e9:.2f} TB/s", flush=True)


HEADS = ((4, 2, 16), (3, 1, 64), (4, 2, 80), (2, 1, 6), (2, 2, 250), (32, 8, 128), (14, 2, 64), (4, 4, 256), (2, 2, 20))

if "check" in sys.argv:
    for dtype in (torch.float32, torch.bfloat16):
        for heads, kv, dim in HEADS:
            check([5, 1, 9, 70], heads, kv, dim, dtype, "simple")
            check_cached([1, 128, 129, 700], [1, 1, 2, 3], heads, kv, dim, dtype)
    for engine, dims in (("mma", (16, 48, 64, 80, 96, 128)), ("wgmma", (64, 128))):
        for dim in dims:
            for lengths in ([1], [63], [65, 1, 127, 33], [128, 256], [1000], [129, 2000]):
                check(lengths, 4, 2, dim, torch.bfloat16, engine)
            check([300, 200], 3, 1, dim, torch.bfloat16, engine)
            check([130, 70, 64, 1], 32, 8, dim, torch.bfloat16, engine)
    print("failures:", failures)
if "race" in sys.argv:
    check([200, 70], 2, 1, 128, torch.bfloat16, "mma")
    check([300, 140], 2, 1, 64, torch.bfloat16, "wgmma")
    check_cached([1, 128, 300], [1, 1, 2], 4, 1, 128, torch.bfloat16)
    check_cached([1, 300], [1, 2], 3, 1, 20, torch.float32)
if "time" in sys.argv:
    for shape in ((2, 8192, 16, 16, 128), (4, 2048, 32, 8, 128), (1, 2048, 32, 8, 128), (2, 4096, 32, 8, 128), (4, 2048, 32, 8, 64)):
        time(*shape)
    for documents in (1, 32):
        for length in (256, 1024, 4096):
            time_cached(documents, length, 32, 8, 128)
sys.exit(failures > 0)
