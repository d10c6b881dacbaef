# /// script
# requires-python = ">=3.10"
# dependencies = ["torch==2.15.0", "transformers==5.23.0", "peft==0.21.2", "scipy"]
# ///
"""Makes configs.json: adapter_config.json files as PEFT writes them, and what PEFT makes of each.

    pip install torch==2.15.0 transformers==5.23.0 peft==0.21.2 scipy
    python make_configs.py

Each member has config, the file that PEFT saved after adapting the model in
tiny/ with it, and modules: the rank and the scale of every module that then had
a pair, after the file had been read back; the name is what is special about it.
"""

import json
import pathlib
import tempfile
import warnings

import torch
from peft import LoraConfig, PeftConfig, get_peft_model
from peft.tuners.lora import LoraLayer
from transformers import AutoModelForCausalLM

HERE = pathlib.Path(__file__).parent
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
CASES = {
    "attention": dict(target_modules=["v_proj", "q_proj"]),
    "all-linear": dict(target_modules="all-linear"),
    "expression": dict(target_modules=r".*\.self_attn\.(q|k|v)_proj"),
    "expression of whole names": dict(target_modules=r"model\.layers\.\d+\.(self_attn|mlp)\.(?:q_proj|down_proj)"),
    "expression that misses a prefix": dict(target_modules=r"model\.layers\.[01]\.mlp\.(up|down)_proj|.*nothing"),
    "longer names": dict(target_modules=["self_attn.q_proj", "mlp.up_proj", "no_such_module"]),
    "full names": dict(target_modules=[f"model.layers.{i}.self_attn.{p}" for i in range(2) for p in ("q_proj", "o_proj")]),
    "one layer by name": dict(target_modules=["model.layers.1.self_attn.q_proj"]),
    "excluded": dict(target_modules=ALL, exclude_modules=["o_proj", "mlp.down_proj"]),
    "excluded by expression": dict(target_modules=ALL, exclude_modules=r".*\.mlp\..*"),
    "excluded in a layer": dict(target_modules=ALL, exclude_modules=["layers.0.self_attn.q_proj"]),
    "every layer": dict(target_modules=["q_proj"], layers_to_transform=[1, 0], layers_pattern="layers"),
    "some layers": dict(target_modules=["q_proj"], layers_to_transform=[1]),
    "one layer": dict(target_modules=["q_proj"], layers_to_transform=0, layers_pattern=["layers"]),
    "rank of a module": dict(target_modules=["q_proj", "v_proj"], rank_pattern={"v_proj": 2}),
    "rank of every module": dict(target_modules=["q_proj", "v_proj"], rank_pattern={"self_attn.q_proj": 2, r".*\.v_proj": 2}),
    "rank of another module": dict(target_modules=["q_proj"], rank_pattern={"^q_proj": 2, "proj": 2, "v_proj": 2}),
    "rank of a layer": dict(target_modules=["q_proj"], rank_pattern={"layers.1.self_attn.q_proj": 2}),
    "alpha of a module": dict(target_modules=["q_proj", "v_proj"], alpha_pattern={"v_proj": 2}),
    "alpha of every module": dict(target_modules=["q_proj", "v_proj"], alpha_pattern={"(q|v)_proj": 24}),
    "rslora": dict(target_modules=["q_proj"], use_rslora=True, r=3, lora_alpha=5),
    "gaussian": dict(target_modules=["q_proj"], init_lora_weights="gaussian"),
    "orthogonal": dict(target_modules=["q_proj"], init_lora_weights="orthogonal"),
    "no init": dict(target_modules=["q_proj"], init_lora_weights=False),
    "no task": dict(target_modules=["q_proj"], task_type=None),
    "dora": dict(target_modules=["q_proj"], use_dora=True),
    "pissa": dict(target_modules=["q_proj"], init_lora_weights="pissa"),
    "pissa by iteration": dict(target_modules=["q_proj"], init_lora_weights="pissa_niter_4"),
    "olora": dict(target_modules=["q_proj"], init_lora_weights="olora"),
    "mica": dict(target_modules=["q_proj"], init_lora_weights="mica"),
    "bias": dict(target_modules=["q_proj"], bias="lora_only"),
    "lora bias": dict(target_modules=["q_proj"], lora_bias=True),
    "whole modules": dict(target_modules=["q_proj"], modules_to_save=["lm_head"]),
    "tokens": dict(target_modules=["q_proj"], trainable_token_indices=[3]),
    "replicated": dict(target_modules=["q_proj"], layer_replication=[[0, 2], [1, 2]]),
    "parameters": dict(target_modules=["q_proj"], target_parameters=["mlp.up_proj.weight"], lora_dropout=0),
    "activated": dict(target_modules=["q_proj"], alora_invocation_tokens=[5, 6]),
    "head": dict(target_modules=["q_proj", "lm_head"]),
    "embedding": dict(target_modules=["q_proj", "embed_tokens"]),
}


def adapted(config):
    torch.manual_seed(0)
    return get_peft_model(AutoModelForCausalLM.from_pretrained(HERE / "tiny", dtype=torch.float32), config)


def main():
    warnings.simplefilter("ignore")
    out = {}
    for name, special in CASES.items():
        config = LoraConfig(**{"r": 4, "lora_alpha": 6, "lora_dropout": 0.1, "task_type": "CAUSAL_LM", **special})
        with tempfile.TemporaryDirectory() as d:
            adapted(config).save_pretrained(d)
            saved = json.loads((pathlib.Path(d) / "adapter_config.json").read_text())
            again = adapted(PeftConfig.from_pretrained(d, inference_mode=False))
        saved["base_model_name_or_path"] = "tiny"
        for key in ("target_modules", "exclude_modules"):  # sets, in a new order every time
            if isinstance(saved[key], list):
                saved[key].sort(key=lambda m: m[::-1])
        modules = {
            n.removeprefix("base_model.model."): [m.r["default"], m.scaling["default"]]
            for n, m in again.named_modules() if isinstance(m, LoraLayer)
        }
        out[name] = {"config": saved, "modules": modules}
    (HERE / "configs.json").write_text(json.dumps(out, indent=1) + "\n")


main()
