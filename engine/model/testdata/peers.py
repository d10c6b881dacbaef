"""Has transformers, and PEFT if an adapter is given, load what Daybook wrote, without
a warning, and compares the logits with those of Daybook.

    python peers.py EXPECTED.safetensors MODEL [ADAPTER]

EXPECTED has tokens, int32 (T), starts, int32 (D+1), and logits, float32 (T, vocab).
Exits with 77 if a package is missing.
"""
import os
import sys
import warnings

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
try:
    import torch
    from peft import PeftModel
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM
except ImportError as e:
    print(e)
    sys.exit(77)


def main():
    expected = load_file(sys.argv[1])
    warnings.simplefilter("error")
    warnings.simplefilter("ignore", FutureWarning)  # what the two think of each other's versions
    model, info = AutoModelForCausalLM.from_pretrained(sys.argv[2], dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    assert not any(info.values()), info
    assert getattr(model.config, "quantization_config", None) is None
    if len(sys.argv) > 3:
        model = PeftModel.from_pretrained(model, sys.argv[3])
    model.eval()
    starts = expected["starts"].tolist()
    with torch.no_grad():
        logits = torch.cat([model(input_ids=expected["tokens"][None, a:b].long()).logits[0] for a, b in zip(starts, starts[1:])])
    worst = (logits - expected["logits"]).abs().max().item()
    print(f"logits differ by {worst:.1e} at most")
    assert worst < 1e-4, worst


main()
