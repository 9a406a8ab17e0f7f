"""URLs that say where to connect and with which options: :class:`RedisURL`.

The text of a URL may have a password at any place: if a character is missing or superfluous, a password looks like a
host, a path or an option. So no error shows any part of the text, except names of options that are similar to an
existing one.

This module must not know what the options do.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

from .._checks import check_host, check_path, check_port
from .connection import ConnectionOptions
from .option import Reader, options_of
from .readers import digits

__all__ = ["RedisURL"]

#: The schemes of URLs.
SCHEMES = (
    *("redis", "rediss", "valkey", "valkeys", "unix", "redis+sentinel"),
    *("redis+cluster", "rediss+cluster", "valkey+cluster", "valkeys+cluster"),
)

#: Valkey's names of schemes.
_SAME = {
    "valkey": "redis",
    "valkeys": "rediss",
    "valkey+cluster": "redis+cluster",
    "valkeys+cluster": "rediss+cluster",
}

#: The schemes of clusters.
_CLUSTERS = ("redis+cluster", "rediss+cluster")

_ENCODED = "user and password in a URL are percent-encoded: / is %2F, ? is %3F, # is %23, @ is %40"
_DATABASE = "cannot read the value of dbid in the URL: behind the host, as /0, stands the number of a database"
_ADDRESS = (
    "cannot read the address in the URL: a port is a number from 1 to 65535, an IPv6 address is in [ ], "
    "and @ stands between the password and the host"
)

# Compiled with the first URL: many programs have none.
_SPLIT = r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)(?:\?([^#]*))?(#.*)?"
_ODD = r"[\x00-\x20\x7f-\xa0\u2028\u2029]"

#: The reader of each option that a URL may set, by name.
_READERS = {name: declared.read for name, declared in options_of(ConnectionOptions).items() if declared.read}


@dataclasses.dataclass(frozen=True)
class RedisURL:
    """A parsed URL: addresses, and options."""

    #: ``redis``, ``rediss``, ``unix``, ``redis+sentinel``, ``redis+cluster`` or ``rediss+cluster``.
    scheme: str
    #: Host and port of each address: one, or several for Sentinels and clusters, or none for ``unix``.
    addresses: tuple[tuple[str, int], ...]
    #: Path of the socket for ``unix``; else "".
    path: str
    #: Name of the service for ``redis+sentinel``; else "".
    service: str
    #: Fields of :class:`ConnectionOptions` by name; for a cluster, of :class:`ClusterOptions`.
    options: Mapping[str, Any] = dataclasses.field(repr=False)

    @property
    def is_cluster(self) -> bool:
        """Whether it names a cluster."""
        return self.scheme in _CLUSTERS

    @classmethod
    def parse(cls, url: str) -> RedisURL:
        """Read a URL.

        ``redis://[user[:password]@]host[:port][/db][?option=value&...]``, ``rediss://`` the same over TLS,
        ``unix://[user[:password]@]/path[?db=2&...]``, and
        ``redis+sentinel://[user[:password]@]host:port,host:port/service[/db]``, and
        ``redis+cluster://[user[:password]@]host:port,host:port[/db]``, ``rediss+cluster://`` the same over TLS;
        ``valkey`` and ``valkeys`` in place of ``redis`` and ``rediss`` mean the same. Options are the fields of
        :class:`ConnectionOptions`, each given once; user, password and path are percent-encoded. A user or a password
        that is not UTF-8 then is bytes. An IPv6 address stands in brackets, with its zone behind ``%25``:
        ``[fe80::1%25eth0]``.

        :raises ValueError: what is wrong with it, never repeating the password.
        """
        scheme, credentials, hosts, path, query = _take_apart(url)
        try:
            return cls._read(scheme, credentials, hosts, path, query)
        except ValueError as error:
            # Where an "@" stands behind a character that ends the host, that may have been in a password.
            wrong = f"{error}; {_ENCODED}" if "@" in path + query else str(error)
        raise ValueError(wrong)

    @classmethod
    def _read(cls, scheme: str, credentials: str, hosts: str, path: str, query: str) -> RedisURL:
        is_cluster = scheme in _CLUSTERS
        options = _query_options(query, _readers(is_cluster))
        user, _, password = credentials.partition(":")
        if user:
            options["username"] = _text_or_bytes(user)
        if password:
            options["password"] = _text_or_bytes(password)
        if scheme == "unix":
            if hosts or not path:
                raise ValueError(
                    "a unix:// URL has three slashes before the path of the socket: unix:///run/redis.sock"
                )
            return cls(scheme, (), check_path("the path in the URL", os.fsdecode(unquote_to_bytes(path))), "", options)
        if scheme in ("rediss", "rediss+cluster"):
            options.setdefault("ssl_context_factory", True)
        database = path.strip("/")
        service = ""
        if scheme == "redis+sentinel":
            encoded, _, database = database.partition("/")
            service = _text(encoded)
            if not service:
                raise ValueError("a redis+sentinel:// URL names the service after the addresses: /mymaster")
        elif "," in hosts and not is_cluster:
            raise ValueError(
                "a URL names one host; several, separated by commas, are for redis+sentinel:// and redis+cluster://"
            )
        if database:
            _set_database(options, database)
        default_port = 26379 if service else 6379
        addresses = tuple(
            _host_and_port(text, default_port, bool(service) or "," in hosts) for text in hosts.split(",")
        )
        return cls(scheme, addresses, "", service, options)


def _take_apart(url: object) -> tuple[str, str, str, str, str]:
    """Scheme, credentials, hosts, path and query of a URL."""
    if not isinstance(url, str):
        raise ValueError(f"a URL is a str, not of type {type(url).__name__}")
    if re.search(_ODD, url) or not _is_utf8(url):
        raise ValueError("a URL has no spaces and no control characters: they are percent-encoded, as in %20")
    parts = re.fullmatch(_SPLIT, url, re.DOTALL)
    scheme = parts[1].lower() if parts else ""
    if parts is None or scheme not in SCHEMES:
        raise ValueError(f"a Redis URL begins with one of {', '.join(f'{known}://' for known in SCHEMES)}")
    credentials, _, hosts = parts[2].rpartition("@")
    if re.search(r"[\[\]]", credentials):
        raise ValueError(f"{_ENCODED}, [ is %5B, ] is %5D")
    if parts[5]:
        raise ValueError(_ENCODED if "@" in parts[5] else "a Redis URL has no fragment: # is %23")
    return _SAME.get(scheme, scheme), credentials, hosts, parts[3], parts[4] or ""


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeError:
        return False
    return True


def _text_or_bytes(encoded: str) -> str | bytes:
    data = unquote_to_bytes(encoded)
    try:
        return data.decode("utf-8")
    except UnicodeError:
        return data


def _text(encoded: str) -> str:
    text = _text_or_bytes(encoded)
    if isinstance(text, bytes):
        raise ValueError("the name of a service in a URL is UTF-8, percent-encoded")
    return text


def _host_and_port(text: str, default_port: int, one_of_several: bool) -> tuple[str, int]:
    if not text and one_of_several:
        raise ValueError("an address in the URL is empty")
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, ""
    if host.startswith("["):
        # The zone's "%" is to be encoded; written as it is it cannot be told from an encoded character.
        host = host.replace("%25", "%", 1)
    elif ":" in host:
        raise ValueError("an IPv6 address in a URL stands in brackets: redis://[::1]:6379")
    else:
        host = (_text(host) if host else "localhost").lower()
    try:
        return check_host("host", host), check_port("port", port or default_port)
    except ValueError:
        pass
    # Not shown: without its "@" this is a user and a password.
    raise ValueError(_ADDRESS)


def _set_database(options: dict[str, object], text: str) -> None:
    if not digits(text):
        raise ValueError(_DATABASE)
    if options.setdefault("dbid", int(text)) != int(text):
        raise ValueError("the URL names two databases, behind the host and as an option (dbid)")


def _readers(is_cluster: bool) -> Mapping[str, Reader]:
    if not is_cluster:
        return _READERS
    from .cluster import ClusterOptions  # few programs have one

    return {name: declared.read for name, declared in options_of(ClusterOptions).items() if declared.read}


def _read_option(reader: Reader, name: str, text: str) -> object:
    try:
        return reader(name, text)
    except ValueError:
        pass
    raise ValueError(f"{name} in the URL must be {reader.allowed}")


def _query_options(query: str, readers: Mapping[str, Reader]) -> dict[str, object]:
    options: dict[str, object] = {}
    for number, (given, text) in enumerate(_pairs(query), 1):
        name = "dbid" if given == "db" else given
        if name not in readers:
            import difflib  # for errors only

            close = difflib.get_close_matches(given, readers, 1)
            which = f"option {given!r}" if close else f"option (number {number})"
            raise ValueError(f"unknown {which} in the URL; there are: {', '.join(sorted(readers))}")
        if name in options:
            raise ValueError(f"the URL has the option {name} twice")
        options[name] = _read_option(readers[name], name, text)
    return options


def _pairs(query: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query, keep_blank_values=True, encoding="utf-8", errors="strict")
    except ValueError:
        pass
    raise ValueError("the options in a URL are UTF-8, percent-encoded")
