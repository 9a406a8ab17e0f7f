"""Published messages of a cluster: who listens to what, and at which node.

This room must not know how a program gets its messages.
"""

from __future__ import annotations

from .subscriber import ClusterSubscriber

__all__ = ["ClusterSubscriber"]
