"""Fixtures for tests with faults: those of the tests against real servers."""

from __future__ import annotations

from live.conftest import (
    _embedded_server,
    _server_of_kind,
    any_server,
    certificates,
    clean_reactor,
    fresh_server,
    make_server,
    sentinels,
    server,
    tls_proxy,
)

__all__ = [
    "_embedded_server",
    "_server_of_kind",
    "any_server",
    "certificates",
    "clean_reactor",
    "fresh_server",
    "make_server",
    "sentinels",
    "server",
    "tls_proxy",
]
