"""Adapters for the drivers on asyncio, with the methods that :mod:`bench.scenarios` calls.

A scenario awaits the driver's own method thousands of times, never a wrapper of ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any

from testbed import wire

from .server import Address
from .workloads import Spec, list_values

#: redis-py gives every command in flight a connection of its own. With 50, 50 coroutines cost it least.
_REDIS_PY_CONNECTIONS = 50


class AsyncioClient:
    """Base class of the adapters."""

    rc: Any = None

    def __init__(self, address: Address) -> None:
        self.address = address

    @staticmethod
    def together(coroutines: Iterable[Coroutine[Any, Any, Any]]) -> Awaitable[Any]:
        """Run coroutines concurrently."""
        return asyncio.gather(*coroutines)

    @staticmethod
    def gather(calls: list[Any]) -> Awaitable[Any]:
        """Wait for all results, as a program would."""
        return asyncio.gather(*calls)

    @staticmethod
    async def begin(calls: list[Any]) -> Any:
        """Put the commands in flight."""
        tasks = [asyncio.ensure_future(call) for call in calls]
        await asyncio.sleep(0)  # now each task has started
        return tasks

    def command(self, spec: Spec) -> Callable[..., Any]:
        """Return the driver's method for a command."""
        return getattr(self.rc, spec.command)  # type: ignore[no-any-return]

    def batch(self, spec: Spec) -> Callable[[], Awaitable[Any]]:
        """The driver's fastest way to issue many commands: its pipeline."""
        return self.pipeline(spec)

    def pipeline(self, spec: Spec) -> Callable[[], Awaitable[Any]]:
        """A pipeline of GETs, as a program would write it."""
        raise NotImplementedError


class RedisPy(AsyncioClient):
    """redis-py's asyncio client."""

    def _client(self, spec: Spec) -> Any:
        from redis.asyncio import BlockingConnectionPool, Redis

        address = self.address
        pool = BlockingConnectionPool(
            max_connections=_REDIS_PY_CONNECTIONS if spec.pool == 1 else spec.pool, timeout=None, host=address.host,
            port=address.port, db=address.db, username=address.username, password=address.password,
            decode_responses=spec.text, socket_timeout=None,
        )  # fmt: skip
        return Redis(connection_pool=pool)

    async def open(self, spec: Spec) -> None:
        """Connect."""
        self.rc = self._client(spec)

    def pipeline(self, spec: Spec) -> Callable[[], Awaitable[Any]]:
        """A pipeline of GETs, as a program would write it."""
        rc, key, size = self.rc, spec.key, spec.batch

        async def run() -> Any:
            async with rc.pipeline(transaction=False) as pipeline:
                for _ in range(size):
                    pipeline.get(key)
                return await pipeline.execute()

        return run

    async def subscribe(self, spec: Spec) -> Callable[[int], Awaitable[None]]:
        """Subscribe; return a function that waits for a number of messages."""
        pubsub = self._client(spec).pubsub(ignore_subscribe_messages=True)
        await pubsub.subscribe(spec.channel)
        await pubsub.get_message(timeout=5)
        return lambda count: _listen(pubsub.listen(), count)


class Coredis(AsyncioClient):
    """coredis."""

    def _client(self, spec: Spec) -> Any:
        import coredis

        address = self.address
        return coredis.Redis(
            address.host, address.port, address.db, username=address.username, password=address.password,
            decode_responses=spec.text, max_connections=spec.pool,
        )  # fmt: skip

    async def open(self, spec: Spec) -> None:
        """Connect."""
        self.rc = self._client(spec)
        await self.rc.__aenter__()

    def pipeline(self, spec: Spec) -> Callable[[], Awaitable[Any]]:
        """A pipeline of GETs, as a program would write it."""
        rc, key, size = self.rc, spec.key, spec.batch

        async def run() -> Any:
            async with rc.pipeline(transaction=False) as pipeline:
                for _ in range(size):
                    pipeline.get(key)
            return pipeline.results

        return run

    async def subscribe(self, spec: Spec) -> Callable[[int], Awaitable[None]]:
        """Subscribe; return a function that waits for a number of messages."""
        client = self._client(spec)
        await client.__aenter__()
        pubsub = client.pubsub(ignore_subscribe_messages=True)
        self._kept = client, pubsub  # garbage collection would close them
        await pubsub.__aenter__()
        await pubsub.subscribe(spec.channel)

        async def expect(count: int) -> None:
            for _ in range(count):
                await pubsub.get_message()

        return expect


class Glide(AsyncioClient):
    """valkey-glide. Its replies are always bytes."""

    def _configuration(self, **more: Any) -> Any:
        import glide

        address = self.address
        if address.password is not None:
            more["credentials"] = glide.ServerCredentials(password=address.password, username=address.username)
        return glide.GlideClientConfiguration(
            [glide.NodeAddress(address.host, address.port)], database_id=address.db, request_timeout=60_000,
            inflight_requests_limit=100_000, **more,
        )  # fmt: skip

    async def open(self, spec: Spec) -> None:
        """Connect."""
        import glide

        self.rc = await glide.GlideClient.create(self._configuration())

    def pipeline(self, spec: Spec) -> Callable[[], Awaitable[Any]]:
        """A batch of GETs, as a program would write it."""
        import glide

        rc, key, size = self.rc, spec.key, spec.batch

        async def run() -> Any:
            batch = glide.Batch(is_atomic=False)
            for _ in range(size):
                batch.get(key)
            return await rc.exec(batch, True)

        return run

    async def subscribe(self, spec: Spec) -> Callable[[int], Awaitable[None]]:
        """Subscribe; return a function that waits for a number of messages."""
        import glide

        modes = glide.GlideClientConfiguration.PubSubChannelModes
        subscriptions = glide.GlideClientConfiguration.PubSubSubscriptions(
            {modes.Exact: {spec.channel}}, callback=None, context=None
        )
        client = await glide.GlideClient.create(self._configuration(pubsub_subscriptions=subscriptions))

        async def expect(count: int) -> None:
            for _ in range(count):
                await client.get_pubsub_message()

        return expect


class HiredisParser(AsyncioClient):
    """hiredis alone, on the bytes that the server would answer, as they come from a socket."""

    _CHUNK = 65536

    async def open(self, spec: Spec) -> None:
        """Nothing to connect to."""

    def _reader(self) -> tuple[Callable[[bytes], None], Callable[[], Any]]:
        import hiredis

        reader = hiredis.Reader(encoding="utf-8", errors="strict")
        return reader.feed, reader.gets

    def command(self, spec: Spec) -> Callable[..., Any]:
        """Decode the reply once."""
        sent = wire.command(*list_values())
        chunks = [sent[at : at + self._CHUNK] for at in range(0, len(sent), self._CHUNK)]
        feed, get = self._reader()

        async def call(*_: Any) -> Any:
            for chunk in chunks:
                feed(chunk)
            return get()

        return call


class OwnParser(HiredisParser):
    """The parser of this package alone, on the same bytes; it also looks for numbers, as connections have it do."""

    def _reader(self) -> tuple[Callable[[bytes], None], Callable[[], Any]]:
        from txredis_fast.resp import Reader

        reader = Reader()
        return reader.feed, reader.get


async def _listen(messages: Any, count: int) -> None:
    async for _ in messages:
        count -= 1
        if not count:
            return
