"""The speed has not become worse: the instructions of each kind of work by 3 %, the time of commands by a quarter.

Instructions are counted by valgrind, ``python -m bench --instructions``, and compared with the budgets of
``bench/expected.json``. They do not depend on other load, but on Python, Twisted and compilers: where there is no
budget for what runs here, ``python -m bench --instructions --write-expected`` adds one. A change that is meant to cost
more, or costs less, renews them with the same command.

The time of commands is in terms of the Twisted floor in the same process. ``python -m bench.regression`` has the two
take short turns, so that a slow machine, or a busy one, changes the ratios little. A change that makes the package
faster should lower the figures in ``bench/expected.json`` to what that command prints.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from testbed.terminal import UsageError

from bench import budget, instructions
from bench.drivers import find_driver
from bench.server import embedded_server, embedded_tls_server
from bench.workloads import by_name, make_workloads

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
    expected = json.loads((ROOT / "bench" / "expected.json").read_text(encoding="utf-8"))["floor"][implementation]
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


@pytest.fixture(scope="module")
def roads() -> Iterator[Roads]:
    """Counts instructions."""
    with Roads() as roads:
        yield roads


class Roads(contextlib.ExitStack):
    """The instructions per command of all kinds of work that have a budget here, counted together when first asked."""

    def __init__(self) -> None:
        super().__init__()
        self.limits, self.reason = budget.read(
            budget.environment(), json.loads(budget.EXPECTED.read_text(encoding="utf-8"))
        )
        self._counted: dict[str, float] | None = None
        self._no_tls = ""

    def require(self, name: str) -> None:
        """Skip the test if the instructions cannot be counted or compared here."""
        if os.environ.get("TXREDIS_FAST_BUDGETS") != "1":
            pytest.skip("TXREDIS_FAST_BUDGETS=1 counts instructions, for the machine that the budgets were made on")
        if shutil.which("valgrind") is None:
            pytest.skip("valgrind is not installed here")
        if find_driver(budget.DRIVER).missing():
            pytest.skip("the extension is not built")
        if name not in self.limits:
            pytest.skip(self.reason)
        if self._counted is None:
            self._address = self.enter_context(embedded_server())
            self._tls = None
            try:
                self._tls = self.enter_context(embedded_tls_server())
            except UsageError as error:
                self._no_tls = str(error)
            self._counted = self.count([name for name in instructions.ROADS if name in self.limits], 0)
            again = [name for name in self._counted if self.exceeded(name)]
            more = [self.count(again, layout) for layout in range(1, instructions.LAYOUTS)] if again else []
            for name_ in again:  # one layout of memory can cost 5 %; a regression costs that in all of them
                self._counted[name_] = statistics.median([self._counted[name_], *(counts[name_] for counts in more)])
        if name not in self._counted:
            pytest.skip(self._no_tls)

    def count(self, names: list[str], layout: int) -> dict[str, float]:
        """Count the instructions of some kinds of work, in one process."""
        workloads = [workload for name, workload in by_name(make_workloads()).items() if name in names]
        workloads = [workload for workload in workloads if self._tls is not None or not workload.spec.tls]
        workloads.sort(key=lambda workload: instructions.ROADS.index(workload.name))
        drivers = [find_driver(budget.DRIVER)]
        counted = instructions.count(self._address, self._tls, "default", workloads, drivers, layout)
        return {workload: figure for workload, _, figure in counted}

    def exceeded(self, name: str) -> str | None:
        """A sentence if the work exceeds its budget."""
        assert self._counted is not None
        return budget.exceeded(name, self._counted[name], self.limits[name])


@pytest.mark.speed
@pytest.mark.parametrize("name", instructions.ROADS)
def test_no_work_takes_three_percent_more_instructions_than_its_budget(roads: Roads, name: str) -> None:
    roads.require(name)
    assert roads.exceeded(name) is None
