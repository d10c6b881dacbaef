# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "torch==2.15.0", "transformers==5.23.0", "peft==0.21.2", "bitsandbytes==0.50.2", "safetensors==0.8.0", "numpy",
# ]
# ///
"""Makes the folder parity: a tiny Llama with a LoRA adapter, and what transformers and PEFT compute with it.

    pip install torch==2.15.0 transformers==5.23.0 peft==0.21.2 bitsandbytes==0.50.2 safetensors==0.8.0 numpy
    python make_parity.py parity

Everything is float32, eager attention, one thread, dropout 0. Documents are run
one at a time, without padding, so that nothing depends on how they are batched.
Positions count from 0 in each document. targets[t] is the token to predict at
position t of the same document, or -1; the last position of a document has none.

base/                Hugging Face folder: config.json, model.safetensors (no tokenizer)
adapter/             PEFT folder: r 4, alpha 8, all seven projections, A and B random and non-zero
batch.safetensors    one batch and its results
    tokens           int32 (T), documents end to end
    starts           int32 (D+1), document d is tokens[starts[d]:starts[d+1]]
    targets          int32 (T)
    logits           float32 (T, vocab), base + adapter
    base_logits      float32 (T, vocab), base alone
    nll              float32 (T), nats, 0 where there is no target
    loss             float64 (1), sum(nll) / number of targets
    grad.NAME        float32, d loss / d NAME for each tensor of the adapter, NAME as in its file
    nf4_logits       float32 (T, vocab), base + adapter, where every projection of the
                     base went through NF4 and back (double quantization, 8-bit scales
                     rounded to the nearest code), embedding, norms and head untouched
    nf4_loss         float64 (1)
curve.safetensors    two trainings of 20 steps from that base and adapter
    tokens, starts, targets   as above, all documents of all steps in order
    step, micro      int32 (D), optimizer step and micro-batch (in the step) of each document
    constant_loss, linear_loss   float64 (20), before the step's update: sum of nll over
                     all micro-batches of the step / number of their targets
    constant_norm, linear_norm   float64 (20), norm of all gradients before clipping to 1.0
    constant_lr, linear_lr       float64 (20); linear has 3 steps of warmup
    constant.NAME    float32, the adapter after the training at a constant rate
curve_nf4.safetensors  one training of 50 steps at a linear rate with 5 steps of warmup, the base
                     gone through NF4 as for nf4_logits, named like linear_* above
AdamW: betas .9 and .999, eps 1e-8, no weight decay, 32-bit state.
"""
import json
import os
import shutil
import sys

os.environ["CUDA_VISIBLE_DEVICES"] = ""
import torch
import torch.nn.functional as nn

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)
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
import bitsandbytes.functional as bnb  # noqa: E402
from peft import LoraConfig, PeftModel, get_peft_model  # noqa: E402
from peft.utils import get_peft_model_state_dict  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from transformers import LlamaConfig, LlamaForCausalLM, get_scheduler  # noqa: E402

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
VOCAB, IGNORE = 97, -1


def make_base(folder):
    g = torch.Generator().manual_seed(11)
    config = LlamaConfig(
        vocab_size=VOCAB, hidden_size=64, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
        head_dim=16, intermediate_size=128, max_position_embeddings=128, rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 20000.0}, tie_word_embeddings=False,
        bos_token_id=1, eos_token_id=2, pad_token_id=None, attention_bias=False, mlp_bias=False,
    )
    model = LlamaForCausalLM(config).float()
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.dim() == 1:
                p.copy_(1 + 0.3 * torch.randn(p.shape, generator=g))
            elif "embed" in name:
                p.copy_(torch.randn(p.shape, generator=g))
            else:
                p.copy_(torch.randn(p.shape, generator=g) / p.shape[1] ** 0.5)
    model.save_pretrained(folder)


def load_base(folder):
    model = LlamaForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
    return model.eval()


