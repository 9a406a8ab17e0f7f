"""Lets anything happen to a scripted cluster: the same for the same seed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence

from .cluster import ScriptedCluster
from .node import ScriptedNode

_ERRORS = (
    b"TRYAGAIN Multiple keys request during rehashing of slot",
    b"CLUSTERDOWN The cluster is down",
    b"LOADING Redis is loading the dataset in memory",
)


class Storm:
    """Changes and breaks; every slot has a master that lives, or gets one by :meth:`mend`.

    :ivar told: how often each thing happened, by its name.
    """

    def __init__(self, cluster: ScriptedCluster, seed: int | random.Random, slots: Sequence[int]) -> None:
        """
        :param slots: those that the keys of the test are in, so that what moves matters.
        """
        self.cluster = cluster
        self.chance = seed if isinstance(seed, random.Random) else random.Random(seed)
        self.slots = list(slots)
        self.told: Counter[str] = Counter()
        #: Changes of the topology, in which no command need fail.
        self.gentle: list[Callable[[], object]] = [
            self.begin_move,
            self.migrate_keys,
            self.migrate_keys,
            self.finish_move,
            self.finish_move,
            self.move_at_once,
            self.fail_over,
            self.freeze,
            self.thaw,
            self.slice,
            self.refuse_one,
        ]
        #: What may cost an error.
        self.rough: list[Callable[[], object]] = [
            self.lose_connection,
            self.lose_before,
            self.lose_after,
            self.refuse_connections,
            self.accept_connections,
            self.pause,
            self.resume,
            self.resume,
            self.kill,
            self.kill_and_fail_over,
            self.restart,
            self.restart,
            self.be_unreachable,
            self.be_down,
            self.be_up,
            self.be_up,
            self.load,
            self.loaded,
        ]

    def step(self, rough: bool = True) -> str:
        """Let one thing happen; returns its name."""
        action = self.chance.choice([*self.gentle, *self.rough] if rough else self.gentle)
        name = action.__name__
        if action():
            self.told[name] += 1
        return name

    def mend(self) -> None:
        """Let everything be well: all nodes live and serve, nothing is on its way."""
        cluster = self.cluster
        cluster.down = False
        for node in cluster.nodes:
            node.forget_plans()
            node.thaw()
            node.slices = 0
            node.loading = node.master_down = node.unreachable = False
            if node.is_dead:
                node.restart()
            node.accept_connections()
            node.resume()
        for slot in list(cluster.moves):
            cluster.finish_move(slot)

    # What happens. Each returns whether it did.

    def begin_move(self) -> bool:
        """A slot begins to move."""
        slot, to = self.chance.choice(self.slots), self.chance.choice(self.cluster.masters)
        if slot in self.cluster.moves or self.cluster.owner_of(slot) is to:
            return False
        self.cluster.begin_move(slot, to)
        return True

    def migrate_keys(self) -> bool:
        """Some keys of a slot on its way are handed over."""
        slot = self._moving_slot()
        return slot is not None and self.cluster.migrate_keys(slot, self.chance.randrange(1, 4)) > 0

    def finish_move(self) -> bool:
        """A slot on its way arrives."""
        slot = self._moving_slot()
        if slot is None:
            return False
        self.cluster.finish_move(slot)
        return True

    def move_at_once(self) -> bool:
        """Some slots are another node's."""
        to = self.chance.choice(self.cluster.masters)
        slots = [
            slot for slot in self.chance.sample(self.slots, min(3, len(self.slots))) if slot not in self.cluster.moves
        ]
        self.cluster.move_slots(slots, to)
        return bool(slots)

    def fail_over(self) -> bool:
        """A replica takes over, as planned: its master goes on as its replica."""
        replicas = [node for node in self.cluster.nodes if node.master is not None and node.is_alive]
        if not replicas:
            return False
        self.cluster.failover(self.chance.choice(replicas))
        return True

    def freeze(self) -> bool:
        """A node tells the topology of now for some time."""
        self._node().freeze()
        return True

    def thaw(self) -> bool:
        """All nodes tell the topology as it is."""
        for node in self.cluster.nodes:
            node.thaw()
        return True

    def slice(self) -> bool:
        """A node sends its answers in small pieces, or not any more."""
        self._node().slices = self.chance.choice((0, 0, 1, 7))
        return True

    def refuse_one(self) -> bool:
        """A node refuses some command."""
        self._node().refuse_next(self.chance.choice(_ERRORS), skip=self.chance.randrange(3))
        return True

    def lose_connection(self) -> bool:
        """A connection is lost."""
        sessions = [session for node in self.cluster.nodes for session in node.sessions]
        if not sessions:
            return False
        self.chance.choice(sessions).transport.abortConnection()
        return True

    def lose_before(self) -> bool:
        """A connection is lost before some command is executed."""
        self._node().lose_connection(before=b"", skip=self.chance.randrange(5))
        return True

    def lose_after(self) -> bool:
        """A connection is lost after some command is executed."""
        self._node().lose_connection(after=b"", skip=self.chance.randrange(5))
        return True

    def refuse_connections(self) -> bool:
        """A node refuses new connections."""
        self._node().refuse_connections()
        return True

    def accept_connections(self) -> bool:
        """Every node that lives accepts connections."""
        for node in self.cluster.nodes:
            node.unreachable = False
            node.accept_connections()
        return True

    def pause(self) -> bool:
        """A node goes silent."""
        node = self._node()
        if node.is_dead:
            return False
        node.pause()
        return True

    def resume(self) -> bool:
        """All nodes speak."""
        for node in self.cluster.nodes:
            node.resume()
        return True

    def kill(self) -> bool:
        """A node dies; nobody takes over, yet."""
        node = self._node()
        if node.is_dead or sum(not each.is_dead for each in self.cluster.nodes) == 1:
            return False
        node.kill()
        return True

    def kill_and_fail_over(self) -> bool:
        """A master dies, and a replica that lives takes over."""
        replicas = [node for node in self.cluster.nodes if node.master is not None and node.is_alive]
        if not replicas:
            return False
        replica = self.chance.choice(replicas)
        master = replica.master
        assert master is not None
        master.kill()
        self.cluster.failover(replica)
        return True

    def restart(self) -> bool:
        """The dead live."""
        dead = [node for node in self.cluster.nodes if node.is_dead]
        for node in dead:
            node.restart()
        return bool(dead)

    def be_unreachable(self) -> bool:
        """Connecting to a node gets no answer."""
        self._node().unreachable = True
        return True

    def be_down(self) -> bool:
        """The cluster does not serve."""
        self.cluster.down = True
        return True

    def be_up(self) -> bool:
        """The cluster serves."""
        self.cluster.down = False
        return True

    def load(self) -> bool:
        """A node loads its data."""
        self._node().loading = True
        return True

    def loaded(self) -> bool:
        """All nodes have their data."""
        for node in self.cluster.nodes:
            node.loading = False
        return True

    def _node(self) -> ScriptedNode:
        return self.chance.choice(self.cluster.nodes)

    def _moving_slot(self) -> int | None:
        return self.chance.choice(sorted(self.cluster.moves)) if self.cluster.moves else None
