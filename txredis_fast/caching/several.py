"""MGET from memory: the keys that are not kept are fetched together, the others are not.

The value of a key is the entry of its GET, which other reads use, too. Only where MGET's nil may stand for a value of
another type, which GET refuses, it has an entry of its own.

This module must not know how anything is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

from .._types import Converter, Reply
from ..exceptions import ConnectionError, InvalidResponse, NotSentError, RedisError, ResponseError, WrongTypeError
from ..inflight import BatchRequest
from ..resp import encode_command
from . import HITS_PER_TURN, FetchRequest, copied, deliver
from .reads import Read

if TYPE_CHECKING:
    from .cache import Cache, Request

__all__ = ["ONE_OF_MGET", "StepByStep", "peek_several", "read_several"]

#: In the place of a command's name: names the entry of one key's value. No command, because the reply to MGET of that
#: key is a list.
ONE_OF_MGET = "ONE OF MGET"


def peek_several(cache: Cache, args: Sequence[Any], raw: bool, ttl: float, default: Any) -> Any:
    """Return the kept values of all keys of an MGET, at once; ``default`` if one of them is missing."""
    store = cache.store
    entries = []
    for key in args[1:]:
        entry = store.find(cache.encode(("GET", key)), raw) or store.find(cache.encode((ONE_OF_MGET, key)), raw)
        if entry is None or not store.is_hit(entry, ttl):
            return default
        entries.append(entry)
    return [copied(store.take(entry)) for entry in entries] or default


def read_several(cache: Cache, request: Request, is_sure: bool = False, is_again: bool = False) -> Deferred[Any]:
    """Read by MGET.

    :param is_sure: see :meth:`.Cache.read_one`.
    :param is_again: whether a fetch that this read had joined was refused, perhaps for keys of another read.
    """
    store = cache.store
    keys, raw = request.args[1:], request.raw
    if store.run >= HITS_PER_TURN:
        return cache.after_a_turn(lambda: read_several(cache, request, is_sure, is_again))
    try:
        names = [(cache.encode(("GET", key)), cache.encode((ONE_OF_MGET, key))) for key in keys]
        sent = cache.keys_in(cache.encode(request.args), request)
    except Exception:
        return fail()
    gathering = _Gathering(len(keys), request.convert)
    missing: dict[bytes, list[_Place]] = {}
    for index, (name, own_name) in enumerate(names):
        entry = store.find(name, raw) or store.find(own_name, raw)
        place = _Place(gathering, index)
        if entry is not None and store.is_hit(entry, request.ttl, is_sure):
            place.callback(copied(store.take(entry)))
        elif entry is not None and store.unsure and not is_sure and cache.tracking.is_open:
            return cache.when_sure(request, lambda: read_several(cache, request, True, is_again))
        elif entry is not None and store.can_join(entry, request.ttl):
            if entry.data == own_name and not is_again:
                place.again = partial(_read_again, cache, request, keys[index])
            cache.join(entry, place, None)
        else:
            missing.setdefault(own_name, []).append(place)
    if missing:
        if sent is None or not cache.can_fetch():
            gathering.give_up()
            return cache.uncached(request, "" if sent is None else "down")
        try:
            known = {own_name: (key, name) for key, (name, own_name) in zip(sent, names, strict=True)}
            _fetch(cache, request, missing, known)
        except Exception:
            gathering.give_up()
            return fail()
    waiting = gathering.begin()
    return waiting if request.timeout is None or waiting.called else cache.limited(waiting, request.timeout)


def _read_again(cache: Cache, request: Request, key: Any) -> Deferred[Any]:
    """Read one key, whose fetch together with others was refused; fires with a list of its value."""
    read = type(request)(("MGET", key), Read("MGET", (1,)), None, request.raw, request.ttl, None)
    return read_several(cache, read, is_again=True)


def _fetch(
    cache: Cache,
    request: Request,
    missing: dict[bytes, list[_Place]],
    known: dict[bytes, tuple[bytes, bytes]],
) -> None:
    """Fetch the missing keys by one MGET.

    :param missing: by the name of the entry of each key, the places that wait for it.
    :param known: of these, the key, and its GET as it is sent.
    """
    store = cache.store
    queue = store.queue
    if queue is None or store.start_deadline is None:
        raise NotSentError("Not connected")
    prefaces = 1 if store.preface else 0
    parts = []
    for own_name in missing:
        key, name = known[own_name]
        part = _Part(store, queue, prefaces, prefaces + 2, 0, None)
        part.name = name
        store.begin(own_name, request.raw, (key,), part, None)
        parts.append(part)
    store.misses += len(parts)
    for part, places in zip(parts, missing.values(), strict=True):
        for place in places:
            store.join(part.entry, place, None)  # type: ignore[arg-type]
    keys = [part.entry.keys[0] for part in parts]
    try:
        if store.direct:
            commands = [encode_command(("MGET", *keys)), *(encode_command(("PTTL", key)) for key in keys)]
            whole = b"".join((store.preface, *commands))
            timeout = queue.reply_timeout
            deadline = store.start_deadline(timeout) if timeout else None
            several = _SeveralRequest(parts, prefaces, len(whole), deadline)
            queue.send_request(several, several.remaining, whole)
        else:
            several = _SeveralRequest(parts, prefaces, 0, None)
            StepByStep(several, cache.send_seen(("MGET", *keys), request.raw, keys, [part.entry for part in parts]))
    except BaseException:
        for part in parts:
            store.given_up(part.entry)
        raise


class _Place:
    """One awaited value of an MGET. It has the methods of a Deferred that a fetch calls."""

    __slots__ = ("_gathering", "_index", "again", "called")

    def __init__(self, gathering: _Gathering, index: int) -> None:
        self._gathering = gathering
        self._index = index
        self.called = False
        #: Reads the value if the server refuses the fetch; None: the refusal is the answer.
        self.again: Callable[[], Deferred[Any]] | None = None

    def callback(self, value: Reply) -> None:
        """The value is here."""
        self.called = True
        self._gathering.got(self._index, value)

    def errback(self, error: Any = None) -> None:
        """The fetch has failed. MGET has nil where GET refuses a value of another type."""
        self.called = True
        if isinstance(error, WrongTypeError):
            self._gathering.got(self._index, None)
        elif self.again is not None and isinstance(error, ResponseError):
            self.again().addCallback(lambda values: self._gathering.got(self._index, values[0])).addErrback(
                self._gathering.failed
            )
        else:
            self._gathering.failed(Failure() if error is None else error)


class _Gathering:
    """The values of one MGET."""

    def __init__(self, count: int, convert: Converter | None) -> None:
        self._values: list[Any] = [None] * count
        self._left = count + 1
        self._convert = convert
        self._deferred: Deferred[Any] = Deferred()

    def begin(self) -> Deferred[Any]:
        """Return a Deferred that fires with the values."""
        self.got(None, None)
        return self._deferred

    def give_up(self) -> None:
        """No caller wants the values: a read that has joined a fetch must not log the failure of the fetch."""
        self._deferred.addErrback(lambda _: None)

    def got(self, index: int | None, value: Reply) -> None:
        """A value is here."""
        if index is not None:
            self._values[index] = value
        self._left -= 1
        if not self._left:
            deliver(self._deferred, self._convert, self._values)

    def failed(self, error: Any) -> None:
        """A fetch has failed."""
        if not self._deferred.called:
            self._deferred.errback(error)


class _Part(FetchRequest):
    """One key of an MGET; never in flight by itself."""

    #: The GET of the key, as it is sent.
    name: bytes

    def kept(self) -> None:
        """The value becomes that of GET, too, unless it may be of another type."""
        entry = self.entry
        if entry.size and entry.value is not None:
            self.store.rename(entry, self.name)


class _Waiting:
    """It has the methods of a Deferred that a queue calls."""

    def __init__(self, parts: Sequence[_Part]) -> None:
        self._parts = parts

    @property
    def called(self) -> bool:
        """Whether nobody waits any more."""
        return all(part.waiters.called for part in self._parts)


class _SeveralRequest(BatchRequest):
    """The commands of one fetch in flight: MGET, and the time to live of each of its keys."""

    def __init__(self, parts: Sequence[_Part], prefaces: int, size: int, deadline: float | None) -> None:
        super().__init__(_Waiting(parts), (), deadline, size)  # type: ignore[arg-type]
        self.parts = parts
        self._prefaces = prefaces
        self._place = 0

    @property
    def store(self) -> Any:
        """The store of the parts."""
        return self.parts[0].store

    @property
    def raw(self) -> bool:
        """Whether the next reply stays raw."""
        return self.parts[0].raw

    @property
    def post_proc(self) -> None:
        """There is no converter."""
        return None

    @property
    def remaining(self) -> int:
        """Number of replies still to come."""
        return self._prefaces + 1 + len(self.parts) - self._place

    @property
    def plain(self) -> int:
        """0: each reply is answered by itself."""
        return 0

    def answer(self, reply: Reply) -> bool:
        """Take the next reply."""
        place = self._place
        self._place = place + 1
        parts = self.parts
        if place > self._prefaces:
            parts[place - self._prefaces - 1].answer(reply)
        elif place == self._prefaces and isinstance(reply, list) and len(reply) == len(parts):
            for part, value in zip(parts, reply, strict=True):
                part.answer(value)
        else:
            if place == self._prefaces and not isinstance(reply, Exception):
                reply = InvalidResponse("MGET was answered with something else than a list of as many values as keys")
            for part in parts:
                part.answer(reply)
        return not self.remaining

    def drop(self) -> None:
        """Keep nothing of it."""
        for part in self.parts:
            part.drop()

    def finish(self) -> None:
        """All replies are here."""
        self._each(lambda part: part.finish())

    def fail(self, error: Exception) -> None:
        """The connection was lost before the last reply."""
        self._each(lambda part: part.fail(error))

    def _each(self, end: Callable[[_Part], None]) -> None:
        for part in self.parts:
            if part.waiters or part.entry.fetch is part:
                end(part)


class StepByStep:
    """A fetch whose commands are requests of their own: hands their replies, in order, to the request of the fetch.

    The reply to the read may come later than those behind it, where a program's class delays it. Then it is not kept.
    """

    def __init__(self, fetch: FetchRequest | _SeveralRequest, steps: Sequence[Deferred[Any]]) -> None:
        """Make one.

        :param steps: the replies, in the order of the commands.
        """
        self._fetch: FetchRequest | _SeveralRequest | None = fetch
        self._early: dict[int, Reply] = {}
        self._next = 0
        for place, step in enumerate(steps):
            step.addCallbacks(self._answered, self._failed, (place,), errbackArgs=(place,))

    def _answered(self, reply: Reply, place: int) -> None:
        if self._fetch is None:
            return
        if place != self._next:
            self._fetch.drop()
        self._early[place] = reply
        while self._next in self._early and self._fetch is not None:
            fetch, reply = self._fetch, self._early.pop(self._next)
            self._next += 1
            try:
                if fetch.answer(reply):
                    self._fetch = None
                    fetch.finish()
            except BaseException as error:
                # As for a read of something that a program's class has made, and that raises when it is looked at.
                self._fetch = None
                fetch.fail(_as_exception(error))

    def _failed(self, failure: Failure, place: int) -> None:
        error = _as_exception(failure.value)
        if not isinstance(error, ConnectionError):
            self._answered(error, place)
        elif self._fetch is not None:
            fetch, self._fetch = self._fetch, None
            fetch.fail(error)


def _as_exception(error: BaseException | None) -> Exception:
    return error if isinstance(error, Exception) else RedisError(repr(error))
