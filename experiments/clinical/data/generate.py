"""Writes notes.jsonl: synthetic clinical notes with the medications they prescribe.

    python3 generate.py            write notes.jsonl beside this file
    python3 generate.py --check    compare the file with what would be written,
                                   every clean answer with its note, and the
                                   counts, which are printed, with the README's
    python3 generate.py --table    print the table of conventions as JSON

Standard library only. The seed decides every byte on any Python from 3.9: all
choices come from random.random(), whose sequence the language guarantees.
No real patient, clinician or note stands behind any line.
"""

import argparse
import copy
import hashlib
import json
import pathlib
import random
import re
import sys

import faults
import phrases
import vocabulary as v

SEED = 20240917
NOTES = 2200
NOISY_SHARE = 0.55  # enough clean notes for both held-out sets and 300 to train on
NOTES_PER_PATIENT = [1, 2, 3, 3, 4, 5]

QUESTION = "Give medications as JSON with name, dose, frequency, route, instructions.\n"
KEYS = ["name", "dose", "frequency", "route", "instructions"]
FILE = pathlib.Path(__file__).with_name("notes.jsonl")


class Draw:
    """Choices made from random.random() alone."""

    def __init__(self, seed):
        self.random = random.Random(seed).random

    def below(self, n):
        return int(self.random() * n)

    def chance(self, p):
        return self.random() < p

    def pick(self, items):
        return items[self.below(len(items))]

    def sample(self, items, n):
        """n different items in random order."""
        pool = list(items)
        return [pool.pop(self.below(len(pool))) for _ in range(min(n, len(pool)))]

    def shuffled(self, items):
        return self.sample(items, len(items))


class Order:
    """A prescription: what the drug is called, and the annotated words of each field."""

    def __init__(self, draw, drug):
        _, self.generic, others, amounts, self.unit, routes, frequencies, instructions = drug
        self.names = [self.generic, *others]
        self.name = draw.pick(others) if draw.chance(0.5) else self.generic
        self.amounts = amounts
        self.amount = draw.pick(amounts)
        if self.amount == "1" and self.unit in ("puffs", "tablets"):
            self.unit = self.unit[:-1]
        self.route = draw.pick(routes)
        self.frequency = draw.pick(frequencies) if frequencies else None
        self.instructions = draw.pick(instructions) if instructions and draw.chance(0.75) else None

    def seen(self, draw):
        """The order as one note mentions it: with another name at times, and fields left out."""
        o = copy.copy(self)
        if draw.chance(0.25):
            o.name = draw.pick(self.names)
        if draw.chance(0.06):
            o.amount = None
        if draw.chance(0.10):
            o.frequency = None
        if draw.chance(0.30):
            o.route = None
        if draw.chance(0.25):
            o.instructions = None
        return o

    def gold(self):
        dose = None if self.amount is None else self.amount + " " + self.unit
        return dict(zip(KEYS, [self.name, dose, self.frequency, self.route, self.instructions]))


class Patient:
    def __init__(self, draw, number):
        self.id = "patient-%04d" % number
        self.age = 19 + draw.below(74)
        self.sex = draw.pick("MF")
        self.specialty = draw.pick(sorted(v.PROBLEMS))
        own = [d for d in v.DRUGS if d[0] == self.specialty]
        rest = [d for d in v.DRUGS if d[0] != self.specialty]
        drugs = draw.sample(own, 2 + draw.below(2)) + draw.sample(rest, 2)
        self.orders = [Order(draw, d) for d in draw.shuffled(drugs)]


def note(draw, patient):
    """Returns the text of one note, its style and its orders in the order of mention."""
    style = draw.pick(["shorthand", "shorthand", "prose", "list"])
    count = draw.pick([0] + [1] * 13 + [2] * 7 + [3])
    active = draw.sample(patient.orders, count)
    if draw.chance(0.12):  # something new today
        fresh = Order(draw, draw.pick(v.DRUGS))
        if fresh.generic not in [o.generic for o in patient.orders]:
            active = draw.shuffled(active[:2] + [fresh])
    others = [Order(draw, d) for d in v.DRUGS if d[1] not in [o.generic for o in active]]
    active = [o.seen(draw) for o in active]
    mentions = [(phrases.active(draw, o, style), o) for o in active]
    for p in (0.5, 0.12):
        if draw.chance(p):
            mentions.append((phrases.inactive(draw, draw.pick(others), style), None))
    mentions = draw.shuffled(mentions)
    text = phrases.assemble(draw, patient, style, [m for m, _ in mentions], bool(active))
    return text, style, [o for _, o in mentions if o is not None]