def make_adapter(base, folder):
    torch.manual_seed(12)
    model = get_peft_model(
        load_base(base),
        LoraConfig(r=4, lora_alpha=8, lora_dropout=0.0, target_modules=TARGETS, task_type="CAUSAL_LM", bias="none"),
    )
    g = torch.Generator().manual_seed(13)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "lora_B" in name:
                p.copy_(0.1 * torch.randn(p.shape, generator=g))
    model.peft_config["default"].base_model_name_or_path = "parity-base"
    model.save_pretrained(folder)
    os.remove(os.path.join(folder, "README.md"))
    path = os.path.join(folder, "adapter_config.json")
    with open(path) as f:
        config = json.load(f)
    config["target_modules"].sort()  # a set, in a new order every time
    with open(path, "w") as f:
        json.dump(config, f, indent=2, sort_keys=True)


def load(base, adapter, trainable):
    return PeftModel.from_pretrained(load_base(base), adapter, is_trainable=trainable).eval()


def named(model):
    """The adapter's parameters under the names that its file has."""
    names = get_peft_model_state_dict(model)
    by_pointer = {p.data_ptr(): p for p in model.parameters()}
    return {k: by_pointer[v.data_ptr()] for k, v in names.items()}


def documents(g, lengths, tokens):
    """Walks over few tokens, so that there is something to learn quickly."""
    docs = []
    for n in lengths:
        t = [int(torch.randint(0, tokens, (1,), generator=g))]
        while len(t) < n:
            jump = torch.rand(1, generator=g).item() < 0.2
            t.append(int(torch.randint(0, tokens, (1,), generator=g)) if jump else (3 * t[-1] + 5) % tokens)
        x = (torch.tensor(t) * 7 + 3) % VOCAB
        y = torch.full((n,), IGNORE)
        y[:-1] = x[1:]
        # Ignore a prompt, as loss on the answer alone does, and one target inside.
        y[: n // 4] = IGNORE
        if n > 9:
            y[n // 2] = IGNORE
        docs.append((x, y))
    return docs


def flatten(docs):
    starts = [0]
    for x, _ in docs:
        starts.append(starts[-1] + len(x))
    return {
        "tokens": torch.cat([x for x, _ in docs]).to(torch.int32),
        "targets": torch.cat([y for _, y in docs]).to(torch.int32),
        "starts": torch.tensor(starts, dtype=torch.int32),
    }


def forward(model, docs):
    logits = torch.cat([model(input_ids=x[None]).logits[0] for x, _ in docs])
    y = torch.cat([y for _, y in docs])
    nll = nn.cross_entropy(logits, y, ignore_index=IGNORE, reduction="none")
    return logits, nll, int((y != IGNORE).sum())


def through_nf4(model):
    signed = bnb.create_dynamic_map(True)
    nearest = implementations["bitsandbytes::quantize_blockwise", "default"]
    with torch.no_grad():
        for name, p in model.named_parameters():
            if any(name.endswith(f"{t}.weight") for t in TARGETS):
                codes, s = bnb.quantize_4bit(p.data, blocksize=64, quant_type="nf4", compress_statistics=True)
                _, plain = bnb.quantize_4bit(p.data, blocksize=64, quant_type="nf4")
                s.absmax, s.state2.absmax = nearest(plain.absmax - s.offset, signed, 256)
                p.copy_(bnb.dequantize_4bit(codes, s))


def make_batch(base, adapter, path):
    docs = documents(torch.Generator().manual_seed(14), [13, 1, 7, 20, 2], VOCAB)
    out = flatten(docs)
    with torch.no_grad():
        out["base_logits"] = forward(load_base(base), docs)[0]
    model = load(base, adapter, True)
    logits, nll, count = forward(model, docs)
    loss = nll.sum() / count
    loss.backward()
    # The trainer's own loss must be the same thing.
    hf = sum(
        model(input_ids=x[None], labels=labels(x, y)[None], num_items_in_batch=count).loss
        for x, y in docs if (y != IGNORE).any()
    )
    assert torch.allclose(hf, loss), (hf, loss)
    out |= {"logits": logits.detach(), "nll": nll.detach(), "loss": loss.detach().double().reshape(1)}
    for name, p in named(model).items():
        assert p.grad.abs().max() > 1e-6, name
        out["grad." + name] = p.grad.clone()
    quantized = load_base(base)
    through_nf4(quantized)
    model = PeftModel.from_pretrained(quantized, adapter).eval()
    with torch.no_grad():
        logits, nll, count = forward(model, docs)
    out |= {"nf4_logits": logits, "nf4_loss": (nll.sum() / count).double().reshape(1)}
    save_file({k: v.contiguous() for k, v in out.items()}, path)


def labels(x, y):
    """Transformers shifts labels by one itself."""
    l = torch.full_like(x, -100)
    l[1:] = torch.where(y[:-1] == IGNORE, -100, y[:-1])
    return l


def make_curve(base, adapter, path):
    g = torch.Generator().manual_seed(15)
    out, steps = make_steps(g, 20, lambda: torch.randint(3, 25, (5,), generator=g), 3)
    for schedule in ("constant", "linear"):
        model = load(base, adapter, True)
        params = named(model)
        out |= train(model, params, steps, schedule, 1e-2, 3)
        if schedule == "constant":
            out |= {f"constant.{k}": p.detach().clone() for k, p in params.items()}
    save_file({k: v.contiguous() for k, v in out.items()}, path)


def make_curve_nf4(base, adapter, path):
    g = torch.Generator().manual_seed(16)
    out, steps = make_steps(g, 50, lambda: torch.randint(5, 37, (6,), generator=g), 4)
    quantized = load_base(base)
    through_nf4(quantized)
    model = PeftModel.from_pretrained(quantized, adapter, is_trainable=True).eval()
    out |= train(model, named(model), steps, "linear", 5e-3, 5)
    save_file({k: v.contiguous() for k, v in out.items()}, path)


def make_steps(g, count, lengths, first):
    """Windows of two micro-batches, of which the first has so many documents."""
    steps = []
    for _ in range(count):
        docs = documents(g, lengths().tolist(), 12)
        steps.append([docs[:first], docs[first:]])
    out = flatten([d for s in steps for m in s for d in m])
    out["step"] = torch.tensor([i for i, s in enumerate(steps) for m in s for _ in m], dtype=torch.int32)
    out["micro"] = torch.tensor([j for s in steps for j, m in enumerate(s) for _ in m], dtype=torch.int32)
    return out, steps


def train(model, params, steps, schedule, rate, warmup):
    """Trains as the trainer does and returns losses, norms and rates by step."""
    optimizer = torch.optim.AdamW(params.values(), lr=rate, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
    scheduler = get_scheduler(schedule, optimizer, num_warmup_steps=warmup, num_training_steps=len(steps))
    losses, norms, rates = [], [], []
    for window in steps:
        count = sum(int((y != IGNORE).sum()) for m in window for _, y in m)
        total = 0.0
        for micro in window:
            _, nll, _ = forward(model, micro)
            loss = nll.sum() / count
            loss.backward()
            total += loss.item()
        losses.append(total)
        norms.append(torch.nn.utils.clip_grad_norm_(params.values(), 1.0).item())
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
    print(schedule, " ".join(f"{x:.3f}" for x in losses))
    assert losses[-1] < 0.7 * losses[0]
    return {f"{schedule}_{k}": torch.tensor(v, dtype=torch.float64) for k, v in (("loss", losses), ("norm", norms), ("lr", rates))}


def main():
    out = sys.argv[1]
    shutil.rmtree(out, ignore_errors=True)
    base, adapter = os.path.join(out, "base"), os.path.join(out, "adapter")
    make_base(base)
    make_adapter(base, adapter)
    assert set(load_file(os.path.join(adapter, "adapter_model.safetensors"))) == set(named(load(base, adapter, True)))
    make_batch(base, adapter, os.path.join(out, "batch.safetensors"))
    make_curve(base, adapter, os.path.join(out, "curve.safetensors"))
    make_curve_nf4(base, adapter, os.path.join(out, "curve_nf4.safetensors"))


main()
