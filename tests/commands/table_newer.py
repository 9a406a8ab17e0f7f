"""Rows of commands and options of Redis 8.4 to 8.10, after their documentation: no server of the tests has them."""

from __future__ import annotations

import datetime

from testbed.wire import NIL, NIL_ARRAY, OK, array, bulk, integer

from txredis_fast.exceptions import InvalidData

from .rows import Refusal, Row

DIGEST = "1234567890123456"
ENTRY = array("1-1", array("f", "1"))
CLAIMED = array("1-1", array("f", "1"), integer(5000), integer(2))
HOT = array("tracking-active", integer(1), "selected-slots", array(), "by-cpu-time-us", array("x", integer(104)))
FOUND = {"tracking-active": 1, "selected-slots": [], "by-cpu-time-us": {"x": 104}}

#: Method, arguments, options, what they send, for a reply that is the number 3.
COUNTED = [
    ("arset", ("a", 0, "x", 5), {}, ("ARSET", "a", 0, "x", 5)),
    ("armset", ("a", {0: "x", 9: "y"}), {}, ("ARMSET", "a", 0, "x", 9, "y")),
    ("arinsert", ("a", "x", "y"), {}, ("ARINSERT", "a", "x", "y")),
    ("arring", ("a", 10, "x"), {}, ("ARRING", "a", 10, "x")),
    ("arnext", ("a",), {}, ("ARNEXT", "a")),
    ("ardel", ("a", 1, 2), {}, ("ARDEL", "a", 1, 2)),
    ("ardelrange", ("a", (1, 2), (5, 9)), {}, ("ARDELRANGE", "a", 1, 2, 5, 9)),
    ("arlen", ("a",), {}, ("ARLEN", "a")),
    ("arcount", ("a",), {}, ("ARCOUNT", "a")),
    *(("arop", ("a", 0, 9, word), {}, ("AROP", "a", 0, 9, word)) for word in ("USED", "AND", "OR", "XOR")),
    ("arop", ("a", 0, 9, b"match", "x"), {}, ("AROP", "a", 0, 9, "match", "x")),
    ("sdiffcard", (2, ["s", "t"]), {}, ("SDIFFCARD", 2, "s", "t")),
    ("sdiffcard", (1, "s", 5), {}, ("SDIFFCARD", 1, "s", "LIMIT", 5)),
    ("sunioncard", (2, ["s", "t"]), {}, ("SUNIONCARD", 2, "s", "t")),
    ("sunioncard", (1, "s", 5, True), {}, ("SUNIONCARD", 1, "s", "APPROX", "LIMIT", 5)),
    ("xnack", ("s", "g", "FAIL", "1-1", "2-1"), {}, ("XNACK", "s", "g", "FAIL", "IDS", 2, "1-1", "2-1")),
    (
        "xnack",
        ("s", "g", "FATAL", "1-1"),
        {"retrycount": 0, "force": True},
        ("XNACK", "s", "g", "FATAL", "IDS", 1, "1-1", "RETRYCOUNT", 0, "FORCE"),
    ),
    ("himport_discard", ("u",), {}, ("HIMPORT", "DISCARD", "u")),
    ("himport_discardall", (), {}, ("HIMPORT", "DISCARDALL")),
    ("xnack", ("s", "g", "SILENT", "1-1"), {}, ("XNACK", "s", "g", "SILENT", "IDS", 1, "1-1")),
]

#: The same for a reply that is a list.
LISTS = [
    ("vrange", ("v",), {}, ("VRANGE", "v", "-", "+")),
    ("vrange", ("v", "[a", "(b", 10), {}, ("VRANGE", "v", "[a", "(b", 10)),
    ("armget", ("a", 0, 5), {}, ("ARMGET", "a", 0, 5)),
    ("argetrange", ("a", 5, 0), {}, ("ARGETRANGE", "a", 5, 0)),
    ("arlastitems", ("a", 5), {}, ("ARLASTITEMS", "a", 5)),
    ("arlastitems", ("a", 5), {"rev": True}, ("ARLASTITEMS", "a", 5, "REV")),
    ("lmovem", ("l", "m"), {}, ("LMOVEM", "l", "m", "LEFT", "RIGHT")),
    (
        "lmovem",
        ("l", "m", "RIGHT", "LEFT", 2),
        {"ordering": "OBO"},
        ("LMOVEM", "l", "m", "RIGHT", "LEFT", "COUNT", 2, "OBO"),
    ),
    (
        "lmovem",
        ("l", "m"),
        {"count": 2, "mode": "EXACTLY", "ordering": "BULK"},
        ("LMOVEM", "l", "m", "LEFT", "RIGHT", "EXACTLY", 2, "BULK"),
    ),
]

