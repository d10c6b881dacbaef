# /// script
# requires-python = ">=3.11"
# dependencies = ["torch==2.15.0", "transformers==5.23.0", "peft==0.21.2", "safetensors==0.8.0", "numpy"]
# ///
"""Makes the folder architectures: one tiny model a family, and what transformers and PEFT compute with it.

    pip install torch==2.15.0 transformers==5.23.0 peft==0.21.2 safetensors==0.8.0 numpy
    python make_architectures.py architectures

Everything is computed in float32, eager attention, one thread; weights are kept
in bfloat16, biases and norms are far from zero and one. Documents are run one at
a time, without padding.

NAME/base/           Hugging Face folder: config.json, model.safetensors (no tokenizer)
NAME/adapter/        PEFT folder: r 2, alpha 4, all seven projections, A and B random and non-zero
NAME/batch.safetensors
    tokens, starts, targets   as in make_parity.py
    logits           float32 (T, vocab), base + adapter
    base_logits      float32 (T, vocab), base alone
    loss             float64 (1), sum of nll / number of targets
    grad.NAME        float32, d loss / d NAME for each tensor of the adapter
    answers          int32 (D, 12), what base + adapter generates greedily after each document
"""
import json
import os
import shutil
import sys

os.environ["CUDA_VISIBLE_DEVICES"] = ""
import torch
import torch.nn.functional as nn
from peft import LoraConfig, PeftModel, get_peft_model
from peft.utils import get_peft_model_state_dict
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
VOCAB, IGNORE, NEW = 61, -1, 12
COMMON = {
    "vocab_size": VOCAB, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 48, "max_position_embeddings": 64, "bos_token_id": 1, "eos_token_id": None, "pad_token_id": None,
}


def rope(theta):
    return {"rope_type": "default", "rope_theta": theta}


CONFIGS = {
    # SmolLM and the small Llama 3: tied, grouped queries.
    "llama": LlamaConfig(**COMMON, rms_norm_eps=1e-5, tie_word_embeddings=True, rope_parameters=rope(500000.0)),
    # A window shorter than most documents.
    "mistral": MistralConfig(**COMMON, rms_norm_eps=1e-5, sliding_window=6, rope_parameters=rope(10000.0)),
    "qwen2": Qwen2Config(**COMMON, rms_norm_eps=1e-6, tie_word_embeddings=True, rope_parameters=rope(1000000.0)),
    # Heads twice as wide as hidden/heads, and a window in every layer.
    "qwen3": Qwen3Config(
        **COMMON, rms_norm_eps=1e-6, head_dim=16, rope_parameters=rope(1000000.0),
        use_sliding_window=True, sliding_window=9, max_window_layers=0,
    ),
    # Llama 3.1's scaling. Of the four frequencies one is kept, one lies between, and two
    # are divided by the factor, so that every branch of the formula counts.
    "llama3": LlamaConfig(
        **COMMON, rms_norm_eps=1e-5, tie_word_embeddings=True,
        rope_parameters={
            "rope_type": "llama3", "rope_theta": 100.0, "factor": 4.0, "low_freq_factor": 1.0,
            "high_freq_factor": 4.0, "original_max_position_embeddings": 32,
        },
    ),
}


def make_base(config, folder, g):
    model = AutoModelForCausalLM.from_config(config).float()
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=g)
            if name.endswith("bias"):
                p.copy_(0.7 * noise)
            elif p.dim() == 1:
                p.copy_(1 + 0.3 * noise)
            elif "embed" in name:
                p.copy_(noise)
            else:
                p.copy_(noise / p.shape[1] ** 0.5)
    model.bfloat16().save_pretrained(folder)
    os.remove(os.path.join(folder, "generation_config.json"))


def load_base(folder):
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
    return model.eval()


def make_adapter(base, folder, g):
    model = get_peft_model(
        load_base(base),
        LoraConfig(r=2, lora_alpha=4, lora_dropout=0.0, target_modules=TARGETS, task_type="CAUSAL_LM", bias="none"),
    )
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "lora_" in name:
                p.copy_(torch.randn(p.shape, generator=g) * (0.1 if "lora_B" in name else p.shape[1] ** -0.5))
    model.peft_config["default"].base_model_name_or_path = "base"
    model.save_pretrained(folder)
    os.remove(os.path.join(folder, "README.md"))
    path = os.path.join(folder, "adapter_config.json")
    with open(path) as f:
        config = json.load(f)
    config["target_modules"].sort()  # a set, in a new order every time
    with open(path, "w") as f:
        json.dump(config, f, indent=2, sort_keys=True)


def named(model):
    """The adapter's parameters under the names that its file has."""
    names = get_peft_model_state_dict(model)
    by_pointer = {p.data_ptr(): p for p in model.parameters()}
    return {k: by_pointer[v.data_ptr()] for k, v in names.items()}


def documents(g):
    docs = []
    for n in [13, 1, 7, 20, 2]:
        x = torch.randint(0, VOCAB, (n,), generator=g)
        y = torch.full((n,), IGNORE)
        y[:-1] = x[1:]
        y[: n // 4] = IGNORE
        docs.append((x, y))
    return docs


def answer(model, x):
    """Greedy decoding with a cache, whose choices no rounding may turn."""
    out = model.generate(
        input_ids=x[None], attention_mask=torch.ones_like(x)[None], do_sample=False, max_new_tokens=NEW,
        output_logits=True, return_dict_in_generate=True,
    )
    for step in out.logits:
        best = step[0].topk(2).values
        assert best[0] - best[1] > 1e-3, (best, "take another seed")
    return out.sequences[0, len(x) :]


def make_batch(base, adapter, path, g):
    docs = documents(g)
    y = torch.cat([y for _, y in docs])
    run = lambda model: torch.cat([model(input_ids=x[None]).logits[0] for x, _ in docs])
    out = {
        "tokens": torch.cat([x for x, _ in docs]).to(torch.int32), "targets": y.to(torch.int32),
        "starts": torch.tensor([0] + [len(x) for x, _ in docs]).cumsum(0).to(torch.int32),
    }
    with torch.no_grad():
        out["base_logits"] = run(load_base(base))
    model = PeftModel.from_pretrained(load_base(base), adapter, is_trainable=True).eval()
    out["logits"] = run(model)
    loss = nn.cross_entropy(out["logits"], y, ignore_index=IGNORE)
    loss.backward()
    out["logits"], out["loss"] = out["logits"].detach(), loss.detach().double().reshape(1)
    for name, p in named(model).items():
        assert p.grad.abs().max() > 1e-6, name
        out["grad." + name] = p.grad.clone()
    with torch.no_grad():
        out["answers"] = torch.stack([answer(model, x) for x, _ in docs]).to(torch.int32)
    save_file({k: v.contiguous() for k, v in out.items()}, path)


def main():
    shutil.rmtree(sys.argv[1], ignore_errors=True)
    for seed, (name, config) in enumerate(CONFIGS.items()):
        folder, g = os.path.join(sys.argv[1], name), torch.Generator().manual_seed(20 + seed)
        base, adapter = os.path.join(folder, "base"), os.path.join(folder, "adapter")
        make_base(config, base, g)
        make_adapter(base, adapter, g)
        make_batch(base, adapter, os.path.join(folder, "batch.safetensors"), g)


main()
