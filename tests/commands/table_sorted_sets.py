"""Rows of the commands on sorted sets."""

from __future__ import annotations

from txredis_fast.exceptions import InvalidData

from .rows import NIL, Refusal, Row, array, bulk, integer

INF = float("inf")

ROWS = [
    Row("zadd", lambda c: c.zadd("z", 1, "m"), ("ZADD", "z", 1, "m"), integer(1), 1),
    Row("zadd", lambda c: c.zadd("z", 1e-9, "m"), ("ZADD", "z", "1e-09", "m"), integer(1), 1),
    Row("zadd", lambda c: c.zadd("z", 1, "m", 2.5, "n"), ("ZADD", "z", 1, "m", "2.5", "n"), integer(2), 2),
    Row("zadd", lambda c: c.zadd("z", 1, "m", nx=True), ("ZADD", "z", "NX", 1, "m"), integer(0), 0),
    Row("zadd", lambda c: c.zadd("z", 1, "m", xx=True), ("ZADD", "z", "XX", 1, "m"), integer(0), 0),
    Row(
        "zadd",
        lambda c: c.zadd("z", 1, "m", 2, "n", gt=True, ch=True),
        ("ZADD", "z", "GT", "CH", 1, "m", 2, "n"),
        integer(2),
        2,
    ),
    Row("zadd", lambda c: c.zadd("z", 1, "m", lt=True), ("ZADD", "z", "LT", 1, "m"), integer(0), 0),
    Row("zadd", lambda c: c.zadd("z", 1, "m", incr=True), ("ZADD", "z", "INCR", 1, "m"), bulk("inf"), INF),
    Row("zadd", lambda c: c.zadd("z", 1, "m", incr=True), ("ZADD", "z", "INCR", 1, "m"), NIL, None),
    Row("zrem", lambda c: c.zrem("z", "m", "n"), ("ZREM", "z", "m", "n"), integer(2), 2),
    Row("zincr", lambda c: c.zincr("z", "m"), ("ZINCRBY", "z", 1, "m"), bulk("2"), 2),
    Row("zdecr", lambda c: c.zdecr("z", "m"), ("ZINCRBY", "z", -1, "m"), bulk("0.5"), 0.5),
    Row("zincrby", lambda c: c.zincrby("z", 4, "m"), ("ZINCRBY", "z", 4, "m"), bulk("5"), 5),
    Row("zincrby", lambda c: c.zincrby("z", 0.5, "m"), ("ZINCRBY", "z", "0.5", "m"), bulk("1.5"), 1.5),
    Row("zincrby", lambda c: c.zincrby("z", "inf", "m"), ("ZINCRBY", "z", "inf", "m"), bulk("inf"), INF),
    Row("zincrby", lambda c: c.zincrby("z", 1e20, "m"), ("ZINCRBY", "z", "1e+20", "m"), bulk("1e+20"), 1e20),
    Row(
        "zincrby",
        lambda c: c.zincrby("z", 4, "m"),
        ("ZINCRBY", "z", 4, "m"),
        bulk("5"),
        5.0,
        convert_numbers=False,
    ),
    Row("zincrby", lambda c: c.zincrby("z", 4, "m"), ("ZINCRBY", "z", 4, "m"), bulk("5.5"), 5.5, None, False),
    Row("zrank", lambda c: c.zrank("z", "m"), ("ZRANK", "z", "m"), integer(0), 0),
    Row("zrank", lambda c: c.zrank("z", "m"), ("ZRANK", "z", "m"), NIL, None),
    Row("zrevrank", lambda c: c.zrevrank("z", "m"), ("ZREVRANK", "z", "m"), integer(0), 0),
    Row("zrange", lambda c: c.zrange("z"), ("ZRANGE", "z", 0, -1), array("a", "1"), ["a", 1]),
    Row(
        "zrange",
        lambda c: c.zrange("z", 1, 9, True),
        ("ZRANGE", "z", 1, 9, "WITHSCORES"),
        array("a", "1", "2", "1.5", "b", "inf"),
        [("a", 1.0), (2, 1.5), ("b", INF)],
    ),
    Row(
        "zrange",
        lambda c: c.zrange("z", withscores=True),
        ("ZRANGE", "z", 0, -1, "WITHSCORES"),
        array("a", "1", "b", "-inf"),
        [(b"a", 1.0), (b"b", -INF)],
        None,
        False,
    ),
    Row(
        "zrange", lambda c: c.zrange("z", withscores=True), ("ZRANGE", "z", 0, -1, "WITHSCORES"), array(), []
    ),
    Row("zrevrange", lambda c: c.zrevrange("z"), ("ZREVRANGE", "z", 0, -1), array("b", "a"), ["b", "a"]),
    Row(
        "zrevrange",
        lambda c: c.zrevrange("z", 0, 0, withscores=True),
        ("ZREVRANGE", "z", 0, 0, "WITHSCORES"),
        array("b", "2"),
        [("b", 2.0)],
    ),
    Row(
        "zrangebyscore",
        lambda c: c.zrangebyscore("z"),
        ("ZRANGEBYSCORE", "z", "-inf", "+inf"),
        array("a"),
        ["a"],
    ),
    Row(
        "zrangebyscore",
        lambda c: c.zrangebyscore("z", "(1", 5, True, 0, 2),
        ("ZRANGEBYSCORE", "z", "(1", 5, "WITHSCORES", "LIMIT", 0, 2),
        array("a", "2"),
        [("a", 2.0)],
    ),
    Row(
        "zrangebyscore",
        lambda c: c.zrangebyscore("z", min=1, max=2, offset=3, count=4),
        ("ZRANGEBYSCORE", "z", 1, 2, "LIMIT", 3, 4),
        array(),
        [],
    ),
    Row(
        "zrevrangebyscore",
        lambda c: c.zrevrangebyscore("z"),
        ("ZREVRANGEBYSCORE", "z", "+inf", "-inf"),
        array("a"),
        ["a"],
    ),
    Row(
        "zrevrangebyscore",
        lambda c: c.zrevrangebyscore("z", 5, 1, True, 0, 2),
        ("ZREVRANGEBYSCORE", "z", 5, 1, "WITHSCORES", "LIMIT", 0, 2),
        array("a", "2"),
        [("a", 2.0)],
    ),
    Row("zcount", lambda c: c.zcount("z"), ("ZCARD", "z"), integer(3), 3),
    Row("zcount", lambda c: c.zcount("z", 1), ("ZCOUNT", "z", 1, "+inf"), integer(2), 2),
    Row("zcount", lambda c: c.zcount("z", max=5), ("ZCOUNT", "z", "-inf", 5), integer(2), 2),
    Row("zcard", lambda c: c.zcard("z"), ("ZCARD", "z"), integer(3), 3),
    Row("zscore", lambda c: c.zscore("z", "m"), ("ZSCORE", "z", "m"), bulk("5"), 5),
    Row("zscore", lambda c: c.zscore("z", "m"), ("ZSCORE", "z", "m"), bulk("1.5"), 1.5),
    Row("zscore", lambda c: c.zscore("z", "m"), ("ZSCORE", "z", "m"), bulk("-inf"), -INF),
    Row("zscore", lambda c: c.zscore("z", "m"), ("ZSCORE", "z", "m"), bulk("1e+20"), 1e20),
    Row("zscore", lambda c: c.zscore("z", "m"), ("ZSCORE", "z", "m"), NIL, None),
    Row("zscore", lambda c: c.zscore("z", "m"), ("ZSCORE", "z", "m"), bulk("5"), 5, convert_numbers=False),
    Row(
        "zscore", lambda c: c.zscore("z", "m"), ("ZSCORE", "z", "m"), bulk("1.5"), 1.5, convert_numbers=False
    ),
    Row("zscore", lambda c: c.zscore("z", "m"), ("ZSCORE", "z", "m"), bulk("5"), 5, None, False),
    Row("zscore", lambda c: c.zscore("z", "m"), ("ZSCORE", "z", "m"), bulk("inf"), INF, None, False),
    Row("zremrangebyrank", lambda c: c.zremrangebyrank("z"), ("ZREMRANGEBYRANK", "z", 0, -1), integer(3), 3),
    Row(
        "zremrangebyrank",
        lambda c: c.zremrangebyrank("z", 1, 2),
        ("ZREMRANGEBYRANK", "z", 1, 2),
        integer(2),
        2,
    ),
    Row(
        "zremrangebyscore",
        lambda c: c.zremrangebyscore("z"),
        ("ZREMRANGEBYSCORE", "z", "-inf", "+inf"),
        integer(3),
        3,
    ),
    Row(
        "zremrangebyscore",
        lambda c: c.zremrangebyscore("z", "(1", 2.5),
        ("ZREMRANGEBYSCORE", "z", "(1", "2.5"),
        integer(1),
        1,
    ),
    Row(
        "zunionstore",
        lambda c: c.zunionstore("d", ["a", "b"]),
        ("ZUNIONSTORE", "d", 2, "a", "b"),
        integer(4),
        4,
    ),
    Row("zunionstore", lambda c: c.zunionstore("d", b"key"), ("ZUNIONSTORE", "d", 1, "key"), integer(4), 4),
    Row(
        "zunionstore",
        lambda c: c.zunionstore("d", {"a": 2, "b": 0.5}, aggregate=max),
        ("ZUNIONSTORE", "d", 2, "a", "b", "WEIGHTS", 2, "0.5", "AGGREGATE", "MAX"),
        integer(4),
        4,
    ),
    Row(
        "zunionstore",
        lambda c: c.zunionstore("d", ("a",), "sum"),
        ("ZUNIONSTORE", "d", 1, "a", "AGGREGATE", "SUM"),
        integer(4),
        4,
    ),
    Row(
        "zunionstore",
        lambda c: c.zunionstore("d", ["a"], sum),
        ("ZUNIONSTORE", "d", 1, "a", "AGGREGATE", "SUM"),
        integer(4),
        4,
    ),
    Row(
        "zinterstore",
        lambda c: c.zinterstore("d", {"a": 2}, "Min"),
        ("ZINTERSTORE", "d", 1, "a", "WEIGHTS", 2, "AGGREGATE", "MIN"),
        integer(1),
        1,
    ),
    Row(
        "zinterstore",
        lambda c: c.zinterstore("d", ["a", "b"], min),
        ("ZINTERSTORE", "d", 2, "a", "b", "AGGREGATE", "MIN"),
        integer(1),
        1,
    ),
    Row("zscan", lambda c: c.zscan("z"), ("ZSCAN", "z", 0), array("0", array("a", "1")), [0, ["a", 1]]),
    Row(
        "zscan",
        lambda c: c.zscan("z", 3, "a*", 9),
        ("ZSCAN", "z", 3, "MATCH", "a*", "COUNT", 9),
        array("0", array()),
        [0, []],
    ),
]

REFUSALS = [
    Refusal("zadd", lambda c: c.zadd("z", 1, "m", 2), InvalidData, "Invalid number of arguments to ZADD"),
    Refusal(
        "zrangebyscore",
        lambda c: c.zrangebyscore("z", offset=1),
        InvalidData,
        "Invalid count and offset arguments to ZRANGEBYSCORE",
    ),
    Refusal(
        "zrevrangebyscore",
        lambda c: c.zrevrangebyscore("z", count=0),
        InvalidData,
        "Invalid count and offset arguments to ZREVRANGEBYSCORE",
    ),
    Refusal(
        "zunionstore",
        lambda c: c.zunionstore("d", ["a"], "avg"),
        InvalidData,
        "Invalid aggregate function: avg",
    ),
    Refusal(
        "zinterstore", lambda c: c.zinterstore("d", ["a"], 1), InvalidData, "Invalid aggregate function: 1"
    ),
    Refusal("zinterstore", lambda c: c.zinterstore("d", 5), TypeError),
]
