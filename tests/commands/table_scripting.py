"""Rows of the scripting commands, where the server has the script."""

from __future__ import annotations

import hashlib

from testbed.wire import OK, array, bulk, integer

from .rows import Refusal, Row

SCRIPT = "return {KEYS[1], ARGV[1]} -- \xe9"
SHA1 = hashlib.sha1(SCRIPT.encode()).hexdigest()

ROWS = [
    Row("eval", lambda c: c.eval(SCRIPT), ("EVALSHA", SHA1, 0), integer(1), 1, sent_queued=("EVAL", SCRIPT, 0)),
    Row(
        "eval",
        lambda c: c.eval(SCRIPT.encode(), ["k", b"l"], (1, "x")),
        ("EVALSHA", SHA1, 2, "k", "l", 1, "x"),
        array("k", "1"),
        ["k", 1],
        sent_queued=("EVAL", SCRIPT, 2, "k", "l", 1, "x"),
    ),
    Row(
        "eval",
        lambda c: c.eval(SCRIPT, keys="key", args=b"arg"),
        ("EVALSHA", SHA1, 1, "key", "arg"),
        bulk("x"),
        "x",
        sent_queued=("EVAL", SCRIPT, 1, "key", "arg"),
    ),
    Row(
        "eval",
        lambda c: c.eval(SCRIPT),
        ("EVALSHA", SHA1, 0),
        integer(1),
        1,
        charset="latin-1",
        sent_queued=("EVAL", SCRIPT, 0),
    ),
    Row(
        "evalsha",
        lambda c: c.evalsha(SHA1, ["k"], ["a", 1]),
        ("EVALSHA", SHA1, 1, "k", "a", 1),
        array(integer(1), bulk("2")),
        [1, 2],
    ),
    Row(
        "evalsha",
        lambda c: c.evalsha(SHA1.encode(), args=iter("ab")),
        ("EVALSHA", SHA1, 0, "a", "b"),
        OK,
        "OK",
    ),
    Row("script_exists", lambda c: c.script_exists("a"), ("SCRIPT", "EXISTS", "a"), array(integer(1)), True),
    Row(
        "script_exists",
        lambda c: c.script_exists("a", "b"),
        ("SCRIPT", "EXISTS", "a", "b"),
        array(integer(1), integer(0)),
        [True, False],
    ),
    Row("script_flush", lambda c: c.script_flush(), ("SCRIPT", "FLUSH"), OK, "OK"),
    Row("script_kill", lambda c: c.script_kill(), ("SCRIPT", "KILL"), OK, "OK"),
    Row("script_load", lambda c: c.script_load("return 1"), ("SCRIPT", "LOAD", "return 1"), bulk(SHA1), SHA1),
]

REFUSALS = [
    Refusal("eval", lambda c: c.eval(SCRIPT, keys=5), TypeError),
    Refusal("eval", lambda c: c.eval(None), TypeError),
    Refusal("evalsha", lambda c: c.evalsha(SHA1, args=5), TypeError),
]
