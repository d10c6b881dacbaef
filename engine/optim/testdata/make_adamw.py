# /// script
# requires-python = ">=3.11"
# dependencies = ["torch==2.15.0", "bitsandbytes==0.50.2", "transformers==5.23.0", "safetensors==0.8.0", "numpy"]
# ///
"""Makes the fixtures that engine/optim is checked against.

    pip install torch==2.15.0 bitsandbytes==0.50.2 transformers==5.23.0 safetensors==0.8.0 numpy
    python make_adamw.py adamw.safetensors

and on a machine with an NVIDIA GPU, for bitsandbytes' kernels themselves,

    pip install torch==2.11.0 bitsandbytes==0.50.2 transformers==5.23.0 safetensors==0.8.0 numpy
    python make_adamw.py --device cuda adamw_cuda.safetensors

adamw.safetensors holds

    full.PART.N            two tensors, a (300) and b (100), under torch.optim.AdamW with decay
                           0.1, betas .9 and .99, eps 1e-6 and clip_grad_norm_(1.0), steps 1..4:
                           full.start.a, full.grad.a.1, full.value.a.1, full.m.a.1, full.v.a.1, ...
                           and float64 full.norm (4), full.lr (4)
    eight.PART.N           one tensor (4196) under bitsandbytes' AdamW8bit, betas .9 and .999, eps
                           1e-8, no decay, lr 1e-3, steps 1..3: eight.start, and after each step
                           eight.value.1, eight.m.1, eight.v.1 (codes), eight.m_absmax.1, eight.v_absmax.1
    decay.value.1          the same with decay 0.1, after the first step
    eight.steps.N, eight.factor.N   int16 (4196) and float32 (17), the gradients:
                           g[i] = steps[i] * factor[i/256], exact in float32
    lr.NAME.WARMUP.TOTAL   float64 (TOTAL), from get_scheduler with base rate 2e-4

adamw_cuda.safetensors holds eight.* and decay.value.1 from the CUDA kernels. It was made with
torch 2.11.0 on an H100. Of torch it has the random numbers alone, and start, steps and factors are those of adamw.safetensors
bit for bit, which TestFixturesShareTheirInputs holds. The script refuses any other torch than the one for its device.

On the CPU, bitsandbytes' step is PyTorch code around its 8-bit quantizer, and
since 0.50 the compiled quantizer looks codes up in a table of 65,536 cells,
coarser than the map near zero. The step is therefore run with the
device-independent quantizer of the same package, which rounds to the nearest
code as the CUDA kernels do. What only the CUDA kernels do, keeping the sign of
a small m, and decaying after the update rather than before, is not in
adamw.safetensors.
"""
import argparse
import sys

import torch

TORCH = {"cpu": "2.15.0", "cuda": "2.11.0"}

torch.set_num_threads(1)
implementations = {}
register = torch.library.register_kernel


def recording(name, device, func=None, **kw):
    """Remembers every implementation that bitsandbytes registers."""
    if func is not None:
        implementations[name, device] = func
        return register(name, device, func, **kw)

    def decorate(f):
        implementations[name, device] = f
        return register(name, device, **kw)(f)

    return decorate


torch.library.register_kernel = recording
import bitsandbytes as bnb  # noqa: E402
import bitsandbytes.backends.cpu.ops as cpu_ops  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from transformers import get_scheduler  # noqa: E402

nearest = implementations["bitsandbytes::quantize_blockwise", "default"]


def quantize_nearest(x, code, absmax_out, codes_out, blocksize):
    codes, absmax = nearest(x, code, blocksize)
    codes_out.copy_(codes)
    absmax_out.copy_(absmax)


