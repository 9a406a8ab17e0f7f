# cython: language_level=3, freethreading_compatible=True
"""The kept replies of one server, compiled. It has the names of ``_pystore``, which has the documentation.

``execute_command`` of a cached view is compiled for a hit, for a read that joins a fetch, and for the fetch of a
command with one key. It has the steps of the pure-Python method, which is called in all other cases.

More than 500 lines, because a fetch, its entry and the store reach into each other's C structures.
"""

from copy import deepcopy
from functools import wraps
from sys import getsizeof
import time

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memcpy

from twisted.internet.defer import fail

from txredis_fast._tunables import CACHED_KEY_MAX_BYTES
from txredis_fast.commands._parts import Recovery
from txredis_fast.exceptions import NotSentError
from txredis_fast.inflight import convert_in_turns, parts_of
from txredis_fast.inflight._cdeferred cimport fire, new_deferred, new_fired
from txredis_fast.inflight._crequest cimport BatchRequest, RequestQueue
from txredis_fast.resp import encode_command
from txredis_fast.resp._cencode cimport encode_usual

__all__ = [
    "HITS_PER_TURN", "Entry", "FastView", "FetchRequest", "Store", "Waiters", "boot_seconds", "copied", "deliver",
    "fast_path_of_view", "size_of"
]

cdef extern from *:
    """
    #include <time.h>
    #if defined(CLOCK_BOOTTIME) && defined(__linux__)
    #define HAS_BOOT_CLOCK 1
    static double boot_clock(void) {
        struct timespec now;
        clock_gettime(CLOCK_BOOTTIME, &now);
        return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
    }
    #else
    #define HAS_BOOT_CLOCK 0
    static double boot_clock(void) { return 0; }
    #endif
    """
    bint HAS_BOOT_CLOCK
    double boot_clock() noexcept nogil

