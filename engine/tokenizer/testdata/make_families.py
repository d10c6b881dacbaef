# /// script
# requires-python = ">=3.10"
# dependencies = ["tokenizers==0.23.3"]
# ///
"""Makes families.json and families/*.json.gz with the tokenizers library.

    pip install tokenizers==0.23.3
    python make_families.py              # writes the files
    python make_families.py llama2 17    # prints block 17 of one family

Each family is a tokenizer with the normalizer, pre-tokenizer, model flags,
decoder and special tokens that published models of that family have, and a
vocabulary trained here on the records of the worked experiment and some lines
in other languages. families.json has, for each, what the library makes of
10,000 texts: a digest for each block of a hundred. The texts are not stored;
families_test.go draws the same ones from pools.json with the same generator.
"""

import gzip
import hashlib
import json
import pathlib
import struct
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).parent
NOTES = HERE / "../../../experiments/clinical/data/notes.jsonl"
TEXTS, BLOCK = 10_000, 100
MERGES = 2_500

CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
BLANKS = r"\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + BLANKS
QWEN2 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + BLANKS
QWEN35 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|" + BLANKS
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
TEKKEN = rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|" + BLANKS
O200K = rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+{CONTRACTIONS}?|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*{CONTRACTIONS}?|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|" + BLANKS
DEEPSEEK = (
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|" + BLANKS
)

OTHER = [
    "Der Patient nimmt täglich 20 mg. Le médecin a prescrit du paracétamol à 1 000 mg.",
    "Пациент принимает лекарство. 患者は薬を飲みます。 환자는 약을 먹습니다. المريض يأخذ الدواء",
    "def run(x):\n    for i in range(10):\n        print(i, x)\n\n\treturn None\n",
    "She's sure they've said it isn't so; WE'LL see, I'D SAY.   lots   of    spaces\n\n\n\nand lines\r\n\r\n",
    "नमस्ते दुनिया 你好，世界 👍🏽👩‍👩‍👧 ½ ٣٤ x² naïve café",
] * 20


def corpus():
    for line in NOTES.read_text().splitlines()[:400]:
        for message in json.loads(line)["messages"]:
            yield message["content"]
    yield from OTHER


def bytelevel(use_regex=False):
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)


def split(pattern):
    return pre_tokenizers.Split(Regex(pattern), "isolated")


def byte_level(pre, special, normalizer=None, template=None, **model):
    """A tokenizer whose vocabulary is of bytes."""
    t = Tokenizer(models.BPE(**model))
    if normalizer:
        t.normalizer = normalizer
    t.pre_tokenizer = pre
    t.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    t.train_from_iterator(corpus(), trainers.BpeTrainer(vocab_size=256 + MERGES, show_progress=False, initial_alphabet=alphabet))
    t.add_special_tokens([AddedToken(s, normalized=False, special=True) for s in special])
    post = processors.ByteLevel(trim_offsets=False)
    if template:
        post = processors.Sequence([post, processors.TemplateProcessing(single=template[0], special_tokens=[(s, t.token_to_id(s)) for s in template[1:]])])
    t.post_processor = post
    return t


def pieces(normalizer, pre, strip, special=(), crossing=False):
    """A tokenizer whose vocabulary is of characters with byte fallback."""
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    # Trained like SentencePiece, where no token has a space inside; crossing has.
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=not crossing)
    words = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
    t.train_from_iterator(corpus(), trainers.BpeTrainer(vocab_size=259 + MERGES, show_progress=False, special_tokens=words, limit_alphabet=200, max_token_length=16))
    saved = json.loads(t.to_str())
    saved["added_tokens"] = [a for a in saved["added_tokens"] if not a["content"].startswith("<0x")]
    saved["pre_tokenizer"] = None
    t = Tokenizer.from_str(json.dumps(saved))
    if normalizer:
        t.normalizer = normalizer
    if pre:
        t.pre_tokenizer = pre
    chain = [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]
    t.decoder = decoders.Sequence(chain + [decoders.Strip(" ", 1, 0)] if strip else chain)
    t.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    t.add_special_tokens([AddedToken(s, normalized=False, special=True) for s in special])
    return t


def families():
    sequence = pre_tokenizers.Sequence
    chatml = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    headers = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    inst = ["[INST]", "[/INST]"]
    to_mark = normalizers.Replace(" ", "\u2581")
    return {
        "gpt2": byte_level(bytelevel(use_regex=True), chatml[:1]),
        "smollm": byte_level(sequence([pre_tokenizers.Digits(individual_digits=True), bytelevel(use_regex=True)]), chatml),
        "llama3": byte_level(sequence([split(LLAMA3), bytelevel()]), headers, ignore_merges=True, template=("<|begin_of_text|> $A", "<|begin_of_text|>")),
        "qwen2": byte_level(sequence([split(QWEN2), bytelevel()]), chatml, normalizer=normalizers.NFC()),
        "qwen35": byte_level(sequence([split(QWEN35), bytelevel()]), chatml, normalizer=normalizers.NFC()),
        "tekken": byte_level(sequence([split(TEKKEN), bytelevel()]), ["<s>", "</s>"] + inst, ignore_merges=True, template=("<s> $A", "<s>")),
        "o200k": byte_level(sequence([split(O200K), bytelevel()]), chatml),
        "deepseek": byte_level(sequence([split(r"\p{N}{1,3}"), split(r"[一-龥\u3040-ゟ゠-ヿ]+"), split(DEEPSEEK), bytelevel()]), chatml),
        "llama2": pieces(normalizers.Sequence([normalizers.Prepend("\u2581"), to_mark]), None, strip=True),
        "mistral": pieces(None, pre_tokenizers.Metaspace(prepend_scheme="first", split=False), strip=True, special=inst),
        "gemma": pieces(to_mark, pre_tokenizers.Split(" ", "merged_with_previous"), strip=False, special=["<start_of_turn>", "<end_of_turn>"], crossing=True),
    }