def full():
    g = torch.Generator().manual_seed(21)
    out = {}
    params = {k: torch.nn.Parameter(torch.randn(n, generator=g)) for k, n in (("a", 300), ("b", 100))}
    rates, norms = [1e-2, 2e-3, 1e-2, 5e-4], []
    o = torch.optim.AdamW(params.values(), lr=0.0, betas=(0.9, 0.99), eps=1e-6, weight_decay=0.1, foreach=False)
    for k, p in params.items():
        out[f"full.start.{k}"] = p.detach().clone()
    for t, lr in enumerate(rates, 1):
        for k, p in params.items():
            # The first two are clipped, the others not.
            p.grad = torch.randn(p.shape, generator=g) * (0.5 if t <= 2 else 0.01)
            p.grad[:3] = 0
            out[f"full.grad.{k}.{t}"] = p.grad.clone()
        norms.append(torch.nn.utils.clip_grad_norm_(params.values(), 1.0).item())
        o.param_groups[0]["lr"] = lr
        o.step()
        for k, p in params.items():
            out[f"full.value.{k}.{t}"] = p.detach().clone()
            out[f"full.m.{k}.{t}"] = o.state[p]["exp_avg"].clone()
            out[f"full.v.{k}.{t}"] = o.state[p]["exp_avg_sq"].clone()
    out["full.norm"] = torch.tensor(norms, dtype=torch.float64)
    out["full.lr"] = torch.tensor(rates, dtype=torch.float64)
    return out


def gradients(g, n):
    """Blocks of very different size, one of zeros, and outliers beside tiny values."""
    blocks = (n + 255) // 256
    steps = (torch.randn(n, generator=g) * 300).round()
    steps[torch.randint(0, n, (40,), generator=g)] *= 90
    steps[512:768] = 0
    steps[1024:1100] = torch.randint(-2, 3, (76,), generator=g).float()
    factor = 2.0 ** torch.randint(-26, -8, (blocks,), generator=g).float()
    return steps.clamp(-32768, 32767).to(torch.int16), factor


def eight(device):
    out = eight_bit(0.0, device)
    decayed = eight_bit(0.1, device)
    return {f"eight.{k}": v for k, v in out.items()} | {"decay.value.1": decayed["value.1"]}


def eight_bit(decay, device):
    g = torch.Generator().manual_seed(22)
    n = 4196
    p = torch.nn.Parameter((torch.randn(n, generator=g) * 0.1).to(device))
    out = {"start": p.detach().cpu().clone()}
    o = bnb.optim.AdamW8bit([p], lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=decay)
    for t in range(1, 4):
        steps, factor = gradients(g, n)
        p.grad = (steps.float() * factor.repeat_interleave(256)[:n]).to(device)
        o.step()
        s = o.state[p]
        out[f"value.{t}"] = p.detach().cpu().clone()
        for k, v in (("m", "state1"), ("v", "state2"), ("m_absmax", "absmax1"), ("v_absmax", "absmax2")):
            out[f"{k}.{t}"] = s[v].cpu().clone()
        out[f"steps.{t}"], out[f"factor.{t}"] = steps, factor
    return out


def schedules():
    out = {}
    for name, ours in (("linear", "linear"), ("cosine", "cosine"), ("constant_with_warmup", "constant")):
        for warmup, total in ((0, 1), (0, 7), (1, 7), (3, 100), (100, 100), (12, 10)):
            o = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2e-4)
            s = get_scheduler(name, o, num_warmup_steps=warmup, num_training_steps=total)
            rates = []
            for _ in range(total):
                rates.append(s.get_last_lr()[0])
                o.step()
                s.step()
            out[f"lr.{ours}.{warmup}.{total}"] = torch.tensor(rates, dtype=torch.float64)
    return out


def main():
    a = argparse.ArgumentParser()
    a.add_argument("out")
    a.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    a = a.parse_args()
    if torch.__version__.split("+")[0] != TORCH[a.device]:
        sys.exit("torch is %s, but the %s fixture is made with %s" % (torch.__version__, a.device, TORCH[a.device]))
    tensors = {}
    if a.device == "cpu":
        cpu_ops._quant_blockwise_fp32_direct = quantize_nearest
        tensors |= full() | schedules()
    tensors |= eight(a.device)
    save_file({k: v.contiguous() for k, v in tensors.items()}, a.out)


main()
