"""Connections on which the server sends unasked: subscriptions, which are restored after a reconnect, and MONITOR."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazy_names
from .opening import Subscribing, check_bounds, check_hooks, open_subscriber

if TYPE_CHECKING:
    from .companion import MessageProtocol, SubscriberPool
    from .inbox import Inbox, InboxPart, SlowConsumerPolicy
    from .messages import Message, OnMessage, Subscriber
    from .monitor import MonitorFactory, MonitorProtocol
    from .restoring import Refused
    from .subscriber import SubscriberFactory, SubscriberProtocol
    from .subscriptions import Kind
else:
    __getattr__, __dir__ = lazy_names(
        globals(),
        {
            "companion": ("SubscriberPool", "MessageProtocol"),
            "inbox": ("Inbox", "InboxPart", "SlowConsumerPolicy"),
            "messages": ("Message", "OnMessage", "Subscriber"),
            "monitor": ("MonitorFactory", "MonitorProtocol"),
            "restoring": ("Refused",),
            "subscriber": ("SubscriberFactory", "SubscriberProtocol"),
            "subscriptions": ("Kind",),
        },
    )

__all__ = [
    "Inbox",
    "InboxPart",
    "Kind",
    "Message",
    "MessageProtocol",
    "MonitorFactory",
    "MonitorProtocol",
    "OnMessage",
    "Refused",
    "SlowConsumerPolicy",
    "Subscriber",
    "SubscriberFactory",
    "SubscriberPool",
    "SubscriberProtocol",
    "Subscribing",
    "check_bounds",
    "check_hooks",
    "open_subscriber",
]
