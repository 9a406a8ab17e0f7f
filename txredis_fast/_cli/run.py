"""``python -m txredis_fast run``: runs a program written for txredisapi, unchanged.

The program's environment (``sys.argv``, ``sys.path[0]``, ``__main__``, exit status, tracebacks) is the same as if
Python ran it directly. This module must not import a reactor, because the program chooses one.
"""

from __future__ import annotations

import os
import runpy
import shutil
import sys
from collections.abc import Callable
from importlib import metadata
from types import TracebackType
from typing import Any

import txredis_fast

from . import PROGRAM, CommandLineError

__all__ = ["USAGE", "run"]

USAGE = f"""\
usage: {PROGRAM} run [-m MODULE | SCRIPT] [ARGS ...]

Runs a program written for txredisapi, unchanged, on txredis_fast: every
`import txredisapi` in it imports this package.

  -m MODULE   a module or package, found as `python -m` finds it
  SCRIPT      a Python file, a folder or zip file with a __main__.py, or the name of
              a command installed by a package, such as twistd
  ARGS        the program's own arguments

  {PROGRAM} run server.py --port 8080
  {PROGRAM} run -m mypackage.server
  {PROGRAM} run twistd -n web --port tcp:8080
"""

#: Files whose frames precede the program's own frames in a traceback.
_RUNNERS = {
    runpy.__file__,
    "<frozen runpy>",
    __file__,
    os.path.join(os.path.dirname(__file__), "..", "__main__.py"),
}
_RUNNERS = {os.path.normpath(path) for path in _RUNNERS}


def run(arguments: list[str]) -> int:
    """Run the program that the arguments name.

    :returns: the exit status if the program ends without ``SystemExit``; its ``SystemExit`` is passed on.
    :raises CommandLineError: the program does not exist.
    """
    if arguments[:1] in (["-h"], ["--help"]):
        sys.stdout.write(USAGE)
        return 0
    is_module = arguments[:1] == ["-m"]
    rest = arguments[1:] if is_module else arguments
    if not rest:
        sys.stderr.write(USAGE)
        return 2
    name = rest[0]
    if name.startswith("-"):
        raise CommandLineError(f"unknown option of run: {name} (the program's own options come after its name)", 2)
    start = _module(name) if is_module else _script(name)
    try:
        txredis_fast.install()
    except RuntimeError as error:
        raise CommandLineError(str(error)) from None
    sys.argv[:] = rest
    return _start(start)


def _module(name: str) -> Callable[[], Any]:
    return lambda: runpy.run_module(name, run_name="__main__", alter_sys=True)


def _script(name: str) -> Callable[[], Any]:
    if os.path.isfile(name):
        _set_first_path(os.path.dirname(os.path.realpath(name)))
        return lambda: runpy.run_path(name, run_name="__main__")
    if os.path.isfile(os.path.join(name, "__main__.py")):
        _set_first_path(None)  # run_path inserts the folder itself
        return lambda: runpy.run_path(name, run_name="__main__")
    if os.path.dirname(name):
        raise CommandLineError(f"can't open file {name!r}", 2)
    return _command(name)


def _command(name: str) -> Callable[[], Any]:
    """Find a command such as ``twistd``: an entry point of an installed package, else a Python script on PATH."""
    found = shutil.which(name)
    for entry_point in metadata.entry_points(group="console_scripts", name=name):
        if found:
            _set_first_path(os.path.dirname(os.path.realpath(found)))
        return lambda: sys.exit(entry_point.load()())
    if found is None:
        raise CommandLineError(f"no file, installed command or script on PATH is named {name!r}", 2)
    with open(found, "rb") as file:
        first_line = file.readline(200)
    if not (first_line.startswith(b"#!") and b"python" in first_line):
        raise CommandLineError(f"{found} is not a Python program", 2)
    _set_first_path(os.path.dirname(os.path.realpath(found)))
    return lambda: runpy.run_path(found, run_name="__main__")


def _set_first_path(folder: str | None) -> None:
    """Replace ``sys.path[0]``, which Python has set to this module's folder, by the script's; None: remove it."""
    if getattr(sys.flags, "safe_path", False) or sys.flags.isolated:
        return
    sys.path[:1] = [] if folder is None else [folder]


def _start(start: Callable[[], Any]) -> int:
    try:
        start()
    except SystemExit:
        raise
    except BaseException as error:
        own = _own_frames(error.__traceback__)
        if own is None and isinstance(error, ImportError):
            raise CommandLineError(str(error)) from None  # raised by runpy: no such module
        # Passed on to the interpreter, which knows the exit status of an exception and of Ctrl-C.
        _hide_frames(error)
        raise
    return 0


def _own_frames(traceback: TracebackType | None) -> TracebackType | None:
    """Return the part of a traceback that begins with the program's first frame; None if there is none."""
    while traceback is not None and os.path.normpath(traceback.tb_frame.f_code.co_filename) in _RUNNERS:
        traceback = traceback.tb_next
    return traceback


def _hide_frames(error: BaseException) -> None:
    show = sys.excepthook

    def show_own(kind: type[BaseException], value: BaseException, traceback: TracebackType | None) -> None:
        if value is error:
            traceback = _own_frames(traceback)
            value = value.with_traceback(traceback)
        show(kind, value, traceback)

    sys.excepthook = show_own
