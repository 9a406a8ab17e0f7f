"""Connections on which the server sends unasked: subscriptions, which are restored after a reconnect, and MONITOR."""

from __future__ import annotations

from .companion import MessageProtocol
from .messages import Message, Subscriber
from .monitor import MonitorFactory, MonitorProtocol
from .opening import Subscribing
from .restoring import Refused
from .subscriber import SubscriberFactory, SubscriberProtocol

__all__ = [
    "Message",
    "MessageProtocol",
    "MonitorFactory",
    "MonitorProtocol",
    "Refused",
    "Subscriber",
    "SubscriberFactory",
    "SubscriberProtocol",
    "Subscribing",
]
