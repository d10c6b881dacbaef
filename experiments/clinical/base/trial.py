# /// script
# requires-python = ">=3.10"
# dependencies = ["torch==2.11.0", "tokenizers==0.23.2", "safetensors==0.8.0", "numpy==2.5.2"]
# ///
"""Measures a base on the notes: zero-shot, then after LoRA on three sets of records.

    uv run trial.py --base . --device cpu

It is a check of base and data that shares no code with Daybook. The base is
rounded to NF4 with double quantization, adapters train on top of it, decoding
is greedy. Rows are printed as they finish: field F1 on validation after each
epoch, then F1 and invented values on test.
"""

import argparse
import json
import math
import pathlib
import random
import sys
import time

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

import corpus
import llama

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "data"))

import generate as notes  # noqa: E402

MOST = 160  # new tokens
# NF4, Dettmers et al. 2023, appendix E.
NF4 = torch.tensor([
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0,
    0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
])


def rounded(weight):
    """The weight after NF4 with double quantization, blocks of 64; scales to 8 bits in blocks of 256."""
    blocks = weight.reshape(-1, 64)
    scale = blocks.abs().amax(1)
    codes = (blocks / scale.clamp(min=1e-12)[:, None]).unsqueeze(-1).sub(NF4.to(weight.device)).abs().argmin(-1)
    mean, out = scale.mean(), []
    for part in (scale - mean).split(256):
        most = part.abs().amax().clamp(min=1e-12)
        out.append(dynamic(part / most) * most)
    return (NF4.to(weight.device)[codes] * (torch.cat(out) + mean)[:, None]).reshape(weight.shape)


def dynamic(x):
    """The nearest value of the signed 8-bit dynamic map."""
    values = [0.0, 1.0]
    for i in range(7):
        edges = [0.1 + 0.9 * k / 2**i for k in range(2**i + 1)]
        values += [s * (a + b) / 2 * 10.0 ** (i - 6) for a, b in zip(edges, edges[1:]) for s in (-1, 1)]
    table = torch.tensor(sorted(values), device=x.device)
    return table[(x[:, None] - table).abs().argmin(-1)]


def split(records, held):
    """Validation, test and the rest, all notes of a patient on one side; held out are clean notes only."""
    draw = random.Random(42)
    patients = sorted({r["patient"] for r in records})
    draw.shuffle(patients)
    by = {p: [] for p in patients}
    for r in records:
        by[r["patient"]].append(r)
    sides = []
    for count in held:
        side = []
        while len(side) < count:
            side += [r for r in by[patients.pop()] if r["quality"] == "clean"]
        sides.append(side[:count])
    return (*sides, [r for p in patients for r in by[p]])


def subsets(pool, seed=1):
    draw = random.Random(seed)
    clean = [r for r in pool if r["quality"] == "clean"]
    noisy = [r for r in pool if r["quality"] == "noisy"]
    clean, noisy = draw.sample(clean, 300), draw.sample(noisy, 500)
    return {"clean": clean, "noisy": noisy, "both": clean + noisy, "all": pool}


class Examples:
    """Tokens of records: the prompt, and the answer with its end."""

    def __init__(self, tokenizer, records):
        self.records, self.pairs = records, []
        for r in records:
            question, answer = (m["content"] for m in r["messages"])
            whole = corpus.chat([(question, answer)])
            cut = len(whole) - len(answer + corpus.STOP) - 1
            prompt = tokenizer.encode(whole[:cut]).ids
            self.pairs.append((prompt, tokenizer.encode(whole[cut:-1]).ids))


def rows(examples, most, draw):
    """Rows of whole examples, best-fit decreasing, in random order."""
    order = list(range(len(examples.pairs)))
    draw.shuffle(order)
    length = [len(p) + len(a) for p, a in examples.pairs]
    out = []
    for i in sorted(order, key=lambda i: -length[i]):
        fits = [r for r in out if r[0] + length[i] <= most]
        row = max(fits, key=lambda r: r[0]) if fits else [0, []]
        if not fits:
            out.append(row)
        row[0] += length[i]
        row[1].append(i)
    draw.shuffle(out)
    return [r[1] for r in out]


def batch(examples, chosen, device, pad):
    """Tokens and targets (rows, longest); only answers are targets."""
    longest = max(len(p) + len(a) for p, a in (examples.pairs[i] for i in chosen))
    tokens, targets = [], []
    for i in chosen:
        prompt, answer = examples.pairs[i]
        gap = longest - len(prompt) - len(answer)
        tokens.append(prompt + answer + [pad] * gap)
        targets.append([-100] * (len(prompt) - 1) + answer + [-100] * (gap + 1))
    return torch.tensor(tokens, device=device), torch.tensor(targets, device=device)


