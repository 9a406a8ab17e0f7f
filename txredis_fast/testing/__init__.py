"""For the tests of programs: a server in memory, and a real server for a test run.

- :class:`FakeServer`: in memory, with a clock that the test turns. A unit test needs no server.
- ``txredis_fast.testing.fixtures``: a pytest plugin: ``pytest_plugins = ["txredis_fast.testing.fixtures"]``.
- :class:`RedisTestMixin`: a mixin for ``twisted.trial`` and ``unittest``.
- :class:`EmbeddedServer`: what the last two start: an installed server program on a free port.

Nothing else of txredis_fast but its command line imports this room, which needs neither pytest nor a server program;
only the fixtures need pytest.
"""

from __future__ import annotations

import importlib
from typing import Any

from .embedded import EmbeddedServer, NoServerError, find_server, shared_server
from .fake import FakeServer
from .mixin import RedisTestMixin

__all__ = ["EmbeddedServer", "FakeServer", "NoServerError", "RedisTestMixin", "find_server", "shared_server"]


def __getattr__(name: str) -> Any:
    if name == "fixtures":  # imported at first use: it needs pytest
        return importlib.import_module(f"{__name__}.fixtures")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
