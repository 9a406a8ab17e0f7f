"""One node of a cluster: a pool that connects when it is first used, and its handler.

This module must not know slots or redirections.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.python.failure import Failure

from .._types import Reply, V
from ..batching import Command, as_deferred
from ..client import COMMAND_METHODS, ConnectionHandler, RedisFactory
from ..commands import Commands
from ..commands._parts import longest_wait, unknown_name
from ..connection import RedisProtocol
from ..exceptions import NotSentError, ResponseError
from ..inflight import check_timeout
from ..options import ClusterOptions, ConnectionOptions
from ..resp import fixed_values
from ..telemetry import ClusterObserver
from ..transport import name_of_place, tcp_endpoint
from .topology import Address, NodeFacts

if TYPE_CHECKING:
    from twisted.internet.interfaces import IStreamClientEndpoint

    from ..connection import Step
    from ..options import RetryPolicy

__all__ = ["ClusterNode", "NodeFactory", "NodesView", "Watcher", "node_options"]

#: Seconds, where a program gives none: a dead node is to be left soon.
CONNECT_SECONDS = 2.0
HEALTH_CHECK_SECONDS = 5.0


def node_options(options: ClusterOptions) -> ConnectionOptions:
    """The options of a node's pool. The cluster itself sends refused commands again, and calls the hooks."""
    taken = {field.name: getattr(options, field.name) for field in dataclasses.fields(ConnectionOptions)}
    taken |= {"retry": None, "hooks": (), "slowCommandThreshold": None}
    if options.connectTimeout is None:
        taken["connectTimeout"] = CONNECT_SECONDS
    if options.healthCheckInterval is None:
        taken["healthCheckInterval"] = HEALTH_CHECK_SECONDS
    return ConnectionOptions(**taken)


class Watcher(Protocol):
    """The cluster, which a node tells that the topology may have changed."""

    @property
    def observer(self) -> ClusterObserver:
        """Calls the hooks."""

    @property
    def reads_from_replicas(self) -> bool:
        """Whether connections have to be allowed to read from a replica."""

    def note(self, reason: str, address: Address | None = None) -> None:
        """Something has happened after which the topology may be another one."""

    def facts_of(self, address: Address) -> NodeFacts | None:
        """The entry of a node in the last topology; None if there is none."""

    def slots_of(self, address: Address) -> Sequence[tuple[int, int]]:
        """The ranges of slots that a node serves as their master."""


class NodeProtocol(RedisProtocol):
    """A connection to a node, which has answered before it is used: the kernel accepts connections of a hung server.

    Where replicas may be read from, it has said READONLY. So it serves both roles of its server.
    """

    def _handshake_checks(self) -> list[Step]:
        command = "READONLY" if self.factory.watcher.reads_from_replicas else "PING"
        answered = as_deferred(self.execute_command, command)
        if command == "PING":
            answered.addErrback(lambda failure: failure.trap(ResponseError) and None)  # also an error is an answer
        return [(f"the node did not accept {command}", answered)]


