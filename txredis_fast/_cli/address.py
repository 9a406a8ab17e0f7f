"""Where a server is and as whom to connect, from a URL; and how to speak of it without the password."""

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

_SCHEMES = ("redis", "rediss", "unix")


class Address:
    """Where a server is and as whom to connect, from a URL.

    :ivar url: as it was given.
    :ivar shown: the same without the password.
    """

    def __init__(self, url: str) -> None:
        """Read a URL.

        :raises CommandLineError: what is wrong with it.
        """
        self.url = url
        self._password_texts: set[str] = set()
        scheme, _, rest = url.partition("://")
        scheme = scheme.lower()
        credentials = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[0]
        if scheme not in _SCHEMES:
            raise CommandLineError("argument --url: it begins with redis://, rediss:// (TLS) or unix://", 2)
        try:
            self._parsed = RedisURL.parse(url)
        except ValueError as error:
            raise CommandLineError(f"argument --url: {plain(error)}", 2) from None
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
        """Whether TLS is wanted."""
        return self._parsed.scheme == "rediss" or bool(self.options.get("tls"))

    @property
    def path(self) -> str:
        """The path of the unix socket, "" for TCP."""
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
        """What the connection goes to, as people write it."""
        if self.path:
            return self.path
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def endpoint(self, timeout: float, tls: bool) -> Any:
        """Make a Twisted endpoint of it."""
        if self.path:
            return unix_endpoint(self.path, timeout)
        details: dict[str, Any] = {name: self.options.get(name) for name in TLS_DETAILS}
        context = ConnectionOptions(tls=True, **details).tls_context if tls else False
        return tcp_endpoint(self.host, self.port, timeout, context)

    def scrub(self, text: object) -> str:
        """Return a text on one line, without the password: a server may repeat what it does not understand."""
        return without_secret(plain(text), *map(plain, sorted(self._password_texts, key=len, reverse=True)))
