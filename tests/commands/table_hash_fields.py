"""Rows of the commands on single fields of hashes."""

from __future__ import annotations

import datetime

from testbed.wire import NIL, array, bulk, integer

from txredis_fast.exceptions import InvalidData

from .rows import Refusal, Row

MOMENT = datetime.datetime(2100, 1, 1, tzinfo=datetime.timezone.utc)
SECONDS = 4102444800
SET = array(integer(1), integer(-2))
TTL = array(integer(100), integer(-1))

ROWS = [
    Row("hincrbyfloat", lambda c: c.hincrbyfloat("h", "f"), ("HINCRBYFLOAT", "h", "f", "1.0"), bulk("2"), 2.0),
    Row(
        "hincrbyfloat", lambda c: c.hincrbyfloat("h", "f", 0.5), ("HINCRBYFLOAT", "h", "f", 0.5), bulk("2.5"), 2.5, None
    ),
    Row("hstrlen", lambda c: c.hstrlen("h", "f"), ("HSTRLEN", "h", "f"), integer(3), 3),
    Row("hrandfield", lambda c: c.hrandfield("h"), ("HRANDFIELD", "h"), bulk("f"), "f"),
    Row("hrandfield", lambda c: c.hrandfield("h"), ("HRANDFIELD", "h"), NIL, None),
    Row("hrandfield", lambda c: c.hrandfield("h", 2), ("HRANDFIELD", "h", 2), array("f", "g"), ["f", "g"]),
    Row(
        "hrandfield",
        lambda c: c.hrandfield("h", -2, True),
        ("HRANDFIELD", "h", -2, "WITHVALUES"),
        array("f", "1", "f", "1"),
        [("f", 1), ("f", 1)],
    ),
    Row("hexpire", lambda c: c.hexpire("h", 100, "f", "g"), ("HEXPIRE", "h", 100, "FIELDS", 2, "f", "g"), SET, [1, -2]),
    Row(
        "hexpire", lambda c: c.hexpire("h", 0.5, "f"), ("HPEXPIRE", "h", 500, "FIELDS", 1, "f"), array(integer(1)), [1]
    ),
    *(
        Row(
            "hexpire",
            lambda c, word=word: c.hexpire("h", datetime.timedelta(hours=1), "f", **{word: True}),
            ("HEXPIRE", "h", 3600, word.upper(), "FIELDS", 1, "f"),
            array(integer(0)),
            [0],
        )
        for word in ("nx", "xx", "gt", "lt")
    ),
    Row(
        "hpexpire",
        lambda c: c.hpexpire("h", 1500, "f", nx=True),
        ("HPEXPIRE", "h", 1500, "NX", "FIELDS", 1, "f"),
        array(integer(1)),
        [1],
    ),
    Row(
        "hexpireat",
        lambda c: c.hexpireat("h", MOMENT, "f", gt=True),
        ("HEXPIREAT", "h", SECONDS, "GT", "FIELDS", 1, "f"),
        array(integer(1)),
        [1],
    ),
    Row(
        "hexpireat",
        lambda c: c.hexpireat("h", SECONDS + 0.5, "f"),
        ("HPEXPIREAT", "h", SECONDS * 1000 + 500, "FIELDS", 1, "f"),
        array(integer(1)),
        [1],
    ),
    Row(
        "hpexpireat",
        lambda c: c.hpexpireat("h", MOMENT, "f", lt=True),
        ("HPEXPIREAT", "h", SECONDS * 1000, "LT", "FIELDS", 1, "f"),
        array(integer(1)),
        [1],
    ),
    *(
        Row(
            name,
            lambda c, name=name: getattr(c, name)("h", "f", "g"),
            (name.upper(), "h", "FIELDS", 2, "f", "g"),
            TTL,
            [100, -1],
        )
        for name in ("httl", "hpttl", "hexpiretime", "hpexpiretime", "hpersist")
    ),
    Row(
        "hgetdel",
        lambda c: c.hgetdel("h", "f", "g"),
        ("HGETDEL", "h", "FIELDS", 2, "f", "g"),
        array("1", NIL),
        [1, None],
    ),
    Row("hgetex", lambda c: c.hgetex("h", "f"), ("HGETEX", "h", "FIELDS", 1, "f"), array("a"), ["a"]),
    Row("hgetex", lambda c: c.hgetex("h", "f", ex=9), ("HGETEX", "h", "EX", 9, "FIELDS", 1, "f"), array("a"), ["a"]),
    Row(
        "hgetex", lambda c: c.hgetex("h", "f", ex=0.5), ("HGETEX", "h", "PX", 500, "FIELDS", 1, "f"), array("a"), ["a"]
    ),
    Row(
        "hgetex",
        lambda c: c.hgetex("h", "f", px=9),
        ("HGETEX", "h", "PX", 9, "FIELDS", 1, "f"),
        array(b"a"),
        [b"a"],
        None,
    ),
    Row(
        "hgetex",
        lambda c: c.hgetex("h", "f", exat=MOMENT),
        ("HGETEX", "h", "EXAT", SECONDS, "FIELDS", 1, "f"),
        array("a"),
        ["a"],
    ),
    Row(
        "hgetex",
        lambda c: c.hgetex("h", "f", pxat=MOMENT),
        ("HGETEX", "h", "PXAT", SECONDS * 1000, "FIELDS", 1, "f"),
        array("a"),
        ["a"],
    ),
    Row(
        "hgetex",
        lambda c: c.hgetex("h", "f", persist=True),
        ("HGETEX", "h", "PERSIST", "FIELDS", 1, "f"),
        array("a"),
        ["a"],
    ),
    Row("hsetex", lambda c: c.hsetex("h", "f", 1), ("HSETEX", "h", "FIELDS", 1, "f", 1), integer(1), True),
    Row(
        "hsetex",
        lambda c: c.hsetex("h", "f", 1, {"g": 2}, fnx=True, ex=9),
        ("HSETEX", "h", "FNX", "EX", 9, "FIELDS", 2, "f", 1, "g", 2),
        integer(0),
        False,
    ),
    Row(
        "hsetex",
        lambda c: c.hsetex("h", mapping={"g": 2}, fxx=True, keepttl=True),
        ("HSETEX", "h", "FXX", "KEEPTTL", "FIELDS", 1, "g", 2),
        integer(1),
        True,
    ),
    Row(
        "hsetex",
        lambda c: c.hsetex("h", "f", 1, nx=True, pxat=MOMENT),
        ("HSETEX", "h", "NX", "PXAT", SECONDS * 1000, "FIELDS", 1, "f", 1),
        integer(1),
        True,
        needs=("valkey 9.0",),
    ),
    Row(
        "hsetex",
        lambda c: c.hsetex("h", "f", 1, xx=True, px=100),
        ("HSETEX", "h", "XX", "PX", 100, "FIELDS", 1, "f", 1),
        integer(1),
        True,
        needs=("valkey 9.0",),
    ),
    Row("hset", lambda c: c.hset("h", mapping={"f": 1, "g": "x"}), ("HSET", "h", "f", 1, "g", "x"), integer(2), 2),
    Row("hset", lambda c: c.hset("h", "e", 0, {"f": 1}), ("HSET", "h", "e", 0, "f", 1), integer(2), 2),
    Row("hdel", lambda c: c.hdel("h", "f", "g"), ("HDEL", "h", "f", "g"), integer(2), 2),
    Row("hmget", lambda c: c.hmget("h", "f", "g"), ("HMGET", "h", "f", "g"), array("1", NIL), [1, None]),
    Row("hscan", lambda c: c.hscan("h", match="a*"), ("HSCAN", "h", 0, "MATCH", "a*"), array("0", array()), [0, []]),
    Row(
        "hscan",
        lambda c: c.hscan("h", 0, None, 5, no_values=True),
        ("HSCAN", "h", 0, "COUNT", 5, "NOVALUES"),
        array("0", array("f")),
        [0, ["f"]],
        needs=("redis 7.4", "valkey 8.0"),
    ),
]

REFUSALS = [
    Refusal("hexpire", lambda c: c.hexpire("h", 5), InvalidData, "HEXPIRE needs at least one field"),
    Refusal("hgetdel", lambda c: c.hgetdel("h"), InvalidData, "HGETDEL needs at least one field"),
    Refusal(
        "hgetex",
        lambda c: c.hgetex("h", "f", ex=5, persist=True),
        InvalidData,
        "ex and persist of hgetex cannot be given together: a key has one time to live",
    ),
    Refusal(
        "hsetex",
        lambda c: c.hsetex("h"),
        InvalidData,
        "hsetex needs a field and its value, or a mapping with at least one",
    ),
    Refusal(
        "hset", lambda c: c.hset("h"), InvalidData, "hset needs a field and its value, or a mapping with at least one"
    ),
    Refusal("hset", lambda c: c.hset("h", mapping={}), InvalidData),
    Refusal(
        "hrandfield", lambda c: c.hrandfield("h", withvalues=True), InvalidData, "withvalues of hrandfield needs count"
    ),
]
