#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["torch==2.11.0", "transformers==5.17.0", "peft==0.21.0"]
# ///
"""Measures Daybook and its peers on one GPU, one after the other, and prints one table.

    go build -tags cuda .
    pip install torch==2.11.0 transformers==5.17.0 peft==0.21.0
    python engine/bench/testdata/peers.py ./daybook

Ours is `daybook bench`: 20 steps of warm-up and at least 30 seconds of training a
line, so that all takes ten minutes; the table gives the seconds measured. Peers are
transformers with PEFT, a bfloat16 base with LoRA of rank 16 on all projections,
adapters in bfloat16, SDPA, full checkpointing and fused AdamW on random weights
of the same shapes, and PyTorch's flash and cuDNN attention. --scale 0.1 measures
everything for a tenth of the time, --only TEXT (repeatable) the lines that have it in
their name.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
import traceback

EIGHT = "--shape llama3-8b --quantization nf4".split()
ONE = "--shape llama3-1b --quantization nf4".split()
OFFLOAD = "--offload inputs,embedding,optimizer".split()

# Name, arguments of bench, repetitions to warm up, seconds to measure at least. What
# is compared comes one after the other.
LINES = [
    ("8B 4x2048, full", ["train", *EIGHT, "--rows", "4", "--length", "2048", "--checkpointing", "full"], 20, 30),
    ("8B 4x2048, full, bfloat16 base", ["train", *EIGHT[:-1], "none", "--rows", "4", "--length", "2048", "--checkpointing", "full"], 20, 30),
    ("8B 4x2048, full, 8 documents a row", ["train", *EIGHT, "--rows", "4", "--length", "2048", "--documents", "8", "--checkpointing", "full"], 20, 30),
    ("8B 4x2048, full, no dropout", ["train", *EIGHT, "--rows", "4", "--length", "2048", "--checkpointing", "full", "--dropout", "0"], 20, 30),
    ("8B 2x4096, auto", ["train", *EIGHT, "--rows", "2", "--length", "4096", "--checkpointing", "auto"], 20, 30),
    ("8B 1x2048, full", ["train", *EIGHT, "--rows", "1", "--length", "2048", "--checkpointing", "full"], 20, 30),
    ("8B 1x2048, full, most on the host", ["train", *EIGHT, "--rows", "1", "--length", "2048", "--checkpointing", "full", *OFFLOAD], 20, 30),
    ("1B 4x2048, full", ["train", *ONE, "--rows", "4", "--length", "2048", "--checkpointing", "full"], 20, 30),
    ("1B 4x2048, auto", ["train", *ONE, "--rows", "4", "--length", "2048", "--checkpointing", "auto"], 20, 30),
    ("8B decoding, 32 answers of 512", ["decode", *EIGHT, "--sequences", "32"], 1, 10),
    ("8B decoding, 1 answer of 512", ["decode", *EIGHT, "--sequences", "1"], 1, 10),
    ("attention 2x8192", ["attention", "--shape", "llama3-8b", "--rows", "2", "--length", "8192"], 5, 2),
]

LLAMA3 = dict(vocab_size=128256, rope_theta=500000.0, rms_norm_eps=1e-5, attention_bias=False, mlp_bias=False)
LLAMA3_8B = LLAMA3 | dict(hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8, head_dim=128,
                          intermediate_size=14336, max_position_embeddings=8192, tie_word_embeddings=False)
LLAMA32_1B = LLAMA3 | dict(hidden_size=2048, num_hidden_layers=16, num_attention_heads=32, num_key_value_heads=8, head_dim=64,
                           intermediate_size=8192, max_position_embeddings=131072, tie_word_embeddings=True,
                           rope_scaling={"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                         "original_max_position_embeddings": 8192})
# Name, shape, rows, tokens of a row, steps to warm up, seconds to measure at least.
PEERS = [
    ("8B 4x2048, full", LLAMA3_8B, 4, 2048, 5, 15),
    ("8B 1x2048, full", LLAMA3_8B, 1, 2048, 10, 15),
    ("1B 4x2048, full", LLAMA32_1B, 4, 2048, 10, 15),
]

HEADER = ["line", "who", "tokens/s", "utilisation", "ms", "of", "s", "plan GiB", "engine GiB", "process GiB", "MHz", "held back by"]
rows, failures = [], 0


def row(name, who, seconds, repeats, total, tokens=0, **more):
    rows.append({"line": name, "who": who, "tokens/s": f"{tokens / seconds:,.0f}" if tokens else "", "ms": f"{1e3 * seconds:.2f}",
                 "of": str(repeats), "s": f"{total:.1f}", **more})
    print(" | ".join(f"{h} {v}" for h, v in rows[-1].items() if v), flush=True)


def gib(n):
    return f"{n / 2**30:.2f}" if n else ""


def ours(daybook, name, arguments, warm, seconds, scale):
    command = [daybook, "bench", *arguments, "--alone", "--warm-up", str(max(1, round(warm * scale))), "--seconds", str(seconds * scale), "--json"]
    print("$", *command, flush=True)
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    results = json.loads(done.stdout)
    for r in results:
        clocks = r.get("clocks") or {}
        what = name if len(results) == 1 else name + ", " + r["case"].split(",")[0]
        row(what, "daybook", r["seconds"], r["repeats"], r["total_seconds"], r["tokens"] if r["name"] != "attention" else 0, **{
            "utilisation": f"{r['model_flop_utilisation']:.0%}" if "model_flop_utilisation" in r else "",
            "plan GiB": gib(r.get("planned_bytes")), "engine GiB": gib(r.get("engine_bytes")), "process GiB": gib(r.get("process_bytes")),
            "MHz": "{sm_first}-{sm_last}, >={sm_lowest}".format(**clocks) if clocks else "", "held back by": ", ".join(clocks.get("held", []))})
        if r.get("operations"):
            print("  " + ", ".join(f"{o['name']} {o['share']:.1%}" for o in r["operations"]))
    print(f"  the command took {time.monotonic() - began:.1f} s", flush=True)


def attempt(f, *arguments):
    """Calls f. What fails leaves a traceback and the lines after it."""
    try:
        f(*arguments)
    except Exception:
        traceback.print_exc(file=sys.stdout)
        global failures
        failures += 1


def state():
    """The GPU's clocks now, and what its user sees in use."""
    import torch

    free, total = torch.cuda.mem_get_info()
    more = {"process GiB": gib(total - free)}
    if shutil.which("nvidia-smi"):
        said = subprocess.run(["nvidia-smi", "--query-gpu=clocks.sm", "--format=csv,noheader,nounits"], capture_output=True, text=True)
        more["MHz"] = said.stdout.strip()
    return more


