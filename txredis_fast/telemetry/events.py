"""All events that are logged: text, level and fields.

Events go through Twisted's structured logger with ``log_namespace="txredis_fast"`` and the name of the event in
``redis_event``, so that an observer can pick them. These names and fields are stable:

=================== ======== ============================================================================
``redis_event``     level    fields beside ``server``
=================== ======== ============================================================================
connected           debug    ``connections``, ``poolsize``
lost                debug    ``reason``, ``unanswered`` (commands written and not answered)
retry               debug    ``delay`` (seconds), ``attempt`` (from 1)
attempt_failed      debug    ``reason``
outage              warn     ``reason``, ``tries_again``; when no connection to the server is usable
outage_over         info     ``seconds`` (since the outage began)
refused             warn     ``reason``; when the server refuses a connection while others are usable
protocol_refused    warn     ``version``, ``reason``; once for all connections of a handler, which use RESP2
timeout             warn     ``reason``, ``unanswered``; debug for further ones before a new connection is usable
pool_wait_over      warn     ``waited`` (how many failed at that moment), ``reason``; debug in an outage
slow_pool_wait      warn     ``seconds``
cache_off           warn     ``reason``; once until it is on again: the server tells of no changes
cache_on            info     none; after ``cache_off``
cache_churn         warn     ``invalidations``, ``unused`` (how many of these were never read); once
subscription_gap    warn     ``seconds``, ``names`` (how many channels and patterns were restored)
slow_command        warn     ``command`` (its name), ``arguments`` (how many), ``seconds``
topology_changed    debug    ``masters``, ``replicas``, ``moved_slots`` (how many have another master than before)
redirected          debug    ``code`` (MOVED or ASK), ``slot``, ``target`` (the node that is named)
cluster_down        warn     ``reason``; once until the cluster accepts commands again
cluster_up          info     ``seconds`` (from the first refused command to the last)
hook_failed         critical ``hook`` (its class); with the exception
=================== ======== ============================================================================

Twisted's text logs, such as twistd's, write what is debug, too. So the debug events have no text there, and are for
observers; with ``TXREDIS_FAST_DEBUG=1`` in the environment they have one.

Of a cluster, ``server`` is the node, and in ``topology_changed``, ``cluster_down`` and ``cluster_up`` ``cluster`` with
its first seed.

No event has an argument, a reply or a password.

This module must not know connections or commands.
"""

from __future__ import annotations

import os
import sys

from twisted.logger import Logger, globalLogBeginner, globalLogPublisher

__all__ = [
    "NAMESPACE",
    "attempt_failed",
    "cache_churn",
    "cache_off",
    "cache_on",
    "cluster_down",
    "cluster_up",
    "connected",
    "hook_failed",
    "lost",
    "outage",
    "outage_over",
    "pool_wait_over",
    "protocol_refused",
    "redirected",
    "refused",
    "retry",
    "slow_command",
    "slow_pool_wait",
    "subscription_gap",
    "timeout",
    "topology_changed",
]

NAMESPACE = "txredis_fast"

_log = Logger(namespace=NAMESPACE)

#: Whether single connections and attempts have lines in text logs.
_SHOWS_DETAILS = os.environ.get("TXREDIS_FAST_DEBUG", "") not in ("", "0")


def _detail(text: str, **fields: object) -> None:
    _log.debug(text if _SHOWS_DETAILS else None, **fields)


