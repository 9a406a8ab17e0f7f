"""Fixtures for tests against real servers; and the check that each test leaves the reactor clean."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import pytest_twisted
from testbed.clusters import CLUSTER_KINDS, Cluster, SharedClusters
from testbed.extent import extent
from testbed.sentinels import Sentinel, sentinel_group
from testbed.servers import INSTALL_HINT, KINDS, Server, default_binary
from testbed.tls import Certificates, TLSProxy, make_certificates
from twisted.internet import task

#: Seconds that closing connections get to leave the reactor after a test.
CLEANING_LIMIT = 2.0


@pytest.fixture(autouse=True)
def clean_reactor(logged_errors: Any) -> Iterator[None]:
    """Fail a test that leaves delayed calls, readers or writers in the reactor, or errors in the log.

    As the first of a test's fixtures it ends last, when the others have closed what they opened. What was
    there before the test, held by fixtures of a wider scope, does not count.
    """
    pytest_twisted.blockon(_turn(0))  # so that the reactor has started: it has readers of its own
    before = _in_reactor()
    yield
    deadline = time.monotonic() + CLEANING_LIMIT
    while (left := _in_reactor() - before) and time.monotonic() < deadline:
        # Closing a connection takes some turns of the reactor.
        pytest_twisted.blockon(_turn(0.01))
    if left:
        pytest.fail("left in the reactor:\n" + "\n".join(map(repr, left)), pytrace=False)


def _in_reactor() -> set[Any]:
    from twisted.internet import reactor

    return {*reactor.getDelayedCalls(), *reactor.getReaders(), *reactor.getWriters()}


def _turn(seconds: float) -> Any:
    from twisted.internet import reactor

    return task.deferLater(reactor, seconds)


@pytest.fixture(scope="session")
def _embedded_server() -> Iterator[Server]:
    try:
        server = Server(binary=default_binary())
    except RuntimeError as error:
        pytest.fail(str(error), pytrace=False)
    with server:
        yield server


@pytest.fixture
def server(_embedded_server: Server) -> Server:
    """The session's server, empty. Not for tests that change its configuration: see ``fresh_server``."""
    _embedded_server.reset()
    return _embedded_server


@pytest.fixture
def fresh_server() -> Iterator[Server]:
    """A server of the test's own, which it may restart, pause, stop and configure."""
    with Server() as server:
        yield server


@pytest.fixture
def make_server() -> Iterator[Callable[..., Server]]:
    """Starts servers of the test's own, with :class:`servers.Server`'s arguments."""
    started: list[Server] = []

    def make(*config: str, **options: Any) -> Server:
        server = Server(*config, **options)
        started.append(server)
        server.start()
        return server

    yield make
    for server in started:
        server.stop()


@pytest.fixture(scope="session", params=KINDS, ids=lambda kind: kind.name)
def _server_of_kind(request: pytest.FixtureRequest) -> Iterator[Server]:
    kind = request.param
    binary = kind.binary()
    if binary is None:
        if not any(other.binary() for other in KINDS):
            pytest.fail(INSTALL_HINT, pytrace=False)
        pytest.skip(f"{kind.name} is not installed")
    with Server(binary=binary) as server:
        yield server


@pytest.fixture
def any_server(_server_of_kind: Server) -> Server:
    """Each kind of server that is installed in turn, empty: the test runs once for every one."""
    _server_of_kind.reset()
    return _server_of_kind


@pytest.fixture
def sentinels() -> Iterator[tuple[Server, list[Server], list[Sentinel]]]:
    """One master, one replica and three Sentinels of the test's own, all in agreement."""
    with sentinel_group() as group:
        yield group


@pytest.fixture(scope="session")
def _shared_clusters() -> Iterator[SharedClusters]:
    """The session's clusters, of each kind of server."""
    clusters = SharedClusters()
    yield clusters
    clusters.stop()


@pytest.fixture
def cluster(_shared_clusters: SharedClusters) -> Cluster:
    """The session's cluster, empty: three masters, each with a replica.

    A test may reshard it, fail it over and break it: the next one gets it as it was at the start, or another one. It
    must not change configurations: see ``make_cluster``.
    """
    kinds = [kind for kind in CLUSTER_KINDS if kind.binary() is not None]
    if not kinds:
        pytest.fail(INSTALL_HINT, pytrace=False)
    return _shared_clusters.get(kinds[0])


@pytest.fixture(params=CLUSTER_KINDS[: extent(len(CLUSTER_KINDS), 1)], ids=lambda kind: kind.name)
def any_cluster(request: pytest.FixtureRequest, _shared_clusters: SharedClusters) -> Cluster:
    """The same as ``cluster``, of each kind of server that is installed: the test runs once for every one."""
    if request.param.binary() is None:
        pytest.skip(f"{request.param.name} is not installed")
    return _shared_clusters.get(request.param)


@pytest.fixture
def make_cluster() -> Iterator[Callable[..., Cluster]]:
    """Starts clusters of the test's own, with :class:`clusters.Cluster`'s arguments."""
    started: list[Cluster] = []

    def make(*config: str, **options: Any) -> Cluster:
        cluster = Cluster(*config, **options)
        started.append(cluster)
        cluster.start()
        return cluster

    yield make
    for cluster in started:
        cluster.stop()


@pytest.fixture(scope="session")
def certificates() -> Certificates:
    """An authority, and a certificate for localhost."""
    return make_certificates()


@pytest_twisted.async_yield_fixture()
async def tls_proxy(server: Server, certificates: Certificates) -> Any:
    """A TLS end in front of ``server``; its ``certificates.authority`` is what a client has to trust."""
    proxy = TLSProxy(server.host, server.port, certificates)
    yield proxy
    await proxy.stop()
