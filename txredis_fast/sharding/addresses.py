"""Check the addresses that the sharded constructors take: ``hosts`` and ``paths``.

This module must not know what an address is used for.
"""

from __future__ import annotations

from .._checks import check_host, check_path, check_port

__all__ = ["parse_hosts", "parse_paths"]


def parse_hosts(hosts: object) -> list[tuple[str, int]]:
    """Parse the ``hosts`` of the sharded constructors.

    :param hosts: a list or tuple of ``"host:port"``; an IPv6 address has brackets, ``"[::1]:6379"``.
    :returns: pairs of host, without brackets, and port.
    :raises ValueError: it is of another form.
    """
    wrong = ValueError("Please use a list or tuple of host:port for sharded connections")
    for each in (hosts,) if isinstance(hosts, str) else hosts if isinstance(hosts, (list, tuple)) else ():
        if isinstance(each, str) and "://" in each:
            raise ValueError(f"{wrong}; connect() and from_url() take URLs, each of one server")
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


def parse_paths(paths: object) -> list[str]:
    """Check the ``paths`` of the sharded constructors for unix sockets.

    :param paths: a list or tuple of paths.
    :raises ValueError: it is of another form.
    """
    if not isinstance(paths, (list, tuple)):
        raise ValueError("Please use a list or tuple of paths for sharded unix connections")
    return [check_path("paths", path) for path in paths]
