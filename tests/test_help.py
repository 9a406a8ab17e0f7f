"""What ``help()``, ``dir()`` and ``import *`` show of the package, and what type checkers see of it."""

from __future__ import annotations

import dataclasses
import json
import pydoc
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from testbed.public import declared_names

import txredis_fast
from txredis_fast import CacheStats, ConnectionOptions, RetryPolicy, Stats

#: Lines of two screens.
TWO_SCREENS = 100

WAYS_IN = (
    "connect",
    *("from_url", "from_endpoint", "Sentinel", "SubscriberFactory", "MonitorFactory", "RedisFactory", "install"),
    *("Connection", "ConnectionPool", "UnixConnection", "UnixConnectionPool", "lazyConnectionPool"),
    *("ShardedConnection", "ShardedConnectionPool", "ShardedUnixConnection", "ShardedUnixConnectionPool"),
)


def help_on(thing: object) -> str:
    return pydoc.render_doc(thing, renderer=pydoc.plaintext)


def in_new_interpreter(code: str) -> Any:
    """Run code in an interpreter whose package no other test has used; return what it printed as JSON."""
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=Path(txredis_fast.__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(ran.stdout)


def test_help_of_the_package_is_two_screens_that_name_every_way_in():
    text = help_on(txredis_fast)
    assert len(text.splitlines()) <= TWO_SCREENS
    assert max(map(len, text.splitlines())) <= 124  # of the source, indented
    assert [name for name in WAYS_IN if f"``{name}" not in text] == []
    for name in re.findall(r"``(\w+)", txredis_fast.__doc__ or ""):
        assert name in {
            "redis",
            "rediss",
            "unix",
            "lazy",
            "reactor",
            "startConnecting",
            "rc",
            "help",
            "dir",
            "python",
        } or (hasattr(txredis_fast, name)), name


def test_import_star_takes_what_is_declared_and_no_builtin():
    code = "import json; from txredis_fast import *; print(json.dumps(sorted(n for n in vars() if n != 'json')))"
    names = {name for name in in_new_interpreter(code) if not name.startswith("__")}
    assert names == set(declared_names())
    assert not {"ConnectionError", "TimeoutError", "reactor", "options", "exceptions"} & names


def test_dir_has_every_public_name_for_completion():
    code = "import json, txredis_fast; print(json.dumps(dir(txredis_fast)))"
    names = {name for name in in_new_interpreter(code) if not name.startswith("_")}
    assert names == {*declared_names(), "ConnectionError", "TimeoutError"}


def test_rooms_are_found_in_every_way_of_importing_them():
    code = """
import json
import txredis_fast
import txredis_fast.pool
import txredis_fast.options as by_name
from txredis_fast import options
assert txredis_fast.options is options is by_name
assert txredis_fast.pool.__name__ == "txredis_fast.pool"
assert txredis_fast.exceptions.ConnectionError is txredis_fast.ConnectionError is not ConnectionError
try:
    txredis_fast.no_such_name
except AttributeError as error:
    print(json.dumps(str(error)))
"""
    assert in_new_interpreter(code) == "module 'txredis_fast' has no attribute 'no_such_name'"


PROGRAM = """\
import txredis_fast
from txredis_fast import *

reveal_type(Stats())
reveal_type(RetryPolicy)
reveal_type(txredis_fast.ConnectionError("x"))
reveal_type(ConnectionError("x"))
reveal_type(txredis_fast.exceptions.RedisError("x"))
options
"""


@pytest.mark.self_check
@pytest.mark.typing
def test_type_checkers_see_the_names_that_import_star_takes(mypy):
    said = [line.partition(": ")[2] for line in mypy(PROGRAM).splitlines()[:-1]]
    assert [line.partition('"')[2].rstrip('"') for line in said[:5]] == [
        "txredis_fast.telemetry.stats.Stats",
        said[1].partition('"')[2].rstrip('"'),
        "txredis_fast.exceptions.ConnectionError",
        "ConnectionError",  # the builtin
        "txredis_fast.exceptions.RedisError",
    ]
    assert "def (*, attempts: int" in said[1]
    assert said[5:] == ['error: Name "options" is not defined  [name-defined]']


@pytest.mark.parametrize("options", [ConnectionOptions, RetryPolicy])
def test_help_tells_the_type_default_and_meaning_of_every_option(options):
    text = " ".join(help_on(options).replace(" | ", " ").split())
    fields = dataclasses.fields(options)
    assert len(fields) > 5
    for field in fields:
        told = re.search(rf":param {field.name}: (.+?) Default: (.+?)\. :type {field.name}: ([^:]+)", text)
        assert told, field.name
        meaning, default, kind = told.groups()
        assert len(meaning) > 15
        if field.default is not dataclasses.MISSING and field.name != "maxQueuedBytes":
            assert default == f"``{field.default!r}``"
        assert not re.search(r"Credential|PEM|PoolTimeout|WhenFull|ConvertNumbers|UnclaimedReply", kind), kind
        if "Timeout" in field.name or "Interval" in field.name or "delay" in field.name:
            assert "econds" in meaning, field.name


def test_aliases_of_types_are_spelled_out():
    lines = (ConnectionOptions.__doc__ or "").splitlines()
    for line in (
        ":type poolTimeout: float | 'default' | None",
        ":type whenFull: 'wait' | 'fail'",
        ":type convertNumbers: bool | 'exact'",
        ":type tls_ca: str | bytes | PathLike | None",
        ":type password: str | bytes | int | function | None",
        ":type onUnclaimedReply: function | None",
        ":type limits: Mapping[str, int]",
        ":type hooks: Sequence[CommandHook]",
    ):
        assert line in lines


def test_help_tells_what_every_number_of_stats_counts():
    text = help_on(Stats)
    for field in dataclasses.fields(Stats):
        if field.name != "cache":  # which is no number
            assert re.search(rf":ivar {field.name}: (total|present): .{{15}}", text), field.name
    of_cache = help_on(CacheStats)
    for field in dataclasses.fields(CacheStats):
        assert re.search(rf":ivar {field.name}: (total|present): .{{15}}", of_cache), field.name
    assert "Every number is an int, and 0 by default" in text
