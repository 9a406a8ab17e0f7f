"""Ask the nodes of a cluster for the topology once: several at the same time, then others, then the seeds.

This module must not know when that is done, nor what its result is used for.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.error import ConnectError, ConnectionClosed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..._checks import check_address
from ...exceptions import NotSentError, RedisError
from ...transport import cancel_timer, reason_of
from .slots_reply import SLOTS, Address, View, name_of

__all__ = ["ASKED_AT_ONCE", "FailureLog", "Round"]

_log = Logger()

#: Nodes asked at the same time when none of these has given a usable answer: whatever is connected or known.
ASKED_AT_ONCE = 12
#: Seeds asked at most in one refresh.
ASKED_SEEDS = 48
#: Seconds for the answers of nodes that are asked at the same time, connecting included.
ANSWER_SECONDS = 1.0
#: The same for seeds. Longer, because nobody else is left to ask: over TLS and a slow link, connecting takes a second.
SEED_ANSWER_SECONDS = 3.0
#: Seconds for finding the seeds: as long as a resolver takes for its second name server.
SEEDS_SECONDS = 5.0
#: Nodes whose reasons the error of a refresh tells.
REASONS_TOLD = 16
#: Characters of each reason.
REASON_MAX_CHARACTERS = 160

#: Failures of asking that need no traceback in the log: nodes are down, or refuse.
_EXPECTED = (RedisError, OSError, ConnectError, ConnectionClosed, CancelledError)

_Ask = Callable[[Address], Deferred[object]]
_Seeds = Callable[[], Deferred[Sequence[Address]]]


class Round:
    """One refresh: asks nodes until one gives a view.

    The first answer with all slots counts. Answers with fewer wait for those of the nodes asked at the same time; the
    one with the most slots counts, and of equal ones the first.
    """

    def __init__(
        self,
        ask: _Ask,
        seeds: _Seeds,
        read: Callable[[object, Address], View],
        clock: IReactorTime,
        told: FailureLog,
        stamp: Callable[[], int],
        over: Callable[[Round, View | None, int], None],
    ) -> None:
        """Make one.

        :param stamp: told to ``over`` with a view, as it was when that was asked for.
        :param over: called once at the end, with a view or None; not after :meth:`end`.
        """
        self._ask = ask
        self._find_seeds = seeds
        self._read = read
        self._clock = clock
        self._told = told
        self._stamp = stamp
        self._over = over
        #: Groups of nodes yet to be asked; then how others are found, and whether seeds were.
        self._groups: list[list[Address]] = []
        self._others: Callable[[Container[Address]], list[Address]] | None = None
        self._has_seeds = False
        self._seeds_failure = ""
        #: The present question: its number, the nodes or seeds asked, its time limit. Answers to others do not count.
        self._number = 0
        self._asked: dict[Address, Deferred[object] | None] = {}
        self._asked_at = 0
        self._seeking: Deferred[Sequence[Address]] | None = None
        self._timer: IDelayedCall | None = None
        self._best: View | None = None
        self._reasons: dict[Address, str] = {}
        self._ended = False

    def start(self, first: list[Address], others: Callable[[Container[Address]], list[Address]]) -> None:
        """Ask some nodes, then others, then the seeds.

        :param others: called when no first one has given a view, with those that were asked.
        """
        self._groups = [first]
        self._others = others
        self._next()

    def end(self) -> None:
        """Ask no more, and forget the present question."""
        self._ended = True
        self._stop()

    def failure(self) -> NotSentError:
        """Why there is no view: the reason of each node."""
        told = [f"{name_of(address)}: {reason}" for address, reason in list(self._reasons.items())[:REASONS_TOLD]]
        if len(self._reasons) > REASONS_TOLD:
            told.append(f"and {len(self._reasons) - REASONS_TOLD} more nodes")
        if self._seeds_failure:
            told.append(self._seeds_failure)
        return NotSentError(f"No node has told the topology of the cluster: {'; '.join(told)}")

    def _stop(self) -> None:
        """Leave the present question: no answer to it counts any more."""
        self._number += 1
        cancel_timer(self._timer)
        asked, self._asked = self._asked, {}
        seeking, self._seeking = self._seeking, None
        for each in [*asked.values(), seeking]:
            self._cancel(each)

    def _cancel(self, deferred: Deferred[object] | Deferred[Sequence[Address]] | None) -> None:
        try:
            if deferred is not None:
                deferred.cancel()
        except Exception:
            self._told.failed("cancelling a question", Failure())

    def _finish(self, view: View | None) -> None:
        self._ended = True
        stamp = self._asked_at
        self._stop()
        self._over(self, view, stamp)

    def _next(self) -> None:
        if self._best is not None:
            self._finish(self._best)
        elif self._groups:
            self._ask_group(self._groups.pop(0))
        elif self._others is not None:
            others, self._others = self._others, None
            self._number += 1
            number = self._number
            group = others(self._reasons)
            if number == self._number:  # else ended by the program's own `connected`
                self._ask_group(group)
        elif not self._has_seeds:
            self._has_seeds = True
            self._seek()
        else:
            self._finish(None)

    def _ask_group(self, group: list[Address]) -> None:
        if not group:
            self._next()
            return
        self._number += 1
        number = self._number
        self._asked = dict.fromkeys(group)
        self._asked_at = self._stamp()
        seconds = SEED_ANSWER_SECONDS if self._has_seeds else ANSWER_SECONDS
        self._timer = self._clock.callLater(seconds, self._answers_are_late, seconds)
        for address in group:
            if number != self._number:
                return  # an earlier one has answered at once
            asked = maybeDeferred(self._ask, address)
            if number == self._number:
                self._asked[address] = asked
            asked.addCallbacks(
                self._answered, self._refused, callbackArgs=(address, number), errbackArgs=(address, number)
            )
            if number != self._number:
                self._cancel(asked)

    def _answered(self, reply: object, address: Address, number: int) -> None:
        if number != self._number:
            return
        try:
            view = self._read(reply, address)
        except Exception:
            self._refused(Failure(), address, number)
            return
        if number != self._number:
            return  # ended by the program's own `addressMap`
        del self._asked[address]
        if view.served == 0:
            self._reasons[address] = "knows of no slot that is served"
        elif view.served == SLOTS:
            self._finish(view)
            return
        elif self._best is None or view.served > self._best.served:
            self._best = view
        self._go_on()

    def _refused(self, failure: Failure, address: Address, number: int) -> None:
        if number != self._number:
            return
        del self._asked[address]
        self._reasons[address] = _in_words(failure)
        if not failure.check(*_EXPECTED):
            self._told.failed("asking a node", failure)
        self._go_on()

    def _go_on(self) -> None:
        if not self._asked:
            self._stop()
            if not self._ended:
                self._next()

    def _answers_are_late(self, seconds: float) -> None:
        for address in self._asked:
            self._reasons[address] = f"no answer within {seconds:g} s"
        self._stop()
        if not self._ended:
            self._next()

    def _seek(self) -> None:
        self._number += 1
        number = self._number
        self._timer = self._clock.callLater(SEEDS_SECONDS, self._seeds_are_late)
        seeking = maybeDeferred(self._find_seeds)
        if number == self._number:
            self._seeking = seeking
        seeking.addCallback(_addresses).addCallbacks(
            self._found_seeds, self._found_no_seeds, callbackArgs=(number,), errbackArgs=(number,)
        )
        if number != self._number:
            self._cancel(seeking)

    def _found_seeds(self, seeds: list[Address], number: int) -> None:
        if number != self._number:
            return
        if not seeds:
            self._seeds_failure = "there are no seeds to ask"
        del seeds[ASKED_SEEDS:]
        self._groups = [seeds[begin : begin + ASKED_AT_ONCE] for begin in range(0, len(seeds), ASKED_AT_ONCE)]
        self._seeking = None
        self._go_on()

    def _found_no_seeds(self, failure: Failure, number: int) -> None:
        if number != self._number:
            return
        self._seeds_failure = f"the seeds cannot be found: {_in_words(failure)}"
        if not failure.check(*_EXPECTED):
            self._told.failed("finding the seeds", failure)
        self._seeking = None
        self._go_on()

    def _seeds_are_late(self) -> None:
        self._seeds_failure = f"the seeds were not found within {SEEDS_SECONDS:g} s"
        self._stop()
        if not self._ended:
            self._next()


class FailureLog:
    """Logs failures of the program's functions, each kind once."""

    def __init__(self) -> None:
        self._kinds: set[tuple[str, object]] = set()

    def failed(self, what: str, failure: Failure) -> None:
        """Log a failure, unless one of this class is logged already."""
        kind = (what, type(failure.value))
        if kind not in self._kinds:
            self._kinds.add(kind)
            _log.failure("Cluster topology: {what} has failed", failure, what=what)


def _addresses(found: Iterable[object]) -> list[Address]:
    return list(dict.fromkeys(check_address("a seed", address) for address in found))


def _in_words(failure: Failure) -> str:
    words = " ".join(reason_of(failure).split()) or type(failure.value).__name__
    return words if len(words) <= REASON_MAX_CHARACTERS else f"{words[:REASON_MAX_CHARACTERS]}..."
