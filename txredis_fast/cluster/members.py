"""The nodes of a cluster, and which of them serves a slot.

A node is made when it is first named: by the program's seeds, by a topology or by a redirection. One that the topology
no longer has leaves: it gets no further command, and a moment for its replies in flight.

This module must not know commands.
"""

from __future__ import annotations

import dataclasses
import operator
import random
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import Deferred, DeferredList, DeferredLock, gatherResults
from twisted.logger import Logger
from twisted.python.failure import Failure

from .._checks import check_address, shown
from .._reactor import current_reactor
from .._types import Reply
from ..connection import RedisProtocol
from ..exceptions import (
    AskError,
    ClusterDownError,
    MovedError,
    NoPermissionError,
    NoSlotError,
    NotSentError,
    ResponseError,
)
from ..options import ClusterOptions
from ..pool import Pool
from ..telemetry import ClusterObserver, ClusterStats, Stats
from .node import ClusterNode, NodeFactory, node_options
from .topology import Address, NodeFacts, Seeds, Topology, View, name_of

if TYPE_CHECKING:
    from .many.caching import ClusterCache

__all__ = ["Members"]

_log = Logger()

#: Seconds for an answer to the question whether the cluster accepts commands.
QUESTION_SECONDS = 1.0


class FollowsTopology(Protocol):
    """Looks for the owners of slots itself: a subscriber."""

    def topology_changed(self) -> None:
        """A topology has been taken."""


