"""Timers of the reactor.

This module must not know what a timer is for.
"""

from __future__ import annotations

from twisted.internet.interfaces import IDelayedCall

__all__ = ["cancel_timer"]


def cancel_timer(timer: IDelayedCall | None) -> None:
    """Cancel a delayed call that has neither run nor been cancelled; any other, and None, is passed over."""
    if timer is not None and timer.active():
        timer.cancel()
