"""TLS as a client of a server wants it: chain and host name verified, TLS 1.2 at least, refusals that say why.

Twisted verifies the name, too; but newer versions of it log what is raised while they do, and go on. So the verdict is
ours: reached while OpenSSL verifies the chain, and once more when the handshake is complete, before anything is
written. Only what is known to be right is right: whatever is missing, unreadable or raised is a refusal.

There is no switch that turns verification off. A program that wants something else gives a context factory of its own
(``ssl_context_factory``), and then answers for what that does.

This module must not know Redis. Only a call of :meth:`TLSSettings.context` needs pyOpenSSL (the extra ``tls``).
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import re
from typing import Any
from weakref import WeakKeyDictionary

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from zope.interface import implementer

__all__ = ["ALERT", "PEM", "NameCheck", "NoCheck", "TLSSettings", "is_encrypted", "refusal"]

#: How a TLS server begins what it answers to plain text: the header of an alert.
ALERT = b"\x15\x03"

#: Certificates or keys in PEM: the path of a file, or its content as bytes.
PEM = str | bytes | os.PathLike[str]

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)

#: What OpenSSL has against a certificate, by its number; see X509_STORE_CTX_get_error(3).
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
    """Whom to trust, and who to be. Immutable; keys are left out of its repr."""

    #: Trusted authorities, in PEM; None: the platform's.
    ca: PEM | None = None
    #: The client's own certificate, in PEM, with those of the authorities between behind it; None: none.
    certificate: PEM | None = dataclasses.field(default=None, repr=False)
    #: Its private key, in PEM and not encrypted; None: it is in the same PEM as the certificate.
    key: PEM | None = dataclasses.field(default=None, repr=False)
    #: The name that the server's certificate has to be for; None: the host that is connected to.
    host: str | None = None

    def context(self, host: str) -> Any:
        """Make what opens TLS connections: an ``IOpenSSLClientConnectionCreator`` that refuses in the handshake.

        Files are read again when they have changed, so that a renewed certificate is used without a restart.

        :param host: what is connected to.
        :raises ImportError: the extra ``tls`` is not installed.
        :raises ValueError: a PEM cannot be read or used; says which one, and never shows any of it.
        """
        platform = os.environ.get("SSL_CERT_FILE") if self.ca is None else None
        files = (self.ca, self.certificate, self.key, platform)
        return _context(self, _name_to_verify(self.host or host), platform, tuple(map(_stamp, files)))


def _stamp(pem: PEM | None) -> tuple[int, int] | None:
    """What tells that a file has changed."""
    if pem is None or isinstance(pem, bytes):
        return None
    try:
        status = os.stat(pem)
    except OSError:
        return None  # reading it says why
    return status.st_mtime_ns, status.st_size


@functools.lru_cache(maxsize=64)
def _context(settings: TLSSettings, host: str, platform: str | None, stamps: object) -> Any:
    from OpenSSL import SSL
    from twisted.internet.ssl import TLSVersion, optionsForClientTLS, trustRootFromCertificates

    if not hasattr(SSL.Connection, "set_verify"):
        raise ImportError("TLS needs pyOpenSSL 22 or later")
    chain: list[Any] = []
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
    """What a certificate calls a host: without the zone of an IPv6 address, and the dot behind an absolute name."""
    address, _, zone = host.partition("%")
    return address if zone and isIPv6Address(address) else host.removesuffix(".")


@implementer(IOpenSSLClientConnectionCreator)
class _VerifyingCreator:
    """Opens TLS connections that fail unless the chain and the name of the server's certificate were found right."""

    def __init__(self, options: Any, host: str) -> None:
        self._options = options
        self._host = host
        #: By TLS protocol.
        self._verdicts: WeakKeyDictionary[Any, _Verdict] = WeakKeyDictionary()

    def clientConnectionForTLS(self, tlsProtocol: Any) -> Any:
        from OpenSSL import SSL

        connection = self._options.clientConnectionForTLS(tlsProtocol)
        verdict = self._verdicts[tlsProtocol] = _Verdict(self._host)
        connection.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, verdict.judge)
        return connection

    def fault(self, transport: Any) -> str | None:
        """Say what is wrong with a connection whose handshake is complete; None: nothing, for certain.

        :param transport: Twisted's TLS protocol.
        """
        verdict = self._verdicts.get(transport)
        if verdict is None:
            return _refused("it has not been looked at")
        if verdict.fault is not None:
            return verdict.fault
        certificate = transport.getHandle().get_peer_certificate()
        if certificate is None:
            return _refused("the server has shown none")
        certificate = certificate.to_cryptography()
        if verdict.accepted is None or verdict.accepted != certificate:
            return _refused("its chain has not been looked at")
        return _name_fault(certificate, self._host)

    def known_fault(self, transport: Any) -> str | None:
        """Say what was found wrong so far with a connection whose handshake may not be complete."""
        verdict = self._verdicts.get(transport)
        return None if verdict is None else verdict.fault


