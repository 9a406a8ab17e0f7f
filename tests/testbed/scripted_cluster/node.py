"""One node of a scripted cluster: its role, its connections, and what is wrong with it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from .session import NodeSession

if TYPE_CHECKING:
    from .cluster import ScriptedCluster


#: Commands that connections begin with.
OF_CONNECTIONS = frozenset(b"ASKING AUTH CLIENT CLUSTER HELLO INFO PING READONLY READWRITE ROLE".split())


class ScriptedNode:
    """A master, or the replica of one.

    :ivar number: its place in :attr:`ScriptedCluster.nodes`.
    :ivar master: whose replica it is; None: it is a master.
    :ivar sessions: the connections that are up.
    :ivar accepted: how many connections there were.
    :ivar commands: how many of each command came, by its name.
    :ivar is_paused: see :meth:`pause`; :ivar is_dead: see :meth:`kill`.
    :ivar unreachable: whether attempts to connect get no answer, until their time limit.
    :ivar loading: whether it answers LOADING; :ivar master_down: a replica answers MASTERDOWN.
    :ivar slices: the number of bytes that it sends in one turn; 0: all.
    :ivar hostname: what CLUSTER SLOTS says of it; None: nothing. :ivar zone: the same.
    """

    def __init__(self, cluster: ScriptedCluster, number: int, master: ScriptedNode | None) -> None:
        self.cluster = cluster
        self.number = number
        self.master = master
        self.id = f"{number:040x}"
        self.host = "127.0.0.1"
        self.port = 0
        self.sessions: list[NodeSession] = []
        self.accepted = 0
        self.commands: dict[bytes, int] = {}
        self.scripts: set[bytes] = set()
        self.is_paused = False
        self.is_dead = False
        self.unreachable = False
        self.loading = False
        self.master_down = False
        self.slices = 0
        self.hostname: str | None = None
        self.zone: str | None = None
        #: What the network has of it: opened and closed as it lives and dies.
        self.door: Any = None
        #: Whether it was demoted while it was paused.
        self._was_demoted = False
        #: What happens to coming commands: (name or None, how many to pass over, what).
        self._planned: deque[list[Any]] = deque()
        self._frozen: tuple[Any, bytes, bytes] | None = None

    def __repr__(self) -> str:
        role = "master" if self.master is None else f"replica of {self.master.number}"
        return f"<ScriptedNode {self.number} {self.host}:{self.port} {role}>"

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return self.host, self.port

    @property
    def is_master(self) -> bool:
        """Whether it is one."""
        return self.master is None

    @property
    def is_alive(self) -> bool:
        """Whether it answers."""
        return not self.is_dead and not self.is_paused

    @property
    def accepts(self) -> bool:
        """Whether who connects is accepted."""
        return not self.is_dead and self.door is not None and self.door.is_open

    def session(self) -> NodeSession:
        """A new connection."""
        self.accepted += 1
        return NodeSession(self, self.cluster.next_client())

    # What the test lets happen.

    def lose_connections(self, count: int | None = None) -> int:
        """Lose connections, all unless told, the oldest first; returns how many."""
        chosen = list(self.sessions)[:count]
        for session in chosen:
            session.transport.abortConnection()
        return len(chosen)

    def lose_connection(self, *, before: bytes | None = None, after: bytes | None = None, skip: int = 0) -> None:
        """Lose the connection on which a command comes, before it is executed, or after, without a reply.

        :param before, after: one of them: the name of the command; empty: whichever comes, except
            those that connections begin with.
        :param skip: how many such commands are executed first.
        """
        name = (after if before is None else before) or None
        self._planned.append([name, skip, "after" if before is None else "before"])

    def refuse_next(self, error: bytes, name: bytes | None = None, skip: int = 0) -> None:
        """Answer a coming command with an error, and do not execute it.

        :param error: such as ``b"TRYAGAIN ..."``.
        :param name: of the command; None: whichever comes that has keys.
        """
        self._planned.append([name, skip, b"-%b\r\n" % error])

    def forget_plans(self) -> None:
        """Nothing happens to coming commands."""
        self._planned.clear()

    def pause(self) -> None:
        """Execute and answer nothing, and accept connections, as a stopped process does."""
        self.is_paused = True

    def resume(self) -> None:
        """End :meth:`pause`: what has come meanwhile is executed now."""
        self.is_paused = False
        self.look_again(self._was_demoted)
        for session in list(self.sessions):
            session.execute_what_came()

    def kill(self) -> None:
        """Lose every connection, and refuse new ones. What it serves is served again when a replica takes over."""
        self.is_dead = True
        self.is_paused = False
        self.refuse_connections()
        self.lose_connections()
        self.cluster.changed()

    def restart(self) -> None:
        """End :meth:`kill`. Data and role are as the cluster has them."""
        self.is_dead = False
        self.accept_connections()
        self.cluster.changed()

    def refuse_connections(self) -> None:
        """Refuse new connections; those that there are stay."""
        if self.door is not None:
            self.door.close()

    def accept_connections(self) -> None:
        """End :meth:`refuse_connections`."""
        if self.door is not None and not self.is_dead:
            self.door.open()

    def freeze(self) -> None:
        """Let it tell the topology as it is now, whatever happens, in CLUSTER SLOTS and of others' slots."""
        self._frozen = (list(self.cluster.owners), self.cluster.slots_reply(2), self.cluster.slots_reply(3))

    def thaw(self) -> None:
        """End :meth:`freeze`."""
        self._frozen = None

    def invalidate(self, key: bytes) -> None:
        """Tell who has a key tracked here, or at a replica, that it has changed."""
        for node in (self, *self.cluster.replicas_of(self)):
            for session in list(node.sessions):
                session.invalidate(key)

    # What its connections ask.

    def plan_for(self, name: bytes, has_keys: bool) -> Any:
        """What happens to a command that has come: ``"before"``, ``"after"``, an error, or None."""
        for plan in self._planned:
            is_any = plan[0] is None and name not in OF_CONNECTIONS and (has_keys or not isinstance(plan[2], bytes))
            if is_any or plan[0] == name:
                if plan[1]:
                    plan[1] -= 1
                    return None
                self._planned.remove(plan)
                return plan[2]
        return None

    @property
    def has_plans(self) -> bool:
        """Whether something happens to coming commands."""
        return bool(self._planned)

    def look_again(self, demoted: bool = False) -> None:
        """Tell who waits or listens for slots that are served elsewhere, now or when it is resumed."""
        self._was_demoted = (demoted or self._was_demoted) and self.is_paused
        if not self.is_paused:
            for session in list(self.sessions):
                session.look_again(demoted)

    def believed_owner(self, slot: int) -> ScriptedNode | None:
        """Whom it takes for the owner of a slot; it is never wrong about its own slots."""
        if self._frozen is not None:
            believed = self._frozen[0][slot]
            if believed is not None and believed is not self:
                return believed  # type: ignore[no-any-return]
        return self.cluster.owners[slot]

    def slots_reply(self, protocol: int) -> bytes:
        """Its reply to CLUSTER SLOTS."""
        if self._frozen is not None:
            return self._frozen[protocol - 1]
        return self.cluster.slots_reply(protocol)
