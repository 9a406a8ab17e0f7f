"""One attempt to connect: it ends within a time limit, whatever its endpoint does, and leaves nothing behind.

An endpoint may be the program's own: its Deferred may never fire, may fire long after it was cancelled, or may raise
when it is cancelled. A connection that it makes after the end of the attempt is closed, and never becomes one of a
pool.

This module must not know Redis, nor how an endpoint connects.
"""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.error import TimeoutError
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
    ITransport,
)
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from .._checks import as_text, seconds_or
from .._reactor import current_reactor
from .._tunables import PROGRAM_ENDPOINT_TIMEOUT_SECONDS
from .timers import cancel_timer

__all__ = [
    "AttemptTimeoutError",
    "OneAttempt",
    "Stage",
    "connect_for",
    "connect_within",
    "name_of_peer",
    "name_of_place",
]

_log = Logger()


class AttemptTimeoutError(TimeoutError):
    """An attempt to connect took too long; the text says which step was not done, where, and in which time."""

    def __init__(self, text: str) -> None:
        super().__init__(string=text)  # type: ignore[no-untyped-call]

    def __str__(self) -> str:
        return str(self.args[0])


class Stage(enum.Enum):
    """How far an attempt has got."""

    BEGUN = enum.auto()
    CONNECTING = enum.auto()
    TLS = enum.auto()


def connect_within(
    limit: float,
    endpoint: IStreamClientEndpoint,
    protocol_factory: IProtocolFactory,
    complain: Callable[[Stage], str] | None = None,
) -> Deferred[Any]:
    """Connect, or fail after a time limit.

    :param limit: seconds for all that the endpoint does.
    :param complain: makes the text of the error from the stage that was not finished in time.
    :returns: fires as the Deferred of ``endpoint.connect`` does; fails with :exc:`AttemptTimeoutError`. Cancelling it
        ends the attempt at once.
    """
    return _Attempt(limit, endpoint, protocol_factory, complain).deferred


class HasConnectTimeout(Protocol):
    """A pool, of which the limit of one attempt is asked; a program may have set it to anything."""

    @property
    def connectTimeout(self) -> object:
        """Seconds for one attempt; None: a minute."""


def connect_for(
    factory: HasConnectTimeout, endpoint: IStreamClientEndpoint, protocol_factory: IProtocolFactory
) -> Deferred[Any]:
    """Connect for a pool, within the endpoint's own ``attempt_limit`` or else the pool's ``connectTimeout``.

    :returns: as :func:`connect_within`.
    """
    limit = seconds_or(getattr(endpoint, "attempt_limit", None), None)
    if limit is None:
        # The program may have set connectTimeout after the factory was made.
        limit = seconds_or(factory.connectTimeout, PROGRAM_ENDPOINT_TIMEOUT_SECONDS)
    return connect_within(limit, endpoint, protocol_factory)


def name_of_place(host: str | bytes, port: int) -> str:
    """``host:port``, or ``[host]:port`` for an IPv6 address."""
    name = as_text(host)
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


def name_of_peer(transport: object) -> str | None:
    """``host:port`` of the peer of a TCP connection; None for other connections, and where the peer is not known."""
    try:
        peer = transport.getPeer()  # type: ignore[attr-defined]
        return name_of_place(peer.host, peer.port)
    except Exception:
        return None


class Built(Protocol):
    """A protocol, as an attempt changes it while it lasts."""

    transport: ITransport | None
    connectionLost: Callable[[Failure], object]
    makeConnection: Callable[[ITransport], object]


