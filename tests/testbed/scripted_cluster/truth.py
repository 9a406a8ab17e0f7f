"""What the keys of a scripted cluster hold, and everything that was ever executed."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

_NUMBER = re.compile(rb"#(\d+)$")
#: So many of a key's former values are known.
MOST_VERSIONS = 64


def marked(text: str | bytes, number: int) -> bytes:
    """A value that tells by its end which write it is of: ``text#number``. No two writes have the same number."""
    return b"%b#%d" % (text.encode() if isinstance(text, str) else text, number)


def number_in(value: Any) -> int | None:
    """The number that a value carries; None: none."""
    data = value if isinstance(value, bytes) else str(value).encode()
    found = _NUMBER.search(data)
    return int(found[1]) if found else None


class Truth:
    """The data, the same for all nodes, and the log of executions.

    :ivar data: key -> bytes, or a list of bytes.
    :ivar moment: how many changes there were.
    :ivar changes: how often each key was changed, for WATCH.
    :ivar executions: by the number of a write: how often it was executed. More than once is in ``twice``, too.
    :ivar counted: by key: how often INCR and its like were executed.
    :ivar popped: numbers of the elements that were taken out of lists, in their order.
    :ivar published: by channel: the messages, in their order.
    :ivar executed: how many commands were executed, whatever they are.
    """

    def __init__(self) -> None:
        self.data: dict[bytes, Any] = {}
        self.moment = 0
        self.changes: dict[bytes, int] = {}
        self.executions: dict[int, int] = {}
        self.twice: list[int] = []
        self.counted: Counter[bytes] = Counter()
        self.popped: list[int | None] = []
        self.published: dict[bytes, list[bytes]] = {}
        self.executed = 0
        #: Called with each key that changes.
        self.changed: Callable[[bytes], object] = lambda key: None
        self._versions: dict[bytes, deque[tuple[int, Any]]] = {}

    def note(self, value: bytes) -> None:
        """A write of this value is executed."""
        number = number_in(value)
        if number is not None:
            times = self.executions.get(number, 0) + 1
            self.executions[number] = times
            if times > 1:
                self.twice.append(number)

    def note_popped(self, value: bytes) -> None:
        """An element is taken out."""
        self.popped.append(number_in(value))

    def put(self, key: bytes, value: Any) -> None:
        """A key gets a value; None: it is deleted."""
        self.touch(key)
        if value is None:
            self.data.pop(key, None)
        else:
            self.data[key] = value
        if isinstance(value, list):
            return
        versions = self._versions.get(key)
        if versions is None:
            versions = self._versions[key] = deque([(0, None)], MOST_VERSIONS)
        versions.append((self.moment, value))

    def touch(self, key: bytes) -> None:
        """A key changes."""
        self.moment += 1
        self.changes[key] = self.changes.get(key, 0) + 1
        self.changed(key)

    def had(self, key: bytes, value: bytes | None, since: int) -> bool:
        """Whether a key had this value at some moment from ``since`` on; True, too, if that is not known any more."""
        versions = self._versions.get(key)
        if versions is None:
            return value is None
        if len(versions) == MOST_VERSIONS and versions[0][0] > since:
            return True
        end = None
        for begin, version in reversed(versions):
            if version == value:
                return True
            end = begin
            if end <= since:
                return False
        return False
