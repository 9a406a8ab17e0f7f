"""The handler of a cluster, which a program holds, beside the commands that :mod:`.sending` sends.

This module must not know how a node connects, nor how a command finds its node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from twisted.internet.defer import Deferred, fail, succeed

from .._tunables import PENDING_MESSAGES_KEPT
from .._types import Argument, Key, Keys, V
from ..batching import (
    Batch,
    Pipeline,
    PipelineContext,
    TransactionContext,
    bind_scope_class,
    check_replies,
    commands_of,
)
from ..client import CommandView, keys_as_given, no_cache
from ..commands._parts import (
    unknown_name,
)
from ..exceptions import NoSlotError, RedisError
from ..inflight import check_timeout
from ..pool import Pool
from ..resp import key_slot
from ..telemetry import ClusterStats
from .node import ClusterNode, NodesView
from .routing import slot_of_keys
from .scan import ClusterScanIterator, scan_arguments
from .sending import ClusterCommands
from .transactions import ClusterTransaction

if TYPE_CHECKING:
    from ..pubsub import OnMessage, Refused, SlowConsumerPolicy, Subscribing
    from ..streaming import StreamConsumer
    from .many.caching import ClusterCache, ClusterCachedView

__all__ = ["ClusterConnectionHandler"]


class ClusterView(CommandView[V]):
    """The commands of a cluster, with options of ``execute_command``."""

    @property
    def raw(self) -> CommandView[bytes]:
        """As the handler's."""
        return self._with("raw", True)

    @property
    def retrying(self) -> CommandView[V]:
        """As the handler's."""
        return self._with("retry", True)

    def withTimeout(self, seconds: float) -> CommandView[V]:
        """As the handler's."""
        return self._with("timeout", check_timeout(seconds))

    def scan_iter(self, *args: Any, **keywords: Any) -> ClusterScanIterator:
        """As the handler's, with the options of this view for each command."""
        iterator: ClusterScanIterator = self._host.scan_iter(*args, **keywords)  # type: ignore[attr-defined]
        return iterator.with_options(self._options)

    def _with(self, name: str, value: object) -> CommandView[Any]:
        return ClusterView(self._host, {**self._options, name: value})


_Self = TypeVar("_Self", bound="ClusterConnectionHandler[Any]")


