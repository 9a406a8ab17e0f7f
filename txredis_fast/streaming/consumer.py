"""A consumer: reads the entries of a consumer group and delivers them to the program, each at least once.

Theory of operation. The server keeps each entry that it has given to a consumer as *pending* until the consumer
acknowledges it, so an entry can be lost to a program only if nobody looks at the pending ones. A consumer looks

- at its own when it starts, and after each read whose reply may have been lost. A read that the server executes late
  makes further ones, so it looks again when every such read has ended at the server;
- at those of all consumers that were idle for ``claim_idle`` milliseconds, twice in that time.

It reads new entries only when there are none of these. What it holds (delivered and not acknowledged, or read ahead) it
claims anew three times in ``claim_idle``, so that no other consumer takes it for abandoned.

Reading is not the program's call but the consumer's own: a call that is cancelled takes no entry with it.

This module must not know how a command is worded.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from .._checks import as_text
from .._reactor import current_reactor
from .._tunables import BLOCKING_SLACK_SECONDS
from .._types import Argument, Key, Text
from ..exceptions import ConnectionError, ResponseError
from ..options import RetryPolicy
from ..transport import cancel_timer
from .entry import StreamEntry
from .membership import Membership, Taken

if TYPE_CHECKING:
    if sys.version_info >= (3, 11):
        from typing import Self
    else:
        from typing_extensions import Self

__all__ = ["StreamConsumer"]

_log = Logger()

#: The pauses after failures, and which failures may pass.
_PATIENCE = RetryPolicy(delay=0.05, max_delay=5.0, read_only=True, refused=True)


class StreamConsumer:
    """A consumer of a stream's consumer group, made by ``rc.consume()``: iterate over it with ``async for``.

    Several loops may share one consumer; each entry goes to one of them. The iteration ends after :meth:`close`, or
    when the handler is disconnected. An error that will not pass, such as ``WRONGTYPE``, leaves the loop.
    """

    def __init__(
        self,
        membership: Membership,
        *,
        count: int,
        block: int,
        claim_idle: int | None,
        max_deliveries: int | None,
        dead_letter: Key | None,
        start: Argument,
    ) -> None:
        """Make one; ``rc.consume()`` documents and checks the parameters."""
        self._membership = membership
        self._count = count
        self._block = block
        self._claim_idle = claim_idle
        self._max_deliveries = max_deliveries
        self._dead_letter = dead_letter
        #: ID after which the group begins where it has to be created: after what was read here already, if anything.
        self._after = start
        self._has_read = False
        self._has_group = False
        #: Entries that were read ahead.
        self._buffer: deque[StreamEntry] = deque()
        #: IDs of own pending entries that nobody here works on, in their order.
        self._again: dict[Text, None] = {}
        #: Entries that the program has not acknowledged, and still has a reference to; and entries read ahead.
        self._in_work: WeakValueDictionary[Text, StreamEntry] = WeakValueDictionary()
        #: Where to go on listing own pending entries; None: they are listed.
        self._own_start: Argument | None = "-"
        #: Reactor time at which to list them once more; None: no read can have come to the server late.
        self._own_again_at: float | None = None
        #: Where to go on claiming, and from which reactor time on.
        self._claim_start: Argument = "0-0"
        self._claim_at = 0.0
        self._fetching: Deferred[None] | None = None
        self._waiting: list[Deferred[None]] = []
        self._renewing: Deferred[Any] | None = None
        self._may_renew = True
        self._timer: IDelayedCall | None = None
        self._started = False
        self._closed = False

    def __repr__(self) -> str:
        state = " (closed)" if self._closed else ""
        return f"<StreamConsumer {self._membership!r}, {len(self._in_work)} in work{state}>"

    # -- methods for programs

    async def __aenter__(self) -> Self:
        await self._create_group()
        self._start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamEntry:
        entry = await self._next()
        if entry is None:
            raise StopAsyncIteration
        return entry

    def next_entry(self) -> Deferred[StreamEntry | None]:
        """Get the next entry; for programs with ``inlineCallbacks``.

        :returns: fires with it when there is one, with None if the consumer is closed; fails with an error that will
            not pass. Cancelling it loses no entry.
        """
        return Deferred.fromCoroutine(self._next())

    def close(self) -> Deferred[None]:
        """End the iteration at once, and a read that waits. Entries in work may still be acknowledged.

        What is not acknowledged is delivered to another consumer after ``claim_idle``, or to this one when it starts
        the next time.

        :returns: fires with None; it has fired already.
        """
        if not self._closed:
            self._closed = True
            cancel_timer(self._timer)
            self._timer = None
            self._membership.handler._factory.companions.discard(self)
            self._buffer.clear()
            self._again.clear()
            fetching, renewing = self._fetching, self._renewing
            self._wake(None)
            for each in (fetching, renewing):
                if each is not None:
                    each.cancel()
        return succeed(None)

    def disconnect(self) -> Deferred[None]:
        """As :meth:`close`."""
        return self.close()

    def pool_ends(self, seconds: float) -> Deferred[None]:
        """As :meth:`close`; the handler's pool calls it."""
        return self.close()

    def drop(self, reason: Exception) -> None:
        """The server has changed: the pool closes its connections, and a read fails."""

    def acknowledge(self, entry: StreamEntry) -> Deferred[bool]:
        """Acknowledge an entry; see :meth:`.StreamEntry.ack`."""
        return Deferred.fromCoroutine(self._acknowledge(entry))

    def let_go(self, entry: StreamEntry) -> None:
        """No longer hold an entry; see :meth:`.StreamEntry.release`."""
        if self._in_work.get(entry.id) is entry:
            del self._in_work[entry.id]

    async def _acknowledge(self, entry: StreamEntry) -> bool:
        was_pending = await self._membership.acknowledge(entry.id)
        self.let_go(entry)
        return was_pending

    async def _next(self) -> StreamEntry | None:
        while not self._closed:
            if self._buffer:
                return self._buffer.popleft()
            waiting: Deferred[None] = Deferred(self._forget_waiting)
            self._waiting.append(waiting)
            self._go_on()
            await waiting
        return None

    def _go_on(self) -> None:
        if self._fetching is None:
            self._start()
            self._fetching = fetching = Deferred.fromCoroutine(self._fetch())
            fetching.addBoth(self._fetched)

    def _forget_waiting(self, waiting: Deferred[None]) -> None:
        if waiting in self._waiting:
            self._waiting.remove(waiting)

    def _fetched(self, result: Failure | None) -> None:
        self._fetching = None
        if result is not None:
            self._wake(result)
        while self._buffer and self._waiting:  # no more than get an entry: there may be very many loops
            waiting = self._waiting.pop(0)
            if not waiting.called:
                waiting.callback(None)
        if self._waiting and not self._closed:
            self._go_on()

    def _wake(self, result: Failure | None) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.called:
                each.callback(result)  # a Failure fails it

    # -- reading

    async def _fetch(self) -> None:
        """Read until there is an entry, or the consumer is closed."""
        failures = 0
        while not self._closed and not self._buffer:
            try:
                await self._step()
                failures = 0
            except Exception as error:
                if self._ended():
                    return
                self._look_again()
                if not self._may_pass(error):
                    raise
                failures += 1
                await self._pause(_PATIENCE.delay_after(failures))

    def _ended(self) -> bool:
        if not self._closed and self._membership.handler._factory.disconnectCalled:
            self.close()
        return self._closed

    def _may_pass(self, error: Exception) -> bool:
        if isinstance(error, ResponseError) and error.code in ("NOGROUP", "UNBLOCKED"):
            self._has_group = False  # the stream or its group was removed
            return True
        if isinstance(error, ResponseError) and error.code in ("CLUSTERDOWN", "TRYAGAIN"):
            return True  # nothing was executed, and the cluster changes
        return self._membership.handler._factory.may_wait and _PATIENCE.repeats(error, True, True)

    async def _pause(self, seconds: float) -> None:
        try:
            await deferLater(current_reactor(), seconds)
        except Exception:
            if not self._closed:  # else it was cancelled by close()
                raise

    def _look_again(self) -> None:
        """A read may have been executed without its reply, or may be executed late: list own pending entries."""
        self._own_start = "-"
        self._own_again_at = current_reactor().seconds() + self._block / 1000 + BLOCKING_SLACK_SECONDS

    async def _step(self) -> None:
        if not self._has_group:
            await self._create_group()
        now = current_reactor().seconds()
        if self._own_again_at is not None and now >= self._own_again_at:
            self._own_start, self._own_again_at = "-", None
        if self._again:
            await self._deliver_again(next(iter(self._again)))
        elif self._own_start is not None:
            ids, self._own_start = await self._membership.own(self._own_start)
            self._found(ids)
        elif self._claim_idle is not None and now >= self._claim_at:
            await self._claim(self._claim_idle)
        else:
            await self._read_new(now)

    async def _create_group(self) -> None:
        if self._has_read and not await self._membership.has_had(as_text(self._after)):
            # The stream was removed. A new one's IDs may be lower: a program's own, or of a server whose clock is slow.
            self._after, self._has_read = 0, False
        await self._membership.create_group(self._after)
        self._has_group = True
        if as_text(self._after) == "$":  # a group that was removed meanwhile must not begin after unread entries
            self._after = 0

    def _found(self, ids: Iterable[Text]) -> None:
        if not self._closed:
            self._again.update(dict.fromkeys(number for number in ids if number not in self._in_work))

    async def _claim(self, idle: int) -> None:
        ids, start = await self._membership.claim(idle, self._claim_start, self._count)
        if start is None:
            self._claim_start, self._claim_at = "0-0", current_reactor().seconds() + idle / 2000
        else:
            self._claim_start = start
        self._found(ids)

    async def _deliver_again(self, number: Text) -> None:
        member = self._membership
        deliveries = await member.deliveries(number)
        if deliveries is not None and self._dead_letter is not None and deliveries >= (self._max_deliveries or 0):
            await member.move_to_dead_letter(number, deliveries, self._dead_letter)
            _log.warn(
                "{member}: entry {id} was delivered {count} times and not acknowledged; moved to {key!r}",
                member=member,
                id=as_text(number),
                count=deliveries,
                key=self._dead_letter,
            )
        elif deliveries is not None:
            await self._take(await member.deliver_again(number, deliveries))
        self._again.pop(number, None)

    async def _take(self, taken: Taken) -> None:
        if taken.fields is None:  # removed from the stream, and of no use to anybody
            await self._membership.acknowledge(taken.id)
        elif not self._closed:
            entry = StreamEntry(self, taken.id, taken.fields, taken.deliveries)
            self._in_work[taken.id] = entry
            self._buffer.append(entry)

    async def _read_new(self, now: float) -> None:
        wait = self._block / 1000
        if self._claim_idle is not None:
            wait = min(wait, self._claim_at - now)
        if self._own_again_at is not None:
            wait = min(wait, self._own_again_at - now)
        for taken in await self._membership.read(self._count, max(1, round(wait * 1000))):
            self._after, self._has_read = taken.id, True
            await self._take(taken)

    # -- holding

    def _start(self) -> None:
        if not self._started and not self._closed:
            self._started = True
            self._look_again()  # a former process of this name may have a read at the server
            self._membership.handler._factory.companions.add(self)
            self._renew_later()

    def _renew_later(self) -> None:
        if self._claim_idle is not None and not self._closed:
            self._timer = current_reactor().callLater(self._claim_idle / 3000, self._renew)

    def _renew(self) -> None:
        self._timer = None
        held = [*self._in_work.keys(), *self._again]
        if not held:
            self._renew_later()
            return
        renewing: Deferred[Any] = Deferred.fromCoroutine(self._membership.renew(held))
        self._renewing = renewing
        renewing.addCallbacks(self._lose, self._not_renewed).addBoth(self._renewed)

    def _lose(self, gone: set[Text]) -> None:
        """Forget entries that another consumer has claimed while this process stood still, or that are acknowledged."""
        for number in gone:
            self._in_work.pop(number, None)
            self._again.pop(number, None)
        if gone:
            self._buffer = deque(entry for entry in self._buffer if entry.id not in gone)

    def _not_renewed(self, failure: Failure) -> None:
        if self._may_renew and not failure.check(ConnectionError, CancelledError):
            self._may_renew = False  # one warning is enough
            _log.failure("{member}: entries in work cannot be renewed", failure, member=self._membership)

    def _renewed(self, _: object) -> None:
        self._renewing = None
        self._renew_later()
