"""The options of a cache: what is refused, and by which words."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

import txredis_fast as redis


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_bytes": 0}, "max_bytes"),
        ({"max_bytes": 1.5}, "max_bytes"),
        ({"max_bytes": True}, "max_bytes"),
        ({"max_bytes": None}, "max_bytes"),
        ({"max_entry_bytes": 0}, "max_entry_bytes"),
        ({"default_ttl": -1}, "default_ttl"),
        ({"default_ttl": float("nan")}, "default_ttl"),
        ({"default_ttl": None}, "default_ttl"),
        ({"mode": "optout"}, "mode"),
        ({"prefixes": ("p:",)}, "prefixes need mode"),
        ({"mode": "broadcast", "prefixes": "p:"}, "prefixes must be a list"),
        ({"mode": "broadcast", "prefixes": ("p:", "")}, "not ''"),
        ({"mode": "broadcast", "prefixes": ("p:", 1)}, "not 1 among them"),
        ({"mode": "broadcast", "prefixes": ("user:", b"us")}, "must not overlap"),
        ({"mode": "broadcast", "prefixes": ("p:", "p:")}, "must not overlap"),
        ({"mode": "broadcast", "prefixes": 5}, "prefixes must be a list"),
        ({"while_down": "wait"}, "while_down"),
        ({"health_interval": 0}, "health_interval"),
        ({"health_interval": float("inf")}, "health_interval"),
        ({"cacheable_scripts": 1}, "cacheable_scripts"),
    ],
)
def test_a_wrong_value_is_named(options, words):
    with pytest.raises(ValueError, match=words):
        redis.ClientCache(**options)


class CountingEndpoint:
    """An endpoint whose attempts never end."""

    attempts = 0

    def connect(self, factory):
        self.attempts += 1
        return Deferred()


@pytest.mark.parametrize(("kind", "attempts"), [("Redis", 1), ("Subscriber", 0), ("Monitor", 0)])
def test_only_a_factory_of_commands_has_a_tracked_connection(monkeypatch, kind, attempts):
    monkeypatch.setattr(redis, "reactor", Clock(), raising=False)
    cache = {"cache": redis.ClientCache()}
    factory = (
        redis.RedisFactory(None, None, 1, **cache) if kind == "Redis" else getattr(redis, f"{kind}Factory")(**cache)
    )
    endpoint = CountingEndpoint()
    factory.endpoint_of_lane = lambda: endpoint
    factory.start_cache()
    redis.reactor.advance(1)
    assert endpoint.attempts == attempts


def test_an_unknown_option_is_refused():
    with pytest.raises(TypeError, match="max_byte"):
        redis.ClientCache(max_byte=1)


@pytest.mark.parametrize("wrong", [True, {}, "yes", 60, redis.ClientCache])
def test_the_option_cache_is_an_object_of_its_class(wrong):
    with pytest.raises(ValueError, match="cache"):
        redis.RedisFactory("memory", None, 1, True, cache=wrong)


def test_options_are_immutable_and_kept_as_they_are_used():
    options = redis.ClientCache(mode="broadcast", prefixes=["a:", b"b:"], default_ttl=5)
    assert options.prefixes == ("a:", b"b:")
    with pytest.raises(AttributeError):
        options.max_bytes = 1
