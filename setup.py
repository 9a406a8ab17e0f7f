"""Builds the extensions, the ``_c*.pyx`` of all rooms. All else is in ``pyproject.toml``.

Three switches are read from the environment: ``TXREDIS_FAST_PUREPYTHON=1`` builds without the extension, and
``TXREDIS_FAST_REQUIRE_EXTENSION=1`` makes a build that cannot have it fail. With neither, whoever has no C
compiler gets the pure-Python package, which behaves alike. ``TXREDIS_FAST_ASSERTIONS=1`` is for tests, with gcc or
clang: the build checks the assertions in CPython's headers, and optimizes less.
"""

import os
import platform
import sys
from pathlib import Path
from textwrap import shorten

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError, CompileError, LinkError

NAME = "TXREDIS_FAST_"
PURE_PYTHON = os.environ.get(NAME + "PUREPYTHON", "") not in ("", "0")
ASSERTIONS = os.environ.get(NAME + "ASSERTIONS", "") not in ("", "0")
REQUIRED = os.environ.get(NAME + "REQUIRE_EXTENSION", "") not in ("", "0")


class BuildExtension(build_ext):
    """Does without optional extensions where they cannot be built, and says so in one line."""

    given_up = False

    def build_extension(self, ext: Extension) -> None:
        """Build one, unless another has failed already."""
        if self.given_up:
            return
        try:
            super().build_extension(ext)
        except (BaseError, CompileError, LinkError) as error:
            if not ext.optional:
                raise
            self.given_up = True
            print(
                f"*** txredis-fast: no C extension ({shorten(str(error), 60)}), so the slower pure-Python "
                f"implementation is used; {NAME}REQUIRE_EXTENSION=1 makes this an error ***"
            )


extensions = []
if PURE_PYTHON and REQUIRED:
    sys.exit(f"txredis-fast: {NAME}PUREPYTHON=1 and {NAME}REQUIRE_EXTENSION=1 contradict each other: set only one")
if platform.python_implementation() != "CPython":
    if REQUIRED:
        sys.exit(f"txredis-fast: {NAME}REQUIRE_EXTENSION=1, but the C extension is built for CPython only")
elif not PURE_PYTHON:
    from Cython.Build import cythonize

    # (These come after CFLAGS, which take the place of the interpreter's own flags, -DNDEBUG among them.)
    flags = ["-g0", *(["-O1", "-UNDEBUG"] if ASSERTIONS else ["-O3", "-DNDEBUG"])]
    if sys.platform == "win32":
        flags = []
    sources = [
        Extension(".".join(path.with_suffix("").parts), [path.as_posix()], extra_compile_args=flags)
        for path in sorted(Path("txredis_fast").rglob("*.pyx"))
    ]
    extensions = cythonize(sources, build_dir="build", language_level=3)
    for extension in extensions:
        extension.optional = not REQUIRED  # set here, because cythonize() drops it from what it is given

setup(ext_modules=extensions, cmdclass={"build_ext": BuildExtension})
