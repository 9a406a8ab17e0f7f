"""Connections without a network or a reactor: bytes in, bytes out, and a clock that the test turns."""

from __future__ import annotations

import functools
import importlib
import inspect
import os
from importlib.util import find_spec
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHostnameResolver, IReactorPluggableNameResolver
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from txredis_fast.batching.batch import Batch
from txredis_fast.batching.pipeline import Pipeline
from txredis_fast.client.factory import RedisFactory
from txredis_fast.connection.protocol import RedisProtocol

#: The implementations of RESP that can be tested here: the compiled one where it was built, or should have been.
IMPLEMENTATIONS = ("_pyresp", "_cresp")
if os.environ.get("TXREDIS_FAST_REQUIRE_EXTENSION", "") in ("", "0") and not find_spec("txredis_fast.resp._cresp"):
    IMPLEMENTATIONS = IMPLEMENTATIONS[:1]


@functools.cache
def _parts(name: str) -> list[tuple[Any, str, Any]]:
    """What makes an implementation: an object, its attribute, and the value. Found once, because most tests need it."""
    resp = importlib.import_module(f"txredis_fast.resp.{name}")
    requests = importlib.import_module(f"txredis_fast.inflight.{name.replace('resp', 'request')}")
    places = [
        ("connection.protocol", resp, ("Reader", "encode_command", "encode_commands")),
        ("commands._parts.replies", resp, ("dict_of", "may_collide")),
        ("connection.link", requests, ("RequestQueue",)),
        ("batching.pipeline", requests, ("add_command", "answer_each", "first_error")),
        ("batching.batch", requests, ("plain_commands",)),
    ]
    found: list[tuple[Any, str, Any]] = []
    for place, source, attributes in places:
        module = importlib.import_module(f"txredis_fast.{place}")
        found += [(module, attribute, getattr(source, attribute)) for attribute in attributes]
    for cls, fast_path in ((Pipeline, requests.fast_path_of_pipeline), (Batch, requests.fast_path_of_batch)):
        found.append((cls, "execute_command", fast_path(inspect.unwrap(cls.execute_command))))
    return found


def use_implementation(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let connections parse and serialize with one implementation; skips the test where it was not built."""
    if name not in IMPLEMENTATIONS:
        pytest.skip(f"{name} is not built")
    for place, attribute, value in _parts(name):
        monkeypatch.setattr(place, attribute, value)


class Transport(StringTransport):
    """A transport that keeps what is written, and that loses the connection when asked to."""

    def __init__(self) -> None:
        super().__init__()
        self.protocol: Any = None
        self.aborted = False
        self.options: dict[str, bool] = {}

    def take(self) -> bytes:
        """Return and forget what was written."""
        data = self.value()
        self.clear()
        return data

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.options["nodelay"] = enabled

    def setTcpKeepAlive(self, enabled: bool) -> None:
        self.options["keepalive"] = enabled

    def loseConnection(self) -> None:
        if not self.disconnecting:
            self.disconnecting = True
            self.protocol.connectionLost(Failure(ConnectionDone()))

    def abortConnection(self) -> None:
        self.aborted = True
        self.loseConnection()


def connect(protocol: Any, transport: Any = None) -> Transport:
    """Make the connection of a protocol over a fake transport."""
    transport = Transport() if transport is None else transport
    transport.protocol = protocol
    protocol.makeConnection(transport)
    return transport


def connected(cls: Any = RedisProtocol, **options: Any) -> tuple[Any, Transport]:
    """A protocol that no factory made, with its transport."""
    protocol = cls(**options)
    return protocol, connect(protocol)


class Pool:
    """A factory with connections over fake transports.

    :ivar transports: of each connection made so far.
    """

    def __init__(self, size: int = 1, protocol: Any = None, connect: bool = True, **options: Any) -> None:
        self.factory = RedisFactory("fake:6379", options.pop("dbid", None), size, **options)
        if protocol is not None:
            self.factory.protocol = protocol
        self.handler = self.factory.handler
        self.transports: list[Transport] = []
        if connect:
            for _ in range(size):
                self.connect()

    def connect(self) -> Transport:
        """Make one more connection."""
        transport = connect(self.factory.buildProtocol(None))
        self.transports.append(transport)
        return transport

    def written(self) -> bytes:
        """What was written on all connections, which is then forgotten."""
        return b"".join(transport.take() for transport in self.transports)

    def busy(self) -> Transport:
        """The one transport that something was written on."""
        (transport,) = [transport for transport in self.transports if transport.value()]
        return transport

    def answer(self, data: bytes) -> bytes:
        """Answer on the one connection that something was written on; returns what that was."""
        transport = self.busy()
        written = transport.take()
        transport.protocol.dataReceived(data)
        return written


def fired(deferred: Any) -> Any:
    """The value that a Deferred has fired with."""
    outcome = outcome_of(deferred)
    if isinstance(outcome, Failure):
        outcome.raiseException()
    return outcome


def failed(deferred: Any, *kinds: type[BaseException]) -> Any:
    """The exception that a Deferred has failed with, which must be of one of these classes."""
    outcome = outcome_of(deferred)
    assert isinstance(outcome, Failure), f"did not fail but fired with {outcome!r}"
    assert isinstance(outcome.value, kinds), f"failed with {outcome.value!r}"
    return outcome.value


def outcome_of(deferred: Any) -> Any:
    outcomes: list[Any] = []
    deferred.addBoth(outcomes.append)
    assert outcomes, "the Deferred has not fired"
    return outcomes[0]


def pending(deferred: Any) -> bool:
    """Whether a Deferred has not fired yet."""
    return not deferred.called


@implementer(IHostnameResolver)
class Resolver:
    """Finds that every name is an address on this host."""

    def resolveHostName(
        self,
        receiver: Any,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Any = None,
        transportSemantics: str = "TCP",
    ) -> Any:
        receiver.resolutionBegan(self)
        receiver.addressResolved(IPv4Address("TCP", "127.0.0.1", portNumber))
        receiver.resolutionComplete()
        return self


class Turns(Clock):
    """A clock that is asked from finalizers and threads, too, as a reactor is.

    :ivar asked: what to call in the next turn.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Any] = []

    def callFromThread(self, function: Any, *args: Any, **kwargs: Any) -> None:
        self.asked.append(lambda: function(*args, **kwargs))

    def advance(self, amount: float) -> None:
        self.runAsked()
        super().advance(amount)

    def runAsked(self) -> None:
        """Call what finalizers and threads have asked for."""
        asked, self.asked = self.asked, []
        for function in asked:
            function()


# The reactor for tests of older Twisteds does not resolve names.
@implementer(IReactorPluggableNameResolver)
class MemoryReactor(MemoryReactorClock):
    """A reactor without a network, on which names are found."""

    def __init__(self) -> None:
        super().__init__()
        self.nameResolver = Resolver()
