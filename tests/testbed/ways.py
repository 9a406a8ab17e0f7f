"""One direction of a connection, and what may go wrong on it: used by the proxy and by links in memory.

Bytes that pass keep their order, whatever the fault: TCP never changes that.
Knows nothing of Redis, and nothing of sockets.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Fault:
    """What goes wrong on one way. The default: nothing does. Numbers of bytes count from the connection's beginning.

    :ivar delay: seconds that each piece is held up.
    :ivar trickle: hand on single bytes, each in a call of its own; with a delay, one byte per delay.
    :ivar cut_after: bytes after which both sides are reset; 0: with the first byte that comes.
    :ivar stop_after: bytes after which nothing passes any more, while the connection stays open (half-open). Once
        something was swallowed, another fault changes that no more: TCP does not go on behind a hole.
    :ivar garbage_after: bytes after which ``garbage`` is put in.
    """

    delay: float = 0.0
    trickle: bool = False
    cut_after: int | None = None
    stop_after: int | None = None
    garbage_after: int | None = None
    garbage: bytes = b"\xffno RESP\r\n"


NO_FAULT = Fault()


class Way:
    """Hands on what it is fed, as its fault has it.

    :ivar fault: may be replaced at any time; what is held up already keeps its delay.
    :ivar passed: how many bytes were handed on, or swallowed by ``stop_after``.
    """

    def __init__(self, clock: Any, fault: Fault, write: Callable[[bytes], object], cut: Callable[[], object]) -> None:
        """
        :param clock: an ``IReactorTime``.
        :param write: takes what passes.
        :param cut: resets the connection.
        """
        self.fault = fault
        self.passed = 0
        self._clock = clock
        self._write = write
        self._cut = cut
        self._held: deque[tuple[float, bytes]] = deque()
        self._timer: Any = None
        self._end: Callable[[], object] | None = None
        self._closed = False
        self._has_swallowed = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        fault = self.fault
        pieces = [data[at : at + 1] for at in range(len(data))] if fault.trickle else [data]
        if not fault.delay and not self._held:
            for piece in pieces:
                self._hand_on(piece)
            return
        now = self._clock.seconds()
        for piece in pieces:
            previous = self._held[-1][0] if self._held else now
            due = previous + fault.delay if fault.trickle else max(previous, now + fault.delay)
            self._held.append((due, piece))
        self._start_timer()

    def end(self, function: Callable[[], object]) -> None:
        """Call a function once all that was fed has passed: the sender has closed its side."""
        if self._held:
            self._end = function
        else:
            function()

    def close(self) -> None:
        """Hand on nothing more, and leave nothing in the reactor."""
        self._closed = True
        self._held.clear()
        self._end = None
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    @property
    def held(self) -> int:
        """Bytes that are held up."""
        return sum(len(piece) for _, piece in self._held)

    def _start_timer(self) -> None:
        if self._timer is None and self._held and not self._closed:
            self._timer = self._clock.callLater(max(0.0, self._held[0][0] - self._clock.seconds()), self._release)

    def _release(self) -> None:
        self._timer = None
        now = self._clock.seconds()
        while self._held and self._held[0][0] <= now + 1e-9:
            _, piece = self._held.popleft()
            self._hand_on(piece)
        self._start_timer()
        if not self._held and self._end is not None:
            end, self._end = self._end, None
            end()

    def _hand_on(self, data: bytes) -> None:
        """Hand on as much as the fault lets pass, then let it happen."""
        if self._closed:
            return
        fault = self.fault
        start, self.passed = self.passed, self.passed + len(data)
        if fault.garbage_after is not None and start <= fault.garbage_after < self.passed:
            at = fault.garbage_after - start
            data = data[:at] + fault.garbage + data[at:]
        if self._has_swallowed:
            data = b""
        elif fault.stop_after is not None:
            self._has_swallowed = self.passed > fault.stop_after
            data = data[: max(0, fault.stop_after - start)]
        cut = fault.cut_after is not None and self.passed > fault.cut_after
        if cut:
            data = data[: max(0, fault.cut_after - start)]
        if data:
            self._write(data)
        if cut:
            self._cut()
