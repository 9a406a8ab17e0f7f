"""The seeds: the addresses that a program gives to find its cluster, resolved anew each time.

This module must not know the cluster.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias, TypeGuard

from twisted.internet import defer
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.interfaces import IAddress
from twisted.python.failure import Failure
from zope.interface import provider

from ..._checks import check_host, check_port, shown
from ..._reactor import current_reactor
from .slots_reply import Address, name_of

__all__ = ["GivenSeeds", "Seeds", "read_seeds"]

#: Seeds as a program may give them: an address, several, or a function that returns them, or an awaitable of them.
GivenSeeds: TypeAlias = str | tuple[str, int] | Sequence[str | tuple[str, int]] | Callable[[], Any]

DEFAULT_PORT = 6379
_KIND = '"host:port", ("host", 6379), a list of these, or a function that returns them'


def read_seeds(given: object) -> list[Address]:
    """Check addresses, and return each as host and port.

    :raises ValueError: they are none; the error says what they may be.
    """
    if isinstance(given, str) or _is_pair(given):
        return [_address(given)]
    if isinstance(given, Iterable) and not isinstance(given, bytes | dict):
        addresses = [_address(each) for each in given]
        if addresses:
            return list(dict.fromkeys(addresses))
    raise ValueError(f"the seeds of a cluster must be {_KIND}, not {shown(given)}")


def _is_pair(given: object) -> TypeGuard[tuple[object, int]]:
    return isinstance(given, tuple) and len(given) == 2 and type(given[1]) is int


def _address(given: object) -> Address:
    if _is_pair(given):
        return check_host("a seed's host", given[0]), check_port("a seed's port", given[1])
    if not isinstance(given, str) or "://" in given:
        raise ValueError(f"the seeds of a cluster must be {_KIND}, not {shown(given)}")
    host, port = given, str(DEFAULT_PORT)
    if given.startswith("["):
        host, _, rest = given[1:].partition("]")
        port = rest[1:] if rest.startswith(":") else port
    elif given.count(":") == 1:
        host, _, port = given.partition(":")
    if not (port.isascii() and port.isdigit()):
        raise ValueError(f"the seeds of a cluster must be {_KIND}, not {shown(given)}")
    return check_host("a seed's host", host), check_port("a seed's port", int(port))


class Seeds:
    """The addresses that a program has given. A name with several addresses stands for all of them."""

    def __init__(self, given: Any, *, resolve: bool = True) -> None:
        """Take the seeds that a program gives.

        :param given: see :data:`GivenSeeds`.
        :param resolve: False: names stay names, because TLS verifies them.
        :raises ValueError: it is none of this.
        """
        self._resolve = resolve
        self._find: Callable[[], Any] | None = given if callable(given) else None
        self._given = [] if callable(given) else read_seeds(given)
        self._asking: list[Deferred[Any]] = []

    @property
    def name(self) -> str:
        """The name of the cluster in texts: that of its first seed."""
        return f"cluster {name_of(self._given[0])}" if self._given else "cluster"

    def __repr__(self) -> str:
        return f"<Seeds {self._find or ', '.join(f'{host}:{port}' for host, port in self._given)}>"

    def addresses(self) -> Deferred[Sequence[Address]]:
        """Find them, anew.

        :returns: fires with host and port of each; fails with what the program's function or the resolver raises.
        """
        found: Deferred[Any]
        if self._find is None:
            found = defer.succeed(self._given)
        else:
            found = maybeDeferred(self._call, self._find).addCallback(read_seeds)
        return found.addCallback(self._resolve_all)

    @staticmethod
    def _call(find: Callable[[], Any]) -> Any:
        result = find()
        return Deferred.fromCoroutine(result) if inspect.iscoroutine(result) else result

    def _resolve_all(self, given: list[Address]) -> Deferred[Sequence[Address]]:
        resolving = [self._resolved(*each) for each in given]
        return DeferredList(resolving, consumeErrors=True).addCallback(_together)

    def _resolved(self, host: str, port: int) -> Deferred[list[Address]]:
        if not self._resolve or isIPAddress(host) or isIPv6Address(host):
            return defer.succeed([(host, port)])
        return resolve_all(host).addCallback(lambda hosts: [(each, port) for each in hosts] or [(host, port)])

    def close(self) -> None:
        """Find none any more."""


def _together(results: list[tuple[bool, Any]]) -> Sequence[Address]:
    found = [address for success, addresses in results if success for address in addresses]
    if not found and results:
        failure: Failure = results[0][1]
        failure.raiseException()
    return list(dict.fromkeys(found))


def resolve_all(host: str) -> Deferred[list[str]]:
    """Resolve a name to all its addresses; fires with an empty list if there is none."""
    from twisted.internet.address import IPv4Address, IPv6Address
    from twisted.internet.interfaces import IResolutionReceiver

    found: list[str] = []
    done: Deferred[list[str]] = Deferred()

    @provider(IResolutionReceiver)
    class Receiver:
        @staticmethod
        def resolutionBegan(resolution: Any) -> None:
            """Nothing to do."""

        @staticmethod
        def addressResolved(address: IAddress) -> None:
            if isinstance(address, IPv4Address | IPv6Address):
                found.append(address.host)

        @staticmethod
        def resolutionComplete() -> None:
            if not done.called:
                done.callback(found)

    current_reactor().nameResolver.resolveHostName(Receiver, host)
    return done
