# /// script
# requires-python = ">=3.10"
# dependencies = ["torch==2.15.0", "transformers==5.23.0", "peft==0.21.2", "safetensors==0.8.0"]
# ///
"""Makes the fixtures of package checkpoint with transformers and PEFT.

    pip install torch==2.15.0 transformers==5.23.0 peft==0.21.2 safetensors==0.8.0
    python make_fixtures.py

tiny/ is a Llama base of random weights in one float32 file, sharded/ the same
in bfloat16 over several files, half/ a smaller one in float16 with a tied head;
adapter/ is a LoRA adapter on tiny that PEFT saved. sums.json says what the
tensors hold.

With `go test ./engine/checkpoint -run Written -update` the package writes the
adapter again, to written/. Run the script once more to have PEFT load that and
compare the logits.
"""

import hashlib
import json
import pathlib
import shutil
import sys

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

HERE = pathlib.Path(__file__).parent
TOKENS = torch.tensor([[1, 5, 9, 2, 30, 17, 4]])


def config(**k):
    return LlamaConfig(**{
        "vocab_size": 32, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "bos_token_id": 1, "eos_token_id": 2, **k})


def fresh(name):
    shutil.rmtree(HERE / name, ignore_errors=True)
    return HERE / name


def sums(folder):
    out = {}
    for f in sorted(folder.glob("*.safetensors")):
        for name, t in load_file(f).items():
            values = t.to(torch.float32).contiguous().numpy()
            out[name] = f"{list(t.shape)} {hashlib.sha256(values.tobytes()).hexdigest()[:16]}"
    return out


def random_model(**k):
    model = LlamaForCausalLM(config(**k))
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(0, 0.2)
    return model.eval()


def logits(adapter):
    base = AutoModelForCausalLM.from_pretrained(HERE / "tiny", dtype=torch.float32)
    with torch.no_grad():
        return PeftModel.from_pretrained(base, adapter).eval()(TOKENS).logits


def main():
    torch.manual_seed(0)
    if "--keep" not in sys.argv:
        tiny = random_model()
        tiny.save_pretrained(fresh("tiny"))
        tiny.to(torch.bfloat16).save_pretrained(fresh("sharded"), max_shard_size="4KB")
        random_model(num_hidden_layers=1, head_dim=8, tie_word_embeddings=True, rope_theta=500000.0).to(torch.float16).save_pretrained(fresh("half"))
        for name in ("tiny", "sharded", "half"):
            (HERE / name / "generation_config.json").unlink()
        model = get_peft_model(AutoModelForCausalLM.from_pretrained(HERE / "tiny", dtype=torch.float32), LoraConfig(
            r=4, lora_alpha=8, lora_dropout=0.05, task_type="CAUSAL_LM", use_rslora=True,
            target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]))
        with torch.no_grad():
            for name, p in model.named_parameters():
                if "lora_" in name:
                    p.normal_(0, 0.3)
        model.save_pretrained(fresh("adapter"))
        (HERE / "adapter" / "README.md").unlink()
        # PEFT writes the path of the base it was given, which is this machine's.
        path = HERE / "adapter" / "adapter_config.json"
        saved = json.loads(path.read_text())
        saved["base_model_name_or_path"] = "tiny"
        path.write_text(json.dumps(saved, indent=2, sort_keys=True))
        (HERE / "sums.json").write_text(json.dumps({n: sums(HERE / n) for n in ("tiny", "sharded", "half", "adapter")}, indent=1) + "\n")
    if (HERE / "written").exists():
        a, b = logits(HERE / "adapter"), logits(HERE / "written")
        base = AutoModelForCausalLM.from_pretrained(HERE / "tiny", dtype=torch.float32)
        assert torch.equal(a, b), "the adapter that the package wrote gives other logits"
        assert not torch.allclose(a, base(TOKENS).logits, atol=1e-2), "the adapter does nothing"
        print("written/ gives the logits of adapter/")


main()
