"""Twisted's sockets, TLS, endpoints, and turns of the reactor. This room must not know of Redis."""

from __future__ import annotations

from .attempt import connect_for, name_of_peer, name_of_place
from .chunked import SlicedBatch
from .endpoints import endpoint_from, endpoint_of_connector, place_of, tcp_endpoint, unix_endpoint
from .flood import Flood
from .producer import Outlet, forget_unsent
from .reasons import at_place, named, reason_of
from .socket_read import fill_from_socket, fill_no_more, read_compiled, receives_directly
from .socket_write import direct_sender
from .threads import guard_connection, guard_factory
from .timers import cancel_timer
from .tls import ALERT, PEM, TLSSettings, is_encrypted
from .turns import at_once, in_turns

__all__ = [
    "ALERT",
    "PEM",
    "Flood",
    "Outlet",
    "SlicedBatch",
    "TLSSettings",
    "at_once",
    "at_place",
    "cancel_timer",
    "connect_for",
    "direct_sender",
    "endpoint_from",
    "endpoint_of_connector",
    "fill_from_socket",
    "fill_no_more",
    "forget_unsent",
    "guard_connection",
    "guard_factory",
    "in_turns",
    "is_encrypted",
    "name_of_peer",
    "name_of_place",
    "named",
    "place_of",
    "read_compiled",
    "reason_of",
    "receives_directly",
    "tcp_endpoint",
    "unix_endpoint",
]
