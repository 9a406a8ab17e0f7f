"""Hooks around every command, which cost nothing where there are none.

A pool with hooks gives each protocol that it makes its own ``execute_command`` and ``execute_batch``, which wrap those
of the class; a pool without hooks leaves the protocol alone. Every command passes one of the two: methods, transactions
and blocking commands the first, pipelines and batches the second.

This module must not know how commands are sent.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from .._reactor import current_reactor
from .._tunables import COMMAND_NAME_MAX_CHARACTERS
from . import events
from .redact import redacted, secrets_of

if TYPE_CHECKING:
    from .observed import Connection

__all__ = [
    "CommandHook",
    "CommandInfo",
    "SlowCommands",
    "end_hooks",
    "error_of",
    "instrument",
    "name_of_command",
    "start_hooks",
]


@dataclasses.dataclass(frozen=True)
class CommandInfo:
    """Facts about a command, for hooks: nothing that comes from a user of the program."""

    #: Its name in capitals (``"GET"``); ``"PIPELINE"`` for a pipeline or a batch, which is one; ``"MULTI"`` for a
    #: cluster's transaction without WATCH, which is one, too.
    name: str
    #: How many arguments it has, its name not counted; of a pipeline: of all its commands together.
    arguments: int
    #: 1; of a pipeline: how many commands it has.
    commands: int
    #: Whether the server may delay its reply (``BLPOP``).
    blocking: bool
    #: Host and port, or the path of a socket and None; ("", None) if they are not known. In a cluster: of the node that
    #: it is sent to first; ("", None) if these are several.
    server: tuple[str, int | None]
    #: The database.
    database: int
    #: In a cluster: the slot of its keys; None if it has no keys, or keys of several slots.
    slot: int | None = None
    #: In a cluster: how often it was sent to another node after a redirection (MOVED or ASK). 0 when it is started; it
    #: is the one field that changes until ``command_ended``, and no part of ``==``.
    redirections: int = dataclasses.field(default=0, compare=False)


class CommandHook(Protocol):
    """Interface of a hook. An exception that it raises is logged, and harms neither the command nor other hooks."""

    def command_started(self, command: CommandInfo) -> object:
        """A command is about to be sent.

        :returns: any object, which is passed to ``command_ended``.
        """

    def command_ended(self, token: Any, error: BaseException | None) -> None:
        """A command was answered, refused, cancelled, or lost with its connection. Called before its callbacks.

        :param token: what ``command_started`` returned.
        :param error: None if it was answered; else the exception that it fails with; of a pipeline, the first error
            reply.
        """


class SlowCommands:
    """The hook that logs slow commands, except blocking ones, which are slow on purpose."""

    def __init__(self, threshold: float) -> None:
        """Log slow commands.

        :param threshold: seconds from which on a command is slow.
        """
        self._threshold = threshold

    def command_started(self, command: CommandInfo) -> tuple[CommandInfo, float]:
        """Record the time."""
        return command, current_reactor().seconds()

    def command_ended(self, token: Any, error: BaseException | None) -> None:
        """Log the command if it took too long."""
        command, started = token
        seconds = current_reactor().seconds() - started
        if seconds >= self._threshold and not command.blocking:
            host, port = command.server
            events.slow_command(host if port is None else f"{host}:{port}", command.name, command.arguments, seconds)


def instrument(
    protocol: Connection, hooks: Sequence[CommandHook], server: Callable[[Connection], tuple[str, int | None]]
) -> None:
    """Have hooks called around every command of one connection.

    :param server: returns the address of a connection that is made.
    """
    execute, batch, stock = protocol.execute_command, protocol.execute_batch, protocol.link.execute_stock

    def told(args: Sequence[Any], blocking: bool) -> CommandInfo:
        return CommandInfo(
            name_of_command(args), max(0, len(args) - 1), 1, blocking, server(protocol), protocol.dbid or 0
        )

    def around(run: Callable[..., Deferred[Any]], args: tuple[object, ...], kwargs: dict[str, object]) -> Deferred[Any]:
        tokens = start_hooks(hooks, told(args, bool(kwargs.get("blocking"))))
        # A converter that answers an error reply by another command: this command ends with the error.
        noting = getattr(kwargs.get("post_proc"), "noting", None)
        if noting is not None:
            kwargs = {**kwargs, "post_proc": noting(lambda error: _answered(Failure(error), tokens, protocol))}
        try:
            result = run(*args, **kwargs)
        except Exception as error:
            end_hooks(error, tokens)
            raise
        return result.addBoth(_answered, tokens, protocol) if isinstance(result, Deferred) else result

    def execute_command(*args: object, **kwargs: Any) -> Deferred[Any]:
        if protocol.link.scope is not None:  # which passes it to one of the two others
            return execute(*args, **kwargs)
        return around(execute, args, kwargs)

    def execute_stock(*args: object, **kwargs: object) -> Deferred[Any]:
        return around(stock, args, kwargs)

    def execute_batch(commands: Sequence[Any], *args: Any, **kwargs: Any) -> Deferred[Any]:
        arguments = sum(len(command[0]) - 1 for command in commands)
        info = CommandInfo("PIPELINE", arguments, len(commands), False, server(protocol), protocol.dbid or 0)
        return batch(commands, *args, **kwargs).addBoth(_answered, start_hooks(hooks, info), protocol)

    protocol.execute_command = execute_command  # type: ignore[method-assign]
    protocol.link.execute_stock = execute_stock
    protocol.execute_batch = execute_batch  # type: ignore[method-assign]


def name_of_command(args: Sequence[Any]) -> str:
    """The name of a command as hooks are told it."""
    return _name_of(args[0]) if args else ""


def _name_of(name: object) -> str:
    if isinstance(name, bytes | bytearray):
        name = bytes(name[:COMMAND_NAME_MAX_CHARACTERS]).decode("ascii", "backslashreplace")
    return name.partition(" ")[0][:COMMAND_NAME_MAX_CHARACTERS].upper() if isinstance(name, str) else "?"


_Token = tuple[CommandHook, Any]

_R = TypeVar("_R")


def start_hooks(hooks: Sequence[CommandHook], info: CommandInfo) -> list[_Token]:
    """Tell hooks that a command is about to be sent; returns their tokens, for :func:`end_hooks`."""
    tokens: list[_Token] = []
    for hook in hooks:
        try:
            tokens.append((hook, hook.command_started(info)))
        except Exception:
            events.hook_failed(hook)
    return tokens


def _answered(result: _R, tokens: list[_Token], protocol: Connection) -> _R:
    error = error_of(result)
    end_hooks(error if error is None else redacted(error, *secrets_of(protocol)), tokens)
    return result


def error_of(result: object) -> BaseException | None:
    """The error that hooks are told: that of a command, or the first error reply of a batch."""
    if isinstance(result, Failure):
        return result.value
    if isinstance(result, list):
        return next((reply for reply in result if isinstance(reply, Exception)), None)
    return None


def end_hooks(error: BaseException | None, tokens: list[_Token]) -> None:
    """Tell hooks that a command has ended; once, because it empties the list."""
    while tokens:
        hook, token = tokens.pop()
        try:
            hook.command_ended(token, error)
        except Exception:
            events.hook_failed(hook)
