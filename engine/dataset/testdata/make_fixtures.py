# /// script
# requires-python = ">=3.10"
# dependencies = ["datasets==5.2.0", "numpy==2.4.6", "pyarrow==26.0.1"]
# ///
"""Makes the fixtures of package dataset with the datasets library and PyArrow.

    pip install datasets==5.2.0 numpy==2.4.6 pyarrow==26.0.1
    python make_fixtures.py

splits.json: what train_test_split makes of n rows, and one more split of its
training side. *.parquet: the same rows in the shapes and encodings that usual
writers choose; rows.json has what they hold.
"""

import datetime
import hashlib
import json
import pathlib

import numpy
import pyarrow
import pyarrow.parquet
from datasets import Dataset

HERE = pathlib.Path(__file__).parent


def digest(rows):
    return hashlib.sha256(json.dumps(rows, separators=(",", ":")).encode()).hexdigest()[:16]


def splits():
    out = []
    sizes = [(2, 1, None), (3, None, 0.5), (10, None, 0.1), (11, None, 0.1), (100, 7, None), (1000, None, 0.25), (2200, 200, None), (65536, None, 0.01), (100003, None, 0.333)]
    for n, count, fraction in sizes:
        for seed in (0, 1, 42, 2**32 + 5, 2**53 - 1):
            rows = Dataset.from_dict({"i": list(range(n))})
            parts = rows.train_test_split(test_size=count or fraction, seed=seed)
            case = {"n": n, "count": count or 0, "fraction": fraction or 0, "seed": seed, "test": digest(parts["test"]["i"][:]), "train": digest(parts["train"]["i"][:])}
            if n >= 10:
                again = parts["train"].train_test_split(test_size=0.2, seed=seed + 1)
                case |= {"validation": digest(again["test"]["i"][:]), "rest": digest(again["train"]["i"][:])}
            out.append(case)
    first = [int(x) for x in numpy.random.default_rng(42).permutation(20)]
    (HERE / "splits.json").write_text(json.dumps({"permutation": first, "splits": out}, separators=(",", ":")).replace("},{", "},\n{") + "\n")


def parquet():
    rows = []
    for i in range(150):
        rows.append({
            "id": f"r{i}", "n": i if i % 3 else None, "x": i / 4 if i % 5 else float("nan"), "ok": i % 2 == 0, "tags": [] if i % 7 == 0 else None if i % 7 == 1 else ["a", "b"][: i % 3],
            "messages": [{"role": "user", "content": f"é question {i}"}, {"role": "assistant", "content": f"answer {i}"}] * (1 + i % 2),
            "source": {"name": f"s{i % 4}", "page": i} if i % 6 else None,
            "when": datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc) + datetime.timedelta(days=i), "day": datetime.date(1999, 12, 31) + datetime.timedelta(days=i),
        })
    message = pyarrow.struct([("role", pyarrow.string()), ("content", pyarrow.string())])
    schema = pyarrow.schema([
        ("id", pyarrow.string()), ("n", pyarrow.int64()), ("x", pyarrow.float64()), ("ok", pyarrow.bool_()), ("tags", pyarrow.list_(pyarrow.string())),
        ("messages", pyarrow.list_(message)), ("source", pyarrow.struct([("name", pyarrow.string()), ("page", pyarrow.uint32())])),
        ("when", pyarrow.timestamp("us", tz="UTC")), ("day", pyarrow.date32()),
    ])
    table = pyarrow.Table.from_pylist(rows, schema=schema)
    write = pyarrow.parquet.write_table
    write(table, HERE / "snappy.parquet", row_group_size=64)
    write(table, HERE / "zstd.parquet", compression="zstd", data_page_version="2.0", use_dictionary=False)
    write(table, HERE / "plain.parquet", compression="gzip", version="1.0", use_dictionary=["id"], row_group_size=100, data_page_size=512)
    write(schema.empty_table(), HERE / "empty.parquet")
    for row in rows:
        row["when"], row["day"] = row["when"].strftime("%Y-%m-%dT%H:%M:%SZ"), row["day"].isoformat()
        row["x"] = None if row["x"] != row["x"] else row["x"]
    (HERE / "rows.jsonl").write_text("".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows))
    odd = {"decimal": pyarrow.array([1], pyarrow.decimal128(5, 2)), "large": pyarrow.array([2**60], pyarrow.int64()), "binary": pyarrow.array([b"\xff"], pyarrow.binary())}
    for name, column in odd.items():
        write(pyarrow.table({"text": ["x"], name: column}), HERE / f"{name}.parquet")


splits()
parquet()
