"""One command's way through redirections, until a node executes it.

A command is sent again only if the server has refused it or it was never written: then it was executed nowhere. A lost
or overdue reply ends the way, because the command may have been executed.

Two bounds end it: ``maxRedirections``, and ``poolTimeout`` for everything that is waited for (a connection, a slot that
nobody serves, a node that loads its data). The first attempt is not made here but by the handler, which sends most
commands and makes a :class:`Way` only if that attempt is refused.

This module must not know which node serves a slot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeGuard

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.python.failure import Failure

from .._types import Reply
from ..batching import Command
from ..client import NotingConverter, send_batch, send_on_pool
from ..commands._parts import SCRIPTS, Recovery, command_name, with_less_wait
from ..connection import RedisProtocol
from ..exceptions import AskError, MovedError, NotSentError, QueueFullError, ResponseError
from ..telemetry import Telling
from .members import Members
from .node import ClusterNode
from .reads import ReadChoice
from .waiting import MOVED_AT_ONCE, Waiting, now, on_connection

__all__ = ["ASKING", "CommandWay", "Way", "after", "is_refusal", "is_refusing_reply", "send_together", "when_known"]

#: Written before a command that follows an ASK, in the same write: it holds for the next command on the connection.
ASKING: Final = ("ASKING",)

#: Codes of error replies to commands that were not executed.
_REFUSING: Final = frozenset(("MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "READONLY"))
_STATE_CHANGED: Final = "instance state changed"


#: How the texts of servers begin that refuse a script before it runs. A script may also answer with an error of its own
#: choice, after it has written something.
_OF_SCRIPTS: Final = (
    "MOVED ",
    "ASK ",
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "CLUSTERDOWN The cluster is down",
    "CLUSTERDOWN Hash slot not served",
    "LOADING Redis is loading the dataset in memory",
    "LOADING Valkey is loading the dataset in memory",
    "MASTERDOWN Link with MASTER is down",
)


def is_refusal(error: BaseException, args: Sequence[Any] = ()) -> bool:
    """Whether an error says that a command was executed nowhere, so that it may be sent again.

    :param args: the command; of one that runs a script, fewer errors say so.
    """
    if isinstance(error, ResponseError):
        if command_name(args) in SCRIPTS:
            return str(error).startswith(_OF_SCRIPTS)
        return error.code in _REFUSING or (error.code == "UNBLOCKED" and _STATE_CHANGED in str(error))
    return isinstance(error, NotSentError) and not isinstance(error, QueueFullError)


def is_refusing_reply(reply: object, command: Command) -> TypeGuard[ResponseError]:
    """Whether a value among the replies of a batch is a server's refusal of its command.

    What the command's converter has raised is a value there as well, but then the command was executed: it has a
    traceback, and an error that a server has sent has none.
    """
    if not isinstance(reply, ResponseError) or not is_refusal(reply, command[0]):
        return False
    return command[1] is None or reply.__traceback__ is None


class Way:
    """The attempts to have something executed by one node, which may refuse it; a subclass says what.

    :ivar deferred: fires with the value; fails with the last error.
    """

    #: Whether the server may delay the reply, so that the time until a refusal says nothing.
    _blocks = False

    def __init__(
        self,
        members: Members,
        slot: int | None,
        choose: Callable[[], ClusterNode[Any] | None],
        timeout: float | None = None,
    ) -> None:
        """Make one; :meth:`begin` or :meth:`refused` makes the first attempt.

        :param slot: the slot of the keys; None if there are none.
        :param choose: returns the node to send to; None if no node is known.
        :param timeout: seconds for all attempts; None: no limit but that of each reply.
        """
        self.deferred: Deferred[Any] = Deferred(self._cancel)
        self._members = members
        self._slot = slot
        self._choose = choose
        self._began_at = now()
        self._waiting = Waiting(members, None if timeout is None else self._began_at + timeout, self._attempt)
        self._redirections = 0
        self._attempts = 0
        self._sent_at = self._began_at
        self._sent: Deferred[Any] | None = None
        self._last: tuple[Exception, ClusterNode[Any] | None] | None = None
        #: The report to the hooks; None: they are told nothing.
        self.telling: Telling | None = None

    def begin(self, node: ClusterNode[Any] | None = None) -> Deferred[Any]:
        """Make the first attempt.

        :param node: the node that was chosen for it already; None: choose one.
        """
        self._waiting.refused()
        if node is None or self._members.closed:
            self._attempt()
        else:
            self._send(node, False)
        return self.deferred

    def refused(self, error: Exception, node: ClusterNode[Any]) -> Deferred[Any]:
        """Go on after the handler's own attempt, which a node has refused."""
        self._attempts = 1
        self._judge(error, node)
        return self.deferred

    # -- attempts

    def _attempt(self) -> None:
        if self.deferred.called:
            return
        if self._members.closed:
            self._fail(NotSentError("Not connected"))
            return
        try:
            node = self._choose()
        except Exception as error:
            self._fail(error)
            return
        if node is None:
            self._members.note("no node is known to serve a slot")
            self._wait(self._members.nobody(self._slot), None)
            return
        self._send(node, False)

    def _send(self, node: ClusterNode[Any], asking: bool) -> None:
        self._attempts += 1
        waiting = self._waiting
        left = waiting.left
        if left is not None and left <= 0:
            self._run_out()
            return
        patience = waiting.patience(node)
        self._sent_at = now()
        try:
            self._sent = self._send_on(node, left, asking, patience)
        except Exception as error:
            self._fail(error)
            return
        self._sent.addCallbacks(self._succeeded, self._failed, errbackArgs=(node,))

    def _send_on(self, node: ClusterNode[Any], timeout: float | None, asking: bool, patience: float) -> Deferred[Any]:
        """Send to a node; the Deferred fails with its refusal.

        :param timeout: seconds until the reply; None: no limit.
        :param asking: whether ASKING goes before it.
        :param patience: seconds for a connection.
        """
        raise NotImplementedError

    def _ends(self, failure: Failure) -> None:
        """The node has answered with an error that is no refusal."""
        self.deferred.errback(failure)

    # -- their results

    def _succeeded(self, value: object) -> None:
        self._sent = None
        if not self.deferred.called:
            self.deferred.callback(value)

    def _failed(self, failure: Failure, node: ClusterNode[Any]) -> None:
        self._sent = None
        if self.deferred.called:
            return
        error = failure.value
        if isinstance(error, Exception) and self._is_refusal(error):
            if self._blocks and isinstance(error, ResponseError):
                self._waiting.worked(now() - self._sent_at)
            self._judge(error, node)
        else:
            self._ends(failure)

    def _is_refusal(self, error: Exception) -> bool:
        return is_refusal(error)

    def _judge(self, error: Exception, node: ClusterNode[Any]) -> None:
        """Go on after a refusal: follow a redirection, try another node, or wait."""
        if isinstance(error, NotSentError) and not node.pool.size:
            error = NotSentError(node.pool.why_not_connected())  # not that no connection was free for so long
        self._last = error, node
        self._waiting.refused()
        if isinstance(error, MovedError | AskError):
            self._redirected(error, node)
            return
        code = error.code if isinstance(error, ResponseError) else ""
        if code != "TRYAGAIN":
            self._members.note(f"{node.name} {f'answered {code}' if code else 'is not connected'}", node.address)
        if isinstance(self._choose, ReadChoice) and self._choose.has_others:
            self._attempt()
        else:
            self._wait(error, node)

    def _redirected(self, error: MovedError | AskError, node: ClusterNode[Any]) -> None:
        target = self._members.target(error, node.address)
        self._redirections += 1
        if target is None or self._redirections > self._members.options.maxRedirections:
            self._fail(after(error, f"{self._redirections} redirections", node))
            return
        self._members.redirected(error.code, error.slot, node, target)
        if self.telling is not None:
            self.telling.redirected()
        has_moved = isinstance(error, MovedError)
        if has_moved and error.slot is not None:
            self._members.moved(error.slot, target)
        try:
            following = self._members.node_at(target)
        except Exception as why:  # the cluster is closed, or the options do not go with the host, as TLS with no name
            self._fail(why)
            return
        # The node names itself, or two nodes name each other: the slot is still moving.
        if has_moved and (following is node or self._redirections > MOVED_AT_ONCE):
            self._wait(error, node)
        else:
            self._send(following, not has_moved)

    def _wait(self, error: Exception, node: ClusterNode[Any] | None) -> None:
        """Make the next attempt after a pause."""
        self._last = error, node
        if not self._waiting.pause(error):
            self._run_out()

    def _run_out(self) -> None:
        """The time is up."""
        if self._last is None:
            self._fail(NotSentError("Not sent: the time limit was over already"))
            return
        error, node = self._last
        since = self._waiting.since if self._waiting.since is not None else self._began_at
        self._fail(after(error, f"{now() - since:.1f} s, {self._attempts} attempts", node))

    # -- the end

    def _fail(self, error: Exception) -> None:
        self._waiting.stop()
        if not self.deferred.called:
            self.deferred.errback(error)

    def _cancel(self, deferred: Deferred[Any]) -> None:
        self._waiting.stop()
        deferred.errback(CancelledError())
        sent, self._sent = self._sent, None
        if sent is not None:
            sent.cancel()


