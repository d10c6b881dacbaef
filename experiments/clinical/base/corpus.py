"""Documents to train the base on: note prose and chat tasks in ever new wording.

The experiment's notes are not among them, and neither are its prompt, its drug
names or its answers: drugs are made-up names. What is shared with the notes is
general: abbreviations and the words for them, problems and laboratory values
(data/vocabulary.py), because a base has read such things. Every answer copies
its values from the text; which of two equal forms is agreed on, which drugs
count and what the prompt's keys mean over a note, nothing here tells.
"""

import json
import pathlib
import sys

import words as w

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "data"))

import vocabulary as v  # noqa: E402
from generate import Draw  # noqa: E402

END, START, STOP = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
FIELDS = ["dose", "frequency", "route", "instructions"]
TABLES = {"frequency": v.FREQUENCIES, "route": v.ROUTES, "instructions": v.INSTRUCTIONS}


def documents(seed, count):
    """count documents that the seed decides."""
    draw = Draw(seed)
    return [document(draw) for _ in range(count)]


def document(draw):
    x = draw.random()
    if x < 0.2:
        return prose(draw) if x > 0.02 else glossary(draw)
    if x < 0.56:
        return chat([entity_task(draw) for _ in range(2 if draw.chance(0.15) else 1)])
    if x < 0.96:
        return chat(note_tasks(draw))
    return chat([lookup_task(draw)])


def chat(turns):
    return "".join("%suser\n%s%s\n%sassistant\n%s%s\n" % (START, q, STOP, START, a, STOP) for q, a in turns)


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def dictionary():
    """General words, with and without a space in front, so that the tokenizer learns them whole.

    Documents hold so many made-up words that everyday ones would come apart.
    """
    forms = [form for table in v.SAME.values() for words, written in table.items() for form in [words, *written]]
    often = forms + w.DICTIONARY + w.ROUND
    problems = [p for ps in v.PROBLEMS.values() for p in ps] + [name + unit for name, _, unit in v.LABS] + v.REACTIONS + v.WHY_STOPPED + v.WHY_HELD
    seldom = w.KEYS + w.COMMON + problems + w.TAKEN + [d.format("") for d in w.DROPPED]
    return ['"%s" %s' % (p, p) for p in often] * 16 + ["%s %s" % (p, p) for p in seldom]


# Made-up words


def syllable(draw):
    return draw.pick(w.ONSETS) + draw.pick(w.VOWELS) + draw.pick(w.CODAS)


def word(draw, n=None):
    return "".join(syllable(draw) for _ in range(n or 1 + draw.below(3)))


def drug(draw):
    x = draw.random()
    if x < 0.12:
        return "".join(draw.pick("ABCDEFGHIKLMNOPRSTVZ") for _ in range(3 + draw.below(2)))
    if draw.chance(0.75):
        name = "".join(draw.pick(w.DRUG_SYLLABLES) for _ in range(1 + draw.below(3))) + draw.pick(w.STEMS)
    else:
        name = word(draw, 1 + draw.below(2)) + draw.pick(w.STEMS)
    if draw.chance(0.5):
        name = name.capitalize()
    if x < 0.2:
        name += draw.pick(["-", " "]) + draw.pick([word(draw, 2), draw.pick("ABCDK") + str(1 + draw.below(12)), word(draw, 1).upper()])
    elif x < 0.25:
        name += " " + draw.pick(["gel", "cream", "drops", "chloride", "acid", "XR", "HCl", "sodium"])
    return name


def number(draw):
    if draw.chance(0.3):
        return draw.pick(w.ROUND)
    x = draw.random()
    if x < 0.4:
        return str(1 + draw.below(100))
    if x < 0.7:
        return str(5 * (1 + draw.below(200)))
    if x < 0.85:
        return "%d.%d" % (draw.below(20), 1 + draw.below(9))
    return "0.%d" % (1 + draw.below(99)) if draw.chance(0.5) else "%d.%d" % (draw.below(13), 25 * (1 + draw.below(3)))


def amount(draw):
    unit = draw.pick(v.UNITS[draw.pick(["mg", "mg", "mg", *v.UNITS])])
    return number(draw) + ("" if draw.chance(0.35) else " ") + unit


def phrase(draw):
    return " ".join(draw.pick(w.COMMON if draw.chance(0.6) else w.DICTIONARY) for _ in range(1 + draw.below(4)))


def value(draw):
    return draw.pick([
        lambda: draw.pick(w.COLORS), lambda: number(draw), lambda: number(draw) + " " + draw.pick(w.UNITS), lambda: word(draw),
        lambda: word(draw).capitalize(), lambda: word(draw).capitalize() + " " + word(draw).capitalize(), lambda: phrase(draw), lambda: drug(draw),
        lambda: written(draw, draw.pick(sorted(TABLES))), lambda: word(draw, 1).upper(), lambda: draw.pick(w.COMMON), lambda: amount(draw),
    ])()


