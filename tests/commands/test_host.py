"""What commands ask of their host, and what they do without."""

from __future__ import annotations

import pytest

from txredis_fast.commands import CommandHost, Commands, blocking, errors_to_deferred
from txredis_fast.commands._parts import may_block

from .host import Host, result_of


class CountingFactory:
    """A factory that counts how often it was told to stop."""

    stopped = 0

    def stopTrying(self):
        self.stopped += 1


@pytest.mark.parametrize("command", ["quit", "shutdown"])
def test_quit_and_shutdown_end_reconnecting(host, command):
    host.factory = CountingFactory()
    getattr(host, command)()
    assert host.factory.stopped == 1


@pytest.mark.parametrize("factory", [None, object()])
@pytest.mark.parametrize("command", ["quit", "shutdown"])
def test_quit_and_shutdown_need_no_reconnecting_factory(host, command, factory):
    host.factory = factory
    getattr(host, command)()
    assert host.take_sent() != b""


def test_a_command_made_of_another_one_goes_through_its_override(resp):
    class Doubling(Host):
        def incr(self, key, amount=1):
            return super().incr(key, 2 * amount)

    host = Doubling(resp)
    host.incrby("k", 5)
    assert b"$2\r\n10\r\n" in host.take_sent()


def test_a_host_must_say_how_it_sends():
    with pytest.raises(NotImplementedError):
        CommandHost().execute_command("PING")


def test_commands_hold_no_state():
    assert not hasattr(Commands(), "__dict__")


def test_what_a_guarded_method_raises_is_what_its_deferred_fails_with():
    error = LookupError("no such thing")

    @errors_to_deferred
    def method(self):
        raise error

    assert result_of(method(CommandHost())) is error


@pytest.mark.parametrize("signal", [KeyboardInterrupt, SystemExit])
def test_a_guarded_method_can_be_interrupted(signal):
    @errors_to_deferred
    def method(self):
        raise signal

    with pytest.raises(signal):
        method(None)


def test_a_blocking_method_is_marked():
    @blocking
    def method(self):
        """Wait."""

    assert method._blocking is True


@pytest.mark.parametrize(
    ("args", "kwargs", "blocks"),
    [
        (({"s": 0},), {}, False),
        (({"s": 0}, 5), {}, False),
        (({"s": 0}, None, 0), {}, True),
        (({"s": 0}, None, None), {}, False),
        (({"s": 0},), {"block": 0}, True),
        (({"s": 0},), {"block": None}, False),
        ((), {"streams": {"s": 0}, "block": 100}, True),
    ],
)
def test_a_command_that_blocks_with_an_argument_blocks_with_that_argument_only(args, kwargs, blocks):
    assert may_block(Commands.xread, args, kwargs) == blocks


def test_other_commands_always_block_or_never():
    assert may_block(Commands.blpop, ("k",), {})
    assert not may_block(Commands.lpop, ("k",), {"block": 5})
