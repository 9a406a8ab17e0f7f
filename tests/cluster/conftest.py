"""Fixtures: a cluster in memory, and handlers of it."""

from __future__ import annotations

import pytest
from testbed.model_cluster import ModelCluster
from testbed.scripted import settle
from testbed.scripted_cluster import Network

import txredis_fast
from txredis_fast.cluster.opening import open_cluster
from txredis_fast.options import ClusterOptions


@pytest.fixture
def cluster(clock, monkeypatch):
    return ModelCluster(clock, monkeypatch)


@pytest.fixture
def network(monkeypatch):
    """A clock on which TCP works, in memory, in place of the package's reactor."""
    network = Network()
    monkeypatch.setattr(txredis_fast, "reactor", network, raising=False)
    return network


@pytest.fixture
def opened(cluster, clock):
    """Makes handlers, whose topology is known and whose masters are connected."""
    handlers = []

    def make(**options):
        options = {"topologyInterval": 0, "healthCheckInterval": 0, **options}
        handler = open_cluster([("127.0.0.1", 7001)], ClusterOptions(**options)).handler
        handlers.append(handler)
        settle(clock)
        for node in handler.masters():
            node.pool.start()
        settle(clock)
        cluster.executed.clear()
        return handler

    yield make
    for handler in handlers:
        handler.disconnect(timeout=0.01)
        settle(clock)
        clock.advance(1)
        settle(clock)


@pytest.fixture
def rc(opened):
    return opened()
