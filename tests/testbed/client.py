"""A small blocking client of RESP2, which sets servers up and looks inside them without the code under test."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

from .wire import command

#: A unix socket's path, or host and port.
Place = str | tuple[str, int]


class ReplyError(Exception):
    """The server answered with an error."""


class Connection:
    """One connection; a context manager, which closes it.

    :param timeout: seconds to wait for the connection and for each read.
    :raises OSError: no connection, or no answer in time; so do all methods.
    """

    def __init__(self, address: Place, timeout: float = 5.0) -> None:
        if isinstance(address, str):
            family = socket.AF_UNIX
        else:
            family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._socket = socket.socket(family)
        try:
            self._socket.settimeout(timeout)
            self._socket.connect(address)
            if family != socket.AF_UNIX:
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._replies = self._socket.makefile("rb")
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *unused: object) -> None:
        self.close()

    def call(self, *args: str | bytes | float) -> Any:
        """Send one command and return its reply: bytes, int, None, or a list of these.

        :raises ReplyError: it was refused.
        """
        return self.exchange(args)[0]

    def exchange(self, *commands: tuple[str | bytes | float, ...]) -> list[Any]:
        """Send commands together and return their replies.

        :raises ReplyError: one of them was refused.
        """
        self._socket.sendall(b"".join(command(*args) for args in commands))
        return [self._read() for _ in commands]

    def repeat(self, count: int, *args: str | bytes | float, block: int = 1000) -> None:
        """Send one command, whose reply is a line, so many times, in blocks; replies are not looked at."""
        sent = command(*args)
        while count:
            number = min(block, count)
            self._socket.sendall(sent * number)
            for _ in range(number):
                self._replies.readline()
            count -= number

    def close(self) -> None:
        """Close it."""
        with contextlib.suppress(OSError):
            self._replies.close()
        self._socket.close()

    def _read(self) -> Any:
        line = self._replies.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionResetError("the server closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest
        if kind == b"-":
            raise ReplyError(rest.decode(errors="replace"))
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self._replies.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [self._read() for _ in range(int(rest))]
        raise ValueError(f"not RESP2: {line!r}")


def request(address: Place, *commands: tuple[str | bytes | float, ...], timeout: float = 5.0) -> Any:
    """Send commands over a connection of their own, wait for every reply, return the last; see :class:`Connection`."""
    with Connection(address, timeout) as connection:
        return connection.exchange(*commands)[-1]
