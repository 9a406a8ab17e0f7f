"""Twisted's endpoints, bounded: one attempt ends within ``connectTimeout``, name lookup, connecting and TLS together.

TLS is imported only where it is asked for.

This module must not know Redis.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost, SSLError, TimeoutError
from twisted.internet.interfaces import IAddress, IHandshakeListener, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from .._reactor import current_reactor
from .._tunables import CONNECT_TIMEOUT_SECONDS
from .attempt import AttemptTimeoutError, OneAttempt, Stage, connect_within, name_of_place
from .reasons import at_place
from .tls import Check, NameCheck, NoCheck, TLSSettings, refusal

__all__ = ["endpoint_from", "endpoint_of_connector", "place_of", "tcp_endpoint", "unix_endpoint"]

#: How many endpoints around another one are looked into for its address.
_MOST_WRAPPERS = 4

#: The first byte of a TLS record: change of cipher, alert, handshake, data.
TLS_RECORDS = b"\x14\x15\x16\x17"


def tcp_endpoint(
    host: str, port: int, connect_timeout: float | None = None, ssl_context_factory: object = False
) -> IStreamClientEndpoint:
    """Make an endpoint for a host name, which is resolved anew at each attempt, or for an IPv4 or IPv6 address.

    :param connect_timeout: seconds for one attempt, from resolving the name to the end of the TLS handshake; None: 30.
    :param ssl_context_factory: see :class:`~txredis_fast.ConnectionOptions`; or its ``tls_context``.
    :raises ImportError: TLS is wanted and the extra ``tls`` is not installed.
    :raises ValueError: the port is not valid, or a certificate or a key cannot be used.
    """
    from twisted.internet import endpoints

    if isinstance(port, float) or (isinstance(port, int) and not 0 <= port <= 65535):
        raise ValueError(f"a port is a whole number from 0 to 65535, not {port!r}")
    timeout = CONNECT_TIMEOUT_SECONDS if connect_timeout is None else connect_timeout
    place = name_of_place(host, port)
    address = host.decode("latin-1") if isinstance(host, bytes) else host
    endpoint: IStreamClientEndpoint
    # An address needs no resolver, whose threads may all be busy.
    if isIPAddress(address):
        endpoint = endpoints.TCP4ClientEndpoint(current_reactor(), address, port, timeout=timeout)
    elif isIPv6Address(address):
        endpoint = endpoints.TCP6ClientEndpoint(current_reactor(), address, port, timeout=timeout)
    else:
        endpoint = endpoints.HostnameEndpoint(current_reactor(), host, port, timeout=timeout)
    resolves = isinstance(endpoint, endpoints.HostnameEndpoint)
    if ssl_context_factory:
        endpoint = _tls_endpoint(endpoint, host, place, ssl_context_factory)
    return _BoundedEndpoint(endpoint, place, timeout, resolves)


def unix_endpoint(path: str, connect_timeout: float | None = None) -> IStreamClientEndpoint:
    """Make an endpoint for a unix socket.

    :param connect_timeout: seconds for one attempt; None: 30.
    """
    from twisted.internet.endpoints import UNIXClientEndpoint

    timeout = CONNECT_TIMEOUT_SECONDS if connect_timeout is None else connect_timeout
    return _BoundedEndpoint(UNIXClientEndpoint(current_reactor(), path, timeout=timeout), path, timeout, False)


def endpoint_from(endpoint: object) -> IStreamClientEndpoint:
    """Return the endpoint itself, or the one that a string such as ``"tls:redis.example:6380"`` describes.

    :raises ValueError: it is neither.
    """
    if isinstance(endpoint, str):
        from twisted.internet.endpoints import clientFromString

        described = clientFromString(current_reactor(), endpoint)
        # Twisted's own check accepts a certificate whose names it cannot read.
        return _CheckedEndpoint(described, _tls_host(endpoint)) if endpoint.startswith("tls:") else described
    if not hasattr(endpoint, "connect"):
        raise ValueError(f"an endpoint is an IStreamClientEndpoint or its description as a str, not {endpoint!r}")
    return endpoint  # type: ignore[return-value]


def _tls_host(description: str) -> str:
    """The host in the description of a TLS endpoint, whose parts end with colons that are not escaped."""
    parts = re.findall(r"(?:\\.|[^\\:])+", description.removeprefix("tls:"))
    named = [part.partition("=")[2] for part in parts if part.startswith("host=")]
    return re.sub(r"\\(.)", r"\1", (named or parts)[0])


def endpoint_of_connector(connector: Any) -> IStreamClientEndpoint | None:
    """Return an endpoint for the current destination of a connector, as ``reactor.connectTCP`` returns one.

    :returns: None if the destination is not known: the connector is not of Twisted's own classes.
    """
    from twisted.internet import endpoints
    from twisted.internet.address import IPv4Address, UNIXAddress

    reactor = getattr(connector, "reactor", None)
    if reactor is None or not hasattr(connector, "timeout"):
        return None
    destination = connector.getDestination()
    if isinstance(destination, UNIXAddress):
        return endpoints.UNIXClientEndpoint(reactor, connector.address, timeout=connector.timeout)
    if not isinstance(destination, IPv4Address):
        return None
    place = (reactor, connector.host, connector.port)
    more = {"timeout": connector.timeout, "bindAddress": connector.bindAddress}
    if hasattr(connector, "contextFactory"):
        return endpoints.SSL4ClientEndpoint(*place, connector.contextFactory, **more)
    return endpoints.TCP4ClientEndpoint(*place, **more)


def place_of(endpoint: object) -> str:
    """Where an endpoint leads, for texts: ``host:port`` or a path; empty if it does not tell."""
    # The attributes of Twisted's own endpoints, which have no public ones; and of those around them.
    for _ in range(_MOST_WRAPPERS):
        place = getattr(endpoint, "place", None) or getattr(endpoint, "_path", None)
        if isinstance(place, str):
            return place
        host = getattr(endpoint, "_hostText", None) or getattr(endpoint, "_host", None)
        port = getattr(endpoint, "_port", None)
        if isinstance(host, str | bytes) and isinstance(port, int):
            return name_of_place(host, port)
        endpoint = getattr(endpoint, "_wrappedEndpoint", None) or getattr(endpoint, "_endpoint", None)
    return ""


@implementer(IStreamClientEndpoint)
class _BoundedEndpoint:
    """Bounds the attempts of another endpoint; the error names the step that took too long."""

    def __init__(self, endpoint: IStreamClientEndpoint, place: str, limit: float, resolves: bool) -> None:
        self._endpoint = endpoint
        self.place = place
        self._limit = limit
        self._resolves = resolves

    def __repr__(self) -> str:
        return repr(self._endpoint)

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        connecting = connect_within(self._limit, self._endpoint, protocolFactory, self._complain)
        return connecting.addErrback(self._failed)

    def _complain(self, stage: Stage) -> str:
        within = f"within {self._limit:g} seconds"
        if stage is Stage.TLS:
            return f"timeout: no TLS handshake {within}; {self.place} was connected, and perhaps does not speak TLS"
        if stage is Stage.BEGUN and self._resolves:
            return f"timeout: no answer from the resolver {within}, for {self.place}"
        return f"timeout: no connection {within}, to {self.place}"

    def _failed(self, failure: Failure) -> Failure:
        if type(failure.value) is TimeoutError:  # Twisted's own error names neither step nor address
            return Failure(AttemptTimeoutError(self._complain(Stage.CONNECTING)))
        return at_place(failure, self.place)


def _tls_endpoint(
    endpoint: IStreamClientEndpoint, host: str, place: str, context_factory: object
) -> IStreamClientEndpoint:
    try:
        from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
        from twisted.internet.ssl import optionsForClientTLS  # noqa: F401  (needs pyOpenSSL and service_identity)
        from twisted.protocols.tls import TLSMemoryBIOFactory
    except ImportError as error:
        raise ImportError(f"TLS needs the extra 'tls': pip install 'txredis-fast[tls]' ({error})") from error
    settings = TLSSettings() if context_factory is True else context_factory
    if isinstance(settings, TLSSettings):
        settings.context(host)  # raises now if a file cannot be used
        return _TLSEndpoint(endpoint, lambda: settings.context(host), TLSMemoryBIOFactory, place)
    if not IOpenSSLClientConnectionCreator.providedBy(context_factory) and not hasattr(context_factory, "getContext"):
        raise ValueError(
            "ssl_context_factory must be True, a Twisted context factory or an IOpenSSLClientConnectionCreator, "
            f"not {context_factory!r}"
        )
    return _TLSEndpoint(endpoint, lambda: context_factory, TLSMemoryBIOFactory, place, NoCheck())


@implementer(IStreamClientEndpoint)
class _TLSEndpoint:
    """TLS over another endpoint.

    Unlike ``wrapClientTLS``, its Deferred fires only after the handshake, so that a refused certificate makes the
    attempt fail; and it takes old-style context factories as well.
    """

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        context_factory: Callable[[], Any],
        wrapper: Callable[..., IProtocolFactory],
        place: str,
        check: Check | None = None,
    ) -> None:
        """Wrap an endpoint.

        :param check: verifies each connection; None: the context does.
        """
        self._endpoint = endpoint
        self._context_factory = context_factory
        self._wrapper = wrapper
        self._place = place
        self._check = check

    def __repr__(self) -> str:
        return f"<TLS over {self._endpoint!r}>"

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        context = self._context_factory()
        handshakes = _HandshakeFactory(protocolFactory, self._place, self._check or context)
        connecting: Deferred[Any] = self._endpoint.connect(self._wrapper(context, True, handshakes))
        return connecting.addCallback(lambda _: handshakes.completed)


@implementer(IStreamClientEndpoint)
class _CheckedEndpoint:
    """Another TLS endpoint, whose Deferred fires only if the server's certificate is for the right name."""

    def __init__(self, endpoint: IStreamClientEndpoint, host: str) -> None:
        self._endpoint = endpoint
        self._host = host

    def __repr__(self) -> str:
        return repr(self._endpoint)

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        handshakes = _HandshakeFactory(protocolFactory, self._host, NameCheck(self._host))
        connecting: Deferred[Any] = self._endpoint.connect(handshakes)
        return connecting.addCallback(lambda _: handshakes.completed)