#: The same for a reply that is OK.
PLAIN = [
    ("xcfgset", ("s", 60), {}, ("XCFGSET", "s", "IDMP-DURATION", 60)),
    ("xcfgset", ("s", 60, 5), {}, ("XCFGSET", "s", "IDMP-DURATION", 60, "IDMP-MAXSIZE", 5)),
    ("hotkeys_start", ("CPU",), {}, ("HOTKEYS", "START", "METRICS", 1, "CPU")),
    (
        "hotkeys_start",
        (["CPU", "NET"], 10, 60, 100, [1, 2]),
        {},
        (
            *("HOTKEYS", "START", "METRICS", 2, "CPU", "NET", "COUNT", 10, "DURATION", 60),
            *("SAMPLE", 100, "SLOTS", 2, 1, 2),
        ),
    ),
    ("himport_prepare", ("u", "name", "age"), {}, ("HIMPORT", "PREPARE", "u", "name", "age")),
    ("himport_set", ("k", "u", "Ada", 36), {}, ("HIMPORT", "SET", "k", "u", "Ada", 36)),
    ("hotkeys_stop", (), {}, ("HOTKEYS", "STOP")),
    ("hotkeys_reset", (), {}, ("HOTKEYS", "RESET")),
]


def rows(calls, answered, value):
    return [
        Row(name, lambda c, name=name, args=args, options=options: getattr(c, name)(*args, **options), sent, *reply)
        for reply in [(answered, value)]
        for name, args, options, sent in calls
    ]


