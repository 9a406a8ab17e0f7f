"""Rows of the commands on strings and bitmaps."""

from __future__ import annotations

import operator
from datetime import timedelta

from testbed.wire import NIL, OK, array, bulk, integer

from txredis_fast.exceptions import InvalidData, RedisError

from .rows import Refusal, Row, old_arguments

NOT_BOTH = "only_if_not_exists and only_if_exists cannot be true simultaneously"
BOTH_ENDS = "``start`` and ``end`` must both be specified"

ROWS = [
    Row("set", lambda c: c.set("k", "v"), ("SET", "k", "v"), OK, "OK"),
    Row("set", lambda c: c.set("k", b"\x00\xff"), ("SET", "k", b"\x00\xff"), OK, "OK"),
    Row("set", lambda c: c.set("k", memoryview(b"view")), ("SET", "k", "view"), OK, "OK"),
    Row("set", lambda c: c.set("k", bytearray(b"array")), ("SET", "k", "array"), OK, "OK"),
    Row("set", lambda c: c.set("k", 1e-9), ("SET", "k", "1e-09"), OK, "OK"),
    Row("set", lambda c: c.set("k", "caf\xe9"), ("SET", "k", b"caf\xc3\xa9"), OK, "OK"),
    Row("set", lambda c: c.set("k", "caf\xe9"), ("SET", "k", b"caf\xe9"), OK, "OK", "latin-1"),
    Row("set", lambda c: c.set("k", "v"), ("SET", "k", "v"), OK, b"OK", None),
    Row("set", lambda c: c.set("k", "v", 10), ("SET", "k", "v", "EX", 10), OK, "OK"),
    Row("set", lambda c: c.set("k", "v", pexpire=10), ("SET", "k", "v", "PX", 10), OK, "OK"),
    Row(
        "set",
        lambda c: c.set("k", "v", None, None, True),
        ("SET", "k", "v", "NX"),
        NIL,
        None,
    ),
    Row("set", lambda c: c.set("k", "v", 0, only_if_exists=True), ("SET", "k", "v", "EX", 0, "XX"), NIL, None),
    Row("set", lambda c: c.set("k", "v", keepttl=True), ("SET", "k", "v", "KEEPTTL"), OK, "OK"),
    Row("set", lambda c: c.set("k", "v", get=True), ("SET", "k", "v", "GET"), bulk("41"), 41),
    Row("set", lambda c: c.set("k", "v", exat=99), ("SET", "k", "v", "EXAT", 99), OK, "OK"),
    Row("set", lambda c: c.set("k", "v", pxat=99), ("SET", "k", "v", "PXAT", 99), OK, "OK"),
    Row("get", lambda c: c.get("k"), ("GET", "k"), bulk("text"), "text"),
    Row("get", lambda c: c.get("k"), ("GET", "k"), NIL, None),
    Row("get", lambda c: c.get("k"), ("GET", "k"), bulk("12"), 12),
    Row("get", lambda c: c.get("k"), ("GET", "k"), bulk("-1.5"), -1.5),
    Row("get", lambda c: c.get("k"), ("GET", "k"), bulk("12"), "12", convert_numbers=False),
    Row("get", lambda c: c.get("k"), ("GET", "k"), bulk("007"), "007", convert_numbers="exact"),
    Row("get", lambda c: c.get("k"), ("GET", "k"), bulk(b"\xff"), b"\xff"),
    Row("get", lambda c: c.get("k"), ("GET", "k"), bulk("text"), b"text", None),
    Row("get", lambda c: c.get("k"), ("GET", "k"), bulk("QUEUED"), "QUEUED"),
    Row("getset", lambda c: c.getset("k", "w"), ("GETSET", "k", "w"), bulk("v"), "v"),
    Row("mget", lambda c: c.mget(["a", "b"]), ("MGET", "a", "b"), array("1", NIL), [1, None]),
    Row("mget", lambda c: c.mget(b"a"), ("MGET", "a"), array("x"), ["x"]),
    Row(
        "mget",
        lambda c: c.mget("a", "b"),
        ("MGET", "a", "b"),
        array("x", "y"),
        ["x", "y"],
        warning=old_arguments("mget"),
    ),
    Row("setnx", lambda c: c.setnx("k", "v"), ("SETNX", "k", "v"), integer(1), 1),
    Row("setex", lambda c: c.setex("k", 10, "v"), ("SETEX", "k", 10, "v"), OK, "OK"),
    Row("setex", lambda c: c.setex("k", 0.5, "v"), ("PSETEX", "k", 500, "v"), OK, "OK"),
    Row("setex", lambda c: c.setex("k", timedelta(seconds=2), "v"), ("SETEX", "k", 2, "v"), OK, "OK"),
    Row("set", lambda c: c.set("k", "v", expire=0.5), ("SET", "k", "v", "PX", 500), OK, "OK"),
    Row("set", lambda c: c.set("k", "v", expire=2.0), ("SET", "k", "v", "EX", 2), OK, "OK"),
    Row("set", lambda c: c.set("k", "v", timedelta(seconds=1.5)), ("SET", "k", "v", "PX", 1500), OK, "OK"),
    Row("set", lambda c: c.set("k", "v", pexpire=10.4), ("SET", "k", "v", "PX", 10), OK, "OK"),
    Row("set", lambda c: c.set("k", "v", pexpire=timedelta(seconds=1)), ("SET", "k", "v", "PX", 1000), OK, "OK"),
    Row("set", lambda c: c.set("k", "v", exat=1.5), ("SET", "k", "v", "PXAT", 1500), OK, "OK"),
    Row("set", lambda c: c.set("k", "v", pxat=1.0), ("SET", "k", "v", "PXAT", 1), OK, "OK"),
    Row("mset", lambda c: c.mset({"a": 1, b"b": 2.5}), ("MSET", "a", 1, "b", "2.5"), OK, "OK"),
    Row("msetnx", lambda c: c.msetnx({"a": 1, "b": 2}), ("MSETNX", "a", 1, "b", 2), integer(0), 0),
    Row("incr", lambda c: c.incr("k"), ("INCRBY", "k", 1), integer(1), 1),
    Row("incr", lambda c: c.incr("k", 5), ("INCRBY", "k", 5), integer(6), 6),
    Row("incrby", lambda c: c.incrby("k", 5), ("INCRBY", "k", 5), integer(11), 11),
    Row("decr", lambda c: c.decr("k"), ("DECRBY", "k", 1), integer(-1), -1),
    Row("decr", lambda c: c.decr("k", 5), ("DECRBY", "k", 5), integer(-6), -6),
    Row("decrby", lambda c: c.decrby("k", 5), ("DECRBY", "k", 5), integer(-11), -11),
    Row("append", lambda c: c.append("k", "v"), ("APPEND", "k", "v"), integer(2), 2),
    Row("substr", lambda c: c.substr("k", 1), ("SUBSTR", "k", 1, -1), bulk("ext"), "ext"),
    Row("substr", lambda c: c.substr("k", 1, 2), ("SUBSTR", "k", 1, 2), bulk("ex"), "ex"),
    Row("getbit", lambda c: c.getbit("k", 7), ("GETBIT", "k", 7), integer(1), 1),
    Row("setbit", lambda c: c.setbit("k", 7, True), ("SETBIT", "k", 7, 1), integer(0), 0),
    Row("setbit", lambda c: c.setbit("k", 7, False), ("SETBIT", "k", 7, 0), integer(1), 1),
    Row("setbit", lambda c: c.setbit("k", 7, 1), ("SETBIT", "k", 7, 1), integer(0), 0),
    Row("bitop", lambda c: c.bitop("and", "d", "a", "b"), ("BITOP", "AND", "d", "a", "b"), integer(3), 3),
    Row("bitop", lambda c: c.bitop(operator.and_, "d", "a"), ("BITOP", "AND", "d", "a"), integer(3), 3),
    Row("bitop", lambda c: c.bitop(operator.__and__, "d", "a"), ("BITOP", "AND", "d", "a"), integer(3), 3),
    Row("bitop", lambda c: c.bitop(operator.or_, "d", "a"), ("BITOP", "OR", "d", "a"), integer(3), 3),
    Row("bitop", lambda c: c.bitop(operator.__or__, "d", "a"), ("BITOP", "OR", "d", "a"), integer(3), 3),
    Row("bitop", lambda c: c.bitop(operator.xor, "d", "a"), ("BITOP", "XOR", "d", "a"), integer(3), 3),
    Row("bitop", lambda c: c.bitop(operator.__xor__, "d", "a"), ("BITOP", "XOR", "d", "a"), integer(3), 3),
    Row("bitop", lambda c: c.bitop(operator.not_, "d", "a"), ("BITOP", "NOT", "d", "a"), integer(3), 3),
    Row("bitop", lambda c: c.bitop(operator.__not__, "d", "a"), ("BITOP", "NOT", "d", "a"), integer(3), 3),
    Row("bitcount", lambda c: c.bitcount("k"), ("BITCOUNT", "k"), integer(4), 4),
    Row("bitcount", lambda c: c.bitcount("k", 0, -1), ("BITCOUNT", "k", 0, -1), integer(4), 4),
    Row("bitcount", lambda c: c.bitcount("k", 0, 7, unit="BIT"), ("BITCOUNT", "k", 0, 7, "BIT"), integer(2), 2),
]

