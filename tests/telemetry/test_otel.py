"""The adapter to OpenTelemetry: spans by the conventions, in the right context, and metrics."""

from __future__ import annotations

import dataclasses
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from testbed.support import Pool, failed, fired
from twisted.internet import defer

import txredis_fast as redis
from txredis_fast.otel import Tracing, observe

pytestmark = [
    pytest.mark.usefixtures("both"),
    pytest.mark.promise(
        "Events, counters and hooks tell of every connection and command, without arguments and replies"
    ),
]


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def provider(exporter: InMemorySpanExporter) -> TracerProvider:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider


def test_a_command_is_a_clients_span_by_the_conventions(exporter, provider):
    pool = Pool(hooks=[Tracing(provider)], dbid=None)
    got = pool.handler.get("marker")
    assert not exporter.get_finished_spans()
    pool.answer(b"$6\r\nmarker\r\n")
    fired(got)
    (span,) = exporter.get_finished_spans()
    assert (span.name, span.kind) == ("GET", trace.SpanKind.CLIENT)
    assert dict(span.attributes) == {
        "db.system.name": "redis",
        "db.operation.name": "GET",
        "db.namespace": "0",
        "server.address": "fake",
        "server.port": 6379,
    }
    assert span.status.status_code is trace.StatusCode.UNSET
    assert "marker" not in span.to_json()


def test_failures_have_their_type_and_code_and_no_text(exporter, provider):
    pool = Pool(hooks=[Tracing(provider)])
    wrong = pool.handler.lpush("marker", "marker")
    pool.answer(b"-WRONGTYPE marker\r\n")
    failed(wrong, redis.WrongTypeError)
    cancelled = pool.handler.get("marker")
    cancelled.cancel()
    failed(cancelled, defer.CancelledError)
    lost = pool.handler.get("marker")
    pool.transports[0].loseConnection()
    failed(lost, redis.MaybeExecutedError)
    spans = exporter.get_finished_spans()
    assert [span.attributes["error.type"] for span in spans] == [
        "WrongTypeError",
        "CancelledError",
        "MaybeExecutedError",
    ]
    assert spans[0].attributes["db.response.status_code"] == "WRONGTYPE"
    assert all(span.status.status_code is trace.StatusCode.ERROR for span in spans)
    assert "marker" not in "".join(span.to_json() for span in spans)


def test_a_pipeline_is_one_span_with_its_size(exporter, provider):
    pool = Pool(hooks=[Tracing(provider)])
    batch = pool.handler.batch([("GET", "a"), ("GET", "b"), ("GET", "c")])
    pool.answer(b":1\r\n:2\r\n:3\r\n")
    fired(batch)
    (span,) = exporter.get_finished_spans()
    assert (span.name, span.attributes["db.operation.batch.size"]) == ("PIPELINE", 3)


def parents(exporter: Any) -> dict[str, str | None]:
    """The name of each span's parent."""
    spans = {span.context.span_id: span for span in exporter.get_finished_spans()}
    return {span.name: spans[span.parent.span_id].name if span.parent else None for span in spans.values()}


@pytest.mark.parametrize("style", ["coroutine", "inlineCallbacks"])
def test_the_context_goes_along_deferreds(exporter, provider, style):
    tracer = provider.get_tracer("test")
    pool = Pool(hooks=[Tracing(provider)])

    async def coroutine(name: str, command: str) -> None:
        with tracer.start_as_current_span(name):
            await getattr(pool.handler, command)("key")
            await pool.handler.execute_command(f"AFTER{command}")

    @defer.inlineCallbacks
    def generator(name: str, command: str) -> Any:
        with tracer.start_as_current_span(name):
            yield getattr(pool.handler, command)("key")
            yield pool.handler.execute_command(f"AFTER{command}")

    if style == "coroutine":
        running = [defer.ensureDeferred(coroutine("one", "get")), defer.ensureDeferred(coroutine("two", "llen"))]
    else:
        running = [generator("one", "get"), generator("two", "llen")]
    pool.answer(b":1\r\n:2\r\n")
    pool.answer(b":1\r\n:2\r\n")
    for each in running:
        fired(each)
    assert parents(exporter) == {
        "GET": "one", "AFTERGET": "one", "LLEN": "two", "AFTERLLEN": "two", "one": None, "two": None
    }  # fmt: skip
    assert trace.get_current_span() is trace.INVALID_SPAN


