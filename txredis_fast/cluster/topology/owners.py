"""Know which node owns which slot, and ask the nodes anew when something shows that it has changed.

:class:`Topology` decides when nodes are asked and which answer counts: one refresh at a time, not too often, however
many callers and triggers there are.

This module must not know connections: it is given functions that ask a node, and a clock.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Container, Mapping, Sequence

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from ...exceptions import NotSentError
from ...transport import cancel_timer
from .asking import ASKED_AT_ONCE, FailureLog, Round
from .slots_reply import SLOTS, Address, AddressMap, View, name_of, read_slots

__all__ = ["Topology"]

#: Connected nodes that are asked at the same time at first.
ASKED_FIRST = 3
#: Seconds between two refreshes at least, while what is learned differs; twice as long after each that brings nothing.
SHORTEST_PAUSE_SECONDS = 0.1
#: Seconds of the longest of these pauses.
LONGEST_PAUSE_SECONDS = 2.0
#: In a cluster of more nodes, both grow with the number of nodes: answers are longer, and clients more.
NODES_AT_FULL_PACE = 100


class Topology:
    """The owners of all slots, kept up to date.

    Nothing is asked before the first :meth:`refresh`, :meth:`note` or :meth:`moved`. From then on, nodes are asked
    after each trigger, and each ``interval``. A refresh never begins inside of a call, but in a later turn.

    :ivar view: the last answer of the nodes; None before the first one.
    :ivar owners: the address of the master of each of the 16384 slots, None where it is not known. Always this very
        list, which changes in place: in full at each view, and one slot at each :meth:`moved`. A slot that a view does
        not serve keeps its former owner. So it may name addresses that ``view`` does not; see :attr:`addresses`.
    :ivar refreshes: how often nodes were asked, failures included.
    :ivar failure: why the last refresh brought nothing; None if it has brought a view.
    :ivar reason: the reason noted last; empty before the first.
    :ivar address_map: gives the address to connect to for one that a server names, as in a redirection.
    """

    def __init__(
        self,
        ask: Callable[[Address], Deferred[object]],
        connected: Callable[[], Sequence[Address]],
        seeds: Callable[[], Deferred[Sequence[Address]]],
        changed: Callable[[View, View | None], object],
        *,
        clock: IReactorTime,
        interval: float | None = 60.0,
        address_map: Mapping[Address, Address] | Callable[[Address], Address] | None = None,
    ) -> None:
        """Make one, which asks nothing yet.

        None of the functions may disturb: exceptions are logged, each kind once, and count as no answer.

        :param ask: sends CLUSTER SLOTS to a node, which is connected to if it is not yet; fires with the reply. It is
            cancelled after a second, a seed's after three, and when another node has answered. Replies should not have
            been converted to numbers: an id may look like one.
        :param connected: returns the addresses of the nodes that can be asked at once.
        :param seeds: finds the addresses that the program has named, resolved anew.
        :param changed: called with the new view and the former one, when a view differs from the former, or has changed
            ``owners``; by then, ``view`` and ``owners`` are the new ones, and callers of :meth:`refresh` still wait. It
            may call any method. What it returns is ignored, unless that is a Deferred or a coroutine that fails.
        :param clock: tells the time.
        :param interval: seconds from one refresh to the next without a trigger, less up to a tenth at random. None or
            0: no such refreshes.
        :param address_map: the program's ``addressMap``; see :class:`.AddressMap`.
        """
        self.view: View | None = None
        self.owners: list[Address | None] = [None] * SLOTS
        self.refreshes = 0
        self.failure: NotSentError | None = None
        self.reason = ""
        self.address_map = AddressMap(address_map)
        self._ask = ask
        self._connected = connected
        self._seeds = seeds
        self._changed = changed
        self._clock = clock
        self._interval = interval
        self._closed = False
        self._told = FailureLog()
        #: The refresh under way, and whether a trigger has come since it began.
        self._round: Round | None = None
        self._is_wanted_again = False
        #: The next refresh, and whether a trigger has asked for it.
        self._timer: IDelayedCall | None = None
        self._is_due = False
        self._ended: float | None = None
        self._pause = SHORTEST_PAUSE_SECONDS
        #: The callers that wait, each with the lowest number of a refresh that answers it.
        self._callers: dict[Deferred[View], int] = {}
        #: Counts MOVED. The number of the last MOVED of each slot that no later view has confirmed or undone.
        self._moves = 0
        self._moved: dict[int, int] = {}
        #: Addresses of owners that the view does not list.
        self._strangers: dict[Address, None] = {}
        #: The owner that a MOVED has named, which knows best; and nodes that something has failed with.
        self._best_informed: Address | None = None
        self._suspects: set[Address] = set()

    @property
    def addresses(self) -> list[Address]:
        """All nodes known: those of the view, and further ones that ``owners`` has or had since that view."""
        return [*(() if self.view is None else self.view.nodes), *self._strangers]

    def moved(self, slot: int, address: Address) -> None:
        """A MOVED has named the owner of a slot: it is the owner at once, and the nodes are asked anew soon.

        A view that was asked for before does not undo it. Nothing happens after :meth:`close`, or for a slot outside of
        0 to 16383.

        :param address: where to connect to: ``address_map`` is not asked.
        """
        if self._closed or not 0 <= slot < SLOTS:
            return
        self._moves += 1
        self._moved[slot] = self._moves
        self.owners[slot] = address
        if self.view is None or address not in self.view.nodes:
            self._strangers[address] = None
        self._best_informed = address
        self._note(f"slot {slot} has moved to {name_of(address)}")

    def note(self, reason: str, address: Address | None = None) -> None:
        """Something shows that the topology may have changed: the nodes are asked anew soon.

        During a refresh it leads to one more. It does nothing after :meth:`close`.

        :param reason: in words, for events.
        :param address: the node that has failed or refused; others are asked before it.
        """
        if self._closed:
            return
        if address is not None and len(self._suspects) < SLOTS:
            self._suspects.add(address)
        self._note(reason)

    def refresh(self, *, anew: bool = True) -> Deferred[View]:
        """Ask the nodes, as soon as that is allowed; all callers share it.

        :param anew: False: a refresh that is under way will do. True: the view must be asked for after this call.
        :returns: fires with the view, after ``changed`` was called; fails with :exc:`.NotSentError` if no node gives a
            view, with the reason of each, and after :meth:`close`. Cancelling it does not disturb other callers.
        """
        caller: Deferred[View] = Deferred(self._leave)
        if self._closed:
            caller.errback(_closed())
            return caller
        under_way = self._round is not None and not anew
        self._callers[caller] = self.refreshes if under_way else self.refreshes + 1
        if not under_way:
            self._want()
        return caller

    def close(self) -> None:
        """Ask no more; callers fail. ``view`` and ``owners`` stay as they are. Further calls do nothing."""
        if self._closed:
            return
        self._closed = True
        cancel_timer(self._timer)
        under_way, self._round = self._round, None
        if under_way is not None:
            under_way.end()
        callers, self._callers = self._callers, {}
        for caller in callers:
            if not caller.called:
                caller.errback(_closed())

    def _leave(self, caller: Deferred[View]) -> None:
        self._callers.pop(caller, None)

    def _note(self, reason: str) -> None:
        self.reason = reason
        self._want()

    def _want(self) -> None:
        if self._round is not None:
            self._is_wanted_again = True
        elif not self._is_due:
            self._is_due = True
            self._schedule(self._wait())

    def _wait(self) -> float:
        """Seconds until the nodes may be asked again."""
        if self._ended is None:
            return 0.0
        passed = max(0.0, self._clock.seconds() - self._ended)
        scale = self._scale()
        if passed >= LONGEST_PAUSE_SECONDS * scale:
            self._pause = SHORTEST_PAUSE_SECONDS  # it was quiet
        return max(0.0, self._pause * scale - passed)

    def _scale(self) -> float:
        return 1.0 if self.view is None else max(1.0, len(self.view.nodes) / NODES_AT_FULL_PACE)

    def _schedule(self, seconds: float) -> None:
        cancel_timer(self._timer)
        self._timer = self._clock.callLater(seconds, self._start)

    def _start(self) -> None:
        self._timer = None
        self._is_due = self._is_wanted_again = False
        self.refreshes += 1
        self._round = under_way = Round(
            self._ask, self._seeds, self._read, self._clock, self._told, lambda: self._moves, self._over
        )
        first = self._choose_first()
        if self._round is under_way:  # else closed by the program's own `connected`
            under_way.start(first, self._choose_others)

    def _choose_first(self) -> list[Address]:
        connected = self._shuffled_connected()
        best, suspects = self._best_informed, self._suspects
        self._best_informed, self._suspects = None, set()
        connected.sort(key=lambda address: 0 if address == best else 2 if address in suspects else 1)
        return connected[:ASKED_FIRST]

    def _choose_others(self, asked: Container[Address]) -> list[Address]:
        """Nodes to ask after the first ones, by the view of that time."""
        connected = self._shuffled_connected()
        others = [address for address in connected if address not in asked]
        known = set(connected)
        unconnected = [address for address in self.addresses if address not in known and address not in asked]
        random.shuffle(unconnected)
        # Not the connected ones alone: all of them may be behind a link that is dead, or nodes of a former cluster.
        half = ASKED_AT_ONCE - min(ASKED_AT_ONCE // 2, len(unconnected))
        return [*others[:half], *unconnected][:ASKED_AT_ONCE]

    def _shuffled_connected(self) -> list[Address]:
        try:
            connected = list(dict.fromkeys(self._connected()))
        except Exception:
            self._told.failed("connected", Failure())
            return []
        random.shuffle(connected)
        return connected

    def _read(self, reply: object, asked: Address) -> View:
        return read_slots(reply, asked, self.address_map)

    def _over(self, under_way: Round, view: View | None, moves: int) -> None:
        """A refresh has ended.

        :param moves: how many MOVED had come when the view was asked for.
        """
        if self._round is not under_way:
            return
        self._round = None
        number = self.refreshes
        self._ended = self._clock.seconds()
        former = self.view
        differs = view is not None and self._take(view, moves)
        self.failure = under_way.failure() if view is None else None
        self._pause = SHORTEST_PAUSE_SECONDS if differs else min(self._pause * 2, LONGEST_PAUSE_SECONDS)
        if self._is_wanted_again:
            self._is_due = True
            self._schedule(self._pause * self._scale())
        elif self._interval:
            least = self._pause * self._scale()
            self._schedule(max(least, self._interval * (1 - random.random() / 10)))
        if view is not None and differs:
            self._tell(view, former)
        self._fire(number, view, self.failure)

    def _take(self, view: View, moves: int) -> bool:
        """Take a view; return whether it changes anything."""
        former, self.view = self.view, view
        owners = list(view.owners)
        if view.served < SLOTS:
            for slot, owner in enumerate(owners):
                if owner is None:
                    owners[slot] = self.owners[slot]
        for slot, number in list(self._moved.items()):
            if number > moves:
                owners[slot] = self.owners[slot]
            else:
                del self._moved[slot]
        self._strangers = {}
        if view.served < SLOTS or self._moved:
            self._strangers = {owner: None for owner in owners if owner is not None and owner not in view.nodes}
        differs = former is None or not view.is_same_as(former) or owners != self.owners
        self.owners[:] = owners
        return differs

    def _tell(self, view: View, former: View | None) -> None:
        maybeDeferred(self._changed, view, former).addErrback(lambda failure: self._told.failed("changed", failure))

    def _fire(self, number: int, view: View | None, failure: NotSentError | None) -> None:
        for caller in [caller for caller, wants in self._callers.items() if wants <= number]:
            if self._callers.pop(caller, None) is None:
                continue  # cancelled or failed by a callback of another caller
            if view is not None:
                caller.callback(view)
            else:
                caller.errback(NotSentError(*failure.args if failure is not None else ()))


def _closed() -> NotSentError:
    return NotSentError("The cluster's handler is disconnected")
