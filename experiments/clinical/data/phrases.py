"""How a note words an order, a drug that isn't taken, and everything around them."""

import vocabulary as v

# Chance that a style writes the first forms of a table (abbreviations) rather than words.
ABBREVIATES = {"shorthand": 0.8, "list": 0.65, "prose": 0.25}


def form(draw, table, words, style):
    """A written form of the annotated words; a reason after "as needed" stays."""
    head, reason = words, ""
    if words.startswith("as needed for "):
        head, reason = "as needed", words[len("as needed"):]
    forms = table[head]
    short = [f for f in forms if len(f) <= 5]
    if short and draw.chance(ABBREVIATES[style]):
        forms = short
    return draw.pick(forms) + reason


def dose(draw, order, style, amount=None):
    amount = amount or order.amount
    unit = draw.pick(v.UNITS[order.unit]) if draw.chance(0.3) else order.unit
    glued = order.unit in ("mg", "mcg", "g", "units", "mL") and draw.chance(0.5 if style != "prose" else 0.15)
    return amount + ("" if glued else " ") + unit


def parts(draw, order, style):
    """The written fields of an order; "" where it says nothing."""
    return (
        dose(draw, order, style) if order.amount else "",
        form(draw, v.ROUTES, order.route, style) if order.route else "",
        form(draw, v.FREQUENCIES, order.frequency, style) if order.frequency else "",
        form(draw, v.INSTRUCTIONS, order.instructions, style) if order.instructions else "",
    )


def join(*words):
    return " ".join(w for w in words if w)


def active(draw, order, style):
    """A mention of a drug that the patient takes."""
    d, r, f, i = parts(draw, order, style)
    if order.amount and len(order.amounts) > 1 and draw.chance(0.12):  # a changed dose
        other = draw.pick([a for a in order.amounts if a != order.amount])
        more = float(order.amount) > float(other)
        change = draw.pick([
            ("increase" if more else "decrease") + " {n} from {o} to {d} {rest}", "{n} " + ("up" if more else "down") + " from {o} to {d} {rest}",
            "{n} now {d} {rest}, was {o}", "{n} {d} {rest} (was {o})", "change {n} {o} to {d} {rest}",
        ])
        old = dose(draw, order, style, other)
        return tidy(change.format(n=order.name, o=old, d=d, rest=join(r, f, i)))
    if style == "prose":
        start = draw.pick(["continues", "takes", "taking", "on", "started", "will take", "given", "resume", "start", "continue", "restarted"])
        body = draw.pick([
            join(order.name, d, r, f, i), join(order.name, d, f, r, i), join(d, "of", order.name, r, f, i) if d else join(order.name, r, f, i),
            join(order.name, d, r, f) + (", " + i if i else ""), join(f, order.name, d, r, i),
        ])
        return tidy(start + " " + body)
    start = draw.pick(["", "", "", "cont ", "start ", "Rx ", "new: "])
    body = draw.pick([
        join(order.name, d, r, f, i), join(order.name, d, r, f, i), join(order.name, d, f, r, i),
        join(order.name, r, d, f, i), join(order.name, f, d, r, i), join(order.name, d, i, r, f),
    ])
    return tidy(start + body)


def inactive(draw, order, style):
    """A mention of a drug that must not be extracted."""
    if draw.chance(0.25):
        allergen = draw.pick(v.ALLERGENS) if draw.chance(0.6) else order.name
        reaction = draw.pick(v.REACTIONS)
        return draw.pick(["allergic to {a}", "allergies: {a}", "allergy: {a} ({r})", "ALL: {a} - {r}", "{a} gives {r}"]).format(a=allergen, r=reaction)
    if draw.chance(0.12):
        drug = draw.pick(sorted(v.LEVELS))
        return draw.pick(["{d} level {x}", "{d} trough {x}"]).format(d=drug, x=draw.pick(v.LEVELS[drug]))
    d, r, f, _ = parts(draw, order, style)
    what = order.name
    if draw.chance(0.5):
        what = join(order.name, d)
        if draw.chance(0.4):
            what = join(order.name, d, r, f)
    frame = draw.pick([
        "stopped {w}", "d/c {w}", "{w} discontinued", "{w} stopped for {s}", "no longer on {w}", "off {w} due to {s}",
        "hold {w} for {h}", "holding {w}", "{w} held for {h}", "{w} on hold", "d/c {w} ({s})", "declined {w}",
        "could not tolerate {w}", "was on {w} last year", "mother takes {w}", "finished {w}",
    ])
    return tidy(frame.format(w=what, s=draw.pick(v.WHY_STOPPED), h=draw.pick(v.WHY_HELD)))


def lab(draw):
    name, values, unit = draw.pick(v.LABS)
    return name + " " + draw.pick(values) + (unit if draw.chance(0.5) else "")


def assemble(draw, patient, style, mentions, any_active):
    """The whole note."""
    problem = draw.pick(v.PROBLEMS[patient.specialty])
    who = "%d%s" % (patient.age, patient.sex)
    labs = ", ".join(lab(draw) for _ in range(draw.pick([0, 0, 0, 1, 1])))
    if not any_active and draw.chance(0.7):
        mentions = mentions + [draw.pick(["no meds", "takes no meds", "no current meds"])]
    if style == "prose":
        opening = draw.pick(["{w} seen for {p}", "{w} with {p}", "{p} follow up", "Visit for {p}", "{w}, {p}"]).format(w=who, p=problem)
        pieces = [opening] + ([labs] if labs and draw.chance(0.5) else [])
        tail = [labs] if labs and len(pieces) == 1 else []
        return ". ".join(capital(x) for x in pieces + mentions + tail) + "."
    opening = join(who, problem)
    if style == "list":
        lines = ["%d) %s" % (n + 1, m) for n, m in enumerate(mentions)]
        return "\n".join([opening + (", " + labs if labs else "")] + lines)
    pieces = [opening] + mentions
    if labs:
        pieces.insert(1 + draw.below(len(pieces)), labs)
    return draw.pick([". ", "; ", ", "]).join(pieces)


def tidy(text):
    return " ".join(text.split()).replace(" ,", ",").replace(" )", ")")


def capital(text):
    return text[0].upper() + text[1:]
