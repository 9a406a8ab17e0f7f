"""Reports of a cluster: each of its commands once to the hooks, and its own events.

A command of a cluster may be sent several times, to several nodes, and the nodes are asked questions of this package's
own. So hooks are called where the program gives the command, and the pools of the nodes have none.

This module must not know how commands are sent, or how nodes are found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from .._reactor import current_reactor
from . import events
from .hooks import CommandHook, CommandInfo, SlowCommands, end_hooks, error_of, name_of_command, start_hooks
from .redact import redacted, without_secret

__all__ = ["ClusterObserver", "Telling"]

#: Seconds between two looks at a cluster that refuses commands; and without a refusal until it is asked how it is.
LOOK_SECONDS = 1.0
QUIET_SECONDS = 2.0

_R = TypeVar("_R")


class Telling:
    """The report to the hooks of one command of the program, or of one batch.

    They are told when it is sent for the first time; a command that is never sent is not told.
    """

    __slots__ = ("_blocking", "_counts", "_hooks", "_info", "_name", "_observer", "_tokens")

    def __init__(
        self,
        observer: ClusterObserver,
        hooks: Sequence[CommandHook],
        name: str,
        counts: tuple[int, int],
        blocking: bool,
    ) -> None:
        """Make it; nothing is told yet.

        :param counts: how many arguments, and how many commands.
        """
        self._observer = observer
        self._hooks = hooks
        self._name = name
        self._counts = counts
        self._blocking = blocking
        self._info: CommandInfo | None = None
        self._tokens: list[tuple[CommandHook, Any]] = []

    def begin(self, server: tuple[str, int | None] = ("", None), slot: int | None = None) -> None:
        """It is about to be sent; told once.

        :param server: host and port of the node; ``("", None)``: to several, or none is known.
        :param slot: the slot of its keys; None: it has none, or keys of several.
        """
        if self._info is None:
            self._info = CommandInfo(
                self._name, *self._counts, self._blocking, server, self._observer.database(), slot=slot
            )
            self._tokens = start_hooks(self._hooks, self._info)

    def redirected(self) -> None:
        """It is sent to another node, because one has refused it."""
        if self._info is not None:
            # A hook has this very object; the count is no part of its equality.
            object.__setattr__(self._info, "redirections", self._info.redirections + 1)

    def around(self, run: Callable[[], Deferred[_R]]) -> Deferred[_R]:
        """Call the sender, and report the end, also if the sender raises."""
        try:
            sent = run()
        except Exception as error:
            self.note(error)
            raise
        return sent.addBoth(self.end)

    def end(self, result: _R) -> _R:
        """It has ended, with a value or a failure, which is returned as it is."""
        error = error_of(result)
        end_hooks(error if error is None else redacted(error, *self._observer.secrets()), self._tokens)
        return result

    def note(self, error: Exception) -> None:
        """It has ended with an error reply, after which the package sends another command."""
        self.end(Failure(error))


class ClusterObserver:
    """Tells of one cluster.

    :ivar server: its name in texts.
    :ivar tells: whether there are hooks.
    """

    def __init__(
        self,
        server: str,
        hooks: Sequence[CommandHook],
        slow: float | None,
        secrets: Callable[[], tuple[object, ...]],
        database: Callable[[], int],
    ) -> None:
        """Observe a cluster.

        :param slow: seconds from which on a command is logged as slow, all its attempts together; None: never.
        :param secrets: returns the secrets, which must be in no text.
        :param database: returns the number of the present database.
        """
        self.server = server
        self.secrets = secrets
        self.database = database
        self._hooks = [*hooks, *([] if slow is None else [SlowCommands(slow)])]
        self.tells = bool(self._hooks)
        #: Reactor time of the first and of the last refusal, since when the cluster refuses commands.
        self._down_since: float | None = None
        self._last_refusal = 0.0
        self._look: IDelayedCall | None = None
        self._closed = False

    # -- hooks

    def command(self, args: Sequence[Any], blocking: bool = False) -> Telling:
        """Make the report of one command."""
        return Telling(self, self._hooks, name_of_command(args), (max(0, len(args) - 1), 1), blocking)

    def commands(self, name: str, commands: Sequence[Any]) -> Telling:
        """Make the report of several commands that count as one.

        :param name: ``"PIPELINE"`` or ``"MULTI"``.
        """
        arguments = sum(len(command[0]) - 1 for command in commands)
        return Telling(self, self._hooks, name, (arguments, len(commands)), False)

    # -- events

    def topology_changed(self, masters: int, replicas: int, moved_slots: int) -> None:
        """There is another topology."""
        events.topology_changed(self.server, masters, replicas, moved_slots)

    def redirected(self, node: str, code: str, slot: int | None, target: str) -> None:
        """A node has named another one."""
        events.redirected(node, code, slot, target)

    def refused(self, reason: str, ask: Callable[[], Deferred[bool]]) -> None:
        """The cluster has refused a command, or nobody serves its slot. Logged once until it accepts commands again.

        :param ask: asks the cluster whether it accepts commands; called some time after the last refusal.
        """
        if self._closed:  # a reply to a question that was in flight then
            return
        now = float(current_reactor().seconds())
        self._last_refusal = now
        if self._down_since is None:
            self._down_since = now
            events.cluster_down(self.server, without_secret(reason, *self.secrets()))
            self._look_later(ask)

    def closed(self) -> None:
        """The program has closed the cluster's handler."""
        self._closed = True
        look, self._look = self._look, None
        if look is not None and look.active():
            look.cancel()
        self._down_since = None

    def _look_later(self, ask: Callable[[], Deferred[bool]]) -> None:
        self._look = current_reactor().callLater(LOOK_SECONDS, self._look_now, ask)

    def _look_now(self, ask: Callable[[], Deferred[bool]]) -> None:
        self._look = None
        last = self._last_refusal
        if current_reactor().seconds() - last < QUIET_SECONDS:
            self._look_later(ask)
            return

        def answered(accepts: bool | Failure) -> None:
            if self._down_since is None:
                return
            if accepts is True and self._last_refusal == last:
                since, self._down_since = self._down_since, None
                events.cluster_up(self.server, last - since)
            else:
                self._look_later(ask)

        ask().addBoth(answered)
