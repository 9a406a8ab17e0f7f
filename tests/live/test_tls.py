"""TLS by options: what is trusted and what is refused, and the words for it."""

from __future__ import annotations

import os
from typing import Any

import pytest
import pytest_twisted
from cryptography.hazmat.primitives import serialization
from OpenSSL import SSL
from testbed.live import bounded, opened, until
from testbed.tls import TLSProxy, make_certificates

import txredis_fast as redis

pytestmark = pytest.mark.promise(
    "TLS verifies the certificate chain and the host name and is at least version 1.2; no option switches that off",
    "A refused certificate says why.",
    about="Security",
)


@pytest.fixture(scope="module")
def strangers():
    """An authority that nobody trusts, and what it signed."""
    return make_certificates()


@pytest_twisted.async_yield_fixture()
async def tls_end(server: Any) -> Any:
    """Makes TLS ends in front of the server."""
    ends = []

    def make(certificates: Any, **options: Any) -> TLSProxy:
        ends.append(TLSProxy(server.host, server.port, certificates, **options))
        return ends[-1]

    yield make
    for end in ends:
        await end.stop()


def ways(port: int, **options: Any) -> list[Any]:
    """Every kind of constructor that has TLS."""
    return [
        lambda: redis.Connection("localhost", port, tls=True, **options),
        lambda: redis.lazyConnectionPool("localhost", port, poolsize=2, tls=True, **options),
        lambda: redis.ShardedConnection([f"localhost:{port}"], tls=True, **options),
        lambda: redis.from_url(f"rediss://localhost:{port}", **options),
        lambda: redis.from_url(f"redis://localhost:{port}?tls=yes", **options),
        lambda: redis.Connection("localhost", port, ssl_context_factory=True, **options),
    ]


@pytest.mark.parametrize("spelling", ["bytes", "path", "pathlib"])
@pytest_twisted.ensureDeferred
async def test_an_authority_of_ones_own_is_trusted(tls_end, certificates, tmp_path, spelling):
    path = tmp_path / "authority.pem"
    path.write_bytes(certificates.authority)
    authority = {"bytes": certificates.authority, "path": str(path), "pathlib": path}[spelling]
    for connect in ways(tls_end(certificates).port, tls_ca=authority):
        async with opened(connect()) as rc:
            assert await bounded(rc.set("key", "value")) == "OK"
            assert await bounded(rc.get("key")) == "value"


@pytest_twisted.ensureDeferred
async def test_a_bundle_may_hold_several_authorities(tls_end, certificates, strangers):
    bundle = b"# ours\n" + strangers.authority + b"\n# theirs\n" + certificates.authority
    async with opened(redis.Connection("localhost", tls_end(certificates).port, tls=True, tls_ca=bundle)) as rc:
        assert await bounded(rc.ping()) == "PONG"


async def refused(connecting: Any, why: str) -> None:
    with pytest.raises(redis.ConnectionFailedError, match=why):
        await bounded(connecting)


@pytest_twisted.ensureDeferred
async def test_an_unknown_authority_is_refused(tls_end, certificates, strangers):
    port = tls_end(certificates).port
    for options in ({}, {"tls_ca": strangers.authority}):
        await refused(
            redis.Connection("localhost", port, tls=True, reconnect=False, **options),
            "certificate verify failed: .*(authority is not known|not trusted)",
        )


@pytest_twisted.ensureDeferred
async def test_an_expired_certificate_is_refused(tls_end):
    old = make_certificates(expired=True)
    port = tls_end(old).port
    await refused(
        redis.Connection("localhost", port, tls=True, tls_ca=old.authority, reconnect=False),
        "certificate verify failed: it has expired",
    )


@pytest_twisted.ensureDeferred
async def test_a_certificate_for_another_host_is_refused_unless_its_name_is_given(tls_end):
    other = make_certificates("redis.example")
    port = tls_end(other).port
    options = {"tls": True, "tls_ca": other.authority, "reconnect": False}
    for host in ("localhost", "127.0.0.1"):
        await refused(redis.Connection(host, port, **options), "certificate verify failed: it is for another host name")
    async with opened(redis.Connection("127.0.0.1", port, tls_host="redis.example", **options)) as rc:
        assert await bounded(rc.ping()) == "PONG"


@pytest_twisted.ensureDeferred
async def test_a_client_certificate_is_shown_where_the_server_demands_one(tls_end, certificates, strangers, tmp_path):
    port = tls_end(certificates, demand=True).port
    certificate, key, both = tmp_path / "client.pem", tmp_path / "client.key", certificates.client_key
    certificate.write_bytes(certificates.client)
    key.write_bytes(certificates.client_key)
    both += certificates.client
    for own in (
        {"tls_certificate": certificate, "tls_key": str(key)},
        {"tls_certificate": certificates.client, "tls_key": certificates.client_key},
        {"tls_certificate": both},
    ):
        async with opened(redis.Connection("localhost", port, tls=True, tls_ca=certificates.authority, **own)) as rc:
            assert await bounded(rc.ping()) == "PONG"
    for own in ({}, {"tls_certificate": strangers.client, "tls_key": strangers.client_key}):
        # With TLS 1.3 the client's side of the handshake is complete before the server refuses.
        options = {"tls": True, "tls_ca": certificates.authority, "poolTimeout": 0.5, **own}
        async with opened(redis.lazyConnection("localhost", port, **options)) as rc:
            with pytest.raises(redis.ConnectionError, match=r"alert|certificate"):
                await bounded(rc.ping())


