"""Connections that the server talks to: subscriptions that survive a reconnect, and MONITOR."""

from __future__ import annotations

from .monitor import MonitorFactory, MonitorProtocol
from .subscriber import SubscriberFactory, SubscriberProtocol

__all__ = [
    "MonitorFactory",
    "MonitorProtocol",
    "SubscriberFactory",
    "SubscriberProtocol",
]
