"""The write cork: its table, and what becomes of commands in each of its states."""

from __future__ import annotations

import pytest
from testbed.support import Pool, connected
from testbed.wire import command

from txredis_fast._tunables import BURST_MIN_REQUESTS as BURST
from txredis_fast.connection.cork import TRANSITIONS, CorkEvent, CorkState

pytestmark = pytest.mark.usefixtures("both", "clock")

GET = command("GET", "k")


def state_of(protocol):
    return protocol.link.writing.state


def test_every_state_is_reached_and_every_state_leads_back_to_through():
    reached, grown = set(), {CorkState.THROUGH}
    while grown:
        reached |= grown
        grown = {after for (before, _), after in TRANSITIONS.items() if before in reached} - reached
    assert reached == set(CorkState)
    assert {event for _, event in TRANSITIONS} == set(CorkEvent)
    for state in set(CorkState) - {CorkState.THROUGH}:
        assert CorkState.THROUGH in {after for (before, _), after in TRANSITIONS.items() if before is state}


def test_a_command_outside_of_delivery_is_written_at_once():
    protocol, transport = connected()
    protocol.get("k")
    assert state_of(protocol) is CorkState.THROUGH and transport.take() == GET


def test_a_block_is_written_in_one_piece_at_its_end():
    protocol, transport = connected()
    with protocol.corked():
        protocol.get("k")
        assert state_of(protocol) is CorkState.CORKED and not transport.value()
        with protocol.corked():
            protocol.get("k")
        assert not transport.value()
    assert state_of(protocol) is CorkState.THROUGH and transport.take() == GET * 2


def test_what_callbacks_send_is_written_when_all_replies_are_delivered():
    protocol, transport = connected()
    written = []
    for _ in range(2):
        protocol.get("k").addCallback(
            lambda _: (protocol.get("k"), written.append((state_of(protocol), transport.value())))
        )
    transport.take()
    protocol.dataReceived(b"$1\r\n1\r\n" * 2)
    assert written == [(CorkState.CORKED, b"")] * 2
    assert state_of(protocol) is CorkState.THROUGH and transport.take() == GET * 2


def test_a_pipeline_of_a_hundred_is_one_write(monkeypatch):
    pool = Pool()
    (transport,) = pool.transports
    writes = []
    write = transport.write
    monkeypatch.setattr(transport, "write", lambda data: (writes.append(data), write(data)))
    pipeline = pool.handler._make_pipeline()
    for _ in range(100):
        pipeline.get("k")
    pipeline.execute_pipeline()
    assert writes == [GET * 100]
    assert len(pool.factory.pool[0].link.requests.waiting) == 1, "it is one request, not slices of one"


class Slow:
    """A transport that asks for more when it is told to, as Twisted's do."""

    def __init__(self, transport):
        self._transport = transport
        self.producer = None

    def registerProducer(self, producer, streaming):
        self.producer = producer

    def unregisterProducer(self):
        self.producer = None

    def write(self, data):
        self._transport.write(data)
        if self.producer is not None:
            self.producer.pauseProducing()

    def __getattr__(self, name):
        return getattr(self._transport, name)


def test_more_than_one_writes_worth_is_drained_and_later_commands_wait_behind_it():
    protocol, transport = connected()
    protocol.transport = slow = Slow(transport)
    value = "v" * 40_000
    with protocol.corked():
        for _ in range(4):
            protocol.set("k", value)
    assert state_of(protocol) is CorkState.DRAINING
    protocol.get("k")
    assert GET not in transport.value()
    while slow.producer is not None:
        slow.producer.resumeProducing()
    assert state_of(protocol) is CorkState.THROUGH and protocol.link.requests.outgoing is None
    assert transport.take() == command("SET", "k", value) * 4 + GET


def test_a_transport_that_a_program_puts_in_place_is_written_to():
    protocol, transport = connected()
    other, other_transport = connected()
    protocol.transport = other_transport
    protocol.get("k")
    assert not transport.value() and other_transport.take() == GET
    assert protocol.transport is other_transport


def test_more_commands_than_a_burst_are_all_written_in_order():
    protocol, transport = connected()
    for number in range(2 * BURST):
        protocol.get(number)
    assert transport.take() == b"".join(command("GET", str(number)) for number in range(2 * BURST))
