# /// script
# requires-python = ">=3.10"
# dependencies = ["torch==2.15.0", "transformers==5.23.0", "bitsandbytes==0.50.2", "safetensors==0.8.0"]
# ///
"""Makes bases that bitsandbytes has quantized, as transformers saves them, and what they dequantize to.

    pip install torch==2.15.0 transformers==5.23.0 bitsandbytes==0.50.2 safetensors==0.8.0
    python make_packed.py

packed/ is a Qwen2 from bfloat16 with double quantization, with more than one
group of scales; packed-plain/ a Llama from float16 without. packed_sums.json has
the values of every tensor, projections as bitsandbytes dequantizes them to
float32, as make_fixtures.py writes them.
"""

import hashlib
import json
import os
import pathlib
import shutil

os.environ["CUDA_VISIBLE_DEVICES"] = ""
import bitsandbytes.functional as bnb
import torch
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, LlamaConfig, Qwen2Config

torch.set_num_threads(1)
HERE = pathlib.Path(__file__).parent
COMMON = {
    "vocab_size": 32, "num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 1,
    "max_position_embeddings": 64, "bos_token_id": 1, "eos_token_id": 2,
}


def values(p):
    if not hasattr(p, "quant_state"):
        return p.data.float()
    state = p.quant_state
    state.dtype = torch.float32
    return bnb.dequantize_4bit(p.data, state)


def make(name, config, dtype, double):
    plain = HERE / (name + ".tmp")
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(0.1, 0.3)
    model.to(dtype).save_pretrained(plain)
    model = AutoModelForCausalLM.from_pretrained(plain, dtype=dtype, quantization_config=BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=double, bnb_4bit_compute_dtype=torch.float32))
    shutil.rmtree(plain)
    shutil.rmtree(HERE / name, ignore_errors=True)
    model.save_pretrained(HERE / name)
    (HERE / name / "generation_config.json").unlink()
    out = {}
    for key, p in model.named_parameters():
        v = values(p)
        out[key] = f"{list(v.shape)} {hashlib.sha256(v.contiguous().numpy().tobytes()).hexdigest()[:16]}"
    return out


def main():
    torch.manual_seed(1)
    sums = {
        "packed": make("packed", Qwen2Config(
            **COMMON, hidden_size=64, intermediate_size=320, tie_word_embeddings=True), torch.bfloat16, True),
        "packed-plain": make("packed-plain", LlamaConfig(**COMMON, hidden_size=32, intermediate_size=64), torch.float16, False),
    }
    (HERE / "packed_sums.json").write_text(json.dumps(sums, indent=1, sort_keys=True) + "\n")


main()
