"""``python -m bench`` as users start it, briefly."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from testbed.servers import Server, request

ROOT = Path(__file__).parents[2]


def run_bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=ROOT,
        env={**os.environ, "TXREDIS_FAST_PUREPYTHON": ""},
        capture_output=True,
        text=True,
        timeout=300,  # valgrind beside busy processes
        check=False,
    )


def test_a_quick_run_measures_every_kind_of_workload(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    workloads = (
        "get,pool-get,get-timeout,eval,by-name,gather,lone,pipeline,batch-100,hgetall,lrange,messages,import,memory"
    )
    drivers = "txredis_fast-pure,floor,txredisapi-hiredis"
    ran = run_bench(
        *("--quick", "--rounds", "1", "--workloads", workloads, "--drivers", drivers, "--base", "floor"),
        *("--json", str(out)),
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "failed:" not in ran.stdout
    measured = {(row["workload"], row["driver"]): row["rounds"][0] for row in json.loads(out.read_text())["figures"]}
    without_floor = {"pool-get", "pipeline", "import"}
    expected = {(w, d) for w in workloads.split(",") for d in drivers.split(",")}
    assert set(measured) == expected - {(w, "floor") for w in without_floor}
    assert all(row["cpu"] > 0 and row["wall"] > 0 for (name, _), row in measured.items() if name != "memory")
    assert 100 < measured["memory", "txredis_fast-pure"]["memory"] < 5000


def test_it_measures_against_a_server_that_is_named_and_leaves_nothing_there(server: Server) -> None:
    url = f"redis://{server.host}:{server.port}/3"
    ran = run_bench("--quick", "--rounds", "1", "--workloads", "get,set", "--drivers", "floor", "--url", url)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "50 coroutines awaiting SET" in ran.stdout
    assert request(server.address, ("SELECT", 3), ("DBSIZE",)) == 0


def test_work_over_tls_is_measured_where_a_server_speaks_it(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    arguments = (
        "--quick",
        "--rounds",
        "1",
        "--json",
        str(out),
        "--drivers",
        "txredis_fast-pure,floor,txredisapi-hiredis",
    )
    ran = run_bench(*arguments, "--workloads", "tls,tls-50")
    if ran.returncode == 2:
        assert ran.stderr.startswith("bench: no server that speaks TLS is installed here")
        pytest.skip("no server that speaks TLS is installed here")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "failed:" not in ran.stdout
    assert len(json.loads(out.read_text())["figures"]) == 6


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed here")
def test_instructions_are_counted() -> None:
    ran = run_bench("--instructions", "--workloads", "get,messages", "--drivers", "floor", "--base", "floor")
    assert (ran.returncode, ran.stderr) == (0, "")
    counted = {line.split()[0]: line.split()[2] for line in ran.stdout.splitlines() if line.split()[1:2] == ["floor"]}
    assert 5000 < int(counted["get"].replace(",", "")) < 100_000
    assert 0 < int(counted["messages"].replace(",", "")) < 5000


def test_no_server_is_one_clear_line() -> None:
    ran = run_bench("--quick", "--workloads", "get", "--drivers", "floor", "--url", "redis://127.0.0.1:1/0")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("bench: cannot connect to 127.0.0.1:1")
    assert ran.stderr.count("\n") == 1


def run_caching(work: str, server: Server) -> dict[str, float]:
    ran = subprocess.run(
        [sys.executable, "-m", "bench.caching", "--work", work, "--port", str(server.port)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    found: dict[str, float] = json.loads(ran.stdout)
    return found


def test_readers_who_miss_at_the_same_time_are_one_fetch(server: Server) -> None:
    assert run_caching("one fetch", server) == {"fetches": 1}


def test_a_fetch_is_three_commands_and_a_hit_is_none(server: Server) -> None:
    shares = {int(reads): share for reads, share in run_caching("saved", server).items()}
    assert set(shares) >= {1, 100}
    assert shares == {reads: pytest.approx(1 - 3 / reads, abs=0.02) for reads in shares}


def test_all_works_of_the_cache_are_measured(server: Server) -> None:
    found = run_caching("slices", server)
    assert {"defer.succeed", "hit", "peek", "miss, 50 callers", "GET, 50 callers"} <= set(found)
