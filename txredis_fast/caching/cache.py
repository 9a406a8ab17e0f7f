"""The cache of one server, which ``rc.cached(ttl)`` reads from, and ``rc.cache``.

Theory of operation. Reads go over one tracked connection (:mod:`.link`), where replies and invalidations are one
sequence. The store (:mod:`._pystore`) holds their values, as long as these may be given (:mod:`.tracking`). A read
finds its entry there and is answered at once, or waits for the fetch of another read, or begins one. While there is no
tracked connection, reads go to the pool, and nothing is kept.

This module must not know what a program holds.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock

from .._reactor import current_reactor, patched_reactor
from .._tunables import CACHED_VIEWS_KEPT
from .._types import Converter, Reply
from ..batching import as_deferred
from ..commands._parts import command_name
from ..exceptions import NotSentError, RedisError, ReplyTimeoutError
from ..inflight import TimeLimit
from ..options import ClientCache
from ..pool import Pool
from ..resp import encode_command, fixed_arguments, key_slot
from ..telemetry import CacheStats
from ..transport import cancel_timer
from . import HITS_PER_TURN, Entry, FetchRequest, Store, boot_seconds, copied, deliver
from .link import CACHING_YES
from .reads import SIMPLE, Read, changes_shape, is_of_no_key, read_of
from .several import ONE_OF_MGET, StepByStep, peek_several, read_several
from .tracking import Tracking
from .uncached import PoolReads, ReadAgain, UncachedReads
from .view import CachedView, check_ttl
from .writes import commands_in

__all__ = ["Cache"]

#: Seconds that are left to a read at least, whose limit is over as soon as the reactor runs.
_LEAST_TIMEOUT = 0.001


def _clock(pool: Pool) -> Callable[[], float]:
    """The clock that ages are measured with: a test's, whether it is the pool's or that of the whole package."""
    clock = pool.clock or patched_reactor()
    return clock.seconds if isinstance(clock, Clock) else boot_seconds


class Cache:
    """The replies that a handler keeps: ``rc.cache``. Made by the option ``cache`` of constructors.

    :ivar tracking: tells whether kept replies may be given.
    :ivar reads: executes the reads that the cache cannot answer; a room above may set its own.
    """

    def __init__(self, pool: Pool, options: ClientCache) -> None:
        """Make the cache of a pool; it opens its connection when the pool has one."""
        self._pool = pool
        self._options = options
        self.reads: UncachedReads = PoolReads(pool, options)
        self.store = Store(options.max_bytes, options.max_entry_bytes, _clock(pool))
        self.store.recover = self._recover
        self.store.is_of_no_key = _is_of_no_key
        if options.mode == "optin":
            self.store.preface = CACHING_YES
        self.tracking = Tracking(pool, options, self.store)
        self._prefixes = tuple(self._encode(prefix) for prefix in options.prefixes)
        #: By time to live; those of the first ones that a program has asked for.
        self.views: dict[float, CachedView[Any]] = {}

    def __repr__(self) -> str:
        stats = self.stats()
        return f"<Cache {stats.link}, {stats.entries} entries, {stats.bytes} bytes>"

    # -- methods for programs

    def forget(self, *keys: object) -> None:
        """Drop every kept reply that was made of one of these keys; replies being fetched are not kept.

        :param keys: as arguments of commands.
        :raises InvalidData: one cannot be encoded.
        """
        self.store.touch([self._encode(key) for key in keys])

    def forget_slots(self, slots: Container[int]) -> None:
        """Drop every kept reply that was made of a key of these slots of a cluster; as :meth:`forget`.

        Looks at each key: 0.1 microseconds for each.
        """
        self.store.touch([key for key in self.store.keys_known() if key_slot(key) in slots])

    def clear(self) -> None:
        """Drop every kept reply; replies being fetched are not kept."""
        self.store.clear()

    def stats(self) -> CacheStats:
        """Return the counters since the cache was made, and its present size; ``rc.stats().cache`` is the same."""
        store = self.store
        counted = ("hits", "misses", "joined", "uncached", "invalidations", "flushes", "evictions")
        present = ("entries", "bytes", "fetching")
        return CacheStats(
            link=self.link_state,
            link_lost=self.tracking.links_lost,
            **{name: getattr(store, name) for name in counted + present},
        )

    @property
    def link_state(self) -> str:
        """``"up"``; ``"down"``: the tracked connection is being made; ``"off"``: it is refused, or not made again."""
        return self.tracking.state

    def is_kept(self, args: Sequence[Any], raw: bool, ttl: float) -> bool:
        """Whether a read would be answered from memory.

        :param args: the command's name and its arguments.
        :param raw: whether strings stay bytes.
        :param ttl: age in seconds that is accepted.
        :raises InvalidData: an argument cannot be encoded.
        """
        entry = self.store.find(self.encode(args), raw)
        return entry is not None and self.store.is_hit(entry, ttl)

    def view(self, ttl: float | None = None) -> CachedView[Any]:
        """Return the view with a time to live; see ``ConnectionHandler.cached``."""
        seconds = self._options.default_ttl if ttl is None else ttl
        view = self.views.get(seconds) if type(seconds) in (int, float) else None
        if view is None:
            view = CachedView(self, check_ttl(seconds))
            if len(self.views) < CACHED_VIEWS_KEPT:
                self.views[view.max_age] = view
        return view

    # -- reading

    def read(
        self, args: Sequence[Any], convert: Converter | None, raw: bool, ttl: float, timeout: float | None
    ) -> Deferred[Any]:
        """Read through the cache.

        :param args: the command's name and its arguments.
        :param convert: converts the reply.
        :param raw: whether strings stay bytes.
        :param ttl: age in seconds that is accepted; 0: the server is asked.
        :param timeout: seconds from the call to the reply, or None.
        :returns: fires with the converted reply.
        """
        try:
            args = fixed_arguments(tuple(args))
            looked = read_of(args, self._options.cacheable_scripts)
        except Exception:
            return fail()
        if isinstance(looked, RedisError):
            return fail(looked)
        request = Request(args, looked, convert, raw, ttl, timeout)
        if looked.name == "MGET":
            return read_several(self, request)
        if convert is None and self._has_other_shape(looked.name):
            return self.uncached(request, "")
        return self.read_one(request)

    def _has_other_shape(self, name: str) -> bool:
        """Whether the reply to a command, not converted, is another one under the pool's protocol."""
        return self._pool.respVersion == 2 and changes_shape(name)

    def read_one(self, request: Request, is_sure: bool = False) -> Deferred[Any]:
        """Read one entry.

        :param is_sure: whether the tracked connection was asked since the last script that the read must see.
        """
        store = self.store
        try:
            data = self.encode(request.args)
        except Exception:
            return fail()
        entry = store.find(data, request.raw)
        if entry is not None:
            if store.is_hit(entry, request.ttl, is_sure):
                if store.run >= HITS_PER_TURN:
                    return self.after_a_turn(lambda: self.read_one(request))
                given: Deferred[Any] = Deferred()
                deliver(given, request.convert, store.take(entry))
                return given
            if store.unsure and not is_sure and self.tracking.is_open:
                return self.when_sure(request, lambda: self.read_one(request, True))
            if store.can_join(entry, request.ttl):
                return self._wait(request, lambda deferred: self.join(entry, deferred, request.convert))
        keys = self.keys_in(data, request)
        if keys is None or not self.can_fetch():
            return self.uncached(request, "" if keys is None else "down")
        store.misses += 1
        return self._wait(request, lambda deferred: self._fetch(data, keys, deferred, request))

    def join(self, entry: Entry, deferred: Deferred[Any] | Any, convert: Converter | None) -> None:
        """Have a read wait for the fetch of another."""
        self.store.joined += 1
        self.store.join(entry, deferred, convert)

    def _fetch(self, data: bytes, keys: tuple[bytes, ...], deferred: Deferred[Any], request: Request) -> None:
        store, name = self.store, request.args[0]
        other = self._has_other_shape(request.read.name)
        if request.read.name in SIMPLE and type(name) is str and not self._prefixes:
            store.simple[name] = 2 if other else 1
        if store.direct:
            store.fetch(data, request.raw, keys, deferred, request.convert)
        else:
            self._fetch_seen(data, keys, deferred, request)
        entry = store.find(data, request.raw)
        if entry is not None:
            entry.shaped = other

    def _fetch_seen(self, data: bytes, keys: tuple[bytes, ...], deferred: Deferred[Any], request: Request) -> None:
        """As ``Store.fetch``, but the read is sent by ``execute_command`` of the connection.

        An override may send other commands, or none. Then the server has perhaps not tracked the read, and the reply is
        not kept.
        """
        store, queue = self.store, self.store.queue
        if queue is None:
            raise NotSentError("Not connected")
        prefaces = 1 if store.preface else 0
        fetch = FetchRequest(store, queue, prefaces, prefaces + 1 + len(keys), 0, None)
        entry = store.begin(data, request.raw, keys, fetch, request.convert)
        store.join(entry, deferred, request.convert)
        try:
            steps = self.send_seen(request.args, request.raw, keys, [entry])
        except BaseException:
            store.given_up(entry)
            raise
        StepByStep(fetch, steps)

    def send_seen(
        self, args: Sequence[Any], raw: bool, keys: Sequence[bytes], entries: Sequence[Entry]
    ) -> list[Deferred[Any]]:
        """Send the commands of a fetch, the read by ``execute_command`` of the connection, all in one write.

        :param entries: are dropped if that has not sent the read alone, and as it is: the server tells of the keys
            that were sent.
        :returns: the replies.
        """
        store, queue, connection = self.store, self.store.queue, self.tracking.connection
        if queue is None or connection is None:
            raise NotSentError("Not connected")
        with connection.corked():
            steps = [queue.send(CACHING_YES, None, False, None, None)] if store.preface else []
            before, effects = queue.sent, queue.effects
            sent: list[bytes] = []
            queue.effects = sent.append  # returns None: there is no effect
            try:
                steps.append(as_deferred(connection.execute_command, *args, raw=raw))
            finally:
                queue.effects = effects
            if queue.sent != before + 1 or sent != [self.encode(args)]:
                for entry in entries:
                    store.drop(entry)
            steps += [queue.send(encode_command(("PTTL", key)), None, False, None, None) for key in keys]
        return steps

    def _wait(self, request: Request, begin: Callable[[Deferred[Any]], None]) -> Deferred[Any]:
        waiting: Deferred[Any] = Deferred()
        try:
            begin(waiting)
        except Exception:
            return fail()
        return waiting if request.timeout is None else self.limited(waiting, request.timeout)

    def limited(self, waiting: Deferred[Any], seconds: float) -> Deferred[Any]:
        """End the wait of one read when its time is up. What it waits for goes on, for others."""

        def over() -> None:
            if not waiting.called:
                waiting.errback(ReplyTimeoutError(f"Not received Redis response in {seconds} seconds"))

        limit = TimeLimit(current_reactor(), seconds, over, self.tracking.progress)

        def stop(result: Any) -> Any:
            limit.stop()
            return result

        return waiting.addBoth(stop)

    def after_a_turn(self, read: Callable[[], Deferred[Any]]) -> Deferred[Any]:
        """Read in the next turn of the reactor, which reads the invalidations before."""
        self.store.run = 0
        turn: Deferred[Any] = Deferred(lambda _: cancel_timer(call))
        call = current_reactor().callLater(0, turn.callback, None)
        return turn.addCallback(lambda _: read())

    def when_sure(self, request: Request, read: Callable[[], Deferred[Any]]) -> Deferred[Any]:
        """Read after the tracked connection has told of the keys that scripts have written."""
        store = self.store
        if store.waiting >= store.most_waiting:
            return self.uncached(request, "down")
        store.waiting += 1
        asked_at = current_reactor().seconds()

        def told(result: Any) -> Any:
            store.waiting -= 1
            if request.timeout is not None:  # which the answer has used up in part
                request.timeout = max(request.timeout - (current_reactor().seconds() - asked_at), _LEAST_TIMEOUT)
            return result

        done: Deferred[Any] = self.tracking.make_sure().addBoth(told).addCallback(lambda _: read())
        return done if request.timeout is None else self.limited(done, request.timeout)

    def can_fetch(self) -> bool:
        """Whether a fetch may be sent now: a connection that has been silent for too long is not waited for."""
        store, queue = self.store, self.store.queue
        return (
            queue is not None
            and queue.accepting
            and not queue.full
            and store.waiting < store.most_waiting
            and store.seconds() < store.good_until
        )

    def keys_in(self, data: bytes, request: Request) -> tuple[bytes, ...] | None:
        """Return the keys of a read as they are sent; None if its reply must not be kept.

        That is so where a key is very long, or without one of the prefixes.
        """
        (sent,) = commands_in(data)
        keys = []
        for place in request.read.places:
            key = sent[place]
            if key is None or (self._prefixes and not key.startswith(self._prefixes)):
                return None
            keys.append(key)
        return tuple(keys)

    def uncached(self, request: Request, why: str) -> Deferred[Any]:
        """Read from the pool. What is kept of the same keys may be older than the reply, and is dropped.

        :param why: ``"down"``: because a fetch cannot be sent.
        """
        self.store.uncached += 1
        if why and self._options.while_down == "fail" and not self.tracking.is_open:
            reason = self.tracking.refused or "the connection for it is not up"
            return fail(NotSentError(f"Not connected: the server tells of no changes now: {reason}"))
        options: dict[str, Any] = {"post_proc": request.convert, "raw": request.raw}
        if request.timeout is not None:
            options["timeout"] = request.timeout
        (sent,) = commands_in(self.encode(request.args))
        names = [sent[place] for place in request.read.places]
        return self.reads.read(request.args, options).addBoth(self._overtaken, names)

    def _overtaken(self, result: Any, names: Sequence[bytes | None]) -> Any:
        """The pool has read some keys: its reply may have overtaken the server's word of their change."""
        self.store.touch(names)
        return result

    def _recover(self, entry: Entry, error: Exception | None) -> Callable[[Any, Any], object] | None:
        """Decide on the reads whose fetch has failed, or whose reply came when its key had expired."""
        (args,) = commands_in(entry.data)
        if None in args:
            return None
        is_part = args[0] == ONE_OF_MGET.encode()
        if is_part:
            args[0] = b"MGET"
        begin = self.reads.again(args, entry.raw, error)
        if begin is None:
            return None
        read = begin  # whose type is known below
        return ReadAgain(lambda: read().addBoth(self._overtaken, entry.keys), self.store, is_part)

    def peek(self, args: Sequence[Any], raw: bool, ttl: float, default: Any) -> Any:
        """Return the kept value, at once; see ``CachedView.peek``."""
        store = self.store
        if command_name(args) == "MGET":
            return peek_several(self, args, raw, ttl, default)
        entry = store.find(self.encode(args), raw)
        if entry is None or not store.is_hit(entry, ttl):
            return default
        value = copied(store.take(entry))
        return value if entry.convert is None else entry.convert(value)

    def encode(self, args: Sequence[Any]) -> bytes:
        """Encode a command as the tracked connection does.

        :raises InvalidData: an argument cannot be sent.
        """
        return encode_command(args, self._pool.charset, "strict", bool(self._pool.strict))

    def _encode(self, argument: object) -> bytes:
        ((_, encoded),) = commands_in(self.encode(("GET", argument)))
        return b"" if encoded is None else encoded


class Request:
    """One read."""

    __slots__ = ("args", "convert", "raw", "read", "timeout", "ttl")

    def __init__(
        self,
        args: Sequence[Any],
        read: Read,
        convert: Converter | None,
        raw: bool,
        ttl: float,
        timeout: float | None,
    ) -> None:
        self.args = args
        self.read = read
        self.convert = convert
        self.raw = raw
        self.ttl = ttl
        self.timeout = timeout


def _is_of_no_key(data: bytes, reply: Reply) -> bool:
    (args,) = commands_in(data)
    return is_of_no_key(command_name(args), reply)
