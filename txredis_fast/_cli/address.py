"""The address and credentials of a server, parsed from a URL, and texts about it without the password."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, unquote

from ..options import TLS_DETAILS, ConnectionOptions, RedisURL
from ..telemetry import without_secret
from ..transport import tcp_endpoint, unix_endpoint
from . import CommandLineError
from .screen import plain

__all__ = ["Address"]

_SCHEMES = ("redis", "rediss", "valkey", "valkeys", "unix")


class Address:
    """The address and credentials of a server.

    :ivar url: the URL that the user typed.
    :ivar shown: the URL with ``***`` in place of the password.
    """

    def __init__(self, url: str, source: str = "argument --url") -> None:
        """Parse a URL.

        :param source: where the URL stands, for the errors.
        :raises CommandLineError: the URL is wrong; the message says how.
        """
        self.url = url
        self._password_texts: set[str] = set()
        scheme, _, rest = url.partition("://")
        scheme = scheme.lower()
        credentials = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[0]
        if scheme == "redis+sentinel":
            raise CommandLineError(f"{source}: one server is examined, or one Sentinel: redis://host:port", 2)
        if scheme not in _SCHEMES:
            raise CommandLineError(
                f"{source}: it begins with redis:// or valkey://, rediss:// or valkeys:// (TLS), or unix://", 2
            )
        try:
            self._parsed = RedisURL.parse(url)
        except ValueError as error:
            raise CommandLineError(f"{source}: {plain(error)}", 2) from None
        self.options = dict(self._parsed.options)
        password = credentials.partition(":")[2]
        self._password_texts = {
            text for text in (password, unquote(password), quote(unquote(password), safe="")) if text
        }
        user = credentials.partition(":")[0]
        shown_as = f"{user}{':***' if password else ''}"
        self.shown = f"{scheme}://{shown_as}{'@' if shown_as else ''}{rest[len(credentials) :].removeprefix('@')}"

    @property
    def uses_tls(self) -> bool:
        """Whether the URL asks for TLS."""
        return self._parsed.scheme == "rediss" or bool(self.options.get("tls"))

    @property
    def path(self) -> str:
        """The path of the unix socket; "" for TCP."""
        return self._parsed.path

    @property
    def host(self) -> str:
        """The host; "" for a unix socket."""
        return self._parsed.addresses[0][0] if self._parsed.addresses else ""

    @property
    def port(self) -> int:
        """The port; 0 for a unix socket."""
        return self._parsed.addresses[0][1] if self._parsed.addresses else 0

    @property
    def where(self) -> str:
        """The address as a user would write it: ``host:port``, ``[IPv6]:port`` or the socket's path."""
        if self.path:
            return self.path
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def endpoint(self, timeout: float, tls: bool) -> Any:
        """Make a Twisted client endpoint.

        :param timeout: seconds for one attempt to connect.
        """
        if self.path:
            return unix_endpoint(self.path, timeout)
        details: dict[str, Any] = {name: self.options.get(name) for name in TLS_DETAILS}
        context = ConnectionOptions(tls=True, **details).tls_context if tls else False
        return tcp_endpoint(self.host, self.port, timeout, context)

    def scrub(self, text: object) -> str:
        """Return a text on one line without the password, because a server may repeat arguments in its errors."""
        return without_secret(plain(text), *map(plain, sorted(self._password_texts, key=len, reverse=True)))
