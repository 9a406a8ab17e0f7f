"""The server that all clients are given in turn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from testbed.servers import Server, default_binary


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A real server, which each test fills as it needs it."""
    try:
        server = Server(binary=default_binary())
    except RuntimeError as error:
        pytest.fail(str(error), pytrace=False)
    with server:
        yield server
