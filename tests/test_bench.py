"""The benchmark's own sums, tables and options. What needs a server is in ``tests/live/test_bench_live.py``."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from testbed.terminal import UsageError, bar
from testbed.wire import command

from bench import budget, c_client, caching, command_line, instructions, report
from bench.drivers import VARIANTS, choose, driver_names, find_driver
from bench.figures import CPU, WALL, Figures, calibrate, figure
from bench.process import WorkerProcess, cpu_seconds
from bench.server import Address
from bench.session import Plan, spec_for
from bench.targets import TARGETS, Target
from bench.worker import Worker
from bench.workloads import Spec, by_name, make_workloads


def figures_of(**costs: list[float]) -> Figures:
    """Costs of drivers in one workload, one a round."""
    figures = Figures()
    for driver, values in costs.items():
        for turn, value in enumerate(values):
            figures.add("get", driver, turn, {CPU: value, WALL: 2 * value})
    return figures


# -- statistics


def test_a_ratio_is_the_median_of_the_ratios_within_rounds() -> None:
    # The medians of the costs are 3 and 2; of their ratios, 2.
    figures = figures_of(a=[2.0, 3.0, 40.0], b=[1.0, 2.0, 20.0])
    ratio = figures.ratio(("get", "a"), ("get", "b"), CPU)
    assert ratio is not None
    assert (ratio.median, ratio.low, ratio.high, ratio.rounds) == (2.0, 1.5, 2.0, 3)


def test_a_ratio_uses_only_rounds_that_both_sides_have() -> None:
    figures = figures_of(a=[2.0, 100.0], b=[1.0])
    ratio = figures.ratio(("get", "a"), ("get", "b"), CPU)
    assert ratio is not None
    assert (ratio.median, ratio.rounds) == (2.0, 1)


def test_a_missed_promise_of_the_cache_is_told_and_remembered(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = caching.Outcome()
    outcome.judge("hit / succeed", caching.ratio([2.0, 3.0, 40.0], [1.0, 2.0, 20.0]), "at most", 2.0)
    assert outcome.fine
    outcome.judge("hit / succeed", 1.99, "at least", 2.0)
    outcome.judge("hit / succeed", 2.0, "at least", 2.0)
    assert not outcome.fine
    assert [line.rpartition(" ")[2] for line in capsys.readouterr().out.splitlines()] == ["yes", "MISSED", "yes"]


def test_there_is_no_ratio_to_what_was_not_measured() -> None:
    assert figures_of(a=[1.0]).ratio(("get", "a"), ("get", "b"), CPU) is None
    assert figures_of(a=[1.0]).get("get", "a", "peak") is None


def test_the_spread_is_of_quartiles_or_of_extremes_where_there_are_few() -> None:
    few, many = figure([3.0, 1.0, 2.0]), figure([5.0, 1.0, 2.0, 3.0, 4.0])
    assert few is not None
    assert many is not None
    assert (few.low, few.median, few.high) == (1.0, 2.0, 3.0)
    assert (many.low, many.median, many.high) == (2.0, 3.0, 4.0)
    assert figure([]) is None


@pytest.mark.parametrize(
    ("seconds", "count", "wanted", "step", "expected"),
    [
        (0.1, 1000, 0.3, 50, 3000),
        (0.1, 1000, 0.3, 7, 3003),
        (10.0, 1, 0.3, 1, 1),
        (10.0, 100, 0.3, 100, 100),
    ],
)
def test_a_round_is_calibrated_to_whole_steps_and_at_least_one(
    seconds: float, count: int, wanted: float, step: int, expected: int
) -> None:
    assert calibrate(seconds, count, wanted, step) == expected


# -- workers


def test_the_cpu_time_of_a_process_is_told_while_it_runs() -> None:
    if not Path("/proc/self/stat").exists():
        pytest.skip("no /proc here")
    before = time.process_time()
    assert before - 0.1 <= cpu_seconds(os.getpid()) <= time.process_time() + 0.1
    assert cpu_seconds(2**31) == 0.0


class _Silent:
    """A process that says nothing, then answers."""

    def __init__(self, computes: bool, answers_after: int) -> None:
        self.seconds, self.waits = 0.0, 0
        self._computes, self._answers_after = computes, answers_after

    def cpu_seconds(self, _number: int) -> float:
        self.seconds += 10.0 if self._computes else 0.0
        return self.seconds

    def select(self, streams: list[Any], *_: Any) -> tuple[list[Any], list[Any], list[Any]]:
        self.waits += 1
        return (streams if self.waits > self._answers_after else []), [], []


@pytest.mark.parametrize(
    ("computes", "answers_after", "answers"), [(True, 5, True), (False, 5, False), (False, 0, True)]
)
def test_a_worker_that_computes_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, computes: bool, answers_after: int, answers: bool
) -> None:
    silent = _Silent(computes, answers_after)
    worker = WorkerProcess.__new__(WorkerProcess)
    worker._said = b""
    reading, writing = os.pipe()
    os.write(writing, b'{"event": "done"}\n')
    worker._process = SimpleNamespace(pid=1, stdout=os.fdopen(reading, "rb"))  # type: ignore[assignment]
    monkeypatch.setattr("bench.process.cpu_seconds", silent.cpu_seconds)
    monkeypatch.setattr("bench.process.select.select", silent.select)
    try:
        if answers:
            assert worker._hear() == {"event": "done"}
        else:
            with pytest.raises(UsageError, match="no answer within 0 s"):
                worker._hear()
    finally:
        assert worker._process.stdout is not None
        worker._process.stdout.close()
        os.close(writing)


# -- targets


def test_a_limit_from_above_is_met_up_to_it() -> None:
    target = Target("row", "text", ("get", "a"), ("get", "b"), CPU, at_most=1.5)
    assert target.met(figures_of(a=[3.0], b=[2.0])) is True
    assert target.met(figures_of(a=[3.1], b=[2.0])) is False


def test_a_limit_from_below_is_of_the_base_to_the_subject() -> None:
    target = Target("row", "text", ("get", "a"), ("get", "b"), CPU, at_least=6)
    assert target.met(figures_of(a=[1.0], b=[6.0])) is True
    assert target.met(figures_of(a=[1.0], b=[5.9])) is False


def test_a_limit_without_a_base_is_of_the_figure_itself() -> None:
    target = Target("row", "text", ("get", "a"), None, CPU, at_most=2.0)
    assert target.met(figures_of(a=[2.0])) is True
    assert target.met(figures_of(a=[2.1])) is False


def test_what_a_session_does_not_tell_is_neither_met_nor_missed() -> None:
    target = Target("row", "text", ("get", "a"), ("get", "b"), CPU, at_most=1.5)
    assert target.met(figures_of(a=[3.0])) is None
    assert report.target_lines(figures_of(a=[3.0]), [target]) == []


def test_targets_name_drivers_and_workloads_that_exist_and_can() -> None:
    workloads = by_name(make_workloads())
    for target in TARGETS:
        for workload, driver in filter(None, [target.subject, target.base]):
            assert workloads[workload].needs <= find_driver(driver).abilities, target
        assert (target.at_most is None) != (target.at_least is None)


# -- tables


def test_columns_are_aligned() -> None:
    lines = report.table([("name", False), ("n", True)], [["a", "1,000"], ["long name", "2"]])
    assert lines == [
        "name           n",
        "---------  -----",
        "a          1,000",
        "long name      2",
    ]


def test_the_cheapest_driver_comes_first_with_its_ratio() -> None:
    figures = figures_of(slow=[4e-6, 4e-6], fast=[2e-6, 2e-6])
    lines = report.workload_lines(figures, by_name(make_workloads())["get"], "slow")
    assert lines[3].split() == ["fast", "2.00", "2.00-2.00", "4.00", "250,000"] + ["0.50x", "(0.50-0.50)"] * 2
    assert lines[4].split()[:2] == ["slow", "4.00"]


def test_one_round_has_no_spread() -> None:
    assert report.times(figure([1.234])) == "1.23x"
    assert report.times(figure([12.0, 13.0])) == "12.5x (12.0-13.0)"
    assert report.times(None) == "-"


@pytest.mark.parametrize(
    ("seconds", "text"), [(1.234e-6, "1.23"), (12.34e-6, "12.3"), (123.4e-6, "123"), (1.2, "1,200,000")]
)
def test_microseconds_have_three_digits(seconds: float, text: str) -> None:
    assert report.micro(seconds) == text


def test_the_table_of_targets_says_what_is_met() -> None:
    target = Target("row", "CPU <= 1.5x", ("get", "a"), ("get", "b"), CPU, at_most=1.5)
    assert report.target_lines(figures_of(a=[1.0, 1.0], b=[1.0, 1.0]), [target])[-1].split() == (
        ["row", "CPU", "<=", "1.5x", "1.00x", "(1.00-1.00)*", "1.00x", "(1.00-1.00)", "met"]
    )
    assert report.target_lines(figures_of(a=[2.0, 2.0], b=[1.0, 1.0]), [target])[-1].endswith("  NOT MET")


def test_a_single_round_decides_no_target():
    target = Target("row", "CPU <= 1.5x", ("get", "a"), ("get", "b"), CPU, at_most=1.5)
    for cost in (1.0, 2.0):
        line = report.target_lines(figures_of(a=[cost], b=[1.0]), [target])[-1]
        assert line.split()[-1] == "indicative"
        assert "met" not in line.lower()


#: Figures that are as wide as they come: of every driver, on several rounds, with digits and spreads.
WIDE = [0.0123456, 0.0234567, 0.0345678, 0.1456789]


def wide_figures(rounds: int = 4) -> Figures:
    figures = Figures()
    drivers = [*driver_names(), *VARIANTS]
    for workload in make_workloads():
        for number, driver in enumerate(drivers):
            for turn, cost in enumerate(WIDE[:rounds]):
                spread = 1 + number * (turn + 1)
                sample = {"cpu": cost * spread, "wall": cost * 2 * spread, "peak": 123.4, "memory": 1234.5}
                figures.add(workload.name, driver, turn, sample)
    return figures


def test_every_table_fits_100_columns():
    lines = []
    for figures in (wide_figures(), wide_figures(rounds=1)):
        targets = report.target_lines(figures, TARGETS)
        assert len(targets) > 30
        lines += targets
        for workload in make_workloads():
            table = report.workload_lines(figures, workload, "txredis_fast")
            assert len(table) > 10
            lines += table
    about = {"libraries": ", ".join(f"library-{number} 1.2.3" for number in range(30)), "command": "python -m bench"}
    lines += report.environment_lines(about)
    assert [line for line in lines if len(line) > 100] == []


def test_a_table_has_its_spreads_where_there_is_room():
    figures = figures_of(slow=[4e-6, 4e-6], fast=[2e-6, 2e-6])
    narrow = report.workload_lines(figures, by_name(make_workloads())["get"], "slow")
    assert ("quartiles" in narrow[1], "(0.50-0.50)" in narrow[3]) == (True, True)
    wide = report.workload_lines(wide_figures(), by_name(make_workloads())["get"], "txredis_fast")
    assert "quartiles" not in wide[1]


def test_the_progress_bar_fits_its_line() -> None:
    assert bar(0.5, 10.0, "get: floor", 79) == "[############............]  50%   10 s left  get: floor"
    assert len(bar(0.5, 10.0, "x" * 200, 79)) == 79


# -- options


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--rounds", "0"], "--rounds: '0' is not a positive number"),
        (["--value-size", "65m"], "--value-size: '65m' is not a size"),
        (["--reactor", "kqueue"], "--reactor: invalid choice"),
        (["--base", "jedis"], "no such driver: 'jedis'"),
        (["--drivers", "jedis"], "no such driver: 'jedis'"),
        (["--drivers", "floor@iocp"], "no such reactor: 'floor@iocp'"),
        (["--workloads", "get,put"], "no such workload: 'put'"),
        (["--cpu", "100000"], "--cpu: "),
        (["--json", "/no/such/folder/x.json"], "--json: there is no folder /no/such/folder"),
        (["--json", "/"], "--json: / is a folder, and not a file"),
        (["--json", f"{__file__}/x.json"], "--json: there is no folder "),
        (["--json", "/proc/x.json"], "--json: cannot write into /proc: "),
        (["--charts", __file__], f"--charts: cannot write into {__file__}: Not a directory"),
        (["--charts", f"{__file__}/a/b"], f"--charts: cannot write into {__file__}: Not a directory"),
        (["--charts", "/proc/a/b"], "--charts: cannot write into /proc: "),
        (["--url", "http://localhost"], "--url must look like redis://"),
        (["--url", "redis://localhost:99999"], "--url must look like redis://"),
        (["--growth", "--instructions"], "not allowed with"),
        (["--write-expected"], "--write-expected needs --instructions"),
        (["--url", "redis://127.0.0.1:1", "--workloads", "tls"], "TLS is measured on an embedded server only"),
        (["--frobnicate"], "--frobnicate"),
    ],
)
def test_wrong_options_give_one_clear_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line.main([*arguments, *(["--drivers", "floor"] if "--drivers" not in arguments else [])]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("bench: ")
    assert words in captured.err
    assert captured.err.count("\n") == 1


def test_looking_where_files_go_changes_nothing_there(tmp_path, monkeypatch):
    monkeypatch.setattr("bench.charts.require", lambda: None)
    old, new, folder = tmp_path / "old.json", tmp_path / "new.json", tmp_path / "charts" / "of-today"
    old.write_text("kept")
    for path in (old, new):
        command_line.parse(["--json", str(path), "--charts", str(folder)])
    assert [path.name for path in tmp_path.iterdir()] == ["old.json"]
    assert old.read_text() == "kept"


def test_list_names_every_workload_and_driver(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["--list"]) == 0
    printed = capsys.readouterr().out
    for name in [*by_name(make_workloads()), *driver_names()]:
        assert f"\n  {name} " in printed


def test_sizes_are_read_with_their_units() -> None:
    options = command_line.parse(["--value-size", "2k", "--workloads", "get, set"])
    assert options.value_size == 2000
    assert [workload.spec.size for workload in command_line.chosen_workloads(options)] == [2000, 2000]


def test_quick_leaves_out_what_takes_long_unless_it_is_named() -> None:
    names = [workload.name for workload in command_line.chosen_workloads(command_line.parse(["--quick"]))]
    assert "get" in names
    assert not {"get-64mb", "soak"} & set(names)
    named = command_line.chosen_workloads(command_line.parse(["--quick", "--workloads", "soak"]))
    assert [workload.name for workload in named] == ["soak"]


def test_a_url_is_read_in_all_its_parts() -> None:
    assert Address.from_url("redis://me:p%40ss@example:6380/2") == Address("example", 6380, "me", "p@ss", 2)
    assert Address.from_url("redis://example") == Address("example")
    assert Address("h", 1, "me", "secret", 2).handshake() == [("AUTH", "me", "secret"), ("SELECT", "2")]


# -- budgets of instructions

HERE = {"python": "CPython 3.11.7", "twisted": "26.10.0", "cryptography": "50.0.2"}
EXPECTED = {"instructions": [{"environment": HERE, "roads": {"get": 1000, "tls": 2000}}]}


def test_a_budget_holds_where_everything_is_as_it_was_measured() -> None:
    assert budget.read(HERE, EXPECTED)[0] == {"get": 1000, "tls": 2000}
    assert budget.read({**HERE, "cryptography": "51"}, EXPECTED)[0] == {"get": 1000}
    roads, reason = budget.read({**HERE, "python": "CPython 3.11.8"}, EXPECTED)
    assert roads == {}
    assert reason == "budgets are for CPython 3.11.7; here is CPython 3.11.8, 26.10.0, 50.0.2"


def test_a_road_may_take_three_percent_more_than_its_budget() -> None:
    assert budget.exceeded("get", 1030, 1000) is None
    assert (
        budget.exceeded("get", 1031, 1000) == "get takes 1,031 instructions per command, +3.1 % of its budget of 1,000"
    )


def test_budgets_of_other_environments_and_roads_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "expected.json"
    path.write_text(json.dumps({"floor": {"cython": {}}, **EXPECTED}))
    there = {**HERE, "python": "CPython 3.13.0"}
    budget.write(HERE, {"get": 900}, path)
    budget.write(there, {"get": 800}, path)
    expected = json.loads(path.read_text())
    assert expected["floor"] == {"cython": {}}
    assert budget.read(HERE, expected)[0] == {"get": 900, "tls": 2000}
    assert budget.read(there, expected)[0] == {"get": 800}


def test_every_road_has_a_budget_in_each_environment_that_was_measured() -> None:
    entries = json.loads(budget.EXPECTED.read_text())["instructions"]
    assert entries
    for entry in entries:
        assert set(entry["environment"]) == set(budget.environment())
        assert set(entry["roads"]) == set(instructions.ROADS)


# -- plans


def test_drivers_run_only_what_they_can_and_programs_no_python() -> None:
    workloads = [w for w in make_workloads() if w.name in ("get", "gather", "pipeline", "import", "lrange")]
    drivers = [find_driver(name) for name in ("floor", "c-client", "reader")]
    cells = [(w.name, d.name) for group in Plan(workloads, drivers).cells() for w, d in group]
    assert cells == [
        ("get", "floor"),
        ("get", "c-client"),
        ("gather", "floor"),
        ("lrange", "floor"),
        ("lrange", "reader"),
    ]


def test_drivers_on_other_reactors_only_run_where_reactors_matter() -> None:
    workloads = [w for w in make_workloads() if w.name in ("get", "lrange")]
    drivers = [find_driver(VARIANTS[0])]
    assert [[w.name for w, _ in g] for g in Plan(workloads, drivers, variants=True).cells()] == [["get"], []]
    assert [[w.name for w, _ in g] for g in Plan(workloads, drivers).cells()] == [["get"], ["lrange"]]


def test_a_driver_that_is_named_must_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.drivers._found", lambda module: module != "coredis")
    with pytest.raises(UsageError, match="coredis is not installed here"):
        choose(["coredis"], quick=False)
    drivers, missing = choose(None, quick=False)
    assert "coredis" not in [driver.name for driver in drivers]
    assert "coredis: coredis is not installed" in missing


def test_no_driver_gets_the_messages_of_another() -> None:
    workload = by_name(make_workloads())["messages"]
    specs = [spec_for(workload, find_driver(name), 1, "prefix") for name in ("txredis_fast", "floor")]
    assert specs[0].channel != specs[1].channel


def test_no_message_is_read_before_the_last_one_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    class Client:
        async def open(self, spec: Spec) -> None:
            """Connect."""

        async def subscribe(self, spec: Spec) -> Any:
            return self.expect

        async def expect(self, count: int) -> None:
            order.append(f"{count} read")

    def published() -> str:
        order.append("published")
        return "{}"

    worker = Worker(lambda *_: Client(), Address(), None, lambda message: order.append(message["event"]))
    monkeypatch.setattr("sys.stdin", SimpleNamespace(readline=published))
    costs = asyncio.run(worker.run(Spec("messages", count=3)))
    assert order == ["subscribed", "published", "3 read"]
    assert costs["cpu"] > 0 < costs["wall"]


def test_the_parent_tells_that_it_has_published_when_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[Any] = []
    worker = WorkerProcess.__new__(WorkerProcess)
    heard = iter([{"event": "subscribed"}, {"event": "done"}])
    monkeypatch.setattr(worker, "_hear", lambda: next(heard))
    monkeypatch.setattr(worker, "_tell", lambda message: order.append(message.get("event") or message["action"]))
    publisher = SimpleNamespace(repeat=lambda count, *_: order.append(count))
    assert worker.run(Spec("messages", count=3), publisher) == {"event": "done"}
    assert order == ["run", 3, "published"]


# -- small parts


@pytest.mark.parametrize(
    "output",
    ['"test","rps","avg"\n"GET","1234.50","0.1"\n', '"GET k","1234.50"\n', '"SET a,b","1234.50"\n'],
)
def test_the_rate_of_the_c_client_is_read_from_its_csv(output: str) -> None:
    assert c_client.requests_per_second(output, "") == 1234.5


def test_what_the_c_client_says_instead_is_passed_on() -> None:
    with pytest.raises(UsageError, match="Could not connect"):
        c_client.requests_per_second("", "Could not connect to Redis\n")


def test_values_are_text_of_the_size_that_was_asked_for() -> None:
    for size in (1, 10, 17, 1000):
        value = Spec("awaited", size=size).value
        assert len(value) == size
        assert not value.isdecimal()


def test_commands_are_packed_as_resp() -> None:
    assert command("SET", "k", 12) == b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n12\r\n"


def test_both_sides_of_each_row_of_the_parsers_benchmark_come_to_the_same():
    pytest.importorskip("hiredis")
    pytest.importorskip("txredisapi")
    pytest.importorskip("txredis_fast.resp._cresp", exc_type=ImportError)
    resp = importlib.import_module("bench.resp")
    for row in resp.ROWS:
        resp.check_agreement(row.name, *row.prepare(0.01))
