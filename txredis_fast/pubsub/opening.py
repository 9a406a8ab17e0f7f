"""``rc.subscriber()``: opens a :class:`~txredis_fast.Subscriber` at the server of a handler.

This module must not know how messages are received.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from .._checks import check_callable, check_choice, check_count, seconds_or
from .._reactor import current_reactor
from .._tunables import CONNECT_TIMEOUT_SECONDS, PENDING_MESSAGES_KEPT
from ..client import ConnectionHandler, Opening
from ..exceptions import ConnectionFailedError, NotSentError
from ..pool import Pool

if TYPE_CHECKING:
    from .inbox import SlowConsumerPolicy
    from .messages import OnMessage, Subscriber
    from .restoring import Refused

__all__ = ["Subscribing", "check_bounds", "check_hooks", "open_subscriber", "subscriber"]


class Subscribing(Opening["Subscriber"]):
    """Fires with the subscriber when it is connected; also a context manager, which closes the subscriber.

    It fails with :exc:`ConnectionFailedError`: the server, and the reason.
    """


class HasPool(Protocol):
    """A handler."""

    @property
    def _factory(self) -> Pool:
        """Its pool."""


def subscriber(
    self: HasPool,
    on_message: OnMessage | None = None,
    *,
    maxPendingMessages: int = PENDING_MESSAGES_KEPT,
    maxConcurrentMessages: int = 1,
    slowConsumer: SlowConsumerPolicy = "pause",
    on_gap: Callable[[float, list[Refused]], object] | None = None,
    on_dropped: Callable[[int], object] | None = None,
) -> Subscribing:
    """Receive published messages, on a connection beside those of the handler.

    ``async with rc.subscriber() as sub:``, or ``sub = await rc.subscriber()``; then ``await sub.subscribe("news")`` and
    ``async for message in sub:``. The connection has the handler's address, login, TLS and options. ``rc.disconnect()``
    closes it.

    :param on_message: called with pattern (or None), channel and message, instead of an iteration. It may return a
        Deferred or be a coroutine function. What it raises is logged, and the subscriber goes on.
    :param maxPendingMessages: how many messages may wait, or be handled by ``on_message``; at least 1.
    :param maxConcurrentMessages: how many of these ``on_message`` may handle at the same time; with 1, each message
        waits until the one before is done.
    :param slowConsumer: what happens at ``maxPendingMessages``. ``"pause"``: nothing is read from the connection until
        half of them are finished; confirmations wait as well. ``"drop-oldest"`` and ``"drop-newest"``: that message is
        dropped.
    :param on_gap: called after a reconnection, when everything is subscribed to again, with the seconds for which
        messages may have been missed, and a list of what the server refuses now.
    :param on_dropped: called with the number of messages dropped since its last call, before the next message.
    :returns: a :class:`Subscribing`, which fires with a :class:`Subscriber`. It fails with
        :exc:`ConnectionFailedError` if the login is refused, or after ``connectTimeout`` seconds (30) without a
        connection; with :exc:`NotSentError` if the handler is disconnected or has no address.
    :raises ValueError: an argument is wrong; the error names it.
    """
    from .messages import Subscriber  # few programs need it, so that importing the package leaves it alone

    hooks = check_hooks(on_message, on_gap, on_dropped)
    bounds = check_bounds(maxPendingMessages, maxConcurrentMessages, slowConsumer)
    pool = self._factory
    endpoint = pool.endpoint_of_lane()
    if pool.disconnectCalled or endpoint is None:
        why = "Not connected" if pool.disconnectCalled else "the handler has no address yet: it must connect first"
        failed = Subscribing()
        failed.errback(NotSentError(why))
        return failed
    return open_subscriber(Subscriber(pool, endpoint, hooks[0], bounds, *hooks[1:]))


def check_hooks(on_message: Any, on_gap: Any, on_dropped: Any) -> tuple[Any, Any, Any]:
    """Check the functions of :func:`subscriber`.

    :raises ValueError: one cannot be called; the error names it.
    """
    return (
        check_callable("on_message", on_message),
        check_callable("on_gap", on_gap),
        check_callable("on_dropped", on_dropped),
    )


def check_bounds(pending: object, concurrent: object, policy: object) -> tuple[int, int, Any]:
    """Check the bounds of :func:`subscriber`.

    :raises ValueError: one is wrong; the error names it.
    """
    from .inbox import POLICIES

    return (
        check_count("maxPendingMessages", pending, 1),
        check_count("maxConcurrentMessages", concurrent, 1),
        check_choice("slowConsumer", policy, POLICIES),
    )


# Handlers stand below this room, which knows what a subscriber is.
setattr(ConnectionHandler, "subscriber", subscriber)  # noqa: B010


def open_subscriber(opened: Subscriber) -> Subscribing:
    """Connect a new subscriber.

    :returns: fires with it when it is connected; see :func:`subscriber`.
    """
    pool = opened.pool
    pool.parent.companions.add(opened)
    connected: Deferred[Any] = pool.deferred
    opening = Subscribing(lambda _: connected.cancel())
    limit = seconds_or(pool.connectTimeout, 0) or CONNECT_TIMEOUT_SECONDS

    def too_long(_: object, seconds: float) -> None:
        why = f": {pool.last_reason}" if pool.last_reason else ""
        raise ConnectionFailedError(f"{pool.observer.server}: no connection was usable within {seconds:g} seconds{why}")

    def failed(failure: Failure) -> None:
        closing: Deferred[None] = opened.disconnect()
        closing.addErrback(lambda _: None)
        if not opening.called:
            opening.errback(CancelledError() if failure.check(CancelledError) else failure)

    connected.addTimeout(limit, current_reactor(), too_long)
    connected.addCallback(lambda _: opening.callback(opened)).addErrback(failed)
    pool.startConnecting()
    return opening