class ClusterConnectionHandler(ClusterCommands[V]):
    """The commands, each sent to the node of its keys. Constructors such as ``ClusterConnection()`` make one."""

    async def __aenter__(self: _Self) -> _Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.disconnect()

    def disconnect(self, *, timeout: float | None = None) -> Deferred[Any]:
        """Close the connections to all nodes after the replies to their commands in flight, and make no new ones.

        Commands that wait for a node fail with :exc:`NotSentError`.

        :param timeout: seconds until connections that are still open are aborted; None: the option
            ``disconnectTimeout``.
        :returns: fires with None when all are closed.
        """
        return self._members.disconnect(timeout)

    def stats(self) -> ClusterStats:
        """Return the sum of all nodes' statistics, those of nodes that have left included, and of the cluster's own."""
        return self._members.stats()

    # -- views

    @property
    def raw(self) -> CommandView[bytes]:
        """The same commands, with replies left as bytes: ``yield rc.raw.get("key")``."""
        return ClusterView(self, {"raw": True})

    @property
    def retrying(self) -> CommandView[V]:
        """The same commands, marked as safe to execute twice: ``yield rc.retrying.set("k", 1)``.

        They are sent again after a lost connection, by the option ``retry`` or, without it, ``RetryPolicy()``; each
        attempt looks up the slot anew.
        """
        return ClusterView(self, {"retry": True})

    def withTimeout(self, seconds: float) -> CommandView[V]:
        """The same commands, each with a time limit for all its attempts: ``yield rc.withTimeout(2).get("key")``.

        :param seconds: from the call to the reply, above 0.
        :raises ValueError: ``seconds`` is not a number above 0.
        """
        return ClusterView(self, {"timeout": check_timeout(seconds)})

    def cached(self, ttl: float | None = None) -> ClusterCachedView[V]:
        """The commands that read keys, answered from memory where it has a young reply: ``rc.cached(60).get("key")``.

        Needs the option ``cache``. Each master tells of each change; see :class:`~txredis_fast.ClientCache`. Whatever
        ``readFrom`` says, replicas are not asked. ``mget`` and ``exists`` take keys of any slots.

        :param ttl: age in seconds that is accepted, 0 or more; 0: the server is asked. None: ``default_ttl``.
        :raises RedisError: the handler was made without the option ``cache``.
        :raises ValueError: ``ttl`` is not a finite number, 0 or more.
        """
        return self.cache.view(ttl)

    @property
    def cache(self) -> ClusterCache:
        """The cache that :meth:`cached` reads from, with ``forget(*keys)``, ``clear()`` and ``stats()``.

        :raises RedisError: the handler was made without the option ``cache``.
        """
        if self._members.cache is None:
            raise no_cache()
        return self._members.cache

    def scan_iter(
        self,
        pattern: Argument | None = None,
        count: int | None = None,
        *,
        type: Argument | None = None,
        match: Argument | None = None,
    ) -> ClusterScanIterator:
        """Iterate over the keys of all slots, although slots and masters may move meanwhile.

        Parameters: see ``scan_iter`` of :class:`.ConnectionHandler`.

        :returns: a :class:`ClusterScanIterator` of keys.
        """
        return ClusterScanIterator(self._members, scan_arguments(pattern if match is None else match, count, type), {})

    # -- messages

    def subscriber(
        self,
        on_message: OnMessage | None = None,
        *,
        maxPendingMessages: int = PENDING_MESSAGES_KEPT,
        maxConcurrentMessages: int = 1,
        slowConsumer: SlowConsumerPolicy = "pause",
        on_gap: Callable[[float, list[Refused]], object] | None = None,
        on_dropped: Callable[[int], object] | None = None,
    ) -> Subscribing:
        """Receive published messages; as :meth:`.ConnectionHandler.subscriber`.

        Channels and patterns are subscribed to at one node, and at another one if that is lost; shard channels at the
        nodes of their slots, which are followed.

        :returns: a :class:`Subscribing`, which fires with a :class:`ClusterSubscriber`.
        :raises ValueError: an argument is wrong; the error names it.
        """
        from ..pubsub import check_bounds, check_hooks, open_subscriber
        from .messages import ClusterSubscriber  # few programs need it

        on_message, on_gap, on_dropped = check_hooks(on_message, on_gap, on_dropped)
        bounds = check_bounds(maxPendingMessages, maxConcurrentMessages, slowConsumer)
        return open_subscriber(ClusterSubscriber(self._members, on_message, bounds, on_gap, on_dropped))

    # -- streams

    def consume(
        self, stream: Key, group: Argument, name: Argument, *, dead_letter: Key | None = None, **options: Any
    ) -> StreamConsumer:
        """Read the entries of a stream as a member of a consumer group; as :meth:`.ConnectionHandler.consume`.

        The consumer follows the slot of its stream.

        :param dead_letter: of the same slot, because an entry goes there in a transaction.
        :returns: a :class:`StreamConsumer`; nothing is sent before it is used.
        :raises CrossSlotError: *dead_letter* belongs to another slot.
        """
        from ..streaming import consume

        handler: Any = self  # has the methods that a consumer calls
        consumer = consume(handler, stream, group, name, dead_letter=dead_letter, **options)
        if dead_letter is not None:
            slot_of_keys("XADD", (stream, dead_letter), self._charset)
        return consumer

    @property
    def _factory(self) -> Pool:
        """The pool whose end ends a consumer."""
        return self._members.options_pool

    # -- transactions

    def multi(self, keys: Keys | None = None) -> Deferred[ClusterTransaction[V]]:
        """Begin a transaction, whose keys belong to one slot.

        :param keys: keys to watch before MULTI: a key, or an iterable of keys. None: no connection is taken before
            ``commit``, which writes the whole transaction at once.
        :returns: fires with a :class:`ClusterTransaction`, whose commands answer ``"QUEUED"`` until its ``commit``.
        """
        if keys is None:
            return ClusterTransaction(self._members, self, self._members.owner).begin()
        return self.watch(keys).addCallback(lambda transaction: transaction.multi())

    def watch(self, keys: Keys) -> Deferred[ClusterTransaction[V]]:
        """Begin a transaction by watching keys of one slot, on a connection of its own to their node.

        :param keys: a key, or an iterable of keys.
        :returns: fires with a :class:`ClusterTransaction`, whose commands are executed at once until its ``multi``.
        """
        try:
            names = keys_as_given(keys)
        except Exception:
            return fail()
        return ClusterTransaction(self._members, self, self._members.owner).begin_watching(names)

    def transaction(self, watch: Keys | None = None) -> TransactionContext[V]:
        """A transaction as a context manager: ``async with rc.transaction(watch=["k"]) as t:``.

        As :meth:`.ConnectionHandler.transaction`; all keys belong to one slot.
        """
        return TransactionContext(self, None if watch is None else keys_as_given(watch))

    def transact(
        self, function: Callable[[ClusterTransaction[V]], Any], *watched: Keys, retries: int = 16
    ) -> Deferred[list[Any]]:
        """Run a transaction; run it again if a watched key has changed, or its slot has moved, before EXEC.

        As :meth:`.ConnectionHandler.transact`; all keys belong to one slot.
        """
        try:
            keys = keys_as_given(watched)
        except Exception:
            return fail()
        from ..client.transact import run_transaction  # few programs need it

        return Deferred.fromCoroutine(run_transaction(self, function, keys, retries))

    # -- nodes

    def node_for(self, key: Argument) -> ClusterNode[V]:
        """Return the node that serves a key's slot; every command is a method of it.

        :param key: str or bytes.
        :raises NoSlotError: none is known to.
        """
        slot = key_slot(key, self._charset)
        node = None if self._members.owners[slot] is None else self._members.owner(slot)
        if node is None:
            raise NoSlotError(f"no node is known to serve the slot {slot}")
        return node

    def nodes(self) -> list[ClusterNode[V]]:
        """Return all nodes of the last topology, masters first."""
        return [*self.masters(), *self.replicas()]

    def masters(self) -> list[ClusterNode[V]]:
        """Return the nodes that serve slots, by the last topology."""
        return self._members.masters()

    def replicas(self) -> list[ClusterNode[V]]:
        """Return the replicas, by the last topology."""
        return self._members.replicas()

    def on(self, node: ClusterNode[Any] | tuple[str, int] | str) -> ClusterNode[V]:
        """Return a node, whose methods are the commands: ``yield rc.on("10.0.0.1:6379").info()``.

        :param node: a node, ``(host, port)``, or ``"host:port"``.
        :raises ValueError: it is no node of this cluster.
        """
        return self._members.node_of(node)

    @property
    def on_masters(self) -> NodesView:
        """The commands, each sent to all masters: ``yield rc.on_masters.dbsize()`` is ``{ClusterNode: reply}``.

        What a node fails with is its value; ``rc.on_masters.gather.dbsize()`` fails instead.
        """
        return NodesView("all masters", self.masters)

    @property
    def on_replicas(self) -> NodesView:
        """The commands, each sent to all replicas; see :attr:`on_masters`."""
        return NodesView("all replicas", self.replicas)

    @property
    def on_all(self) -> NodesView:
        """The commands, each sent to all nodes; see :attr:`on_masters`."""
        return NodesView("all nodes", self.nodes)

    def refresh(self) -> Deferred[None]:
        """Ask the nodes for the topology now. Nothing needs it: the handler asks whenever something shows a change.

        :returns: fires with None when the topology is known; fails with :exc:`NotSentError` if no node tells it.
        """
        return self._members.topology.refresh().addCallback(lambda _: None)

    # -- pipelines and batches

    def pipeline(self) -> Deferred[Pipeline[V]]:
        """Collect commands and send them at once, to all nodes at the same time.

        The commands of one slot are executed in the order given, by its master whatever ``readFrom`` says. Between
        slots there is no order. MULTI inside of it is a transaction of one slot.

        :returns: fires with a :class:`Pipeline`; see its ``execute_pipeline``.
        """
        return succeed(self._make_pipeline())

    def pipelined(self) -> PipelineContext[V]:
        """A pipeline as a context manager: ``async with rc.pipelined() as p:``.

        Leaving the block executes the pipeline, unless that was done; ``p.results`` has the replies. The Deferreds of
        its commands fire then, so do not await them in the block. After an exception or a cancellation no command is
        sent.
        """
        return PipelineContext(self._make_pipeline())

    def batch(
        self, commands: Batch | Iterable[Sequence[Any]], *, raise_on_error: bool = True, timeout: float | None = None
    ) -> Deferred[list[Any]]:
        """Send many commands, in one write to each node, to all nodes at the same time.

        The commands of one slot are executed in the order given, by its master whatever ``readFrom`` says. Between
        slots there is no order.

        :param commands: a :class:`Batch`, or an iterable of commands such as ``("SET", "key", 1)``.
        :param raise_on_error: False: error replies are values in the list, and so are the failures of single nodes.
        :param timeout: seconds from the call to the last reply; None: ``poolTimeout`` for what is waited for, then
            ``replyTimeout`` for the replies.
        :returns: fires with the replies in order; fails as ``Pipeline.execute_pipeline`` does. If one node is lost,
            the commands of the others are executed nevertheless; ``results`` of the error has their replies.
        """
        try:
            listed = commands_of(commands)
        except Exception:
            return fail()
        sent = self._send_batch(listed, False, timeout)
        return sent.addCallback(check_replies) if raise_on_error else sent

    def execute_pipeline(self) -> Deferred[Any]:
        """Fails: the pipeline that ``pipeline`` fires with has this method."""
        return fail(RedisError("Not currently pipelining commands, please use pipeline() first"))

    def _make_pipeline(self) -> Pipeline[V]:
        cls = bind_scope_class(Pipeline, self._members.protocol)
        return cls(self._members.connection_now, self._send_batch, self)

    def commit(self) -> Deferred[Any]:
        """Fails: the transaction that ``multi`` fires with has this method."""
        return fail(RedisError("Not in transaction"))

    def discard(self) -> Deferred[Any]:
        """Fails: the transaction that ``multi`` fires with has this method."""
        return fail(RedisError("Not in transaction"))

    if not TYPE_CHECKING:  # type checkers report an unknown name themselves

        def __getattr__(self, name: str) -> NoReturn:
            raise no_cache() if name == "cache" else unknown_name(self, name)

    def __repr__(self) -> str:
        members = self._members
        view = members.topology.view
        if view is None:
            return "<Redis Cluster: not connected>"
        return f"<Redis Cluster: {len(members.masters())} masters, {len(members.replicas())} replicas>"
