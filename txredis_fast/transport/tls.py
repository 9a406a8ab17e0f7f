"""TLS of a client: chain and host name verified, TLS 1.2 at least, errors that say what is wrong.

Twisted verifies the host name, too; but its newer versions log an exception raised meanwhile, and go on. So this module
decides itself: while OpenSSL verifies the chain, and once more after the handshake, before anything is written. A
certificate or name that is missing or unreadable, or an exception, refuses the connection.

There is no switch that turns verification off. A program that needs other rules passes a context factory of its own
(``ssl_context_factory``), and is responsible for its checks.

This module must not know Redis. Only a call of :meth:`TLSSettings.context` needs pyOpenSSL (the extra ``tls``).
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import re
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from zope.interface import implementer

if TYPE_CHECKING:
    from cryptography.x509 import Certificate as X509
    from OpenSSL import SSL
    from OpenSSL.crypto import X509 as OpenSSLCertificate
    from twisted.internet.ssl import Certificate, PrivateCertificate
    from twisted.protocols.tls import TLSMemoryBIOProtocol

__all__ = ["ALERT", "PEM", "Check", "NameCheck", "NoCheck", "TLSSettings", "is_encrypted", "refusal"]

#: The first bytes of a TLS server's answer to plain text: the header of an alert.
ALERT = b"\x15\x03"

#: Certificates or keys in PEM: the path of a file, or its content as bytes.
PEM = str | bytes | os.PathLike[str]

_CERTIFICATE = rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----"

#: OpenSSL's verification errors, by number, in words; see X509_STORE_CTX_get_error(3).
_FAULTS = {
    7: "its authority has not signed it",
    9: "it is not valid yet",
    10: "it has expired",
    18: "it is signed by itself and not trusted",
    19: "an authority in its chain is signed by itself and not trusted",
    20: "its authority is not known",
    21: "its authority is not known",
    23: "it has been revoked",
    24: "its authority may not sign certificates",
    26: "it is not meant for servers",
    62: "it is for another host name",
    64: "it is for another IP address",
    66: "its key is too short",
    67: "the key of its authority is too short",
    68: "it is signed with a weak digest",
    79: "its authority may not sign certificates",
}


@dataclasses.dataclass(frozen=True)
class TLSSettings:
    """Trusted CAs and client identity. Immutable; certificate and key are left out of its repr."""

    #: Trusted authorities, in PEM; None: the platform's.
    ca: PEM | None = None
    #: The client's certificate in PEM, followed by those of intermediate authorities; None: the client has none.
    certificate: PEM | None = dataclasses.field(default=None, repr=False)
    #: Its private key, in PEM and not encrypted; None: it is in the same PEM as the certificate.
    key: PEM | None = dataclasses.field(default=None, repr=False)
    #: The name that the server's certificate must be for; None: the host that the connection is made to.
    host: str | None = None

    def context(self, host: str) -> _VerifyingCreator:
        """Make an ``IOpenSSLClientConnectionCreator``, whose connections verify the server in the handshake.

        Files are read again when they have changed, so that a renewed certificate is used without a restart.

        :param host: the host that the connection is made to.
        :raises ImportError: the extra ``tls`` is not installed.
        :raises ValueError: a PEM cannot be read or used; the text names it and shows nothing of its content.
        """
        platform = os.environ.get("SSL_CERT_FILE") if self.ca is None else None
        files = (self.ca, self.certificate, self.key, platform)
        return _context(self, _name_to_verify(self.host or host), platform, tuple(map(_stamp, files)))


def _stamp(pem: PEM | None) -> tuple[int, int] | None:
    """Modification time and size of a file, which differ when it has changed; None: no file, or an unreadable one."""
    if pem is None or isinstance(pem, bytes):
        return None
    try:
        status = os.stat(pem)
    except OSError:
        return None  # reading it raises the reason
    return status.st_mtime_ns, status.st_size


@functools.lru_cache(maxsize=64)
def _context(settings: TLSSettings, host: str, platform: str | None, stamps: object) -> _VerifyingCreator:
    from OpenSSL import SSL
    from twisted.internet.ssl import TLSVersion, optionsForClientTLS, trustRootFromCertificates

    if not hasattr(SSL.Connection, "set_verify"):
        raise ImportError("TLS needs pyOpenSSL 22 or later")
    chain: list[Certificate] = []
    own = None
    if settings.certificate is not None:
        own, chain = _own_certificate(settings.certificate, settings.key)
    trust_root = None
    if settings.ca is not None:
        trust_root = trustRootFromCertificates(_certificates("tls_ca", settings.ca))
    more: dict[str, Any] = {"raiseMinimumTo": TLSVersion.TLSv1_2}
    if chain:
        more["extraCertChain"] = [certificate.original for certificate in chain]
    return _VerifyingCreator(optionsForClientTLS(host, trust_root, own, extraCertificateOptions=more), host)


def _name_to_verify(host: str) -> str:
    """A host as certificates have it: without the zone of an IPv6 address, and the dot behind an absolute name."""
    address, _, zone = host.partition("%")
    return address if zone and isIPv6Address(address) else host.removesuffix(".")


@implementer(IOpenSSLClientConnectionCreator)
class _VerifyingCreator:
    """Opens TLS connections that fail unless the chain and the name of the server's certificate are verified."""

    def __init__(self, options: IOpenSSLClientConnectionCreator, host: str) -> None:
        self._options = options
        self._host = host
        #: By Twisted's TLS protocol.
        self._verdicts: WeakKeyDictionary[TLSMemoryBIOProtocol, _Verdict] = WeakKeyDictionary()

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        from OpenSSL import SSL

        connection: SSL.Connection = self._options.clientConnectionForTLS(tlsProtocol)
        verdict = self._verdicts[tlsProtocol] = _Verdict(self._host)
        connection.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, verdict.judge)
        return connection

    def fault(self, transport: TLSMemoryBIOProtocol) -> str | None:
        """Return why a connection is to be refused whose handshake is complete; None: it is verified.

        :param transport: Twisted's TLS protocol.
        """
        verdict = self._verdicts.get(transport)
        if verdict is None:
            return _refused("it has not been verified")
        if verdict.fault is not None:
            return verdict.fault
        certificate = transport.getHandle().get_peer_certificate()
        if certificate is None:
            return _refused("the server has shown none")
        certificate = certificate.to_cryptography()
        if verdict.accepted is None or verdict.accepted != certificate:
            return _refused("its chain has not been verified")
        return _name_fault(certificate, self._host)

    def known_fault(self, transport: TLSMemoryBIOProtocol) -> str | None:
        """Return the reason found so far to refuse a connection whose handshake may not be complete; None: none yet."""
        verdict = self._verdicts.get(transport)
        return None if verdict is None else verdict.fault