class Members:
    """The nodes of one cluster.

    :ivar topology: which node serves which slot.
    :ivar nodes: the node of each address that is known.
    :ivar closed: whether :meth:`disconnect` was called.
    """

    def __init__(self, seeds: Seeds, options: ClusterOptions) -> None:
        """Make them; nothing connects yet.

        :param seeds: where the topology is asked for first, and when no known node answers.
        """
        self.options = options
        self.closed = False
        self.nodes: dict[Address, ClusterNode[Any]] = {}
        self._seeds = seeds
        self._node_options = node_options(options)
        #: The totals of nodes that have left.
        self._former_stats = Stats()
        self.observer = ClusterObserver(
            seeds.name,
            options.hooks,
            options.slowCommandThreshold,
            lambda: (self._node_options.password,),
            lambda: self._node_options.dbid or 0,
        )
        self.changing = DeferredLock()  # of the database and the login: one after the other, or nodes may differ
        #: The nodes that have left, and are not closed yet.
        self._leaving: dict[ClusterNode[Any], Deferred[Any]] = {}
        #: How often commands were sent elsewhere, by the code of the refusal; and after a pause.
        self.counts = {"MOVED": 0, "ASK": 0, "again": 0}
        #: A pool that never connects: subscribers take their options from it.
        self.options_pool = Pool(self._node_options, uuid=seeds.name, isLazy=True)
        self.subscribers: set[FollowsTopology] = set()
        #: Called when a topology has been taken, and when the cluster is closed: by commands that wait for either.
        self._waiting: dict[Callable[[], object], None] = {}
        self.topology = Topology(
            self._ask,
            self._connected,
            seeds.addresses,
            self._changed,
            clock=current_reactor(),
            interval=options.topologyInterval,
            address_map=options.addressMap,
        )
        self.owners = self.topology.owners
        #: By slot: its owner's pool; None until it is looked up. What compiled code uses.
        self.pools: list[NodeFactory | None] = [None] * len(self.owners)
        self._has_all_pools = False
        #: Whether the user may not ask for the topology: then each MOVED tells the owner of one slot.
        self.learns_by_moved = False
        #: The caches of all nodes; None without the option ``cache``. The handler sets it.
        self.cache: ClusterCache | None = None

    # -- questions and reports of nodes

    @property
    def reads_from_replicas(self) -> bool:
        """Whether connections have to be allowed to read from a replica."""
        return self.options.readFrom != "master"

    def note(self, reason: str, address: Address | None = None) -> None:
        """Something has happened after which the topology may be another one."""
        if not self.closed:
            self.topology.note(reason, address)

    def facts_of(self, address: Address) -> NodeFacts | None:
        """The entry of a node in the last topology; None if there is none."""
        view = self.topology.view
        return None if view is None else view.nodes.get(address)

    def slots_of(self, address: Address) -> Sequence[tuple[int, int]]:
        """The ranges of slots that a node serves as their master."""
        view = self.topology.view
        return () if view is None else view.slots_of(address)

    @property
    def protocol(self) -> Any:
        """The class of the nodes' connections."""
        return NodeFactory.protocol

    @property
    def pool_timeout(self) -> float | None:
        """Seconds of waits of a command, for a connection or an owner; None: no limit."""
        return self.options.pool_timeout

    # -- nodes

    def node_at(self, address: Address) -> ClusterNode[Any]:
        """The node of an address; made if it is new.

        :raises NotSentError: the cluster is closed.
        """
        node = self.nodes.get(address)
        if node is None:
            if self.closed:
                raise NotSentError("Not connected")
            factory = NodeFactory(self, address, self._node_options, self.options.retry)
            node = self.nodes[address] = factory.handler
            if self.cache is not None:
                self.cache.adopt(node)
        return node

    def owner(self, slot: int) -> ClusterNode[Any] | None:
        """The node that serves a slot, or that will name the one that does; None if none is known to."""
        address = self.owners[slot]
        node = None if address is None else self.node_at(address)
        if self.learns_by_moved and (node is None or not node.pool.size):
            return self._any_connected() or node
        if node is not None:
            self.pools[slot] = node.pool
        return node

    def nobody(self, slot: int | None) -> NoSlotError:
        """The error of a command that no node is known for."""
        text = "no node of the cluster is known" if slot is None else f"no node serves the slot {slot}"
        failure = self.topology.failure if self.topology.view is None else None
        return NoSlotError(text if failure is None else f"{text}: {failure}")

    def _any_connected(self) -> ClusterNode[Any] | None:
        connected = [node for node in self.nodes.values() if node.pool.size]
        return random.choice(connected) if connected and not self.closed else None

    def moved(self, slot: int, address: Address) -> None:
        """A MOVED has named the owner of a slot."""
        if 0 <= slot < len(self.pools):
            self.topology.moved(slot, address)
            node = self.nodes.get(address)
            self.pools[slot] = None if node is None else node.pool
            if self.cache is not None:
                self.cache.slot_moved(slot)

    def follow(self, error: Exception, asked: Address) -> None:
        """Note what a MOVED says; nothing else.

        :param asked: the address of the node that has answered.
        """
        if isinstance(error, MovedError) and error.slot is not None:
            target = self.target(error, asked)
            if target is not None and target != asked:
                self.counts["MOVED"] += 1
                self.observer.redirected(name_of(asked), "MOVED", error.slot, name_of(target))
                self.moved(error.slot, target)

    def _forget_pools(self) -> None:
        self.pools[:] = [None] * len(self.pools)
        self._has_all_pools = False

    def know_pools(self) -> bool:
        """Look up the pools of all slots, once for each topology.

        :returns: whether that was done now.
        """
        if self._has_all_pools or self.closed:
            return False
        self._has_all_pools = True
        found: dict[Address | None, NodeFactory | None] = {None: None}
        for slot, address in enumerate(self.owners):
            if address not in found:
                found[address] = self.node_at(address).pool  # type: ignore[arg-type]
            self.pools[slot] = found[address]
        return True

    def redirected(self, code: str, slot: int | None, node: ClusterNode[Any], target: Address) -> None:
        """A command goes to the node that MOVED or ASK has named."""
        self.counts[code] += 1
        self.observer.redirected(node.name, code, slot, name_of(target))

    def refused(self, error: BaseException) -> None:
        """A command is sent again after a pause."""
        self.counts["again"] += 1
        if isinstance(error, ClusterDownError) or (isinstance(error, NoSlotError) and self.topology.view is not None):
            self.observer.refused(str(error), self._accepts_commands)
        elif isinstance(error, NotSentError) and self.topology.failure is not None:
            self.observer.refused(str(self.topology.failure), self._accepts_commands)

    def _accepts_commands(self) -> Deferred[bool]:
        """Ask the cluster whether it is well. Who may not ask learns no more: then it is."""
        node = self.any_master()
        if node is None or self.topology.failure is not None:
            return self.topology.refresh(anew=False).addCallbacks(lambda _: True, lambda _: False)
        sent: Deferred[Any] = node.send("CLUSTER", "INFO", raw=True, timeout=QUESTION_SECONDS)
        return sent.addCallbacks(
            lambda told: b"cluster_state:ok" in bytes(told), lambda failure: bool(failure.check(ResponseError))
        )

    def server_of(self, slot: int | None) -> tuple[str, int | None]:
        """Where a command is sent first, for hooks; ("", None): it is not known."""
        address = None if slot is None else self.owners[slot]
        return ("", None) if address is None else address

    def masters(self) -> list[ClusterNode[Any]]:
        """The nodes that serve slots, by the last topology."""
        return self._of_role("master")

    def replicas(self) -> list[ClusterNode[Any]]:
        """The replicas, by the last topology."""
        return self._of_role("replica")

    def _of_role(self, role: str) -> list[ClusterNode[Any]]:
        view = self.topology.view
        facts = view.nodes.values() if view is not None else ()
        return self._nodes_at((each.host, each.port) for each in facts if each.role == role)

    def _nodes_at(self, addresses: Iterable[Address]) -> list[ClusterNode[Any]]:
        """The nodes of addresses; after the end, those that there were."""
        return [self.node_at(each) for each in addresses if not self.closed or each in self.nodes]

    def member(self, address: Address) -> ClusterNode[Any]:
        """The node of an address, as long as the cluster has it.

        :raises NotSentError: the last topology does not have it.
        """
        if self.facts_of(address) is None:
            raise NotSentError(f"{name_of(address)} has left the cluster")
        return self.node_at(address)

    def node_of(self, given: ClusterNode[Any] | Address | str) -> ClusterNode[Any]:
        """The node that a program means.

        :param given: a node, ``(host, port)``, or ``"host:port"``.
        :raises ValueError: it is no node of this cluster.
        """
        view = self.topology.view
        known = [] if view is None else self._nodes_at(view.nodes)
        for node in known:
            if given is node or given in (node.address, node.name):
                return node
        if isinstance(given, ClusterNode) and self.nodes.get(given.address) is given:
            return given
        names = ", ".join(node.name for node in known) or "none are known"
        raise ValueError(f"{shown(given)} is no node of this cluster; its nodes: {names}")

    def shards(self) -> list[int]:
        """A slot of each master, by the last topology. Commands for it follow the master's successor, too."""
        view = self.topology.view
        return [] if view is None else [view.slots_of(node.address)[0][0] for node in self.masters()]

    def any_master(self) -> ClusterNode[Any] | None:
        """A master for a command without keys: one that is connected, if there is one."""
        masters = self.masters()
        if not masters and self.learns_by_moved:
            return self._any_connected()
        return random.choice([each for each in masters if each.pool.size] or masters) if masters else None

    def target(self, error: MovedError | AskError, asked: Address) -> Address | None:
        """The address that MOVED or ASK names, as this side reaches it; None if the text has none that can be one.

        :param asked: the address of the node that has answered: an empty host in the text is its own.
        """
        host = error.host
        try:
            named = check_address("a redirection", (asked[0] if host in ("", "?") else host, error.port))
        except ValueError:
            return None  # nobody can be connected to there
        if not named[1]:
            return None
        return named if host in ("", "?") else self.topology.address_map(named)

    def connection_now(self) -> RedisProtocol:
        """A connection of any node, for what all have in common.

        :raises NotSentError: there is none.
        """
        for node in self.nodes.values():
            for connection in node.pool.pool:
                return connection
        raise NotSentError("Not connected")

    # -- topology

    def _ask(self, address: Address) -> Deferred[Any]:
        asked: Deferred[Any] = self.node_at(address).pool.reach().addCallback(_ask_for_slots)
        return asked.addErrback(self._not_told)

    def _not_told(self, failure: Failure) -> Failure:
        if failure.check(NoPermissionError) and self.topology.view is None and not self.learns_by_moved:
            self.learns_by_moved = True
            _log.warn(
                "The user may not ask for the topology of the cluster, so that the owner of a slot is learned when a "
                "command is redirected, and what is about all nodes fails: {error}",
                error=failure.getErrorMessage(),
            )
        return failure

    def _connected(self) -> list[Address]:
        return [address for address, node in self.nodes.items() if node.pool.size]

    def _changed(self, view: View, former: View | None) -> None:
        self._forget_pools()
        if self.cache is not None:
            self.cache.topology_changed()
        roles = [facts.role for facts in view.nodes.values()]
        masters, replicas = roles.count("master"), roles.count("replica")
        moved = 0 if former is None else sum(map(operator.ne, view.owners, former.owners))
        self.observer.topology_changed(masters, replicas, moved)
        self.learns_by_moved = False
        known = set(self.topology.addresses)
        for address, node in list(self.nodes.items()):
            if address not in known:
                self._let_go(address, node)
            elif former is not None and _serves_less(address, view, former):
                # Callers that wait for a connection to it choose a node anew.
                node.pool.fail_waiting(NotSentError(f"{node.name} serves the slot no longer"))
        self._tell()
        for subscriber in list(self.subscribers):
            subscriber.topology_changed()

    def _let_go(self, address: Address, node: ClusterNode[Any]) -> None:
        del self.nodes[address]
        self._leaving[node] = leaving = node.pool.leave(self.options.nodeGrace)
        leaving.addErrback(lambda failure: _log.failure("a node that has left was not closed", failure))
        leaving.addCallback(self._has_left, node)

    def _has_left(self, _: object, node: ClusterNode[Any]) -> None:
        del self._leaving[node]
        self._former_stats += node.stats().totals()

    # -- those that wait

    def wake_me(self, function: Callable[[], object]) -> None:
        """Have a function called once, when a topology has been taken or the cluster is closed."""
        self._waiting[function] = None

    def forget_me(self, function: Callable[[], object]) -> None:
        """Do not call it any more."""
        self._waiting.pop(function, None)

    def _tell(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for function in waiting:
            try:
                function()
            except Exception:
                _log.failure("a command that waited could not go on")

    # -- what concerns all nodes

    def tell_all(self, tell: Callable[[ClusterNode[Any]], Deferred[Any]], told: Callable[[], object]) -> Deferred[Any]:
        """Tell one master something, and if it accepts that, all nodes that are connected, and those to come.

        :param tell: tells one node.
        :param told: called when the first one has accepted it; makes those to come follow.
        :returns: fires with the reply of the first; fails with its error, or with that of another node.
        """
        first = self.any_master()
        if first is None:
            raise NotSentError("no node of the cluster is known")

        def tell_others(reply: Reply) -> Deferred[Any]:
            told()
            others = [node for node in self.nodes.values() if node is not first and node.pool.size]
            telling: Deferred[Any] = DeferredList([tell(node) for node in others], consumeErrors=True)
            return telling.addCallback(check, reply)

        def check(ended: list[tuple[bool, Any]], reply: Reply) -> Reply:
            for succeeded, failure in ended:
                if not succeeded and not failure.check(NotSentError):  # a new connection does it by itself
                    failure.raiseException()
            return reply

        return tell(first).addCallback(tell_others)

    def use_database(self, index: int) -> None:
        """Nodes to come, and connections to come, begin in this database."""
        self._node_options = dataclasses.replace(self._node_options, dbid=index)
        for node in self.nodes.values():
            node.pool.dbid = index
            if node.pool.cache is not None and not node.pool.size:  # the others are told by their handlers
                node.pool.cache.tracking.drop(NotSentError("the database has changed"))

    def log_in(self, password: Any, username: Any) -> None:
        """Nodes to come log in so, and so do those without a connection."""
        self._node_options = dataclasses.replace(self._node_options, password=password, username=username)
        for node in self.nodes.values():
            if not node.pool.size:
                node.pool.logInNext(password, username)

    # -- the end

    def disconnect(self, timeout: float | None = None) -> Deferred[Any]:
        """Close all nodes; commands between two attempts fail.

        :returns: fires with None when all are closed.
        """
        self.closed = True
        self._forget_pools()
        self.topology.close()
        self.observer.closed()
        self._seeds.close()
        closing = [self.options_pool.disconnect()]  # first: its companions must not see a lost node
        closing += [node.disconnect(timeout=timeout) for node in list(self.nodes.values())]
        # A Deferred apart from that of :meth:`_let_go`: a caller that cancels this one must not end that one.
        closing += [node.disconnect(timeout=timeout) for node in list(self._leaving)]
        self._tell()
        return gatherResults(closing, consumeErrors=True).addCallback(lambda _: None)

    def stats(self) -> ClusterStats:
        """The sum of the nodes' statistics, of those that have left as well."""
        view = self.topology.view
        own = ClusterStats(
            moved=self.counts["MOVED"],
            asked=self.counts["ASK"],
            tried_again=self.counts["again"],
            refreshes=self.topology.refreshes,
            nodes=0 if view is None else len(view.nodes),
        )
        total: Any = self._former_stats + own
        for node in list(self.nodes.values()):
            total += node.stats()
        for node in list(self._leaving):
            total += dataclasses.replace(node.stats(), poolsize=0)
        if total.cache is not None:
            total = dataclasses.replace(total, cache=dataclasses.replace(total.cache, link=self._link_state()))
        return total  # type: ignore[no-any-return]

    def _link_state(self) -> str:
        """That of the masters' caches: replicas have no tracked connection, nor has a node that has left."""
        states = {node.cache.link_state for node in self.masters()} or {"off" if self.closed else "down"}
        return next(state for state in ("off", "down", "up") if state in states)


def _serves_less(address: Address, view: View, former: View) -> bool:
    return bool(former.slots_of(address)) and view.slots_of(address) != former.slots_of(address)


def _ask_for_slots(connection: RedisProtocol) -> Deferred[Any]:
    # In a Deferred of its own: another node's answer cancels the question, which is no command that was cancelled.
    answered: Deferred[Any] = Deferred(_leave)
    asked: Deferred[Any] = connection.execute_command("CLUSTER", "SLOTS", raw=True)

    def pass_on(reply: object) -> None:
        if not answered.called:
            answered.callback(reply)

    asked.addBoth(pass_on)
    return answered


def _leave(deferred: Deferred[Any]) -> None:
    """Nothing has to be undone."""