def records():
    """Returns the records, and how many of the noisy answers are wrong."""
    draw = Draw(SEED)
    out, patients, wrong = [], 0, 0
    while len(out) < NOTES:
        patients += 1
        patient = Patient(draw, patients)
        for _ in range(draw.pick(NOTES_PER_PATIENT)):
            if len(out) == NOTES:
                break
            text, style, orders = note(draw, patient)
            gold = [o.gold() for o in orders]
            noisy = draw.chance(NOISY_SHARE)
            if noisy:
                right, gold = gold, faults.annotate(Draw(SEED + len(out) + 1), text, orders, gold)
                wrong += gold != right
            out.append({
                "id": "note-%04d" % (len(out) + 1),
                "patient": patient.id,
                "quality": "noisy" if noisy else "clean",
                "specialty": patient.specialty,
                "style": style,
                "drugs": len(orders),
                "messages": [
                    {"role": "user", "content": QUESTION + text},
                    {"role": "assistant", "content": compact({"medications": gold})},
                ],
            })
    return out, wrong


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def encode(recs):
    return "".join(compact(r) + "\n" for r in recs).encode()


def spaced(text):
    return re.sub(r"(\d)([a-z])", r"\1 \2", text.lower())


def matcher():
    """A pattern of all written forms, longest first, and the annotated words of each."""
    words = {spaced(form): said for table in v.SAME.values() for said, forms in table.items() for form in [said, *forms]}
    longest_first = sorted(words, key=lambda w: (-len(w), w))
    return re.compile(r"(?<![a-z0-9])(?:%s)(?![a-z0-9])" % "|".join(map(re.escape, longest_first))), words


def plain(text, matched=matcher()):
    """The text with every written form replaced by its annotated words, for comparison."""
    pattern, words = matched
    text = pattern.sub(lambda m: words[m.group()], spaced(text))
    return " " + " ".join(re.findall(r"[a-z0-9]+(?:[./-][a-z0-9]+)*", text)) + " "


def values(rec):
    """The values that a record's answer gives."""
    gold = json.loads(rec["messages"][1]["content"])
    return [x for m in gold["medications"] for x in m.values() if x is not None]


def invented(rec):
    """Those of them that the note doesn't hold, whatever the form."""
    text = plain(rec["messages"][0]["content"][len(QUESTION):])
    return [x for x in values(rec) if plain(x) not in text]


def counts(recs, wrong):
    """What the README says of the notes."""
    noisy = [r for r in recs if r["quality"] == "noisy"]
    yield "{:,} records of {:,} patients, {:,} clean and {:,} noisy".format(
        len(recs), len({r["patient"] for r in recs}), len(recs) - len(noisy), len(noisy))
    yield "{:,} of the {:,} noisy answers differ from the right one, and {:,} of their {:,} values are not in the note".format(
        wrong, len(noisy), sum(len(invented(r)) for r in noisy), sum(len(values(r)) for r in noisy))


def check(recs, wrong, data):
    have = FILE.read_bytes()
    if have != data:
        sys.exit("notes.jsonl: SHA-256 %s, but the generator writes %s" % tuple(hashlib.sha256(b).hexdigest() for b in (have, data)))
    for r in recs:
        if r["quality"] == "clean" and invented(r):
            sys.exit("%s: the note doesn't hold %s" % (r["id"], invented(r)))
    if len({r["messages"][0]["content"] for r in recs}) != len(recs):
        sys.exit("two notes are equal")
    print("notes.jsonl: %d records, SHA-256 %s" % (len(recs), hashlib.sha256(have).hexdigest()))
    readme = FILE.parents[1].joinpath("README.md").read_text(encoding="utf-8")
    for said in counts(recs, wrong):
        print(said)
        if said not in readme:
            sys.exit("README.md: it says otherwise")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--table", action="store_true")
    args = parser.parse_args()
    if args.table:
        print(json.dumps(v.SAME, indent=2))
        return
    recs, wrong = records()
    if args.check:
        check(recs, wrong, encode(recs))
    else:
        FILE.write_bytes(encode(recs))


if __name__ == "__main__":
    main()
