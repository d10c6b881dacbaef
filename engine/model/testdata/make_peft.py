# /// script
# requires-python = ">=3.11"
# dependencies = ["torch==2.15.0", "transformers==5.23.0", "peft==0.21.2", "bitsandbytes==0.50.2", "safetensors==0.8.0", "numpy"]
# ///
"""Makes the folder peft: adapters that PEFT trained on parity/base, and what PEFT computes with them.

    pip install torch==2.15.0 transformers==5.23.0 peft==0.21.2 bitsandbytes==0.50.2 safetensors==0.8.0 numpy
    python make_peft.py

Each adapter is trained for some steps of AdamW from a random non-zero B, saved, and
read again. rslora has one scale alpha/sqrt(r) and modules named by an expression,
half is on attention alone and saved in bfloat16, attention in float16.

NAME/adapter/            as PEFT saved it
NAME/batch.safetensors   tokens, targets and starts of parity/batch.safetensors, with
    logits           float32 (T, vocab), base + adapter as read
    loss             float64 (1)
    grad.TENSOR      float32, d loss / d TENSOR, as training would go on
merged.safetensors       matrices of parity's base after merge_and_unload of parity's
    adapter: original.TENSOR into the base, dequantized.TENSOR into the base after it
    went through NF4 and back as make_parity.py has it
"""
import importlib.util
import json
import os
import pathlib
import shutil
import sys

HERE = pathlib.Path(__file__).parent
sys.argv = ["make_parity.py", os.devnull]
source = (HERE / "make_parity.py").read_text().replace("\nmain()\n", "\n")
spec = importlib.util.spec_from_loader("parity", loader=None)
parity = importlib.util.module_from_spec(spec)
exec(compile(source, "make_parity.py", "exec"), parity.__dict__)

import torch  # noqa: E402
from peft import LoraConfig, PeftModel, get_peft_model  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

BASE = HERE / "parity" / "base"
CASES = {
    "rslora": (dict(r=3, lora_alpha=5, use_rslora=True, target_modules=r"model\.layers\.\d+\.(self_attn\.[qkvo]|mlp\.(gate|up|down))_proj"), None),
    "half": (dict(r=5, lora_alpha=16, target_modules=["v_proj", "self_attn.q_proj", "o_proj"], init_lora_weights="gaussian"), torch.bfloat16),
    "float16": (dict(r=2, lora_alpha=3, target_modules="all-linear", rank_pattern={"(self_attn|mlp).*": 4}), torch.float16),
}
KEPT = ["model.layers.0.self_attn.q_proj.weight", "model.layers.2.mlp.down_proj.weight"]


def docs():
    f = load_file(HERE / "parity" / "batch.safetensors")
    x, y, s = f["tokens"].long(), f["targets"].long(), f["starts"].tolist()
    return [(x[a:b], y[a:b]) for a, b in zip(s, s[1:])], {k: f[k] for k in ("tokens", "targets", "starts")}


def make(name, options, dtype):
    out = HERE / "peft" / name
    torch.manual_seed(len(name))
    model = get_peft_model(parity.load_base(BASE), LoraConfig(lora_dropout=0.0, task_type="CAUSAL_LM", bias="none", **options))
    with torch.no_grad():
        for n, p in model.named_parameters():
            if "lora_B" in n:
                p.normal_(0, 0.1)
    batch, plain = docs()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=5e-3, weight_decay=0.0)
    losses = []
    for _ in range(8):
        _, nll, count = parity.forward(model, batch)
        loss = nll.sum() / count
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0], losses
    if dtype is not None:
        for n, p in model.named_parameters():
            if "lora_" in n:
                p.data = p.data.to(dtype)
    model.save_pretrained(out / "adapter")
    (out / "adapter" / "README.md").unlink()
    path = out / "adapter" / "adapter_config.json"
    config = json.loads(path.read_text())
    config["base_model_name_or_path"] = "parity-base"
    if isinstance(config["target_modules"], list):
        config["target_modules"].sort(key=lambda m: m[::-1])  # a set, in a new order every time
    path.write_text(json.dumps(config, indent=2, sort_keys=True))
    saved = load_file(out / "adapter" / "adapter_model.safetensors")
    assert all(t.dtype == (dtype or torch.float32) for t in saved.values())
    again = parity.load(BASE, out / "adapter", True).float()
    logits, nll, count = parity.forward(again, batch)
    loss = nll.sum() / count
    loss.backward()
    result = dict(plain, logits=logits.detach(), loss=loss.detach().double().reshape(1))
    for n, p in parity.named(again).items():
        assert p.grad.abs().max() > 1e-6, n
        result["grad." + n] = p.grad.clone()
    save_file({k: v.contiguous() for k, v in result.items()}, out / "batch.safetensors")
    print(name, losses)


def merge():
    out = {}
    for kind in ("original", "dequantized"):
        base = parity.load_base(BASE)
        if kind == "dequantized":
            parity.through_nf4(base)
        merged = PeftModel.from_pretrained(base, HERE / "parity" / "adapter").merge_and_unload(safe_merge=True)
        for name, t in merged.state_dict().items():
            if name in KEPT:
                out[f"{kind}.{name}"] = t.contiguous()
    save_file(out, HERE / "peft" / "merged.safetensors")


def main():
    shutil.rmtree(HERE / "peft", ignore_errors=True)
    for name, (options, dtype) in CASES.items():
        make(name, options, dtype)
    merge()


main()
