"""Rows of the commands on keys of any type."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from testbed.wire import NIL, OK, array, bulk, integer, status

from txredis_fast.exceptions import RedisError

from .rows import Refusal, Row, old_arguments

BOTH_ENDS = "``start`` and ``end`` must both be specified"

ROWS = [
    Row("exists", lambda c: c.exists("k"), ("EXISTS", "k"), integer(1), 1),
    Row("exists", lambda c: c.exists(b"\xff"), ("EXISTS", b"\xff"), integer(0), 0),
    Row("delete", lambda c: c.delete("k"), ("DEL", "k"), integer(1), 1),
    Row("delete", lambda c: c.delete(b"key"), ("DEL", "key"), integer(1), 1),
    Row("delete", lambda c: c.delete(bytearray(b"key")), ("DEL", "key"), integer(1), 1),
    Row("delete", lambda c: c.delete(memoryview(b"key")), ("DEL", "key"), integer(1), 1),
    Row("delete", lambda c: c.delete(["a", b"b", 3]), ("DEL", "a", "b", 3), integer(3), 3),
    Row("delete", lambda c: c.delete(("a", "b")), ("DEL", "a", "b"), integer(2), 2),
    Row("delete", lambda c: c.delete(k for k in "ab"), ("DEL", "a", "b"), integer(2), 2),
    Row(
        "delete",
        lambda c: c.delete("a", "b"),
        ("DEL", "a", "b"),
        integer(2),
        2,
        warning=old_arguments("delete"),
    ),
    Row(
        "delete",
        lambda c: c.delete(["a"], "b"),
        ("DEL", "a", "b"),
        integer(2),
        2,
        warning=old_arguments("delete"),
    ),
    Row("delete", lambda c: c.delete(7), ("DEL", 7), integer(1), 1, warning=old_arguments("delete")),
    Row("type", lambda c: c.type("k"), ("TYPE", "k"), status("zset"), "zset"),
    Row("type", lambda c: c.type("k"), ("TYPE", "k"), status("none"), "none"),
    Row("keys", lambda c: c.keys(), ("KEYS", "*"), array("a", "1"), ["a", 1]),
    Row("keys", lambda c: c.keys("a*"), ("KEYS", "a*"), array(), []),
    Row("scan", lambda c: c.scan(), ("SCAN", 0), array("17", array("a", "b")), [17, ["a", "b"]]),
    Row(
        "scan",
        lambda c: c.scan(17, "a*", 100),
        ("SCAN", 17, "MATCH", "a*", "COUNT", 100),
        array("0", array()),
        [0, []],
    ),
    Row(
        "scan",
        lambda c: c.scan(count=5, type="hash"),
        ("SCAN", 0, "COUNT", 5, "TYPE", "hash"),
        array("0", array("h")),
        [0, ["h"]],
    ),
    Row("scan", lambda c: c.scan(), ("SCAN", 0), array("0", array("1")), [0, [b"1"]], None, False),
    Row("scan", lambda c: c.scan(), ("SCAN", 0), array(str(2**64 - 1), array("1")), [2**64 - 1, ["1"]], "utf-8", False),
    Row("scan", lambda c: c.scan(), ("SCAN", 0), array("0:a", array("1")), ["0:a", ["1"]], "utf-8", False),
    Row("randomkey", lambda c: c.randomkey(), ("RANDOMKEY",), bulk("k"), "k"),
    Row("randomkey", lambda c: c.randomkey(), ("RANDOMKEY",), NIL, None),
    Row("rename", lambda c: c.rename("a", "b"), ("RENAME", "a", "b"), OK, "OK"),
    Row("renamenx", lambda c: c.renamenx("a", "b"), ("RENAMENX", "a", "b"), integer(0), 0),
    Row("expire", lambda c: c.expire("k", 10), ("EXPIRE", "k", 10), integer(1), 1),
    Row("expire", lambda c: c.expire("k", 10, nx=True), ("EXPIRE", "k", 10, "NX"), integer(0), 0),
    Row("expire", lambda c: c.expire("k", 10, xx=True), ("EXPIRE", "k", 10, "XX"), integer(1), 1),
    Row("expire", lambda c: c.expire("k", 10, gt=True), ("EXPIRE", "k", 10, "GT"), integer(1), 1),
    Row("expire", lambda c: c.expire("k", 10, lt=True), ("EXPIRE", "k", 10, "LT"), integer(1), 1),
    Row("expire", lambda c: c.expire("k", 0.5), ("PEXPIRE", "k", 500), integer(1), 1),
    Row("expire", lambda c: c.expire("k", 10.0, nx=True), ("EXPIRE", "k", 10, "NX"), integer(1), 1),
    Row("expire", lambda c: c.expire("k", "10"), ("EXPIRE", "k", 10), integer(1), 1),
    Row("expire", lambda c: c.expire("k", timedelta(minutes=1)), ("EXPIRE", "k", 60), integer(1), 1),
    Row("expire", lambda c: c.expire("k", Decimal("1.2")), ("PEXPIRE", "k", 1200), integer(1), 1),
    Row("expire", lambda c: c.expire("k", 0.0001), ("PEXPIRE", "k", 1), integer(1), 1),
    Row("expire", lambda c: c.expire("k", -0.0001), ("PEXPIRE", "k", -1), integer(1), 1),
    Row("persist", lambda c: c.persist("k"), ("PERSIST", "k"), integer(1), 1),
    Row("ttl", lambda c: c.ttl("k"), ("TTL", "k"), integer(-1), -1),
    Row("move", lambda c: c.move("k", 2), ("MOVE", "k", 2), integer(1), 1),
    Row("sort", lambda c: c.sort("l"), ("SORT", "l"), array("1", "2"), [1, 2]),
    Row(
        "sort",
        lambda c: c.sort("l", 0, 5, "w_*", "o_*", True, True, "s"),
        ("SORT", "l", "BY", "w_*", "LIMIT", 0, 5, "GET", "o_*", "DESC", "ALPHA", "STORE", "s"),
        integer(5),
        5,
    ),
    Row(
        "sort",
        lambda c: c.sort("l", get=["#", "o_*"]),
        ("SORT", "l", "GET", "#", "GET", "o_*"),
        array("a", NIL),
        ["a", None],
    ),
    Row("sort", lambda c: c.sort("l", desc=False), ("SORT", "l"), array(), []),
]

REFUSALS = [
    Refusal("sort", lambda c: c.sort("l", start=1), RedisError, BOTH_ENDS),
    Refusal("sort", lambda c: c.sort("l", end=0), RedisError, BOTH_ENDS),
]
