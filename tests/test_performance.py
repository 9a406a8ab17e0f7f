"""The speed has not become worse by a quarter: what commands cost, in terms of the Twisted floor in the same session.

The floor (``bench/floor.py``) runs next to the package, in many short turns, in processes of their own, and the ratio
of the best turns is compared with ``bench/expected.json``. So a slow machine, or a busy one, changes little. A change that makes the package faster should lower the figures there, which
``python tests/test_performance.py`` prints.
"""

from __future__ import annotations

import importlib.util
import json
import platform
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from bench.drivers import find_driver  # noqa: E402
from bench.figures import CPU, Figures  # noqa: E402
from bench.progress import Progress  # noqa: E402
from bench.server import EmbeddedServer, find_program  # noqa: E402
from bench.session import Plan, Session  # noqa: E402
from bench.workloads import by_name, make_workloads  # noqa: E402

EXPECTED = ROOT / "bench" / "expected.json"
WORKLOADS = ("get", "set", "gather", "pipeline", "batch-1000", "lrange")
FLOOR = "floor"

#: How much worse a figure may be.
ROOM = 1.25
ROUNDS, SECONDS = 12, 0.02

pytestmark = [
    pytest.mark.skipif(platform.python_implementation() != "CPython", reason="figures are of CPython"),
    pytest.mark.skipif(find_program("valkey-server", "redis-server") is None, reason="there is no server here"),
]


def drivers() -> list[str]:
    """What can be measured here: the compiled implementation only where it was built."""
    compiled = importlib.util.find_spec("txredis_fast.resp._cresp") is not None
    return [*(["txredis_fast"] if compiled else []), "txredis_fast-pure"]


def measure() -> Figures:
    """One session of all drivers and the floor."""
    workloads = [by_name(make_workloads())[name] for name in WORKLOADS]
    plan = Plan(workloads, [find_driver(name) for name in (*drivers(), FLOOR)], rounds=ROUNDS, seconds=SECONDS)
    with EmbeddedServer() as address:
        session = Session(plan, address, Progress())
        figures = session.run()
    assert session.problems == []
    return figures


def costs(figures: Figures) -> dict[str, float]:
    """What a command (a call) costs, in terms of an awaited GET of the floor.

    Each side at its best: other load only ever adds to the time that something takes, and not to every round. (A
    batch of the floor costs next to nothing, so its GET is the measure of everything.)
    """
    floor = cheapest(figures, "get", FLOOR)
    return {f"{name} {driver}": cheapest(figures, name, driver) / floor for driver in drivers() for name in WORKLOADS}


def cheapest(figures: Figures, workload: str, driver: str) -> float:
    return min(sample[CPU] for sample in figures.samples(workload, driver).values())


def expected_costs() -> dict[str, float]:
    everything: dict[str, float] = json.loads(EXPECTED.read_text(encoding="utf-8"))
    return {name: cost for name, cost in everything.items() if name.split()[1] in drivers()}


def too_slow(measured: dict[str, float], expected: dict[str, float]) -> dict[str, str]:
    """What costs more than it may."""
    return {
        name: f"{measured[name]:.2f} times the floor's GET, and should be {cost:.2f}"
        for name, cost in expected.items()
        if measured[name] > ROOM * cost
    }


def test_no_command_costs_a_quarter_more_than_it_did() -> None:
    expected = expected_costs()
    best = costs(measure())
    assert set(expected) == set(best)
    if too_slow(best, expected):  # a busy machine is not slow twice; a regression is
        again = costs(measure())
        best = {name: min(cost, again[name]) for name, cost in best.items()}
    assert too_slow(best, expected) == {}


def test_a_regression_of_a_quarter_is_noticed() -> None:
    assert too_slow({"get": 1.24}, {"get": 1.0}) == {}
    assert list(too_slow({"get": 1.26}, {"get": 1.0})) == ["get"]


if __name__ == "__main__":
    print(json.dumps({name: round(cost, 3) for name, cost in costs(measure()).items()}, indent=2))
