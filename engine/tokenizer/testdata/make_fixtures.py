# /// script
# requires-python = ">=3.10"
# dependencies = ["tokenizers==0.23.3"]
# ///
"""Makes the fixtures of package tokenizer with the tokenizers library.

    pip install tokenizers==0.23.3
    python make_fixtures.py

Trains a small vocabulary for each supported arrangement (normalizer,
pre-tokenizer, added tokens) and writes NAME.tokenizer.json with NAME.json: what
the library makes of the texts in texts.json. Long lists are kept as the start
of a SHA-256, to keep the files small.
"""

import hashlib
import json
import pathlib
import random
import struct

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).parent
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"

CORPUS = [
    "The patient takes metformin 500 mg twice daily with meals and lisinopril 10 mg once daily.",
    "She's allergic to penicillin; they've stopped it. We'll see. I'm sure he'd say it isn't so.",
    '{"medications": [{"name": "metformin", "dose": "500 mg", "frequency": "BID", "route": "PO"}]}',
    "def run(x):\n    for i in range(10):\n        print(i, x)\n\n\treturn None\n",
    "Der Patient nimmt täglich 20 mg. Le médecin a prescrit du paracétamol à 1 000 mg.",
    "Пациент принимает лекарство. 患者は薬を飲みます。 환자는 약을 먹습니다. المريض يأخذ الدواء",
    "aaaa aaaaaaaa hahahaha      lots   of    spaces\n\n\n\nand lines\r\n\r\nwindows",
    "1 22 333 4444 55555 1234567 3.14159 2024-01-02 10:30 50% $5.00 ½ ٣٤",
] * 4

CURATED = [
    "", " ", "  ", "   a", "a   ", "\n", "\n\n", " \n \n ", "\t\tx", "a\u00a0b", "a\u00a0\u00a0b", "\u3000x", "x\u2028\u2029y", "\x85z",
    "hello", " hello", "hello world", "Hello  world   again", "hello\n\nworld\n", "trailing   ", "\r\n\r\nx", "a \r\n b", "x \n\n  y",
    "it's", "IT'S", "it'ſ", "I'll we've you're he'd I'm can't", "I'LL WE'VE YOU'RE HE'D I'M CAN'T", "'s's't''d'", "'hello'", "''re", "'", "' s",
    "1", "12", "123", "1234", "1234567890", " 1 22 333 4444", "a1b22c333", "3.14e-10", "½¾ⅷ", "٣٤٥٦", "x²y³", "１２３４",
    "metformin 500 mg PO BID x7d (hold if eGFR<30).", '{"name": null, "dose": "5 mg"}', "foo_bar.baz(qux)[0] += 1;  // ok?", "!!!???...", " !!! ???", "!!\n\n!!\r\n",
    "täglich für Ärzte", "cafe\u0301 cafe", "e\u0301\u0323 e\u0323\u0301", "\u1100\u1161\u11a8\uac00", "A\u030a \u212b \u00c5", "\u0344 \u0958", "ﬁ ﬆ",
    "Пациент 患者は薬 약을 المريض", "नमस्ते दुनिया", "👩‍👩‍👧‍👦 👍🏽 🇩🇪 ❤️ 🏳️‍🌈", "x\u200db\u200cz", "\ufeffbom", "\x00\x01\x7f", "zalgo a\u0301\u0302\u0303\u0304\u0305 z",
    "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n", "<|im_start|", "<|im_end|><|im_end|>", "<|im_<|im_end|>", "<|endoftext|>x<|endoftext|>", " <|im_end|> ",
    "a <mask>  b", "a<mask>b", "x <strip>  y", "word", "wordy word sword word. word", "_word word_ 日word word", "cafe\u0301X café", "<norm>e\u0301 <NORM>", "  <mask><strip>  <mask>  ",
    "a" * 200, "ab" * 100, " " * 100 + "x", "aaaaaaaab" * 20, "hahahahaha" * 15, "日本" * 60,
    "a" + "\u0301\u0323\u0315\u0300" * 12 + "b", "\u0301" * 45, "e" + "\u0334" * 33 + "\u0323\u0302 x", "\u1100\u1161" + "\u0300" * 40 + "\u11a8",
    "\U00010d40\U00010d41 \U000116d0x \ua7cb\ua7dc \U00011de0\U00011de1 \U0002ebf0", "\U00016ff4a",
]


