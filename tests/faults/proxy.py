"""The proxy of :mod:`testbed.proxy`, by an older name."""

from testbed.proxy import *  # noqa: F403