def _noun(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"


def connected(server: str, connections: int, poolsize: int) -> None:
    """A connection is usable."""
    _detail(
        "Redis {server}: connected ({connections} of {poolsize})",
        redis_event="connected",
        server=server,
        connections=connections,
        poolsize=poolsize,
    )


def lost(server: str, reason: str, unanswered: int) -> None:
    """A connection was lost."""
    _detail(
        f"Redis {{server}}: connection lost with {{unanswered}} {_noun('command', unanswered)} unanswered: {{reason}}",
        redis_event="lost",
        server=server,
        reason=reason,
        unanswered=unanswered,
    )


def retry(server: str, delay: float, attempt: int) -> None:
    """Another attempt to connect is scheduled."""
    _detail(
        "Redis {server}: attempt {attempt} to connect again in {delay:.1f} seconds",
        redis_event="retry",
        server=server,
        delay=delay,
        attempt=attempt,
    )


def attempt_failed(server: str, reason: str) -> None:
    """An attempt to connect failed."""
    _detail(
        "Redis {server}: an attempt to connect failed: {reason}",
        redis_event="attempt_failed",
        server=server,
        reason=reason,
    )


def outage(server: str, reason: str, tries_again: bool, awaited: bool) -> None:
    """No connection to a server is usable.

    :param awaited: whether a program waits for its first connection. Then the line goes to stderr, too, if Twisted's
        log has no observer: else a program without a log would hang without a word.
    """
    after = "trying to connect until it is reachable" if tries_again else "not trying again (reconnect is off)"
    _log.warn(
        "Redis {server}: not connected: {reason}; {after}",
        redis_event="outage",
        server=server,
        reason=reason,
        tries_again=tries_again,
        after=after,
    )
    if awaited and not _has_observer():
        sys.stderr.write(f"Redis {server}: not connected: {reason}; {after}\n")


def outage_over(server: str, seconds: float) -> None:
    """A connection to the server is usable again, or for the first time."""
    _log.info(
        "Redis {server}: connected after {seconds:.1f} seconds without a connection",
        redis_event="outage_over",
        server=server,
        seconds=seconds,
    )


def refused(server: str, reason: str) -> None:
    """The server refuses a connection while others are usable."""
    _log.warn(
        "Redis {server}: the server refuses a further connection: {reason}",
        redis_event="refused",
        server=server,
        reason=reason,
    )


def protocol_refused(server: str, version: int, reason: str) -> None:
    """The server does not speak the version of the protocol that the program has asked for."""
    _log.warn(
        "Redis {server}: HELLO {version} was refused, so RESP2 is used: {reason}",
        redis_event="protocol_refused",
        server=server,
        version=version,
        reason=reason,
    )


def _has_observer() -> bool:
    """Whether the program observes Twisted's log; until then, Twisted keeps the events in a buffer."""
    buffer = getattr(globalLogBeginner, "_temporaryObserver", None)
    observers = getattr(globalLogPublisher, "_observers", None)
    return observers is None or any(each is not buffer for each in observers)


def timeout(server: str, reason: str, unanswered: int, told: bool) -> None:
    """A reply was overdue, so the connection is closed.

    :param told: whether this is logged of another connection already, and no connection was made since.
    """
    emit = _detail if told else _log.warn
    emit(
        f"Redis {{server}}: {{reason}}; its connection is closed, with {{unanswered}} "
        f"{_noun('command', unanswered)} unanswered",
        redis_event="timeout",
        server=server,
        reason=reason,
        unanswered=unanswered,
    )


def pool_wait_over(server: str, waited: int, reason: str, in_outage: bool) -> None:
    """Commands have failed because no connection was free in time.

    :param in_outage: whether an outage is logged already, so that this is a detail.
    """
    emit = _detail if in_outage else _log.warn
    emit(
        f"Redis {{server}}: {{waited}} {_noun('command', waited)} waited for a connection in vain: {{reason}}",
        redis_event="pool_wait_over",
        server=server,
        waited=waited,
        reason=reason,
    )


def slow_pool_wait(server: str, seconds: float) -> None:
    """A command has waited for a connection longer than ``slowCommandThreshold``."""
    _log.warn(
        "Redis {server}: a command waited {seconds:.3f} seconds for a connection",
        redis_event="slow_pool_wait",
        server=server,
        seconds=seconds,
    )


def cache_off(server: str, reason: str) -> None:
    """The server does not tell of changes, so nothing is cached."""
    _log.warn(
        "Redis {server}: nothing is cached, because the server does not tell of changes: {reason}",
        redis_event="cache_off",
        server=server,
        reason=reason,
    )


def cache_on(server: str) -> None:
    """The server tells of changes again."""
    _log.info("Redis {server}: reads are cached again", redis_event="cache_on", server=server)


def cache_churn(server: str, invalidations: int, unused: int) -> None:
    """Most kept replies are dropped before they are read again."""
    _log.warn(
        "Redis {server}: of {invalidations} kept replies that the server has told changes of, {unused} were never read "
        "from memory: cache keys that change less often, or raise the server's tracking-table-max-keys",
        redis_event="cache_churn",
        server=server,
        invalidations=invalidations,
        unused=unused,
    )


def subscription_gap(server: str, seconds: float, names: int) -> None:
    """Subscriptions are restored; messages published meanwhile are lost."""
    _log.warn(
        "Redis {server}: no messages for {seconds:.3f} seconds; subscribed again to {names} channels and patterns",
        redis_event="subscription_gap",
        server=server,
        seconds=seconds,
        names=names,
    )


def slow_command(server: str, command: str, arguments: int, seconds: float) -> None:
    """The reply to a command took longer than ``slowCommandThreshold``."""
    _log.warn(
        f"Redis {{server}}: {{command}} with {{arguments}} {_noun('argument', arguments)} took {{seconds:.3f}} seconds",
        redis_event="slow_command",
        server=server,
        command=command,
        arguments=arguments,
        seconds=seconds,
    )


def topology_changed(server: str, masters: int, replicas: int, moved_slots: int) -> None:
    """The nodes of a cluster have told another topology than before."""
    _detail(
        f"Redis {{server}}: {{masters}} {_noun('master', masters)}, {{replicas}} {_noun('replica', replicas)}; "
        f"{{moved_slots}} {_noun('slot', moved_slots)} moved",
        redis_event="topology_changed",
        server=server,
        masters=masters,
        replicas=replicas,
        moved_slots=moved_slots,
    )


def redirected(server: str, code: str, slot: int | None, target: str) -> None:
    """A node of a cluster has refused a command, and named another one."""
    _detail(
        "Redis {server}: {code}: slot {slot} is at {target}",
        redis_event="redirected",
        server=server,
        code=code,
        slot=slot,
        target=target,
    )


def cluster_down(server: str, reason: str) -> None:
    """A cluster refuses commands. They wait as long as ``poolTimeout`` says."""
    _log.warn(
        "Redis {server}: commands are refused: {reason}", redis_event="cluster_down", server=server, reason=reason
    )


def cluster_up(server: str, seconds: float) -> None:
    """A cluster that has refused commands accepts them again."""
    _log.info(
        "Redis {server}: commands are accepted again; they were refused for {seconds:.1f} seconds",
        redis_event="cluster_up",
        server=server,
        seconds=seconds,
    )


def hook_failed(hook: object) -> None:
    """A hook has raised the exception that is being handled."""
    _log.failure("Redis: a hook of class {hook} failed", redis_event="hook_failed", hook=type(hook).__name__)
