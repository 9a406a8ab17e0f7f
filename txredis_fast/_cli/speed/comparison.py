"""The other implementation of RESP as this process sees it: asks a process of :mod:`txredis_fast._cli.speed.worker`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol

import txredis_fast

from ..._reactor import current_reactor

__all__ = ["IMPLEMENTATION_NAMES", "Other"]

#: What the user is told each implementation is.
IMPLEMENTATION_NAMES = {"cython": "compiled", "python": "pure Python"}

_SWITCH = "TXREDIS_FAST_PUREPYTHON"


class Other(ProcessProtocol):
    """The process of the other implementation.

    :ivar name: of the other implementation.
    """

    def __init__(self, patience: float) -> None:
        """Start nothing yet.

        :param patience: seconds that it may take longer than it was asked to.
        """
        self._patience = patience
        wanted = "cython" if txredis_fast.IMPLEMENTATION == "python" else "python"
        self.name = IMPLEMENTATION_NAMES[wanted]
        self._wanted = wanted
        self._answer: Deferred[dict[str, Any]] | None = None
        self._received = b""
        self._ended = False
        self._waiting_for_end: Deferred[None] = Deferred()

    async def start(self, url: str, options: Mapping[str, Any], key: str | None) -> str | None:
        """Start the process and have it connect.

        :param url: of the server.
        :param options: of the connections.
        :param key: what is read while measuring, see ``measure.Target``.
        :returns: None, or why there is nothing to compare with.
        """
        # The same package as this one, wherever that was found.
        folder = os.path.dirname(os.path.dirname(txredis_fast.__file__))
        paths = [folder, *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            _SWITCH: "1" if self._wanted == "python" else "0",
        }
        command = [sys.executable, "-m", "txredis_fast._cli.speed.worker"]
        current_reactor().spawnProcess(self, sys.executable, command, environment)
        answer = await self._ask(0, {"url": url, "options": dict(options), "key": key})
        if "error" in answer:
            return f"its process failed: {answer['error']}"
        if answer["implementation"] != self._wanted:
            return "building it needs a C compiler"
        return None

    async def rate(self, way: str, duration: float) -> float | None:
        """Measure a slice.

        :returns: commands a second; None if that failed.
        """
        return (await self._ask(duration, {"way": way, "duration": duration})).get("rate")

    async def _ask(self, duration: float, order: dict[str, Any]) -> dict[str, Any]:
        if self._ended:
            return {"error": "it ended"}
        answer = self._answer = Deferred()
        self.transport.write(json.dumps(order).encode() + b"\n")  # type: ignore[union-attr]
        try:
            return await answer.addTimeout(duration + self._patience, current_reactor())
        except DeferredTimeoutError:
            await self.stop()  # what it answers later is an answer to something else
            return {"error": "it did not answer"}

    def _answered(self, answer: dict[str, Any]) -> None:
        deferred, self._answer = self._answer, None
        if deferred is not None and not deferred.called:
            deferred.callback(answer)

    def outReceived(self, data: bytes) -> None:
        """Take what it says."""
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            self._answered(json.loads(line))

    def processEnded(self, reason: Any) -> None:
        """It has ended, by itself or because of :meth:`stop`."""
        self._ended = True
        self._answered({"error": "it ended"})
        self._waiting_for_end.callback(None)

    async def stop(self) -> None:
        """End the process; returns when it has ended."""
        if self.transport is None or self._ended:
            return
        try:
            self.transport.signalProcess("KILL")
        except ProcessExitedAlready:
            return
        await self._waiting_for_end
