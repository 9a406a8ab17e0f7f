"""Rows of the commands on sketches."""

from __future__ import annotations

from .rows import ModuleRow

ROWS = [
    ModuleRow(
        "cms.initbydim", lambda c: c.cms.initbydim("m", 100, 5), ("CMS.INITBYDIM", "m", 100, 5), b"+OK\r\n", "OK"
    ),
    ModuleRow(
        "cms.initbyprob",
        lambda c: c.cms.initbyprob("m2", 0.01, 0.01),
        ("CMS.INITBYPROB", "m2", 0.01, 0.01),
        b"+OK\r\n",
        "OK",
    ),
    ModuleRow(
        "cms.incrby",
        lambda c: c.cms.incrby("m", ["a", "b"], [3, 2]),
        ("CMS.INCRBY", "m", "a", 3, "b", 2),
        b"*2\r\n:3\r\n:2\r\n",
        [3, 2],
    ),
    ModuleRow(
        "cms.query", lambda c: c.cms.query("m", "a", "z"), ("CMS.QUERY", "m", "a", "z"), b"*2\r\n:3\r\n:0\r\n", [3, 0]
    ),
    ModuleRow(
        "cms.merge",
        lambda c: c.cms.merge("m", 1, ["m"], [2]),
        ("CMS.MERGE", "m", 1, "m", "WEIGHTS", 2),
        b"+OK\r\n",
        "OK",
    ),
    ModuleRow("cms.merge", lambda c: c.cms.merge("m", 1, "m"), ("CMS.MERGE", "m", 1, "m"), b"+OK\r\n", "OK"),
    ModuleRow(
        "cms.info",
        lambda c: c.cms.info("m"),
        ("CMS.INFO", "m"),
        b"*6\r\n+width\r\n:100\r\n+depth\r\n:5\r\n+count\r\n:10\r\n",
        {"width": 100, "depth": 5, "count": 10},
        answered3=b"%3\r\n+width\r\n:100\r\n+depth\r\n:5\r\n+count\r\n:10\r\n",
    ),
    ModuleRow(
        "topk.reserve",
        lambda c: c.topk.reserve("t", 3, 8, 7, 0.9),
        ("TOPK.RESERVE", "t", 3, 8, 7, 0.9),
        b"+OK\r\n",
        "OK",
    ),
    ModuleRow("topk.reserve", lambda c: c.topk.reserve("t1", 1), ("TOPK.RESERVE", "t1", 1), b"+OK\r\n", "OK"),
    ModuleRow(
        "topk.add",
        lambda c: c.topk.add("t", "a", "b", "a", "c"),
        ("TOPK.ADD", "t", "a", "b", "a", "c"),
        b"*4\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n",
        [None, None, None, None],
        answered3=b"*4\r\n_\r\n_\r\n_\r\n_\r\n",
    ),
    ModuleRow(
        "topk.add",
        lambda c: c.topk.add("t1", "a", "b", "b"),
        ("TOPK.ADD", "t1", "a", "b", "b"),
        b"*3\r\n$-1\r\n$1\r\na\r\n$-1\r\n",
        [None, "a", None],
        answered3=b"*3\r\n_\r\n$1\r\na\r\n_\r\n",
    ),
    ModuleRow(
        "topk.incrby",
        lambda c: c.topk.incrby("t", ["a", "b"], [3, 2]),
        ("TOPK.INCRBY", "t", "a", 3, "b", 2),
        b"*2\r\n$-1\r\n$-1\r\n",
        [None, None],
        answered3=b"*2\r\n_\r\n_\r\n",
    ),
    ModuleRow(
        "topk.query",
        lambda c: c.topk.query("t", "a", "z"),
        ("TOPK.QUERY", "t", "a", "z"),
        b"*2\r\n:1\r\n:0\r\n",
        [True, False],
        answered3=b"*2\r\n#t\r\n#f\r\n",
    ),
    ModuleRow(
        "topk.count",
        lambda c: c.topk.count("t", "a", "z"),
        ("TOPK.COUNT", "t", "a", "z"),
        b"*2\r\n:5\r\n:0\r\n",
        [5, 0],
    ),
    ModuleRow(
        "topk.list",
        lambda c: c.topk.list("t"),
        ("TOPK.LIST", "t"),
        b"*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n",
        ["a", "b", "c"],
    ),
    ModuleRow(
        "topk.list",
        lambda c: c.topk.list("t", True),
        ("TOPK.LIST", "t", "WITHCOUNT"),
        b"*6\r\n$1\r\na\r\n:5\r\n$1\r\nb\r\n:3\r\n$1\r\nc\r\n:1\r\n",
        [("a", 5), ("b", 3), ("c", 1)],
    ),
    ModuleRow(
        "topk.info",
        lambda c: c.topk.info("t"),
        ("TOPK.INFO", "t"),
        b"*8\r\n+k\r\n:3\r\n+width\r\n:8\r\n+depth\r\n:7\r\n+decay\r\n$3\r\n0.9\r\n",
        {"k": 3, "width": 8, "depth": 7, "decay": 0.9},
        answered3=b"%4\r\n+k\r\n:3\r\n+width\r\n:8\r\n+depth\r\n:7\r\n+decay\r\n,0.9\r\n",
    ),
    ModuleRow(
        "tdigest.create", lambda c: c.tdigest.create("d"), ("TDIGEST.CREATE", "d", "COMPRESSION", 100), b"+OK\r\n", "OK"
    ),
    ModuleRow(
        "tdigest.create",
        lambda c: c.tdigest.create("d2", 50),
        ("TDIGEST.CREATE", "d2", "COMPRESSION", 50),
        b"+OK\r\n",
        "OK",
    ),
    ModuleRow(
        "tdigest.min",
        lambda c: c.tdigest.min("d"),
        ("TDIGEST.MIN", "d"),
        b"$3\r\nnan\r\n",
        float("nan"),
        answered3=b",nan\r\n",
    ),
    ModuleRow(
        "tdigest.add",
        lambda c: c.tdigest.add("d", [1, 2, 3, 4.5]),
        ("TDIGEST.ADD", "d", 1, 2, 3, 4.5),
        b"+OK\r\n",
        "OK",
    ),
    ModuleRow(
        "tdigest.min", lambda c: c.tdigest.min("d"), ("TDIGEST.MIN", "d"), b"$1\r\n1\r\n", 1.0, answered3=b",1\r\n"
    ),
    ModuleRow(
        "tdigest.max", lambda c: c.tdigest.max("d"), ("TDIGEST.MAX", "d"), b"$3\r\n4.5\r\n", 4.5, answered3=b",4.5\r\n"
    ),
    ModuleRow(
        "tdigest.quantile",
        lambda c: c.tdigest.quantile("d", 0.1, 0.5),
        ("TDIGEST.QUANTILE", "d", 0.1, 0.5),
        b"*2\r\n$1\r\n1\r\n$1\r\n3\r\n",
        [1.0, 3.0],
        answered3=b"*2\r\n,1\r\n,3\r\n",
    ),
    ModuleRow(
        "tdigest.cdf",
        lambda c: c.tdigest.cdf("d", 1, 3),
        ("TDIGEST.CDF", "d", 1, 3),
        b"*2\r\n$5\r\n0.125\r\n$5\r\n0.625\r\n",
        [0.125, 0.625],
        answered3=b"*2\r\n,0.125\r\n,0.625\r\n",
    ),
    ModuleRow(
        "tdigest.trimmed_mean",
        lambda c: c.tdigest.trimmed_mean("d", 0.1, 0.9),
        ("TDIGEST.TRIMMED_MEAN", "d", 0.1, 0.9),
        b"$5\r\n2.625\r\n",
        2.625,
        answered3=b",2.625\r\n",
    ),
    ModuleRow(
        "tdigest.rank",
        lambda c: c.tdigest.rank("d", 1, 3, 100),
        ("TDIGEST.RANK", "d", 1, 3, 100),
        b"*3\r\n:0\r\n:2\r\n:4\r\n",
        [0, 2, 4],
    ),
    ModuleRow(
        "tdigest.revrank",
        lambda c: c.tdigest.revrank("d", 1, 3),
        ("TDIGEST.REVRANK", "d", 1, 3),
        b"*2\r\n:3\r\n:1\r\n",
        [3, 1],
    ),
    ModuleRow(
        "tdigest.byrank",
        lambda c: c.tdigest.byrank("d", 0, 2, 100),
        ("TDIGEST.BYRANK", "d", 0, 2, 100),
        b"*3\r\n$1\r\n1\r\n$1\r\n3\r\n$3\r\ninf\r\n",
        [1.0, 3.0, float("inf")],
        answered3=b"*3\r\n,1\r\n,3\r\n,inf\r\n",
    ),
    ModuleRow(
        "tdigest.byrevrank",
        lambda c: c.tdigest.byrevrank("d", 0, 2, 100),
        ("TDIGEST.BYREVRANK", "d", 0, 2, 100),
        b"*3\r\n$3\r\n4.5\r\n$1\r\n2\r\n$4\r\n-inf\r\n",
        [4.5, 2.0, float("-inf")],
        answered3=b"*3\r\n,4.5\r\n,2\r\n,-inf\r\n",
    ),
    ModuleRow(
        "tdigest.info",
        lambda c: c.tdigest.info("d"),
        ("TDIGEST.INFO", "d"),
        (
            b"*18\r\n+Compression\r\n:100\r\n+Capacity\r\n:610\r\n+Merged nodes\r\n:4\r\n"
            b"+Unmerged nodes\r\n:0\r\n+Merged weight\r\n:4\r\n+Unmerged weight\r\n:0\r\n"
            b"+Observations\r\n:4\r\n+Total compressions\r\n:1\r\n+Memory usage\r\n:9768\r\n"
        ),
        {
            "Compression": 100,
            "Capacity": 610,
            "Merged nodes": 4,
            "Unmerged nodes": 0,
            "Merged weight": 4,
            "Unmerged weight": 0,
            "Observations": 4,
            "Total compressions": 1,
            "Memory usage": 9768,
        },
        answered3=(
            b"%9\r\n+Compression\r\n:100\r\n+Capacity\r\n:610\r\n+Merged nodes\r\n:4\r\n"
            b"+Unmerged nodes\r\n:0\r\n+Merged weight\r\n:4\r\n+Unmerged weight\r\n:0\r\n"
            b"+Observations\r\n:4\r\n+Total compressions\r\n:1\r\n+Memory usage\r\n:9768\r\n"
        ),
    ),
    ModuleRow(
        "tdigest.merge",
        lambda c: c.tdigest.merge("d3", 2, "d", "d2", compression=50, override=True),
        ("TDIGEST.MERGE", "d3", 2, "d", "d2", "COMPRESSION", 50, "OVERRIDE"),
        b"+OK\r\n",
        "OK",
    ),
    ModuleRow(
        "tdigest.merge", lambda c: c.tdigest.merge("d3", 1, "d"), ("TDIGEST.MERGE", "d3", 1, "d"), b"+OK\r\n", "OK"
    ),
    ModuleRow("tdigest.reset", lambda c: c.tdigest.reset("d"), ("TDIGEST.RESET", "d"), b"+OK\r\n", "OK"),
]
