"""Rows of the commands on lists."""

from __future__ import annotations

from testbed.wire import NIL, NIL_ARRAY, OK, array, bulk, integer

from .rows import Refusal, Row

PUSH = "redis.push() has been deprecated, use redis.lpush() or redis.rpush() instead"
POP = "redis.pop() has been deprecated, user redis.lpop() or redis.rpop() instead"

ROWS = [
    Row("push", lambda c: c.push("l", "v"), ("LPUSH", "l", "v"), integer(1), 1, warning=PUSH),
    Row("push", lambda c: c.push("l", "v", tail=True), ("RPUSH", "l", "v"), integer(1), 1, warning=PUSH),
    Row("rpush", lambda c: c.rpush("l", "value"), ("RPUSH", "l", "value"), integer(1), 1),
    Row("rpush", lambda c: c.rpush("l", [1, "b"]), ("RPUSH", "l", 1, "b"), integer(2), 2),
    Row("rpush", lambda c: c.rpush("l", (1, "b")), ("RPUSH", "l", 1, "b"), integer(2), 2),
    Row("lpush", lambda c: c.lpush("l", b"value"), ("LPUSH", "l", "value"), integer(1), 1),
    Row("lpush", lambda c: c.lpush("l", [1, "b"]), ("LPUSH", "l", 1, "b"), integer(2), 2),
    Row("lpush", lambda c: c.lpush("l", (1, "b")), ("LPUSH", "l", 1, "b"), integer(2), 2),
    Row("llen", lambda c: c.llen("l"), ("LLEN", "l"), integer(2), 2),
    Row("lrange", lambda c: c.lrange("l", 0, -1), ("LRANGE", "l", 0, -1), array("1", "b"), [1, "b"]),
    Row("ltrim", lambda c: c.ltrim("l", 0, 5), ("LTRIM", "l", 0, 5), OK, "OK"),
    Row("lindex", lambda c: c.lindex("l", -1), ("LINDEX", "l", -1), bulk("b"), "b"),
    Row("lset", lambda c: c.lset("l", 0, "v"), ("LSET", "l", 0, "v"), OK, "OK"),
    Row("lrem", lambda c: c.lrem("l", 0, "v"), ("LREM", "l", 0, "v"), integer(1), 1),
    Row("pop", lambda c: c.pop("l"), ("LPOP", "l"), bulk("a"), "a", warning=POP),
    Row("pop", lambda c: c.pop("l", True), ("RPOP", "l"), bulk("b"), "b", warning=POP),
    Row("lpop", lambda c: c.lpop("l"), ("LPOP", "l"), bulk("a"), "a"),
    Row("lpop", lambda c: c.lpop("l"), ("LPOP", "l"), NIL, None),
    Row("lpop", lambda c: c.lpop("l", count=2), ("LPOP", "l", 2), array("a", "b"), ["a", "b"]),
    Row("lpop", lambda c: c.lpop("l", count=0), ("LPOP", "l", 0), array(), []),
    Row("rpop", lambda c: c.rpop("l"), ("RPOP", "l"), bulk("b"), "b"),
    Row("rpop", lambda c: c.rpop("l", count=2), ("RPOP", "l", 2), array("b", "a"), ["b", "a"]),
    Row("rpop", lambda c: c.rpop("l", count=2), ("RPOP", "l", 2), NIL_ARRAY, None),
    Row("blpop", lambda c: c.blpop("l"), ("BLPOP", "l", 0), array("l", "a"), ["l", "a"], blocking=True),
    Row("blpop", lambda c: c.blpop(b"key", 5), ("BLPOP", "key", 5), NIL_ARRAY, None, blocking=True),
    Row("blpop", lambda c: c.blpop(memoryview(b"key")), ("BLPOP", "key", 0), NIL_ARRAY, None, blocking=True),
    Row(
        "blpop",
        lambda c: c.blpop(["l", b"m"], timeout=0.5),
        ("BLPOP", "l", "m", "0.5"),
        array("m", "1"),
        ["m", 1],
        blocking=True,
    ),
    Row("brpop", lambda c: c.brpop("l"), ("BRPOP", "l", 0), array("l", "b"), ["l", "b"], blocking=True),
    Row("brpop", lambda c: c.brpop(bytearray(b"key"), 5), ("BRPOP", "key", 5), NIL_ARRAY, None, blocking=True),
    Row("brpop", lambda c: c.brpop(("l", "m"), 1), ("BRPOP", "l", "m", 1), NIL_ARRAY, None, blocking=True),
    Row(
        "brpoplpush",
        lambda c: c.brpoplpush("a", "b"),
        ("BRPOPLPUSH", "a", "b", 0),
        bulk("v"),
        "v",
        blocking=True,
    ),
    Row(
        "brpoplpush",
        lambda c: c.brpoplpush("a", "b", 2),
        ("BRPOPLPUSH", "a", "b", 2),
        NIL,
        None,
        blocking=True,
    ),
    Row("rpoplpush", lambda c: c.rpoplpush("a", "b"), ("RPOPLPUSH", "a", "b"), bulk("v"), "v"),
]

REFUSALS = [
    Refusal("blpop", lambda c: c.blpop(None), TypeError),
    Refusal("brpop", lambda c: c.brpop(5), TypeError),
]
