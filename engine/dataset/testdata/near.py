#!/usr/bin/env python3
"""Writes near.json: turns and their near IDs, by Python's Unicode tables.

    python3 near.py > near.json
"""
import hashlib
import json
import unicodedata

TURNS = [
    [["user", "Lisinopril 5 mg PO"]],
    [["user", "  lisinopril\t5\u00a0MG\r\npo "], ["assistant", ""]],
    [["system", "Straße"], ["user", "STRASSE"], ["assistant", "ſtraſſe"]],
    [["text", "K\u0308oln Ko\u0308ln K\u00f6ln"]],
    [["user", "ﬁ ﬃ Ⅷ ½ ｆｕｌｌ　width ℃"]],
    [["user", "ΣΊΣΥΦΟΣ ς İstanbul ı"]],
    [["user", "5 µg 5 μg \u1e9e \u0345"]],
    [["user", "\u2003 \u2028 \u0085 \u200b \ufeff x"]],
]


# White space as Unicode's property has it: str.split() also takes U+001C to U+001F.
SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(chr(c) for c in range(0x2000, 0x200B))


def near(text):
    folded = unicodedata.normalize("NFKC", text).casefold()
    text = "".join(" " if c in SPACE else c for c in unicodedata.normalize("NFKC", folded))
    return " ".join(part for part in text.split(" ") if part)


def near_id(turns):
    h = hashlib.sha256(b"daybook near 1\n")
    for role, content in turns:
        for part in (role, near(content)):
            data = part.encode()
            h.update(len(data).to_bytes(8, "big") + data)
    return h.hexdigest()


if __name__ == "__main__":
    print(json.dumps([{"turns": t, "near": near_id(t)} for t in TURNS], indent=1))