@pytest.mark.parametrize("way", ["get", "blpop", "batch"])
def test_a_command_that_waits_for_a_connection_keeps_its_context(exporter, provider, way):
    tracer = provider.get_tracer("test")
    pool = Pool(hooks=[Tracing(provider)], connect=False)
    pool.factory.continueTrying = 1
    with tracer.start_as_current_span("request"):
        argument = [("GET", "a")] if way == "batch" else "key"
        sent = getattr(pool.handler, way)(argument)
    with tracer.start_as_current_span("somebody else's"):
        pool.connect()
    pool.answer(b"*-1\r\n")
    fired(sent)
    name = {"get": "GET", "blpop": "BLPOP", "batch": "PIPELINE"}[way]
    assert parents(exporter)[name] == "request"


def collected(reader: InMemoryMetricReader) -> dict[tuple[str, ...], Any]:
    """The points of all metrics, by the metric's name and the attributes beside the pool's name."""
    data = reader.get_metrics_data()
    assert "marker" not in repr(data)
    return {
        (metric.name, *(value for key, value in sorted(point.attributes.items()) if not key.endswith("name"))): point
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    }


def test_metrics_tell_what_stats_tells():
    reader = InMemoryMetricReader()
    pool = Pool(2)
    observe(pool.handler, "sessions", MeterProvider([reader]))
    wrong = pool.handler.get("marker")
    pool.answer(b"-WRONGTYPE marker\r\n")
    failed(wrong, redis.WrongTypeError)
    pool.handler.get("marker")
    points = collected(reader)
    values = {key: point.value for key, point in points.items()}
    assert values["txredis_fast.commands",] == 2
    assert values["txredis_fast.replies",] == 1
    assert values["txredis_fast.commands.in_flight",] == 1
    assert values["txredis_fast.errors", "WRONGTYPE"] == 1
    assert values["db.client.connection.count", "idle"] == 2
    assert values["db.client.connection.count", "used"] == 0
    assert values["db.client.connection.max",] == 2
    assert all(point.attributes["db.client.connection.pool.name"] == "sessions" for point in points.values())
    assert not any(name.startswith("txredis_fast.cache") for name, *_ in points)


def test_metrics_tell_all_numbers_of_a_cache():
    reader = InMemoryMetricReader()
    numbers = {field.name: place for place, field in enumerate(dataclasses.fields(redis.CacheStats), 1)}
    del numbers["link"]
    handler = SimpleNamespace(stats=lambda: redis.Stats(cache=redis.CacheStats(**numbers)))
    observe(handler, "sessions", MeterProvider([reader]))
    values = {name: point.value for (name, *_), point in collected(reader).items()}
    exported = {name.removeprefix("txredis_fast.cache."): value for name, value in values.items() if ".cache." in name}
    assert exported == {
        {"bytes": "size", "link_lost": "links_lost"}.get(name, name): number for name, number in numbers.items()
    }


def test_a_cached_read_that_goes_to_the_pool_is_counted():
    reader = InMemoryMetricReader()
    pool = Pool(cache=redis.ClientCache())
    observe(pool.handler, "sessions", MeterProvider([reader]))
    got = pool.handler.cached(60).get("marker")
    pool.answer(b"$6\r\nmarker\r\n")
    assert fired(got) == "marker"
    values = {key: point.value for key, point in collected(reader).items()}
    assert values["txredis_fast.cache.uncached",] == 1
    assert values["txredis_fast.cache.hits",] == 0


def test_without_opentelemetry_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    for use in (Tracing, lambda: observe(None)):
        with pytest.raises(ImportError, match=r"pip install 'txredis-fast\[otel\]'"):
            use()
