"""Fixtures of the command tests."""

from __future__ import annotations

import importlib

import pytest

from .host import Host


@pytest.fixture(params=["_pyresp", "_cresp"])
def resp(request):
    """An implementation of RESP; the compiled one where it was built."""
    try:
        return importlib.import_module(f"txredis_fast.resp.{request.param}")
    except ImportError:
        pytest.skip(f"{request.param} is not built")


@pytest.fixture
def host(resp):
    return Host(resp)
