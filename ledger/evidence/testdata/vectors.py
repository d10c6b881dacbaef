#!/usr/bin/env python3
"""Writes vectors.json: canonical JSON, leaf hashes, roots and proofs, prefix trees.

It uses hashlib and nothing else that hashes or formats: trees and proofs follow
the recursive definitions of RFC 6962, section 2.1, and canonical JSON follows
RFC 8785, numbers by ECMA-262, Number::toString. It shares no code and no
algorithm with the Go packages that the vectors test.

    python3 vectors.py > vectors.json
"""
import hashlib
import hmac
import json
import struct


def number(v):
    """A finite number as ECMA-262 writes it, from Python's shortest digits."""
    if isinstance(v, int):
        return str(v)
    if v == 0:
        return "0"
    sign = "-" if v < 0 else ""
    mantissa, _, exponent = repr(abs(v)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    # v = 0.DIGITS * 10^n
    n = len(whole) + int(exponent or 0)
    if whole.strip("0") == "":
        n -= len(fraction) - len(fraction.lstrip("0")) + len(whole)
    digits = digits.rstrip("0")
    k = len(digits)
    if k <= n <= 21:
        return sign + digits + "0" * (n - k)
    if 0 < n <= 21:
        return sign + digits[:n] + "." + digits[n:]
    if -6 < n <= 0:
        return sign + "0." + "0" * -n + digits
    e = n - 1
    tail = ("+" if e > 0 else "-") + str(abs(e))
    return sign + digits[0] + ("." + digits[1:] if k > 1 else "") + "e" + tail


def string(s):
    short = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
    return '"' + "".join(short.get(c) or (f"\\u{ord(c):04x}" if c < " " else c) for c in s) + '"'


def canonical(v):
    if v is None or v is True or v is False:
        return {None: "null", True: "true", False: "false"}[v]
    if isinstance(v, str):
        return string(v)
    if isinstance(v, (int, float)):
        return number(v)
    if isinstance(v, list):
        return "[" + ",".join(map(canonical, v)) + "]"
    keys = sorted(v, key=lambda k: k.encode("utf-16-be"))
    return "{" + ",".join(string(k) + ":" + canonical(v[k]) for k in keys) + "}"


def sha256(data):
    return hashlib.sha256(data).digest()


def leaf_hash(leaf):
    return sha256(b"\x00" + leaf)


def split(n):
    """The largest power of two below n."""
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def root(leaves):
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    k = split(len(leaves))
    return sha256(b"\x01" + root(leaves[:k]) + root(leaves[k:]))


def path(m, leaves):
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return path(m, leaves[:k]) + [root(leaves[k:])]
    return path(m - k, leaves[k:]) + [root(leaves[:k])]


def subproof(m, leaves, complete):
    if m == len(leaves):
        return [] if complete else [root(leaves)]
    k = split(len(leaves))
    if m <= k:
        return subproof(m, leaves[:k], complete) + [root(leaves[k:])]
    return subproof(m - k, leaves[k:], False) + [root(leaves[:k])]


def keyed(key, identity):
    return hmac.new(key, identity, hashlib.sha256).digest()


def place(identity):
    """The 256 bits of an identity, as text."""
    return "".join(f"{byte:08b}" for byte in identity)


EMPTY = sha256(b"\x02")


def subtree(leaves, prefix=""):
    """Hash of the leaves, a dict of places to (id, value), whose place has a prefix."""
    inside = [leaf for at, leaf in leaves.items() if at.startswith(prefix)]
    if not inside:
        return EMPTY
    if len(inside) == 1:
        identity, value = inside[0]
        return sha256(b"\x00" + identity + bytes([value]))
    return sha256(b"\x01" + subtree(leaves, prefix + "0") + subtree(leaves, prefix + "1"))


def prefix_proof(leaves, identity):
    at, prefix, siblings = place(identity), "", []
    while sum(p.startswith(prefix) for p in leaves) > 1:
        digit = at[len(prefix)]
        siblings.append(subtree(leaves, prefix + ("1" if digit == "0" else "0")))
        prefix += digit
    found = [leaf for p, leaf in leaves.items() if p.startswith(prefix)]
    return {"leaf": (found[0][0] + bytes([found[0][1]])).hex() if found else "",
            "siblings": ["" if h == EMPTY else h.hex() for h in siblings]}


def prefix_trees():
    root_key, set_key = sha256(b"root key"), sha256(b"set key")
    clear = [sha256(b"record %d" % i) for i in range(40)]
    ids = [keyed(set_key, keyed(root_key, x)) for x in clear]
    trees = []
    for size in (0, 1, 2, 3, 8, 29):
        leaves = {place(ids[i]): (ids[i], 1 + i % 3) for i in range(size)}
        trees.append({"size": size, "root": subtree(leaves).hex(), "proofs": [prefix_proof(leaves, i) for i in ids]})
    return {"root_key": root_key.hex(), "set_key": set_key.hex(),
            "commitment": sha256(b"daybook membership keys v1\n" + root_key + set_key).hex(),
            "identities": [x.hex() for x in clear], "ids": [i.hex() for i in ids], "trees": trees}


def bits(v):
    return struct.pack(">d", v).hex()


FLOATS = [0.0, -0.0, 1.0, -1.5, 0.1, 1 / 3, 2e-3, 1e-6, 1e-7, 1.5e-7, 123456789.125, 1e20, 1e21, 1.7976931348623157e308,
          5e-324, 2.2250738585072014e-308, 9007199254740992.0, 9007199254740994.0, 333333333.3333333, 4.5, 1e23,
          0.000001234, 999999999999999900000.0, 6.02214076e23, -1e-9, 295147905179352830000.0]
VALUES = [
    {}, [], None, True, "", "\u20ac$\u000f\nA'B\"\\\\\"/", "\u2028\u2029\u007f<>&", {"b": 1, "a": [2, {"z": None, "y": False}], "": 0},
    {"\u20ac": "Euro", "\r": "return", "1": "one", "\u0080": "control", "\U0001f600": "smile", "\u00f6": "o", "\ufb33": "dalet"},
    {"learning_rate": [2e-3, 1e-7, 0.1], "step": [1, 2, 9007199254740991, -9007199254740991]},
]
TYPES = ["origin", "sweep", "steps", "alias"]


def main():
    entries = []
    for i in range(17):
        body = {"n": i, "loss": (i + 1) / 7, "name": "é" * i, "nested": {"b": [i] * (i % 4), "a": i % 2 == 0}}
        entries.append({"seq": i + 1, "time": f"2026-03-01T12:00:{i:02d}{'.5' if i % 3 == 1 else ''}Z",
                        "type": TYPES[i % 4], "version": 1 + i % 2, "body": body})
    leaves = [canonical(e).encode() for e in entries]
    n = len(leaves)
    out = {
        "floats": [{"bits": bits(v), "text": number(v)} for v in FLOATS],
        "canonical": [{"json": json.dumps(v, indent=1, ensure_ascii=i % 2 == 0), "text": canonical(v)} for i, v in enumerate(VALUES)],
        "entries": [{"entry": e, "leaf": leaf.decode(), "hash": leaf_hash(leaf).hex()} for e, leaf in zip(entries, leaves)],
        "roots": [root(leaves[:size]).hex() for size in range(n + 1)],
        "inclusion": [{"index": m, "size": size, "proof": [h.hex() for h in path(m, leaves[:size])]}
                      for size in (1, 2, 3, 7, 8, 13, n) for m in range(size)],
        "consistency": [{"old": m, "size": size, "proof": [h.hex() for h in subproof(m, leaves[:size], True)]}
                        for size in (2, 3, 8, 11, n) for m in range(1, size + 1)],
        "prefix": prefix_trees(),
    }
    print(json.dumps(out, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
