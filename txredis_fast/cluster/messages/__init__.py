"""Published messages of a cluster: the subscribers of each channel, and the node that serves it.

This room must not know how a program gets its messages.
"""

from __future__ import annotations

from .subscriber import ClusterSubscriber

__all__ = ["ClusterSubscriber"]
