"""Rows of commands of modules of Redis 8.10, after their documentation: no server of the tests has them."""

from __future__ import annotations

import datetime
import math

from testbed.wire import array, bulk, integer

from txredis_fast.commands.modules.search_replies import HybridResult
from txredis_fast.exceptions import InvalidData

from ..rows import Refusal
from .rows import ModuleRow

SAMPLES = array(array(integer(1000), "1.5"), array(integer(2000), "2"))
SAMPLES_3 = b"*2\r\n*2\r\n:1000\r\n,1.5\r\n*2\r\n:2000\r\n,2\r\n"
TABLE = array(array(integer(1000), array("1.5", "nan")), array(integer(2000), array("2", "7")))
TABLE_3 = b"*2\r\n*2\r\n:1000\r\n*2\r\n,1.5\r\n,nan\r\n*2\r\n:2000\r\n*2\r\n,2\r\n,7\r\n"
FOUND = [(1000, [1.5, math.nan]), (2000, [2.0, 7.0])]
NAMES_3 = b"~2\r\n" + bulk("a") + bulk("b")

HYBRID = array(array("__key", "d:1", "__score", "0.5"), array("__key", "d:2", "__score", "0.25"))
HYBRID_3 = b"*2\r\n" + b"".join(
    b"%2\r\n" + bulk("__key") + bulk(key) + bulk("__score") + bulk(score)
    for key, score in (("d:1", "0.5"), ("d:2", "0.25"))
)
HYBRID_ROWS = [{"__key": "d:1", "__score": 0.5}, {"__key": "d:2", "__score": 0.25}]

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
        "search.hybrid_search",
        lambda c: c.search("i").hybrid_search("laptop", "@v", "$q", params={"q": b"\x00\x01\xff\x00"}),
        ("FT.HYBRID", "i", "SEARCH", "laptop", "VSIM", "@v", "$q", "PARAMS", 2, "q", b"\x00\x01\xff\x00"),
        array(
            *("total_results", integer(2), "results", HYBRID),
            *("warnings", array("Timeout limit was reached"), "execution_time", "0.25"),
        ),
        HybridResult(2, HYBRID_ROWS, ["Timeout limit was reached"], 0.25),
        answered3=b"%4\r\n+total_results\r\n:2\r\n+results\r\n"
        + HYBRID_3
        + b"+warnings\r\n*1\r\n+Timeout limit was reached"
        b"\r\n+execution_time\r\n,0.25\r\n",
    ),
    ModuleRow(
        "search.hybrid_search",
        lambda c: c.search("i").hybrid_search(
            *("@tag:{a}", "@v", "$q", ("APPLY", "@n * 2", "AS", "m"), ["SORTBY", 2, "@m", "DESC"], ("LIMIT", 0, 5)),
            params={"q": "vector", "n": 5},
            scorer="BM25STD",
            search_score_as="words",
            k=20,
            ef_runtime=200,
            shard_k_ratio=0.5,
            filter="@n:[1 5]",
            vector_score_as="near",
            combine="LINEAR",
            combine_options={"ALPHA": 0.7, "BETA": 0.3, "YIELD_SCORE_AS": "both"},
            load=["@n", "@tag"],
            timeout=500,
        ),
        (
            *("FT.HYBRID", "i", "SEARCH", "@tag:{a}", "SCORER", "BM25STD", "YIELD_SCORE_AS", "words", "VSIM", "@v"),
            *("$q", "KNN", 6, "K", 20, "EF_RUNTIME", 200, "SHARD_K_RATIO", 0.5, "FILTER", "@n:[1 5]"),
            *("YIELD_SCORE_AS", "near", "COMBINE", "LINEAR", 6, "ALPHA", 0.7, "BETA", 0.3, "YIELD_SCORE_AS", "both"),
            *("LOAD", 2, "@n", "@tag", "APPLY", "@n * 2", "AS", "m", "SORTBY", 2, "@m", "DESC", "LIMIT", 0, 5),
            *("PARAMS", 4, "q", "vector", "n", 5, "TIMEOUT", 500),
        ),
        array(*("total_results", integer(0), "results", array(), "warnings", array(), "execution_time", "1")),
        HybridResult(0, [], [], 1.0),
        answered3=b"%4\r\n+total_results\r\n:0\r\n+results\r\n*0\r\n+warnings\r\n*0\r\n+execution_time\r\n,1\r\n",
    ),
    ModuleRow(
        "search.hybrid_search",
        lambda c: c.search("i").hybrid_search(
            *("*", "@v", "$q", ("FILTER", "@n > 1")),
            radius=0.8,
            epsilon=0.1,
            filter="@n:[1 5]",
            policy="BATCHES",
            batch_size=9,
            combine="RRF",
            load=["*"],
        ),
        (
            *("FT.HYBRID", "i", "SEARCH", "*", "VSIM", "@v", "$q", "RANGE", 4, "RADIUS", 0.8, "EPSILON", 0.1, "FILTER"),
            *(5, "@n:[1 5]", "POLICY", "BATCHES", "BATCH_SIZE", 9, "COMBINE", "RRF", 0, "LOAD", "*"),
            *("FILTER", "@n > 1"),
        ),
        array(*("total_results", integer(0), "results", array(), "warnings", array(), "execution_time", "0")),
        HybridResult(0, [], [], 0.0),
    ),
    ModuleRow(
        "search.hybrid_search",
        lambda c: c.search("i").hybrid_search("*", "@v", "$q", ("FILTER", "@n > 1"), filter="@n:[1 5]"),
        ("FT.HYBRID", "i", "SEARCH", "*", "VSIM", "@v", "$q", "FILTER", "@n:[1 5]", "FILTER", "@n > 1"),
        array(*("total_results", integer(0), "results", array(), "warnings", array(), "execution_time", "0")),
        HybridResult(0, [], [], 0.0),
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

NEEDS_K = "search.hybrid_search needs k for its options, or radius for epsilon, and takes one of both"

REFUSALS = [
    Refusal(
        "ts.read",
        lambda c: c.ts.read("s", "-", block_min_count=2),
        InvalidData,
        "block_min_count of ts.read needs block_milliseconds",
    ),
    Refusal("ts.read", lambda c: c.ts.read("s", "-", float("nan")), InvalidData),
    *(
        Refusal(
            "search.hybrid_search", lambda c, more=more: c.search("i").hybrid_search("*", "@v", "$q", **more), *told
        )
        for more, told in (
            ({"ef_runtime": 5}, (InvalidData, NEEDS_K)),
            ({"shard_k_ratio": 0.5}, (InvalidData, NEEDS_K)),
            ({"epsilon": 0.1}, (InvalidData, NEEDS_K)),
            ({"k": 5, "radius": 1}, (InvalidData, NEEDS_K)),
            ({"policy": "ADHOC"}, (InvalidData, "policy and batch_size of search.hybrid_search need filter")),
            (
                {"combine_options": {"WINDOW": 5}},
                (InvalidData, "combine_options of search.hybrid_search needs combine"),
            ),
            ({"load": []}, (InvalidData, "search.hybrid_search needs fields to load: there are none")),
        )
    ),
    Refusal(
        "search.hybrid_search",
        lambda c: c.search("i").hybrid_search("*", "@v", "$q", ("filter", "@n > 1")),
        InvalidData,
        "a step FILTER of search.hybrid_search needs combine or load: else it is the filter of the vectors",
    ),
    Refusal(
        "search.hybrid_search",
        lambda c: c.search().hybrid_search("*", "@v", "$q"),
        InvalidData,
        "search.hybrid_search needs an index: rc.search(index).hybrid_search(...)",
    ),
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