def written(draw, table):
    """Words of a table in any of their forms, or made-up instructions."""
    if table == "instructions" and draw.chance(0.35):
        start = draw.pick(["with", "after", "not with", "until", "if", "for", "before", "unless", "take with"])
        return start + " " + draw.pick([phrase(draw), word(draw), number(draw) + " days"])
    words = draw.pick(list(TABLES[table]))
    reason = " for " + draw.pick(w.REASONS + w.COMMON) if words == "as needed" and draw.chance(0.7) else ""
    return draw.pick([words, *TABLES[table][words]]) + reason


# Chat tasks over random things


def ask(draw, name, keys, where=""):
    verb = draw.pick(w.VERBS)
    shown = draw.pick([", ".join(keys), ", ".join(keys), " and ".join([", ".join(keys[:-1]), keys[-1]]) if len(keys) > 1 else keys[0], "/".join(keys), " ".join(keys)])
    return draw.pick(w.ASKS).format(verb=verb, lverb=verb.lower(), list=name, keys=shown, filter=where)


def place(draw, question, text):
    """Question and text in one turn, either first."""
    gap = draw.pick(["\n", "\n", "\n", "\n\n", " ", "\nText: ", "\nNote: "])
    return question + gap + text if draw.chance(0.75) else text + draw.pick(["\n", "\n\n"]) + question


def entity_task(draw):
    keys = draw.sample(w.KEYS, 2 + draw.below(5))
    rows = [{k: (None if draw.chance(0.12) else value(draw)) for k in keys} for _ in range(draw.pick([0, 1, 1, 2, 2, 3, 4]))]
    rows = [r for r in rows if any(r.values())]
    asked = draw.sample(keys, 1 + draw.below(len(keys)))
    name = draw.pick(w.LISTS) if draw.chance(0.8) else word(draw) + "s"
    style = draw.below(4)
    if style == 0 and rows:  # a table with a header
        bar = draw.pick([" | ", ",", " ; ", "\t"])
        text = bar.join(keys) + "\n" + "\n".join(bar.join(r[k] or "-" for k in keys) for r in rows)
    else:
        text = draw.pick(["\n", ". ", "; ", "\n- "]).join(describe(draw, r, keys) for r in rows) or draw.pick(["Nothing today.", "none", phrase(draw)])
    answer = {name: [{k: r[k] for k in asked} for r in rows]}
    return place(draw, ask(draw, name, asked), text), compact(answer)


def describe(draw, row, keys):
    link = draw.pick([" ", ": ", " is ", "=", " = ", " of "])
    have = [k for k in draw.shuffled(keys) if row[k] is not None]
    return draw.pick([", ", ", ", " and ", "; ", " "]).join(k + link + row[k] for k in have)


def lookup_task(draw):
    keys = draw.sample(w.KEYS, 3 + draw.below(4))
    row = {k: value(draw) for k in keys}
    key = draw.pick(keys)
    question = draw.pick(["What is the {}?", "{}?", "Tell me the {}.", "Copy the {}.", "Give only the {}."]).format(key)
    return place(draw, question, describe(draw, row, keys)), row[key]


# Chat tasks over notes


class Item:
    """A drug in a note: what each field says, or None."""

    def __init__(self, draw):
        self.taken = draw.chance(0.72)
        self.fields = {"name": drug(draw)}
        self.fields["dose"] = amount(draw) if draw.chance(0.85 if self.taken else 0.4) else None
        for key, p in (("frequency", 0.8), ("route", 0.6), ("instructions", 0.4)):
            self.fields[key] = None
            if draw.chance(p if self.taken else p * 0.35):
                self.fields[key] = written(draw, key)
        self.fields["status"] = "yes" if self.taken else "no"
        self.fields["why"] = draw.pick(w.REASONS) if not self.taken and draw.chance(0.5) else None
        self.text = self.say(draw)

    def say(self, draw):
        f = self.fields
        rest = [x for x in draw.shuffled([f["route"], f["frequency"]]) if x]
        if f["instructions"]:
            rest.insert(len(rest) if draw.chance(0.7) else draw.below(len(rest) + 1), f["instructions"])
        core = [f["name"], f["dose"]] if draw.chance(0.85) else [f["dose"], draw.pick(["of ", ""]) + f["name"]] if f["dose"] else [f["name"]]
        if draw.chance(0.12) and rest:
            core.insert(draw.below(2), rest.pop(0))
        if self.taken:
            if f["dose"] and draw.chance(0.1):
                tail = " ".join(rest)
                return draw.pick(w.CHANGES).format(n=f["name"], o=amount(draw), d=f["dose"], r=" " + tail if tail else "")
            body = draw.pick([" ", " ", " ", ", "]).join([" ".join(x for x in core if x), " ".join(rest)]) if rest else " ".join(x for x in core if x)
            return (draw.pick(w.TAKEN) + " " if draw.chance(0.6) else "") + body
        body = " ".join(x for x in core + rest if x)
        reason = draw.pick([" for {}", " due to {}", " ({})", " because of {}", ", {}", " - {}"]).format(f["why"]) if f["why"] else ""
        return draw.pick(w.DROPPED).format(body) + reason


