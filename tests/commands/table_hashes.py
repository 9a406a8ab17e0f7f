"""Rows of the commands on hashes."""

from __future__ import annotations

from testbed.wire import NIL, OK, array, bulk, integer

from .rows import Refusal, Row

ROWS = [
    Row("hset", lambda c: c.hset("h", "f", "v"), ("HSET", "h", "f", "v"), integer(1), 1),
    Row("hsetnx", lambda c: c.hsetnx("h", "f", "v"), ("HSETNX", "h", "f", "v"), integer(0), 0),
    Row("hget", lambda c: c.hget("h", "f"), ("HGET", "h", "f"), bulk("1.5"), 1.5),
    Row("hget", lambda c: c.hget("h", "f"), ("HGET", "h", "f"), NIL, None),
    Row("hmget", lambda c: c.hmget("h", ["f", b"g"]), ("HMGET", "h", "f", "g"), array("1", NIL), [1, None]),
    Row("hmget", lambda c: c.hmget("h", "field"), ("HMGET", "h", "field"), array("1"), [1]),
    Row("hmget", lambda c: c.hmget("h", b"field"), ("HMGET", "h", "field"), array("1"), [1]),
    Row("hmset", lambda c: c.hmset("h", {"f": 1, b"g": "x"}), ("HMSET", "h", "f", 1, "g", "x"), OK, "OK"),
    Row("hincr", lambda c: c.hincr("h", "f"), ("HINCRBY", "h", "f", 1), integer(1), 1),
    Row("hdecr", lambda c: c.hdecr("h", "f"), ("HINCRBY", "h", "f", -1), integer(0), 0),
    Row("hincrby", lambda c: c.hincrby("h", "f", 5), ("HINCRBY", "h", "f", 5), integer(5), 5),
    Row("hexists", lambda c: c.hexists("h", "f"), ("HEXISTS", "h", "f"), integer(1), True),
    Row("hexists", lambda c: c.hexists("h", "f"), ("HEXISTS", "h", "f"), integer(0), False),
    Row("hdel", lambda c: c.hdel("h", "field"), ("HDEL", "h", "field"), integer(1), 1),
    Row("hdel", lambda c: c.hdel("h", b"field"), ("HDEL", "h", "field"), integer(1), 1),
    Row("hdel", lambda c: c.hdel("h", memoryview(b"field")), ("HDEL", "h", "field"), integer(1), 1),
    Row("hdel", lambda c: c.hdel("h", ["f", b"g"]), ("HDEL", "h", "f", "g"), integer(2), 2),
    Row("hlen", lambda c: c.hlen("h"), ("HLEN", "h"), integer(2), 2),
    Row("hkeys", lambda c: c.hkeys("h"), ("HKEYS", "h"), array("f", "1"), ["f", 1]),
    Row("hvals", lambda c: c.hvals("h"), ("HVALS", "h"), array("x", "1"), ["x", 1]),
    Row("hgetall", lambda c: c.hgetall("h"), ("HGETALL", "h"), array("f", "1", "2", "x"), {"f": 1, 2: "x"}),
    Row("hgetall", lambda c: c.hgetall("h"), ("HGETALL", "h"), array(), {}),
    Row("hgetall", lambda c: c.hgetall("h"), ("HGETALL", "h"), array("f", "1"), {b"f": b"1"}, None, False),
    Row("hscan", lambda c: c.hscan("h"), ("HSCAN", "h", 0), array("0", array("f", "1")), [0, ["f", 1]]),
    Row(
        "hscan",
        lambda c: c.hscan("h", 3, "f*", 9),
        ("HSCAN", "h", 3, "MATCH", "f*", "COUNT", 9),
        array("0", array()),
        [0, []],
    ),
]

REFUSALS = [
    Refusal("hmget", lambda c: c.hmget("h", 5), TypeError),
    Refusal("hmset", lambda c: c.hmset("h", "f"), AttributeError),
    Refusal("hdel", lambda c: c.hdel("h", None), TypeError),
]