ROWS = [
    *rows(COUNTED, integer(3), 3),
    *rows(LISTS, array("x", NIL, "5"), ["x", None, 5]),
    *rows(PLAIN, OK, "OK"),
    Row("arseek", lambda c: c.arseek("a", 5), ("ARSEEK", "a", 5), integer(0), False),
    Row("arnext", lambda c: c.arnext("a"), ("ARNEXT", "a"), NIL, None),
    Row("arget", lambda c: c.arget("a", 5), ("ARGET", "a", 5), bulk("x"), "x"),
    Row(
        "arscan",
        lambda c: c.arscan("a", 0, 9),
        ("ARSCAN", "a", 0, 9),
        array(array(integer(0), "x"), array(integer(5), "7")),
        [(0, "x"), (5, 7)],
    ),
    Row("arscan", lambda c: c.arscan("a", 0, 9, 5), ("ARSCAN", "a", 0, 9, "LIMIT", 5), array(), []),
    Row(
        "argrep",
        lambda c: c.argrep("a", "-", "+", [("GLOB", "x*"), ("EXACT", "y")]),
        ("ARGREP", "a", "-", "+", "GLOB", "x*", "EXACT", "y"),
        array(integer(0), integer(5)),
        [0, 5],
    ),
    Row(
        "argrep",
        lambda c: c.argrep("a", 0, 9, [("RE", "x|y"), ("MATCH", "z")], "AND", 2, True, True),
        ("ARGREP", "a", 0, 9, "RE", "x|y", "MATCH", "z", "AND", "LIMIT", 2, "WITHVALUES", "NOCASE"),
        array(array(integer(0), "x")),
        [(0, b"x")],
        None,
    ),
    Row("arop", lambda c: c.arop("a", 0, 9, "SUM"), ("AROP", "a", 0, 9, "SUM"), bulk("1.5"), 1.5, None),
    Row("arop", lambda c: c.arop("a", 0, 9, "MIN"), ("AROP", "a", 0, 9, "MIN"), bulk("2"), 2, "utf-8", False),
    Row("arop", lambda c: c.arop("a", 0, 9, "MAX"), ("AROP", "a", 0, 9, "MAX"), NIL, None),
    Row(
        "arinfo",
        lambda c: c.arinfo("a"),
        ("ARINFO", "a"),
        array("count", integer(3), "len", integer(101)),
        {"count": 3, "len": 101},
        None,
    ),
    Row("arinfo", lambda c: c.arinfo("a", True), ("ARINFO", "a", "FULL"), array(), {}),
    Row("digest", lambda c: c.digest("k"), ("DIGEST", "k"), bulk(DIGEST), DIGEST),
    Row("digest", lambda c: c.digest("k"), ("DIGEST", "k"), bulk(DIGEST), DIGEST, None),
    Row("digest", lambda c: c.digest("k"), ("DIGEST", "k"), NIL, None),
    Row("delex", lambda c: c.delex("k"), ("DELEX", "k"), integer(1), True),
    *(
        Row(
            "delex",
            lambda c, word=word: c.delex("k", **{word: DIGEST}),
            ("DELEX", "k", word.upper(), DIGEST),
            integer(0),
            False,
        )
        for word in ("ifeq", "ifne", "ifdeq", "ifdne")
    ),
    *(
        Row(
            "set_if",
            lambda c, word=word: c.set_if("k", "v", **{word: "w"}),
            ("SET", "k", "v", word.upper(), "w"),
            NIL,
            None,
            needs=("redis 8.4", *(["valkey 8.1"] if word == "ifeq" else [])),
        )
        for word in ("ifeq", "ifne", "ifdeq", "ifdne")
    ),
    Row(
        "set_if",
        lambda c: c.set_if("k", "v", ifne="w", get=True, ex=0.5),
        ("SET", "k", "v", "IFNE", "w", "GET", "PX", 500),
        bulk("x"),
        "x",
        needs=("redis 8.4",),
    ),
    Row("increx", lambda c: c.increx("k"), ("INCREX", "k"), array(integer(6), integer(1)), (6, 1)),
    Row(
        "increx",
        lambda c: c.increx("k", byint=5, lbound=0, ubound=9, saturate=True, ex=60, enx=True, xx=True),
        ("INCREX", "k", "XX", "BYINT", 5, "LBOUND", 0, "UBOUND", 9, "SATURATE", "EX", 60, "ENX"),
        array(integer(9), integer(3)),
        (9, 3),
    ),
    Row(
        "increx",
        lambda c: c.increx("k", byfloat=0.5, persist=True, nx=True),
        ("INCREX", "k", "NX", "BYFLOAT", 0.5, "PERSIST"),
        array("2", "0.5"),
        (2.0, 0.5),
        None,
    ),
    Row("increx", lambda c: c.increx("k", nx=True), ("INCREX", "k", "NX"), NIL_ARRAY, None),
    Row(
        "blmovem",
        lambda c: c.blmovem("l", "m", datetime.timedelta(seconds=2)),
        ("BLMOVEM", "l", "m", "LEFT", "RIGHT", "2.0"),
        array("x"),
        ["x"],
        blocking=True,
    ),
    Row(
        "blmovem",
        lambda c: c.blmovem("l", "m", 0, "RIGHT", "LEFT", 2, "EXACTLY", "BULK"),
        ("BLMOVEM", "l", "m", "RIGHT", "LEFT", 0, "EXACTLY", 2, "BULK"),
        NIL_ARRAY,
        None,
        blocking=True,
    ),
    Row("hotkeys_get", lambda c: c.hotkeys_get(), ("HOTKEYS", "GET"), HOT, FOUND),
    Row("hotkeys_get", lambda c: c.hotkeys_get(), ("HOTKEYS", "GET"), array(HOT), FOUND),
    Row("hotkeys_get", lambda c: c.hotkeys_get(), ("HOTKEYS", "GET"), NIL_ARRAY, None),
    Row(
        "xadd",
        lambda c: c.xadd("s", {"f": 1}, idmpauto="p"),
        ("XADD", "s", "IDMPAUTO", "p", "*", "f", 1),
        bulk("1-1"),
        "1-1",
        needs=("redis 8.6",),
    ),
    Row(
        "xadd",
        lambda c: c.xadd("s", {"f": 1}, maxlen=5, nomkstream=True, ref_policy="ACKED", idmp=("p", "i")),
        ("XADD", "s", "NOMKSTREAM", "ACKED", "IDMP", "p", "i", "MAXLEN", "~", 5, "*", "f", 1),
        NIL,
        None,
        needs=("redis 8.6",),
    ),
    Row(
        "xread",
        lambda c: c.xread({"s": 0}, 5, max_count=9, max_size=1000),
        ("XREAD", "COUNT", 5, "MAXCOUNT", 9, "MAXSIZE", 1000, "STREAMS", "s", 0),
        NIL_ARRAY,
        None,
        needs=("redis 8.10",),
    ),
    Row(
        "xreadgroup",
        lambda c: c.xreadgroup("g", "c", {"s": ">"}, 5, claim_min_idle_time=datetime.timedelta(seconds=1)),
        ("XREADGROUP", "GROUP", "g", "c", "COUNT", 5, "CLAIM", 1000, "STREAMS", "s", ">"),
        array(array("s", array(CLAIMED, ENTRY))),
        {"s": [("1-1", {"f": 1}, 5000, 2), ("1-1", {"f": 1})]},
        needs=("redis 8.4",),
    ),
    Row(
        "xreadgroup",
        lambda c: c.xreadgroup("g", "c", {"s": ">"}, block=1, claim_min_idle_time=1, max_count=9, max_size=1000),
        (
            *("XREADGROUP", "GROUP", "g", "c", "MAXCOUNT", 9, "MAXSIZE", 1000, "BLOCK", 1, "CLAIM", 1),
            *("STREAMS", "s", ">"),
        ),
        NIL_ARRAY,
        None,
        blocking=True,
        needs=("redis 8.10",),
    ),
]