def random_texts():
    r = random.Random(7)
    pools = [
        [chr(c) for c in range(32, 127)],
        list("aehinorst") * 3 + list("0123456789"),
        list(" \t\n\r\u00a0\u2003\u3000\x0b\x0c\x85") + [" "] * 10 + ["\n"] * 4,
        list("'\"-_.,;:!?()[]{}<>|/\\@#$%^&*+=~`"),
        [chr(c) for c in range(0xA1, 0x250)],
        [chr(c) for c in range(0x300, 0x345)],
        [chr(c) for c in range(0x370, 0x3FF)] + [chr(c) for c in range(0x400, 0x460)],
        [chr(c) for c in range(0x5D0, 0x5EB)] + [chr(c) for c in range(0x620, 0x66A)],
        [chr(c) for c in range(0x905, 0x97F)],
        [chr(c) for c in range(0xAC00, 0xAC80)] + [chr(c) for c in range(0x1100, 0x1113)] + [chr(c) for c in range(0x1161, 0x1176)] + [chr(c) for c in range(0x11A8, 0x11C3)],
        [chr(c) for c in range(0x3041, 0x3097)] + [chr(c) for c in range(0x4E00, 0x4E80)] + [chr(c) for c in range(0xF900, 0xF920)],
        [chr(c) for c in range(0x1F600, 0x1F650)] + ["\u200d", "\ufe0f", "\U0001f3fd"],
        [chr(c) for c in range(0x2150, 0x2190)] + [chr(c) for c in range(0x2460, 0x2490)],
        [chr(c) for c in range(0x1D400, 0x1D420)] + [chr(c) for c in range(0x10330, 0x1034B)],
        ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<mask>", "<strip>", "word", "<norm>", "'s", "'LL", "'Ve"],
    ]
    texts = []
    for i in range(220):
        some = r.sample(pools, r.randint(1, 4))
        texts.append("".join(r.choice(r.choice(some)) for _ in range(r.randint(1, 40))))
    return texts


def short(values):
    h = hashlib.sha256()
    for v in values:
        h.update(struct.pack("<i", v))
    return f"{len(values)}:{h.hexdigest()[:12]}"


def train(model, size=330, alphabet=True, normalizer=None, pre=None, special=(), added=(), decoder=None):
    t = Tokenizer(model)
    if normalizer:
        t.normalizer = normalizer
    if pre:
        t.pre_tokenizer = pre
    t.decoder = decoder or decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size, show_progress=False, special_tokens=list(special), max_token_length=24,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet() if alphabet else [],
    )
    t.train_from_iterator(CORPUS, trainer)
    t.add_tokens(list(added))
    return t


def bytelevel(**k):
    return pre_tokenizers.ByteLevel(**{"add_prefix_space": False, **k})


def split(pattern, behavior="isolated", invert=False):
    return pre_tokenizers.Split(pattern if isinstance(pattern, Regex) else Regex(pattern), behavior, invert)


# Expressions with each thing that the package reads, for testdata/splits.json.
EXPRESSIONS = [
    r"\s+", r"\d", r"\p{P}|\p{S}", r"[^\S\n]", r"(?i:'ll|k)|[a-c\]x-]+", r"a(b|ba)*", r"[a-z]{2}", r"[a-z]{2,3}",
    r"[A-Z]{0,1}[a-z]{3,}", r"\s+$", r"[\r\n]|\s?[A-Za-zµÀ-ÖØ-öø-ƺ]+", r"(?:ab|a)(?=b)", r"\S(?!\s)", r" ?[^(\s.,!?…。]{1,4}", r"\P{L}+", r".\n", r"\u3042|日本",
    r"(?i:[r-t])+", r"(a+|b)*b", "[一-龥\u3040-ゟ]+",
]


def splits():
    out = []
    texts = [t for t in CURATED if len(t) < 60]
    for expression in EXPRESSIONS:
        for behavior in ("isolated", "removed", "contiguous", "merged_with_next", "merged_with_previous"):
            for invert in (False, True):
                p = split(expression, behavior, invert)
                name = "".join(w.title() for w in behavior.split("_"))
                pieces = ["\0".join(s for s, _ in p.pre_tokenize_str(t)) for t in texts]
                out.append({"expression": expression, "behavior": name, "invert": invert, "sum": hashlib.sha256("\1".join(pieces).encode()).hexdigest()[:12]})
    (HERE / "splits.json").write_text(json.dumps(out, separators=(",", ":")).replace("},{", "},\n{") + "\n")


