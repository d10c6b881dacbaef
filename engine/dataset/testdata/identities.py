#!/usr/bin/env python3
"""Writes identities.json: sample records and examples, their identities and roots.

What is hashed is as the comments of the Go packages engine/dataset and engine/chat
say; canonical JSON and Merkle roots are those of ledger/evidence/testdata/vectors.py,
near IDs those of near.py beside this.

    python3 identities.py > identities.json
"""
import hashlib
import json
import pathlib
import struct
import sys
import unicodedata

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE), str(HERE.parents[2] / "ledger" / "evidence" / "testdata")]

from near import SPACE, near_id
from vectors import canonical, root

# As they stand on lines of a file: keys in any order, escapes, numbers in other forms.
RECORDS = [
    '{"prompt": "Lisinopril 5 mg PO", "completion": "{\\"dose\\": \\"5 mg\\"}"}',
    '{"completion":"{\\u0022dose\\u0022: \\u00225 mg\\u0022}","prompt":"Lisinopril\\u00205 mg PO"}',
    '{"prompt": "Lisinopril 5 mg PO", "completion": "{\\"dose\\": \\"5 mg\\"}", "id": "n1", "site": {"z": 1.0, "a": [1e2, -0.0, 1E-7, 0.10, 1e21, 9007199254740992, true, null]}}',
    '{"messages": [{"role": "system", "content": " List doses.\\r\\n"}, {"role": "user", "content": "K\\u0308oln Ko\\u0308ln\\rK\\u00f6ln"}, {"role": "assistant", "content": "\\u00a0\\u2003none \\ufb01 \\u200b"}]}',
    '{"messages": [{"content": "List doses.", "role": "system"}, {"content": "K\\u0308oln K\\u00f6ln\\nK\\u00f6ln", "role": "user"}, {"content": "none \\ufb01 \\u200b", "role": "assistant"}], "source": "copy"}',
    '{"conversations": [{"from": "human", "value": "Stra\\u00dfe"}, {"from": "gpt", "value": "STRASSE"}, {"from": "human", "value": "again"}, {"from": "gpt", "value": "\\ud83d\\ude00 \\u2028 \\u007f <&>"}], "\\ufb33": 1, "\\ud83d\\ude00": 2, "\\u20ac": 3}',
    '{"instruction": "Name the drug.", "input": "metformin 500 mg PO BID", "output": "metformin", "system": "Be brief."}',
    '{"instruction": "Name the drug.", "input": "", "output": "metformin"}',
    '{"text": "  Pt started on metformin \\u001f\\t500 mg.\\n", "tags": ["a", "b"]}',
    '{"text": "Pt started on Metformin \\u001f 500 MG.", "tags": ["a", "b"]}',
    '{"prompt": "", "completion": "\\u0001\\b\\f\\n\\r\\t\\"\\\\/"}',
]
IGNORED = -1  # the target of a position at which nothing is learnt
EXAMPLES = [
    {"tokens": [], "targets": []},
    {"tokens": [7], "targets": [IGNORED]},
    {"tokens": [1, 2], "targets": [IGNORED, 3]},
    {"tokens": [151643, 0, 2147483647, 258], "targets": [IGNORED, 2147483647, 258, IGNORED]},
    {"tokens": [151643, 0, 2147483647, 258], "targets": [0, 2147483647, 258, IGNORED]},
]


def turns_of(r):
    """What a record says: pairs of role and content."""
    if "messages" in r:
        return [(m["role"], m["content"]) for m in r["messages"]]
    if "conversations" in r:
        roles = {"human": "user", "gpt": "assistant"}
        return [(roles[m["from"]], m["value"]) for m in r["conversations"]]
    if "text" in r:
        return [("text", r["text"])]
    asked, answer = (r["prompt"], r["completion"]) if "prompt" in r else (r["instruction"], r["output"])
    if r.get("input"):
        asked += "\n\n" + r["input"]
    system = [("system", r["system"])] if "system" in r else []
    return system + [("user", asked), ("assistant", answer)]


def blank(r):
    """The record with its last turn's content empty."""
    r = json.loads(json.dumps(r))
    for messages, content in (("messages", "content"), ("conversations", "value")):
        if messages in r:
            r[messages][-1][content] = ""
            return r
    r[next(key for key in ("completion", "output", "text") if key in r)] = ""
    return r


def record_id(r):
    return hashlib.sha256(canonical(r).encode()).digest()


def content_id(turns):
    hashed = b"daybook content 1\n"
    for role, content in turns:
        text = unicodedata.normalize("NFC", content).replace("\r\n", "\n").replace("\r", "\n").strip(SPACE)
        for part in (role.encode(), text.encode()):
            hashed += struct.pack(">Q", len(part)) + part
    return hashlib.sha256(hashed).digest()


def example_id(tokens, targets):
    positions = b"".join(struct.pack("<ii", *pair) for pair in zip(tokens, targets))
    return hashlib.sha256(b"daybook example 1\n" + positions).digest()


def main():
    parsed = [json.loads(text) for text in RECORDS]
    ids = [record_id(r) for r in parsed]
    records = []
    for text, r, identity in zip(RECORDS, parsed, ids):
        turns = turns_of(r)
        records.append({"json": text, "record": identity.hex(), "content": content_id(turns).hex(), "near": near_id(turns),
                        "prompt": content_id(turns[:-1]).hex(), "blank": record_id(blank(r)).hex()})
    sets = [example_id(**e) for e in EXAMPLES]
    print(json.dumps({
        "records": records,
        "record_roots": [root(ids[:n]).hex() for n in range(len(ids) + 1)],
        "examples": [e | {"example": i.hex()} for e, i in zip(EXAMPLES, sets)],
        "set_roots": [root(sets[:n]).hex() for n in range(len(sets) + 1)],
    }, indent=1))


if __name__ == "__main__":
    main()