class _Verdict:
    """Result of the verification of one connection's certificate chain, which OpenSSL drives.

    :ivar fault: the first reason to refuse the connection, in words; None: none so far.
    :ivar accepted: the server's own certificate, when the chain above it and its name are verified.
    """

    def __init__(self, host: str) -> None:
        self._host = host
        self.fault: str | None = None
        self.accepted: X509 | None = None

    def judge(
        self, connection: SSL.Connection, certificate: OpenSSLCertificate, number: int, depth: int, chain_is_right: int
    ) -> bool:
        """Verify one certificate of the chain: OpenSSL's callback. The server's own, of depth 0, comes last."""
        fault = None if chain_is_right else _refused(_FAULTS.get(number, f"OpenSSL error {number}"))
        if fault is None and depth == 0:
            server = certificate.to_cryptography()  # if this raises, pyOpenSSL refuses the connection
            fault = _name_fault(server, self._host)
            self.accepted = server
        if fault is not None:
            self.fault = self.fault or fault
        return self.fault is None


class Check(Protocol):
    """Verifies a TLS connection; ``transport`` is Twisted's TLS protocol."""

    def fault(self, transport: TLSMemoryBIOProtocol) -> str | None:
        """Return why a connection is to be refused whose handshake is complete; None: it is verified."""

    def known_fault(self, transport: TLSMemoryBIOProtocol) -> str | None:
        """Return the reason found so far, during the handshake; None: none yet."""


class NameCheck:
    """Verifies the name only, for connections whose chain a context of Twisted's verifies."""

    def __init__(self, host: str) -> None:
        """Make one.

        :param host: the host that the certificate must be for.
        """
        self._host = _name_to_verify(host)

    def fault(self, transport: TLSMemoryBIOProtocol) -> str | None:
        """Return why a connection is to be refused whose handshake is complete; None: it is verified."""
        from OpenSSL import SSL

        connection = transport.getHandle()
        certificate = connection.get_peer_certificate()
        if certificate is None or not connection.get_context().get_verify_mode() & SSL.VERIFY_PEER:
            return _refused("its chain has not been verified")
        return _name_fault(certificate.to_cryptography(), self._host)

    def known_fault(self, transport: TLSMemoryBIOProtocol) -> str | None:
        """Nothing is known before the end of the handshake."""
        return None


class NoCheck:
    """Accepts every connection: the program's own context factory is responsible for checks."""

    def fault(self, transport: TLSMemoryBIOProtocol) -> str | None:
        """Accept the connection."""
        return None

    known_fault = fault


