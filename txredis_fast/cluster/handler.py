"""The handler of a cluster: every command, sent to the node that serves the slot of its keys.

The command methods are those of every handler, over :meth:`ClusterConnectionHandler.execute_command`. Its first attempt
is made here, on a connection that is there; everything else is a :class:`.redirects.CommandWay`.

This module must not know how a node connects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from twisted.internet.defer import Deferred, fail, succeed

from .._checks import check_credential
from .._tunables import PENDING_MESSAGES_KEPT
from .._types import Argument, Keys, Text, V
from ..batching import (
    Batch,
    Command,
    Pipeline,
    PipelineContext,
    TransactionContext,
    bind_scope_class,
    check_replies,
    commands_of,
)
from ..client import CommandView, execute_with_retries, keys_as_given
from ..commands import Commands
from ..commands._parts import (
    BLOCKING,
    GUARDED,
    Recovery,
    command_name,
    guarded_arguments,
    is_read_only,
    longest_wait,
    refusal,
    unknown_name,
)
from ..commands._parts.keys import ONE_KEY
from ..connection import RedisProtocol
from ..exceptions import NoSlotError, RedisError
from ..helpers import RegisteredScripts, ScanIterators
from ..inflight import check_timeout, fast_path_of_cluster, first_error, limit_error
from ..options import RetryPolicy
from ..resp import fixed_arguments, key_slot
from ..telemetry import ClusterStats, Telling
from .batches import send_commands, send_to_all
from .members import Members
from .node import ClusterNode, NodeFactory, NodesView
from .quick import read_keys, send_simple
from .reads import ReadChoice
from .redirects import CommandWay, is_refusal, when_known
from .routing import UNKNOWN, LearnedKeys, slot_of_command
from .scan import ClusterScanIterator, scan_arguments
from .spread import has_several_slots, only_value, reach_of, refuse_of_one_node, slot_of_cursor
from .transactions import ClusterTransaction

if TYPE_CHECKING:
    from ..pubsub import OnMessage, Refused, SlowConsumerPolicy, Subscribing

__all__ = ["ClusterConnectionHandler"]


def _values(values: list[Any], convert: Any) -> Any:
    """The values of MGET; raises the first error among them."""
    index = first_error(values)
    if index >= 0:
        raise values[index]
    return values if convert is None else convert(values)


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

#: Keyword arguments with which a command may be sent at once, without a look at the others.
_PLAIN = frozenset(("post_proc", "raw"))


class ClusterConnectionHandler(Commands[V], ScanIterators[V], RegisteredScripts):
    """The commands, each sent to the node of its keys. Constructors such as ``ClusterConnection()`` make one."""

    def __init__(self, members: Members) -> None:
        self._members = members
        self._charset = members.options.charset
        self._learned = LearnedKeys(self._ask_any, self._charset)
        #: By slot, the pool of its owner; None where a command needs more than its owner.
        needs_more = members.reads_from_replicas or members.options.retry is not None or members.observer.tells
        self.pools = None if needs_more else members.pools

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
        from .subscriber import ClusterSubscriber  # few programs need it

        on_message, on_gap, on_dropped = check_hooks(on_message, on_gap, on_dropped)
        bounds = check_bounds(maxPendingMessages, maxConcurrentMessages, slowConsumer)
        return open_subscriber(ClusterSubscriber(self._members, on_message, bounds, on_gap, on_dropped))

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
        node = self._members.owner(slot)
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

    def select(self, index: int) -> Deferred[Text]:
        """Change the database of all connections to all nodes, and of later ones. Valkey 9.0; others have but one.

        :returns: fires with ``"OK"``; fails with :exc:`ResponseError`, changing nothing, if there is no such database.
        """
        members = self._members
        return self._tell_all(("SELECT", index), lambda node: node.select(index), lambda: members.use_database(index))

    def auth(self, password: Argument, username: Argument | None = None) -> Deferred[Text]:
        """Log in all connections to all nodes, and later ones.

        :param password: the password.
        :param username: the ACL user. None or empty means the user ``default``.
        :returns: fires with ``"OK"``; fails with :exc:`AuthenticationError` if a node refuses the login. If that is the
            first node, nothing is changed.
        """
        try:
            password = check_credential("password", password, function_allowed=False)
            username = check_credential("username", username, function_allowed=False)
            if password is None:
                raise ValueError("password must not be None")
        except ValueError:
            return fail()
        members = self._members
        return self._tell_all(
            ("AUTH", *([] if username is None else [username]), password),
            lambda node: node.auth(password, username),
            lambda: members.log_in(password, username),
        )

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

        Leaving the block executes the pipeline, unless that was done; ``p.results`` has the replies. After an exception
        or a cancellation no command is sent.
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

    def _send_batch(
        self, commands: Sequence[Command], alone: bool, timeout: float | None = None
    ) -> Deferred[list[Any]]:
        observer = self._members.observer
        if observer.tells:
            telling = observer.commands("PIPELINE", commands)
            told = send_commands(self._members, self._learned, commands, alone, timeout, telling=telling)
            return told.addBoth(telling.end)
        if not alone and timeout is None and self.pools is not None:
            try:
                sent = send_simple(self._members, commands, self._send_long)
            except Exception:  # whatever an argument makes be raised
                return fail()
            if sent is not None:
                return sent
        return send_commands(self._members, self._learned, commands, alone, timeout)

    def _send_long(self, commands: Sequence[Command]) -> Deferred[list[Any]]:
        return send_commands(self._members, self._learned, commands, False, None)

    def commit(self) -> Deferred[Any]:
        """Fails: the transaction that ``multi`` fires with has this method."""
        return fail(RedisError("Not in transaction"))

    def discard(self) -> Deferred[Any]:
        """Fails: the transaction that ``multi`` fires with has this method."""
        return fail(RedisError("Not in transaction"))

    # -- sending

    @partial(fast_path_of_cluster, ONE_KEY, RedisProtocol.execute_command)
    def execute_command(self, *args: Any, **kwargs: Any) -> Deferred[Any]:
        """Send any command to the node of its keys: ``rc.execute_command("OBJECT", "ENCODING", "key")``.

        Keyword arguments are those of :meth:`.ConnectionHandler.execute_command`.

        :returns: fires with the value. Fails with :exc:`CrossSlotError`, and nothing is sent, if the keys belong to
            different slots; with what the servers refuse it for, when ``poolTimeout`` or ``maxRedirections`` is used
            up; with :exc:`NoSlotError` if nobody serves the slot for so long.
        """
        try:
            place = ONE_KEY.get(args[0]) if args and type(args[0]) is str else None
            if place is not None and place < len(args) and kwargs.keys() <= _PLAIN and self.pools is not None:
                slot = key_slot(args[place], self._charset)
                return self._send(args, kwargs, slot, partial(self._members.owner, slot))
            return self._tell(args, kwargs) if self._members.observer.tells else self._route(args, kwargs)
        except Exception:  # any exception, because a command never raises
            return fail()

    def _tell(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Deferred[Any]:
        """Send a command, and tell hooks of it: once, whatever becomes of it."""
        telling = self._members.observer.command(args, bool(kwargs.get("blocking")) or longest_wait(args) is not None)
        recovery = kwargs.get("post_proc")
        if isinstance(recovery, Recovery):  # which sends a command of its own
            kwargs["post_proc"] = recovery.noting(telling.note)
        return telling.around(partial(self._route, args, {**kwargs, "telling": telling}))

    def _tell_all(
        self, args: tuple[Any, ...], tell: Callable[[ClusterNode[Any]], Deferred[Any]], told: Callable[[], object]
    ) -> Deferred[Any]:
        """Have all nodes changed by a command, of which hooks are told once."""
        members = self._members

        def known(_: object) -> Deferred[Any]:
            telling = members.observer.command(args)
            telling.begin()
            return telling.around(partial(members.tell_all, tell, told))

        return when_known(members, None).addCallback(known)

    def _route(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Deferred[Any]:
        wrong = limit_error(kwargs.get("timeout"))
        if wrong is not None:
            return fail(wrong)
        marked = kwargs.pop("retry", False)
        policy = self._members.options.retry or (RetryPolicy() if marked else None)
        args = fixed_arguments(args)
        if policy is None:
            return self._route_once(*args, **kwargs)
        recovery = kwargs.get("post_proc")
        if isinstance(recovery, Recovery):
            kwargs["post_proc"] = recovery.convert
        sent = execute_with_retries(policy, self._route_once, args, kwargs, marked, lambda: self._members.closed)
        return sent.addErrback(recovery.errback) if isinstance(recovery, Recovery) else sent

    def _route_once(self, *args: Any, **kwargs: Any) -> Deferred[Any]:
        name = command_name(args)
        if name == "SELECT" and len(args) == 2:
            return self.select(args[1])
        if name == "AUTH" and len(args) in (2, 3):
            return self.auth(*reversed(args[1:]))
        if name in BLOCKING:
            if longest_wait(args, name) is not None:
                kwargs["blocking"] = True
        elif name in GUARDED:
            args = guarded_arguments(args, name)
            refused = refusal(args, self._members.protocol)
            if refused is not None:
                return fail(refused)
        refuse_of_one_node(name)
        if name == "MGET" and kwargs.keys() <= _PLAIN and self.pools is not None:
            read = read_keys(self._members, args, bool(kwargs.get("raw")), self._send_long)
            if read is not None:
                return read.addCallback(_values, kwargs.get("post_proc"))
        if has_several_slots(name, args, self._charset):
            return self._send_apart(args, kwargs)
        reach = reach_of(name, args)
        if reach is not None:
            if "telling" in kwargs:
                kwargs["telling"].begin()  # as of several nodes
            return send_to_all(self._members, reach, partial(self._send, args), kwargs)
        slot = slot_of_cursor(args) if name == "CLUSTERSCAN" else slot_of_command(args, self._charset)
        if slot == UNKNOWN:
            slot = self._learned.slot(args)
        if slot == UNKNOWN:
            return self._learned.ask_slot(args).addCallback(partial(self._send_to_slot, args, kwargs))
        return self._send_to_slot(args, kwargs, slot)

    def _send_to_slot(self, args: tuple[Any, ...], kwargs: dict[str, Any], slot: int | None) -> Deferred[Any]:
        choose: Callable[[], ClusterNode[Any] | None]
        if slot is None:
            choose = self._members.any_master
        elif self._members.reads_from_replicas and is_read_only(args):
            choose = ReadChoice(self._members, slot)
        else:
            choose = partial(self._members.owner, slot)
        return self._send(args, kwargs, slot, choose)

    def _send_apart(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Deferred[Any]:
        """Send a command whose keys belong to several slots: to all nodes at the same time."""
        command = args, kwargs.get("post_proc"), bool(kwargs.get("raw"))
        reads = self._members.reads_from_replicas and is_read_only(args)
        timeout, telling = kwargs.get("timeout"), kwargs.get("telling")
        sent = send_commands(self._members, self._learned, [command], False, timeout, reads, telling)
        return sent.addCallback(only_value)

    def _send(
        self,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        slot: int | None,
        choose: Callable[[], ClusterNode[Any] | None],
    ) -> Deferred[Any]:
        """Make the first attempt, on a connection that is there; else leave it to a CommandWay."""
        telling: Telling | None = kwargs.pop("telling", None) if kwargs else None
        node = choose()
        if telling is not None:
            telling.begin(("", None) if node is None else node.address, slot)
        if not kwargs.get("blocking") and kwargs.get("timeout") is None:
            connection = None if node is None else node.pool.connectionQueue.pick()
            if node is not None and connection is not None:
                recovery = kwargs.get("post_proc")
                inner = recovery if isinstance(recovery, Recovery) else None
                convert = inner.convert if inner is not None else recovery
                again = partial(self._again, fixed_arguments(args), kwargs, slot, choose, node, inner, telling)
                sent: Deferred[Any] = connection.execute_command(
                    *args, **{**kwargs, "post_proc": Recovery(convert, again)}
                )
                return sent
        return CommandWay(self._members, fixed_arguments(args), kwargs, slot, choose, telling).begin(node)

    def recovery_of(self, args: tuple[Any, ...], post_proc: Any, pool: NodeFactory) -> Recovery:
        """Make the converter of a command whose first attempt compiled code has made, and a node has refused.

        :param pool: the node's.
        """
        slot = slot_of_command(args, self._charset)
        choose = partial(self._members.owner, slot or 0)
        return Recovery(
            post_proc, partial(self._again, args, {"post_proc": post_proc}, slot, choose, pool.handler, None, None)
        )

    def _ask_any(self, *args: Any, **kwargs: Any) -> Deferred[Any]:
        """Send a command to any master."""
        return self._send(args, kwargs, None, self._members.any_master)

    def _again(
        self,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        slot: int | None,
        choose: Callable[[], ClusterNode[Any] | None],
        node: ClusterNode[Any],
        inner: Recovery | None,
        telling: Telling | None,
        error: Exception,
    ) -> Deferred[Any] | None:
        """What follows an error reply to the first attempt."""
        if is_refusal(error, args):
            return CommandWay(self._members, args, kwargs, slot, choose, telling).refused(error, node)
        return None if inner is None else inner.again(error)

    if not TYPE_CHECKING:  # type checkers report an unknown name themselves

        def __getattr__(self, name: str) -> NoReturn:
            raise unknown_name(self, name)

    def __repr__(self) -> str:
        members = self._members
        view = members.topology.view
        if view is None:
            return "<Redis Cluster: not connected>"
        return f"<Redis Cluster: {len(members.masters())} masters, {len(members.replicas())} replicas>"
