"""What goes wrong when people annotate: noisy answers are made from right ones."""

import re

import vocabulary as v

CONVENTIONS = (("frequency", v.FREQUENCIES), ("route", v.ROUTES), ("instructions", v.INSTRUCTIONS))


def annotate(draw, text, orders, gold):
    """Returns the answer of a careless annotator to the note."""
    gold = [dict(g) for g in gold]
    if draw.chance(0.45):
        for g in gold:
            own_conventions(draw, text, g)
    if gold and draw.chance(0.2):
        swap_fields(draw, draw.pick(gold))
    if gold and draw.chance(0.15):
        k = draw.below(len(gold))
        gold[k]["name"] = draw.pick(orders[k].names)
    if len(gold) > 1 and draw.chance(0.2):
        del gold[draw.below(len(gold))]
    if draw.chance(0.2):
        gold.insert(draw.below(len(gold) + 1), not_prescribed(draw, text))
    return gold


def own_conventions(draw, text, g):
    """Copies what the note says instead of the agreed words."""
    if g["dose"] and draw.chance(0.6):
        number, unit = g["dose"].split(" ", 1)
        g["dose"] = draw.pick([number + unit, g["dose"], number])
    for key, table in CONVENTIONS:
        head, reason = g[key], ""
        if head and head.startswith("as needed for "):
            head, reason = "as needed", head[len("as needed"):]
        written = [f for f in table.get(head, []) if re.search(r"(?<![A-Za-z])" + re.escape(f) + r"(?![A-Za-z])", text)]
        if written and draw.chance(0.7):
            g[key] = draw.pick(written) + reason


def swap_fields(draw, g):
    a, b = draw.pick([("frequency", "route"), ("dose", "frequency"), ("frequency", "instructions"), ("route", "instructions")])
    g[a], g[b] = g[b], g[a]


def not_prescribed(draw, text):
    """A drug that the note mentions without prescribing it, or doesn't mention at all."""
    mentioned = [n for d in v.DRUGS for n in [d[1], *d[2]] if n.lower() in text.lower()]
    drug = draw.pick(v.DRUGS)
    name = draw.pick(mentioned) if mentioned and draw.chance(0.3) else drug[1]
    return {
        "name": name, "dose": draw.pick(drug[3]) + " " + drug[4], "frequency": draw.pick(drug[6]) if drug[6] else None,
        "route": draw.pick(drug[5]), "instructions": None,
    }