REFUSALS = [
    Refusal(
        "set",
        lambda c: c.set("k", "v", only_if_not_exists=True, only_if_exists=True),
        RedisError,
        NOT_BOTH,
    ),
    Refusal(
        "set",
        lambda c: c.set("k", "v", expire=100, ex=5),
        InvalidData,
        "expire and ex are the same: give one of them",
    ),
    Refusal("set", lambda c: c.set("k", "v", pexpire=0, px=5), InvalidData),
    Refusal("mset", lambda c: c.mset(["a", "b"]), AttributeError),
    Refusal("msetnx", lambda c: c.msetnx(None), AttributeError),
    Refusal("bitop", lambda c: c.bitop("AND", "d"), RedisError, "no ``srckeys`` specified"),
    Refusal("bitop", lambda c: c.bitop("nand", "d", "a"), InvalidData, "Invalid operation: NAND"),
    Refusal("bitop", lambda c: c.bitop([], "d", "a"), InvalidData, "Invalid operation: []"),
    Refusal("bitop", lambda c: c.bitop("not", "d", "a", "b"), RedisError, "bitop NOT takes only one ``srckey``"),
    Refusal("bitcount", lambda c: c.bitcount("k", 1), RedisError, BOTH_ENDS),
    Refusal("bitcount", lambda c: c.bitcount("k", end=1), RedisError, BOTH_ENDS),
]