def train(model, examples, args, seed, after_epoch):
    draw = random.Random(seed)
    params = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(params, lr=args.lr, weight_decay=0.0)
    epochs = [rows(examples, args.row, draw) for _ in range(args.epochs)]
    steps = sum(math.ceil(len(e) / args.rows) for e in epochs)
    warmup, step = math.ceil(0.03 * steps), 0
    torch.manual_seed(seed)
    for epoch in epochs:
        model.train()
        for at in range(0, len(epoch), args.rows):
            chosen = [i for r in epoch[at : at + args.rows] for i in r]
            tokens, targets = batch(examples, chosen, args.device, model.config["pad_token_id"])
            loss = F.cross_entropy(model(tokens).flatten(0, 1), targets.flatten(), ignore_index=-100)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(params, 1.0)
            rate = step / warmup if step < warmup else (steps - step) / (steps - warmup)
            for group in optimizer.param_groups:
                group["lr"] = args.lr * rate
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            step += 1
        model.eval()
        after_epoch()
    return steps


def answers(model, tokenizer, examples, size):
    out = []
    for at in range(0, len(examples.pairs), size):
        prompts = [p for p, _ in examples.pairs[at : at + size]]
        out += llama.generate(model, prompts, MOST, model.config["eos_token_id"])
    return [tokenizer.decode(ids) for ids in out]


def parsed(text):
    """The listed drugs, or None if the text isn't an object with such a list."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    items = value.get("medications") if isinstance(value, dict) else None
    return [i for i in items if isinstance(i, dict)] if isinstance(items, list) else None


def score(texts, records):
    """Field F1 with items paired by name, the share of valid JSON, and invented values over values."""
    hit = said = meant = valid = made = values = 0
    for text, r in zip(texts, records):
        found, gold = parsed(text), parsed(r["messages"][1]["content"])
        valid += found is not None
        found, open_ = found or [], list(gold)
        note = notes.plain(r["messages"][0]["content"][len(notes.QUESTION):])
        meant += sum(x is not None for g in gold for x in g.values())
        for item in found:
            fields = {k: x for k, x in item.items() if x is not None}
            said += len(fields)
            values += len(fields)
            made += sum(notes.plain(str(x)) not in note for x in fields.values())
            pair = next((g for g in open_ if str(g["name"]).lower() == str(item.get("name")).lower()), None)
            if pair is not None:
                open_.remove(pair)
                hit += sum(pair.get(k) == x for k, x in fields.items() if k != "name") + 1
    f1 = 2 * hit / (said + meant) if said + meant else 0.0
    return f1, valid / len(records), "%d/%d" % (made, values)


def base(args):
    model = llama.load(args.base)
    with torch.no_grad():
        for m in model.linears().values():
            if args.quantize:
                m.weight.copy_(rounded(m.weight))
    return model.to(args.device).eval()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", type=pathlib.Path, required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--ranks", type=int, nargs="*", default=[8, 32])
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1])
    parser.add_argument("--sets", nargs="*", default=["clean", "noisy", "both"])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--row", type=int, default=256, help="tokens in a packed row")
    parser.add_argument("--rows", type=int, default=4, help="rows in a step")
    parser.add_argument("--held", type=int, nargs=2, default=[100, 200], help="validation and test records")
    parser.add_argument("--show", type=int, default=0, help="answers to print")
    args = parser.parse_args()
    args.quantize = True
    tokenizer = Tokenizer.from_file(str(args.base / "tokenizer.json"))
    records = [json.loads(line) for line in notes.FILE.read_text(encoding="utf-8").splitlines()]
    validation, test, pool = split(records, args.held)
    held = [Examples(tokenizer, s) for s in (validation, test)]

    def measure(model, side):
        texts = answers(model, tokenizer, held[side], 100)
        return texts, score(texts, held[side].records)

    for args.quantize in (False, True):
        model = base(args)
        for side, name in enumerate(("validation", "test")):
            texts, s = measure(model, side)
            print("zero-shot %s %s: F1 %.3f JSON %.3f invented %s" % ("NF4" if args.quantize else "float", name, *s), flush=True)
    for text, r in list(zip(texts, test))[: args.show]:
        print(r["messages"][0]["content"][len(notes.QUESTION):], "\n  says ", text, "\n  gold ", r["messages"][1]["content"])

    for name, chosen in subsets(pool).items():
        if name not in args.sets:
            continue
        examples = Examples(tokenizer, chosen)
        for rank in args.ranks:
            for seed in args.seeds:
                began, curve = time.time(), []
                model = base(args).requires_grad_(False)
                generator = torch.Generator().manual_seed(seed)
                for m in model.linears().values():
                    m.adapt(rank, 2 * rank, 0.05, generator)
                steps = train(model, examples, args, seed, lambda: curve.append(measure(model, 0)[1][0]))
                texts, s = measure(model, 1)
                print("%s rank %d seed %d: validation F1 %s; test F1 %.3f JSON %.3f invented %s; %d steps, %.1f s" % (
                    name, rank, seed, " ".join("%.3f" % f for f in curve), *s, steps, time.time() - began), flush=True)
    for text, r in list(zip(texts, test))[: args.show] if args.sets else []:
        print(r["messages"][0]["content"][len(notes.QUESTION):], "\n  says ", text, "\n  gold ", r["messages"][1]["content"])


if __name__ == "__main__":
    main()
