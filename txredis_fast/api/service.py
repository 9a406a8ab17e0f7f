"""``RedisService``: a handler in a Twisted application, connected from the start of the service to its stop.

This module must not know how connections are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed

from ..client import ConnectionHandler
from ..options import AllClusterOptions, SentinelOptions, refuse_others, shows_options
from .constructors import check_scheme, open_url, options_for
from .front_door import DEFAULTS, address_of, defaults_of

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["RedisService"]


class RedisService(Service):
    """A service that connects when it starts, in the background, and disconnects when it stops.

    ``store = redis.RedisService("redis://localhost:6379/0"); store.setServiceParent(application)``, then
    ``await store.rc.get("key")``. Its start never fails: commands wait for a connection, as the option ``poolTimeout``
    says. In a ``MultiService``, add it before the services that use it: they are stopped in the opposite order.
    """

    @shows_options(AllClusterOptions, DEFAULTS)
    def __init__(
        self,
        url: str | None = None,
        *,
        host: str | None = None,
        port: int | None = None,
        sentinel_options: Mapping[str, Any] | None = None,
        **options: Unpack[AllClusterOptions],
    ) -> None:
        """Make a service, which opens nothing before it starts.

        Parameters, and the defaults of options: see :func:`~txredis_fast.connect`.

        :raises ValueError: the URL, the address or an option is wrong.
        """
        refuse_others("RedisService()", options, AllClusterOptions)
        self._address = address_of(url, host, port)
        given = {**defaults_of(self._address), **self._address.options, **options}
        self._options = options_for(self._address, given)
        check_scheme(self._address, self._options)
        if sentinel_options is not None:
            refuse_others("sentinel_options", sentinel_options, SentinelOptions)
        self._sentinel_options = sentinel_options
        self._rc: ConnectionHandler | None = None

    @property
    def rc(self) -> ConnectionHandler:
        """The handler, from the first start on. A start after a stop makes another one.

        :raises RuntimeError: the service was never started.
        """
        if self._rc is None:
            raise RuntimeError(
                "RedisService has its rc once it is started: pass the service on, "
                "and read its rc where a command is sent"
            )
        return self._rc

    def startService(self) -> None:
        """Make the handler, and begin to connect. Called by the parent, as when twistd has read the program."""
        if not self.running:
            self._rc = open_url(self._address, self._options, True, self._sentinel_options)[0]
            super().startService()  # type: ignore[no-untyped-call]

    def stopService(self) -> Deferred[Any]:
        """Disconnect after the replies to the commands in flight, within the option ``disconnectTimeout``.

        :returns: fires when all connections are closed; twistd waits for it.
        """
        super().stopService()  # type: ignore[no-untyped-call]
        return succeed(None) if self._rc is None else self._rc.disconnect()
