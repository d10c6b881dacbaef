# /// script
# requires-python = ">=3.10"
# dependencies = ["transformers==5.23.0"]
# ///
"""Writes config_keys.json, the keys that the configuration of each architecture has, and
config_reads.json, those that the code of transformers reads of it, with or without the class.

    pip install transformers==5.23.0
    python make_config_keys.py

They are what config.json has when transformers writes one, and the parameters of the
class. keys_test.go says of each what becomes of it here.
"""

import inspect
import json
import pathlib
import re

import transformers
from transformers import LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config

CLASSES = {"llama": LlamaConfig, "mistral": MistralConfig, "qwen2": Qwen2Config, "qwen3": Qwen3Config}


def keys(cls):
    named = {name for name, p in inspect.signature(cls.__init__).parameters.items() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
    return sorted((named | set(cls().to_dict())) - {"self"})


path = pathlib.Path(__file__).with_name("config_keys.json")
path.write_text(json.dumps({name: keys(cls) for name, cls in CLASSES.items()}).replace("], ", "],\n ") + "\n")

ROOT = pathlib.Path(transformers.__file__).parent
SOURCES = ["cache_utils.py", "configuration_utils.py", "masking_utils.py", "modeling_layers.py", "modeling_rope_utils.py", "modeling_utils.py"]
SOURCES += [f"models/{name}/modeling_{name}.py" for name in CLASSES]
SOURCES += [str(p.relative_to(ROOT)) for p in sorted(ROOT.glob("integrations/*attention*.py"))]
# Of modules that belong to all models, getattr is what reads what a class may lack.
GETATTR = re.compile(r"""getattr\(\s*(?:self\.)?(?:\w+_)?config,\s*["'](\w+)["']""")
ATTRIBUTE = re.compile(r"""\bconfig\.(\w+)\b(?!\s*\()""")
# Modules, methods that are passed on, and what is no key of config.json.
OTHER = {"json", "nested_rope_parameter_keys"}

reads = set()
for name in SOURCES:
    text = (ROOT / name).read_text()
    reads |= set(GETATTR.findall(text))
    if name not in ("configuration_utils.py", "modeling_utils.py"):
        reads |= set(ATTRIBUTE.findall(text))
pathlib.Path(__file__).with_name("config_reads.json").write_text(json.dumps(sorted(reads - OTHER)).replace(", ", ",\n ") + "\n")