def main():
    splits()
    texts = random_texts()
    (HERE / "texts.json").write_text(json.dumps({"curated": CURATED, "random": texts}, ensure_ascii=True, indent=0))
    chatml = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    odd = [
        AddedToken("<mask>", lstrip=True, normalized=False, special=True),
        AddedToken("<strip>", rstrip=True, lstrip=True, normalized=False),
        AddedToken("word", single_word=True, normalized=False),
        AddedToken("<norm>", normalized=True, special=True),
        AddedToken("cafe\u0301X", normalized=True),
    ]
    sequence = pre_tokenizers.Sequence
    made = {
        "gpt2": train(models.BPE(), pre=bytelevel(), special=chatml),
        "gpt2prefix": train(models.BPE(), pre=bytelevel(add_prefix_space=True), special=chatml, added=odd),
        "llama3": train(models.BPE(ignore_merges=True), size=420, pre=sequence([split(LLAMA3), bytelevel(use_regex=False)]), special=chatml, added=odd),
        "qwen2": train(models.BPE(), size=380, normalizer=normalizers.NFC(), pre=sequence([split(QWEN2), bytelevel(use_regex=False)]), special=chatml, added=odd),
        "smollm": train(models.BPE(), pre=sequence([pre_tokenizers.Digits(individual_digits=True), bytelevel()]), special=chatml),
        "digits": train(models.BPE(), size=300, normalizer=normalizers.Sequence([normalizers.NFC()]),
                        pre=sequence([pre_tokenizers.Digits(individual_digits=False), split(GPT2, "removed", True), bytelevel(use_regex=False, add_prefix_space=True)])),
        "unknown": train(models.BPE(unk_token="<unk>", fuse_unk=True), size=200, alphabet=False, pre=bytelevel(), special=["<unk>"]),
        "partial": train(models.BPE(), size=160, alphabet=False, pre=bytelevel()),
    }
    # SentencePiece-style: over characters, with a mark for spaces and tokens for bytes.
    pieces = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
    fallback = {"unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True}
    spaces = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    llama2 = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    metaspace = pre_tokenizers.Metaspace
    made |= {
        "llama2": train(models.BPE(**fallback), size=700, alphabet=False, normalizer=llama2, special=pieces, decoder=spaces),
        "mistral": train(models.BPE(**fallback), size=420, alphabet=False, pre=metaspace(prepend_scheme="first", split=False), special=pieces, added=odd, decoder=spaces),
        "gemma": train(models.BPE(**fallback), size=420, alphabet=False, normalizer=normalizers.Replace(" ", "\u2581"), pre=split(Regex(" "), "merged_with_previous"),
                       special=pieces, decoder=decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()])),
        "marked": train(models.BPE(unk_token="<unk>"), size=160, alphabet=False, pre=metaspace(prepend_scheme="always"), special=["<unk>"], added=odd,
                        decoder=decoders.Metaspace(prepend_scheme="always")),
        "forms": train(models.BPE(unk_token="<unk>", fuse_unk=True), size=200, alphabet=False, special=["<unk>"], added=odd[3:], pre=split(" ", "removed"),
                       normalizer=normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase(), normalizers.Strip()]), decoder=decoders.Fuse()),
    }
    made["llama3"].post_processor = processors.TemplateProcessing(single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", made["llama3"].token_to_id("<|endoftext|>"))])
    for name, t in made.items():
        t.save(str(HERE / f"{name}.tokenizer.json"), pretty=False)
        t = Tokenizer.from_file(str(HERE / f"{name}.tokenizer.json"))
        t.encode_special_tokens = False
        curated = []
        for text in CURATED:
            e = t.encode(text, add_special_tokens=False)
            case = {"ids": e.ids}
            if len(e.ids) > 16:
                case = {"sum": short(e.ids)}
            case["offsets"] = short([x for pair in e.offsets for x in pair])
            for key, skip in (("text", False), ("plain", True)):
                decoded = t.decode(e.ids, skip_special_tokens=skip)
                if decoded != text:
                    case[key] = decoded
            if len(e.ids) > 3:
                cut = t.decode(e.ids[1:-1], skip_special_tokens=False)
                case["cut"] = hashlib.sha256(cut.encode()).hexdigest()[:12]
            curated.append(case)
        out = {
            "curated": curated,
            "random": [short(t.encode(x, add_special_tokens=False).ids) for x in texts],
            "size": max(t.get_vocab().values()) + 1,
        }
        (HERE / f"{name}.json").write_text(json.dumps(out, ensure_ascii=True, separators=(",", ":")).replace('{"ids"', '\n{"ids"'))


main()
