"""Types of values and replies as type checkers see them: ``tests/typed``; and the same classes at run time.

The linters run mypy and pyright over that folder, too. A misspelt command stands there with a comment that ignores the
error, and an ignored error that is none is an error of both.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import txredis_fast as redis
from txredis_fast.commands import Commands, PendingEntry

ROOT = Path(__file__).parents[1]
TYPED = ROOT / "tests" / "typed"


@pytest.mark.self_check
def test_mypy_sees_these_types(tmp_path):
    api = pytest.importorskip("mypy.api", reason="mypy is for the linters")
    arguments = ["--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(tmp_path), "--follow-imports=silent"]
    files = sorted(map(str, TYPED.glob("*.py")))
    out, problems, _ = api.run([*arguments, *files])
    assert (problems, out) == ("", f"Success: no issues found in {len(files)} source files\n")


def test_classes_take_a_type_of_values_and_do_without():
    class Handler(redis.ConnectionHandler):
        pass

    class Binary(redis.ConnectionHandler[bytes]):
        pass

    class Protocol(redis.RedisProtocol):
        pass

    assert issubclass(Handler, Commands)
    assert issubclass(Binary, redis.ConnectionHandler)
    assert Binary.get is redis.ConnectionHandler.get
    assert issubclass(Protocol, Commands)
    assert redis.Transaction[str].__origin__ is redis.Transaction
    assert PendingEntry[bytes].__origin__ is PendingEntry
    assert PendingEntry("1-0", b"c", 2, 3) == ("1-0", b"c", 2, 3)
    assert PendingEntry[bytes]("1-0", b"c", 2, 3).consumer == b"c"


def test_overloads_of_flags_are_no_methods():
    """A command's function is that of its group, with its documentation; overloads exist for type checkers only."""
    for name in ("set", "zrange", "lpop"):
        assert getattr(Commands, name).__doc__
        assert getattr(Commands, name).__module__ != "txredis_fast.commands.flagged"