class CommandWay(Way):
    """The attempts to have one command executed."""

    def __init__(
        self,
        members: Members,
        args: Sequence[Any],
        options: Mapping[str, Any],
        slot: int | None,
        choose: Callable[[], ClusterNode[Any] | None],
        telling: Telling | None = None,
    ) -> None:
        """Make one.

        :param args: the command, whose arguments nobody changes any more.
        :param options: those of ``execute_command``.
        :param telling: the report to the hooks; None: they are told nothing.
        """
        super().__init__(members, slot, choose, options.get("timeout"))
        self.telling = telling
        self._args = args
        recovery = options.get("post_proc")
        self._recovery = recovery if isinstance(recovery, Recovery) else None
        self._options = dict(options)
        convert = recovery if self._recovery is None else self._recovery.convert
        #: None if there is none, or if it is one of this package that converts in parts.
        self._converter: NotingConverter | None = None
        if convert is not None and not hasattr(convert, "in_parts"):
            convert = self._converter = NotingConverter(convert)
        self._options["post_proc"] = convert
        self._blocks = bool(self._options.get("blocking"))

    def _send_on(self, node: ClusterNode[Any], timeout: float | None, asking: bool, patience: float) -> Deferred[Any]:
        args = self._args
        if self._blocks and self._attempts > 1:
            args = with_less_wait(args, now() - self._began_at)
        options = self._options if timeout is None else {**self._options, "timeout": timeout}
        return send_to(node, args, options, asking, patience)

    def _is_refusal(self, error: Exception) -> bool:
        return not self._was_executed(error) and is_refusal(error, self._args)

    def _was_executed(self, error: BaseException | None) -> bool:
        """Whether the error is one that the converter of the reply has raised."""
        return self._converter is not None and error is not None and self._converter.raised is error

    def _ends(self, failure: Failure) -> None:
        recovery, self._recovery = self._recovery, None
        if recovery is None or self._was_executed(failure.value):
            super()._ends(failure)
            return
        try:
            result: Any = recovery.errback(failure)
        except BaseException:
            result = Failure()
        if isinstance(result, Deferred):
            self._sent = result
            result.addCallbacks(self._succeeded, self._given_up)
        else:
            self.deferred.errback(result)

    def _given_up(self, failure: Failure) -> None:
        self._sent = None
        if not self.deferred.called:
            self.deferred.errback(failure)


