"""Random commands for a server in memory and a real one: few keys of few types, right and wrong arguments."""

from __future__ import annotations

import random
from collections.abc import Callable

Words = list[bytes]

KEYS = [b"k1", b"k2", b"str", b"num", b"hash", b"list", b"set", b"zset", b"zset2", b"set2", b"list2"]
VALUES = [
    b"a",
    b"b",
    b"c",
    b"",
    b"10",
    b"-3",
    b"3.5",
    b"1e3",
    b"\xff\x00",
    b"longer text",
    b"0",
    b"9223372036854775807",
]
NUMBERS = [
    b"0",
    b"1",
    b"2",
    b"-1",
    b"-2",
    b"5",
    b"100",
    b"x",
    b"1.5",
    b"",
    b"-100",
    b"9223372036854775807",
    b"+1",
    b"01",
]
SMALL = [b"0", b"1", b"2", b"3", b"-1", b"-2", b"-3", b"7"]
SCORES = [b"0", b"1", b"2", b"2", b"-1.5", b"inf", b"-inf", b"1e10", b"x", b"0.1"]
BOUNDS = [b"0", b"1", b"(1", b"-inf", b"+inf", b"(2", b"2", b"x", b"inf", b"(-1.5"]
NAMES = [b"-", b"+", b"[a", b"(a", b"[b", b"(c", b"x", b"[m2", b"(m3"]
FIELDS = [b"f1", b"f2", b"f3", b"n", b""]
MEMBERS = [b"a", b"b", b"c", b"m1", b"m2", b"m3", b"10"]
#: Far away, so that no key expires while a slow machine runs the test, and what has passed long ago.
SECONDS = [b"1000", b"5000", b"100000", b"-1", b"0", b"x", b"9223372036854775807"]
MOMENTS = [b"4000000000", b"4100000000", b"1", b"x", b"-5"]
PATTERNS = [b"*", b"k*", b"?et", b"z[ste]*", b"[^a-k]*", b"*t2", b"h\\ash", b"", b"k[1-2]", b"lis[", b"[k]?"]


