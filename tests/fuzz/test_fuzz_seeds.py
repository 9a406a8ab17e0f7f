"""What the fuzzers start from, and what they once found, gives the same answers in both implementations."""

from __future__ import annotations

import importlib
import os
import pkgutil
import random
from collections import deque
from types import ModuleType

import pytest
from fuzz import cases, dispatch, seeds

import txredis_fast
from txredis_fast.inflight import _pyrequest
from txredis_fast.resp import _pyresp

pytestmark = pytest.mark.promise(
    "The compiled parser and dispatcher withstand fuzzing under AddressSanitizer and "
    "UndefinedBehaviorSanitizer, and answer as the pure ones",
    "Ten million inputs each: ``TARGET=alone RUNS=10000000 tests/fuzz/run 9000``; ``TARGET=slots`` for "
    "the dispatcher, with cancelled slots. The tests run the inputs that were kept.",
    about="Replies and their callers",
)


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


@pytest.fixture
def told(monkeypatch):
    """Lets stories be told; what they replace is put back."""
    for name in ("protocol.Reader", "protocol.encode_command", "protocol.encode_commands", "link.RequestQueue"):
        place = f"txredis_fast.connection.{name}"
        monkeypatch.setattr(place, pkgutil.resolve_name(place))
    monkeypatch.setattr(txredis_fast, "reactor", None, raising=False)


def stories():
    """What the fuzzer found interesting, and some more."""
    chance = random.Random(5)
    return seeds.corpus("dispatch") + [chance.randbytes(chance.choice([10, 50, 300])) for _ in range(500)]


def test_no_story_shifts_a_reply_and_both_dispatchers_tell_it_alike(compiled, told):
    _crequest = importlib.import_module("txredis_fast.inflight._crequest")
    for story in stories():
        dispatch.check((compiled, _crequest), (_pyresp, _pyrequest), story)


def test_a_cancelled_slot_that_is_given_up_would_be_noticed(told):
    """The story's check can fail: a queue that forgets cancelled requests shifts replies."""

    class Forgets(_pyrequest.RequestQueue):
        def answer(self, reply):
            self.waiting = deque(
                request for request in self.waiting if not (request.deferred.called and hasattr(request, "answer"))
            )
            if self.waiting:
                super().answer(reply)

    wrong = ModuleType("wrong")
    wrong.RequestQueue = Forgets
    noticed = 0
    for story in stories():
        try:
            dispatch.trace(_pyresp, wrong, story)
        except (AssertionError, IndexError):
            noticed += 1
    assert noticed


def test_the_corpus_of_the_parser(compiled):
    for data in seeds.corpus("resp"):
        cases.check(compiled, _pyresp, data)


@pytest.mark.parametrize("target", ["resp", "dispatch", "slots"])
def test_the_corpora_are_there_and_small(target):
    kept = seeds.corpus(target)
    assert len(kept) > 100
    assert sum(map(len, kept)) < 150_000