@implementer(IProtocolFactory)
class _HandshakeFactory:
    """Makes a :class:`_Handshake` for each connection, which makes the protocol of another factory after the handshake.

    :ivar completed: ``completed`` of the :class:`_Handshake` made last.
    """

    completed: Deferred[Any]

    def __init__(self, factory: IProtocolFactory, place: str, check: Check) -> None:
        """Make one.

        :param place: the server's address, for the texts of errors.
        :param check: verifies each connection; one for which it raises is refused.
        """
        self._factory = factory
        self._place = place
        self._check = check

    def doStart(self) -> None:
        self._factory.doStart()

    def doStop(self) -> None:
        self._factory.doStop()

    def buildProtocol(self, address: IAddress) -> _Handshake:
        if isinstance(self._factory, OneAttempt):
            self._factory.stage = Stage.TLS
        handshake = _Handshake(self._factory, address, self._place, self._check)
        self.completed = handshake.completed
        return handshake


@implementer(IHandshakeListener)
class _Handshake(Protocol):
    """Waits for the end of the handshake, and hands the transport over to a protocol made then.

    Until then nothing is written, least of all a password.

    :ivar completed: fires with that protocol, or fails with the reason for refusing the connection.
    """

    transport: Any

    def __init__(self, factory: IProtocolFactory, address: IAddress, place: str, check: Check) -> None:
        self._factory = factory
        self._address = address
        self._place = place
        self._check = check
        self._refusal: str | None = None
        #: The first bytes that the peer sent; None before that.
        self._first_bytes: bytes | None = None
        self.completed: Deferred[Any] = Deferred(lambda _: self._give_up())

    def connectionMade(self) -> None:
        # TLS passes nothing on that is not encrypted, so a plain server's answer is seen only in front of it.
        transport = self.transport
        take = transport.dataReceived

        def look(data: bytes) -> None:
            transport.__dict__.pop("dataReceived", None)
            self._first_bytes = bytes(data[:64])
            take(data)

        transport.dataReceived = look

    def handshakeCompleted(self) -> None:
        # Older versions of Twisted call this also after they have refused the host name.
        if self.completed.called or self.transport.disconnecting:
            return
        self._refusal = "certificate verify failed: looking at it was broken off"
        try:
            self._refusal = self._check.fault(self.transport)
        except Exception as error:
            self._refusal = f"certificate verify failed: {type(error).__name__} while looking at it"
        finally:
            if self._refusal is not None:
                self.transport.abortConnection()
        if self._refusal is not None:
            return
        protocol = self._factory.buildProtocol(self._address)
        if protocol is None:
            self.transport.abortConnection()  # not loseConnection, which waits for the peer
            return
        self.transport.wrappedProtocol = protocol
        protocol.makeConnection(self.transport)
        self.completed.callback(protocol)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self.transport.__dict__.pop("dataReceived", None)
        if self.completed.called:
            return
        why = (
            self._refusal
            or self._not_tls(reason)
            or self._check.known_fault(self.transport)
            or refusal(reason.value, self.transport)
        )
        self.completed.errback(reason if why is None else Failure(SSLError(f"{why} ({self._place})")))

    def _give_up(self) -> None:
        if self.transport is not None:
            self.transport.abortConnection()

    def _not_tls(self, reason: Failure) -> str | None:
        first = self._first_bytes
        if first:
            return None if first[0] in TLS_RECORDS else f"the server does not speak TLS: it answered {first[:40]!r}"
        if reason.check(ConnectionDone, ConnectionLost):
            return f"{reason.getErrorMessage()} It had answered nothing: perhaps the server does not speak TLS"
        return None
