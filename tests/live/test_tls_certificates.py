"""Which certificates are trusted: whoever is refused receives nothing, least of all the password."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import warnings
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_twisted
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from OpenSSL import SSL, crypto
from service_identity import CertificateError
from testbed.live import bounded, opened, until
from twisted.internet import ssl
from twisted.internet.protocol import Factory, Protocol

import txredis_fast as redis
from txredis_fast.sentinel.factory import SentinelConnectionFactory, SentinelEndpoint
from txredis_fast.transport import tls

pytestmark = pytest.mark.promise(
    "Nothing is sent to a server whose certificate was not verified",
    "Any failure while verifying is a refusal.",
    about="Security",
)

PASSWORD = "marker-of-the-password"

PEM = serialization.Encoding.PEM

NOW = datetime.datetime.now(datetime.timezone.utc)
DAY = datetime.timedelta(days=1)


def dns(name: str) -> x509.GeneralName:
    """A DNS name, also one that nobody ought to have."""
    return x509.DNSName._init_without_validation(name)


def address(text: str) -> x509.GeneralName:
    return x509.IPAddress(ipaddress.ip_address(text))


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


@dataclass(frozen=True)
class Signer:
    """Who signs certificates."""

    name: x509.Name
    key: Any
    certificate: x509.Certificate

    @staticmethod
    def made(name: str, above: Signer | None = None) -> Signer:
        key = ec.generate_private_key(ec.SECP256R1())
        authority = x509.BasicConstraints(ca=True, path_length=None)
        builder = begun(named(name), above.name if above else named(name), key, NOW - DAY, NOW + DAY)
        signed = builder.add_extension(authority, critical=True).sign(above.key if above else key, hashes.SHA256())
        return Signer(named(name), key, signed)


def begun(subject: Any, issuer: Any, key: Any, start: Any, end: Any) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    return builder.serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end)


@dataclass(frozen=True)
class Case:
    """A server's certificate, and whether it is trusted for a host.

    :ivar names: its subjectAltName; None: it has none.
    :ivar refused: what the error says; None: it is trusted.
    """

    what: str
    names: list[x509.GeneralName] | None
    refused: str | None
    host: str = "redis.example"
    common_name: str = "redis.example"
    signer: str = "authority"
    sends: list[str] = field(default_factory=list)
    lasts: tuple[int, int] = (-1, 1)
    usage: Any = None


OTHER = "it is for another host name than"
NOBODY = r"it is for no host name at all \(it has no subjectAltName\)"
UNREADABLE = "its host names cannot be read"
RIGHT = [dns("redis.example")]

CASES = [
    Case("the right name", RIGHT, None),
    Case("one of several names", [dns("other.example"), address("127.0.0.1"), *RIGHT], None),
    Case("the right name beside a URI", [x509.UniformResourceIdentifier("spiffe://example/redis"), *RIGHT], None),
    Case("a wildcard for the leftmost label", [dns("*.redis.example")], None, host="a.redis.example"),
    Case("the right name in capitals", [dns("Redis.EXAMPLE")], None),
    Case("the right name, asked for with its last dot", RIGHT, None, host="redis.example."),
    Case("a name outside ASCII", [dns("xn--bcher-kva.example")], None, host="bücher.example"),
    Case("the right IPv4 address", [address("127.0.0.1")], None, host="127.0.0.1"),
    Case("the right IPv6 address", [address("::1")], None, host="::1"),
    Case("the right IPv6 address, with a zone", [address("fe80::1")], None, host="fe80::1%eth0"),
    Case("the intermediate is sent", RIGHT, None, signer="intermediate", sends=["intermediate"]),
    Case("it is meant for servers", RIGHT, None, usage=[ExtendedKeyUsageOID.SERVER_AUTH]),
    # Nobody's.
    Case("a common name only", None, NOBODY),
    Case("a common name only, an address", None, NOBODY, host="127.0.0.1", common_name="127.0.0.1"),
    Case("an empty list of names", [], f"{NOBODY}|{UNREADABLE}|{OTHER}"),
    Case("a URI only", [x509.UniformResourceIdentifier("https://redis.example")], OTHER),
    Case("a URI with a port only", [x509.UniformResourceIdentifier("https://redis.example:1/")], UNREADABLE),
    Case("a URN only", [x509.UniformResourceIdentifier("urn:uuid:1-2")], UNREADABLE),
    Case("an e-mail address only", [x509.RFC822Name("redis@redis.example")], f"{UNREADABLE}|{OTHER}"),
    Case("a directory name only", [x509.DirectoryName(named("redis.example"))], f"{UNREADABLE}|{OTHER}"),
    Case("a registered number only", [x509.RegisteredID(x509.ObjectIdentifier("1.2.3"))], f"{UNREADABLE}|{OTHER}"),
    Case("another kind of name only", [x509.OtherName(x509.ObjectIdentifier("1.2.3"), b"\x05\x00")], f"{UNREADABLE}|"),
    # Somebody else's.
    Case("another name", [dns("other.example")], OTHER),
    Case("a name that ends alike", [dns("evil-redis.example")], OTHER),
    Case("a name that begins alike", [dns("redis.example.evil.example")], OTHER),
    Case("the name above", [dns("example")], OTHER),
    Case("the name below", [dns("a.redis.example")], OTHER),
    Case("another IPv4 address", [address("127.0.0.2")], OTHER, host="127.0.0.1"),
    Case("another IPv6 address", [address("::2")], OTHER, host="::1"),
    Case("an address for a name", [address("127.0.0.1")], OTHER, host="localhost"),
    Case("a name for an address", [dns("localhost")], OTHER, host="127.0.0.1"),
    Case("an address as a name", [dns("127.0.0.1")], UNREADABLE, host="127.0.0.1"),
    Case("an IPv4 address mapped to IPv6", [address("::ffff:127.0.0.1")], OTHER, host="127.0.0.1"),
    # Wildcards.
    Case("a star", [dns("*")], UNREADABLE),
    Case("a star for all below a top name", [dns("*.example")], UNREADABLE),
    Case("a star for part of a label", [dns("r*.redis.example")], OTHER, host="ra.redis.example"),
    Case("a star in the middle", [dns("a.*.example")], UNREADABLE, host="a.redis.example"),
    Case("two stars", [dns("*.*.example")], UNREADABLE, host="a.redis.example"),
    Case("a star for two labels", [dns("*.redis.example")], OTHER, host="a.b.redis.example"),
    Case("a star for no label", [dns("*.redis.example")], OTHER),
    Case("a star for an address", [dns("*.0.0.1")], UNREADABLE, host="127.0.0.1"),
    # Written so that it is read in two ways.
    Case("a NUL behind the right name", [dns("redis.example\0.evil.example")], UNREADABLE),
    Case("a NUL before the right name", [dns("\0redis.example")], UNREADABLE),
    Case("an empty name", [dns("")], UNREADABLE),
    Case("the right name beside one that cannot be read", [*RIGHT, dns("a\0b")], UNREADABLE),
    # Of a chain that is none.
    Case("expired", RIGHT, "it has expired", lasts=(-3, -2)),
    Case("not valid yet", RIGHT, "it is not valid yet", lasts=(2, 3)),
    Case("meant for clients", RIGHT, "it is not meant for servers", usage=[ExtendedKeyUsageOID.CLIENT_AUTH]),
    Case("the intermediate is missing", RIGHT, "its authority is not known", signer="intermediate"),
    Case("an unknown authority", RIGHT, "its authority is not known", signer="stranger"),
    Case(
        "an unknown authority, sent along",
        RIGHT,
        "an authority in its chain is signed",
        signer="stranger",
        sends=["stranger"],
    ),
    Case("signed by itself", RIGHT, "it is signed by itself and not trusted", signer="itself"),
    Case("signed by another server", RIGHT, "its authority may not sign", signer="server", sends=["server"]),
    Case("an unknown authority of the trusted one's name", RIGHT, "its authority has not signed it", signer="namesake"),
]


class Signers(dict):
    """Signers by name, made once."""

    def __init__(self) -> None:
        super().__init__()
        self["authority"] = Signer.made("authority")
        self["intermediate"] = Signer.made("intermediate", self["authority"])
        self["stranger"] = Signer.made("stranger")
        self["namesake"] = Signer.made("authority")
        key = ec.generate_private_key(ec.SECP256R1())
        builder = begun(named("server"), named("authority"), key, NOW - DAY, NOW + DAY)
        names = x509.SubjectAlternativeName([dns("server.example")])
        server = builder.add_extension(names, critical=False).sign(self["authority"].key, hashes.SHA256())
        self["server"] = Signer(named("server"), key, server)

    @property
    def trusted(self) -> bytes:
        """What the client trusts."""
        return self["authority"].certificate.public_bytes(PEM)

    def server_context(self, case: Case) -> SSL.Context:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = named(case.common_name)
        signer = Signer(subject, key, None) if case.signer == "itself" else self[case.signer]
        start, end = (NOW + days * DAY for days in case.lasts)
        builder = begun(subject, signer.name, key, start, end)
        if case.names is not None:
            builder = builder.add_extension(x509.SubjectAlternativeName(case.names), critical=False)
        if case.usage is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage(case.usage), critical=True)
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            certificate = crypto.X509.from_cryptography(builder.sign(signer.key, hashes.SHA256()))
            context.use_certificate(certificate)
            context.use_privatekey(crypto.PKey.from_cryptography_key(key))
            for name in case.sends:
                context.add_extra_chain_cert(crypto.X509.from_cryptography(self[name].certificate))
        return context


@pytest.fixture(scope="module")
def signers() -> Signers:
    return Signers()


class Trap(Protocol):
    """Answers whatever it is told, and keeps it."""

    def connectionMade(self) -> None:
        self.factory.connected += 1

    def dataReceived(self, data: bytes) -> None:
        self.factory.received += data
        answers = {b"SUBSCRIBE": b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n", b"ROLE": b"*1\r\n$6\r\nmaster\r\n"}
        for _ in range(data.count(b"*")):
            self.transport.write(next((answers[name] for name in answers if name in data), b"+OK\r\n"))

    def connectionLost(self, reason: Any = None) -> None:
        self.factory.lost += 1


class Traps(Factory):
    """Makes traps.

    :ivar received: what came, decrypted.
    """

    protocol = Trap
    noisy = False

    def __init__(self) -> None:
        self.received = b""
        self.connected = self.lost = 0


@contextlib.asynccontextmanager
async def listening(context: Any) -> AsyncIterator[Any]:
    from twisted.internet import reactor

    class Creator(ssl.ContextFactory):
        isClient = 0

        def getContext(self) -> Any:
            return context

    traps = Traps()
    port = reactor.listenSSL(0, traps, Creator(), interface="127.0.0.1")
    traps.port = port.getHost().port
    try:
        yield traps
    finally:
        await bounded(port.stopListening())
        await until(lambda: traps.lost == traps.connected, "the server's connections to be lost")


def spoken(connecting: Any) -> Any:
    return bounded(connecting, 5)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what.replace(" ", "_"))
@pytest_twisted.ensureDeferred
async def test_only_who_proves_to_be_the_host_gets_the_password(signers, case, logged_errors):
    options = {"tls": True, "tls_ca": signers.trusted, "tls_host": case.host, "password": PASSWORD}
    async with listening(signers.server_context(case)) as server:
        connecting = redis.Connection("127.0.0.1", server.port, reconnect=False, **options)
        if case.refused is None:
            async with opened(connecting):
                pass
            assert PASSWORD.encode() in server.received
        else:
            with pytest.raises(redis.ConnectionFailedError, match=f"certificate verify failed: ({case.refused})") as e:
                await spoken(connecting)
            assert f"127.0.0.1:{server.port}" in str(e.value)
            await until(lambda: server.lost, "the connection to be lost")
            assert server.received == b""


NAMELESS = Case("a common name only", None, NOBODY, common_name="localhost")


class Manager:
    """As a Sentinel that knows one master."""

    def __init__(self, port: int) -> None:
        self.port = port

    def discover_master(self, service: Any) -> Any:
        from twisted.internet.defer import succeed

        return succeed(("127.0.0.1", self.port))


def by_sentinel(port: int, factory_class: Any = SentinelConnectionFactory, **options: Any) -> Any:
    factory = factory_class(Manager(port), "main", True, None, None, 1, isLazy=True, password=PASSWORD, poolTimeout=1)
    factory.ssl_context_factory = redis.ConnectionOptions(**options).tls_context
    factory.startConnecting(SentinelEndpoint(factory))
    return factory.handler


def by_subscriber(port: int, description: str) -> Any:
    factory = redis.SubscriberFactory(isLazy=True, password=PASSWORD, poolTimeout=1)
    from txredis_fast.transport.endpoints import endpoint_from

    factory.startConnecting(endpoint_from(description))
    return factory.handler


WAYS = {
    "Connection": lambda port, tls, described: redis.Connection("localhost", port, reconnect=False, **tls),
    "lazy": lambda port, tls, described: redis.lazyConnectionPool("localhost", port, poolTimeout=1, **tls),
    "sharded": lambda port, tls, described: redis.ShardedConnection([f"localhost:{port}"], reconnect=False, **tls),
    "rediss": lambda port, tls, described: redis.from_url(
        f"rediss://localhost:{port}?reconnect=no", **{name: tls[name] for name in tls if name != "tls"}
    ),
    "a context factory of True": lambda port, tls, described: redis.Connection(
        "localhost", port, reconnect=False, ssl_context_factory=True, **{k: tls[k] for k in tls if k != "tls"}
    ),
    "Sentinel": lambda port, tls, described: by_sentinel(port, tls=True, tls_ca=tls["tls_ca"], tls_host="localhost"),
    "a described endpoint": lambda port, tls, described: redis.from_endpoint(
        described, isLazy=True, password=PASSWORD, poolTimeout=1
    ),
    "a subscriber's described endpoint": lambda port, tls, described: by_subscriber(port, described),
}


@pytest.mark.parametrize("way", WAYS)
@pytest_twisted.ensureDeferred
async def test_no_way_in_leads_to_a_server_without_a_name(signers, way, tmp_path, logged_errors):
    (tmp_path / "authority.pem").write_bytes(signers.trusted)
    options = {"tls": True, "tls_ca": signers.trusted, "password": PASSWORD}
    trusted = Case("right", [dns("localhost"), address("127.0.0.1")], None)
    for case in (NAMELESS, trusted):
        async with listening(signers.server_context(case)) as server:
            described = f"tls:localhost:{server.port}:trustRoots={tmp_path}"
            made = WAYS[way](server.port, options, described)
            if case is trusted:
                async with opened(made) as rc:
                    assert await bounded(rc.set("a", "b")) == "OK"
                assert PASSWORD.encode() in server.received
            else:
                # (Older versions of Twisted refuse a described one themselves.)
                with pytest.raises(redis.ConnectionError, match=f"{NOBODY}|{UNREADABLE}"):
                    if hasattr(made, "set"):
                        async with opened(made) as rc:
                            await bounded(rc.set("a", "b"))
                    else:
                        await spoken(made)
                assert server.connected
                assert server.received == b""
    logged_errors.flush(CertificateError)  # by Twisted, which then goes on


@pytest_twisted.ensureDeferred
async def test_a_connection_for_blocking_commands_is_verified_too(signers):
    right = Case("right", [dns("localhost")], None)
    context = signers.server_context(right)
    options = {"tls": True, "tls_ca": signers.trusted, "password": PASSWORD, "poolTimeout": 0.5}
    async with listening(context) as server, opened(redis.Connection("localhost", server.port, **options)) as rc:
        nameless = signers.server_context(NAMELESS)
        server.received = b""
        async with listening(nameless) as other:
            settings = redis.ConnectionOptions(tls=True, tls_ca=signers.trusted).tls_context
            from txredis_fast.transport.endpoints import tcp_endpoint

            rc._factory._endpoint = tcp_endpoint("localhost", other.port, 1, settings)
            with pytest.raises(redis.NotSentError, match=NOBODY):
                await bounded(rc.blpop(["a"], 1))
            assert other.connected
            assert other.received == server.received == b""


class Broken(BaseException):
    """Nothing that anybody expects."""


@pytest.mark.parametrize("error", [RuntimeError("x"), ValueError("x"), MemoryError(), AttributeError("x")])
@pytest_twisted.ensureDeferred
async def test_whatever_raises_while_verifying_is_a_refusal(signers, monkeypatch, error):
    def raising(*args: Any) -> None:
        raise error

    monkeypatch.setattr("service_identity.cryptography.verify_certificate_hostname", raising)
    options = {"tls": True, "tls_ca": signers.trusted, "password": PASSWORD, "reconnect": False}
    async with listening(signers.server_context(Case("right", [dns("localhost")], None))) as server:
        with pytest.raises(redis.ConnectionFailedError, match=UNREADABLE):
            await spoken(redis.Connection("localhost", server.port, **options))
        assert server.connected
        assert server.received == b""


@pytest.mark.parametrize("error", [RuntimeError("x"), Broken()])
@pytest_twisted.ensureDeferred
async def test_whatever_raises_after_the_handshake_is_a_refusal(signers, monkeypatch, logged_errors, error):
    def raising(*args: Any) -> None:
        raise error

    monkeypatch.setattr(tls._VerifyingCreator, "fault", raising)
    options = {"tls": True, "tls_ca": signers.trusted, "password": PASSWORD, "reconnect": False}
    async with listening(signers.server_context(Case("right", [dns("localhost")], None))) as server:
        with pytest.raises(redis.ConnectionFailedError, match=r"certificate verify failed: .*looking at it"):
            await spoken(redis.Connection("localhost", server.port, **options))
        await until(lambda: server.lost, "the connection to be lost")
        assert server.received == b""
    logged_errors.flush(Broken)


@pytest_twisted.ensureDeferred
async def test_what_the_libraries_fail_to_verify_is_refused_all_the_same(signers, monkeypatch, logged_errors):
    """Each layer is taken away by turns; what is left refuses, and trusts nobody for the lack of it."""
    right, nameless = Case("right", [dns("localhost")], None), NAMELESS
    stranger = Case("unknown", [dns("localhost")], None, signer="stranger")
    options = {"tls": True, "tls_ca": signers.trusted, "password": PASSWORD, "reconnect": False}

    class Careless:
        """As Twisted's, had it forgotten to verify."""

        def clientConnectionForTLS(self, protocol: Any) -> Any:
            context = SSL.Context(SSL.TLS_METHOD)
            context.load_verify_locations(None, "/nowhere")
            connection = SSL.Connection(context, None)
            connection.set_app_data(protocol)
            return connection

    async def received(case: Case, why: str = "certificate verify failed") -> bytes:
        tls._context.cache_clear()
        async with listening(signers.server_context(case)) as server:
            with pytest.raises(redis.ConnectionFailedError, match=why):
                await spoken(redis.Connection("localhost", server.port, **options))
            assert server.connected
            return server.received

    try:
        with monkeypatch.context() as without:
            without.setattr("twisted.internet.ssl.optionsForClientTLS", lambda *a, **k: Careless())
            for case in (right, nameless, stranger):  # nobody is trusted: no authority is known
                assert await received(case) == b""
            without.setattr(SSL.Connection, "set_verify", lambda *args: None)
            for case in (right, nameless, stranger):
                assert await received(case) == b""
        with monkeypatch.context() as without:
            without.setattr(tls._VerifyingCreator, "_verdicts", {}, raising=False)
            without.setattr(tls._Verdict, "judge", lambda *args: True)  # it lets pass, and says nothing
            for case in (right, nameless, stranger):
                assert await received(case) == b""
        with monkeypatch.context() as without:
            without.setattr(SSL.Connection, "get_peer_certificate", lambda *args, **more: None)
            assert await received(right, "could not connect") == b""
    finally:
        tls._context.cache_clear()
    logged_errors.flush(AttributeError, CertificateError)  # by older versions of Twisted