cdef extern from "Python.h":
    bint PyUnicode_IS_COMPACT_ASCII(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    void *PyUnicode_DATA(object text)

HITS_PER_TURN = 1000

cdef Py_ssize_t _HITS_PER_TURN = HITS_PER_TURN
cdef Py_ssize_t _ENTRY_BYTES = 320
cdef Py_ssize_t _KEY_BYTES = 96
cdef Py_ssize_t _KEY_MAX_BYTES = CACHED_KEY_MAX_BYTES
cdef Py_ssize_t _BYTES_OVERHEAD = getsizeof(b"")
cdef Py_ssize_t _TEXT_OVERHEAD = getsizeof("")
cdef double _NEVER = float("inf")
cdef object _Recovery = Recovery
cdef object _getsizeof = getsizeof
cdef object _NOTHING = object()
cdef bytes _PTTL = b"*2\r\n$4\r\nPTTL\r\n"


def boot_seconds():
    if HAS_BOOT_CLOCK:
        return boot_clock()
    return time.monotonic()


cdef inline bint _is_plain(object value) noexcept:
    return (
        type(value) is str or type(value) is bytes or type(value) is int or value is None or type(value) is float
        or type(value) is bool
    )


cpdef object copied(value):
    cdef list source, target
    cdef dict result
    cdef object each, key
    if _is_plain(value):
        return value
    if type(value) is list:
        source = <list>value
        target = []
        for each in source:
            target.append(each if _is_plain(each) else copied(each))
        return target
    if type(value) is dict:
        result = (<dict>value).copy()
        for key, each in (<dict>value).items():
            if not _is_plain(each):
                result[key] = copied(each)
        return result
    return deepcopy(value)


cpdef Py_ssize_t size_of(value) except -1:
    cdef Py_ssize_t total
    cdef object key, each
    if type(value) is bytes:
        return _BYTES_OVERHEAD + PyBytes_GET_SIZE(value)
    if type(value) is str and PyUnicode_IS_COMPACT_ASCII(value):
        return _TEXT_OVERHEAD + PyUnicode_GET_LENGTH(value)
    total = _getsizeof(value)
    if type(value) is list:
        for each in <list>value:
            total += size_of(each)
    elif type(value) is dict:
        for key, each in (<dict>value).items():
            total += size_of(key) + size_of(each)
    return total


def deliver(deferred, convert, value):
    _deliver(deferred, convert, value)


cdef object _given(object convert, object value):
    """Return a Deferred that has fired with a reply, converted."""
    cdef object deferred
    if convert is None and _is_plain(value):
        return new_fired(value)
    deferred = new_deferred(None)
    _deliver(deferred, convert, value)
    return deferred


cdef int _deliver(object deferred, object convert, object value) except -1:
    cdef object work
    if deferred.called:
        return 0
    if convert is None and _is_plain(value):
        fire(deferred, value)
        return 0
    if type(convert) is _Recovery:
        convert = convert.convert
    try:
        value = copied(value)
        if convert is not None:
            work = parts_of(convert, value)
            if work is not None:
                convert_in_turns(work, deferred)
                return 0
            value = convert(value)
    except BaseException:
        deferred.errback()
        return 0
    fire(deferred, value)
    return 0


@cython.final
cdef class Entry:
    cdef public bytes data
    cdef readonly bint raw
    cdef readonly tuple keys
    cdef public double asked_at
    cdef public object value
    cdef public double ends
    cdef public Py_ssize_t size
    cdef public FetchRequest fetch
    cdef public bint live
    cdef public bint visited
    cdef public bint shaped
    cdef public object convert
    cdef public Entry newer
    cdef public Entry older
    #: The key as text, for which ``Store._texts`` has this entry; None: it has it not.
    cdef object text

    def __init__(self, bytes data not None, bint raw, tuple keys not None, double asked_at, convert=None):
        self.data = data
        self.raw = raw
        self.keys = keys
        self.asked_at = asked_at
        self.convert = convert
        self.live = True


cdef class Store:
    cdef readonly Py_ssize_t max_bytes
    cdef readonly Py_ssize_t max_entry_bytes
    cdef readonly object seconds
    cdef public object queue
    cdef public double good_until
    cdef public bint unsure
    cdef public object charset
    cdef public dict simple
    cdef public bytes preface
    cdef public bint direct
    cdef public object start_deadline
    cdef public object recover
    cdef public object is_of_no_key
    cdef public double absent_seconds
    cdef public Py_ssize_t waiting
    cdef public Py_ssize_t most_waiting
    cdef public Py_ssize_t run
    cdef readonly Py_ssize_t bytes
    cdef readonly Py_ssize_t entries
    cdef public long long hits
    cdef public long long misses
    cdef public long long joined
    cdef public long long uncached
    cdef public long long invalidations
    cdef public long long unused
    cdef public long long flushes
    cdef public long long evictions
    cdef public Py_ssize_t fetching
    cdef dict _converted
    cdef dict _raw
    cdef dict _by_key
    #: Entries of GET by the key as text of ASCII: found without encoding the command. Each was found by it before.
    cdef dict _texts
    cdef Entry _newest
    cdef Entry _oldest
    cdef Entry _hand
    cdef bint _is_boot_clock

    def __init__(self, max_bytes, max_entry_bytes, seconds):
        self.max_bytes = max_bytes
        self.max_entry_bytes = max_bytes if max_entry_bytes is None else min(max_entry_bytes, max_bytes)
        self.seconds = seconds
        self._is_boot_clock = HAS_BOOT_CLOCK and seconds is boot_seconds
        self.charset = "utf-8"
        self.simple = {}
        self.preface = b""
        self.recover = _fails
        self.is_of_no_key = _never
        self.absent_seconds = _NEVER
        self.most_waiting = 2**62
        self._converted = {}
        self._raw = {}
        self._by_key = {}
        self._texts = {}

    cdef inline double _now(self) except? -1:
        if self._is_boot_clock:
            return boot_clock()
        return self.seconds()

    cdef inline dict _found(self, bint raw):
        return self._raw if raw else self._converted

    def keys_known(self):
        return list(self._by_key)

    cpdef Entry find(self, bytes data, bint raw):
        return <Entry>self._found(raw).get(data)

    cdef inline bint _is_hit(self, Entry entry, double ttl) except -1:
        """As ``is_hit``, for a store that is open."""
        cdef double now
        if entry.fetch is not None or ttl <= 0:
            return False
        now = self._now()
        return now < self.good_until and now < entry.ends and now - entry.asked_at <= ttl

    def is_hit(self, Entry entry not None, double ttl, bint is_sure=False):
        return (
            self.queue is not None and self.queue.accepting and (is_sure or not self.unsure)
            and self._is_hit(entry, ttl)
        )

    cdef inline bint _can_join(self, Entry entry, double ttl) except -1:
        cdef double now
        if entry.fetch is None or self.waiting >= self.most_waiting or ttl <= 0:
            return False
        now = self._now()
        return now < self.good_until and now - entry.asked_at <= ttl

    def can_join(self, Entry entry not None, double ttl):
        return (
            self.queue is not None and self.queue.accepting and not self.unsure and self._can_join(entry, ttl)
        )

    cpdef object take(self, Entry entry):
        self.hits += 1
        self.run += 1
        entry.visited = True
        return entry.value

    cpdef join(self, Entry entry, deferred, convert):
        cdef FetchRequest fetch = entry.fetch
        if fetch is None:
            raise ValueError("the entry is not being fetched")
        fetch._join(deferred, convert)
        self.waiting += 1

    cpdef Entry begin(self, bytes data, bint raw, tuple keys, FetchRequest fetch, convert):
        cdef Entry former = self.find(data, raw)
        cdef Entry entry
        cdef object key, others
        if former is not None:
            self.drop(former)
        entry = Entry.__new__(Entry)
        entry.data = data
        entry.raw = raw
        entry.keys = keys
        entry.asked_at = self._now()
        entry.convert = convert
        entry.live = True
        entry.fetch = fetch
        fetch.entry = entry
        self._found(raw)[data] = entry
        for key in keys:
            others = self._by_key.get(key)
            if others is None:
                self._by_key[key] = entry
            elif type(others) is set:
                (<set>others).add(entry)
            elif others is not entry:
                self._by_key[key] = {others, entry}
        self.fetching += 1
        return entry

    def fetch(self, bytes data not None, bint raw, tuple keys not None, deferred, convert):
        cdef object queue = self.queue
        if queue is None or self.start_deadline is None:
            raise NotSentError("Not connected")
        cdef bytes whole = b"".join([self.preface, data] + [encode_command(("PTTL", key)) for key in keys])
        self._fetch(queue, whole, data, raw, keys, deferred, convert)

    cdef Entry _fetch(
        self, object queue, bytes whole, bytes data, bint raw, tuple keys, object deferred, object convert
    ):
        cdef Py_ssize_t prefaces = 1 if self.preface else 0
        cdef Py_ssize_t count = prefaces + 1 + len(keys)
        cdef object timeout = queue.reply_timeout
        cdef object deadline = self.start_deadline(timeout) if timeout else None
        cdef FetchRequest fetch = FetchRequest.__new__(FetchRequest)
        cdef Entry entry
        fetch._set(self, queue, prefaces, count, len(whole), deadline)
        entry = self.begin(data, raw, keys, fetch, convert)
        self.join(entry, deferred, convert)
        try:
            if type(queue) is RequestQueue:
                (<RequestQueue>queue).send_request(fetch, count, whole)
            else:
                queue.send_request(fetch, count, whole)
        except BaseException:
            self.given_up(entry)
            raise
        return entry

    def given_up(self, Entry entry not None):
        if entry.fetch is not None:
            entry.fetch._forget()
        self.ended(entry)
        self.drop(entry)

    def rename(self, Entry entry not None, bytes data not None):
        cdef dict found = self._found(entry.raw)
        cdef Entry former = <Entry>found.get(data)
        if former is not None:
            self.drop(former)
        if found.get(entry.data) is entry:
            del found[entry.data]
        entry.data = data
        found[data] = entry

    cpdef keep(self, Entry entry, value, double ends):
        cdef Py_ssize_t size
        cdef object key
        self.ended(entry)
        if not entry.live:
            return
        size = _ENTRY_BYTES + _BYTES_OVERHEAD + PyBytes_GET_SIZE(entry.data) + size_of(value)
        for key in entry.keys:
            size += _BYTES_OVERHEAD + PyBytes_GET_SIZE(<bytes?>key) + _KEY_BYTES
        if size > self.max_entry_bytes:
            self.drop(entry)
            return
        while self.bytes + size > self.max_bytes:
            self._evict()
        entry.value = value
        entry.ends = ends
        entry.size = size
        self.bytes += size
        self.entries += 1
        entry.older = self._newest
        self._newest = entry
        if entry.older is None:
            self._oldest = entry
        else:
            entry.older.newer = entry

    cpdef ended(self, Entry entry):
        if entry.fetch is not None:
            entry.fetch = None
            self.fetching -= 1

    cpdef drop(self, Entry entry):
        cdef dict found
        cdef object key, others
        if not entry.live:
            return
        entry.live = False
        if entry.text is not None:
            self._texts.pop(entry.text, None)
            entry.text = None
        found = self._found(entry.raw)
        if found.get(entry.data) is entry:
            del found[entry.data]
        for key in entry.keys:
            others = self._by_key.get(key)
            if others is entry:
                del self._by_key[key]
            elif type(others) is set:
                (<set>others).discard(entry)
                if len(<set>others) == 1:
                    self._by_key[key] = (<set>others).pop()
        if entry.size:
            self._unlink(entry)

    cdef int _unlink(self, Entry entry) except -1:
        cdef Entry newer = entry.newer
        cdef Entry older = entry.older
        self.bytes -= entry.size
        self.entries -= 1
        entry.size = 0
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
        entry.newer = None
        entry.older = None
        entry.value = None
        return 0

    cdef int _evict(self) except -1:
        cdef Entry hand = self._hand if self._hand is not None else self._oldest
        while hand is not None and hand.visited:
            hand.visited = False
            hand = hand.newer if hand.newer is not None else self._oldest
        if hand is None:
            raise RuntimeError("there is nothing to evict")
        self._hand = hand.newer
        self.evictions += 1
        self.drop(hand)
        return 0

    cpdef invalidate(self, keys):
        cdef object key, found, each
        cdef Entry entry
        if keys is None:
            self.clear()
            return
        for key in keys:
            found = self._by_key.get(key)
            if found is None:
                continue
            for each in (tuple(<set>found) if type(found) is set else (found,)):
                entry = <Entry?>each
                if entry.fetch is None or entry.fetch._place > entry.fetch._prefaces:
                    self.invalidations += 1
                    self.unused += not entry.visited
                    self._changed(entry)

    cpdef touch(self, names):
        cdef object name, found, each
        if not self._by_key:
            return
        for name in names:
            found = None if name is None else self._by_key.get(name)
            if found is not None:
                for each in (tuple(<set>found) if type(found) is set else (found,)):
                    self._changed(<Entry?>each)

    cpdef clear(self):
        cdef dict found
        cdef object entry
        self.flushes += 1
        for found in (self._converted, self._raw):
            while found:
                _, entry = found.popitem()
                self._changed(<Entry?>entry)
            found.clear()
        self._by_key.clear()
        self._texts.clear()

    cdef int _changed(self, Entry entry) except -1:
        if entry.fetch is not None:
            entry.fetch.is_overtaken = True
        self.drop(entry)
        return 0


def _fails(entry, error):
    return None


def _never(data, reply):
    return False


class Waiters(list):
    __slots__ = ()

    @property
    def called(self):
        return all([deferred.called for deferred, _ in self])


cdef class FetchRequest(BatchRequest):
    cdef readonly Store store
    cdef public Entry entry
    cdef public bint is_overtaken
    #: The reads that wait. The first has fields of its own, because most fetches have no other.
    cdef object _first
    cdef object _first_convert
    cdef object _others
    cdef object _queue
    cdef Py_ssize_t _prefaces
    cdef Py_ssize_t _count
    cdef Py_ssize_t _place
    cdef object _reply
    cdef double _ends
    cdef bint _keeps

    def __init__(self, Store store not None, queue, Py_ssize_t prefaces, Py_ssize_t count, Py_ssize_t size, deadline):
        self._set(store, queue, prefaces, count, size, deadline)
        self._others = self.deferred = Waiters()

    cdef int _set(
        self, Store store, object queue, Py_ssize_t prefaces, Py_ssize_t count, Py_ssize_t size, object deadline
    ) except -1:
        self.size = size
        self.deadline = deadline
        self.store = store
        self._queue = queue
        self._prefaces = prefaces
        self._count = count
        self._ends = _NEVER
        self._keeps = True
        return 0

    @property
    def waiters(self):
        if self._others is None:
            self._others = self.deferred = Waiters()
            if self._first is not None:
                self._others.append((self._first, self._first_convert))
                self._first = self._first_convert = None
        return self._others

    cdef int _join(self, object deferred, object convert) except -1:
        if self._others is None and self._first is None:
            self.deferred = self._first = deferred
            self._first_convert = convert
        else:
            self.waiters.append((deferred, convert))
        return 0

    @property
    def is_read(self):
        return self._place > self._prefaces

    @property
    def raw(self):
        return self.entry.raw

    @property
    def post_proc(self):
        return None

    @property
    def remaining(self):
        return self._count - self._place

    @property
    def plain(self):
        return 0

    cdef bint next_raw(self) except -1:
        return self.entry.raw

    cdef Py_ssize_t next_plain(self) except -1:
        return 0

    cpdef bint answer(self, reply) except -1:
        cdef Py_ssize_t place = self._place
        cdef double ends
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
            ends = self.entry.asked_at + <double>reply / 1000
            if ends < self._ends:
                self._ends = ends
        elif reply == -2:
            ends = self.entry.asked_at + self.store.absent_seconds
            if ends < self._ends:
                self._ends = ends
            if (
                self._count == self._prefaces + 2
                and self._reply is not None
                and not self.store.is_of_no_key(self.entry.data, self._reply)
            ):
                self._keeps = False
        return self._place == self._count

    cpdef finish(self):
        cdef Store store = self.store
        cdef Entry entry = self.entry
        cdef object reply = self._reply
        if self._keeps and store.queue is self._queue:
            store.keep(entry, reply, self._ends)
            if type(self) is not FetchRequest:
                self.kept()
        else:
            store.ended(entry)
            store.drop(entry)
        if isinstance(reply, Exception):
            self._fail(reply, store.recover(entry, reply))
            return
        try:
            self._tell(reply)
        except BaseException:
            if self.deferred.called:
                self._forget()
            raise
        self._forget()

    cdef int _tell(self, object reply) except -1:
        cdef Store store = self.store
        cdef object waiter, deferred, again = None
        cdef bint is_first = True
        if self._first is not None:
            if not self._first.called:
                _deliver(self._first, self._first_convert, reply)
        elif self._others is not None:
            if len(self._others) > 1 and (self.is_overtaken or store._now() >= self._ends):
                # The key has changed or expired meanwhile. A read that has joined the fetch may have begun after that.
                again = store.recover(self.entry, None)
            for waiter in self._others:
                deferred = (<tuple?>waiter)[0]
                if not deferred.called:
                    if again is not None and not is_first:
                        again(deferred, (<tuple>waiter)[1])
                    else:
                        _deliver(deferred, (<tuple>waiter)[1], reply)
                is_first = False
        return 0

    def kept(self):
        pass

    def drop(self):
        self.store.drop(self.entry)

    def fail(self, error):
        self.store.ended(self.entry)
        self.store.drop(self.entry)
        self._fail(error, self.store.recover(self.entry, error))

    cdef int _fail(self, object error, object again) except -1:
        cdef object waiter, deferred, convert
        for waiter in self.waiters:
            deferred, convert = <tuple?>waiter
            if deferred.called:
                continue
            if isinstance(convert, _Recovery):
                convert.recover(error, deferred)
            elif again is None:
                deferred.errback(error)
            else:
                again(deferred, convert)
        self._forget()
        return 0

    cdef int _forget(self) except -1:
        if self._first is not None:
            self._first = self._first_convert = None
            self.store.waiting -= 1
        if self._others is not None:
            self.store.waiting -= len(self._others)
            self._others.clear()
        return 0


cdef class FastView:
    cdef readonly Store store
    cdef readonly double max_age
    cdef readonly bint plain

    def __init__(self, Store store not None, double max_age, bint plain):
        self.store = store
        self.max_age = max_age
        self.plain = plain

    def get(self, key):
        """Read a string; see ``ConnectionHandler.get``."""
        cdef object deferred = None
        try:
            deferred = _read(self, None, key, None)
        except Exception:
            return fail()
        return self.execute_command("GET", key) if deferred is None else deferred

    def peek(self, command, key=_NOTHING, /, *more, default=None):
        """Return the kept value, at once and without a Deferred: ``rc.cached(60).peek("GET", "key")``.

        Nothing is fetched. The value is converted as for the read that has fetched it.

        :param command: its name; its arguments follow.
        :param default: returned if nothing is kept that is young enough.
        :raises InvalidData: an argument cannot be encoded.
        """
        cdef Store store = self.store
        cdef Entry entry = None
        cdef object value
        cdef bytes data = None
        if self.plain and type(store.queue) is RequestQueue:
            if not (<RequestQueue>store.queue).accepting or store.unsure:
                return default
            if not more and type(command) is str and command == "GET":
                entry = _found_by_text(store, key)
                if entry is None:
                    data = _encode_get(store, key)
                    if data is not None:
                        entry = <Entry>store._converted.get(data)
                        if entry is None:
                            return default
            if entry is not None:
                if not store._is_hit(entry, self.max_age):
                    return default
                if data is not None:
                    _find_by_text(store, entry, key)
                value = store.take(entry)
                return value if entry.convert is None else entry.convert(copied(value))
        return self.peek_any((command, *more) if key is _NOTHING else (command, key, *more), default)


def fast_path_of_view(execute_command):
    @wraps(execute_command)
    def fast_path(self, *args, **kwargs):
        cdef object deferred = None
        try:
            if not kwargs:
                deferred = _read(self, args, None, None)
            elif len(kwargs) == 1 and "post_proc" in kwargs:
                deferred = _read(self, args, None, kwargs["post_proc"])
        except Exception:
            return fail()
        return execute_command(self, *args, **kwargs) if deferred is None else deferred

    return fast_path


cdef object _read(FastView view, tuple args, object key, object convert):
    """Read in the usual cases; return None in all others.

    :param args: the command; None: the GET of ``key``.
    """
    cdef object deferred, kind
    cdef RequestQueue queue
    cdef bytes data
    cdef Entry entry
    cdef Store store = view.store
    cdef double ttl
    if store.unsure or not view.plain or type(store.queue) is not RequestQueue:
        return None
    queue = <RequestQueue>store.queue
    if not queue.accepting:
        return None
    ttl = view.max_age
    if args is None:
        entry = _found_by_text(store, key)
        if entry is not None and store.run < _HITS_PER_TURN and store._is_hit(entry, ttl):
            return _given(convert, store.take(entry))
        data = _encode_get(store, key)
    else:
        data = encode_usual(args, store.charset) if args else None
    if data is None:
        return None
    entry = <Entry>store._converted.get(data)
    if entry is not None:
        if convert is None and entry.shaped:
            return None
        if entry.fetch is None:
            if store._is_hit(entry, ttl):
                if store.run >= _HITS_PER_TURN:
                    return None
                if args is None:
                    _find_by_text(store, entry, key)
                return _given(convert, store.take(entry))
        elif store._can_join(entry, ttl):
            deferred = new_deferred(None)
            store.joined += 1
            store.join(entry, deferred, convert)
            return deferred
    if not store.direct or queue.full or store.waiting >= store.most_waiting or store._now() >= store.good_until:
        return None
    if args is None:
        kind = store.simple.get("GET")
    elif type(args[0]) is str and len(args) > 1:
        kind = store.simple.get(args[0])
    else:
        kind = None
    if kind is None or (convert is None and kind == 2):
        return None
    return _fetch_simple(store, queue, data, convert, kind == 2)


cdef inline Entry _found_by_text(Store store, object key):
    """Return an entry of GET that ``_find_by_text`` was called with, or None."""
    if type(key) is not str:
        return None
    return <Entry>store._texts.get(key)


cdef int _find_by_text(Store store, Entry entry, object key) except -1:
    """Have an entry of GET found by its key as text from here on."""
    if type(key) is str and entry.text is None and entry.size and store.charset == "utf-8":
        store._texts[key] = entry
        entry.text = key
    return 0


cdef bytes _encode_get(Store store, object key):
    """Encode the GET of a usual key; return None for others."""
    cdef const char *text
    cdef char *target
    cdef char digits[24]
    cdef Py_ssize_t size, rest
    cdef int count = 0
    cdef bytes data
    if type(key) is str:
        if store.charset != "utf-8" or not PyUnicode_IS_COMPACT_ASCII(key):
            return None
        size = PyUnicode_GET_LENGTH(key)
        text = <const char *>PyUnicode_DATA(key)
    elif type(key) is bytes:
        size = PyBytes_GET_SIZE(key)
        text = PyBytes_AS_STRING(key)
    else:
        return None
    rest = size
    while True:
        digits[count] = <char>(c"0" + rest % 10)
        count += 1
        rest //= 10
        if rest == 0:
            break
    data = PyBytes_FromStringAndSize(NULL, 14 + count + 2 + size + 2)
    target = PyBytes_AS_STRING(data)
    memcpy(target, b"*2\r\n$3\r\nGET\r\n$", 14)
    target += 14
    while count:
        count -= 1
        target[0] = digits[count]
        target += 1
    target[0] = c"\r"
    target[1] = c"\n"
    memcpy(target + 2, text, size)
    target[size + 2] = c"\r"
    target[size + 3] = c"\n"
    return data


cdef object _fetch_simple(Store store, RequestQueue queue, bytes data, object convert, bint shaped):
    """Fetch a command whose key is its first argument."""
    cdef const char *text = PyBytes_AS_STRING(data)
    cdef Py_ssize_t begin, at, size, end
    cdef Py_ssize_t total = PyBytes_GET_SIZE(data)
    cdef Py_ssize_t head = PyBytes_GET_SIZE(store.preface)
    cdef Py_ssize_t tail = PyBytes_GET_SIZE(_PTTL)
    cdef bytes key, whole
    cdef char *target
    cdef object deferred
    cdef Entry entry
    at = _behind_line(text, 0)
    at = _behind_line(text, at) + _number(text, at) + 2
    begin = at
    size = _number(text, at)
    if size > _KEY_MAX_BYTES:
        return None
    at = _behind_line(text, at)
    key = data[at : at + size]
    end = at + size + 2
    whole = PyBytes_FromStringAndSize(NULL, head + total + tail + end - begin)
    target = PyBytes_AS_STRING(whole)
    memcpy(target, PyBytes_AS_STRING(store.preface), head)
    memcpy(target + head, text, total)
    memcpy(target + head + total, PyBytes_AS_STRING(_PTTL), tail)
    memcpy(target + head + total + tail, text + begin, end - begin)
    deferred = new_deferred(None)
    store.misses += 1
    entry = store._fetch(queue, whole, data, False, (key,), deferred, convert)
    entry.shaped = shaped
    return deferred


cdef inline Py_ssize_t _behind_line(const char *text, Py_ssize_t at) noexcept:
    while text[at] != b"\n":
        at += 1
    return at + 1


cdef inline Py_ssize_t _number(const char *text, Py_ssize_t at) noexcept:
    cdef Py_ssize_t value = 0
    at += 1
    while text[at] != b"\r":
        value = value * 10 + (text[at] - c"0")
        at += 1
    return value
