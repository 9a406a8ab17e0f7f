"""The ways of :mod:`testbed.ways`, by an older name."""

from testbed.ways import *  # noqa: F403