def opening(draw):
    problem = draw.pick(v.PROBLEMS[draw.pick(sorted(v.PROBLEMS))]) if draw.chance(0.6) else word(draw) + " " + draw.pick(["pain", "disease", "injury", "infection", "test"])
    sex = draw.below(2)
    return draw.pick(w.OPENINGS).format(a=1 + draw.below(99), s=["man", "woman"][sex], x="MF"[sex], p=problem)


def lab(draw):
    name, _, unit = draw.pick(v.LABS)
    if draw.chance(0.2):
        name = drug(draw) + " level"
    return name + draw.pick([" ", " ", ": ", " of ", "="]) + number(draw) + (unit if draw.chance(0.4) else "")


def note(draw):
    """The text of a note, its items in order, and its labs."""
    items = [Item(draw) for _ in range(draw.pick([0, 1, 1, 2, 2, 2, 3, 3, 4]))]
    labs = [lab(draw) for _ in range(draw.pick([0, 0, 1, 1, 2]))]
    pieces = [i.text for i in items]
    for extra in ([", ".join(labs)] if labs else []) + ([plan(draw)] if draw.chance(0.4) else []):
        pieces.insert(draw.below(len(pieces) + 1), extra)
    if draw.chance(0.85):
        pieces.insert(0, opening(draw))
    if not pieces:
        pieces = [plan(draw)]
    style = draw.below(6)
    if style == 0:
        text = pieces[0] + "".join("\n%d%s %s" % (n + 1, draw.pick([")", "."]), p) for n, p in enumerate(pieces[1:]))
    elif style == 1:
        text = draw.pick(["\n", "\n- ", " / "]).join(pieces)
    elif style < 4:
        text = ". ".join(p[0].upper() + p[1:] for p in pieces) + "."
    else:
        text = draw.pick([". ", "; ", ", "]).join(pieces)
    return text, items, labs


def plan(draw):
    if draw.chance(0.2):
        return phrase(draw)
    return draw.pick(w.PLANS).format(n=1 + draw.below(12), l=draw.pick(v.LABS)[0])


class Request:
    """A question about notes: which drugs, which fields, under which names."""

    def __init__(self, draw):
        self.which, where = draw.pick([(None, "")] * 5 + [
            (True, draw.pick([" taken now", " in use", " still given", " to go on", " that are active"])),
            (False, draw.pick([" not taken", " dropped", " to avoid", " no longer given", " that ended"])),
        ])
        fields = draw.sample(FIELDS if draw.chance(0.8) else FIELDS + ["status", "why"], draw.below(5))
        self.fields = ["name"] + fields if draw.chance(0.75) else draw.shuffled(["name"] + fields)
        self.labels = [draw.pick(w.NOTE_KEYS[k]) for k in self.fields]
        self.list = draw.pick(w.NOTE_LISTS)
        self.question = ask(draw, self.list, self.labels, where)

    def answer(self, items):
        chosen = [i for i in items if self.which is None or i.taken == self.which]
        return compact({self.list: [{label: i.fields[k] for label, k in zip(self.labels, self.fields)} for i in chosen]})


def note_tasks(draw):
    text, items, labs = note(draw)
    if labs and draw.chance(0.04):
        name = draw.pick(["labs", "tests", "results", "measurements"])
        return [(place(draw, ask(draw, name, ["text"]), text), compact({name: [{"text": x} for x in labs]}))]
    request = Request(draw)
    turns = [(place(draw, request.question, text), request.answer(items))]
    x = draw.random()
    if x < 0.10:  # a second question about the same note
        request = Request(draw)
        turns.append((request.question, request.answer(items)))
    elif x < 0.20:  # the same question about another note
        text, items, _ = note(draw)
        turns.append((request.question + "\n" + text, request.answer(items)))
    return turns


# Prose


def prose(draw):
    out = []
    for _ in range(1 + draw.below(3)):
        text, items, _ = note(draw)
        out.append(text)
        if items and draw.chance(0.5):
            f = draw.pick(items).fields
            out.append(draw.pick(["The {n} is for {r}.", "{n} helps with {r}.", "Asked about {n} and {r}.", "{n} may cause {r}."]).format(n=f["name"], r=draw.pick(w.REASONS)))
    return draw.pick(["\n", "\n\n", " "]).join(out) + "\n"


def glossary(draw):
    lines = []
    for _ in range(2 + draw.below(6)):
        table = TABLES[draw.pick(sorted(TABLES))]
        words = draw.pick(list(table))
        a, b = draw.sample([words, *table[words]], 2)
        lines.append(draw.pick(["{} means {}", "{} = {}", "{}: {}", "{}, that is {}", "{} stands for {}", "{} is the same as {}"]).format(a, b))
    return draw.pick(["\n", ". ", "; "]).join(lines) + "\n"
