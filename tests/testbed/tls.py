"""A TLS end in front of a plain server, and the certificates it needs.

The embedded servers are built without TLS, so Twisted makes the TLS side and hands the bytes on.
"""

from __future__ import annotations

import datetime
import ipaddress
import secrets
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import SSL, crypto
from twisted.internet import ssl
from twisted.protocols.tls import TLSMemoryBIOFactory

from .proxy import Proxy


@dataclass(frozen=True)
class Certificates:
    """A certificate authority and one certificate it signed, all as PEM.

    :ivar authority: the authority's certificate: what a client trusts.
    :ivar certificate: the server's certificate.
    :ivar key: the server's private key.
    :ivar client: a client's certificate of the same authority.
    :ivar client_key: the client's private key.
    """

    authority: bytes
    certificate: bytes
    key: bytes
    client: bytes = b""
    client_key: bytes = b""

    def trust_root(self) -> ssl.Certificate:
        """The authority as Twisted wants it for ``optionsForClientTLS(..., trustRoot=)``."""
        return ssl.Certificate.loadPEM(self.authority)

    def server_options(self, demand: bool = False, newest: int | None = None) -> ssl.ContextFactory:
        """What a listening TLS port needs.

        :param demand: a certificate of the client's, of the same authority.
        :param newest: the newest version of TLS that it speaks.
        """
        return _ServerContext(self, demand, newest)


class _ServerContext(ssl.ContextFactory):
    # CertificateOptions would do, but hands pyOpenSSL the certificate in a form that newer versions warn of.
    isClient = 0

    def __init__(self, certificates: Certificates, demand: bool, newest: int | None) -> None:
        self._context = SSL.Context(SSL.TLS_SERVER_METHOD)
        if newest is not None:
            self._context.set_min_proto_version(newest)
            self._context.set_max_proto_version(newest)
            self._context.set_cipher_list(b"ALL:@SECLEVEL=0")  # what is that old is not there otherwise
        if demand:
            store = self._context.get_cert_store()
            store.add_cert(crypto.X509.from_cryptography(x509.load_pem_x509_certificate(certificates.authority)))
            self._context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
        self._context.use_certificate(x509.load_pem_x509_certificate(certificates.certificate))
        self._context.use_privatekey(serialization.load_pem_private_key(certificates.key, None))

    def getContext(self) -> SSL.Context:
        return self._context


def make_certificates(*names: str, expired: bool = False) -> Certificates:
    """Make an authority, a certificate for these host names and IP addresses, and one for a client.

    :param names: default: ``localhost``, ``127.0.0.1`` and ``::1``.
    :param expired: whether the server's certificate has expired.
    """
    names = names or ("localhost", "127.0.0.1", "::1")
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"test authority {secrets.token_hex(8)}")])
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "txredis_fast test server")])
    start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)

    def builder(name: x509.Name, public_key: ec.EllipticCurvePublicKey, days: float = 2) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(authority_name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + datetime.timedelta(days=days))
        )

    authority = (
        builder(authority_name, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    certificate = (
        builder(subject, key.public_key(), 1 / 48 if expired else 2)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    client_key = ec.generate_private_key(ec.SECP256R1())
    client_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "txredis_fast test client")])
    client = builder(client_name, client_key.public_key()).sign(authority_key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    return Certificates(
        authority.public_bytes(pem),
        certificate.public_bytes(pem),
        _private_pem(key),
        client.public_bytes(pem),
        _private_pem(client_key),
    )


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class TLSProxy(Proxy):
    """Listens with TLS on a free port of 127.0.0.1 and forwards to a plain TCP server."""

    def __init__(self, host: str, port: int, certificates: Certificates | None = None, **options: Any) -> None:
        """
        :param certificates: default: a new authority, and a certificate for localhost.
        :param options: of :meth:`Certificates.server_options`.
        """
        self.certificates = certificates or make_certificates()
        self._options = options
        super().__init__(host, port)

    def _make_factory(self) -> TLSMemoryBIOFactory:
        return TLSMemoryBIOFactory(self.certificates.server_options(**self._options), False, super()._make_factory())

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self.fronts)
