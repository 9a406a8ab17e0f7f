"""What the fuzzer starts from, and what it once found, gives the same answers in both implementations."""

from __future__ import annotations

import importlib
import os
from types import ModuleType

import pytest
from fuzz import cases, seeds

from txredis_fast.resp import _pyresp


@pytest.fixture(scope="module")
def compiled() -> ModuleType:
    try:
        return importlib.import_module("txredis_fast.resp._cresp")
    except ImportError:
        if os.environ.get("TXREDIS_FAST_REQUIRE_EXTENSION", "") not in ("", "0"):
            raise
        pytest.skip("the extension is not built")


@pytest.mark.parametrize("data", seeds.seeds())
def test_both_implementations_answer_alike(compiled, data):
    cases.check(compiled, _pyresp, data)


def test_a_difference_is_noticed(monkeypatch):
    """The check itself can fail."""
    other = ModuleType("other")
    other.Reader = lambda charset, numbers: _pyresp.Reader(charset, not numbers)
    with pytest.raises(AssertionError, match="pure Python"):
        cases.check(other, _pyresp, b"\x01\x00\x00\x00$1\r\n1\r\n")


def test_seeds_reach_every_type_byte():
    assert {stream[:1] for stream in seeds.STREAMS} >= {bytes([kind]) for kind in b"+-:$*_,(!=%~|>"}