class Chooser:
    """Makes commands from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def one(self, *choices: bytes) -> bytes:
        return self.random.choice(choices)

    def key(self, *own: bytes) -> bytes:
        """Mostly a key of the right type."""
        return self.one(*own) if own and self.random.random() < 0.8 else self.one(*KEYS)

    def some(self, choices: list[bytes], most: int = 3) -> Words:
        return [self.one(*choices) for _ in range(self.random.randint(1, most))]

    def maybe(self, *words: bytes, chance: float = 0.4) -> Words:
        return list(words) if self.random.random() < chance else []

    def command(self, in_transaction: bool = False) -> Words:
        name = self.random.choice(list(TABLE))
        # Nested, it gets another text from each version of a server.
        if in_transaction and name in ("MULTI", "WATCH"):
            name = "EXEC"
        words = [name.encode(), *TABLE[name](self)]
        if self.random.random() < 0.02 and name not in ("SPOP", "SRANDMEMBER"):
            words = words[:-1] or words  # a word too few
        if self.random.random() < 0.01:
            words.append(b"more")
        return [words[0].lower() if self.random.random() < 0.2 else words[0], *words[1:]]


def string(c: Chooser) -> bytes:
    return c.key(b"str", b"num", b"k1", b"k2")


def number(c: Chooser) -> bytes:
    return c.key(b"num")


def hash_(c: Chooser) -> bytes:
    return c.key(b"hash")


def list_(c: Chooser) -> bytes:
    return c.key(b"list", b"list2")


def set_(c: Chooser) -> bytes:
    return c.key(b"set", b"set2")


def zset(c: Chooser) -> bytes:
    return c.key(b"zset", b"zset2")


def limit(c: Chooser) -> Words:
    return c.maybe(b"LIMIT", c.one(*SMALL), c.one(*SMALL), chance=0.2)


def scores(c: Chooser) -> Words:
    return c.maybe(b"WITHSCORES")


def expiry_options(c: Chooser, absolute: bool = False) -> Words:
    # Which of two spans ends later depends on the time between the commands.
    which = (b"NX", b"XX", b"GT", b"LT", b"gt", b"ZZ") if absolute else (b"NX", b"XX", b"nx", b"ZZ")
    return c.maybe(c.one(*which), chance=0.4) + c.maybe(b"XX", chance=0.1)


def set_options(c: Chooser) -> Words:
    words = c.maybe(c.one(b"NX", b"XX"), chance=0.3) + c.maybe(b"GET", chance=0.15)
    words += c.maybe(c.one(b"EX", b"PX"), c.one(b"100000", b"9000000", b"0", b"-1", b"x"), chance=0.2)
    return words + c.maybe(c.one(b"KEEPTTL", b"EXAT"), chance=0.1)


def zadd_options(c: Chooser) -> Words:
    return [each for each in (b"NX", b"XX", b"GT", b"LT", b"CH", b"INCR") if c.random.random() < 0.15]


def sides(c: Chooser) -> Words:
    return [c.one(b"LEFT", b"RIGHT", b"left", b"UP"), c.one(b"LEFT", b"RIGHT")]


def zstore(c: Chooser) -> Words:
    keys = [zset(c), zset(c)]
    words = [zset(c), c.one(b"2", b"2", b"2", b"1", b"3", b"0", b"x"), *keys]
    words += c.maybe(b"WEIGHTS", c.one(b"1", b"2", b"x"), b"3", chance=0.3)
    return words + c.maybe(b"AGGREGATE", c.one(b"MIN", b"max", b"SUM", b"AVG"), chance=0.3)


def zrange(c: Chooser) -> Words:
    kind = c.one(b"", b"BYSCORE", b"BYLEX")
    from_what = {b"": [*SMALL, b"x"], b"BYSCORE": BOUNDS, b"BYLEX": NAMES}[kind]
    words = [b"lex" if kind == b"BYLEX" else zset(c), c.one(*from_what), c.one(*from_what)]
    return words + ([kind] if kind else []) + c.maybe(b"REV") + limit(c) + c.maybe(b"WITHSCORES", chance=0.2)


TABLE: dict[str, Callable[[Chooser], Words]] = {
    "GET": lambda c: [string(c)],
    "SET": lambda c: [string(c), c.one(*VALUES), *set_options(c)],
    "SETEX": lambda c: [string(c), c.one(*SECONDS), c.one(*VALUES)],
    "PSETEX": lambda c: [string(c), c.one(b"90000000", b"0", b"x"), c.one(*VALUES)],
    "SETNX": lambda c: [string(c), c.one(*VALUES)],
    "GETSET": lambda c: [string(c), c.one(*VALUES)],
    "GETDEL": lambda c: [string(c)],
    "GETEX": lambda c: [string(c), *c.maybe(b"EX", c.one(b"1000", b"5000")), *c.maybe(b"PERSIST", chance=0.2)],
    "MGET": lambda c: c.some(KEYS),
    "MSET": lambda c: [string(c), c.one(*VALUES), *c.maybe(string(c), c.one(*VALUES)), *c.maybe(b"odd", chance=0.1)],
    "MSETNX": lambda c: [string(c), c.one(*VALUES), *c.maybe(b"k2", c.one(*VALUES))],
    "APPEND": lambda c: [string(c), c.one(*VALUES)],
    "STRLEN": lambda c: [string(c)],
    "GETRANGE": lambda c: [string(c), c.one(*SMALL), c.one(*NUMBERS)],
    "SETRANGE": lambda c: [string(c), c.one(*SMALL), c.one(*VALUES)],
    "INCR": lambda c: [number(c)],
    "DECR": lambda c: [number(c)],
    "INCRBY": lambda c: [number(c), c.one(*NUMBERS)],
    "DECRBY": lambda c: [number(c), c.one(*NUMBERS, b"-9223372036854775808")],
    "INCRBYFLOAT": lambda c: [number(c), c.one(b"0.1", b"-2.5", b"3", b"x", b"1e2", b"inf")],
    "SETBIT": lambda c: [c.key(b"str"), c.one(*NUMBERS[:9]), c.one(b"0", b"1", b"2")],
    "GETBIT": lambda c: [c.key(b"str"), c.one(*NUMBERS[:9])],
    "DEL": lambda c: c.some(KEYS, 2),
    "UNLINK": lambda c: c.some(KEYS, 1),
    "EXISTS": lambda c: c.some(KEYS),
    "TYPE": lambda c: [c.key()],
    "EXPIRE": lambda c: [c.key(), c.one(*SECONDS), *expiry_options(c)],
    "PEXPIRE": lambda c: [c.key(), c.one(b"90000000", b"80000000", b"-1", b"x"), *expiry_options(c)],
    "EXPIREAT": lambda c: [c.key(), c.one(*MOMENTS), *expiry_options(c, True)],
    "PEXPIREAT": lambda c: [c.key(), c.one(b"4000000000123", b"4100000000999", b"0"), *expiry_options(c, True)],
    "TTL": lambda c: [c.key()],
    "PTTL": lambda c: [c.key()],
    "PERSIST": lambda c: [c.key()],
    "KEYS": lambda c: [c.one(*PATTERNS)],
    "SCAN": lambda c: [b"0", b"COUNT", b"1000", *c.maybe(b"MATCH", c.one(*PATTERNS)), *c.maybe(b"TYPE", c.one(b"set"))],
    "RENAME": lambda c: [c.key(), c.key()],
    "RENAMENX": lambda c: [c.key(), c.key()],
    "COPY": lambda c: [
        c.key(),
        c.key(),
        *c.maybe(b"REPLACE"),
        *c.maybe(b"DB", c.one(b"0", b"1", b"99", b"x"), chance=0.2),
    ],
    "MOVE": lambda c: [c.key(), c.one(b"0", b"1", b"99", b"x")],
    "DBSIZE": lambda c: [],
    "HSET": lambda c: [hash_(c), c.one(*FIELDS), c.one(*VALUES), *c.maybe(c.one(*FIELDS), c.one(*VALUES))],
    "HMSET": lambda c: [hash_(c), c.one(*FIELDS), c.one(*VALUES), *c.maybe(b"odd", chance=0.1)],
    "HSETNX": lambda c: [hash_(c), c.one(*FIELDS), c.one(*VALUES)],
    "HGET": lambda c: [hash_(c), c.one(*FIELDS)],
    "HMGET": lambda c: [hash_(c), *c.some(FIELDS)],
    "HGETALL": lambda c: [hash_(c)],
    "HKEYS": lambda c: [hash_(c)],
    "HVALS": lambda c: [hash_(c)],
    "HLEN": lambda c: [hash_(c)],
    "HEXISTS": lambda c: [hash_(c), c.one(*FIELDS)],
    "HSTRLEN": lambda c: [hash_(c), c.one(*FIELDS)],
    "HDEL": lambda c: [hash_(c), *c.some(FIELDS)],
    "HINCRBY": lambda c: [hash_(c), c.one(*FIELDS), c.one(*NUMBERS)],
    "HINCRBYFLOAT": lambda c: [hash_(c), c.one(*FIELDS), c.one(b"0.1", b"-2.5", b"x", b"3")],
    "HSCAN": lambda c: [hash_(c), c.one(b"0", b"0", b"x"), *c.maybe(b"MATCH", b"f*")],
    "LPUSH": lambda c: [list_(c), *c.some(VALUES)],
    "RPUSH": lambda c: [list_(c), *c.some(VALUES)],
    "LPUSHX": lambda c: [list_(c), *c.some(VALUES)],
    "RPUSHX": lambda c: [list_(c), *c.some(VALUES)],
    "LPOP": lambda c: [list_(c), *c.maybe(c.one(b"0", b"1", b"2", b"-1", b"x"))],
    "RPOP": lambda c: [list_(c), *c.maybe(c.one(b"0", b"1", b"2", b"-1", b"x"))],
    "LLEN": lambda c: [list_(c)],
    "LRANGE": lambda c: [list_(c), c.one(*SMALL), c.one(*NUMBERS)],
    "LINDEX": lambda c: [list_(c), c.one(*SMALL, b"x")],
    "LSET": lambda c: [list_(c), c.one(*SMALL, b"x"), c.one(*VALUES)],
    "LREM": lambda c: [list_(c), c.one(*SMALL), c.one(*VALUES)],
    "LTRIM": lambda c: [list_(c), c.one(*SMALL), c.one(b"5", b"-1", b"-2", b"x", b"100")],
    "LINSERT": lambda c: [list_(c), c.one(b"BEFORE", b"after", b"beside"), c.one(*VALUES), c.one(*VALUES)],
    "LPOS": lambda c: [
        *(list_(c), c.one(*VALUES), *c.maybe(b"RANK", c.one(*SMALL))),
        *(*c.maybe(b"COUNT", c.one(*SMALL)), *c.maybe(b"MAXLEN", c.one(b"0", b"2", b"-1"), chance=0.2)),
    ],
    "LMOVE": lambda c: [list_(c), list_(c), *sides(c)],
    "RPOPLPUSH": lambda c: [list_(c), list_(c)],
    "BLPOP": lambda c: [list_(c), list_(c), c.one(b"0.01", b"-1", b"x")],
    "BRPOP": lambda c: [list_(c), c.one(b"0.01", b"-1", b"x")],
    "BLMOVE": lambda c: [list_(c), list_(c), *sides(c), b"0.01"],
    "BRPOPLPUSH": lambda c: [list_(c), list_(c), b"0.01"],
    "SADD": lambda c: [set_(c), *c.some(MEMBERS)],
    "SREM": lambda c: [set_(c), *c.some(MEMBERS)],
    "SMEMBERS": lambda c: [set_(c)],
    "SISMEMBER": lambda c: [set_(c), c.one(*MEMBERS)],
    "SMISMEMBER": lambda c: [set_(c), *c.some(MEMBERS)],
    "SCARD": lambda c: [set_(c)],
    "SMOVE": lambda c: [set_(c), set_(c), c.one(*MEMBERS)],
    "SPOP": lambda c: [set_(c), c.one(b"100", b"0", b"-1", b"x")],
    "SRANDMEMBER": lambda c: [set_(c), c.one(b"100", b"0", b"x")],
    "SINTER": lambda c: c.some([b"set", b"set2", b"k1"]),
    "SUNION": lambda c: c.some([b"set", b"set2", b"k1"]),
    "SDIFF": lambda c: c.some([b"set", b"set2", b"k1"]),
    "SINTERSTORE": lambda c: [set_(c), *c.some([b"set", b"set2", b"k1"])],
    "SUNIONSTORE": lambda c: [set_(c), *c.some([b"set", b"set2"])],
    "SDIFFSTORE": lambda c: [set_(c), *c.some([b"set", b"set2"])],
    "SSCAN": lambda c: [set_(c), b"0", *c.maybe(b"MATCH", b"m*"), *c.maybe(b"COUNT", c.one(b"1000", b"0", b"x"))],
    "ZADD": lambda c: [
        *(zset(c), *zadd_options(c), c.one(*SCORES), c.one(*MEMBERS)),
        *c.maybe(c.one(*SCORES), c.one(*MEMBERS)),
    ],
    "zadd": lambda c: [b"lex", b"0", c.one(*MEMBERS)],  # ranges of names are defined for equal scores alone
    "ZINCRBY": lambda c: [zset(c), c.one(*SCORES), c.one(*MEMBERS)],
    "ZSCORE": lambda c: [zset(c), c.one(*MEMBERS)],
    "ZMSCORE": lambda c: [zset(c), *c.some(MEMBERS)],
    "ZCARD": lambda c: [zset(c)],
    "ZREM": lambda c: [zset(c), *c.some(MEMBERS)],
    "ZRANK": lambda c: [zset(c), c.one(*MEMBERS), *c.maybe(c.one(b"WITHSCORE", b"WITHSCORES"))],
    "ZREVRANK": lambda c: [zset(c), c.one(*MEMBERS), *c.maybe(b"WITHSCORE")],
    "ZRANGE": zrange,
    "ZREVRANGE": lambda c: [zset(c), c.one(*SMALL), c.one(*SMALL), *scores(c)],
    "ZRANGEBYSCORE": lambda c: [zset(c), c.one(*BOUNDS), c.one(*BOUNDS), *scores(c), *limit(c)],
    "ZREVRANGEBYSCORE": lambda c: [zset(c), c.one(*BOUNDS), c.one(*BOUNDS), *scores(c), *limit(c)],
    "ZRANGEBYLEX": lambda c: [b"lex", c.one(*NAMES), c.one(*NAMES), *limit(c)],
    "ZCOUNT": lambda c: [zset(c), c.one(*BOUNDS), c.one(*BOUNDS)],
    "ZLEXCOUNT": lambda c: [b"lex", c.one(*NAMES), c.one(*NAMES)],
    "ZREMRANGEBYSCORE": lambda c: [zset(c), c.one(*BOUNDS), c.one(*BOUNDS)],
    "ZREMRANGEBYRANK": lambda c: [zset(c), c.one(*SMALL), c.one(*SMALL)],
    "ZPOPMIN": lambda c: [zset(c), *c.maybe(c.one(b"0", b"1", b"2", b"-1", b"x"))],
    "ZPOPMAX": lambda c: [zset(c), *c.maybe(c.one(b"0", b"1", b"2"))],
    "BZPOPMIN": lambda c: [zset(c), c.one(b"0.01", b"-1")],
    "BZPOPMAX": lambda c: [zset(c), zset(c), b"0.01"],
    "ZUNIONSTORE": zstore,
    "ZINTERSTORE": zstore,
    "ZSCAN": lambda c: [zset(c), b"0", *c.maybe(b"MATCH", b"m*")],
    "MULTI": lambda c: [],
    "EXEC": lambda c: [],
    "DISCARD": lambda c: [],
    "WATCH": lambda c: c.some(KEYS, 4),
    "UNWATCH": lambda c: [],
    "PUBLISH": lambda c: [b"channel", b"text"],
    "PING": lambda c: c.maybe(b"text"),
    "ECHO": lambda c: [c.one(*VALUES)],
    "SELECT": lambda c: [c.one(b"0", b"0", b"0", b"1", b"16", b"x", b"-1")],
    "AUTH": lambda c: [c.one(b"secret", b"default"), *c.maybe(b"x")],
    "CLIENT": lambda c: [c.one(b"GETNAME", b"SETNAME", b"SETINFO", b"bogus"), *c.maybe(c.one(b"name", b"a b"))],
    "FLUSHDB": lambda c: c.maybe(c.one(b"ASYNC", b"SYNC", b"x")),
    "NOSUCH": lambda c: c.some(VALUES),
}