class _Attempt:
    """One attempt.

    :ivar deferred: fires once, at the latest when the time is over.
    """

    def __init__(
        self,
        limit: float,
        endpoint: IStreamClientEndpoint,
        factory: IProtocolFactory,
        complain: Callable[[Stage], str] | None,
    ) -> None:
        self.deferred: Deferred[Any] = Deferred(lambda _: self._end_with(Failure(CancelledError())))
        self._limit = limit
        #: The class name only: a ``repr()`` of the program's own may raise.
        self._endpoint_name = type(endpoint).__name__
        self._complain = complain
        self._over = False
        self._timer: IDelayedCall | None = None
        self._protocols = OneAttempt(factory, self._end_with)
        self._connecting: Deferred[Any] = Deferred()
        try:
            self._connecting = maybeDeferred(endpoint.connect, self._protocols)
            self._connecting.addCallbacks(self._connected, self._failed)
            # Started last: a time limit of the endpoint itself that is as long ends first, and its error says more.
            if not self._over:
                self._timer = current_reactor().callLater(limit, self._too_late)
        except BaseException:  # the caller never gets the Deferred: a connection made later must be closed
            self._protocols.is_over = True  # first: there may be no stack for any call
            self._connecting.addCallbacks(self._connected, self._failed)
            self.deferred.addErrback(lambda _: None)
            self._end_with(Failure())
            raise

    def _connected(self, protocol: Built) -> None:
        if self._over:
            _abort(getattr(protocol, "transport", None))
            return
        try:
            self._end()
            self._protocols.succeeded()
            self.deferred.callback(protocol)
        except BaseException:  # the attempt ends nevertheless, as one that failed
            failure = Failure()
            self._protocols.forsake(failure)
            _abort(getattr(protocol, "transport", None))
            self._fail(failure)
            raise

    def _failed(self, failure: Failure) -> None:
        if self._over:
            return
        try:
            try:
                self._end()
            finally:
                self._protocols.forsake(failure)
        finally:
            self._fail(failure)

    def _too_late(self) -> None:
        if self._complain is None:
            text = f"timeout: {self._endpoint_name} has not connected within {self._limit:g} seconds"
        else:
            text = self._complain(self._protocols.stage)
        self._end_with(Failure(AttemptTimeoutError(text)))

    def _end_with(self, failure: Failure) -> None:
        """End the attempt, and cancel its pending calls."""
        if self._over:
            return  # cancelling the endpoint's Deferred fires it, which leads here again
        raised: BaseException | None = None
        for step in (self._end, lambda: self._protocols.forsake(failure), self._connecting.cancel):
            try:
                step()
            except Exception:  # raised by the program's own endpoint, perhaps; the other steps are done nevertheless
                _log.failure("{name} cannot be cancelled", name=self._endpoint_name)
            except BaseException as error:
                raised = error
        self._fail(failure)
        if raised is not None:
            raise raised

    def _fail(self, failure: Failure) -> None:
        # A protocol that was told of the loss may have cancelled the attempt.
        if not self.deferred.called:
            self.deferred.errback(failure)

    def _end(self) -> None:
        self._over = True
        timer, self._timer = self._timer, None
        cancel_timer(timer)


@implementer(IProtocolFactory)
class OneAttempt:
    """A factory as the endpoint of one attempt sees it: makes no more protocols once the attempt is over.

    :ivar is_over: whether a connection that is made now is closed.
    :ivar stage: how far the attempt has got.
    """

    stage = Stage.BEGUN

    def __init__(self, factory: IProtocolFactory, on_lost: Callable[[Failure], None]) -> None:
        """Wrap a factory.

        :param on_lost: called when a connection is lost before its endpoint has fired its Deferred with it.
        """
        self._factory = factory
        self._on_lost = on_lost
        #: The protocols made, each with the ``connectionLost`` that was set on the instance, or None.
        self._built: list[tuple[Built, Callable[[Failure], object] | None]] = []
        self.is_over = False

    def __getattr__(self, name: str) -> Any:
        if name == "_factory":
            raise AttributeError(name)
        return getattr(self._factory, name)

    def doStart(self) -> None:
        """Call the factory's. Twisted's endpoints do so when the address is known."""
        self.stage = Stage.CONNECTING
        self._factory.doStart()

    def doStop(self) -> None:
        """Call the factory's."""
        self._factory.doStop()

    def buildProtocol(self, address: IAddress) -> IProtocol | None:
        """Make the protocol of a connection; None, which closes the connection, when the attempt is over."""
        if self.is_over:
            return None
        made = self._factory.buildProtocol(address)
        if made is not None:
            protocol: Built = made  # type: ignore[assignment]  # no cast(), which is a call and may raise
            try:
                self._built.append((protocol, getattr(protocol, "__dict__", {}).get("connectionLost")))
                if hasattr(protocol, "attemptForsaken"):
                    # Twisted's ClientService must not be told of a loss before it was told of the connection.
                    protocol.connectionLost = self._on_lost
            except BaseException:
                _forsake(protocol, Failure())  # the factory may keep it already
                raise
        return made

    def succeeded(self) -> None:
        """The attempt is over, and its connection is used."""
        self.is_over = True
        while self._built:
            protocol, own = self._built[-1]
            if own is not None:
                protocol.connectionLost = own
            else:
                getattr(protocol, "__dict__", {}).pop("connectionLost", None)
            self._built.pop()

    def forsake(self, reason: Failure) -> None:
        """The attempt is over; connections that it made must not be used."""
        self.is_over = True
        built, self._built = self._built, []
        for protocol, _ in built:
            _forsake(protocol, reason)


def _forsake(protocol: Built, reason: Failure) -> None:
    transport = getattr(protocol, "transport", None)
    tell = getattr(protocol, "attemptForsaken", None)
    with contextlib.suppress(AttributeError):
        protocol.makeConnection = _abort  # where the protocol has no transport yet
    if tell is not None:
        protocol.connectionLost = _ignore  # attemptForsaken tells it now
        tell(reason)
    _abort(transport)


def _ignore(reason: Failure) -> None:
    pass


def _abort(transport: ITransport | None) -> None:
    if transport is not None:
        getattr(transport, "abortConnection", transport.loseConnection)()