def _name_fault(certificate: X509, host: str) -> str | None:
    """Return why a certificate is not for a host; None: it is."""
    try:
        from cryptography.x509 import ExtensionNotFound, SubjectAlternativeName
        from service_identity import VerificationError
        from service_identity.cryptography import verify_certificate_hostname, verify_certificate_ip_address
    except ImportError as error:
        return _refused(f"its host names cannot be read ({error})")
    try:
        # Required here, because older versions of service_identity accept a common name instead.
        certificate.extensions.get_extension_for_class(SubjectAlternativeName)
        if isIPAddress(host) or isIPv6Address(host):
            verify_certificate_ip_address(certificate, host)
        else:
            verify_certificate_hostname(certificate, _ascii(host))
    except ExtensionNotFound:
        return _refused("it is for no host name at all (it has no subjectAltName)")
    except VerificationError:
        return _refused(f"it is for another host name than {host}")
    except Exception as error:
        return _refused(f"its host names cannot be read ({error!r:.200})")
    return None


def _ascii(host: str) -> str:
    """A host name as a certificate has it."""
    if host.isascii():
        return host
    try:
        from idna import encode
    except ImportError:
        return host.encode("idna").decode("ascii")
    return encode(host).decode("ascii")


def _refused(why: str) -> str:
    return f"certificate verify failed: {why}"


def _read(name: str, pem: PEM) -> bytes:
    if isinstance(pem, bytes):
        return pem
    try:
        with open(pem, "rb") as file:
            return file.read()
    except OSError as error:
        raise ValueError(f"{name} cannot be read: {error.strerror}: {os.fspath(pem)!r}") from None


def _certificates(name: str, pem: PEM) -> list[Certificate]:
    """The certificates in a PEM, as Twisted's objects."""
    from OpenSSL.crypto import Error
    from twisted.internet.ssl import Certificate

    found = re.findall(_CERTIFICATE, _read(name, pem), re.DOTALL)
    try:
        certificates = [Certificate.loadPEM(one) for one in found]
    except (Error, ValueError):
        certificates = []
    if not certificates:
        raise ValueError(f"{name} has no certificate in PEM that can be read")
    return certificates


def _own_certificate(certificate: PEM, key: PEM | None) -> tuple[PrivateCertificate, list[Certificate]]:
    """The client's certificate with its key, and the rest of its chain."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from OpenSSL.crypto import Error, PKey
    from twisted.internet.ssl import KeyPair, PrivateCertificate

    first, *chain = _certificates("tls_certificate", certificate)
    name, pem = ("tls_certificate", certificate) if key is None else ("tls_key", key)
    why = "has no private key in PEM that can be read"
    try:
        # Not by OpenSSL itself, which would ask for the password of an encrypted key on the terminal.
        loaded = load_pem_private_key(_read(name, pem), None)
        own = PrivateCertificate.fromCertificateAndKeyPair(first, KeyPair(PKey.from_cryptography_key(loaded)))  # type: ignore[arg-type]
    except TypeError:
        why = "is encrypted, or of a kind that is not known; give the key unencrypted"
        own = None
    except (Error, ValueError):
        own = None
    if own is None:
        raise ValueError(f"{name} {why}")
    return own, chain


def is_encrypted(transport: object) -> bool:
    """Whether a transport of Twisted's speaks TLS."""
    return bool(getattr(transport, "TLS", False)) or hasattr(transport, "getPeerCertificate")


def refusal(error: BaseException | None, transport: TLSMemoryBIOProtocol) -> str | None:
    """Return in words why a handshake failed; None: no more is known than the error itself says.

    :param error: the reason of the loss of the connection.
    :param transport: Twisted's TLS protocol.
    """
    if type(error).__name__ == "VerificationError":
        return _refused("it is for another host name")
    if type(error).__name__ == "CertificateError":
        return _refused(f"its host names cannot be read ({error!s:.200})")
    fault = _fault(transport)
    if fault:
        return _refused(_FAULTS.get(fault, f"OpenSSL error {fault}"))
    # pyOpenSSL's errors are lists of (library, function, reason).
    stack = error.args[0] if error is not None and error.args and isinstance(error.args[0], list) else None
    reasons = [str(entry[2]) for entry in stack or () if isinstance(entry, tuple) and len(entry) == 3 and entry[2]]
    return f"TLS failed: {', '.join(reasons)}" if reasons else None


def _fault(transport: TLSMemoryBIOProtocol) -> int:
    """The number of OpenSSL's verification error; 0: no error, or it is not known.

    pyOpenSSL passes it to a callback only, and in a program's own context that callback is the program's. So it is read
    from private attributes of pyOpenSSL, for texts only.
    """
    with contextlib.suppress(Exception):
        from OpenSSL import SSL

        return int(
            SSL._lib.SSL_get_verify_result(  # type: ignore[attr-defined]
                transport._tlsConnection._ssl
            )
        )
    return 0
