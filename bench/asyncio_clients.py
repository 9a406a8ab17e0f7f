"""Adapters for the drivers on asyncio, with the methods that :mod:`bench.scenarios` calls.

A scenario awaits the driver's own method thousands of times, never a wrapper of ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from testbed import wire

from .server import Address, TLSAddress
from .workloads import SCRIPT, Spec, list_values

#: redis-py gives every command in flight a connection of its own. With 50, 50 coroutines cost it least.
_REDIS_PY_CONNECTIONS = 50


class AsyncioClient:
    """Base class of the adapters.

    :ivar turn: returns an awaitable that ends in the next turn of the loop.
    """

    rc: Any = None
    turn = staticmethod(partial(asyncio.sleep, 0))

    def __init__(self, address: Address, tls: TLSAddress | None = None) -> None:
        self.address = address
        self.tls = tls

    def where(self, spec: Spec) -> Address | TLSAddress:
        """Return the address of the server of a spec."""
        if not spec.tls:
            return self.address
        assert self.tls is not None
        return self.tls

    def authority(self, spec: Spec) -> str | None:
        """Return the path of the authority to trust; None: no TLS."""
        return self.tls.authority if self.tls is not None and spec.tls else None

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
        name = "execute_command" if spec.command == "by_name" else spec.command
        return getattr(self.rc, name)  # type: ignore[no-any-return]

    def arguments(self, spec: Spec) -> tuple[Any, ...]:
        """Return the arguments of the driver's method."""
        return spec.arguments

    def batch(self, spec: Spec) -> Callable[[], Awaitable[Any]]:
        """The driver's fastest way to issue many commands: its pipeline."""
        return self.pipeline(spec)

    def pipeline(self, spec: Spec) -> Callable[[], Awaitable[Any]]:
        """A pipeline of GETs, as a program would write it."""
        raise NotImplementedError


class RedisPy(AsyncioClient):
    """redis-py's asyncio client."""

    def _client(self, spec: Spec) -> Any:
        from redis.asyncio import BlockingConnectionPool, Redis, SSLConnection

        address, where = self.address, self.where(spec)
        more = {"connection_class": SSLConnection, "ssl_ca_certs": self.authority(spec)} if spec.tls else {}
        pool = BlockingConnectionPool(
            max_connections=_REDIS_PY_CONNECTIONS if spec.pool == 1 else spec.pool, timeout=None, host=where.host,
            port=where.port, db=address.db, username=address.username, password=address.password,
            decode_responses=spec.text, socket_timeout=spec.timeout, socket_connect_timeout=60,
            **more,
        )  # fmt: skip
        return Redis(connection_pool=pool)

    async def open(self, spec: Spec) -> None:
        """Connect."""
        self.rc = self._client(spec)

    def arguments(self, spec: Spec) -> tuple[Any, ...]:
        """Return the arguments of the driver's method."""
        return (SCRIPT, 1, spec.key) if spec.command == "eval" else spec.arguments

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

        address, where = self.address, self.where(spec)
        return coredis.Redis(
            where.host, where.port, address.db, username=address.username, password=address.password,
            decode_responses=spec.text, max_connections=spec.pool, stream_timeout=spec.timeout, ssl=spec.tls,
            ssl_ca_certs=self.authority(spec),
        )  # fmt: skip

    async def open(self, spec: Spec) -> None:
        """Connect."""
        self.rc = self._client(spec)
        await self.rc.__aenter__()

    def command(self, spec: Spec) -> Callable[..., Any]:
        """Return the driver's method for a command."""
        if spec.command == "by_name":  # execute_command takes a request
            return partial(self.rc.create_request, callback=lambda reply, **_: reply)
        return super().command(spec)

    def arguments(self, spec: Spec) -> tuple[Any, ...]:
        """Return the arguments of the driver's method."""
        if spec.command == "by_name":
            name, *arguments = spec.arguments
            return name.encode(), *arguments
        return spec.arguments

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

    def _configuration(self, spec: Spec, **more: Any) -> Any:
        import glide

        address, where, authority = self.address, self.where(spec), self.authority(spec)
        if authority is not None:
            trusted = glide.TlsAdvancedConfiguration(root_pem_cacerts=Path(authority).read_bytes())
            more |= {"use_tls": True, "advanced_config": glide.AdvancedGlideClientConfiguration(tls_config=trusted)}
        if address.password is not None:
            more["credentials"] = glide.ServerCredentials(password=address.password, username=address.username)
        return glide.GlideClientConfiguration(
            [glide.NodeAddress(where.host, where.port)], database_id=address.db,
            request_timeout=int(1000 * (spec.timeout or 60)),  # it always has one
            inflight_requests_limit=100_000, **more,
        )  # fmt: skip

    async def open(self, spec: Spec) -> None:
        """Connect."""
        import glide

        self.rc = await glide.GlideClient.create(self._configuration(spec))
        self._script = glide.Script(SCRIPT)

    def command(self, spec: Spec) -> Callable[..., Any]:
        """Return the driver's method for a command."""
        names = {"eval": "invoke_script", "by_name": "custom_command"}
        return getattr(self.rc, names.get(spec.command, spec.command))  # type: ignore[no-any-return]

    def arguments(self, spec: Spec) -> tuple[Any, ...]:
        """Return the arguments of the driver's method."""
        if spec.command == "by_name":
            return (list(spec.arguments),)
        return (self._script, [spec.key]) if spec.command == "eval" else spec.arguments

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
        client = await glide.GlideClient.create(self._configuration(spec, pubsub_subscriptions=subscriptions))

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
