"""Connections on which the server sends unasked: subscriptions, which are restored after a reconnect, and MONITOR."""

from __future__ import annotations

from .monitor import MonitorFactory, MonitorProtocol
from .subscriber import SubscriberFactory, SubscriberProtocol

__all__ = [
    "MonitorFactory",
    "MonitorProtocol",
    "SubscriberFactory",
    "SubscriberProtocol",
]
