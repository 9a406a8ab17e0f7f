"""A mixin for ``twisted.trial`` that gives each test an empty server.

This module must not know pytest or trial: it uses what every ``unittest.TestCase`` has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from ..api import connect
from ..client import ConnectionHandler
from ..options import AllOptions
from .embedded import EmbeddedServer, shared_server

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["RedisTestMixin"]


class RedisTestMixin:
    """Gives each test a real server without keys; put it before ``TestCase`` in the list of bases.

    ::

        class VisitsTest(RedisTestMixin, twisted.trial.unittest.TestCase):
            async def test_a_visit_is_counted(self):
                rc = await self.connect_redis()
                await rc.incr("visits")
                self.assertEqual(self.redis_server.execute("GET", "visits"), b"1")

    One server is started in a process, at the first test, and is stopped at its end. A ``setUp`` of the test case calls
    ``super().setUp()``.
    """

    _redis_server: EmbeddedServer | None = None

    @property
    def redis_server(self) -> EmbeddedServer:
        """The server: its ``url``, ``host``, ``port``, and ``execute()``.

        :raises RuntimeError: the mixin's ``setUp`` was not called.
        """
        if self._redis_server is None:
            raise RuntimeError(
                "setUp() of RedisTestMixin was not called: put the mixin before TestCase in the list of bases, and "
                "call super().setUp() in a setUp() of your own"
            )
        return self._redis_server

    def setUp(self) -> None:
        """Start the server if it does not run, and delete its keys.

        :raises NoServerError: no server program is installed, or it did not start.
        """
        super().setUp()  # type: ignore[misc]
        self._redis_server = shared_server()
        self._redis_server.flush()

    def connect_redis(self, **options: Unpack[AllOptions]) -> Deferred[ConnectionHandler]:
        """Connect to the server; the test's cleanup disconnects.

        :param options: of :func:`txredis_fast.connect`.
        :returns: a Deferred that fires with the handler.
        """

        def connected(handler: ConnectionHandler) -> ConnectionHandler:
            case: Any = self
            case.addCleanup(handler.disconnect)
            return handler

        connecting: Deferred[Any] = connect(self.redis_server.url, **options)
        return connecting.addCallback(connected)
