"""The kept replies of one server, in pure Python: the reference for the compiled ``_cstore``.

An :class:`Entry` is one reply in one of three states. It is *fetched* from the moment that its command is written until
the last reply of its fetch; then it is *kept*; when something may have changed it, it is *gone*: no read finds it any
more. A fetch whose entry is gone still answers the reads that wait for it.

What is evicted is chosen by SIEVE: a hit sets one bit, and a hand that moves from the oldest entry to the newest clears
the bit of each entry that has it, and evicts the first that has not.

This module must not know of connections or of single commands.

More than 500 lines, because the compiled twin is one module and this one has the documentation of both.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from sys import getsizeof
from typing import Any, TypeAlias, TypeVar

from twisted.internet.defer import Deferred

from .._types import Argument, Converter, Reply, Text
from ..commands._parts import Recovery
from ..exceptions import NotSentError
from ..inflight import BatchRequest, RequestQueue, convert_in_turns, parts_of
from ..resp import encode_command

__all__ = [
    "HITS_PER_TURN",
    "Entry",
    "FastView",
    "FetchRequest",
    "Store",
    "Waiters",
    "boot_seconds",
    "copied",
    "deliver",
    "fast_path_of_view",
    "size_of",
]

_Method = TypeVar("_Method", bound=Callable[..., Any])

#: A read that waits for a fetch: its Deferred, and the converter of the reply.
Waiter: TypeAlias = "tuple[Deferred[Any], Converter | None]"

#: Bytes of an entry itself, and of its place in the dictionaries; measured with tracemalloc.
ENTRY_BYTES = 320
#: Bytes of a further key of an entry.
KEY_BYTES = 96
#: A hit is answered one turn of the reactor later after this many: a loop of hits must not keep the reactor from
#: reading the invalidations.
HITS_PER_TURN = 1000

_PLAIN = frozenset((str, bytes, int, float, bool, type(None)))


def boot_seconds() -> float:
    """A clock that never goes back, and goes on while the machine sleeps, where there is one."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def copied(value: Reply) -> Reply:
    """Return a copy of a reply that shares no container with it; strings and numbers are shared."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is list:
        return [each if type(each) in _PLAIN else copied(each) for each in value]
    if kind is dict:
        return {key: each if type(each) in _PLAIN else copied(each) for key, each in value.items()}
    return deepcopy(value)


def size_of(value: Reply) -> int:
    """Return the bytes that a reply and its elements take in memory."""
    kind = type(value)
    if kind is list:
        return getsizeof(value) + sum(map(size_of, value))
    if kind is dict:
        return getsizeof(value) + sum(size_of(key) + size_of(each) for key, each in value.items())
    return getsizeof(value)


def deliver(deferred: Deferred[Any], convert: Converter | None, value: Reply) -> None:
    """Fire the Deferred of a read with a copy of a reply, converted."""
    if deferred.called:
        return  # cancelled
    if isinstance(convert, Recovery):
        convert = convert.convert
    try:
        value = copied(value)
        if convert is not None:
            work = parts_of(convert, value)
            if work is not None:
                convert_in_turns(work, deferred)
                return
            value = convert(value)
    except BaseException:  # as Twisted treats a callback
        deferred.errback()
        return
    deferred.callback(value)


class Entry:
    """One reply of the server.

    :ivar data: the command as it is sent.
    :ivar raw: whether the reply's strings stay bytes.
    :ivar keys: the keys that it was made of, as they are sent.
    :ivar asked_at: when the server was asked, on the store's clock.
    :ivar value: the reply, not converted.
    :ivar ends: when one of the keys expires, on the store's clock; ``inf``: none does.
    :ivar size: bytes that the entry takes; 0 before it is kept.
    :ivar fetch: the request that fetches it; None if it is kept, or gone after its fetch.
    :ivar live: False: it is gone.
    :ivar shaped: whether the reply, not converted, is another one under the protocol of the pool.
    :ivar convert: the converter of the read that it was fetched for, or None.
    """

    __slots__ = (
        *("asked_at", "convert", "data", "ends", "fetch", "keys", "live"),
        *("newer", "older", "raw", "shaped", "size", "value", "visited"),
    )

    def __init__(
        self, data: bytes, raw: bool, keys: tuple[bytes, ...], asked_at: float, convert: Converter | None = None
    ) -> None:
        self.data = data
        self.convert = convert
        self.raw = raw
        self.keys = keys
        self.asked_at = asked_at
        self.value: Reply = None
        self.ends = 0.0
        self.size = 0
        self.fetch: FetchRequest | None = None
        self.live = True
        self.visited = False
        self.shaped = False
        self.newer: Entry | None = None
        self.older: Entry | None = None


class Store:
    """The entries of one server, by view, command and key.

    :ivar queue: the requests in flight on the tracked connection; None while there is none: nothing is given.
    :ivar good_until: until when the tracked connection has proved to be alive, on the store's clock. Nothing is given
        after that.
    :ivar unsure: whether a script may have changed any key, so that entries are given only after the tracked connection
        has been asked.
    :ivar charset: charset of the tracked connection.
    :ivar simple: names of cacheable commands whose key is their first argument -> 1, or 2 for those whose entries are
        ``shaped``. The cache adds them when they are first fetched.
    :ivar absent_seconds: how long the reply about a key that did not exist is kept, ``inf``: as long as other entries.
        Nodes of a cluster do not tell of such a key when its slot moves.
    :ivar preface: the bytes before each read: CLIENT CACHING YES, or nothing.
    :ivar direct: whether a fetch may be sent without ``execute_command`` of the tracked connection: neither a program's
        class nor a hook has to see it.
    :ivar start_deadline: starts the time limit of a fetch; see ``Link.start_deadline``.
    :ivar run: hits since the last one that was answered a turn of the reactor later; see ``HITS_PER_TURN``.
    :ivar waiting: reads that wait for a fetch.
    :ivar most_waiting: how many may.
    :ivar recover: called with an entry and the error that its fetch has ended with, which the server has answered or
        the connection was lost with; or with None: its key has expired before the reply came. Returns a function that
        reads again, given the waiting Deferred and its converter, or None: the reads fail with the error, or have the
        reply that came.
    :ivar is_of_no_key: called with a command, as it is sent, and its reply: whether that is the reply for a key that
        does not exist.
    """

    def __init__(self, max_bytes: int, max_entry_bytes: int | None, seconds: Callable[[], float]) -> None:
        """Make an empty store.

        :param max_bytes: bytes that the kept entries may take.
        :param max_entry_bytes: bytes that one may take; None: ``max_bytes``.
        :param seconds: the clock, which never goes back.
        """
        self.max_bytes = max_bytes
        self.max_entry_bytes = max_bytes if max_entry_bytes is None else min(max_entry_bytes, max_bytes)
        self.seconds = seconds
        self.queue: RequestQueue | None = None
        self.good_until = 0.0
        self.unsure = False
        self.charset: str | None = "utf-8"
        self.simple: dict[str, int] = {}
        self.preface = b""
        self.absent_seconds = float("inf")
        self.direct = False
        self.start_deadline: Callable[[float], float] | None = None
        self.recover: Callable[[Entry, Exception | None], Callable[[Any, Any], object] | None] = lambda *_: None
        self.is_of_no_key: Callable[[bytes, Reply], bool] = lambda data, reply: False
        self.waiting = 0
        self.most_waiting = 2**62
        #: By the command as it is sent, those whose strings are converted, and those that are raw.
        self._converted: dict[bytes, Entry] = {}
        self._raw: dict[bytes, Entry] = {}
        #: By key: the entry that was made of it, or the set of several.
        self._by_key: dict[bytes, Entry | set[Entry]] = {}
        self._newest: Entry | None = None
        self._oldest: Entry | None = None
        self._hand: Entry | None = None
        self.bytes = 0
        self.entries = 0
        self.hits = 0
        self.run = 0
        self.misses = 0
        self.joined = 0
        self.uncached = 0
        self.invalidations = 0
        self.unused = 0
        self.flushes = 0
        self.evictions = 0
        self.fetching = 0

    # -- looking up

    def find(self, data: bytes, raw: bool) -> Entry | None:
        """Return the entry of a command that is fetched or kept, whatever its age; None if there is none."""
        return (self._raw if raw else self._converted).get(data)

    def keys_known(self) -> list[bytes]:
        """Return the keys that something kept or fetched is made of, as they are sent."""
        return list(self._by_key)

    def is_hit(self, entry: Entry, ttl: float, is_sure: bool = False) -> bool:
        """Whether a kept entry may be given now.

        :param ttl: age in seconds that is accepted.
        :param is_sure: whether the tracked connection was asked since the last script that the read must see.
        """
        now = self.seconds()
        queue = self.queue
        return (
            entry.fetch is None
            and queue is not None
            and queue.accepting
            and (is_sure or not self.unsure)
            and now < self.good_until
            and now < entry.ends
            and now - entry.asked_at <= ttl
            and ttl > 0
        )

    def can_join(self, entry: Entry, ttl: float) -> bool:
        """Whether a read may wait for the fetch of an entry."""
        now = self.seconds()
        return (
            entry.fetch is not None
            and self.queue is not None
            and self.queue.accepting
            and not self.unsure
            and self.waiting < self.most_waiting
            and ttl > 0
            and now < self.good_until
            and now - entry.asked_at <= ttl
        )

    def take(self, entry: Entry) -> Reply:
        """Count a hit, and return the reply, which the caller must copy."""
        self.hits += 1
        self.run += 1
        entry.visited = True
        return entry.value

    def join(self, entry: Entry, deferred: Deferred[Any], convert: Converter | None) -> None:
        """Have a Deferred wait for the fetch of an entry."""
        fetch = entry.fetch
        if fetch is None:
            raise ValueError("the entry is not being fetched")
        fetch.waiters.append((deferred, convert))
        self.waiting += 1

    # -- fetching

    def begin(
        self, data: bytes, raw: bool, keys: tuple[bytes, ...], fetch: FetchRequest, convert: Converter | None
    ) -> Entry:
        """Make the entry of a fetch that is about to be sent. A former entry of the same command is gone."""
        former = self.find(data, raw)
        if former is not None:
            self.drop(former)
        entry = Entry(data, raw, keys, self.seconds(), convert)
        entry.fetch = fetch
        fetch.entry = entry
        (self._raw if raw else self._converted)[data] = entry
        for key in keys:
            others = self._by_key.get(key)
            if others is None:
                self._by_key[key] = entry
            elif isinstance(others, set):
                others.add(entry)
            elif others is not entry:
                self._by_key[key] = {others, entry}
        self.fetching += 1
        return entry

    def fetch(
        self, data: bytes, raw: bool, keys: tuple[bytes, ...], deferred: Deferred[Any], convert: Converter | None
    ) -> None:
        """Send a read and ask for the time to live of its keys, in one write. There must be a tracked connection.

        :param data: the read, as it is sent.
        :param deferred: fires with the reply.
        """
        queue = self.queue
        if queue is None or self.start_deadline is None:
            raise NotSentError("Not connected")
        whole = b"".join((self.preface, data, *(encode_command(("PTTL", key)) for key in keys)))
        prefaces = 1 if self.preface else 0
        timeout = queue.reply_timeout
        deadline = self.start_deadline(timeout) if timeout else None
        fetch = FetchRequest(self, queue, prefaces, prefaces + 1 + len(keys), len(whole), deadline)
        entry = self.begin(data, raw, keys, fetch, convert)
        self.join(entry, deferred, convert)
        try:
            queue.send_request(fetch, prefaces + 1 + len(keys), whole)
        except BaseException:
            self.given_up(entry)
            raise

    def given_up(self, entry: Entry) -> None:
        """The fetch of an entry was not sent."""
        if entry.fetch is not None:
            self.waiting -= len(entry.fetch.waiters)
            entry.fetch.waiters.clear()
        self.ended(entry)
        self.drop(entry)

    def rename(self, entry: Entry, data: bytes) -> None:
        """A kept entry is the reply to another command, too: from here on it is found by that."""
        found = self._raw if entry.raw else self._converted
        former = found.get(data)
        if former is not None:
            self.drop(former)
        if found.get(entry.data) is entry:
            del found[entry.data]
        entry.data = data
        found[data] = entry

    def keep(self, entry: Entry, value: Reply, ends: float) -> None:
        """The fetch of an entry is complete: keep the reply, unless the entry is gone, or too large.

        :param ends: see :class:`Entry`.
        """
        self.ended(entry)
        if not entry.live:
            return
        size = ENTRY_BYTES + getsizeof(entry.data) + size_of(value)
        size += sum(getsizeof(key) + KEY_BYTES for key in entry.keys)
        if size > self.max_entry_bytes:
            self.drop(entry)
            return
        while self.bytes + size > self.max_bytes:
            self._evict()
        entry.value, entry.ends, entry.size = value, ends, size
        self.bytes += size
        self.entries += 1
        entry.older, self._newest = self._newest, entry
        if entry.older is None:
            self._oldest = entry
        else:
            entry.older.newer = entry

    def ended(self, entry: Entry) -> None:
        """The fetch of an entry has ended."""
        if entry.fetch is not None:
            entry.fetch = None
            self.fetching -= 1

    # -- dropping

    def drop(self, entry: Entry) -> None:
        """An entry is gone. A fetch of it goes on, for the callers that wait."""
        if not entry.live:
            return
        entry.live = False
        found = self._raw if entry.raw else self._converted
        if found.get(entry.data) is entry:
            del found[entry.data]
        for key in entry.keys:
            others = self._by_key.get(key)
            if others is entry:
                del self._by_key[key]
            elif isinstance(others, set):
                others.discard(entry)
                if len(others) == 1:
                    self._by_key[key] = others.pop()
        if entry.size:
            self._unlink(entry)

    def _unlink(self, entry: Entry) -> None:
        self.bytes -= entry.size
        self.entries -= 1
        entry.size = 0
        newer, older = entry.newer, entry.older
        if self._hand is entry:
            self._hand = newer
        if newer is None:
            self._newest = older
        else:
            newer.older = older
        if older is None:
            self._oldest = newer
        else:
            older.newer = newer
        entry.newer = entry.older = entry.value = None

    def _evict(self) -> None:
        hand = self._hand or self._oldest
        while hand is not None and hand.visited:
            hand.visited = False
            hand = hand.newer or self._oldest
        if hand is None:
            raise RuntimeError("there is nothing to evict")
        self._hand = hand.newer
        self.evictions += 1
        self.drop(hand)

    def invalidate(self, keys: Sequence[bytes] | None) -> None:
        """The server tells that keys have changed.

        What is being fetched stays if its read is not answered yet: then the change came before the read.

        :param keys: None: any key may have changed.
        """
        if keys is None:
            self.clear()
            return
        for key in keys:
            found = self._by_key.get(key)
            if found is None:
                continue
            for entry in tuple(found) if isinstance(found, set) else (found,):
                if entry.fetch is None or entry.fetch.is_read:
                    self.invalidations += 1
                    self.unused += not entry.visited
                    self._changed(entry)

    def touch(self, names: Iterable[bytes | None]) -> None:
        """This process may have changed keys: drop their entries, those being fetched included."""
        for name in names:
            found = None if name is None else self._by_key.get(name)
            if found is not None:
                for entry in tuple(found) if isinstance(found, set) else (found,):
                    self._changed(entry)

    def clear(self) -> None:
        """Drop all entries, those being fetched included."""
        self.flushes += 1
        for found in (self._converted, self._raw):
            while found:
                _, entry = found.popitem()
                self._changed(entry)
            found.clear()  # an empty dictionary keeps its memory until then
        self._by_key.clear()

    def _changed(self, entry: Entry) -> None:
        """The keys of an entry may have changed: remove it, and mark a fetch of it as overtaken."""
        if entry.fetch is not None:
            entry.fetch.is_overtaken = True
        self.drop(entry)


class Waiters(list[Waiter]):
    """The reads that wait for a fetch. It has the methods of a Deferred that a queue calls."""

    __slots__ = ()

    @property
    def called(self) -> bool:
        """Whether nobody waits any more."""
        return all(deferred.called for deferred, _ in self)


class FetchRequest(BatchRequest):
    """The commands of one fetch in flight: a read, and the time to live of each of its keys.

    The place of an invalidation among the replies tells when the key changed. Before the reply to the read, it changed
    before the read. Behind it, the reply may be older than the change, and is not kept.

    :ivar is_overtaken: whether the keys being read may have changed.
    """

    __slots__ = (
        "_count",
        "_ends",
        "_keeps",
        "_place",
        "_prefaces",
        "_queue",
        "_reply",
        "entry",
        "is_overtaken",
        "store",
        "waiters",
    )

    def __init__(self, store: Store, queue: RequestQueue, prefaces: int, count: int, size: int, deadline: float | None):
        """Make one.

        :param prefaces: number of commands before the read.
        :param count: number of commands.
        :param size: their bytes.
        """
        waiters = Waiters()
        super().__init__(waiters, (), deadline, size)  # type: ignore[arg-type]
        self.store = store
        self.waiters = waiters
        self.entry: Entry = None  # type: ignore[assignment]
        self._queue = queue
        self._prefaces = prefaces
        self._count = count
        self._place = 0
        self._reply: Reply = None
        self._ends = float("inf")
        self._keeps = True
        self.is_overtaken = False

    @property
    def is_read(self) -> bool:
        """Whether the reply to the read is here."""
        return self._place > self._prefaces

    @property
    def raw(self) -> bool:
        """Whether the next reply stays raw."""
        return self.entry.raw

    @property
    def post_proc(self) -> None:
        """There is no converter."""
        return None

    @property
    def remaining(self) -> int:
        """Number of replies still to come."""
        return self._count - self._place

    @property
    def plain(self) -> int:
        """0: each reply is answered by itself."""
        return 0

    def answer(self, reply: Reply) -> bool:
        """Take the next reply; see :meth:`.BatchRequest.answer`."""
        place = self._place
        self._place = place + 1
        if place == self._prefaces:
            self._reply = reply
            if isinstance(reply, Exception):
                self._keeps = False
        elif place < self._prefaces:
            if isinstance(reply, Exception):
                self._keeps = False
        elif type(reply) is not int:
            self._keeps = False
        elif reply >= 0:
            self._ends = min(self._ends, self.entry.asked_at + reply / 1000)
        elif reply == -2:
            self._ends = min(self._ends, self.entry.asked_at + self.store.absent_seconds)
            if (
                self._count == self._prefaces + 2
                and self._reply is not None
                and not self.store.is_of_no_key(self.entry.data, self._reply)
            ):
                self._keeps = False  # the key expired behind the read
        return self._place == self._count

    def drop(self) -> None:
        """Keep nothing of it."""
        self.store.drop(self.entry)

    def finish(self) -> None:
        """All replies are here: keep the reply, then call back the callers that wait."""
        entry, store, reply = self.entry, self.store, self._reply
        if self._keeps and store.queue is self._queue:
            store.keep(entry, reply, self._ends)
            self.kept()
        else:
            store.ended(entry)
            store.drop(entry)
        if isinstance(reply, Exception):
            self._fail(reply, store.recover(entry, reply))
            return
        again = None
        if len(self.waiters) > 1 and (self.is_overtaken or store.seconds() >= self._ends):
            # The key has changed or expired meanwhile. A read that has joined the fetch may have begun after that.
            again = store.recover(entry, None)
        try:
            for place, (deferred, convert) in enumerate(self.waiters):
                if deferred.called:
                    continue
                if again is not None and place:
                    again(deferred, convert)
                else:
                    deliver(deferred, convert, reply)
        except BaseException:
            if self.waiters.called:  # else the queue fails the callers that still wait
                self._forget()
            raise
        self._forget()

    def kept(self) -> None:
        """Keep the reply, if it may be kept; the callers that wait are called back next."""

    def fail(self, error: Exception) -> None:
        """The connection was lost before the last reply."""
        self.store.ended(self.entry)
        self.store.drop(self.entry)
        self._fail(error, self.store.recover(self.entry, error))

    def _fail(self, error: Exception, again: Callable[[Any, Any], object] | None) -> None:
        for deferred, convert in self.waiters:
            if deferred.called:
                continue
            if isinstance(convert, Recovery):
                convert.recover(error, deferred)
            elif again is None:
                deferred.errback(error)
            else:
                again(deferred, convert)
        self._forget()

    def _forget(self) -> None:
        self.store.waiting -= len(self.waiters)
        self.waiters.clear()


class FastView:
    """The data of a cache's view that compiled code reads by itself, for GET and ``peek``.

    :ivar store: where kept replies are found.
    :ivar max_age: age in seconds that is accepted.
    :ivar plain: whether the view has no further options.
    """

    def __init__(self, store: Store, max_age: float, plain: bool) -> None:
        self.store = store
        self.max_age = max_age
        self.plain = plain

    def peek(self, command: Text, /, *args: Argument, default: Any = None) -> Any:
        """Return the kept value, at once and without a Deferred: ``rc.cached(60).peek("GET", "key")``.

        Nothing is fetched. The value is converted as for the read that has fetched it.

        :param command: its name; its arguments follow.
        :param default: returned if nothing is kept that is young enough.
        :raises InvalidData: an argument cannot be encoded.
        """
        return self.peek_any((command, *args), default)

    def peek_any(self, args: Sequence[Argument], default: Any) -> Any:
        """As :meth:`peek`, for every view and every argument. A subclass defines it."""
        raise NotImplementedError


def fast_path_of_view(execute_command: _Method) -> _Method:
    """Decorate ``execute_command`` of a cached view; compiled, it answers a hit, joins a fetch and begins one itself.

    It then needs no more of the view than a :class:`FastView` has.
    """
    return execute_command
