# /// script
# requires-python = ">=3.10"
# dependencies = ["torch==2.11.0", "transformers==5.17.0"]
# ///
"""Makes rope.json: how far rotary embedding turns each pair of a head, by transformers.

    pip install torch==2.11.0 transformers==5.17.0
    python make_rope.py

Each case is a config.json, as transformers up to 4 wrote it and as 5 does, with
the inverse frequencies of LlamaRotaryEmbedding, which are float32.
"""

import json
import pathlib

from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

LLAMA_31 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
CASES = {
    "Llama 3": dict(head_dim=128, rope_theta=500000.0, max_position_embeddings=8192),
    "Llama 3.1": dict(head_dim=128, rope_theta=500000.0, max_position_embeddings=131072, rope_scaling=LLAMA_31),
    "Llama 3.2 1B": dict(head_dim=64, rope_theta=500000.0, max_position_embeddings=131072, rope_scaling=LLAMA_31 | {"factor": 32.0}),
    "odd": dict(head_dim=80, rope_theta=10000.0, max_position_embeddings=3000, rope_scaling={
        "rope_type": "llama3", "factor": 3.7, "low_freq_factor": 0.9, "high_freq_factor": 11.5, "original_max_position_embeddings": 777}),
}


def main():
    out = []
    for name, fields in CASES.items():
        common = dict(architectures=["LlamaForCausalLM"], vocab_size=32, hidden_size=256, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, rms_norm_eps=1e-5)
        before = common | fields
        config = LlamaConfig(**json.loads(json.dumps(before)))
        after = {k: v for k, v in config.to_dict().items() if k in before and k != "rope_scaling"}
        after["rope_parameters"] = config.rope_parameters
        inverse = LlamaRotaryEmbedding(config).inv_freq.double().tolist()
        out += [{"name": name, "config": before, "inverse": inverse}, {"name": name + ", transformers 5", "config": after, "inverse": inverse}]
    lines = ",\n".join(json.dumps(case) for case in out)
    (pathlib.Path(__file__).parent / "rope.json").write_text(f"[\n{lines}\n]\n")


main()
