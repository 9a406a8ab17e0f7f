"""Rows of commands of modules of Redis 8.10, after their documentation: no server of the tests has them."""

from __future__ import annotations

import datetime
import math

from testbed.wire import array, bulk, integer

from txredis_fast.exceptions import InvalidData

from ..rows import Refusal
from .rows import ModuleRow

SAMPLES = array(array(integer(1000), "1.5"), array(integer(2000), "2"))
SAMPLES_3 = b"*2\r\n*2\r\n:1000\r\n,1.5\r\n*2\r\n:2000\r\n,2\r\n"
TABLE = array(array(integer(1000), array("1.5", "nan")), array(integer(2000), array("2", "7")))
TABLE_3 = b"*2\r\n*2\r\n:1000\r\n*2\r\n,1.5\r\n,nan\r\n*2\r\n:2000\r\n*2\r\n,2\r\n,7\r\n"
FOUND = [(1000, [1.5, math.nan]), (2000, [2.0, 7.0])]
NAMES_3 = b"~2\r\n" + bulk("a") + bulk("b")

ROWS = [
    ModuleRow(
        "ts.read",
        lambda c: c.ts.read("s", 1000),
        ("TS.READ", "s", 1000),
        SAMPLES,
        [(1000, 1.5), (2000, 2.0)],
        answered3=SAMPLES_3,
    ),
    ModuleRow(
        "ts.read", lambda c: c.ts.read("s", "-", max_count=5), ("TS.READ", "s", "-", "MAX_COUNT", 5), array(), []
    ),
    ModuleRow(
        "ts.read",
        lambda c: c.ts.read("s", "$", 500),
        ("TS.READ", "s", "$", "BLOCK", 500, 1),
        SAMPLES,
        [(1000, 1.5), (2000, 2.0)],
        blocking=True,
        answered3=SAMPLES_3,
    ),
    ModuleRow(
        "ts.read",
        lambda c: c.ts.read("s", 1000, datetime.timedelta(seconds=2), 3, 5),
        ("TS.READ", "s", 1000, "BLOCK", 2000, 3, "MAX_COUNT", 5),
        array(),
        [],
        blocking=True,
    ),
    ModuleRow(
        "ts.nrange",
        lambda c: c.ts.nrange(["s", "t"]),
        ("TS.NRANGE", 2, "s", "t", "-", "+"),
        TABLE,
        FOUND,
        answered3=TABLE_3,
    ),
    ModuleRow(
        "ts.nrevrange",
        lambda c: c.ts.nrevrange(["s", "t"], 0, 9000, 5),
        ("TS.NREVRANGE", 2, "s", "t", 0, 9000, "COUNT", 5),
        TABLE,
        FOUND,
        answered3=TABLE_3,
    ),
    ModuleRow(
        "ts.nrange",
        lambda c: c.ts.nrange(
            ["s", "t"], 0, 9000, 5, ["min,max", "avg"], 500, [1000, 2000], 1, 4, "-", True, "+", True
        ),
        (
            *("TS.NRANGE", 2, "s", "t", 0, 9000, "LATEST", "FILTER_BY_TS", 1000, 2000, "FILTER_BY_VALUE", 1, 4),
            *("COUNT", 5, "ALIGN", "-", "AGGREGATION", "min,max", "avg", 500, "BUCKETTIMESTAMP", "+", "EMPTY"),
        ),
        array(array(integer(1000), array("1", "2", "1.5"))),
        [(1000, [1.0, 2.0, 1.5])],
    ),
    ModuleRow(
        "ts.querylabels",
        lambda c: c.ts.querylabels(),
        ("TS.QUERYLABELS", "LABELS"),
        array("a", "b"),
        {"a", "b"},
        answered3=NAMES_3,
    ),
    ModuleRow(
        "ts.querylabels",
        lambda c: c.ts.querylabels("a", ["x=1", "y!="]),
        ("TS.QUERYLABELS", "VALUES", "a", "FILTER", "x=1", "y!="),
        array(),
        set(),
        answered3=b"~0\r\n",
    ),
    ModuleRow(
        "search.aliaslist",
        lambda c: c.search("i").aliaslist(),
        ("FT.ALIASLIST", "i"),
        array("a", "b"),
        {"a", "b"},
        answered3=NAMES_3,
    ),
]

REFUSALS = [
    Refusal(
        "ts.read",
        lambda c: c.ts.read("s", "-", block_min_count=2),
        InvalidData,
        "block_min_count of ts.read needs block_milliseconds",
    ),
    Refusal("ts.read", lambda c: c.ts.read("s", "-", float("nan")), InvalidData),
    Refusal("ts.nrange", lambda c: c.ts.nrange([]), InvalidData, "ts.nrange needs keys: there are none"),
    Refusal(
        "ts.nrange",
        lambda c: c.ts.nrange(["s"], empty=True),
        InvalidData,
        "align, bucket_timestamp and empty of ts.nrange need aggregators",
    ),
    Refusal(
        "ts.nrevrange",
        lambda c: c.ts.nrevrange(["s", "t"], aggregators=["avg"], bucket_size_msec=5),
        InvalidData,
        "ts.nrevrange needs aggregators for each key: 1 for 2",
    ),
]
