"""A pytest plugin with fixtures of a real server and of one in memory.

Switch it on in the ``conftest.py`` of the tests' top folder::

    pytest_plugins = ["txredis_fast.testing.fixtures"]

It is no entry point: pytest would then import this package, and Twisted, in every test run of every project in the same
environment. Importing it installs no reactor, so pytest-twisted still chooses one.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

try:
    import pytest
except ImportError as error:
    raise ImportError(
        "txredis_fast.testing.fixtures needs pytest: pip install 'txredis-fast[testing]'; "
        "trial uses txredis_fast.testing.RedisTestMixin instead"
    ) from error

from ..api import connect
from .embedded import EmbeddedServer, NoServerError, shared_server, stop_shared_server
from .fake import FakeServer

if TYPE_CHECKING:
    from ..client import ConnectionHandler

__all__ = ["fake_redis", "redis_client", "redis_server"]


@pytest.fixture(scope="session")
def _redis_server_of_session() -> Iterator[EmbeddedServer]:
    try:
        server = shared_server()
    except NoServerError as error:
        pytest.fail(str(error), pytrace=False)
    yield server
    stop_shared_server()


@pytest.fixture
def redis_server(_redis_server_of_session: EmbeddedServer) -> EmbeddedServer:
    """Give a test the session's server, without keys: its ``url``, ``host``, ``port``, and ``execute()``.

    The server is started once in a session, and stopped at its end.
    """
    _redis_server_of_session.start()
    _redis_server_of_session.flush()
    return _redis_server_of_session


@pytest.fixture
def redis_client(redis_server: EmbeddedServer) -> Iterator[ConnectionHandler]:
    """Give a test a connected handler, which is disconnected at its end. It needs pytest-twisted."""
    blockon = _blockon()
    handler: ConnectionHandler = blockon(connect(redis_server.url))
    yield handler
    blockon(handler.disconnect())


@pytest.fixture
def fake_redis() -> Iterator[FakeServer]:
    """Give a test a :class:`~txredis_fast.testing.FakeServer` to which every connection leads."""
    with FakeServer() as server:
        yield server


def _blockon() -> Any:
    try:
        return importlib.import_module("pytest_twisted").blockon
    except ImportError:
        pytest.fail(
            "the fixture redis_client needs pytest-twisted, which runs the reactor: "
            "pip install 'txredis-fast[testing]'; without a reactor, use redis_server.execute() or fake_redis",
            pytrace=False,
        )
