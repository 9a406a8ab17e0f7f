"""The types of connections and pools, as far as this room uses them; the classes are in the rooms above.

This module must not know how any of it is done.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import Deferred

if TYPE_CHECKING:
    from .stats import CacheStats

__all__ = ["Connection", "Pool", "Secretive"]


class Requests(Protocol):
    """A connection's queue of requests, which counts them."""

    @property
    def in_flight(self) -> int:
        """Commands without a reply yet."""

    @property
    def sent(self) -> int:
        """Commands sent."""

    @property
    def cancelled(self) -> int:
        """Commands cancelled after they were sent."""

    @property
    def bytes_out(self) -> int:
        """Bytes written."""


class Replies(Protocol):
    """A connection's parser, which counts bytes and errors."""

    @property
    def fed(self) -> int:
        """Bytes received."""

    @property
    def errors(self) -> Mapping[str, int]:
        """Error replies by code."""


class Link(Protocol):
    """The life of a connection."""

    @property
    def requests(self) -> Requests:
        """Its requests in flight."""

    @property
    def reader(self) -> Replies | None:
        """Its parser; None before the first byte has come."""

    @property
    def scope(self) -> object:
        """The transaction or pipeline that is open on the connection itself, or None."""

    @property
    def end_reason(self) -> Exception | None:
        """Local reason for closing; None if the peer closed the connection."""

    @property
    def lost_because(self) -> str:
        """Why the connection was lost, in words."""

    execute_stock: Callable[..., Deferred[Any]]


class Secretive(Protocol):
    """A connection, of which the password must be in no text."""

    @property
    def password(self) -> object:
        """Its password, or a function that returns one; None: it has none."""

    @property
    def factory(self) -> object:
        """Its pool, which may have a newer password."""


class Connection(Secretive, Protocol):
    """A connection's protocol, of which commands are told to hooks."""

    @property
    def link(self) -> Link:
        """The life of the connection."""

    @property
    def dbid(self) -> int | None:
        """Its database; None: the default."""

    @property
    def transport(self) -> Any:
        """Its transport; None before it is connected."""

    def whenConnected(self) -> Deferred[Any]:
        """Fires with this protocol when the connection is usable."""

    def whenDisconnected(self) -> Deferred[Any]:
        """Fires with this protocol when the connection is lost."""

    def execute_command(self, *args: Any, **kwargs: Any) -> Deferred[Any]:
        """Send a command."""

    def execute_batch(self, commands: Sequence[Any], timeout: float | None = None) -> Deferred[Any]:
        """Send several commands."""


class Queue(Protocol):
    """The connections of a pool, and the callers waiting for one."""

    @property
    def waiting(self) -> int:
        """How many callers wait."""

    @property
    def pending(self) -> Collection[object]:
        """The free connections."""


class Lane(Protocol):
    """The connections of a pool for blocking commands."""

    @property
    def waiting(self) -> int:
        """How many callers wait."""

    @property
    def connections(self) -> Collection[object]:
        """All of them, idle ones included."""


class Cache(Protocol):
    """A cache, as far as statistics show it."""

    def stats(self) -> CacheStats:
        """Its counters."""


class Pool(Protocol):
    """A pool, or a factory, whose connections are observed."""

    @property
    def uuid(self) -> str | bytes | None:
        """Names the server."""

    @property
    def pool(self) -> Collection[Any]:
        """The usable connections."""

    @property
    def size(self) -> int:
        """How many usable connections there are."""

    @property
    def poolsize(self) -> int:
        """How many there are to be."""

    @property
    def connectionQueue(self) -> Queue:
        """The connections, and the callers waiting for one."""

    @property
    def lane(self) -> Lane | None:
        """The connections for blocking commands; None before the first of these."""

    @property
    def cache(self) -> Cache | None:
        """The cache that ``rc.cached()`` reads from."""

    def place_of_server(self) -> str:
        """Where the endpoint leads, or the connections, for texts; empty if neither is known."""

    @property
    def disconnectCalled(self) -> bool:
        """Whether the program has called ``disconnect()``."""
