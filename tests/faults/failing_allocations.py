"""Run as a program: tells of a queue and a reader, compiled or not, in which each time another allocation fails.

Prints what is wrong, and how many allocations there were.
"""

from __future__ import annotations

import _testcapi
import importlib
import sys

from twisted.internet.defer import Deferred

from txredis_fast.exceptions import MaybeExecutedError

REPLIES = b"$2\r\nv0\r\n$2\r\nv1\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n$2\r\nv3\r\n$2\r\nv4\r\n:5\r\n"
EXPECTED = [["v0"], ["v1"], [["a", "b"]], [["v3", "v4"]], [10]]


def told(requests, resp, at: int) -> tuple[list[str], bool]:
    """Tell the story, with the allocation of that number failing; what is wrong, and whether it came to that."""
    written: list[bytes] = []
    torn: list[BaseException] = []
    queue = requests.RequestQueue(written.append, torn.append, torn.append)
    reader = resp.Reader("utf-8", True)
    data = [resp.encode_command(("GET", f"k{number}")) for number in range(6)]
    fired: list[list[object]] = [[] for _ in EXPECTED]
    callbacks = [outcome.append for outcome in fired]
    unfired: list[list[object]] = []
    converters = [(("GET", "k3"), None, False), (("GET", "k4"), None, False)]
    double = lambda reply: reply * 2  # noqa: E731
    sent: list[Deferred | None] = [None] * 5

    def send() -> None:
        for number in range(3):
            sent[number] = queue.send(data[number], None, False, None, None)
        sent[3] = queue.send_batch(data[3] + data[4], converters, None)
        sent[4] = queue.send(data[5], double, False, None, None)

    reached = False
    _testcapi.set_nomemory(at, at + 1)
    try:
        send()
    except (MemoryError, MaybeExecutedError, SystemError):
        reached = True
    finally:
        _testcapi.remove_mem_hooks()
    for number, deferred in enumerate(sent):
        if deferred is not None:
            deferred.addBoth(callbacks[number])
            unfired.append(fired[number])
    if not queue.torn:
        reader.feed(REPLIES if not reached else b"")
        if not reached:
            _testcapi.set_nomemory(at, at + 1)
            try:
                queue.deliver(reader, None, torn.append, torn.append)
            except (MemoryError, SystemError):
                reached = True
                queue.torn = True  # as the connection does
            finally:
                _testcapi.remove_mem_hooks()
    queue.fail_all(lambda: MaybeExecutedError("lost"))
    wrong = []
    for expected, outcome in zip(EXPECTED, fired, strict=True):
        value = outcome[0] if outcome else None
        if outcome and outcome != expected and not hasattr(value, "value"):
            wrong.append(f"{at}: {outcome} instead of {expected}")
    wrong += [f"{at}: {EXPECTED[fired.index(outcome)]} has not fired" for outcome in unfired if not outcome]
    return wrong, reached


def main(name: str) -> None:
    resp = importlib.import_module(f"txredis_fast.resp._{name}resp")
    if name == "c":
        resp.encode_command = importlib.import_module("txredis_fast.resp._cencode").encode_command
    requests = importlib.import_module(f"txredis_fast.inflight._{name}request")
    told(requests, resp, 10**6)  # what is allocated once
    wrong, quiet, at = [], 0, 0
    while quiet < 50:
        found, reached = told(requests, resp, at)
        wrong += found
        quiet = 0 if reached else quiet + 1
        at += 1
    print(*wrong[:20], sep="\n")
    print(f"{at - quiet} allocations, {len(wrong)} wrong")


if __name__ == "__main__":
    main(sys.argv[1])
