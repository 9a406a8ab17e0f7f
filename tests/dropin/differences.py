"""Every difference from txredisapi 1.6.0 that is allowed, and where it is seen.

Each is a row of "Differences from txredisapi" in ``docs/migrating.rst``. What is not listed here has to be the same;
and what is listed has to differ, so that no row outlives its reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from txredis_fast.exceptions import ExecAbortError, RedisError, ResponseError, WatchError

from .outcomes import Failed, Fired

INF = float("inf")
BOTH_ENDS = "``start`` and ``end`` must both be specified"


@dataclass(frozen=True)
class Difference:
    """One row of that table.

    :ivar theirs: what txredisapi does.
    :ivar ours: what this package does.
    """

    theirs: str
    ours: str
    #: Calls of ``calls.CALLS`` that differ, and what ours gives on a connection without options.
    calls: dict[str, Any] = field(default_factory=dict)
    #: Calls that differ with some options only, and are the same without any.
    with_options: tuple[str, ...] = ()
    #: Calls that differ only when MULTI queues them.
    queued: tuple[str, ...] = ()
    #: Sessions that differ, and what ours gives.
    sessions: dict[str, Any] = field(default_factory=dict)
    #: Stored texts that are read differently, and how ours reads them.
    texts: dict[str, Any] = field(default_factory=dict)
    #: Numbers that are sent differently, and what ours sends.
    sent: tuple[tuple[Any, bytes], ...] = ()


DIFFERENCES = [
    Difference(
        "A float is sent with six decimals: 1e-9 as 0.000000, 1/3 as 0.333333.",
        "A float is sent with all its digits, as Python writes it.",
        calls={
            'c.set("k", 0.5)': "OK",
            'c.set("k", 1.0)': "OK",
            'c.set("k", 123456.75)': "OK",
            'c.rpush("new", 1.25)': 1,
            'c.hset("h", 1, 2.5)': 0,
        },
        sessions={
            "field_names_that_are_numbers": [{1: "x", 2.5: 3, 7: "y"}, [1, 2.5, 7], ["x", 3]],
        },
        sent=(
            (0.1, b"0.1"),
            (1.0, b"1.0"),
            (-1.5, b"-1.5"),
            (-0.0, b"-0.0"),
            (1e-6, b"1e-06"),
            (1e-9, b"1e-09"),
            (1.23456789, b"1.23456789"),
            (1 / 3, b"0.3333333333333333"),
            (1e22, b"1e+22"),
            (1e100, b"1e+100"),
            (5e-324, b"5e-324"),
            (1.7976931348623157e308, b"1.7976931348623157e+308"),
        ),
    ),
    Difference(
        "A stored text is a number wherever Python's int() and float() take it: '1_000', '12 ', digits of any script.",
        "Only ASCII digits with sign, point and, after a point, exponent are a number; all else stays text.",
        texts={
            **{text: text for text in ("1_000", "-1_000", "1_0.5", "1.5_0", "1.5e1_0")},
            **{text: text for text in ("12 ", "12\n", "12\t", "1.5 ", "1.5\r\n", "+1 ", "1\x85", "1.\xa0", "1\u2003")},
            **{text: text for text in ("1\u0663", "1.\u0663", "-\u0663", "+1\uff11")},
        },
    ),
    Difference(
        "A stored number that is too large for a float, such as 1.5e400, is read as infinity.",
        "It stays text, so that what was stored can be told.",
        texts={"1.5e400": "1.5e400", "-1.5e400": "-1.5e400"},
    ),
    Difference(
        "An argument of another type is sent as its str() without a word, None as 'None', a list as '[1, 2]'; "
        "one whose text has braces, such as a set or a dict, raises KeyError.",
        "It is sent as its str(), with a DeprecationWarning; with strict=True it is refused.",
        calls={
            'c.set("k", None)': "OK",
            'c.set("k", [1, 2])': "OK",
            'c.set("k", ("a",))': "OK",
            "c.delete(None)": 0,
            'c.rpush("l", {"v"})': 7,
        },
    ),
    Difference(
        "With convertNumbers=False SCAN and its like give the cursor as text or bytes: the walk that ends when it is "
        "false never ends.",
        "The cursor is an int.",
        with_options=(
            *("c.scan()", 'c.scan(0, "l*")', "c.scan(0, None, 1000)", 'c.scan(cursor=0, pattern="*t*", count=1000)'),
            *('c.scan("0")', 'c.sscan("s")', 'c.sscan("s", 0, "1*", 100)', 'c.sscan("nothing")', 'c.zscan("y")'),
            *('c.zscan("y", 0, "o*", 100)', 'c.zscan("nothing")', 'c.hscan("num")', 'c.hscan("h", 0, "f*", 100)'),
            'c.hscan("nothing")',
        ),
    ),
    Difference(
        "A time to live with a fraction is sent with six decimals, which servers refuse.",
        "It is sent in milliseconds, by the command that takes these.",
        calls={'c.expire("text", 1.5)': 1},
    ),
    Difference(
        "memoryview is sent as its repr, '<memory at 0x...>'.",
        "Its bytes are sent.",
        sent=((memoryview(b"view"), b"view"),),
    ),
    Difference(
        "Where several keys may be given, one in bytes is taken for its numbers, and hmget and eval take a str for "
        "its characters.",
        "One str or bytes is one key.",
        calls={
            'c.blpop(b"key", 1)': ["key", "element"],
            'c.brpop(b"key", 1)': ["key", "element"],
            'c.hmget("h", "field")': ["x"],
            'c.hmget("h", b"field")': ["x"],
            'c.hdel("h", b"field")': 1,
            'c.eval("return #KEYS", "ab")': 1,
        },
        sessions={"watch_of_bytes": Failed(WatchError("Transaction failed"))},
    ),
    Difference(
        "A tuple of keys followed by further keys raises AttributeError.",
        "Any iterable will do.",
        calls={'c.delete(("text",), "int")': 2},
    ),
    Difference(
        "zscore fails with ValueError on infinity and on scores from 1e17 on, and with convertNumbers=False on 1.5.",
        "It gives the score: an int where it is whole and written so, else a float.",
        calls={
            'c.zscore("z", "2")': 2.5,
            'c.zscore("z", "top")': INF,
            'c.zscore("z", "bottom")': -INF,
            'c.zscore("z", "big")': 1e20,
        },
    ),
    Difference(
        "With convertNumbers=False zincrby gives a whole score as a float, and zscore gives it as an int.",
        "Both give an int where the score is whole and at most 2**53, else a float, under either protocol.",
        with_options=('c.zincr("y", "one")', 'c.zdecr("y", "one")', 'c.zincr("new", "m")', 'c.zincrby("y", 2, "one")'),
    ),
    Difference(
        "sort() with several patterns in get sends their list as one pattern, which matches nothing.",
        "Each is a GET of its own.",
        calls={
            'c.sort("n", get=["#", "o_*"])': [1, "uno", 2, "due", 3, "tre"],
            'c.sort("n", get=["o_*", "nothing_*"], desc=True)': ["tre", None, "due", None, "uno", None],
            'c.sort("n", get=("#",))': [1, 2, 3],
        },
    ),
    Difference(
        "With charset=None a status reply is a number (hiredis) or a str (without it) where it looks like a number.",
        "It is bytes, as every other text.",
        calls={"c.eval(\"return redis.status_reply('12')\")": "12"},
    ),
    Difference(
        "While MULTI is open some commands (zscore, zincrby, hexists, sismember, smove) convert the answer QUEUED, "
        "to True or a ValueError, and in commit()'s list theirs are not converted, nor are sets and scores.",
        "Every queued command answers QUEUED, and commit() gives what the same command gives by itself.",
        queued=(
            *("smove", "sismember", "sinter", "sunion", "sdiff", "smembers", "hexists"),
            *("zincr", "zdecr", "zincrby", "zscore", "zrange", "zrevrange", "zrangebyscore", "zrevrangebyscore"),
        ),
    ),
    Difference(
        "A command that fails inside EXEC ends the connection although the transaction was applied: with hiredis "
        "always, without it where the reply would be converted (hgetall).",
        "commit() fires with the list, in which the error is a value.",
        queued=("hgetall",),
    ),
    Difference(
        "commit() with keys given to multi() converts replies one place off, and the connection is lost or hangs.",
        "Each reply is converted by its own command.",
        sessions={"multi_with_keys": Fired(["OK", {"f": 1}, 1])},
    ),
    Difference(
        "With charset=None multi() fails with 'Invalid response' (hiredis).",
        "Transactions work with every charset.",
        sessions={"transaction_over_bytes": [b"OK", b"x"]},
    ),
    Difference(
        "A connection taken by multi() or watch() comes back to the pool only after a transaction that went well.",
        "It comes back, clean, whatever happens.",
        sessions={
            "transaction_with_a_refused_command": [
                Failed(ResponseError("ERR wrong number of arguments for 'get' command")),
                Failed(ExecAbortError("EXECABORT Transaction discarded because of previous errors.")),
                Fired(None),
            ],
            "many_transactions_in_a_pool": [[{}] * 9, 9],
        },
    ),
    Difference(
        "A command that cannot be sent raises. Where that is caught, commit() and execute_pipeline() execute the rest.",
        "Its Deferred fails, and so do commit() and execute_pipeline(): nothing is executed.",
        sessions={
            "transaction_with_a_command_that_cannot_be_sent": [
                Failed(RedisError(BOTH_ENDS)),
                Failed(ExecAbortError(f"EXECABORT Transaction discarded because of: {BOTH_ENDS}")),
                None,
            ],
            "pipeline_with_a_command_that_cannot_be_sent": [
                Failed(RedisError(BOTH_ENDS)),
                Failed(RedisError(BOTH_ENDS)),
                None,
            ],
        },
    ),
    Difference(
        "A blocking command given by its name, execute_command('BLPOP', ...), is limited by replyTimeout.",
        "Its limit is its own, and some more, as for the method.",
        sessions={"a_blocking_command_given_by_its_name": Fired(None)},
    ),
    Difference(
        "disconnect() of a handler that is disconnected raises RuntimeError (with Twisted 24.7 and later).",
        "It does nothing.",
        sessions={"disconnecting_twice": [True, Fired(None)]},
    ),
]

#: Sessions whose difference depends on the version of Twisted.
NOT_WITH_EVERY_TWISTED = {"disconnecting_twice"}
