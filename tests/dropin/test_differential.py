"""Whatever a program does with txredisapi 1.6.0 comes to the same with this package, but for the listed differences.

The same calls are made by txredisapi, with hiredis and without, and by both implementations of this package, against
the same server filled in the same way. Ours has to give what one of its parsers gives, in values, in their types to any
depth, in exceptions, in deprecation warnings, and in what is stored afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import pytest_twisted
from testbed.servers import Server, request

from .calls import CALLS, NUMBERS, OPTIONS, WORLD, make
from .clients import Client, Session, our_clients, their_clients
from .differences import DIFFERENCES, NOT_WITH_EVERY_TWISTED
from .outcomes import Failed, Fired, Outcome, Warned, outcome_of, same
from .sessions import SESSIONS

INF, NAN = float("inf"), float("nan")

#: Seconds that a program may take.
SESSION_LIMIT = 20.0

DIFFERENT_CALLS = {call: value for row in DIFFERENCES for call, value in row.calls.items()}
DIFFERENT_WITH_OPTIONS = {call for row in DIFFERENCES for call in row.with_options}
DIFFERENT_SESSIONS = {name: value for row in DIFFERENCES for name, value in row.sessions.items()}
DIFFERENT_TEXTS = {text: value for row in DIFFERENCES for text, value in row.texts.items()}
DIFFERENTLY_SENT = [pair for row in DIFFERENCES for pair in row.sent]
DIFFERENTLY_QUEUED = {name for row in DIFFERENCES for name in row.queued}

#: Commands whose value is another one each time: of these the types are compared.
FLEETING = ("time", "info", "lastsave", "randomkey")

#: What every key holds.
EVERYTHING = """
local all, keys = {}, redis.call('KEYS', '*')
table.sort(keys)
for place, key in ipairs(keys) do all[place] = {key, redis.call('DUMP', key)} end
return all
"""


def name_of_command(call: str) -> str:
    found = re.match(r"c\.(\w+)", call)
    assert found is not None
    return found[1]


def shape(value: Any) -> Any:
    """What a value that changes has in common with itself."""
    if isinstance(value, Fired):
        return Fired(shape(value.value))
    if isinstance(value, list | tuple):
        return [shape(element) for element in value]
    if isinstance(value, dict):
        return {key: shape(element) for key, element in value.items()}
    return type(value).__name__


def without_warning(outcome: Any) -> Any:
    return outcome.outcome if isinstance(outcome, Warned) else outcome


async def seen_by(client: Client, server: Server, program: Callable[[Session], Any]) -> Outcome:
    """Run a program of one client."""
    with client.used() as redis:
        session = Session(redis, *server.address)
        outcome = await outcome_of(lambda: program(session), SESSION_LIMIT)
        await session.close()
    return outcome


async def compare(
    server: Server, prepare: Callable[[], Any], program: Callable[[Session], Any]
) -> tuple[Outcome, bool]:
    """Run a program of all clients, each on a server prepared anew.

    :returns: what ours came to, and whether theirs came to the same. Fails the test if our implementations differ.
    """
    outcomes = []
    for client in (*our_clients(), *their_clients()):
        prepare()
        outcomes.append(await seen_by(client, server, program))
    ours, *theirs = outcomes
    assert same(ours, theirs.pop(0)), "the implementations of this package differ"
    print(ours, *theirs, sep="\n")  # shown when the test fails
    return ours, any(same(ours, their) for their in theirs)


def fill(server: Server) -> None:
    request(server.path, ("FLUSHALL",), ("SCRIPT", "FLUSH"), *WORLD)


@pytest.mark.parametrize("call", CALLS)
@pytest_twisted.ensureDeferred
async def test_a_call_comes_to_the_same(server, call):
    differs = False
    for options in OPTIONS:

        async def program(session, options=options):
            handler = await session.connect(**options)
            outcome = await outcome_of(lambda: make(call, handler))
            if name_of_command(call) in FLEETING:
                return shape(outcome)
            return outcome, server.command("EVAL", EVERYTHING, 0)

        ours, is_same = await compare(server, lambda: fill(server), program)
        assert is_same or call in DIFFERENT_CALLS or (options and call in DIFFERENT_WITH_OPTIONS), options
        differs = differs or not is_same
        if call in DIFFERENT_CALLS and not options:
            assert same(without_warning(ours.value[0]), Fired(DIFFERENT_CALLS[call]))
    assert differs == (call in DIFFERENT_CALLS or call in DIFFERENT_WITH_OPTIONS), "listed as different, and is not"


#: Calls that can be made again and compared; after quit() there is nothing to make them on.
STEADY_CALLS = [call for call in CALLS if name_of_command(call) not in (*FLEETING, "quit")]


@pytest.mark.parametrize("call", STEADY_CALLS)
@pytest_twisted.ensureDeferred
async def test_a_call_in_a_transaction_comes_to_the_same_and_to_what_it_comes_to_alone(server, call):
    async def program(session):
        handler = await session.connect()
        alone = await outcome_of(lambda: make(call, handler))
        fill(server)
        transaction = await (await session.connect()).multi()
        queued = await outcome_of(lambda: make(call, transaction))
        return alone, queued, await outcome_of(transaction.commit), server.command("EVAL", EVERYTHING, 0)

    ours, is_same = await compare(server, lambda: fill(server), program)
    alone, queued, committed, _ = ours.value
    alone, queued = without_warning(alone), without_warning(queued)
    # What cannot be sent is a difference of its own, among the sessions.
    refused = isinstance(queued, Failed) and isinstance(committed, Failed)
    assert is_same or refused or call in DIFFERENT_CALLS or name_of_command(call) in DIFFERENTLY_QUEUED
    if isinstance(alone, Fired):
        assert same(queued, Fired("QUEUED"))
        assert same(committed, Fired([alone.value]))


@pytest.mark.parametrize("call", STEADY_CALLS)
@pytest_twisted.ensureDeferred
async def test_a_call_in_a_pipeline_comes_to_the_same_and_to_what_it_comes_to_alone(server, call):
    async def program(session):
        handler = await session.connect()
        alone = await outcome_of(lambda: make(call, handler))
        fill(server)
        pipeline = await (await session.connect()).pipeline()

        def give_and_execute():
            deferred = make(call, pipeline)
            # What cannot be sent fails at once.
            return deferred if deferred.called else pipeline.execute_pipeline()

        executed = await outcome_of(give_and_execute)
        return alone, executed, server.command("EVAL", EVERYTHING, 0)

    ours, is_same = await compare(server, lambda: fill(server), program)
    assert is_same or call in DIFFERENT_CALLS
    alone, executed, _ = map(without_warning, ours.value)
    if isinstance(alone, Fired):
        assert same(executed, Fired([alone.value]))


@pytest.mark.parametrize("text", [*NUMBERS, *DIFFERENT_TEXTS], ids=lambda text: repr(text[:30]))
@pytest_twisted.ensureDeferred
async def test_a_stored_text_is_read_as_the_same(server, text):
    async def program(session):
        return [await (await session.connect(**options)).get("k") for options in OPTIONS]

    def prepare():
        server.command("SET", "k", text)

    ours, is_same = await compare(server, prepare, program)
    assert is_same == (text not in DIFFERENT_TEXTS)
    if text in DIFFERENT_TEXTS:
        assert same(ours.value[0], DIFFERENT_TEXTS[text])


@pytest.mark.parametrize("number", [0, -7, 10**30, True, 123456.123456, INF, -INF, NAN], ids=repr)
@pytest_twisted.ensureDeferred
async def test_a_number_is_sent_as_the_same(server, number):
    async def program(session):
        await (await session.connect()).set("k", number)
        return server.command("GET", "k")

    _, is_same = await compare(server, lambda: fill(server), program)
    assert is_same


@pytest.mark.parametrize(("value", "sent"), DIFFERENTLY_SENT, ids=repr)
@pytest_twisted.ensureDeferred
async def test_a_value_that_txredisapi_garbles_is_sent_whole(server, value, sent):
    async def program(session):
        await (await session.connect()).set("k", value)
        return server.command("GET", "k")

    ours, is_same = await compare(server, lambda: fill(server), program)
    assert ours == Fired(sent)
    assert not is_same, "listed as different, and is not"


@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: session.__name__)
@pytest_twisted.ensureDeferred
async def test_a_session_comes_to_the_same(server, session):
    ours, is_same = await compare(server, server.reset, session)
    if session.__name__ not in NOT_WITH_EVERY_TWISTED:
        assert is_same == (session.__name__ not in DIFFERENT_SESSIONS)
    if not is_same:
        assert same(ours, Fired(DIFFERENT_SESSIONS[session.__name__]))


def test_what_is_listed_as_different_is_compared():
    assert DIFFERENT_CALLS.keys() | DIFFERENT_WITH_OPTIONS <= set(CALLS)
    assert DIFFERENTLY_QUEUED.issubset(name_of_command(call) for call in CALLS)
    assert DIFFERENT_SESSIONS.keys() <= {session.__name__ for session in SESSIONS}