@pytest_twisted.ensureDeferred
async def test_a_renewed_client_certificate_is_used_without_a_restart(tls_end, certificates, strangers, tmp_path):
    both = tmp_path / "client.pem"
    both.write_bytes(strangers.client + strangers.client_key)
    port = tls_end(certificates, demand=True).port
    options = {"tls": True, "tls_ca": certificates.authority, "tls_certificate": both, "poolTimeout": 8}
    rc = redis.lazyConnection("localhost", port, **options)
    async with opened(rc):
        rc._factory.initialDelay = 0.05
        await until(lambda: "alert" in rc._factory.why_not_connected(), "the first certificate to be refused")
        both.write_bytes(certificates.client + certificates.client_key)
        os.utime(both, ns=(1, 1))  # on file systems that count seconds only, too

        async def answered() -> bool:
            try:
                return await bounded(rc.ping()) == "PONG"
            except redis.ConnectionError:
                return False

        for _ in range(100):
            if await answered():
                return
        pytest.fail("never connected")


@pytest.mark.filterwarnings("ignore:.*TLS.*deprecated:DeprecationWarning")
@pytest_twisted.ensureDeferred
async def test_tls_below_1_2_is_refused(tls_end, certificates):
    port = tls_end(certificates, newest=SSL.TLS1_1_VERSION).port
    await refused(
        redis.Connection("localhost", port, tls=True, tls_ca=certificates.authority, reconnect=False), "TLS failed: .+"
    )
    port = tls_end(certificates, newest=SSL.TLS1_2_VERSION).port
    async with opened(redis.Connection("localhost", port, tls=True, tls_ca=certificates.authority)) as rc:
        assert await bounded(rc.ping()) == "PONG"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tls": "no"}, "tls must be True or False"),
        ({"tls": 0}, "tls must be True or False"),
        ({"tls_ca": b"x"}, "tls_ca without tls=True"),
        ({"tls_certificate": b"x", "tls_key": b"y"}, "tls_certificate, tls_key without tls=True"),
        ({"tls_host": "x"}, "tls_host without tls=True"),
        ({"tls": True, "tls_host": ""}, "tls_host must be a host name"),
        ({"tls": True, "tls_key": b"x"}, "tls_key without tls_certificate"),
        ({"tls": True, "ssl_context_factory": object()}, "exclude each other|must be True"),
        ({"tls": True, "tls_ca": 7}, "tls_ca must be"),
        ({"tls": True, "tls_ca": b"no PEM"}, "tls_ca has no certificate"),
        ({"tls": True, "tls_ca": "/no/such/file"}, "tls_ca cannot be read: No such file"),
        ({"tls": True, "tls_certificate": b"no PEM"}, "tls_certificate has no certificate"),
    ],
)
def test_wrong_options_are_refused_at_once(options, message):
    for make in (redis.lazyConnection, redis.lazyConnectionPool):
        with pytest.raises(ValueError, match=message):
            make("localhost", 1, **options)
    with pytest.raises(ValueError, match=message):
        redis.lazyShardedConnection(["localhost:1"], **options)
    if "No such file" not in message:
        with pytest.raises(ValueError, match=message):
            redis.from_url("redis://localhost:1", isLazy=True, **options)


def test_keys_that_cannot_be_used_are_refused_without_asking_for_a_password(certificates):
    loaded = serialization.load_pem_private_key(certificates.client_key, None)
    encrypted = loaded.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"marker")
    )
    for key, message in ((encrypted, "tls_key is encrypted"), (b"none", "tls_key has no private key")):
        with pytest.raises(ValueError, match=message):
            redis.lazyConnection("localhost", 1, tls=True, tls_certificate=certificates.client, tls_key=key)
    with pytest.raises(ValueError, match="tls_certificate has no private key"):
        redis.lazyConnection("localhost", 1, tls=True, tls_certificate=certificates.client)


def test_tls_cannot_be_switched_off_by_accident():
    for options in ({"ssl_context_factory": False}, {"ssl_context_factory": None}, {"ssl_context_factory": ""}):
        with pytest.raises(ValueError, match=r"turns it off|must be True"):
            redis.from_url("rediss://localhost:1", isLazy=True, **options)
    with pytest.raises(ValueError, match="a unix socket has none"):
        redis.lazyUnixConnection("none.sock", tls=True)
    with pytest.raises(ValueError, match="a unix socket has none"):
        redis.from_url("unix:///none.sock?tls=yes", isLazy=True)
    with pytest.raises(ValueError, match="property of the endpoint"):
        redis.from_endpoint("tcp:localhost:1", isLazy=True, tls=True)


def test_no_key_is_shown():
    options = redis.ConnectionOptions(tls=True, tls_ca="ca.pem", tls_certificate=b"marker", tls_key=b"marker")
    assert "marker" not in repr(options) + repr(options.tls_context)
