"""The commands of a cluster's handler, each sent to the node that serves the slot of its keys.

The command methods are those of every handler, over :meth:`ClusterCommands.execute_command`. The first attempt of a
command is made here, on a connection that is there; everything else is a :class:`.redirects.CommandWay`. Commands over
several slots or nodes are taken apart in :mod:`.many`.

This module must not know how a node connects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, fail

from .._checks import check_credential
from .._tunables import MIN_TIMEOUT_SECONDS
from .._types import Argument, Converter, Reply, Result, Text, V
from ..batching import (
    Command,
)
from ..client import execute_with_retries
from ..commands import Commands
from ..commands._parts import (
    BLOCKING,
    GUARDED,
    Recovery,
    command_name,
    guarded_arguments,
    is_read_only,
    longest_wait,
    refusal,
)
from ..commands._parts.keys import ONE_KEY
from ..connection import RedisProtocol
from ..exceptions import ReplyTimeoutError
from ..helpers import RegisteredScripts, ScanIterators
from ..inflight import fast_path_of_cluster, first_error, limit_error
from ..options import RetryPolicy
from ..resp import fixed_arguments, key_slot
from ..telemetry import Telling
from .many import (
    has_several_slots,
    only_value,
    reach_of,
    read_keys,
    refuse_of_one_node,
    send_commands,
    send_simple,
    send_to_all,
    slot_of_cursor,
)
from .members import Members
from .node import ClusterNode, NodeFactory
from .reads import ReadChoice
from .redirects import CommandWay, is_refusal, when_known
from .routing import UNKNOWN, LearnedKeys, slot_of_command
from .waiting import now

__all__ = ["ClusterCommands"]

#: Keyword arguments with which a command may be sent at once, without a look at the others.
_PLAIN = frozenset(("post_proc", "raw"))


def _values(values: list[Reply], convert: Converter | None) -> Result:
    """The values of MGET; raises the first error among them."""
    index = first_error(values)
    if index >= 0:
        raise values[index]
    return values if convert is None else convert(values)


class ClusterCommands(Commands[V], ScanIterators[V], RegisteredScripts):
    """The commands, each sent to the node of its keys."""

    def __init__(self, members: Members) -> None:
        self._members = members
        self._charset = members.options.charset
        self._learned = LearnedKeys(self._ask_any, self._charset)
        #: By slot, the pool of its owner; None where a command needs more than its owner.
        needs_more = members.reads_from_replicas or members.options.retry is not None or members.observer.tells
        self.pools = None if needs_more else members.pools
        if members.options.cache is not None:
            from .many.caching import ClusterCache  # few programs need it

            members.cache = ClusterCache(self, members, members.options.cache)

    def select(self, index: int) -> Deferred[Text]:
        """Change the database of all connections to all nodes, and of later ones. Valkey 9.0; others have but one.

        :returns: fires with ``"OK"``; fails with :exc:`ResponseError`, changing nothing, if there is no such database.
        """
        members = self._members
        return self._tell_all(("SELECT", index), lambda node: node.select(index), lambda: members.use_database(index))

    def auth(self, password: Argument, username: Argument | None = None) -> Deferred[Text]:
        """Log in all connections to all nodes, and later ones.

        :param password: the password.
        :param username: the ACL user. None or empty means the user ``default``.
        :returns: fires with ``"OK"``; fails with :exc:`AuthenticationError` if a node refuses the login. If that is the
            first node, nothing is changed.
        """
        try:
            password = check_credential("password", password, function_allowed=False)
            username = check_credential("username", username, function_allowed=False)
            if password is None:
                raise ValueError("password must not be None")
        except ValueError:
            return fail()
        members = self._members
        return self._tell_all(
            ("AUTH", *([] if username is None else [username]), password),
            lambda node: node.auth(password, username),
            lambda: members.log_in(password, username),
        )

    def _send_batch(
        self, commands: Sequence[Command], alone: bool, timeout: float | None = None
    ) -> Deferred[list[Any]]:
        observer = self._members.observer
        if observer.tells:
            telling = observer.commands("PIPELINE", commands)
            told = send_commands(self._members, self._learned, commands, alone, timeout, telling=telling)
            return told.addBoth(telling.end)
        if not alone and timeout is None and self.pools is not None:
            try:
                sent = send_simple(self._members, commands, self._send_long)
            except Exception:  # whatever an argument makes be raised
                return fail()
            if sent is not None:
                return sent
        return send_commands(self._members, self._learned, commands, alone, timeout)

    def _send_long(self, commands: Sequence[Command]) -> Deferred[list[Any]]:
        return send_commands(self._members, self._learned, commands, False, None)

    # -- sending

    @partial(fast_path_of_cluster, ONE_KEY, RedisProtocol.execute_command)
    def execute_command(self, *args: Any, **kwargs: Any) -> Deferred[Any]:
        """Send any command to the node of its keys: ``rc.execute_command("OBJECT", "ENCODING", "key")``.

        Keyword arguments are those of :meth:`.ConnectionHandler.execute_command`.

        :returns: fires with the value. Fails with :exc:`CrossSlotError`, and nothing is sent, if the keys belong to
            different slots; with what the servers refuse it for, when ``poolTimeout`` or ``maxRedirections`` is used
            up; with :exc:`NoSlotError` if nobody serves the slot for so long.
        """
        try:
            place = ONE_KEY.get(args[0]) if args and type(args[0]) is str else None
            if place is not None and place < len(args) and kwargs.keys() <= _PLAIN and self.pools is not None:
                slot = key_slot(args[place], self._charset)
                return self._send(args, kwargs, slot, partial(self._members.owner, slot))
            return self._tell(args, kwargs) if self._members.observer.tells else self._route(args, kwargs)
        except Exception:  # any exception, because a command never raises
            return fail()

    def _tell(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Deferred[Any]:
        """Send a command, and tell hooks of it: once, whatever becomes of it."""
        telling = self._members.observer.command(args, bool(kwargs.get("blocking")) or longest_wait(args) is not None)
        recovery = kwargs.get("post_proc")
        if isinstance(recovery, Recovery):  # which sends a command of its own
            kwargs["post_proc"] = recovery.noting(telling.note)
        return telling.around(partial(self._route, args, {**kwargs, "telling": telling}))

    def _tell_all(
        self, args: tuple[Any, ...], tell: Callable[[ClusterNode[Any]], Deferred[Any]], told: Callable[[], object]
    ) -> Deferred[Any]:
        """Have all nodes changed by a command, of which hooks are told once."""
        members = self._members

        def known(_: object) -> Deferred[Any]:
            telling = members.observer.command(args)
            telling.begin()
            return telling.around(partial(members.changing.run, members.tell_all, tell, told))

        return when_known(members, None).addCallback(known)

    def read_from_master(self, args: Sequence[Any], options: Mapping[str, Any], *, is_told: bool) -> Deferred[Any]:
        """Send a read to the master of its slot, whatever the option ``readFrom`` says.

        :param options: those of ``execute_command``.
        :param is_told: whether hooks know of it already.
        """
        kwargs = {**options, "from_master": True}
        if is_told or not self._members.observer.tells:
            return self._route(tuple(args), kwargs)
        return self._tell(tuple(args), kwargs)

    def _route(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Deferred[Any]:
        wrong = limit_error(kwargs.get("timeout"))
        if wrong is not None:
            return fail(wrong)
        marked = kwargs.pop("retry", False)
        policy = self._members.options.retry or (RetryPolicy() if marked else None)
        args = fixed_arguments(args)
        if policy is None:
            return self._route_once(*args, **kwargs)
        recovery = kwargs.get("post_proc")
        if isinstance(recovery, Recovery):
            kwargs["post_proc"] = recovery.convert
        sent = execute_with_retries(policy, self._route_once, args, kwargs, marked, lambda: self._members.closed)
        return sent.addErrback(recovery.errback) if isinstance(recovery, Recovery) else sent

    def _route_once(self, *args: Any, **kwargs: Any) -> Deferred[Any]:
        name = command_name(args)
        if name == "SELECT" and len(args) == 2:
            return self.select(args[1])
        if name == "AUTH" and len(args) in (2, 3):
            return self.auth(*reversed(args[1:]))
        if name in BLOCKING:
            if longest_wait(args, name) is not None:
                kwargs["blocking"] = True
        elif name in GUARDED:
            args = guarded_arguments(args, name)
            refused = refusal(args, self._members.protocol)
            if refused is not None:
                return fail(refused)
        refuse_of_one_node(name)
        if name == "MGET" and kwargs.keys() <= _PLAIN and self.pools is not None:
            read = read_keys(self._members, args, bool(kwargs.get("raw")), self._send_long)
            if read is not None:
                return read.addCallback(_values, kwargs.get("post_proc"))
        if has_several_slots(name, args, self._charset):
            return self._send_apart(args, kwargs)
        reach = reach_of(name, args)
        if reach is not None:
            if "telling" in kwargs:
                kwargs["telling"].begin()  # as of several nodes
            return send_to_all(self._members, reach, partial(self._send, args), kwargs)
        slot = slot_of_cursor(args) if name == "CLUSTERSCAN" else slot_of_command(args, self._charset)
        if slot == UNKNOWN:
            slot = self._learned.slot(args)
        if slot == UNKNOWN:
            return self._learned.ask_slot(args, kwargs.get("timeout")).addCallback(
                partial(self._send_in_time, args, kwargs, now())
            )
        return self._send_to_slot(args, kwargs, slot)

    def _send_in_time(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], began_at: float, slot: int | None
    ) -> Deferred[Any]:
        """Send a command whose slot had to be asked for."""
        timeout = kwargs.get("timeout")
        if timeout is not None:
            kwargs["timeout"] = timeout - (now() - began_at)
            if kwargs["timeout"] < MIN_TIMEOUT_SECONDS:
                return fail(ReplyTimeoutError(f"Not received Redis response in {timeout} seconds"))
        return self._send_to_slot(args, kwargs, slot)

    def _send_to_slot(self, args: tuple[Any, ...], kwargs: dict[str, Any], slot: int | None) -> Deferred[Any]:
        choose: Callable[[], ClusterNode[Any] | None]
        from_master = kwargs.pop("from_master", False)
        if slot is None:
            choose = self._members.any_master
        elif not from_master and self._members.reads_from_replicas and is_read_only(args):
            choose = ReadChoice(self._members, slot)
        else:
            choose = partial(self._members.owner, slot)
        return self._send(args, kwargs, slot, choose)

    def _send_apart(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Deferred[Any]:
        """Send a command whose keys belong to several slots: to all nodes at the same time."""
        command = args, kwargs.get("post_proc"), bool(kwargs.get("raw"))
        reads = self._members.reads_from_replicas and is_read_only(args)
        timeout, telling = kwargs.get("timeout"), kwargs.get("telling")
        sent = send_commands(self._members, self._learned, [command], False, timeout, reads, telling)
        return sent.addCallback(only_value)

    def _send(
        self,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        slot: int | None,
        choose: Callable[[], ClusterNode[Any] | None],
    ) -> Deferred[Any]:
        """Make the first attempt, on a connection that is there; else leave it to a CommandWay."""
        telling: Telling | None = kwargs.pop("telling", None) if kwargs else None
        node = choose()
        if telling is not None:
            telling.begin(("", None) if node is None else node.address, slot)
        if not kwargs.get("blocking") and kwargs.get("timeout") is None:
            connection = None if node is None else node.pool.connectionQueue.pick()
            if node is not None and connection is not None:
                recovery = kwargs.get("post_proc")
                inner = recovery if isinstance(recovery, Recovery) else None
                convert = inner.convert if inner is not None else recovery
                again = partial(self._again, fixed_arguments(args), kwargs, slot, choose, node, inner, telling)
                sent: Deferred[Any] = connection.execute_command(
                    *args, **{**kwargs, "post_proc": Recovery(convert, again)}
                )
                return sent
        return CommandWay(self._members, fixed_arguments(args), kwargs, slot, choose, telling).begin(node)

    def recovery_of(self, args: tuple[Any, ...], post_proc: Converter | None, pool: NodeFactory) -> Recovery:
        """Make the converter of a command whose first attempt compiled code has made, and a node has refused.

        :param pool: the node's.
        """
        slot = slot_of_command(args, self._charset)
        choose = partial(self._members.owner, slot or 0)
        return Recovery(
            post_proc, partial(self._again, args, {"post_proc": post_proc}, slot, choose, pool.handler, None, None)
        )

    def _ask_any(self, *args: Any, **kwargs: Any) -> Deferred[Any]:
        """Send a command to any master."""
        return self._send(args, kwargs, None, self._members.any_master)

    def _again(
        self,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        slot: int | None,
        choose: Callable[[], ClusterNode[Any] | None],
        node: ClusterNode[Any],
        inner: Recovery | None,
        telling: Telling | None,
        error: Exception,
    ) -> Deferred[Any] | None:
        """Go on after an error reply to the first attempt, if anything follows it."""
        if is_refusal(error, args):
            return CommandWay(self._members, args, kwargs, slot, choose, telling).refused(error, node)
        return None if inner is None else inner.again(error)
