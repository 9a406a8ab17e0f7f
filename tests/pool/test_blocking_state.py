"""The state machine of a blocking command: its table, and the states that a command goes through."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

import txredis_fast as redis
from txredis_fast.pool.blocking_command import BlockingCommand
from txredis_fast.pool.blocking_state import TRANSITIONS, BlockingEvent, BlockingState

S = BlockingState


def test_every_state_is_reached_and_nothing_leads_out_of_the_last():
    reached, grown = set(), {S.WAITING}
    while grown:
        reached |= grown
        grown = {after for (before, _), after in TRANSITIONS.items() if before in reached} - reached
    assert reached == set(S)
    assert not [event for (before, event) in TRANSITIONS if before in (S.DONE, S.TAINTED)]


def test_no_connection_is_used_again_before_the_outcome_of_each_unblock_is_known():
    assert TRANSITIONS[S.UNBLOCKING, BlockingEvent.REPLY] is S.ANSWERED
    into_done = {before for (before, _), after in TRANSITIONS.items() if after is S.DONE}
    assert not into_done & {S.UNBLOCKING, S.UNBLOCK_UNKNOWN}


class Link:
    def __init__(self):
        self.aborted = False
        self.blocking_command = ("BLPOP", "q", 5)

    def abort(self, reason):
        self.aborted = True

    tear = abort


class Connection:
    def __init__(self):
        self.link = Link()


class Lane:
    """A lane whose Deferreds the test fires."""

    def __init__(self):
        self.connection = Deferred()
        self.messengers = []
        self.outcomes = []
        self.given_back = []
        self.taken = []

    def get(self):
        return self.connection

    def put(self, connection):
        self.given_back.append(connection)

    def unclaimed(self, command, reply):
        self.taken.append(reply)

    def messenger_for(self, connection):
        self.messengers.append(Deferred())
        return self.messengers[-1]

    def unblock(self, messenger, connection):
        self.outcomes.append(Deferred())
        return self.outcomes[-1]

    def why_not_connected(self):
        return "Not connected"


@pytest.fixture
def lane():
    return Lane()


@pytest.fixture
def reply():
    return Deferred()


@pytest.fixture
def sent(clock, lane, reply):
    """A command that the server holds."""
    command = BlockingCommand(lane, lambda connection: reply, None, None)
    assert command.state is S.WAITING
    lane.connection.callback(Connection())
    assert command.state is S.SENT
    return command


def given_up(command):
    outcome = []
    command.deferred.addBoth(outcome.append)
    command.deferred.cancel()
    assert isinstance(outcome[0], Failure)
    assert command.state is S.GIVEN_UP


def test_a_reply_ends_it(sent, lane, reply):
    got = []
    sent.deferred.addCallback(got.append)
    reply.callback(["q", "x"])
    assert sent.state is S.DONE and got == [["q", "x"]] and len(lane.given_back) == 1 and not lane.taken


def test_one_that_finds_no_connection_fails(clock, lane):
    command = BlockingCommand(lane, lambda connection: None, None, None)
    lane.connection.errback(redis.NotSentError("Not connected"))
    command.deferred.addErrback(lambda failure: failure.trap(redis.NotSentError))
    assert command.state is S.DONE and not lane.given_back


def test_one_that_is_cancelled_while_it_waits_is_over(clock, lane):
    command = BlockingCommand(lane, lambda connection: None, None, None)
    command.deferred.addErrback(lambda _: None)
    command.deferred.cancel()
    assert command.state is S.DONE and not lane.messengers


def test_a_reply_before_that_of_the_unblock_gives_the_connection_back_after_it(sent, lane, reply):
    given_up(sent)
    lane.messengers[0].callback("messenger")
    assert sent.state is S.UNBLOCKING
    reply.callback(["q", "x"])
    assert sent.state is S.ANSWERED and lane.taken == [["q", "x"]] and not lane.given_back
    lane.outcomes[0].callback(True)
    assert sent.state is S.DONE and len(lane.given_back) == 1


def test_an_unblock_that_comes_before_the_command_is_sent_again(sent, lane, reply, clock):
    given_up(sent)
    lane.messengers[0].callback("messenger")
    lane.outcomes[0].callback(False)
    assert sent.state is S.GIVEN_UP
    clock.advance(1)
    lane.messengers[1].callback("messenger")
    lane.outcomes[1].callback(True)
    reply.callback(None)
    assert sent.state is S.DONE and len(lane.given_back) == 1
    assert not clock.getDelayedCalls()


@pytest.mark.parametrize("answered_first", [False, True])
def test_an_unblock_of_unknown_outcome_ends_the_connection_after_the_reply(sent, lane, reply, answered_first):
    given_up(sent)
    lane.messengers[0].callback("messenger")
    if answered_first:
        reply.callback(["q", "x"])
    lane.outcomes[0].callback(None)
    if not answered_first:
        assert sent.state is S.UNBLOCK_UNKNOWN
        reply.callback(["q", "x"])
    assert sent.state is S.TAINTED and lane.taken == [["q", "x"]] and not lane.given_back


def test_where_the_server_cannot_be_told_the_connection_ends(sent, lane):
    connection = sent._connection
    given_up(sent)
    lane.messengers[0].errback(redis.ConnectionError("none"))
    assert connection.link.aborted


@pytest.mark.parametrize("outcome", [succeed("x"), fail(redis.ConnectionError("lost"))])
def test_a_messenger_that_comes_too_late_tells_nothing(sent, lane, reply, outcome):
    given_up(sent)
    reply.callback(None)
    assert sent.state is S.DONE and len(lane.given_back) == 1
    outcome.chainDeferred(lane.messengers[0])
    assert not lane.outcomes and not lane.given_back[0].link.aborted