class NodeFactory(RedisFactory):
    """The connections to one node. The first caller that needs one has them made.

    :ivar watcher: see :class:`Watcher`.
    :ivar address: host and port.
    """

    protocol: Any = NodeProtocol
    #: A tracked connection has answered before it is used, too. It never says READONLY.
    tracked_protocol = RedisProtocol
    initialDelay = 0.1
    #: Seconds: a node that comes back is used soon, and each failing attempt makes the cluster look for its successor.
    maxDelay = 2

    def __init__(
        self, watcher: Watcher, address: Address, options: ConnectionOptions, policy: RetryPolicy | None
    ) -> None:
        """Make the pool of a node, which connects when it is first used.

        :param options: see :func:`node_options`.
        :param policy: the option ``retry`` of the program.
        """
        self.watcher = watcher
        self.address = address
        name = name_of_place(*address)
        handler = ToldNode if watcher.observer.tells else ClusterNode
        super().__init__(handler=handler, **self.arguments(name, options, True))
        self.reconnect = options.reconnect
        self.retryPolicy = policy
        self._node_endpoint = tcp_endpoint(*address, options.connectTimeout, options.tls_context)
        self._started = False
        #: Callers that wait for the end of the attempt to connect -> their places among all that wait for a connection.
        self._reaching: dict[Deferred[RedisProtocol], Deferred[RedisProtocol]] = {}

    def start(self) -> None:
        """Begin to connect, if nobody has had it begun."""
        if not self._started and not self.disconnectCalled:
            self._started = True
            self.startConnecting(self._node_endpoint)

    def getConnection(self, peek: bool = False) -> Deferred[RedisProtocol]:
        """Fires with a usable connection; begins to connect. See :meth:`.Pool.getConnection`."""
        self.start()
        return super().getConnection(peek)

    def reach(self) -> Deferred[RedisProtocol]:
        """Fires with a usable connection; fails with the reason of the next attempt to connect that fails."""
        getting = self.getConnection(True)
        reached: Deferred[RedisProtocol] = Deferred(lambda _: getting.cancel())
        self._reaching[reached] = getting

        def done(result: RedisProtocol | Failure) -> None:
            self._reaching.pop(reached, None)
            if not reached.called:
                reached.callback(result)

        getting.addBoth(done)
        return reached

    def convert(self, data: Reply) -> Reply:
        """Convert a value that was received raw, as replies are.

        :raises NotSentError: no connection is left that knows how.
        """
        for connection in self.pool:
            return connection.tryConvertData(data)
        raise NotSentError("Not connected")

    def start_cache(self) -> None:
        """There is a connection: a master's cache has its own."""
        facts = self.watcher.facts_of(self.address)
        if facts is not None and facts.role == "master":
            super().start_cache()

    def endpoint_of_lane(self) -> IStreamClientEndpoint:
        """Return the endpoint for blocking commands and subscribers."""
        return self._node_endpoint

    def attemptFailed(self, reason: str) -> None:
        """An attempt to connect failed: another node may serve the slots of this one by now."""
        super().attemptFailed(reason)
        reason = reason.removeprefix(f"{self.uuid}: ")
        reaching, self._reaching = self._reaching, {}
        for reached, getting in reaching.items():
            if not reached.called:
                reached.errback(NotSentError(reason))
            getting.cancel()

    def noteOutage(self, reason: str) -> None:
        """The node cannot be used: another one may serve its slots by now."""
        super().noteOutage(reason)
        if not self.disconnectCalled:
            self.watcher.note(f"{self.uuid}: {reason}", self.address)

    def delConnection(self, conn: RedisProtocol) -> None:
        """A connection was lost, perhaps with its server."""
        super().delConnection(conn)
        if not self.disconnectCalled:
            self.watcher.note(f"a connection to {self.uuid} was lost", self.address)

    def found_replica(self, connection: RedisProtocol, error: ResponseError) -> None:
        """The server has become a replica. The connection stays: the topology tells who is the master."""
        self.watcher.note(f"{self.uuid} is a replica", self.address)


class ClusterNode(ConnectionHandler[V]):
    """One node of a cluster: its address and role, and every command, sent to this node whatever its keys are.

    Nothing is sent elsewhere if the node answers with a redirection: the command fails with it. Reads of
    ``cached(ttl)`` are those of the cluster, though: they are sent to the master of their slot.
    """

    _factory: NodeFactory

    @property
    def pool(self) -> NodeFactory:
        """Its connections."""
        return self._factory

    @property
    def name(self) -> str:
        """``host:port``, or ``[host]:port`` for an IPv6 address."""
        return name_of_place(*self._factory.address)

    @property
    def host(self) -> str:
        """The host that is connected to."""
        return self._factory.address[0]

    @property
    def port(self) -> int:
        """The port that is connected to."""
        return self._factory.address[1]

    @property
    def address(self) -> Address:
        """Host and port."""
        return self._factory.address

    @property
    def id(self) -> str:
        """The node's ID in the cluster, 40 hexadecimal digits; "" if it is not known."""
        facts = self._factory.watcher.facts_of(self.address)
        return "" if facts is None else facts.id

    @property
    def is_master(self) -> bool:
        """Whether the last topology has it as a master. (``role()`` is a command: it asks the node itself.)"""
        facts = self._factory.watcher.facts_of(self.address)
        return facts is not None and facts.role == "master"

    @property
    def is_replica(self) -> bool:
        """Whether the last topology has it as a replica."""
        facts = self._factory.watcher.facts_of(self.address)
        return facts is not None and facts.role == "replica"

    @property
    def zone(self) -> str | None:
        """Its availability zone, if it announces one."""
        facts = self._factory.watcher.facts_of(self.address)
        return None if facts is None else facts.zone

    @property
    def slots(self) -> list[tuple[int, int]]:
        """The ranges of slots that it serves as their master, first and last slot of each."""
        return list(self._factory.watcher.slots_of(self.address))

    def send(self, *args: Any, **kwargs: Any) -> Deferred[Any]:
        """``execute_command`` of an attempt, or of a question of this package's own: hooks are not told."""
        return self.execute_command(*args, **kwargs)

    def __repr__(self) -> str:
        role = "master" if self.is_master else "replica" if self.is_replica else "no member"
        return f"<ClusterNode {self.name}, {role}, {self._factory.size} connection(s)>"


