"""How a cluster is opened: the first topology, and connections to its masters.

This module must not know commands.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.python.failure import Failure

from .._reactor import current_reactor
from ..exceptions import ConnectionFailedError
from ..options import ClusterOptions
from ..transport import cancel_timer
from .handler import ClusterConnectionHandler
from .members import Members
from .node import CONNECT_SECONDS
from .seeds import Seeds

__all__ = ["open_cluster", "when_connected"]


def open_cluster(given: Any, options: ClusterOptions) -> ClusterConnectionHandler[Any]:
    """Make the handler of a cluster, which connects in the background.

    :param given: the seeds, see :data:`.seeds.GivenSeeds`.
    :raises ValueError: they are wrong.
    """
    seeds = Seeds(given, resolve=not options.tls_context)
    members = Members(seeds, options)
    handler: ClusterConnectionHandler[Any] = ClusterConnectionHandler(members)
    members.note("the program has begun")
    return handler


def when_connected(handler: ClusterConnectionHandler[Any]) -> Deferred[Any]:
    """Wait for a new cluster.

    :returns: fires with the handler when every master of the first topology is connected, or when ``connectTimeout``
        seconds have passed and one is. Fails with :exc:`ConnectionFailedError` otherwise, and closes the handler.
    """
    return _Opening(handler).deferred


class _Opening:
    """The wait of one constructor's caller."""

    def __init__(self, handler: ClusterConnectionHandler[Any]) -> None:
        self.deferred: Deferred[Any] = Deferred(self._cancel)
        self._handler = handler
        self._members = members = handler._members
        limit = members.options.connectTimeout or CONNECT_SECONDS * 5
        self._seconds = limit
        self._timer = current_reactor().callLater(limit, self._time_is_up)
        self._asking: Deferred[Any] | None = members.topology.refresh()
        self._asking.addCallbacks(self._known, self._unknown)

    def _known(self, view: Any) -> None:
        self._asking = None
        if self.deferred.called:
            return
        connecting = [node.pool.getConnection(True) for node in self._members.masters()]
        DeferredList(connecting, consumeErrors=True).addCallback(self._all_ended)

    def _unknown(self, failure: Failure) -> None:
        self._asking = None
        self._fail(failure.getErrorMessage(), failure.value)

    def _all_ended(self, results: object) -> None:
        if not self.deferred.called:
            self._judge()

    def _time_is_up(self) -> None:
        self._judge(f" within {self._seconds:g} seconds")

    def _judge(self, how_long: str = "") -> None:
        if any(node.pool.size for node in self._members.masters()):
            self._stop_timer()
            self.deferred.callback(self._handler)
            return
        reasons = {node.pool.known_reason() for node in self._members.nodes.values()} - {""}
        self._fail(f"no master of the cluster could be connected to{how_long}: {'; '.join(sorted(reasons))}")

    def _fail(self, text: str, cause: BaseException | None = None) -> None:
        self._stop_timer()
        if self.deferred.called:
            return
        error = ConnectionFailedError(text)
        error.__cause__ = cause

        def closed(_: object) -> None:
            if not self.deferred.called:
                self.deferred.errback(error)

        self._handler.disconnect().addBoth(closed)

    def _cancel(self, deferred: Deferred[Any]) -> None:
        self._stop_timer()
        deferred.errback(CancelledError())
        asking, self._asking = self._asking, None
        if asking is not None:
            asking.cancel()
        self._handler.disconnect().addErrback(lambda _: None)

    def _stop_timer(self) -> None:
        cancel_timer(self._timer)