REFUSALS = [
    Refusal("argrep", lambda c: c.argrep("a", 0, 1, []), InvalidData, "argrep needs at least one predicate"),
    Refusal("arop", lambda c: c.arop("a", 0, 1, "MATCH"), InvalidData),
    Refusal(
        "arop",
        lambda c: c.arop("a", 0, 1, "SUM", 5),
        InvalidData,
        "operation MATCH of arop needs value, and no other has one",
    ),
    Refusal(
        "delex",
        lambda c: c.delex("k", ifeq="a", ifdne="b"),
        InvalidData,
        "ifeq and ifdne of delex cannot be given together",
    ),
    Refusal(
        "set_if",
        lambda c: c.set_if("k", "v"),
        InvalidData,
        "set_if needs a condition: ifeq, ifne, ifdeq or ifdne",
    ),
    Refusal("set_if", lambda c: c.set_if("k", "v", ifeq="a", ifne="b"), InvalidData),
    Refusal("set_if", lambda c: c.set_if("k", "v", ifeq="a", ex=1, px=1), InvalidData),
    Refusal(
        "increx",
        lambda c: c.increx("k", byint=1, byfloat=1.5),
        InvalidData,
        "byfloat and byint of increx cannot be given together",
    ),
    Refusal(
        "increx", lambda c: c.increx("k", nx=True, xx=True), InvalidData, "nx and xx of increx cannot be given together"
    ),
    Refusal(
        "increx",
        lambda c: c.increx("k", persist=True, enx=True),
        InvalidData,
        "enx of increx needs a time: ex, px, exat or pxat",
    ),
    Refusal("increx", lambda c: c.increx("k", enx=True), InvalidData),
    Refusal(
        "lmovem", lambda c: c.lmovem("l", "m", count=2), InvalidData, "count of lmovem needs ordering: OBO or BULK"
    ),
    Refusal(
        "lmovem", lambda c: c.lmovem("l", "m", mode="COUNT"), InvalidData, "mode and ordering of lmovem need count"
    ),
    Refusal("blmovem", lambda c: c.blmovem("l", "m", 0, ordering="OBO"), InvalidData),
    Refusal("sdiffcard", lambda c: c.sdiffcard(2, "s"), InvalidData),
    Refusal("sunioncard", lambda c: c.sunioncard(2, "s"), InvalidData),
    Refusal(
        "hotkeys_start", lambda c: c.hotkeys_start([]), InvalidData, "hotkeys_start needs metrics: CPU, NET or both"
    ),
    Refusal("xcfgset", lambda c: c.xcfgset("s"), InvalidData, "xcfgset needs idmp_duration or idmp_maxsize"),
    Refusal("xnack", lambda c: c.xnack("s", "g", "FAIL"), InvalidData, "no IDs were given for the stream 's'"),
    Refusal(
        "xnack",
        lambda c: c.xnack("s", "g", "1-1", "2-1"),
        InvalidData,
        "mode of xnack must be SILENT, FAIL or FATAL, not '1-1'",
    ),
    Refusal(
        "xadd",
        lambda c: c.xadd("s", {"f": 1}, idmpauto="p", idmp=("p", "i")),
        InvalidData,
        "idmpauto and idmp cannot be given together",
    ),
    Refusal(
        "xadd",
        lambda c: c.xadd("s", {"f": 1}, "5-1", idmpauto="p"),
        InvalidData,
        "idmpauto and idmp need the ID '*', not '5-1': the server makes the ID",
    ),
    Refusal(
        "xadd",
        lambda c: c.xadd("s", {"f": 1}, idmp="pi"),
        InvalidData,
        "idmp must be a pair of producer and ID, not 'pi'",
    ),
]
