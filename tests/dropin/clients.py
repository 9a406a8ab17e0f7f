"""The clients that are compared, and the connections of one test.

txredisapi is loaded twice, under names of its own: with hiredis and as if that were not installed. So both of its
parsers are compared, and nothing here depends on whether ``install()`` was called.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, partial
from importlib.machinery import PathFinder
from typing import Any
from unittest.mock import patch

import pytest
from testbed.support import use_implementation

import txredis_fast


@cache
def reference(with_hiredis: bool) -> Any:
    """txredisapi 1.6.0, parsing with hiredis or by itself."""
    found = PathFinder.find_spec("txredisapi")
    assert found is not None, "the reference is in the extra `test`: pip install txredisapi==1.6.0 hiredis"
    name = f"_txredisapi_{'with' if with_hiredis else 'without'}_hiredis"
    spec = importlib.util.spec_from_file_location(name, found.origin)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with patch.dict(sys.modules, {} if with_hiredis else {"hiredis": None}):
        spec.loader.exec_module(module)
    assert module.version == "1.6.0"
    assert (module.hiredis is not None) == with_hiredis
    return module


@dataclass(frozen=True)
class Client:
    """One of the clients: a module, and what has to be set while it is used."""

    name: str
    module: Any
    use: Callable[[pytest.MonkeyPatch], None]

    @contextmanager
    def used(self) -> Iterator[Any]:
        """The module, ready to make connections."""
        with pytest.MonkeyPatch.context() as monkeypatch:
            self.use(monkeypatch)
            yield self.module


def their_clients() -> list[Client]:
    """txredisapi with each of its parsers."""
    return [
        Client("txredisapi with hiredis", reference(True), lambda monkeypatch: None),
        Client("txredisapi without hiredis", reference(False), lambda monkeypatch: None),
    ]


def our_clients() -> list[Client]:
    """This package with each of its implementations; a missing one skips the test, which compares the two."""
    return [
        Client(f"txredis_fast with {name}", txredis_fast, partial(use_implementation, name=name))
        for name in ("_pyresp", "_cresp")
    ]


class Session:
    """What one test has of one client: its module, and connections to the server that are closed at its end.

    :ivar redis: the client's module.
    :ivar address: host and port of the server.
    """

    def __init__(self, redis: Any, host: str, port: int) -> None:
        self.redis = redis
        self.address = host, port
        self._handlers: list[Any] = []

    async def connect(self, **options: Any) -> Any:
        """Make a connection, or with ``poolsize`` several; with the constructors' options."""
        constructor = self.redis.ConnectionPool if "poolsize" in options else self.redis.Connection
        handler = await constructor(*self.address, reconnect=options.pop("reconnect", False), **options)
        self._handlers.append(handler)
        return handler

    def lazy(self, **options: Any) -> Any:
        """The handler of a connection that is made in the background."""
        handler = self.redis.lazyConnection(*self.address, **options)
        self._handlers.append(handler)
        return handler

    async def close(self) -> None:
        """Close all connections."""
        for handler in self._handlers:
            for connection in list(handler._factory.pool):
                connection.transport.abortConnection()
            with suppress(RuntimeError):  # txredisapi's, when it is disconnected already
                await handler.disconnect()