def splitmix(seed):
    """Steele et al. 2014."""
    mask = (1 << 64) - 1
    while True:
        seed = (seed + 0x9E3779B97F4A7C15) & mask
        z = seed
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        yield z ^ (z >> 31)


def texts(pools):
    draw = splitmix(1)
    below = lambda n: next(draw) % n
    for number in range(TEXTS):
        some = [below(len(pools) + 1) for _ in range(1 + below(4))]
        length = 1 + below(400 if number % BLOCK == 0 else 40)
        text = []
        for _ in range(length):
            pool = some[below(len(some))]
            if pool == len(pools):  # any character at all
                c = below(0x110000 - 0x800)
                text.append(chr(c if c < 0xD800 else c + 0x800))
            else:
                text.append(pools[pool][below(len(pools[pool]))])
        yield "".join(text)


def pools():
    span = lambda *ranges: [chr(c) for a, b in ranges for c in range(a, b)]
    return [
        span((32, 127)),
        "the patient takes metformin 500 mg PO BID with meals; she's told: don't hold it. WE'LL I'D They've".split(" "),
        [" the", " of", " patient", " daily", "\n- ", "  ", ". ", ", ", " mg", "'s", "'LL", "'Ve", "'ſ"],
        list("0123456789") + [" 1", "12", "345", "6789", "½", "²", "ⅷ", "٣", "１"],
        list(" \t\n\r\u00a0\u2003\u3000\x0b\x0c\x85\u2028\u200b\ufeff") + [" "] * 10 + ["\n"] * 4 + ["    ", "\r\n", "\n\n"],
        list("'\"-_.,;:!?()[]{}<>|/\\@#$%^&*+=~`\u2581\u0120\u010a") + ["<|", "|>", "</", "<0x0A>", "<0xE2>", "\u2581\u2581", "->"],
        ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|im_end|", "<|eot_id|>", "<|begin_of_text|>", "<s>", "</s>", "</s", "<unk>", "[INST]", "[/INST]", "[INST", "<start_of_turn>", "<end_of_turn>", "user\n", " ", "x"],
        span((0xA1, 0x250), (0x1E00, 0x1F00)),
        span((0x300, 0x345)) + list("aeiouAEOU"),
        span((0x370, 0x3FF), (0x400, 0x460)),
        span((0x5D0, 0x5EB), (0x620, 0x66A)),
        span((0x905, 0x97F), (0xE01, 0xE3B)),
        span((0xAC00, 0xAC80), (0x1100, 0x1113), (0x1161, 0x1176), (0x11A8, 0x11C3)),
        span((0x3041, 0x3097), (0x30A1, 0x30FB), (0x4E00, 0x4E80), (0xF900, 0xF920)) + list("，。、「」"),
        span((0x1F600, 0x1F650)) + ["\u200d", "\ufe0f", "\U0001f3fd", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "❤️", "1️⃣", "👍🏽"],
        span((0x2150, 0x2190), (0x2460, 0x2490), (0x1D400, 0x1D420), (0x10330, 0x1034B)),
        span((0, 32), (127, 160)) + list("abc "),
    ]


def digest(blocks):
    h = hashlib.sha256()
    for ids, text, plain in blocks:
        h.update(struct.pack(f"<i{len(ids)}i", len(ids), *ids) + text.encode() + b"\0" + plain.encode() + b"\0")
    return h.hexdigest()[:12]


def encoded(t, some):
    for text in some:
        ids = t.encode(text, add_special_tokens=False).ids
        yield ids, t.decode(ids, skip_special_tokens=False), t.decode(ids, skip_special_tokens=True)


def main():
    if len(sys.argv) > 2:
        t = Tokenizer.from_str(gzip.decompress((HERE / "families" / f"{sys.argv[1]}.json.gz").read_bytes()).decode())
        first = int(sys.argv[2]) * BLOCK
        some = list(texts(pools()))[first : first + BLOCK]
        for text, (ids, decoded, plain) in zip(some, encoded(t, some)):
            print(json.dumps({"text": text, "ids": ids, "decoded": decoded, "plain": plain}))
        return
    (HERE / "families").mkdir(exist_ok=True)
    (HERE / "pools.json").write_text(json.dumps(pools(), separators=(",", ":")).replace("],[", "],\n[") + "\n")
    all_texts = list(texts(pools()))
    out = {}
    for name, t in families().items():
        (HERE / "families" / f"{name}.json.gz").write_bytes(gzip.compress(t.to_str().encode(), 9, mtime=0))
        done = list(encoded(t, all_texts))
        out[name] = {
            "framed": t.encode("the patient").ids,
            "blocks": [digest(done[i : i + BLOCK]) for i in range(0, TEXTS, BLOCK)],
        }
    (HERE / "families.json").write_text(json.dumps(out, separators=(",", ":")).replace("]},", "]},\n") + "\n")


if __name__ == "__main__":
    main()
