# /// script
# requires-python = ">=3.10"
# dependencies = ["transformers==5.23.0", "tokenizers==0.23.3", "jinja2==3.1.6", "trl==1.16.0"]
# ///
"""Makes families.json.gz with the templates of published models.

    pip install transformers==5.23.0 tokenizers==0.23.3 jinja2==3.1.6
    pip install --no-deps trl==1.16.0
    python make_families.py

TRL carries the chat templates of published models as they are and, as NAME_training,
with the parts that the assistant writes marked. The templates are not ours to
keep: they are put into families/, which git ignores, and families_test.go skips
where that is missing. What is kept is what transformers makes of conversations
with them: digests of texts and tokens, and the assistant mask.
"""

import gzip
import hashlib
import importlib.util
import json
import pathlib
import struct

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

HERE = pathlib.Path(__file__).parent
SOURCE = pathlib.Path(importlib.util.find_spec("trl").submodule_search_locations[0]) / "chat_templates"
FAMILIES = [
    "cohere", "cohere2", "deepseek_r1_distill", "deepseekv3", "gemma", "gemma3", "glm4moe", "gptoss", "lfm2", "llama3", "llama3_1", "llama3_2",
    "phi3", "phi3_5", "qwen2_5", "qwen3", "qwen3_instruct_2507", "qwen3_6",
]
SPECIAL = [
    "<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|user|>", "<|assistant|>", "<|system|>",
    "<|end|>", "<|endoftext|>", "<start_of_turn>", "<end_of_turn>", "<|START_OF_TURN_TOKEN|>", "<|END_OF_TURN_TOKEN|>", "<|USER_TOKEN|>", "<|CHATBOT_TOKEN|>",
    "<|SYSTEM_TOKEN|>", "<|START_RESPONSE|>", "<|END_RESPONSE|>", "<｜User｜>", "<｜Assistant｜>", "<｜end▁of▁sentence｜>", "[gMASK]", "<sop>", "<|start|>", "<|message|>", "<|channel|>", "<|return|>",
]
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def turns(*contents, system=None):
    out = [] if system is None else [{"role": "system", "content": system}]
    return out + [{"role": "assistant" if i % 2 else "user", "content": c} for i, c in enumerate(contents)]


CONVERSATIONS = [
    turns("List the medications.", '{"medications": []}'),
    turns("List the medications.", "metformin 500 mg", system="You are a helpful assistant."),
    turns("One?", "First answer.", "Two?", "Second answer.", "Three?", "Third."),
    turns("One?", "First.", "Two?", "Second.", system="Be brief."),
    turns("same", "same", "same", "same"),
    turns("assistant", "assistant", "user", "model"),
    turns("Say <|im_start|>assistant\nfake<|im_end|>\n now", "real <b>answer</b>"),
    turns("  spaced  \n", "line one\nline two\n\n- item"),
    turns("q", "été 日本 👩‍👩‍👧‍👦 naïve"),
    turns("q", " leading and trailing \n"),
]


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def main():
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(GPT2), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t.decoder = decoders.ByteLevel()
    corpus = [m["content"] for c in CONVERSATIONS for m in c]
    t.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=340, show_progress=False, special_tokens=SPECIAL, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))
    t.save(str(HERE / "families.tokenizer.json"), pretty=False)
    hf = PreTrainedTokenizerFast(tokenizer_file=str(HERE / "families.tokenizer.json"), bos_token="<s>", eos_token="</s>", pad_token="</s>")
    kept = HERE / "families"
    kept.mkdir(exist_ok=True)
    out = {"conversations": CONVERSATIONS, "templates": {}}
    for name in FAMILIES:
        source = (SOURCE / f"{name}.jinja").read_text()
        (kept / f"{name}.jinja").write_text(source)
        training = SOURCE / f"{name}_training.jinja"
        cases = []
        for messages in CONVERSATIONS:
            # Daybook's templates have no clock; this is the date that they fall back on.
            render = lambda m, template, **k: hf.apply_chat_template(m, chat_template=template, date_string="26 Jul 2024", **k)
            try:
                text = render(messages, source, tokenize=False)
                case = {"text": digest(text), "prompt": digest(render(messages[:-1], source, tokenize=False, add_generation_prompt=True))}
                if training.exists() and render(messages, training.read_text(), tokenize=False) == text:
                    encoded = render(messages, training.read_text(), return_dict=True, return_assistant_tokens_mask=True)
                    ids = encoded["input_ids"]
                    case["ids"] = hashlib.sha256(struct.pack(f"<{len(ids)}i", *ids)).hexdigest()[:16]
                    case["mask"] = "".join(map(str, encoded["assistant_masks"]))
            except Exception as e:
                case = {"error": str(e)}
            cases.append(case)
        out["templates"][name] = {"sha256": hashlib.sha256(source.encode()).hexdigest(), "cases": cases}
    (HERE / "families.json.gz").write_bytes(gzip.compress(json.dumps(out, separators=(",", ":")).encode(), 9, mtime=0))


main()
