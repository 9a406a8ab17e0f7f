"""The speed has not become worse by a quarter: what commands cost, in terms of the Twisted floor in the same process.

``python -m bench.regression`` has the two take short turns, so that a slow machine, or a busy one, changes the ratios
little. They are compared with ``bench/expected.json``: a change that makes the package faster should lower the figures
there, to what that command prints.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: How much worse a figure may be.
ROOM = 1.25

_COMPILED = importlib.util.find_spec("txredis_fast.resp._cresp") is not None


def measure(implementation: str) -> dict[str, float]:
    ran = subprocess.run(
        [sys.executable, "-m", "bench.regression"],
        cwd=ROOT,
        env={**os.environ, "TXREDIS_FAST_PUREPYTHON": "1" if implementation == "python" else ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    figures: dict[str, float] = json.loads(ran.stdout)
    return figures


def too_slow(measured: dict[str, float], expected: dict[str, float]) -> dict[str, str]:
    """What costs more than it may."""
    return {
        name: f"{measured[name]:.2f} times the floor's GET, and should be {cost:.2f}"
        for name, cost in expected.items()
        if measured[name] > ROOM * cost
    }


@pytest.mark.speed
@pytest.mark.skipif(platform.python_implementation() != "CPython", reason="the figures are of CPython")
@pytest.mark.parametrize(
    "implementation",
    [pytest.param("cython", marks=pytest.mark.skipif(not _COMPILED, reason="the extension is not built")), "python"],
)
def test_no_command_costs_a_quarter_more_than_it_did(implementation: str) -> None:
    expected = json.loads((ROOT / "bench" / "expected.json").read_text(encoding="utf-8"))[implementation]
    best = measure(implementation)
    assert set(expected) == set(best)
    for _ in range(7):  # a busy machine is not slow every time; a regression is
        if not too_slow(best, expected):
            break
        again = measure(implementation)
        best = {name: min(cost, again[name]) for name, cost in best.items()}
    assert too_slow(best, expected) == {}


def test_a_regression_of_a_quarter_is_noticed() -> None:
    assert too_slow({"get": 1.24}, {"get": 1.0}) == {}
    assert list(too_slow({"get": 1.26}, {"get": 1.0})) == ["get"]