def measured(step, warm, seconds):
    """Times of step after warming up, for so many seconds."""
    import torch

    times = []
    while len(times) < warm + 3 or sum(times[warm:]) < seconds:
        torch.cuda.synchronize()
        began = time.perf_counter()
        step()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    times = sorted(times[warm:])
    return times[len(times) // 2], len(times), sum(times)


def train(name, config, batch, length, warm, seconds):
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda"):
        model = LlamaForCausalLM(LlamaConfig(**config, attn_implementation="sdpa", use_cache=False))
    torch.set_default_dtype(torch.float32)
    model = get_peft_model(model, LoraConfig(
        r=16, lora_alpha=32, lora_dropout=0.05, task_type="CAUSAL_LM",
        target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]), autocast_adapter_dtype=False)
    model.enable_input_require_grads()
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    model.train()
    adapters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(adapters, lr=1e-5, weight_decay=0.0, fused=True)
    tokens = torch.randint(config["vocab_size"], (batch, length), device="cuda")

    def step():
        model(input_ids=tokens, labels=tokens).loss.backward()
        torch.nn.utils.clip_grad_norm_(adapters, 1.0)
        optimizer.step()
        optimizer.zero_grad()

    row(name, "transformers + PEFT, bfloat16 base", *measured(step, warm, seconds), tokens=batch * length, **state())


def attention(batch, length, heads, kv, dim):
    import torch
    import torch.nn.functional as F
    from torch.nn.attention import SDPBackend, sdpa_kernel

    q, k, v = [torch.randn(batch, h, length, dim, device="cuda", dtype=torch.bfloat16, requires_grad=True) for h in (heads, kv, kv)]
    do = torch.randn_like(q)
    queued = 8  # as often as bench queues an operation before it waits
    for who, backend in (("flash", SDPBackend.FLASH_ATTENTION), ("cuDNN", SDPBackend.CUDNN_ATTENTION)):
        with sdpa_kernel(backend):
            def forward():
                for _ in range(queued):
                    F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=heads != kv)

            o = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=heads != kv)

            def backward():
                for _ in range(queued):
                    torch.autograd.grad(o, (q, k, v), do, retain_graph=True)

            for what, f in (("forward", forward), ("backward", backward)):
                seconds, repeats, total = measured(f, 5, 1)
                row(f"attention {batch}x{length}, {what}", f"PyTorch SDPA, {who}", seconds / queued, repeats, total, **state())


def versions():
    import peft
    import torch
    import transformers

    print(f"{torch.cuda.get_device_name()}; PyTorch {torch.__version__}, CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}, "
          f"transformers {transformers.__version__}, PEFT {peft.__version__}", flush=True)


def table():
    names = {r["line"]: None for r in rows}
    ordered = [r for name in names for r in rows if r["line"] == name]
    cells = [HEADER] + [[r.get(h, "") for h in HEADER] for r in ordered]
    widths = [max(len(c[i]) for c in cells) for i in range(len(HEADER))]
    for c in cells:
        print("  ".join(text.ljust(w) if i < 2 or i > 9 else text.rjust(w) for i, (text, w) in enumerate(zip(c, widths))).rstrip())


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("daybook", help="the binary, built with -tags cuda")
    p.add_argument("--scale", type=float, default=1, help="factor of all times")
    p.add_argument("--only", action="append", default=[], help="only lines with this in their name (repeatable)")
    p.add_argument("--json", help="file for the table's rows")
    o = p.parse_args()

    def wanted(name):
        return not o.only or any(text in name for text in o.only)

    for name, arguments, warm, seconds in LINES:
        if wanted(name):
            attempt(ours, o.daybook, name, arguments, warm, seconds, o.scale)
    began = time.monotonic()
    attempt(versions)
    import gc

    import torch

    for name, config, batch, length, warm, seconds in PEERS:
        if wanted(name):
            attempt(train, name, config, batch, length, max(1, round(warm * o.scale)), seconds * o.scale)
            gc.collect()
            torch.cuda.empty_cache()
            print(f"  peers so far: {time.monotonic() - began:.1f} s", flush=True)
    if wanted("attention 2x8192"):
        attempt(attention, 2, 8192, 32, 8, 128)
    print()
    table()
    if o.json:
        with open(o.json, "w") as f:
            json.dump(rows, f, indent=2)
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
