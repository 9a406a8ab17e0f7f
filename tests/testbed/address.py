"""A server that the user of a benchmark or of the soak names: ``--url``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from .client import Connection
from .terminal import UsageError

#: Seconds that the server may take to answer.
_ANSWER_LIMIT = 60.0


@dataclass(frozen=True)
class Address:
    """Where the server is, and who one is there."""

    host: str = "127.0.0.1"
    port: int = 6379
    username: str | None = None
    password: str | None = None
    db: int = 0

    @classmethod
    def from_url(cls, url: str) -> Address:
        """Read ``redis://user:password@host:port/db``."""
        parts = urlsplit(url)
        path = parts.path.strip("/")
        try:
            port = parts.port or 6379
        except ValueError:
            port = 0
        if parts.scheme not in ("redis", "valkey") or not port or (path and not path.isdecimal()):
            raise UsageError("--url must look like redis://user:password@host:6379/0")
        return cls(
            host=parts.hostname or "127.0.0.1",
            port=port,
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            db=int(path or 0),
        )

    def as_json(self) -> dict[str, Any]:
        """As the worker is told."""
        return asdict(self)

    def handshake(self) -> list[tuple[str, ...]]:
        """The commands that every new connection starts with."""
        commands: list[tuple[str, ...]] = []
        if self.password is not None:
            commands.append(("AUTH", *filter(None, [self.username]), self.password))
        if self.db:
            commands.append(("SELECT", str(self.db)))
        return commands

    def connect(self) -> Connection:
        """A blocking connection.

        :raises UsageError: there is none to be had.
        :raises ReplyError: the login was refused.
        """
        try:
            connection = Connection((self.host, self.port), _ANSWER_LIMIT)
        except OSError as error:
            raise UsageError(f"cannot connect to {self.host}:{self.port}: {error}") from None
        try:
            connection.exchange(*self.handshake())
        except BaseException:
            connection.close()
            raise
        return connection
