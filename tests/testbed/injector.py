"""Raises an exception at one of the calls that the package makes, in Python by the interpreter's profile hook."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import txredis_fast

PACKAGE = str(Path(txredis_fast.__file__).parent)
#: Before Python 3.11, what is raised here when a coroutine is resumed ends it without its ``finally`` and
#: ``async with``, which nothing else does.
_DIES_WHEN_RESUMED = sys.version_info < (3, 11)


class Injector:
    """Raises once, at the n-th call that the package makes.

    :ivar calls: how many it has seen.
    """

    def __init__(self, at: int, kind: type[BaseException]) -> None:
        self.calls = 0
        self.raised_at = ""
        self._at = at
        self._kind = kind
        # CPython 3.11 holds no reference of its own while it calls the hook. A garbage collection may come in between,
        # in which a finalizer's call is the n-th and takes the hook away.
        self._hook = self._look

    def __enter__(self) -> Injector:
        sys.setprofile(self._hook)
        return self

    def __exit__(self, *exception: Any) -> None:
        sys.setprofile(None)

    def _look(self, frame: Any, event: str, argument: Any) -> None:
        if event == "c_call":
            caller = frame
        elif event == "call" and frame.f_back is not None:
            if _DIES_WHEN_RESUMED and frame.f_lasti >= 0:
                return
            caller = frame.f_back
        else:
            return
        if not caller.f_code.co_filename.startswith(PACKAGE):
            return
        self.calls += 1
        if self.calls == self._at:
            called = getattr(argument, "__qualname__", argument) if event == "c_call" else frame.f_code.co_name
            self.raised_at = f"{caller.f_code.co_filename[len(PACKAGE) :]}:{caller.f_lineno} calling {called}"
            sys.setprofile(None)
            raise self._kind("injected")
