"""Rows of the commands on Bloom and cuckoo filters."""

from __future__ import annotations

from txredis_fast.exceptions import ResponseError

from .rows import ModuleRow

ROWS = [
    ModuleRow(
        "bf.create",
        lambda c: c.bf.create("b", 0.01, 100, 2),
        ("BF.RESERVE", "b", 0.01, 100, "EXPANSION", 2),
        b"+OK\r\n",
        "OK",
    ),
    ModuleRow(
        "bf.reserve",
        lambda c: c.bf.reserve("fixed", 0.01, 2, no_scale=True),
        ("BF.RESERVE", "fixed", 0.01, 2, "NONSCALING"),
        b"+OK\r\n",
        "OK",
    ),
    ModuleRow("bf.add", lambda c: c.bf.add("b", "x"), ("BF.ADD", "b", "x"), b":1\r\n", True, answered3=b"#t\r\n"),
    ModuleRow("bf.add", lambda c: c.bf.add("b", "x"), ("BF.ADD", "b", "x"), b":0\r\n", False, answered3=b"#f\r\n"),
    ModuleRow(
        "bf.madd",
        lambda c: c.bf.madd("b", "x", "y"),
        ("BF.MADD", "b", "x", "y"),
        b"*2\r\n:0\r\n:1\r\n",
        [False, True],
        answered3=b"*2\r\n#f\r\n#t\r\n",
    ),
    ModuleRow(
        "bf.madd",
        lambda c: c.bf.madd("fixed", 1, 2, 3),
        ("BF.MADD", "fixed", 1, 2, 3),
        b"*3\r\n:1\r\n:1\r\n-ERR non scaling filter is full\r\n",
        [True, True, ResponseError("ERR non scaling filter is full")],
        answered3=b"*3\r\n#t\r\n#t\r\n-ERR non scaling filter is full\r\n",
    ),
    ModuleRow(
        "bf.exists", lambda c: c.bf.exists("b", "x"), ("BF.EXISTS", "b", "x"), b":1\r\n", True, answered3=b"#t\r\n"
    ),
    ModuleRow(
        "bf.mexists",
        lambda c: c.bf.mexists("b", "x", "z"),
        ("BF.MEXISTS", "b", "x", "z"),
        b"*2\r\n:1\r\n:0\r\n",
        [True, False],
        answered3=b"*2\r\n#t\r\n#f\r\n",
    ),
    ModuleRow(
        "bf.insert",
        lambda c: c.bf.insert("b2", ["a", "b"], 10, 0.1, expansion=2),
        ("BF.INSERT", "b2", "CAPACITY", 10, "ERROR", 0.1, "EXPANSION", 2, "ITEMS", "a", "b"),
        b"*2\r\n:1\r\n:1\r\n",
        [True, True],
        answered3=b"*2\r\n#t\r\n#t\r\n",
    ),
    ModuleRow(
        "bf.insert",
        lambda c: c.bf.insert("b2", ["a"], no_create=True, no_scale=True),
        ("BF.INSERT", "b2", "NOCREATE", "NONSCALING", "ITEMS", "a"),
        b"*1\r\n:0\r\n",
        [False],
        answered3=b"*1\r\n#f\r\n",
    ),
    ModuleRow("bf.card", lambda c: c.bf.card("b"), ("BF.CARD", "b"), b":2\r\n", 2),
    ModuleRow(
        "bf.info",
        lambda c: c.bf.info("b"),
        ("BF.INFO", "b"),
        (
            b"*10\r\n+Capacity\r\n:100\r\n+Size\r\n:240\r\n+Number of filters\r\n:1\r\n"
            b"+Number of items inserted\r\n:2\r\n+Expansion rate\r\n:2\r\n"
        ),
        {"Capacity": 100, "Size": 240, "Number of filters": 1, "Number of items inserted": 2, "Expansion rate": 2},
        answered3=(
            b"%5\r\n+Capacity\r\n:100\r\n+Size\r\n:240\r\n+Number of filters\r\n:1\r\n"
            b"+Number of items inserted\r\n:2\r\n+Expansion rate\r\n:2\r\n"
        ),
    ),
    ModuleRow(
        "bf.info",
        lambda c: c.bf.info("fixed"),
        ("BF.INFO", "fixed"),
        (
            b"*10\r\n+Capacity\r\n:2\r\n+Size\r\n:104\r\n+Number of filters\r\n:1\r\n"
            b"+Number of items inserted\r\n:2\r\n+Expansion rate\r\n$-1\r\n"
        ),
        {"Capacity": 2, "Size": 104, "Number of filters": 1, "Number of items inserted": 2, "Expansion rate": None},
        answered3=(
            b"%5\r\n+Capacity\r\n:2\r\n+Size\r\n:104\r\n+Number of filters\r\n:1\r\n"
            b"+Number of items inserted\r\n:2\r\n+Expansion rate\r\n_\r\n"
        ),
    ),
    ModuleRow(
        "bf.info",
        lambda c: c.bf.info("b", "CAPACITY"),
        ("BF.INFO", "b", "CAPACITY"),
        b"*1\r\n:100\r\n",
        100,
        answered3=b"%1\r\n+Capacity\r\n:100\r\n",
    ),
    ModuleRow(
        "bf.scandump",
        lambda c: c.bf.scandump("b", 0),
        ("BF.SCANDUMP", "b", 0),
        (
            b"*2\r\n:1\r\n$73\r\n"
            b"\x02\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x05\x00\x00\x00\x02\x00\x00\x00\x90\x00\x00"
            b"\x00\x00\x00\x00\x00\x80\x04\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00{\x14\xae"
            b"G\xe1zt?\xe9\x86/\xb25\x0e&@\x08\x00\x00\x00d\x00\x00\x00\x00\x00\x00\x00\x00\r\n"
        ),
        (
            1,
            (
                b"\x02\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x05\x00\x00\x00\x02\x00\x00\x00\x90\x00\x00"
                b"\x00\x00\x00\x00\x00\x80\x04\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00{\x14\xae"
                b"G\xe1zt?\xe9\x86/\xb25\x0e&@\x08\x00\x00\x00d\x00\x00\x00\x00\x00\x00\x00\x00"
            ),
        ),
    ),
    ModuleRow(
        "bf.loadchunk",
        lambda c: c.bf.loadchunk(
            "copy",
            1,
            b"\x02\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x05\x00\x00\x00\x02\x00\x00\x00\x90\x00\x00\x00\x00\x00\x00\x00\x80\x04\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00{\x14\xaeG\xe1zt?\xe9\x86/\xb25\x0e&@\x08\x00\x00\x00d\x00\x00\x00\x00\x00\x00\x00\x00",
        ),
        (
            "BF.LOADCHUNK",
            "copy",
            1,
            (
                b"\x02\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x05\x00\x00\x00\x02\x00\x00\x00\x90\x00\x00"
                b"\x00\x00\x00\x00\x00\x80\x04\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00{\x14\xae"
                b"G\xe1zt?\xe9\x86/\xb25\x0e&@\x08\x00\x00\x00d\x00\x00\x00\x00\x00\x00\x00\x00"
            ),
        ),
        b"+OK\r\n",
        "OK",
    ),
    ModuleRow(
        "cf.create",
        lambda c: c.cf.create("c", 100, 1, 2, 20),
        ("CF.RESERVE", "c", 100, "BUCKETSIZE", 2, "MAXITERATIONS", 20, "EXPANSION", 1),
        b"+OK\r\n",
        "OK",
    ),
    ModuleRow("cf.reserve", lambda c: c.cf.reserve("c2", 4), ("CF.RESERVE", "c2", 4), b"+OK\r\n", "OK"),
    ModuleRow("cf.add", lambda c: c.cf.add("c", "x"), ("CF.ADD", "c", "x"), b":1\r\n", True, answered3=b"#t\r\n"),
    ModuleRow(
        "cf.addnx", lambda c: c.cf.addnx("c", "x"), ("CF.ADDNX", "c", "x"), b":0\r\n", False, answered3=b"#f\r\n"
    ),
    ModuleRow(
        "cf.insert",
        lambda c: c.cf.insert("c", ["a", "b"], 10),
        ("CF.INSERT", "c", "CAPACITY", 10, "ITEMS", "a", "b"),
        b"*2\r\n:1\r\n:1\r\n",
        [True, True],
        answered3=b"*2\r\n#t\r\n#t\r\n",
    ),
    ModuleRow(
        "cf.insert",
        lambda c: c.cf.insert("c", ["a"], nocreate=True),
        ("CF.INSERT", "c", "NOCREATE", "ITEMS", "a"),
        b"*1\r\n:1\r\n",
        [True],
        answered3=b"*1\r\n#t\r\n",
    ),
    ModuleRow(
        "cf.insertnx",
        lambda c: c.cf.insertnx("c", ["a", "z"]),
        ("CF.INSERTNX", "c", "ITEMS", "a", "z"),
        b"*2\r\n:0\r\n:1\r\n",
        [False, True],
    ),
    ModuleRow(
        "cf.exists", lambda c: c.cf.exists("c", "x"), ("CF.EXISTS", "c", "x"), b":1\r\n", True, answered3=b"#t\r\n"
    ),
    ModuleRow(
        "cf.mexists",
        lambda c: c.cf.mexists("c", "x", "q"),
        ("CF.MEXISTS", "c", "x", "q"),
        b"*2\r\n:1\r\n:0\r\n",
        [True, False],
        answered3=b"*2\r\n#t\r\n#f\r\n",
    ),
    ModuleRow("cf.delete", lambda c: c.cf.delete("c", "x"), ("CF.DEL", "c", "x"), b":1\r\n", True, answered3=b"#t\r\n"),
    ModuleRow("cf.count", lambda c: c.cf.count("c", "a"), ("CF.COUNT", "c", "a"), b":2\r\n", 2),
    ModuleRow("cf.compact", lambda c: c.cf.compact("c"), ("CF.COMPACT", "c"), b"+OK\r\n", "OK"),
    ModuleRow(
        "cf.info",
        lambda c: c.cf.info("c"),
        ("CF.INFO", "c"),
        (
            b"*16\r\n+Size\r\n:184\r\n+Number of buckets\r\n:64\r\n+Number of filters\r\n:1\r\n"
            b"+Number of items inserted\r\n:4\r\n+Number of items deleted\r\n:0\r\n+Bucket size\r\n"
            b":2\r\n+Expansion rate\r\n:1\r\n+Max iterations\r\n:20\r\n"
        ),
        {
            "Size": 184,
            "Number of buckets": 64,
            "Number of filters": 1,
            "Number of items inserted": 4,
            "Number of items deleted": 0,
            "Bucket size": 2,
            "Expansion rate": 1,
            "Max iterations": 20,
        },
        answered3=(
            b"%8\r\n+Size\r\n:184\r\n+Number of buckets\r\n:64\r\n+Number of filters\r\n:1\r\n"
            b"+Number of items inserted\r\n:4\r\n+Number of items deleted\r\n:0\r\n+Bucket size\r\n"
            b":2\r\n+Expansion rate\r\n:1\r\n+Max iterations\r\n:20\r\n"
        ),
    ),
    ModuleRow(
        "cf.scandump",
        lambda c: c.cf.scandump("c", 0),
        ("CF.SCANDUMP", "c", 0),
        (
            b"*2\r\n:1\r\n$38\r\n"
            b"\x04\x00\x00\x00\x00\x00\x00\x00@\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
            b"\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00\x14\x00\x01\x00\r\n"
        ),
        (
            1,
            b"\x04\x00\x00\x00\x00\x00\x00\x00@\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00\x14\x00\x01\x00",
        ),
    ),
    ModuleRow(
        "cf.loadchunk",
        lambda c: c.cf.loadchunk(
            "copy2",
            1,
            b"\x05\x00\x00\x00\x00\x00\x00\x00@\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00\x14\x00\x01\x00",
        ),
        (
            "CF.LOADCHUNK",
            "copy2",
            1,
            b"\x05\x00\x00\x00\x00\x00\x00\x00@\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00\x14\x00\x01\x00",
        ),
        b"+OK\r\n",
        "OK",
    ),
]
