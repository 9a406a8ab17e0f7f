"""The parent's side of the worker process that measures the other implementation (``speed.worker``)."""

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
from twisted.python.failure import Failure

import txredis_fast

from ..._reactor import current_reactor

__all__ = ["IMPLEMENTATION_NAMES", "Other"]

#: ``IMPLEMENTATION`` -> its name for the user.
IMPLEMENTATION_NAMES = {"cython": "compiled", "python": "pure Python"}

_SWITCH = "TXREDIS_FAST_PUREPYTHON"


class Other(ProcessProtocol):
    """The worker process with the other implementation.

    :ivar name: name of the other implementation, for the user.
    """

    def __init__(self, patience: float) -> None:
        """Start nothing yet.

        :param patience: seconds to wait for an answer, in addition to the time measured.
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
        """Start the process and let it connect.

        :param url: URL of the server.
        :param options: options of the connections.
        :param key: key to read while measuring; see ``measure.Target``.
        :returns: None, or the reason why the other implementation cannot be measured.
        """
        # The worker must import the same copy of the package.
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
        """Measure for *duration* seconds.

        :param way: a key of ``measure.WAYS``.
        :returns: commands per second; None if the measurement failed.
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
            await self.stop()  # a late answer would be taken for the answer to the next order
            return {"error": "it did not answer"}

    def _answered(self, answer: dict[str, Any]) -> None:
        deferred, self._answer = self._answer, None
        if deferred is not None and not deferred.called:
            deferred.callback(answer)

    def outReceived(self, data: bytes) -> None:
        """Collect its answers, one JSON object a line."""
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            self._answered(json.loads(line))

    def processEnded(self, reason: Failure) -> None:
        """Note the end of the process; Twisted calls this."""
        self._ended = True
        self._answered({"error": "it ended"})
        self._waiting_for_end.callback(None)

    async def stop(self) -> None:
        """Kill the process and wait for its end."""
        if self.transport is None or self._ended:
            return
        try:
            self.transport.signalProcess("KILL")
        except ProcessExitedAlready:
            return
        await self._waiting_for_end
