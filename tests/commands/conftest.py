"""Fixtures of the command tests."""

from __future__ import annotations

import importlib

import pytest
from testbed.support import IMPLEMENTATIONS

from .host import Host


@pytest.fixture(params=IMPLEMENTATIONS)
def resp(request):
    """An implementation of RESP; the compiled one where it was built."""
    return importlib.import_module(f"txredis_fast.resp.{request.param}")


@pytest.fixture
def host(resp):
    return Host(resp)
