"""How a cluster is opened: the first topology, and connections to its masters.

This module must not know commands.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.python.failure import Failure

from .._reactor import current_reactor
from .._types import V
from ..client import Opening
from ..exceptions import ConnectionFailedError
from ..options import ClusterOptions
from ..transport import cancel_timer
from .handler import ClusterConnectionHandler
from .members import Members
from .topology import Seeds

__all__ = ["ClusterConnecting", "OpenedCluster", "open_cluster"]

#: Seconds for all masters, where the program says nothing: those of a cluster that is starting, too.
OPENING_SECONDS = 10.0


class ClusterConnecting(Opening[ClusterConnectionHandler[V]]):
    """Fires with the handler of a cluster when it is usable; also a context manager, which closes the handler.

    It fails with :exc:`ConnectionFailedError`, which names the addresses asked and the reasons.
    """


def open_cluster(given: Any, options: ClusterOptions) -> OpenedCluster:
    """Make the handler of a cluster, which connects in the background.

    :param given: the seeds, see :data:`.seeds.GivenSeeds`.
    :raises ValueError: they are wrong.
    """
    seeds = Seeds(given, resolve=not options.tls_context)
    members = Members(seeds, options)
    return OpenedCluster(ClusterConnectionHandler(members), members)


class OpenedCluster:
    """A new cluster.

    :ivar handler: its handler.
    """

    def __init__(self, handler: ClusterConnectionHandler[Any], members: Members) -> None:
        self.handler = handler
        self._members = members
        members.note("the program has begun")

    def connecting(self) -> ClusterConnecting:
        """Wait for it.

        :returns: fires with the handler when every master of the first topology is connected, or when
            ``connectTimeout`` seconds have passed and one is. Fails otherwise, and closes the handler; as soon as all
            seeds have refused.
        """
        return _Wait(self.handler, self._members).connecting


class _Wait:
    """The wait of one constructor's caller."""

    def __init__(self, handler: ClusterConnectionHandler[Any], members: Members) -> None:
        self.connecting: ClusterConnecting = ClusterConnecting(self._cancel)
        self._handler = handler
        self._members = members
        self._seconds = members.options.connectTimeout or OPENING_SECONDS
        self._timer = current_reactor().callLater(self._seconds, self._time_is_up)
        self._asking: Deferred[Any] | None = members.topology.refresh(anew=False)
        self._asking.addCallbacks(self._known, self._unknown)

    def _known(self, _: object) -> None:
        self._asking = None
        if not self.connecting.called:
            up = [node.pool.getConnection(True) for node in self._members.masters()]
            DeferredList(up, consumeErrors=True).addCallback(self._all_ended)

    def _unknown(self, failure: Failure) -> None:
        self._asking = None
        if failure.check(CancelledError) or self.connecting.called:
            return
        if self._members.learns_by_moved and any(node.pool.size for node in self._members.nodes.values()):
            cancel_timer(self._timer)
            self.connecting.callback(self._handler)
        else:
            self._fail(failure.getErrorMessage(), failure.value)

    def _all_ended(self, _: object) -> None:
        if not self.connecting.called:
            self._judge()

    def _time_is_up(self) -> None:
        self._judge(f" within {self._seconds:g} seconds")

    def _judge(self, how_long: str = "") -> None:
        if any(node.pool.size for node in self._members.masters()):
            cancel_timer(self._timer)
            self.connecting.callback(self._handler)
            return
        reasons = {f"{each.name}: {each.pool.known_reason()}" for each in self._members.nodes.values()}
        self._fail(f"no master of the cluster could be connected to{how_long}: {'; '.join(sorted(reasons))}")

    def _fail(self, text: str, cause: BaseException | None = None) -> None:
        cancel_timer(self._timer)
        error = ConnectionFailedError(text)
        error.__cause__ = cause

        def closed(_: object) -> None:
            if not self.connecting.called:
                self.connecting.errback(error)

        self._close().addBoth(closed)

    def _cancel(self, connecting: Deferred[Any]) -> None:
        cancel_timer(self._timer)
        connecting.errback(CancelledError())
        self._close().addErrback(lambda _: None)

    def _close(self) -> Deferred[Any]:
        asking, self._asking = self._asking, None
        if asking is not None:
            asking.cancel()
        return self._handler.disconnect()
