"""How users reach the server: by way of a proxy that misbehaves, over TCP, over a unix socket or over TLS."""

from __future__ import annotations

from typing import Any

from twisted.internet.endpoints import TCP4ClientEndpoint, UNIXClientEndpoint

import txredis_fast as redis

from ..proxy import Proxy, UnixProxy


class OverTCP:
    """The proxy, and what connects to it.

    :ivar proxy: forwards to the server.
    """

    def __init__(self, reactor: Any, address: tuple[str, int]) -> None:
        """
        :param address: the server's.
        """
        self._reactor = reactor
        self.proxy = Proxy(*address)

    def pool(self, **options: Any) -> Any:
        """A handler."""
        return redis.lazyConnectionPool(*self.proxy.address, **options)

    def endpoint(self) -> Any:
        """Where a subscriber connects."""
        return TCP4ClientEndpoint(self._reactor, *self.proxy.address, timeout=5)

    async def stop(self) -> None:
        """Cut what is left."""
        await self.proxy.stop()


class OverUnix(OverTCP):
    """The proxy listens on a unix socket."""

    proxy: UnixProxy

    def __init__(self, reactor: Any, address: tuple[str, int]) -> None:
        self._reactor = reactor
        self.proxy = UnixProxy(*address)

    def pool(self, **options: Any) -> Any:
        return redis.lazyUnixConnectionPool(self.proxy.path, **options)

    def endpoint(self) -> Any:
        return UNIXClientEndpoint(self._reactor, self.proxy.path, timeout=5)


class OverTLS(OverTCP):
    """The proxy forwards to a TLS end in front of the server, so that faults hit what is encrypted."""

    def __init__(self, reactor: Any, address: tuple[str, int]) -> None:
        from ..tls import TLSProxy

        self._end = TLSProxy(*address)
        super().__init__(reactor, self._end.address)

    def pool(self, **options: Any) -> Any:
        return super().pool(tls=True, tls_ca=self._end.certificates.authority, **options)

    def endpoint(self) -> Any:
        from twisted.internet.endpoints import wrapClientTLS
        from twisted.internet.ssl import optionsForClientTLS

        trusting = optionsForClientTLS(self.proxy.host, trustRoot=self._end.certificates.trust_root())
        return wrapClientTLS(trusting, super().endpoint())

    async def stop(self) -> None:
        await super().stop()
        await self._end.stop()


TRANSPORTS = {"tcp": OverTCP, "unix": OverUnix, "tls": OverTLS}
