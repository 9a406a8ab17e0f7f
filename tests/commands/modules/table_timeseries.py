"""Rows of the commands on time series."""

from __future__ import annotations

import datetime

from txredis_fast.commands.modules.timeseries_parts import Series
from txredis_fast.exceptions import ResponseError

from .rows import ModuleRow

ROWS = [
    ModuleRow(
        "ts.create",
        lambda c: c.ts.create("s", 1000000, True, {"x": 1, "y": "z"}, 128, "LAST", 5, 0.5),
        (
            "TS.CREATE",
            "s",
            "RETENTION",
            1000000,
            "ENCODING",
            "UNCOMPRESSED",
            "CHUNK_SIZE",
            128,
            "DUPLICATE_POLICY",
            "LAST",
            "IGNORE",
            5,
            0.5,
            "LABELS",
            "x",
            1,
            "y",
            "z",
        ),
        b"+OK\r\n",
        "OK",
    ),
    ModuleRow(
        "ts.create",
        lambda c: c.ts.create("s2", datetime.timedelta(seconds=2), labels={"x": 1}),
        ("TS.CREATE", "s2", "RETENTION", 2000, "LABELS", "x", 1),
        b"+OK\r\n",
        "OK",
    ),
    ModuleRow("ts.create", lambda c: c.ts.create("agg"), ("TS.CREATE", "agg"), b"+OK\r\n", "OK"),
    ModuleRow(
        "ts.alter",
        lambda c: c.ts.alter("s", 0, {"x": 1, "y": "z"}, 256, "MAX", 5, 0.5),
        (
            "TS.ALTER",
            "s",
            "RETENTION",
            0,
            "CHUNK_SIZE",
            256,
            "DUPLICATE_POLICY",
            "MAX",
            "IGNORE",
            5,
            0.5,
            "LABELS",
            "x",
            1,
            "y",
            "z",
        ),
        b"+OK\r\n",
        "OK",
    ),
    ModuleRow("ts.get", lambda c: c.ts.get("s"), ("TS.GET", "s"), b"*0\r\n", None),
    ModuleRow("ts.add", lambda c: c.ts.add("s", 1000, 1.5), ("TS.ADD", "s", 1000, 1.5), b":1000\r\n", 1000),
    ModuleRow(
        "ts.add",
        lambda c: c.ts.add("s", "1000", 2, on_duplicate="SUM"),
        ("TS.ADD", "s", "1000", 2, "ON_DUPLICATE", "SUM"),
        b":1000\r\n",
        1000,
    ),
    ModuleRow(
        "ts.add",
        lambda c: c.ts.add("s", datetime.datetime.fromtimestamp(2, datetime.timezone.utc), 2),
        ("TS.ADD", "s", 2000, 2),
        b":2000\r\n",
        2000,
    ),
    ModuleRow(
        "ts.add",
        lambda c: c.ts.add("s3", 1000, 9, 60000, True, {"x": 2}, 128, "LAST", 5, 0.5),
        (
            "TS.ADD",
            "s3",
            1000,
            9,
            "RETENTION",
            60000,
            "ENCODING",
            "UNCOMPRESSED",
            "CHUNK_SIZE",
            128,
            "DUPLICATE_POLICY",
            "LAST",
            "IGNORE",
            5,
            0.5,
            "LABELS",
            "x",
            2,
        ),
        b":1000\r\n",
        1000,
    ),
    ModuleRow(
        "ts.madd",
        lambda c: c.ts.madd([("s", 3000, 3), ("s2", 3000, 4), ("none", 1, 1)]),
        ("TS.MADD", "s", 3000, 3, "s2", 3000, 4, "none", 1, 1),
        b"*3\r\n:3000\r\n:3000\r\n-ERR TSDB: the key is not a TSDB key\r\n",
        [3000, 3000, ResponseError("ERR TSDB: the key is not a TSDB key")],
    ),
    ModuleRow(
        "ts.incrby", lambda c: c.ts.incrby("s", 1, 4000), ("TS.INCRBY", "s", 1, "TIMESTAMP", 4000), b":4000\r\n", 4000
    ),
    ModuleRow(
        "ts.incrby",
        lambda c: c.ts.incrby("s4", 1, 4000, 60000, True, {"x": 2}, 128, "LAST", 5, 0.5),
        (
            "TS.INCRBY",
            "s4",
            1,
            "TIMESTAMP",
            4000,
            "RETENTION",
            60000,
            "ENCODING",
            "UNCOMPRESSED",
            "CHUNK_SIZE",
            128,
            "DUPLICATE_POLICY",
            "LAST",
            "IGNORE",
            5,
            0.5,
            "LABELS",
            "x",
            2,
        ),
        b":4000\r\n",
        4000,
    ),
    ModuleRow(
        "ts.decrby",
        lambda c: c.ts.decrby("s", 1.5, 5000),
        ("TS.DECRBY", "s", 1.5, "TIMESTAMP", 5000),
        b":5000\r\n",
        5000,
    ),
    ModuleRow(
        "ts.decrby",
        lambda c: c.ts.decrby("s5", 1, 4000, 60000, True, {"x": 2}, 128, "LAST", 5, 0.5),
        (
            "TS.DECRBY",
            "s5",
            1,
            "TIMESTAMP",
            4000,
            "RETENTION",
            60000,
            "ENCODING",
            "UNCOMPRESSED",
            "CHUNK_SIZE",
            128,
            "DUPLICATE_POLICY",
            "LAST",
            "IGNORE",
            5,
            0.5,
            "LABELS",
            "x",
            2,
        ),
        b":4000\r\n",
        4000,
    ),
    ModuleRow(
        "ts.get",
        lambda c: c.ts.get("s"),
        ("TS.GET", "s"),
        b"*2\r\n:5000\r\n+2.5\r\n",
        (5000, 2.5),
        answered3=b"*2\r\n:5000\r\n,2.5\r\n",
    ),
    ModuleRow(
        "ts.get",
        lambda c: c.ts.get("s", True),
        ("TS.GET", "s", "LATEST"),
        b"*2\r\n:5000\r\n+2.5\r\n",
        (5000, 2.5),
        answered3=b"*2\r\n:5000\r\n,2.5\r\n",
    ),
    ModuleRow(
        "ts.range",
        lambda c: c.ts.range("s", "-", "+", 2),
        ("TS.RANGE", "s", "-", "+", "COUNT", 2),
        b"*2\r\n*2\r\n:1000\r\n+3.5\r\n*2\r\n:2000\r\n+2\r\n",
        [(1000, 3.5), (2000, 2.0)],
        answered3=b"*2\r\n*2\r\n:1000\r\n,3.5\r\n*2\r\n:2000\r\n,2\r\n",
    ),
    ModuleRow(
        "ts.range",
        lambda c: c.ts.range("s", 0, 4500, None, "avg", 2000, [1000, 2000, 4000], 1, 4, "-", True, "~", True),
        (
            "TS.RANGE",
            "s",
            0,
            4500,
            "LATEST",
            "FILTER_BY_TS",
            1000,
            2000,
            4000,
            "FILTER_BY_VALUE",
            1,
            4,
            "ALIGN",
            "-",
            "AGGREGATION",
            "avg",
            2000,
            "BUCKETTIMESTAMP",
            "~",
            "EMPTY",
        ),
        b"*3\r\n*2\r\n:1000\r\n+3.5\r\n*2\r\n:3000\r\n+2\r\n*2\r\n:5000\r\n+4\r\n",
        [(1000, 3.5), (3000, 2.0), (5000, 4.0)],
        answered3=b"*3\r\n*2\r\n:1000\r\n,3.5\r\n*2\r\n:3000\r\n,2\r\n*2\r\n:5000\r\n,4\r\n",
    ),
    ModuleRow(
        "ts.range",
        lambda c: c.ts.range("s", aggregation_type="avg", bucket_size_msec=datetime.timedelta(seconds=2)),
        ("TS.RANGE", "s", "-", "+", "AGGREGATION", "avg", 2000),
        b"*3\r\n*2\r\n:0\r\n+3.5\r\n*2\r\n:2000\r\n+2.5\r\n*2\r\n:4000\r\n+3.25\r\n",
        [(0, 3.5), (2000, 2.5), (4000, 3.25)],
        answered3=b"*3\r\n*2\r\n:0\r\n,3.5\r\n*2\r\n:2000\r\n,2.5\r\n*2\r\n:4000\r\n,3.25\r\n",
    ),
    ModuleRow(
        "ts.revrange",
        lambda c: c.ts.revrange("s", "-", "+", 2),
        ("TS.REVRANGE", "s", "-", "+", "COUNT", 2),
        b"*2\r\n*2\r\n:5000\r\n+2.5\r\n*2\r\n:4000\r\n+4\r\n",
        [(5000, 2.5), (4000, 4.0)],
        answered3=b"*2\r\n*2\r\n:5000\r\n,2.5\r\n*2\r\n:4000\r\n,4\r\n",
    ),
    ModuleRow(
        "ts.revrange",
        lambda c: c.ts.revrange("s", 0, 4500, None, "avg", 500, [1000, 2000, 4000], 1, 4, 0, True, "+", True),
        (
            "TS.REVRANGE",
            "s",
            0,
            4500,
            "LATEST",
            "FILTER_BY_TS",
            1000,
            2000,
            4000,
            "FILTER_BY_VALUE",
            1,
            4,
            "ALIGN",
            0,
            "AGGREGATION",
            "avg",
            500,
            "BUCKETTIMESTAMP",
            "+",
            "EMPTY",
        ),
        (
            b"*7\r\n*2\r\n:4500\r\n+4\r\n*2\r\n:4000\r\n+NaN\r\n*2\r\n:3500\r\n+NaN\r\n*2\r\n"
            b":3000\r\n+NaN\r\n*2\r\n:2500\r\n+2\r\n*2\r\n:2000\r\n+NaN\r\n*2\r\n:1500\r\n+3.5\r\n"
        ),
        [
            (4500, 4.0),
            (4000, float("nan")),
            (3500, float("nan")),
            (3000, float("nan")),
            (2500, 2.0),
            (2000, float("nan")),
            (1500, 3.5),
        ],
        answered3=(
            b"*7\r\n*2\r\n:4500\r\n,4\r\n*2\r\n:4000\r\n,nan\r\n*2\r\n:3500\r\n,nan\r\n*2\r\n"
            b":3000\r\n,nan\r\n*2\r\n:2500\r\n,2\r\n*2\r\n:2000\r\n,nan\r\n*2\r\n:1500\r\n,3.5\r\n"
        ),
    ),
    ModuleRow(
        "ts.mget",
        lambda c: c.ts.mget(["x=1"]),
        ("TS.MGET", "FILTER", "x=1"),
        (b"*2\r\n*3\r\n$1\r\ns\r\n*0\r\n*2\r\n:5000\r\n+2.5\r\n*3\r\n$2\r\ns2\r\n*0\r\n*2\r\n:3000\r\n+4\r\n"),
        {"s": Series({}, [(5000, 2.5)]), "s2": Series({}, [(3000, 4.0)])},
        answered3=(
            b"%2\r\n$1\r\ns\r\n*2\r\n%0\r\n*2\r\n:5000\r\n,2.5\r\n$2\r\ns2\r\n*2\r\n%0\r\n*2\r\n:3000\r\n,4\r\n"
        ),
    ),
    ModuleRow(
        "ts.mget",
        lambda c: c.ts.mget(["x=1"], True),
        ("TS.MGET", "WITHLABELS", "FILTER", "x=1"),
        (
            b"*2\r\n*3\r\n$1\r\ns\r\n*2\r\n*2\r\n$1\r\nx\r\n$1\r\n1\r\n*2\r\n$1\r\ny\r\n$1\r\nz\r\n"
            b"*2\r\n:5000\r\n+2.5\r\n*3\r\n$2\r\ns2\r\n*1\r\n*2\r\n$1\r\nx\r\n$1\r\n1\r\n*2\r\n"
            b":3000\r\n+4\r\n"
        ),
        {"s": Series({"x": 1, "y": "z"}, [(5000, 2.5)]), "s2": Series({"x": 1}, [(3000, 4.0)])},
        answered3=(
            b"%2\r\n$1\r\ns\r\n*2\r\n%2\r\n$1\r\nx\r\n$1\r\n1\r\n$1\r\ny\r\n$1\r\nz\r\n*2\r\n"
            b":5000\r\n,2.5\r\n$2\r\ns2\r\n*2\r\n%1\r\n$1\r\nx\r\n$1\r\n1\r\n*2\r\n:3000\r\n,4\r\n"
        ),
    ),
    ModuleRow(
        "ts.mget",
        lambda c: c.ts.mget(["x=1"], select_labels=["y"], latest=True),
        ("TS.MGET", "LATEST", "SELECTED_LABELS", "y", "FILTER", "x=1"),
        (
            b"*2\r\n*3\r\n$1\r\ns\r\n*1\r\n*2\r\n$1\r\ny\r\n$1\r\nz\r\n*2\r\n:5000\r\n+2.5\r\n"
            b"*3\r\n$2\r\ns2\r\n*1\r\n*2\r\n$1\r\ny\r\n$-1\r\n*2\r\n:3000\r\n+4\r\n"
        ),
        {"s": Series({"y": "z"}, [(5000, 2.5)]), "s2": Series({"y": None}, [(3000, 4.0)])},
        answered3=(
            b"%2\r\n$1\r\ns\r\n*2\r\n%1\r\n$1\r\ny\r\n$1\r\nz\r\n*2\r\n:5000\r\n,2.5\r\n$2\r\n"
            b"s2\r\n*2\r\n%1\r\n$1\r\ny\r\n_\r\n*2\r\n:3000\r\n,4\r\n"
        ),
    ),
    ModuleRow(
        "ts.mget", lambda c: c.ts.mget(["x=9"]), ("TS.MGET", "FILTER", "x=9"), b"*0\r\n", {}, answered3=b"%0\r\n"
    ),
    ModuleRow(
        "ts.mrange",
        lambda c: c.ts.mrange("-", "+", ["x=1"]),
        ("TS.MRANGE", "-", "+", "FILTER", "x=1"),
        (
            b"*2\r\n*3\r\n$1\r\ns\r\n*0\r\n*5\r\n*2\r\n:1000\r\n+3.5\r\n*2\r\n:2000\r\n+2\r\n*2\r\n"
            b":3000\r\n+3\r\n*2\r\n:4000\r\n+4\r\n*2\r\n:5000\r\n+2.5\r\n*3\r\n$2\r\ns2\r\n*0\r\n"
            b"*1\r\n*2\r\n:3000\r\n+4\r\n"
        ),
        {
            "s": Series({}, [(1000, 3.5), (2000, 2.0), (3000, 3.0), (4000, 4.0), (5000, 2.5)]),
            "s2": Series({}, [(3000, 4.0)]),
        },
        answered3=(
            b"%2\r\n$1\r\ns\r\n*3\r\n%0\r\n%1\r\n$11\r\naggregators\r\n*0\r\n*5\r\n*2\r\n:1000\r\n"
            b",3.5\r\n*2\r\n:2000\r\n,2\r\n*2\r\n:3000\r\n,3\r\n*2\r\n:4000\r\n,4\r\n*2\r\n"
            b":5000\r\n,2.5\r\n$2\r\ns2\r\n*3\r\n%0\r\n%1\r\n$11\r\naggregators\r\n*0\r\n*1\r\n"
            b"*2\r\n:3000\r\n,4\r\n"
        ),
    ),
    ModuleRow(
        "ts.mrange",
        lambda c: c.ts.mrange("-", "+", ["x=1"], 1, with_labels=True),
        ("TS.MRANGE", "-", "+", "COUNT", 1, "WITHLABELS", "FILTER", "x=1"),
        (
            b"*2\r\n*3\r\n$1\r\ns\r\n*2\r\n*2\r\n$1\r\nx\r\n$1\r\n1\r\n*2\r\n$1\r\ny\r\n$1\r\nz\r\n"
            b"*1\r\n*2\r\n:1000\r\n+3.5\r\n*3\r\n$2\r\ns2\r\n*1\r\n*2\r\n$1\r\nx\r\n$1\r\n1\r\n"
            b"*1\r\n*2\r\n:3000\r\n+4\r\n"
        ),
        {"s": Series({"x": 1, "y": "z"}, [(1000, 3.5)]), "s2": Series({"x": 1}, [(3000, 4.0)])},
        answered3=(
            b"%2\r\n$1\r\ns\r\n*3\r\n%2\r\n$1\r\nx\r\n$1\r\n1\r\n$1\r\ny\r\n$1\r\nz\r\n%1\r\n"
            b"$11\r\naggregators\r\n*0\r\n*1\r\n*2\r\n:1000\r\n,3.5\r\n$2\r\ns2\r\n*3\r\n%1\r\n"
            b"$1\r\nx\r\n$1\r\n1\r\n%1\r\n$11\r\naggregators\r\n*0\r\n*1\r\n*2\r\n:3000\r\n,4\r\n"
        ),
    ),
    ModuleRow(
        "ts.mrange",
        lambda c: c.ts.mrange(
            "-",
            "+",
            ["x=1"],
            None,
            "sum",
            10000,
            filter_by_ts=[1000, 3000],
            filter_by_min_value=0,
            filter_by_max_value=9,
            select_labels=["y"],
            align=0,
            latest=True,
            bucket_timestamp="-",
            empty=True,
        ),
        (
            "TS.MRANGE",
            "-",
            "+",
            "LATEST",
            "FILTER_BY_TS",
            1000,
            3000,
            "FILTER_BY_VALUE",
            0,
            9,
            "ALIGN",
            0,
            "AGGREGATION",
            "sum",
            10000,
            "BUCKETTIMESTAMP",
            "-",
            "EMPTY",
            "SELECTED_LABELS",
            "y",
            "FILTER",
            "x=1",
        ),
        (
            b"*2\r\n*3\r\n$1\r\ns\r\n*1\r\n*2\r\n$1\r\ny\r\n$1\r\nz\r\n*1\r\n*2\r\n:0\r\n+6.5\r\n"
            b"*3\r\n$2\r\ns2\r\n*1\r\n*2\r\n$1\r\ny\r\n$-1\r\n*1\r\n*2\r\n:0\r\n+4\r\n"
        ),
        {"s": Series({"y": "z"}, [(0, 6.5)]), "s2": Series({"y": None}, [(0, 4.0)])},
        answered3=(
            b"%2\r\n$1\r\ns\r\n*3\r\n%1\r\n$1\r\ny\r\n$1\r\nz\r\n%1\r\n$11\r\naggregators\r\n*1\r\n"
            b"$3\r\nsum\r\n*1\r\n*2\r\n:0\r\n,6.5\r\n$2\r\ns2\r\n*3\r\n%1\r\n$1\r\ny\r\n_\r\n%1\r\n"
            b"$11\r\naggregators\r\n*1\r\n$3\r\nsum\r\n*1\r\n*2\r\n:0\r\n,4\r\n"
        ),
    ),
    ModuleRow(
        "ts.mrange",
        lambda c: c.ts.mrange("-", "+", ["x=1"], with_labels=True, groupby="x", reduce="max"),
        ("TS.MRANGE", "-", "+", "WITHLABELS", "FILTER", "x=1", "GROUPBY", "x", "REDUCE", "max"),
        (
            b"*1\r\n*3\r\n$3\r\nx=1\r\n*3\r\n*2\r\n$1\r\nx\r\n$1\r\n1\r\n*2\r\n$11\r\n"
            b"__reducer__\r\n$3\r\nmax\r\n*2\r\n$10\r\n__source__\r\n$4\r\ns,s2\r\n*5\r\n*2\r\n"
            b":1000\r\n+3.5\r\n*2\r\n:2000\r\n+2\r\n*2\r\n:3000\r\n+4\r\n*2\r\n:4000\r\n+4\r\n"
            b"*2\r\n:5000\r\n+2.5\r\n"
        ),
        {"x=1": Series({"x": 1}, [(1000, 3.5), (2000, 2.0), (3000, 4.0), (4000, 4.0), (5000, 2.5)])},
        answered3=(
            b"%1\r\n$3\r\nx=1\r\n*4\r\n%1\r\n$1\r\nx\r\n$1\r\n1\r\n%1\r\n$8\r\nreducers\r\n*1\r\n"
            b"$3\r\nmax\r\n%1\r\n$7\r\nsources\r\n*2\r\n$1\r\ns\r\n$2\r\ns2\r\n*5\r\n*2\r\n"
            b":1000\r\n,3.5\r\n*2\r\n:2000\r\n,2\r\n*2\r\n:3000\r\n,4\r\n*2\r\n:4000\r\n,4\r\n"
            b"*2\r\n:5000\r\n,2.5\r\n"
        ),
    ),
    ModuleRow(
        "ts.mrange",
        lambda c: c.ts.mrange("-", "+", ["x=1"], groupby="x", reduce="max"),
        ("TS.MRANGE", "-", "+", "FILTER", "x=1", "GROUPBY", "x", "REDUCE", "max"),
        (
            b"*1\r\n*3\r\n$3\r\nx=1\r\n*0\r\n*5\r\n*2\r\n:1000\r\n+3.5\r\n*2\r\n:2000\r\n+2\r\n"
            b"*2\r\n:3000\r\n+4\r\n*2\r\n:4000\r\n+4\r\n*2\r\n:5000\r\n+2.5\r\n"
        ),
        {"x=1": Series({}, [(1000, 3.5), (2000, 2.0), (3000, 4.0), (4000, 4.0), (5000, 2.5)])},
        answered3=(
            b"%1\r\n$3\r\nx=1\r\n*4\r\n%0\r\n%1\r\n$8\r\nreducers\r\n*1\r\n$3\r\nmax\r\n%1\r\n"
            b"$7\r\nsources\r\n*2\r\n$1\r\ns\r\n$2\r\ns2\r\n*5\r\n*2\r\n:1000\r\n,3.5\r\n*2\r\n"
            b":2000\r\n,2\r\n*2\r\n:3000\r\n,4\r\n*2\r\n:4000\r\n,4\r\n*2\r\n:5000\r\n,2.5\r\n"
        ),
    ),
    ModuleRow(
        "ts.mrevrange",
        lambda c: c.ts.mrevrange("-", "+", ["x=1"], with_labels=True),
        ("TS.MREVRANGE", "-", "+", "WITHLABELS", "FILTER", "x=1"),
        (
            b"*2\r\n*3\r\n$1\r\ns\r\n*2\r\n*2\r\n$1\r\nx\r\n$1\r\n1\r\n*2\r\n$1\r\ny\r\n$1\r\nz\r\n"
            b"*5\r\n*2\r\n:5000\r\n+2.5\r\n*2\r\n:4000\r\n+4\r\n*2\r\n:3000\r\n+3\r\n*2\r\n"
            b":2000\r\n+2\r\n*2\r\n:1000\r\n+3.5\r\n*3\r\n$2\r\ns2\r\n*1\r\n*2\r\n$1\r\nx\r\n$1\r\n"
            b"1\r\n*1\r\n*2\r\n:3000\r\n+4\r\n"
        ),
        {
            "s": Series({"x": 1, "y": "z"}, [(5000, 2.5), (4000, 4.0), (3000, 3.0), (2000, 2.0), (1000, 3.5)]),
            "s2": Series({"x": 1}, [(3000, 4.0)]),
        },
        answered3=(
            b"%2\r\n$1\r\ns\r\n*3\r\n%2\r\n$1\r\nx\r\n$1\r\n1\r\n$1\r\ny\r\n$1\r\nz\r\n%1\r\n"
            b"$11\r\naggregators\r\n*0\r\n*5\r\n*2\r\n:5000\r\n,2.5\r\n*2\r\n:4000\r\n,4\r\n*2\r\n"
            b":3000\r\n,3\r\n*2\r\n:2000\r\n,2\r\n*2\r\n:1000\r\n,3.5\r\n$2\r\ns2\r\n*3\r\n%1\r\n"
            b"$1\r\nx\r\n$1\r\n1\r\n%1\r\n$11\r\naggregators\r\n*0\r\n*1\r\n*2\r\n:3000\r\n,4\r\n"
        ),
    ),
    ModuleRow(
        "ts.mrevrange",
        lambda c: c.ts.mrevrange("-", "+", ["x=1"], groupby="x", reduce="min"),
        ("TS.MREVRANGE", "-", "+", "FILTER", "x=1", "GROUPBY", "x", "REDUCE", "min"),
        (
            b"*1\r\n*3\r\n$3\r\nx=1\r\n*0\r\n*5\r\n*2\r\n:5000\r\n+2.5\r\n*2\r\n:4000\r\n+4\r\n"
            b"*2\r\n:3000\r\n+3\r\n*2\r\n:2000\r\n+2\r\n*2\r\n:1000\r\n+3.5\r\n"
        ),
        {"x=1": Series({}, [(5000, 2.5), (4000, 4.0), (3000, 3.0), (2000, 2.0), (1000, 3.5)])},
        answered3=(
            b"%1\r\n$3\r\nx=1\r\n*4\r\n%0\r\n%1\r\n$8\r\nreducers\r\n*1\r\n$3\r\nmin\r\n%1\r\n"
            b"$7\r\nsources\r\n*2\r\n$1\r\ns\r\n$2\r\ns2\r\n*5\r\n*2\r\n:5000\r\n,2.5\r\n*2\r\n"
            b":4000\r\n,4\r\n*2\r\n:3000\r\n,3\r\n*2\r\n:2000\r\n,2\r\n*2\r\n:1000\r\n,3.5\r\n"
        ),
    ),
    ModuleRow(
        "ts.createrule",
        lambda c: c.ts.createrule("s", "agg", "avg", 1000),
        ("TS.CREATERULE", "s", "agg", "AGGREGATION", "avg", 1000),
        b"+OK\r\n",
        "OK",
    ),
    ModuleRow(
        "ts.createrule",
        lambda c: c.ts.createrule("s2", "s4", "std.p", 1000, 10),
        ("TS.CREATERULE", "s2", "s4", "AGGREGATION", "std.p", 1000, 10),
        b"+OK\r\n",
        "OK",
    ),
    ModuleRow(
        "ts.queryindex",
        lambda c: c.ts.queryindex(["x=1", "y!=q"]),
        ("TS.QUERYINDEX", "x=1", "y!=q"),
        b"*2\r\n$1\r\ns\r\n$2\r\ns2\r\n",
        {"s", "s2"},
        answered3=b"~2\r\n$1\r\ns\r\n$2\r\ns2\r\n",
    ),
    ModuleRow(
        "ts.info",
        lambda c: c.ts.info("s"),
        ("TS.INFO", "s"),
        (
            b"*28\r\n+totalSamples\r\n:5\r\n+memoryUsage\r\n:272\r\n+firstTimestamp\r\n:1000\r\n"
            b"+lastTimestamp\r\n:5000\r\n+retentionTime\r\n:0\r\n+chunkCount\r\n:1\r\n"
            b"+chunkSize\r\n:256\r\n+chunkType\r\n+uncompressed\r\n+duplicatePolicy\r\n+max\r\n"
            b"+labels\r\n*2\r\n*2\r\n$1\r\nx\r\n$1\r\n1\r\n*2\r\n$1\r\ny\r\n$1\r\nz\r\n"
            b"+sourceKey\r\n$-1\r\n+rules\r\n*1\r\n*4\r\n$3\r\nagg\r\n:1000\r\n+AVG\r\n:0\r\n"
            b"+ignoreMaxTimeDiff\r\n:5\r\n+ignoreMaxValDiff\r\n$3\r\n0.5\r\n"
        ),
        {
            "totalSamples": 5,
            "memoryUsage": 272,
            "firstTimestamp": 1000,
            "lastTimestamp": 5000,
            "retentionTime": 0,
            "chunkCount": 1,
            "chunkSize": 256,
            "chunkType": "uncompressed",
            "duplicatePolicy": "max",
            "labels": {"x": 1, "y": "z"},
            "sourceKey": None,
            "rules": {"agg": (1000, "AVG", 0)},
            "ignoreMaxTimeDiff": 5,
            "ignoreMaxValDiff": 0.5,
        },
        answered3=(
            b"%14\r\n+totalSamples\r\n:5\r\n+memoryUsage\r\n:272\r\n+firstTimestamp\r\n:1000\r\n"
            b"+lastTimestamp\r\n:5000\r\n+retentionTime\r\n:0\r\n+chunkCount\r\n:1\r\n"
            b"+chunkSize\r\n:256\r\n+chunkType\r\n+uncompressed\r\n+duplicatePolicy\r\n+max\r\n"
            b"+labels\r\n%2\r\n$1\r\nx\r\n$1\r\n1\r\n$1\r\ny\r\n$1\r\nz\r\n+sourceKey\r\n_\r\n"
            b"+rules\r\n%1\r\n$3\r\nagg\r\n*3\r\n:1000\r\n+AVG\r\n:0\r\n+ignoreMaxTimeDiff\r\n"
            b":5\r\n+ignoreMaxValDiff\r\n,0.5\r\n"
        ),
    ),
    ModuleRow(
        "ts.info",
        lambda c: c.ts.info("s2", True),
        ("TS.INFO", "s2", "DEBUG"),
        (
            b"*32\r\n+totalSamples\r\n:1\r\n+memoryUsage\r\n:4268\r\n+firstTimestamp\r\n:3000\r\n"
            b"+lastTimestamp\r\n:3000\r\n+retentionTime\r\n:2000\r\n+chunkCount\r\n:1\r\n"
            b"+chunkSize\r\n:4096\r\n+chunkType\r\n+compressed\r\n+duplicatePolicy\r\n$-1\r\n"
            b"+labels\r\n*1\r\n*2\r\n$1\r\nx\r\n$1\r\n1\r\n+sourceKey\r\n$-1\r\n+rules\r\n*1\r\n"
            b"*4\r\n$2\r\ns4\r\n:1000\r\n+STD.P\r\n:10\r\n+ignoreMaxTimeDiff\r\n:0\r\n"
            b"+ignoreMaxValDiff\r\n$1\r\n0\r\n+keySelfName\r\n$2\r\ns2\r\n+Chunks\r\n*1\r\n*10\r\n"
            b"+startTimestamp\r\n:3000\r\n+endTimestamp\r\n:3000\r\n+samples\r\n:1\r\n+size\r\n"
            b":4096\r\n+bytesPerSample\r\n$4\r\n4096\r\n"
        ),
        {
            "totalSamples": 1,
            "memoryUsage": 4268,
            "firstTimestamp": 3000,
            "lastTimestamp": 3000,
            "retentionTime": 2000,
            "chunkCount": 1,
            "chunkSize": 4096,
            "chunkType": "compressed",
            "duplicatePolicy": None,
            "labels": {"x": 1},
            "sourceKey": None,
            "rules": {"s4": (1000, "STD.P", 10)},
            "ignoreMaxTimeDiff": 0,
            "ignoreMaxValDiff": 0.0,
            "keySelfName": "s2",
            "Chunks": [
                {"startTimestamp": 3000, "endTimestamp": 3000, "samples": 1, "size": 4096, "bytesPerSample": 4096.0}
            ],
        },
        answered3=(
            b"%16\r\n+totalSamples\r\n:1\r\n+memoryUsage\r\n:4268\r\n+firstTimestamp\r\n:3000\r\n"
            b"+lastTimestamp\r\n:3000\r\n+retentionTime\r\n:2000\r\n+chunkCount\r\n:1\r\n"
            b"+chunkSize\r\n:4096\r\n+chunkType\r\n+compressed\r\n+duplicatePolicy\r\n_\r\n"
            b"+labels\r\n%1\r\n$1\r\nx\r\n$1\r\n1\r\n+sourceKey\r\n_\r\n+rules\r\n%1\r\n$2\r\n"
            b"s4\r\n*3\r\n:1000\r\n+STD.P\r\n:10\r\n+ignoreMaxTimeDiff\r\n:0\r\n"
            b"+ignoreMaxValDiff\r\n,0\r\n+keySelfName\r\n$2\r\ns2\r\n+Chunks\r\n*1\r\n%5\r\n"
            b"+startTimestamp\r\n:3000\r\n+endTimestamp\r\n:3000\r\n+samples\r\n:1\r\n+size\r\n"
            b":4096\r\n+bytesPerSample\r\n,4096\r\n"
        ),
    ),
    ModuleRow("ts.deleterule", lambda c: c.ts.deleterule("s", "agg"), ("TS.DELETERULE", "s", "agg"), b"+OK\r\n", "OK"),
    ModuleRow("ts.delete", lambda c: c.ts.delete("s", 0, 1500), ("TS.DEL", "s", 0, 1500), b":1\r\n", 1),
]
