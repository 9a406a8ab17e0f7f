"""Rows of the commands on streams and their groups."""

from __future__ import annotations

import datetime

from testbed.wire import NIL, NIL_ARRAY, OK, array, bulk, integer, status

from txredis_fast.commands._parts import Claimed, Pending, PendingEntry
from txredis_fast.exceptions import InvalidData

from .rows import Refusal, Row

ID = bulk("1-1")
ENTRY = array("1-1", array("name", "Ann", "age", "42"))
ENTRIES = array(ENTRY, array("2-1", array("a", "1", "a", "2")))
VALUES = [("1-1", {"name": "Ann", "age": 42}), ("2-1", {"a": 2})]
READ = array(array("s", ENTRIES), array("t", array(ENTRY)))
BOTH = "maxlen and minid cannot be given together: a stream is trimmed by one of them"
NO_LIMIT = "limit needs maxlen or minid, which tell what is trimmed"
NO_STREAMS = "streams must be a mapping with at least one key, {key: ID after which to read}"
MOMENT = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)

ROWS = [
    Row("xadd", lambda c: c.xadd("s", {"a": 1, "b": "x"}), ("XADD", "s", "*", "a", 1, "b", "x"), ID, "1-1"),
    Row("xadd", lambda c: c.xadd("s", {"a": 1}, "9-1"), ("XADD", "s", "9-1", "a", 1), b"$3\r\n9-1\r\n", b"9-1", None),
    Row("xadd", lambda c: c.xadd("s", {"a": 1}, nomkstream=True), ("XADD", "s", "NOMKSTREAM", "*", "a", 1), NIL, None),
    Row(
        "xadd",
        lambda c: c.xadd("s", {"a": 1}, maxlen=100, limit=10, ref_policy="acked"),
        ("XADD", "s", "ACKED", "MAXLEN", "~", 100, "LIMIT", 10, "*", "a", 1),
        ID,
        "1-1",
        needs=("redis 8.2",),
    ),
    Row(
        "xadd",
        lambda c: c.xadd("s", {"a": 1}, "*", None, False, False, "5-0"),
        ("XADD", "s", "MINID", "=", "5-0", "*", "a", 1),
        ID,
        "1-1",
    ),
    Row("xlen", lambda c: c.xlen("s"), ("XLEN", "s"), integer(3), 3),
    Row("xrange", lambda c: c.xrange("s"), ("XRANGE", "s", "-", "+"), ENTRIES, VALUES),
    Row("xrange", lambda c: c.xrange("s", "1", "(5", 2), ("XRANGE", "s", "1", "(5", "COUNT", 2), array(), []),
    Row(
        "xrange",
        lambda c: c.xrange("s"),
        ("XRANGE", "s", "-", "+"),
        array(ENTRY),
        [(b"1-1", {b"name": b"Ann", b"age": b"42"})],
        None,
        False,
    ),
    Row("xrevrange", lambda c: c.xrevrange("s"), ("XREVRANGE", "s", "+", "-"), array(ENTRY), VALUES[:1]),
    Row("xrevrange", lambda c: c.xrevrange("s", 9, 1, 1), ("XREVRANGE", "s", 9, 1, "COUNT", 1), array(), []),
    Row("xread", lambda c: c.xread({"s": 0}), ("XREAD", "STREAMS", "s", 0), NIL_ARRAY, None),
    Row(
        "xread",
        lambda c: c.xread({"s": "1-0", "t": 0}, 2),
        ("XREAD", "COUNT", 2, "STREAMS", "s", "t", "1-0", 0),
        READ,
        {"s": VALUES, "t": VALUES[:1]},
    ),
    Row(
        "xread",
        lambda c: c.xread({"s": "$"}, block=1500),
        ("XREAD", "BLOCK", 1500, "STREAMS", "s", "$"),
        array(array("s", array(ENTRY))),
        {"s": VALUES[:1]},
        blocking=True,
    ),
    Row(
        "xread",
        lambda c: c.xread({"s": "$"}, None, datetime.timedelta(seconds=2)),
        ("XREAD", "BLOCK", 2000, "STREAMS", "s", "$"),
        NIL_ARRAY,
        None,
        blocking=True,
    ),
    Row("xtrim", lambda c: c.xtrim("s", 5), ("XTRIM", "s", "MAXLEN", "~", 5), integer(2), 2),
    Row("xtrim", lambda c: c.xtrim("s", 5, False), ("XTRIM", "s", "MAXLEN", "=", 5), integer(2), 2),
    Row(
        "xtrim",
        lambda c: c.xtrim("s", minid="5-0", limit=0, ref_policy="DELREF"),
        ("XTRIM", "s", "MINID", "~", "5-0", "LIMIT", 0, "DELREF"),
        integer(2),
        2,
        needs=("redis 8.2",),
    ),
    Row("xdel", lambda c: c.xdel("s", "1-1", "2-1"), ("XDEL", "s", "1-1", "2-1"), integer(1), 1),
    Row("xdelex", lambda c: c.xdelex("s", "1-1"), ("XDELEX", "s", "IDS", 1, "1-1"), array(integer(1)), [1]),
    Row(
        "xdelex",
        lambda c: c.xdelex("s", "1-1", "9-9", ref_policy="KEEPREF"),
        ("XDELEX", "s", "KEEPREF", "IDS", 2, "1-1", "9-9"),
        array(integer(1), integer(-1)),
        [1, -1],
    ),
    Row("xsetid", lambda c: c.xsetid("s", "9-1"), ("XSETID", "s", "9-1"), OK, "OK"),
    Row(
        "xsetid",
        lambda c: c.xsetid("s", "9-1", 5, "3-1"),
        ("XSETID", "s", "9-1", "ENTRIESADDED", 5, "MAXDELETEDID", "3-1"),
        OK,
        "OK",
    ),
    Row(
        "xinfo_stream",
        lambda c: c.xinfo_stream("s"),
        ("XINFO", "STREAM", "s"),
        array("length", integer(1), "groups", integer(0), "first-entry", ENTRY, "last-entry", NIL),
        {"length": 1, "groups": 0, "first-entry": VALUES[0], "last-entry": None},
    ),
    Row(
        "xinfo_stream",
        lambda c: c.xinfo_stream("s", True),
        ("XINFO", "STREAM", "s", "FULL"),
        array(
            "length",
            integer(1),
            "entries",
            array(ENTRY),
            "groups",
            array(
                array(
                    *("name", "g", "pending", array(array("1-1", "c", integer(5), integer(1)))),
                    *("consumers", array(array("name", "c", "pel-count", integer(1)))),
                )
            ),
        ),
        {
            "length": 1,
            "entries": VALUES[:1],
            "groups": [{"name": "g", "pending": [["1-1", "c", 5, 1]], "consumers": [{"name": "c", "pel-count": 1}]}],
        },
    ),
    Row(
        "xinfo_stream",
        lambda c: c.xinfo_stream("s", True, count=1),
        ("XINFO", "STREAM", "s", "FULL", "COUNT", 1),
        array("length", integer(0), "entries", array(), "groups", array()),
        {"length": 0, "entries": [], "groups": []},
        None,
    ),
    Row(
        "xreadgroup",
        lambda c: c.xreadgroup("g", "c", {"s": ">"}),
        ("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">"),
        array(array("s", array(ENTRY, array("2-1", NIL_ARRAY)))),
        {"s": [VALUES[0], ("2-1", None)]},
    ),
    Row(
        "xreadgroup",
        lambda c: c.xreadgroup("g", "c", {"s": ">"}, 5, 0, True),
        ("XREADGROUP", "GROUP", "g", "c", "COUNT", 5, "BLOCK", 0, "NOACK", "STREAMS", "s", ">"),
        NIL_ARRAY,
        None,
        blocking=True,
    ),
    Row("xack", lambda c: c.xack("s", "g", "1-1", "2-1"), ("XACK", "s", "g", "1-1", "2-1"), integer(2), 2),
    Row(
        "xackdel", lambda c: c.xackdel("s", "g", "1-1"), ("XACKDEL", "s", "g", "IDS", 1, "1-1"), array(integer(1)), [1]
    ),
    Row(
        "xackdel",
        lambda c: c.xackdel("s", "g", "1-1", ref_policy="delref"),
        ("XACKDEL", "s", "g", "DELREF", "IDS", 1, "1-1"),
        array(integer(-1)),
        [-1],
    ),
    Row("xgroup_create", lambda c: c.xgroup_create("s", "g"), ("XGROUP", "CREATE", "s", "g", "$"), OK, "OK"),
    Row(
        "xgroup_create",
        lambda c: c.xgroup_create("s", "g", 0, True, 5),
        ("XGROUP", "CREATE", "s", "g", 0, "MKSTREAM", "ENTRIESREAD", 5),
        OK,
        "OK",
    ),
    Row("xgroup_setid", lambda c: c.xgroup_setid("s", "g", 0), ("XGROUP", "SETID", "s", "g", 0), OK, "OK"),
    Row(
        "xgroup_setid",
        lambda c: c.xgroup_setid("s", "g", "$", 3),
        ("XGROUP", "SETID", "s", "g", "$", "ENTRIESREAD", 3),
        OK,
        "OK",
    ),
    Row("xgroup_destroy", lambda c: c.xgroup_destroy("s", "g"), ("XGROUP", "DESTROY", "s", "g"), integer(1), True),
    Row(
        "xgroup_createconsumer",
        lambda c: c.xgroup_createconsumer("s", "g", "c"),
        ("XGROUP", "CREATECONSUMER", "s", "g", "c"),
        integer(0),
        False,
    ),
    Row(
        "xgroup_delconsumer",
        lambda c: c.xgroup_delconsumer("s", "g", "c"),
        ("XGROUP", "DELCONSUMER", "s", "g", "c"),
        integer(2),
        2,
    ),
    Row(
        "xpending",
        lambda c: c.xpending("s", "g"),
        ("XPENDING", "s", "g"),
        array(integer(2), "1-1", "2-1", array(array("c", "2"))),
        Pending(2, "1-1", "2-1", {"c": 2}),
    ),
    Row(
        "xpending",
        lambda c: c.xpending("s", "g"),
        ("XPENDING", "s", "g"),
        array(integer(1), "1-1", "1-1", array(array("c", "1"))),
        Pending(1, b"1-1", b"1-1", {b"c": 1}),
        None,
        False,
    ),
    Row(
        "xpending",
        lambda c: c.xpending("s", "g"),
        ("XPENDING", "s", "g"),
        array(integer(0), NIL, NIL, NIL_ARRAY),
        Pending(0, None, None, {}),
    ),
    Row(
        "xpending_range",
        lambda c: c.xpending_range("s", "g"),
        ("XPENDING", "s", "g", "-", "+", 10),
        array(array("1-1", "c", integer(12), integer(1))),
        [PendingEntry("1-1", "c", 12, 1)],
    ),
    Row(
        "xpending_range",
        lambda c: c.xpending_range("s", "g", "1", "2", 5, "c", datetime.timedelta(seconds=1)),
        ("XPENDING", "s", "g", "IDLE", 1000, "1", "2", 5, "c"),
        array(),
        [],
    ),
    Row(
        "xclaim",
        lambda c: c.xclaim("s", "g", "c", 0, "1-1"),
        ("XCLAIM", "s", "g", "c", 0, "1-1"),
        array(ENTRY, NIL_ARRAY),
        [VALUES[0], None],
    ),
    Row(
        "xclaim",
        lambda c: c.xclaim("s", "g", "c", 1, ["1-1", "2-1"], 5, None, 3, True, True, lastid="9-1"),
        ("XCLAIM", "s", "g", "c", 1, "1-1", "2-1", "IDLE", 5, "RETRYCOUNT", 3, "FORCE", "JUSTID", "LASTID", "9-1"),
        array("1-1"),
        ["1-1"],
    ),
    Row(
        "xclaim",
        lambda c: c.xclaim("s", "g", "c", 1, "1-1", time=MOMENT),
        ("XCLAIM", "s", "g", "c", 1, "1-1", "TIME", 1767225600000),
        array(),
        [],
    ),
    Row(
        "xautoclaim",
        lambda c: c.xautoclaim("s", "g", "c", 60000),
        ("XAUTOCLAIM", "s", "g", "c", 60000, "0-0"),
        array("2-1", array(ENTRY), array("5-1")),
        Claimed("2-1", VALUES[:1], ["5-1"]),
    ),
    Row(
        "xautoclaim",
        lambda c: c.xautoclaim("s", "g", "c", datetime.timedelta(minutes=1), "3-1", 5, True),
        ("XAUTOCLAIM", "s", "g", "c", 60000, "3-1", "COUNT", 5, "JUSTID"),
        array("0-0", array("1-1", "2-1")),
        Claimed("0-0", ["1-1", "2-1"], []),
    ),
    Row(
        "xinfo_groups",
        lambda c: c.xinfo_groups("s"),
        ("XINFO", "GROUPS", "s"),
        array(array("name", "g", "consumers", integer(1), "lag", NIL)),
        [{"name": "g", "consumers": 1, "lag": None}],
    ),
    Row(
        "xinfo_consumers",
        lambda c: c.xinfo_consumers("s", "g"),
        ("XINFO", "CONSUMERS", "s", "g"),
        array(array(status("name"), "c", status("idle"), integer(6))),
        [{"name": b"c", "idle": 6}],
        None,
    ),
]

REFUSALS = [
    Refusal(
        "xadd",
        lambda c: c.xadd("s", "a"),
        InvalidData,
        "fields of xadd must be a mapping with at least one field, not 'a'",
    ),
    Refusal("xadd", lambda c: c.xadd("s", {}), InvalidData),
    Refusal("xadd", lambda c: c.xadd("s", {"a": 1}, maxlen=1, minid="1-1"), InvalidData, BOTH),
    Refusal("xadd", lambda c: c.xadd("s", {"a": 1}, limit=1), InvalidData, NO_LIMIT),
    Refusal(
        "xadd",
        lambda c: c.xadd("s", {"a": 1}, maxlen=1, approximate=False, limit=1),
        InvalidData,
        "limit needs approximate=True: exact trimming has no limit",
    ),
    Refusal(
        "xtrim",
        lambda c: c.xtrim("s", 1, ref_policy="none"),
        InvalidData,
        "ref_policy must be KEEPREF, DELREF, ACKED or None, not 'none'",
    ),
    Refusal("xread", lambda c: c.xread({}), InvalidData, NO_STREAMS),
    Refusal("xreadgroup", lambda c: c.xreadgroup("g", "c", ["s"]), InvalidData, NO_STREAMS),
    Refusal("xdelex", lambda c: c.xdelex("s"), InvalidData, "no IDs were given for the stream 's'"),
    Refusal(
        "xread",
        lambda c: c.xread({"s": 0}, block=True),
        InvalidData,
    ),
]
