"""Connections on which the server sends unasked: subscriptions, which are restored after a reconnect, and MONITOR."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazy_names
from .opening import Subscribing

if TYPE_CHECKING:
    from .companion import MessageProtocol
    from .messages import Message, Subscriber
    from .monitor import MonitorFactory, MonitorProtocol
    from .restoring import Refused
    from .subscriber import SubscriberFactory, SubscriberProtocol
else:
    __getattr__, __dir__ = lazy_names(
        globals(),
        {
            "companion": ("MessageProtocol",),
            "messages": ("Message", "Subscriber"),
            "monitor": ("MonitorFactory", "MonitorProtocol"),
            "restoring": ("Refused",),
            "subscriber": ("SubscriberFactory", "SubscriberProtocol"),
        },
    )

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
