# /// script
# requires-python = ">=3.11"
# dependencies = ["torch==2.15.0", "bitsandbytes==0.50.2", "safetensors==0.8.0", "numpy"]
# ///
"""Makes nf4.safetensors, the fixture that engine/nf4 is checked against.

    pip install torch==2.15.0 bitsandbytes==0.50.2 safetensors==0.8.0 numpy
    python make_nf4.py nf4.safetensors
    python make_nf4.py --tables tables.txt    # the Go literals of tables.go

For each case NAME the file holds

    NAME.input           float32 (n), the weight
    NAME.codes           uint8 (n/2), packed nibbles of bitsandbytes' quantize_4bit
    NAME.absmax          float32 (n/64), block scales before double quantization
    NAME.dequantized     float32 (n), from NAME.absmax
    NAME.scales          uint8 (n/64), NAME.absmax - NAME.offset in 8 bits, blocks of 256
    NAME.scales2         float32 (ceil(n/64/256))
    NAME.offset          float32 (1), mean of NAME.absmax
    NAME.double          float32 (n), dequantized from scales, scales2, offset
    NAME.native_scales   uint8 (n/64), what the compiled CPU library makes of the same

except that the case "nested" has, instead of the three float32 (n) tensors,
int8 steps (n) and float32 factor (n/64): input[i] = steps[i]/8 * factor[i/64];
and once quant_map (16), nested_quant_map (256, signed) and optimizer_map (256, unsigned).

Since 0.50 the compiled CPU library looks 8-bit codes up in a table of 65,536
cells, which is coarser than the map near zero. NAME.scales therefore comes from
the device-independent implementation in the same package, which rounds to the
nearest code as the CUDA kernels do, and NAME.native_scales is kept beside it.
"""
import argparse
import os

os.environ["CUDA_VISIBLE_DEVICES"] = ""
import numpy as np
import torch

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
import bitsandbytes.functional as F  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

signed, unsigned = F.create_dynamic_map(True), F.create_dynamic_map(False)
nearest = implementations["bitsandbytes::quantize_blockwise", "default"]


def case(x):
    x = x.float().contiguous()
    codes, s = F.quantize_4bit(x, blocksize=64, quant_type="nf4")
    out = {"input": x, "codes": codes.flatten(), "absmax": s.absmax.clone()}
    out["dequantized"] = F.dequantize_4bit(codes, s)
    d_codes, d = F.quantize_4bit(x, blocksize=64, quant_type="nf4", compress_statistics=True)
    assert torch.equal(d_codes, codes)
    scales, scales2 = nearest(s.absmax - d.offset, signed, 256)
    out |= {"native_scales": d.absmax.clone(), "scales": scales, "scales2": scales2, "offset": d.offset.reshape(1)}
    d.absmax, d.state2.absmax = scales, scales2
    out["double"] = F.dequantize_4bit(codes, d)
    return out


def cases():
    g = torch.Generator().manual_seed(20260728)
    normal = lambda n: torch.randn(n, generator=g)  # noqa: E731
    yield "normal", normal(64 * 40) * 0.02
    outliers = normal(64 * 12)
    outliers[torch.randint(0, outliers.numel(), (20,), generator=g)] *= 300
    yield "outliers", outliers
    zeros = normal(64 * 9)
    zeros.view(9, 64)[[0, 3, 8]] = 0
    zeros.view(9, 64)[5, 1:] = 0
    zeros.view(9, 64)[6] = -0.0
    yield "zeros", zeros
    # Every threshold and its neighbours one and two steps away, at three
    # scales that are powers of two, so that the product with 1/absmax is exact.
    code = F.get_4bit_type("nf4", device="cpu")
    mid = (code[:-1] + code[1:]) / 2
    around = [mid]
    for direction in (-4.0, 4.0):
        v = mid
        for _ in range(2):
            v = torch.nextafter(v, torch.tensor(direction))
            around.append(v)
    around = torch.cat(around)  # 75
    blocks = []
    for scale in (1.0, 2.0**-9, 2.0**20):
        for part in around.split(63):
            b = torch.zeros(64)
            b[0], b[1 : 1 + part.numel()] = scale, part * scale
            blocks.append(b)
    yield "ties", torch.cat(blocks)
    denormal = normal(64 * 6)
    denormal[:64] *= 1e-38
    denormal[64:128] *= 3e-39
    denormal[128:192] *= 1e-43
    denormal[192] = 1e-45
    denormal[256:320] *= 1e30
    yield "denormal", denormal
    yield "one_block", normal(64)


def nested():
    """More blocks than one 8-bit group of 256 holds; kept small by storing steps of an eighth."""
    g = torch.Generator().manual_seed(20260729)
    steps = torch.randint(-8, 9, (64 * 300,), generator=g)
    factor = torch.exp(torch.randn(300, generator=g))
    out = case(steps / 8.0 * factor.repeat_interleave(64))
    for k in ("input", "dequantized", "double"):
        del out[k]
    return {"steps": steps.to(torch.int8), "factor": factor} | out


def main():
    a = argparse.ArgumentParser()
    a.add_argument("out")
    a.add_argument("--tables", action="store_true")
    a = a.parse_args()
    _, state = F.quantize_4bit(torch.ones(64 * 256), blocksize=64, quant_type="nf4", compress_statistics=True)
    quant = state.as_dict(packed=True)
    tables = {"quant_map": quant["quant_map"], "nested_quant_map": quant["nested_quant_map"], "optimizer_map": unsigned}
    if a.tables:
        with open(a.out, "w") as f:
            for name, t in tables.items():
                rows = [np.format_float_positional(v, unique=True, trim="-") if abs(v) >= 1e-4 or v == 0 else repr(float(str(v)))
                        for v in t.numpy()]
                f.write(name + "\n")
                for i in range(0, len(rows), 8):
                    f.write("\t" + ", ".join(rows[i : i + 8]) + ",\n")
        return
    tensors = {k: v.contiguous() for k, v in tables.items()}
    for name, x in cases():
        tensors |= {f"{name}.{k}": v.contiguous() for k, v in case(x).items()}
    tensors |= {f"nested.{k}": v.contiguous() for k, v in nested().items()}
    save_file(tensors, a.out)


main()