def when_known(members: Members, timeout: float | None) -> Deferred[list[Any]]:
    """Wait for the first topology, as a command waits that has no node.

    :returns: fires with an empty list.
    """
    return _FirstTopology(members, None, lambda: next(iter(members.masters()), None), timeout).begin()


class _FirstTopology(Way):
    """The wait until a master is known."""

    def _send_on(self, node: ClusterNode[Any], timeout: float | None, asking: bool, patience: float) -> Deferred[Any]:
        return succeed([])


def after(error: Exception, tried: str, node: ClusterNode[Any] | None) -> Exception:
    """The same error, with the attempts in its text."""
    last = "" if node is None else f", last node {node.name}"
    return type(error)(f"{error} (after {tried}{last})")


def send_to(
    node: ClusterNode[Any], args: Sequence[Any], options: Mapping[str, Any], asking: bool, patience: float
) -> Deferred[Any]:
    """Send a command to a node, as soon as there is a connection.

    :param options: those of ``execute_command``.
    :param asking: whether ASKING goes before it.
    :param patience: seconds for a connection, where the node has none; a command that blocks waits as long as its own
        limit, or ``poolTimeout``, says.
    :returns: fires with the value.
    """
    timeout = options.get("timeout")
    if options.get("blocking"):
        if not asking:
            return node.send(*args, **options)
        node.pool.start()
        return send_on_pool(node.pool, _with_asking(args, options), True, timeout).addCallback(_second)

    def send(connection: RedisProtocol, left: float | None) -> Deferred[Any]:
        return _send_on(connection, args, options if left is None else {**options, "timeout": left}, asking)

    return on_connection(node, timeout, patience, send)


def send_together(
    node: ClusterNode[Any], commands: list[Command], blocks: bool, timeout: float | None, patience: float
) -> Deferred[list[Any]]:
    """Send commands to a node in one write, as soon as there is a connection.

    :param blocks: whether one of them may block, so that they need a connection of their own.
    :param timeout: seconds until the last reply; None: ``replyTimeout``.
    :param patience: seconds for a connection, unless they block.
    """
    if blocks:
        node.pool.start()
        return send_on_pool(node.pool, commands, True, timeout)
    return on_connection(node, timeout, patience, lambda connection, left: send_batch(connection, commands, left))


def _send_on(connection: RedisProtocol, args: Sequence[Any], options: Mapping[str, Any], asking: bool) -> Deferred[Any]:
    if asking:
        return send_batch(connection, _with_asking(args, options), options.get("timeout")).addCallback(_second)
    sent: Deferred[Any] = connection.execute_command(*args, **options)
    return sent


def _with_asking(args: Sequence[Any], options: Mapping[str, Any]) -> list[Command]:
    return [(ASKING, None, False), (tuple(args), options.get("post_proc"), bool(options.get("raw")))]


def _second(replies: list[Reply]) -> Reply:
    """The reply to the command behind ASKING."""
    reply = replies[1]
    if isinstance(reply, Exception):
        raise reply
    return reply
