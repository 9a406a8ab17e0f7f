"""The state machine of a connection: its table, and what follows from each state."""

from __future__ import annotations

import pytest
from testbed.support import Pool, Transport, connect, failed, fired
from testbed.wire import command
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

import txredis_fast as redis
from txredis_fast.connection.state import ACCEPTING, DELIVERING, TRANSITIONS, ConnectionState

OK = b"+OK\r\n"

pytestmark = pytest.mark.usefixtures("both", "clock", "logged_errors")


def state_of(protocol):
    return protocol.link.state


def test_every_state_is_reached_and_nothing_leads_out_of_the_last():
    reached, grown = set(), {ConnectionState.NEW}
    while grown:
        reached |= grown
        grown = {after for (before, _), after in TRANSITIONS.items() if before in reached} - reached
    assert reached == set(ConnectionState)
    assert not [event for (before, event) in TRANSITIONS if before is ConnectionState.LOST]
    ended = {ConnectionState.DRAINING, ConnectionState.ABORTING}
    assert not {after for (before, _), after in TRANSITIONS.items() if before in ended} & set(ACCEPTING)
    assert set(ACCEPTING) < set(DELIVERING)


def test_a_connection_goes_through_its_states():
    protocol = redis.RedisProtocol(password="p")
    assert state_of(protocol) is ConnectionState.NEW and not protocol.connected
    transport = connect(protocol)
    assert state_of(protocol) is ConnectionState.HANDSHAKE and protocol.connected == 1
    protocol.dataReceived(OK)
    assert state_of(protocol) is ConnectionState.READY
    answered = protocol.get("k")
    protocol.link.drain(5)
    assert state_of(protocol) is ConnectionState.DRAINING and not protocol.connected
    protocol.dataReceived(b"$1\r\nv\r\n")
    assert fired(answered) == "v" and transport.disconnecting
    protocol.connectionLost(Failure(ConnectionDone()))
    assert state_of(protocol) is ConnectionState.LOST
    connect(protocol)  # a protocol has one connection in its life: else its commands would wait for ever
    assert state_of(protocol) is ConnectionState.LOST
    failed(protocol.get("k"), redis.NotSentError)


def refuse_login(protocol):
    protocol.dataReceived(b"-WRONGPASS no\r\n")


ENDINGS = {
    "draining": lambda protocol: protocol.link.drain(5),
    "drained by a replica": lambda protocol: protocol.link.drain_when_delivered(5, redis.ConnectionError("replica")),
    "garbage": lambda protocol: protocol.dataReceived(b"garbage\r\n"),
    "torn": lambda protocol: protocol.link.tear(RuntimeError()),
    "refused": lambda protocol: protocol.dataReceived(b"-DENIED Redis is in protected mode\r\n"),
    "lost": lambda protocol: protocol.connectionLost(Failure(ConnectionDone())),
    "marked by a program": lambda protocol: setattr(protocol, "connected", 0),
}


class Silent(Transport):
    """Does not tell of the loss while it is closed, as a transport over TLS."""

    def abortConnection(self):
        self.aborted = True

    def loseConnection(self):
        self.disconnecting = True


@pytest.mark.parametrize("way", ["one", "with a converter", "with options", "batch", "transaction"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_one_that_is_being_ended_is_given_no_command(ending, way):
    protocol = redis.RedisProtocol()
    transport = Silent()
    transport.protocol = protocol
    protocol.makeConnection(transport)
    ENDINGS[ending](protocol)
    transport.clear()
    assert not protocol.connected
    given = {
        "one": lambda: protocol.execute_command("GET", "k"),
        "with a converter": lambda: protocol.hgetall("k"),
        "with options": lambda: protocol.execute_command("GET", "k", raw=True),
        "batch": lambda: protocol.execute_batch([(("GET", "k"), None, False)]),
        "transaction": protocol.multi,
    }[way]()
    failed(given, redis.NotSentError)
    assert transport.value() == b""


def test_a_program_that_marks_a_connection_up_again_is_heard():
    protocol = redis.RedisProtocol()
    transport = connect(protocol)
    protocol.connected = 0
    failed(protocol.get("k"), redis.NotSentError)
    protocol.connected = 1
    answered = protocol.get("k")
    assert transport.take() == command("GET", "k")
    protocol.dataReceived(b"$1\r\nv\r\n")
    assert fired(answered) == "v"


def test_a_refused_login_takes_no_command_although_the_connection_is_still_there():
    protocol = redis.RedisProtocol(password="p")
    transport = Silent()
    transport.protocol = protocol
    protocol.makeConnection(transport)
    refuse_login(protocol)
    assert state_of(protocol) is ConnectionState.ABORTING and transport.disconnecting
    failed(protocol.get("k"), redis.NotSentError)


def test_one_that_the_pool_has_given_up_is_given_no_command():
    pool = Pool()
    connection = pool.factory.pool[0]
    connection.transport.loseConnection = lambda: None  # which takes its time
    connection.link.login = -1  # somebody had it alone, and has logged in as another user
    pool.factory.reset_connection(connection)
    failed(connection.get("k"), redis.NotSentError)
    assert state_of(connection) is ConnectionState.DRAINING


def test_a_handshake_that_ends_while_the_connection_drains_does_not_open_it_again():
    protocol = redis.RedisProtocol(password="p")
    ready = []
    protocol.whenConnected().addCallback(ready.append)
    transport = connect(protocol)
    protocol.link.drain(5)
    protocol.dataReceived(OK)
    assert not ready and not protocol.connected
    assert transport.disconnecting
