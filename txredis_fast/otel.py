"""OpenTelemetry: a span around every command, and metrics from ``rc.stats()``. Needs the extra ``otel``.

::

    from txredis_fast.otel import Tracing, observe

    rc = redis.lazyConnectionPool("redis.example", hooks=[Tracing()])
    observe(rc, name="sessions")

Spans have kind CLIENT and the attributes of the semantic conventions for databases: the name of the command, the
server, the database, the type of the error; never an argument or a reply. A span's parent is the span that is current
where the command is issued, in coroutines and ``inlineCallbacks``, too, and also if the command waits for a connection.

This module must not know how commands are sent: it is a hook. OpenTelemetry is imported when it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from .exceptions import ResponseError
from .telemetry import CommandInfo, Stats

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Span, TracerProvider

__all__ = ["Tracing", "observe"]

SCOPE = "txredis_fast"


class Tracing:
    """The hook that makes spans: ``hooks=[Tracing()]``."""

    def __init__(self, tracer_provider: TracerProvider | None = None) -> None:
        """Make the hook.

        :param tracer_provider: None: OpenTelemetry's global one.
        :raises ImportError: the extra ``otel`` is not installed.
        """
        try:
            from opentelemetry import trace
        except ImportError as error:
            raise ImportError(
                f"OpenTelemetry needs the extra 'otel': pip install 'txredis-fast[otel]' ({error})"
            ) from error
        self._tracer = trace.get_tracer(SCOPE, tracer_provider=tracer_provider)
        self._client = trace.SpanKind.CLIENT
        self._failed = trace.Status(trace.StatusCode.ERROR)

    def command_started(self, command: CommandInfo) -> tuple[CommandInfo, Span]:
        """Begin a span."""
        address, port = command.server
        attributes: dict[str, Any] = {
            "db.system.name": "redis",
            "db.operation.name": command.name,
            "db.namespace": str(command.database),
        }
        if address:
            attributes["server.address"] = address
        if port is not None:
            attributes["server.port"] = port
        if command.slot is not None:
            attributes["txredis_fast.cluster.slot"] = command.slot
        if command.commands > 1:
            attributes["db.operation.batch.size"] = command.commands
        return command, self._tracer.start_span(command.name, kind=self._client, attributes=attributes)

    def command_ended(self, token: tuple[CommandInfo, Span], error: BaseException | None) -> None:
        """End the span."""
        command, span = token
        if command.redirections:
            span.set_attribute("txredis_fast.cluster.redirections", command.redirections)
        if error is not None:
            if isinstance(error, ResponseError):
                span.set_attribute("db.response.status_code", error.code)
            span.set_attribute("error.type", type(error).__name__)
            # Without the text, in which a server may repeat arguments.
            span.set_status(self._failed)
        span.end()


class HasStats(Protocol):
    """A handler."""

    def stats(self) -> Stats:
        """Return its numbers now."""


def observe(handler: HasStats, name: str = "default", meter_provider: MeterProvider | None = None) -> None:
    """Register OpenTelemetry meters that read ``handler.stats()`` at each collection.

    :param handler: an object with a method ``stats()``.
    :param name: of the pool, the attribute ``db.client.connection.pool.name``.
    :param meter_provider: None: OpenTelemetry's global one.
    :raises ImportError: the extra ``otel`` is not installed.
    """
    try:
        from opentelemetry import metrics
    except ImportError as error:
        raise ImportError(
            f"OpenTelemetry needs the extra 'otel': pip install 'txredis-fast[otel]' ({error})"
        ) from error
    meter = metrics.get_meter(SCOPE, meter_provider=meter_provider)
    pool = {"db.client.connection.pool.name": name}

    def reading(*fields: tuple[str, dict[str, str]]) -> Callable[[Any], Iterable[Any]]:
        def read(options: object) -> Iterable[Any]:
            stats = handler.stats()
            for field, attributes in fields:
                value = _value(stats, field)
                if value is not None:
                    yield metrics.Observation(value, {**pool, **attributes})

        return read

    def errors(options: object) -> Iterable[Any]:
        for code, count in handler.stats().errors.items():
            yield metrics.Observation(count, {**pool, "db.response.status_code": code})

    state = "db.client.connection.state"
    meter.create_observable_up_down_counter(
        "db.client.connection.count",
        [reading(("free", {state: "idle"}), ("used", {state: "used"}))],
        unit="{connection}",
        description="Connections of the pool; used ones have been taken by transactions or blocking commands.",
    )
    for metric, field, unit, description in (
        ("db.client.connection.max", "poolsize", "{connection}", "Connections that there are to be."),
        ("db.client.connection.pending_requests", "waiting", "{request}", "Commands waiting for a connection."),
        ("txredis_fast.cluster.nodes", "nodes", "{node}", "Masters and replicas of the topology."),
        ("txredis_fast.commands.in_flight", "in_flight", "{command}", "Commands not answered yet."),
        ("txredis_fast.cache.entries", "cache.entries", "{reply}", "Replies kept in this process."),
        ("txredis_fast.cache.size", "cache.bytes", "By", "Bytes that the kept replies take."),
        ("txredis_fast.cache.fetching", "cache.fetching", "{fetch}", "Fetches not answered yet."),
    ):
        meter.create_observable_up_down_counter(metric, [reading((field, {}))], unit=unit, description=description)
    for metric, field, unit, description in (
        ("db.client.connection.timeouts", "wait_timeouts", "{timeout}", "Waits for a connection in vain."),
        ("txredis_fast.commands", "commands", "{command}", "Commands given to connections."),
        ("txredis_fast.replies", "replies", "{reply}", "Replies, errors included."),
        ("txredis_fast.unanswered", "unanswered", "{command}", "Commands lost with their connection."),
        ("txredis_fast.cancelled", "cancelled", "{command}", "Commands cancelled after they were sent."),
        ("txredis_fast.timeouts", "timeouts", "{timeout}", "Connections closed because a reply did not come."),
        ("txredis_fast.connections.made", "connections_made", "{connection}", "Connections that became usable."),
        ("txredis_fast.connections.lost", "connections_lost", "{connection}", "Connections lost after that."),
        ("txredis_fast.retries", "retries", "{attempt}", "Attempts to connect again."),
        ("txredis_fast.subscription_gaps", "subscription_gaps", "{gap}", "Subscriptions interrupted."),
        ("txredis_fast.cluster.moved", "moved", "{command}", "Commands sent to the node that MOVED has named."),
        ("txredis_fast.cluster.asked", "asked", "{command}", "Commands sent to the node that ASK has named."),
        ("txredis_fast.cluster.tried_again", "tried_again", "{attempt}", "Attempts after a pause."),
        ("txredis_fast.cluster.refreshes", "refreshes", "{refresh}", "How often the topology was asked for."),
        ("txredis_fast.cache.hits", "cache.hits", "{read}", "Reads answered from memory."),
        ("txredis_fast.cache.misses", "cache.misses", "{fetch}", "Fetches begun."),
        ("txredis_fast.cache.joined", "cache.joined", "{read}", "Reads that waited for the fetch of another."),
        ("txredis_fast.cache.uncached", "cache.uncached", "{read}", "Reads sent to the pool instead."),
        ("txredis_fast.cache.invalidations", "cache.invalidations", "{reply}", "Kept replies that have changed."),
        ("txredis_fast.cache.flushes", "cache.flushes", "{flush}", "How often everything was dropped at once."),
        ("txredis_fast.cache.evictions", "cache.evictions", "{reply}", "Kept replies dropped to stay below max_bytes."),
        ("txredis_fast.cache.links_lost", "cache.link_lost", "{connection}", "Tracked connections lost."),
        ("txredis_fast.received", "bytes_in", "By", "Bytes received."),
        ("txredis_fast.sent", "bytes_out", "By", "Bytes written."),
    ):
        meter.create_observable_counter(metric, [reading((field, {}))], unit=unit, description=description)
    meter.create_observable_counter(
        "txredis_fast.errors", [errors], unit="{error}", description="Error replies by their code."
    )


def _value(stats: Stats, field: str) -> int | None:
    """Return a number; None if the handler has none of this name: some are of clusters alone, some of caches."""
    if field == "used":
        return stats.connections - stats.free
    holder, _, name = field.rpartition(".")
    value = getattr(getattr(stats, holder) if holder else stats, name, None)
    return None if value is None else int(value)
