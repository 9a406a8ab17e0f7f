"""``python -m txredis_fast run``: a program written for txredisapi, unchanged.

What the program sees (``sys.argv``, ``sys.path[0]``, ``__main__``, its exit status, its tracebacks) is what it would
see if Python itself ran it. Must not import a reactor: the program may want another one.
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

Runs a program written for txredisapi, unchanged, on txredis_fast: whatever in it says
`import txredisapi` gets this package.

  -m MODULE   a module or package, found as `python -m` finds it
  SCRIPT      a Python file, a folder or zip file with a __main__.py, or the name of
              a command that a package brought, such as twistd
  ARGS        the program's own arguments

  {PROGRAM} run server.py --port 8080
  {PROGRAM} run -m mypackage.server
  {PROGRAM} run twistd -n web --port tcp:8080
"""

#: Frames of these files are above the program's own in a traceback.
_RUNNERS = {
    runpy.__file__,
    "<frozen runpy>",
    __file__,
    os.path.join(os.path.dirname(__file__), "..", "__main__.py"),
}
_RUNNERS = {os.path.normpath(path) for path in _RUNNERS}


def run(arguments: list[str]) -> int:
    """Run the program that the arguments name.

    :returns: the exit status, where the program leaves it open; else the program's ``SystemExit`` goes through.
    :raises CommandLineError: there is no such program.
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
        _set_first_path(None)  # run_path puts the folder itself there
        return lambda: runpy.run_path(name, run_name="__main__")
    if os.path.dirname(name):
        raise CommandLineError(f"can't open file {name!r}", 2)
    return _command(name)


def _command(name: str) -> Callable[[], Any]:
    """A command such as ``twistd``: an installed package's entry point, else a Python script on PATH."""
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
    """Put a script's folder where Python has put that of this module; None: nothing."""
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
            raise CommandLineError(str(error)) from None  # from runpy itself: there is no such module
        # The interpreter is left to end by itself: it knows what an exception, or a Ctrl-C, has for exit status.
        _hide_frames(error)
        raise
    return 0


def _own_frames(traceback: TracebackType | None) -> TracebackType | None:
    """The traceback from the program's first frame on."""
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