class _Verdict:
    """What was found while OpenSSL verified the chain of one connection.

    :ivar fault: what is wrong, in words; None: nothing so far.
    :ivar accepted: the server's own certificate, where the chain above it and its name are right.
    """

    def __init__(self, host: str) -> None:
        self._host = host
        self.fault: str | None = None
        self.accepted: Any = None

    def judge(self, connection: Any, certificate: Any, number: int, depth: int, chain_is_right: int) -> bool:
        """Judge one certificate of the chain, as OpenSSL asks for it: the server's own, of depth 0, comes last."""
        fault = None if chain_is_right else _refused(_FAULTS.get(number, f"OpenSSL error {number}"))
        if fault is None and depth == 0:
            server = certificate.to_cryptography()  # what this raises is a refusal, as pyOpenSSL has it
            fault = _name_fault(server, self._host)
            self.accepted = server
        if fault is not None:
            self.fault = self.fault or fault
        return self.fault is None


class NameCheck:
    """Looks at the name only, for connections whose chain is verified by a context of Twisted's."""

    def __init__(self, host: str) -> None:
        """Make one.

        :param host: that the certificate has to be for.
        """
        self._host = _name_to_verify(host)

    def fault(self, transport: Any) -> str | None:
        """Say what is wrong with a connection whose handshake is complete; None: nothing."""
        from OpenSSL import SSL

        connection = transport.getHandle()
        certificate = connection.get_peer_certificate()
        if certificate is None or not connection.get_context().get_verify_mode() & SSL.VERIFY_PEER:
            return _refused("its chain has not been looked at")
        return _name_fault(certificate.to_cryptography(), self._host)

    def known_fault(self, transport: Any) -> str | None:
        """Nothing is known before the end of the handshake."""
        return None


class NoCheck:
    """For the context factory of a program, which answers for what that does."""

    def fault(self, transport: Any) -> str | None:
        """Find no fault."""
        return None

    known_fault = fault


def _name_fault(certificate: Any, host: str) -> str | None:
    """Say why a certificate is not for a host; None: it is.

    :param certificate: as the package ``cryptography`` has it.
    """
    try:
        from cryptography.x509 import ExtensionNotFound, SubjectAlternativeName
        from service_identity import VerificationError
        from service_identity.cryptography import verify_certificate_hostname, verify_certificate_ip_address
    except ImportError as error:
        return _refused(f"its host names cannot be read ({error})")
    try:
        # Asked for here, because older versions of service_identity make do with a common name.
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


def _certificates(name: str, pem: PEM) -> list[Any]:
    """The certificates in a PEM, as Twisted has them."""
    from OpenSSL.crypto import Error
    from twisted.internet.ssl import Certificate

    found = _CERTIFICATE.findall(_read(name, pem))
    try:
        certificates = [Certificate.loadPEM(one) for one in found]
    except (Error, ValueError):
        certificates = []
    if not certificates:
        raise ValueError(f"{name} has no certificate in PEM that can be read")
    return certificates


def _own_certificate(certificate: PEM, key: PEM | None) -> tuple[Any, list[Any]]:
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


def is_encrypted(transport: Any) -> bool:
    """Whether a transport of Twisted's speaks TLS."""
    return bool(getattr(transport, "TLS", False)) or hasattr(transport, "getPeerCertificate")


def refusal(error: BaseException | None, transport: Any) -> str | None:
    """Say in words why a handshake failed; None: nothing is known that its own text does not say.

    :param error: what the connection was lost with.
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


def _fault(transport: Any) -> int:
    """What OpenSSL has against the certificate, by number; 0: nothing, or it cannot be told.

    pyOpenSSL tells only a callback, and that place is taken in a context of the program's own. So its private parts
    are looked at, for words only.
    """
    with contextlib.suppress(Exception):
        from OpenSSL import SSL

        return int(
            SSL._lib.SSL_get_verify_result(  # type: ignore[attr-defined]
                transport._tlsConnection._ssl
            )
        )
    return 0
