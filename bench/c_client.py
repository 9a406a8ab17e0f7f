"""The benchmark client in C that comes with the server: an upper bound for this machine and server.

Its wall time is by its own clock, without its start. Its CPU time is that of its whole process.
"""

from __future__ import annotations

import csv
import os
import re
import resource
import subprocess

from testbed.terminal import UsageError

from .machine import affinity
from .server import Address, benchmark_program
from .workloads import Spec


def run(address: Address, spec: Spec, cpu: int | None) -> dict[str, float]:
    """Run one round; return total seconds in a worker's format."""
    program = benchmark_program()
    if program is None:
        raise UsageError("redis-benchmark is not installed here")
    command = [str(program), "-h", address.host, "-p", str(address.port), "--dbnum", str(address.db)]
    if address.username is not None:
        command += ["--user", address.username]
    depth = spec.batch if spec.scenario == "batched" else 1
    command += ["-c", str(spec.concurrency), "-P", str(depth), "-n", str(spec.count), "--csv"]
    command += map(str, spec.words)
    environment = dict(os.environ)
    if address.password is not None:
        environment["REDISCLI_AUTH"] = address.password  # on a command line everyone could read it
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with affinity(None if cpu is None else [cpu]):
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    rate = requests_per_second(ran.stdout, ran.stderr)
    return {"cpu": cpu_seconds, "wall": spec.count / rate}


def requests_per_second(output: str, errors: str) -> float:
    """Parse its output, CSV; some versions print a header.

    :returns: commands per second; infinity if the round took less than a millisecond.
    """
    for row in csv.reader(output.splitlines()):
        if len(row) > 1 and re.fullmatch(r"\d+(\.\d+)?|inf", row[1]):
            return float(row[1])
    raise UsageError(f"redis-benchmark: {(errors or output).strip()[:200] or 'no output'}")
