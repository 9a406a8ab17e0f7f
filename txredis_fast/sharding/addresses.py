"""The addresses that the sharded constructors take, ``hosts`` and ``paths``, and what is wrong with them.

This module must not know what is done with an address.
"""

from __future__ import annotations

from typing import Any

from .._checks import check_host, check_path, check_port

__all__ = ["parse_hosts", "parse_paths"]


def parse_hosts(hosts: Any) -> list[tuple[str, int]]:
    """Read the ``hosts`` of the sharded constructors.

    :param hosts: a list or tuple of ``"host:port"``; an IPv6 address stands in brackets, ``"[::1]:6379"``.
    :returns: the hosts, without brackets, and ports.
    :raises ValueError: it is something else.
    """
    wrong = ValueError("Please use a list or tuple of host:port for sharded connections")
    if not isinstance(hosts, (list, tuple)):
        raise wrong
    parsed = []
    for item in hosts:
        if not isinstance(item, str):
            raise wrong
        host, _, port = item.rpartition(":")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            raise wrong
        try:
            parsed.append((check_host("hosts", host), check_port("hosts", port)))
        except ValueError:
            host = ""
        if not host:
            raise wrong
    return parsed


def parse_paths(paths: Any) -> list[str]:
    """Read the ``paths`` of the sharded constructors for unix sockets.

    :param paths: a list or tuple of paths.
    :raises ValueError: it is something else.
    """
    if not isinstance(paths, (list, tuple)):
        raise ValueError("Please use a list or tuple of paths for sharded unix connections")
    return [check_path("paths", path) for path in paths]
