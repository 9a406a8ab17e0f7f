"""Scripts go by their hash, and whole to a server that does not have them."""

from __future__ import annotations

import hashlib

import pytest
from testbed.wire import OK, array, bulk, error, integer
from twisted.internet.defer import CancelledError

from txredis_fast.commands.control import scripting
from txredis_fast.exceptions import NoScriptRunning, ResponseError, ScriptDoesNotExist

from .host import QueuingHost, result_of
from .table_scripting import SCRIPT, SHA1

NOSCRIPT = error("NOSCRIPT No matching script. Please use EVAL.")
BY_HASH = array("EVALSHA", SHA1, 1, "k", "a")
WHOLE = array("EVAL", SCRIPT, 1, "k", "a")


@pytest.fixture
def remembering(host):
    """A host that remembers scripts, as a connection does."""
    host.script_hashes = set()
    return host


def test_a_script_that_the_server_lacks_is_sent_whole(host):
    deferred = host.eval(SCRIPT, ["k"], ["a"])
    assert host.take_sent() == BY_HASH
    host.answer(NOSCRIPT)
    assert host.take_sent() == WHOLE
    host.answer(bulk("5"))
    assert result_of(deferred) == 5


def test_iterators_of_keys_and_arguments_survive_the_second_try(host):
    host.eval(SCRIPT, iter(["k"]), iter(["a"]))
    assert host.take_sent() == BY_HASH
    host.answer(NOSCRIPT)
    assert host.take_sent() == WHOLE


def test_another_error_is_not_tried_again(host):
    deferred = host.eval(SCRIPT, ["k"], ["a"])
    host.take_sent()
    host.answer(error("ERR user_script:1: oops"))
    assert host.take_sent() == b""
    failure = result_of(deferred)
    assert type(failure) is ResponseError
    assert str(failure) == "ERR user_script:1: oops"


def test_a_script_that_still_does_not_exist_is_not_tried_for_ever(host):
    deferred = host.eval(SCRIPT, ["k"], ["a"])
    host.answer(NOSCRIPT)
    host.take_sent()
    host.answer(NOSCRIPT)
    assert host.take_sent() == b""
    assert type(result_of(deferred)) is ScriptDoesNotExist


def test_cancelling_the_first_try_sends_nothing_more(host):
    deferred = host.eval(SCRIPT)
    host.take_sent()
    deferred.cancel()
    assert type(result_of(deferred)) is CancelledError
    assert host.take_sent() == b""


def test_cancelling_the_second_try_cancels_its_command(host):
    cancelled = []
    execute_command = host.execute_command

    def execute_and_watch(*args, **options):
        deferred = execute_command(*args, **options)
        deferred.addErrback(lambda failure: (cancelled.append(failure.check(CancelledError)), failure)[1])
        return deferred

    deferred = host.eval(SCRIPT)
    host.execute_command = execute_and_watch
    host.answer(NOSCRIPT)
    deferred.cancel()
    assert type(result_of(deferred)) is CancelledError
    assert cancelled == [CancelledError]


def test_evalsha_of_a_missing_script_names_its_hash(host):
    for sha1 in SHA1, SHA1.encode():
        deferred = host.evalsha(sha1)
        host.answer(NOSCRIPT)
        failure = result_of(deferred)
        assert type(failure) is ScriptDoesNotExist
        assert str(failure) == f"No script matching hash: {SHA1} found"


def test_evalsha_passes_other_errors_on(host):
    deferred = host.evalsha(SHA1)
    host.answer(error("ERR oops"))
    assert type(result_of(deferred)) is ResponseError


def test_script_kill_without_a_script_says_so(host):
    deferred = host.script_kill()
    host.answer(error("NOTBUSY No scripts in execution right now."))
    failure = result_of(deferred)
    assert type(failure) is NoScriptRunning
    assert str(failure) == "No script running"


def test_script_kill_passes_other_errors_on(host):
    deferred = host.script_kill()
    host.answer(error("UNKILLABLE Sorry"))
    assert type(result_of(deferred)) is ResponseError


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda c: c.eval(SCRIPT), "NOSCRIPT whatever"),
        (lambda c: c.evalsha(SHA1), "NOSCRIPT whatever"),
        (lambda c: c.script_kill(), "NOTBUSY whatever"),
    ],
)
def test_a_host_that_queues_gets_its_deferred_back_as_it_is(resp, call, text):
    host = QueuingHost(resp)
    deferred = call(host)
    host.take_sent()
    host.answer(error(text))
    assert str(result_of(deferred)) == text
    assert host.take_sent() == b""


def test_a_connection_remembers_the_scripts_that_its_server_executed(remembering):
    remembering.eval(SCRIPT, ["k"], ["a"])
    assert remembering.take_sent() == WHOLE
    assert remembering.script_hashes == set()
    remembering.answer(integer(1))
    remembering.eval(SCRIPT, ["k"], ["a"])
    assert remembering.take_sent() == BY_HASH
    remembering.answer(integer(1))
    assert remembering.script_hashes == {SHA1}
    remembering.evalsha("f" * 40)
    remembering.answer(integer(1))
    assert remembering.script_hashes == {SHA1, "f" * 40}


def test_a_connection_forgets_scripts_that_its_server_lost(remembering):
    remembering.script_hashes = {SHA1, "f" * 40}
    remembering.eval(SCRIPT)
    remembering.answer(NOSCRIPT)
    assert remembering.script_hashes == {"f" * 40}
    remembering.answer(integer(1))
    missing = remembering.evalsha("f" * 40)
    remembering.answer(NOSCRIPT)
    assert type(result_of(missing)) is ScriptDoesNotExist
    assert remembering.script_hashes == {SHA1}


def test_script_flush_makes_a_connection_forget_all(remembering):
    remembering.script_hashes = {SHA1}
    remembering.script_flush()
    assert remembering.script_hashes == {SHA1}
    remembering.answer(OK)
    assert remembering.script_hashes == set()


def test_a_connection_remembers_a_bounded_number_of_scripts(remembering, monkeypatch):
    monkeypatch.setattr(scripting, "SCRIPT_HASHES_KEPT", 3)
    for number in range(10):
        for _ in range(2):
            remembering.eval(f"return {number}")
            remembering.answer(integer(1))
        assert hashlib.sha1(f"return {number}".encode()).hexdigest() in remembering.script_hashes
    assert len(remembering.script_hashes) == 3
