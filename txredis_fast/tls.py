"""TLS as a client of a server wants it: chain and host name verified, TLS 1.2 at least, refusals that say why.

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

__all__ = ["PEM", "TLSSettings", "refusal"]

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
        """Make what opens TLS connections: an ``IOpenSSLClientConnectionCreator``.

        Files are read again when they have changed, so that a renewed certificate is used without a restart.

        :param host: what is connected to.
        :raises ImportError: the extra ``tls`` is not installed.
        :raises ValueError: a PEM cannot be read or used; says which one, and never shows any of it.
        """
        platform = os.environ.get("SSL_CERT_FILE") if self.ca is None else None
        files = (self.ca, self.certificate, self.key, platform)
        return _context(self, self.host or host, platform, tuple(map(_stamp, files)))


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
    from twisted.internet.ssl import TLSVersion, optionsForClientTLS, trustRootFromCertificates

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
    return optionsForClientTLS(host, trust_root, own, extraCertificateOptions=more)


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


def refusal(error: BaseException | None, transport: Any) -> str | None:
    """Say in words why a handshake failed; None: nothing is known that its own text does not say.

    :param error: what the connection was lost with.
    :param transport: Twisted's TLS protocol.
    """
    if type(error).__name__ in ("VerificationError", "CertificateError"):
        return "certificate verify failed: it is for another host name"
    fault = _fault(transport)
    if fault:
        return f"certificate verify failed: {_FAULTS.get(fault, f'OpenSSL error {fault}')}"
    # pyOpenSSL's errors are lists of (library, function, reason).
    stack = error.args[0] if error is not None and error.args and isinstance(error.args[0], list) else None
    reasons = [str(entry[2]) for entry in stack or () if isinstance(entry, tuple) and len(entry) == 3 and entry[2]]
    return f"TLS failed: {', '.join(reasons)}" if reasons else None


def _fault(transport: Any) -> int:
    """What OpenSSL has against the certificate, by number; 0: nothing, or it cannot be told.

    pyOpenSSL tells only a callback, and that place is taken by Twisted's check of the host name. So its private parts
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
