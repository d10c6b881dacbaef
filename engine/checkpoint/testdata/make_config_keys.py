# /// script
# requires-python = ">=3.10"
# dependencies = ["transformers==5.23.0"]
# ///
"""Writes config_keys.json: the keys that the configuration of each architecture has.

    pip install transformers==5.23.0
    python make_config_keys.py

They are what config.json has when transformers writes one, and the parameters of the
class. keys_test.go says of each what becomes of it here.
"""

import inspect
import json
import pathlib

from transformers import LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config

CLASSES = {"llama": LlamaConfig, "mistral": MistralConfig, "qwen2": Qwen2Config, "qwen3": Qwen3Config}


def keys(cls):
    named = {name for name, p in inspect.signature(cls.__init__).parameters.items() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
    return sorted((named | set(cls().to_dict())) - {"self"})


path = pathlib.Path(__file__).with_name("config_keys.json")
path.write_text(json.dumps({name: keys(cls) for name, cls in CLASSES.items()}).replace("], ", "],\n ") + "\n")
