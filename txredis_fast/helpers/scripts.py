"""Registered scripts: a Lua script as a function, ``await script(keys=["k"], args=[1])``.

This module must not know whether a script is sent whole or by its hash: ``eval`` of the host decides that.
"""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import Deferred

from .._checks import shown
from .._types import Argument, Items, Keys
from ..commands.control import hash_of_script

__all__ = ["RegisteredScripts", "Script"]


class _Host(Protocol):
    def eval(self, script: str | bytes, keys: Keys, args: Argument | Items, /) -> Deferred[Any]: ...


class Script:
    """A Lua script, made by ``rc.register_script(text)``; a call executes it.

    :ivar script: its text, as it was given.
    :ivar sha: SHA-1 hash of the text, in hexadecimal digits.
    """

    __slots__ = ("_client", "_sent", "script", "sha")

    def __init__(self, client: _Host, script: str | bytes | bytearray | memoryview) -> None:
        """Make it; nothing is sent.

        :param client: executes it, unless a call names another one.
        :raises TypeError: *script* is no text.
        """
        if not isinstance(script, (str, bytes, bytearray, memoryview)):
            raise TypeError(f"script must be the text of a Lua script, str or bytes, not {shown(script)}")
        self.script = script if isinstance(script, (str, bytes)) else bytes(script)
        self._client = client
        self._sent, self.sha = hash_of_script(self.script)

    def __repr__(self) -> str:
        return f"<Script {self.sha} of {self._client!r}>"

    def __call__(
        self,
        keys: Keys = [],  # noqa: B006  # as of eval; nothing changes them
        args: Argument | Items = [],  # noqa: B006
        client: _Host | None = None,
    ) -> Deferred[Any]:
        """Execute the script: by its hash if the server has it, else by its text.

        The server is asked by hash once the connection has executed the script, and gets the text if it has lost the
        script (after a restart or SCRIPT FLUSH). A transaction, a pipeline or a batch always contains the text.

        :param keys: the keys that the script uses, its ``KEYS``: one key or an iterable of keys. A sharded handler
            sends the script to the server that has all of them.
        :param args: its ``ARGV``: one argument or an iterable of arguments.
        :param client: the executor instead: a transaction, a pipeline, a batch, or another handler.
        :returns: as ``client.eval``: fires with the script's return value, in a transaction with ``"QUEUED"``; fails
            with :exc:`.ResponseError` if the script does not compile or raises an error.
        """
        host: _Host = self._client if client is None else client
        return host.eval(self._sent, keys, args)


class RegisteredScripts:
    """The method of a host with ``eval`` that makes scripts."""

    __slots__ = ()

    def register_script(self, script: str | bytes | bytearray | memoryview) -> Script:
        """Make a function of a Lua script; nothing is sent.

        :param script: its text; ``str`` is sent as UTF-8.
        :returns: a :class:`.Script`: ``await script(keys=["k"], args=[1])`` executes it here,
            ``script(keys=["k"], client=t)`` in the transaction or pipeline *t*.
        :raises TypeError: *script* is no text.
        """
        return Script(self, script)  # type: ignore[arg-type]  # a host has eval
