"""The Sentinels of :mod:`testbed.sentinels`, by an older name."""

from testbed.sentinels import *  # noqa: F403