class ToldNode(ClusterNode[V]):
    """The same, where hooks are told of the commands that the program sends to the node."""

    def execute_command(self, *args: Any, **kwargs: Any) -> Deferred[Any]:
        """Send any command to this node."""
        return self._told(super().execute_command, args, kwargs)

    def send(self, *args: Any, **kwargs: Any) -> Deferred[Any]:
        """As the base class: hooks are not told."""
        return super().execute_command(*args, **kwargs)

    def _send_batch(
        self, commands: Sequence[Command], alone: bool, timeout: float | None = None
    ) -> Deferred[list[Any]]:
        telling = self._factory.watcher.observer.commands("PIPELINE", commands)
        telling.begin(self.address)
        return telling.around(partial(super()._send_batch, commands, alone, timeout))

    def _sender_on(self, connection: RedisProtocol) -> Callable[..., Deferred[Any]]:
        send = super()._sender_on(connection)
        return lambda *args, **kwargs: self._told(send, args, kwargs)

    def _told(self, send: Callable[..., Deferred[Any]], args: Sequence[Any], kwargs: dict[str, Any]) -> Deferred[Any]:
        blocking = bool(kwargs.get("blocking")) or longest_wait(args) is not None
        telling = self._factory.watcher.observer.command(args, blocking)
        telling.begin(self.address)
        noting = getattr(kwargs.get("post_proc"), "noting", None)
        if noting is not None:
            kwargs = {**kwargs, "post_proc": noting(telling.note)}
        return telling.around(partial(send, *args, **kwargs))


# So that each command passes `execute_command`: those of other handlers may call a method of the connection instead.
for _name, _method in COMMAND_METHODS.items():
    setattr(ToldNode, _name, _method)


class NodesView:
    """The commands of several nodes: ``await rc.on_masters.dbsize()`` is ``{ClusterNode: reply}``.

    It has every command, and ``batch``. All nodes get the command at the same time, and the Deferred
    fires when all have answered, with a dict. What a node fails with is its value in the dict.
    """

    def __init__(
        self,
        title: str,
        nodes: Callable[[], Iterable[ClusterNode[Any]]],
        host_of: Callable[[ClusterNode[Any]], Any] = lambda node: node,
        *,
        raises: bool = False,
    ) -> None:
        """Make it.

        :param title: their name, for ``repr``.
        :param nodes: returns the nodes, anew for each command.
        :param host_of: returns the object that has a node's commands: the node, or a view of it.
        :param raises: whether the error of a node fails the Deferred.
        """
        self._title = title
        self._nodes = nodes
        self._host_of = host_of
        self._raises = raises

    @property
    def gather(self) -> NodesView:
        """The same commands, which fail if a node fails: with its error, when all nodes have answered."""
        return NodesView(self._title, self._nodes, self._host_of, raises=True)

    @property
    def raw(self) -> NodesView:
        """The same commands, with replies left as bytes."""
        host_of = self._host_of
        return NodesView(self._title, self._nodes, lambda node: host_of(node).raw, raises=self._raises)

    def withTimeout(self, seconds: float) -> NodesView:
        """The same commands, each with a time limit; see :meth:`.ConnectionHandler.withTimeout`."""
        host_of, limit = self._host_of, check_timeout(seconds)
        return NodesView(self._title, self._nodes, lambda node: host_of(node).withTimeout(limit), raises=self._raises)

    def execute_command(self, *args: Any, **kwargs: Any) -> Deferred[dict[ClusterNode[Any], Any]]:
        """Send any command to each node."""
        return self._call("execute_command", args, kwargs)

    def _call(self, name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> Deferred[dict[ClusterNode[Any], Any]]:
        # Each node gets the same: an iterator would be used up by the first one.
        given = tuple(map(fixed_values, args))
        named = {key: fixed_values(value) for key, value in kwargs.items()}
        nodes = list(self._nodes())
        sent = [maybeDeferred(getattr(self._host_of(node), name), *given, **named) for node in nodes]

        def replies(ended: list[tuple[bool, Any]]) -> dict[ClusterNode[Any], Any]:
            for succeeded, reply in ended if self._raises else ():
                if not succeeded:
                    reply.raiseException()
            values = [reply if succeeded else reply.value for succeeded, reply in ended]
            return dict(zip(nodes, values, strict=True))

        together: Deferred[Any] = DeferredList(sent, consumeErrors=True)
        return together.addCallback(replies)

    def __getattr__(self, name: str) -> Callable[..., Deferred[dict[ClusterNode[Any], Any]]]:
        if name.startswith("_") or not (name == "batch" or callable(getattr(Commands, name, None))):
            raise unknown_name(self, name, Commands)

        def command(*args: Any, **kwargs: Any) -> Deferred[dict[ClusterNode[Any], Any]]:
            return self._call(name, args, kwargs)

        command.__name__ = name
        return command

    def __dir__(self) -> list[str]:
        public = (name for name in dir(Commands) if not name.startswith("_"))
        return sorted({*super().__dir__(), "batch", *(name for name in public if callable(getattr(Commands, name)))})

    def __repr__(self) -> str:
        return f"<NodesView of {self._title}>"
