"""The calls of this package's own code that one command and one reply lead to: ``python -m tests.testbed.paths``.

Recorded in pure Python, where each call is seen; compiled, most of them are C. In memory, on a connection that has had
an exchange before.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

PACKAGE = Path(__file__).parents[2] / "txredis_fast"


def recorded(call: Callable[[], object], package: str) -> list[tuple[int, str, str]]:
    """Call something; return depth, file and name of each of the package's functions that ran."""
    found: list[tuple[int, str, str]] = []
    depth = 0

    def note(frame: FrameType, event: str, _: Any) -> None:
        nonlocal depth
        if not frame.f_code.co_filename.startswith(package):
            return
        if event == "call":
            found.append((depth, os.path.relpath(frame.f_code.co_filename, package), frame.f_code.co_name))
            depth += 1
        elif event == "return":
            depth -= 1

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return found


def told(path: list[tuple[int, str, str]]) -> str:
    """A path as text: one line for each call, indented, and their number and that of the files before them."""
    files = {file for _, file, _ in path}
    return "\n".join([f"{len(path)} calls, {len(files)} files", *(f"{'  ' * d}{f}  {name}" for d, f, name in path)])


def record() -> dict[str, list[tuple[int, str, str]]]:
    """Record both paths, in this process."""
    from twisted.internet.testing import StringTransport

    import txredis_fast

    package = str(Path(txredis_fast.__file__).parent)
    factory = txredis_fast.RedisFactory(None, None, 1)
    protocol = factory.buildProtocol(None)
    protocol.makeConnection(StringTransport())
    answers: list[Any] = []

    def ask() -> None:
        answers.append(factory.handler.get("key"))

    def answer() -> None:
        protocol.dataReceived(b"$5\r\nvalue\r\n")

    ask()
    answer()
    paths = {"command": recorded(ask, package), "reply": recorded(answer, package)}
    assert [each.result for each in answers] == ["value", "value"]
    return paths


def record_pure(which: str) -> str:
    """Record a path in pure Python, in a process of its own; returns its text."""
    run = subprocess.run(
        [sys.executable, str(Path(__file__)), which],
        env={**os.environ, "TXREDIS_FAST_PUREPYTHON": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return run.stdout.rstrip()


if __name__ == "__main__":
    for name, path in record().items():
        if name in sys.argv[1:] or len(sys.argv) == 1:
            print(told(path))
