"""The tour: shows the API at work on a real server, line by line, and measures its speed there.

Without a URL it starts a server of its own. With one it is the doctor of the user's server, where it writes only keys
of its own. They expire soon, and the tour deletes them whatever happens.
"""

from __future__ import annotations

import platform
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import twisted
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError

import txredis_fast

from .._reactor import current_reactor
from .._types import Result
from ..batching import PipelineError
from ..exceptions import ConnectionError, ConnectionFailedError, ExecAbortError, ResponseError
from . import CommandLineError
from .address import Address
from .diagnosis import ServerFacts, examine
from .keys import Keys
from .screen import Screen
from .server import EmbeddedServer
from .speed import IMPLEMENTATION_NAMES, Target, show_speed

if TYPE_CHECKING:
    from ..client import ConnectionHandler

__all__ = ["Tour"]

_T = TypeVar("_T")

#: Number of connections of the pool.
_POOL_SIZE = 5
_VALUE = "a value of thirty-two characters"


class Tour:
    """One tour of one server.

    :ivar keys: the keys that it writes.
    """

    def __init__(
        self, screen: Screen, address: Address, embedded: EmbeddedServer | None, duration: float, timeout: float
    ) -> None:
        """Prepare the tour.

        :param embedded: the tour's own server; None: the server is the user's.
        :param duration: seconds to measure.
        :param timeout: seconds to wait for a connection, and for each reply.
        """
        self.keys = Keys(unique=embedded is None, life=4 * duration)
        self._screen = screen
        self._address = address
        self._embedded = embedded
        self._duration = duration
        self._timeout = timeout
        self._column = 0
        self._refused = 0
        self._limited = False
        self._rc: Any = None
        self._options: dict[str, Any] = {"reconnect": False, "connectTimeout": timeout, "replyTimeout": timeout}
        self._options |= {"convertNumbers": False, "strict": True}  # as connect(), which the tour shows

    async def run(self) -> None:
        """Run the tour.

        :raises CommandLineError: the server cannot be reached, or the connection to it was lost.
        """
        self._show_server(await examine(self._address, self._timeout))
        try:
            self._rc = await self._connect(_POOL_SIZE)
            await self._show_api()
            await self._show_speed()
        except ConnectionError as error:
            raise CommandLineError(self._lost(error)) from None
        finally:
            await self._end()
        self._show_end()

    # -- connecting

    def _show_server(self, facts: ServerFacts) -> None:
        show = self._screen.fact
        self._limited = bool(facts.forbidden or facts.unknown)
        self._screen.line(
            f"txredis_fast {txredis_fast.__version__} ({IMPLEMENTATION_NAMES[txredis_fast.IMPLEMENTATION]}), "
            f"Twisted {twisted.__version__}, {platform.python_implementation()} {platform.python_version()}"
        )
        self._screen.line()
        show("Server", f"{facts.server}{', started for this tour' if self._embedded is not None else ''}")
        show("Address", self._address.where)
        if self._embedded is None:
            show("TLS", facts.tls)
            show("User", facts.user)
            show("Database", self._address.options.get("dbid") or 0)
            if facts.forbidden:
                show("May not", ", ".join(facts.forbidden))
            if facts.unknown:
                show("Lacks", ", ".join(facts.unknown))

    def _connect(self, size: int) -> Deferred[Any]:
        return Deferred.fromCoroutine(self._connected(size))

    async def _connected(self, size: int) -> ConnectionHandler:
        try:
            return await self._within(
                self._timeout, txredis_fast.from_url(self._address.url, **self._options, poolsize=size)
            )
        except (ConnectionFailedError, DeferredTimeoutError) as error:
            why = self._address.scrub(error)
            raise CommandLineError(f"cannot open {size} connections to {self._address.shown}: {why}") from None

    def _lost(self, error: Exception) -> str:
        ended = self._embedded.ending() if self._embedded is not None else None
        if ended is not None:
            return f"the server ended unexpectedly ({ended})"
        why = self._address.scrub(error).removeprefix("Lost connection: ").rstrip(".")
        return f"lost the server: {why}"

    async def _within(self, limit: float, deferred: Deferred[_T]) -> _T:
        return await deferred.addTimeout(limit, current_reactor())

    # -- the API

    async def _show_api(self) -> None:
        rc, keys, screen = self._rc, self.keys, self._screen
        key, visits = f'"{keys.greeting}"', f'"{keys.visits}"'
        first = f'await rc.set({key}, "hello", expire={keys.life})'
        self._column = 2 + len(first)

        screen.heading("Your code")
        screen.code("import txredis_fast as redis")
        screen.code(f'rc = await redis.connect("{self._address.shown}")')
        await self._step(first, lambda: keys.writing(lambda: rc.set(keys.greeting, "hello", expire=keys.life)))
        await self._step(f"await rc.get({key})", lambda: rc.get(keys.greeting))

        screen.heading("A pipeline: many commands, one write")
        screen.code("async with rc.pipelined() as p:")
        screen.code(f"    p.set({visits}, 41, expire={keys.life})")
        screen.code(f"    p.incr({visits})")
        await self._step("p.results", lambda: keys.writing(self._pipeline))

        screen.heading("A transaction: all of it, or nothing")
        screen.code("async with rc.transaction() as t:")
        screen.code(f"    t.incr({visits})")
        screen.code(f"    t.get({key})")
        await self._step("t.results", lambda: keys.writing(self._transaction))

        screen.heading("Publish and subscribe")
        await self._publish_and_subscribe()

    async def _pipeline(self) -> Result:
        async with self._rc.pipelined() as p:
            p.set(self.keys.visits, 41, expire=self.keys.life)
            p.incr(self.keys.visits)
        return p.results

    async def _transaction(self) -> Result:
        refusals: list[Exception] = []
        try:
            async with self._rc.transaction() as t:
                for queued in (t.incr(self.keys.visits), t.get(self.keys.greeting)):
                    queued.addErrback(lambda failure: refusals.append(failure.value))
        except ExecAbortError as error:
            raise (refusals or [error])[0] from None  # the first refusal is the cause of EXECABORT
        return t.results

    async def _publish_and_subscribe(self) -> None:
        screen, channel = self._screen, self.keys.channel
        screen.code("async with rc.subscriber() as sub:")
        sub = await self._within(self._timeout, self._rc.subscriber())
        try:
            publish = f'    await rc.publish("{channel}", "it works")'
            if await self._step(f'    await sub.subscribe("{channel}")', lambda: sub.subscribe(channel)) and (
                await self._step(publish, lambda: self._rc.publish(channel, "it works"))
            ):
                screen.code("    async for message in sub:")
                message = await self._within(self._timeout, Deferred.fromCoroutine(anext(sub)))
                printed = f"prints: {message.channel} {message.data}"
                screen.code("        print(message.channel, message.data)", printed, self._column)
        except DeferredTimeoutError:
            raise CommandLineError(f"no published message arrived within {self._timeout:g} seconds") from None
        finally:
            sub.disconnect()

    async def _step(self, code: str, action: Callable[[], Awaitable[Any]]) -> bool:
        """Run an action, and show its line of code with the result.

        :returns: whether the server executed it.
        """
        refusal = None
        try:
            value = await action()
            result = None if value is None else repr(value)
        except ResponseError as error:
            refusal = error.args[0] if isinstance(error, PipelineError) else error
            result = f"refused: {self._address.scrub(refusal)}"
            self._refused += 1
        self._screen.code(code, result, self._column, refusal is not None)
        return refusal is None

    # -- speed

    async def _show_speed(self) -> None:
        try:
            target, what = await self._measurable()
            options = {**self._options, "poolsize": _POOL_SIZE}
            await show_speed(self._screen, self._address, options, target, what, self._duration)
        except ResponseError as error:
            refusal = error.args[0] if isinstance(error, PipelineError) else error
            self._screen.heading("Speed")
            self._screen.note(f"Not measured; refused: {self._address.scrub(refusal)}")
            self._refused += 1

    async def _measurable(self) -> tuple[Target, str]:
        """Find a command that the user may execute.

        :returns: the command to measure, and its description.
        :raises ResponseError: the server refuses GET and PING.
        """
        key = self.keys.greeting
        what = f"GET of {len(_VALUE)} bytes"
        try:
            await self.keys.writing(lambda: self._rc.set(key, _VALUE, expire=self.keys.life))
        except ResponseError:
            what = "GET of a missing key"
        try:
            await self._rc.get(key)
        except ResponseError:
            await self._rc.ping()
            return Target(self._rc, None), "PING"
        return Target(self._rc, key), what

    # -- the end

    async def _end(self) -> None:
        """Delete the keys and disconnect. May be called at any point, also after the connection is lost."""
        if self._rc is None:
            return
        if self._embedded is None:
            await self.keys.delete(self._rc, lambda: self._connect(1))
        self._rc.disconnect()  # not awaited: the process ends anyway, and a paused server would delay it

    def _show_end(self) -> None:
        screen = self._screen
        screen.line()
        if self._embedded is not None:
            screen.line("Next: --url redis://host:6379 takes the tour on your own server (--url alone:")
            screen.line("that of $REDIS_URL), run program.py runs a program written for txredisapi;")
            screen.line("--help tells more.")
            return
        if self._refused:
            screen.line(f"The server answers, but refused {self._refused} step{'s' if self._refused > 1 else ''}.")
        else:
            screen.line(f"The server answers, and refused nothing{' else' if self._limited else ''}.")
        left_behind = self.keys.left_behind or "no key is left behind"
        screen.line(f"{left_behind[0].upper()}{left_behind[1:]}.")
