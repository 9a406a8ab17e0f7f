"""The servers of :mod:`testbed.servers`, by an older name."""

from testbed.servers import *  # noqa: F403
