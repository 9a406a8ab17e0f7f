"""The command line of the benchmark."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from testbed.client import ReplyError
from testbed.terminal import Progress, UsageError

from . import growth, instructions
from .drivers import DISTRIBUTIONS, REACTORS, Driver, choose, driver_names, find_driver
from .machine import environment, other_cpus
from .report import environment_lines, target_lines, workload_lines
from .server import Address, TLSAddress, embedded_server, embedded_tls_server, server_version
from .session import Plan, Session
from .targets import TARGETS
from .workloads import Workload, by_name, make_workloads

_UNITS = {"": 1, "k": 10**3, "m": 10**6}

#: Of --quick: seconds of a round, rounds, messages, and seconds after which no round begins.
_QUICK_SECONDS, _QUICK_ROUNDS, _QUICK_MESSAGES, _QUICK_LIMIT = 0.05, 3, 5000, 30.0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def _names(text: str) -> list[str]:
    return [name for name in re.split(r"[,\s]+", text) if name]


def _size(text: str) -> int:
    match = re.fullmatch(r"(\d+)([km]?)b?", text.lower())
    if match is None or not 1 <= int(match[1]) * _UNITS[match[2]] <= 64 * 10**6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size from 1 to 64m")
    return int(match[1]) * _UNITS[match[2]]


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return int(text)


def make_parser() -> argparse.ArgumentParser:
    """Make the argument parser."""
    parser = _Parser(
        prog="python -m bench",
        description="Measures this package against other Redis clients, in turns, in one session on one server.",
    )
    add = parser.add_argument
    add("--url", help="measure against this server (default: an embedded one): redis://user:password@host:6379/0")
    add("--workloads", type=_names, metavar="A,B", help="measure only these workloads; see --list")
    add("--drivers", type=_names, metavar="A,B", help="measure only these drivers, also as NAME@REACTOR; see --list")
    add("--base", default="txredis_fast", metavar="DRIVER", help="compare the others with this driver (%(default)s)")
    add("--value-size", type=_size, default=10, metavar="N", help="bytes of small values and messages (%(default)s)")
    add("--concurrency", type=_positive, default=50, metavar="N", help="number of concurrent coroutines (%(default)s)")
    add("--rounds", type=_positive, metavar="N", help="rounds of each driver in each workload (7)")
    add("--cpu", type=int, metavar="N", help="pin the clients to this CPU, and the embedded server to the others")
    add("--reactor", choices=REACTORS, default="default",
        help="reactor of all Twisted drivers; asyncio and uvloop also of the asyncio drivers")  # fmt: skip
    add("--quick", action="store_true", help="fewer drivers and short rounds; ends within a minute")
    add("--json", type=Path, metavar="FILE", help="write all samples as JSON")
    add("--charts", type=Path, metavar="DIR", help="write a PNG for each workload")
    add("--list", action="store_true", help="list workloads and drivers, and name those that are not installed")
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--growth", action="store_true", help="measure how cost grows with the amount of work instead")
    modes.add_argument("--instructions", action="store_true", help="count instructions instead, with valgrind")
    add("--write-expected", action="store_true",
        help="with --instructions: write the budgets of bench/expected.json for this Python and Twisted")  # fmt: skip
    return parser


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the arguments.

    :raises UsageError: they are wrong; the message is one line.
    """
    options = make_parser().parse_args(argv)
    if options.cpu is not None:
        if not hasattr(os, "sched_setaffinity"):
            raise UsageError("--cpu: this system cannot pin processes")
        if options.cpu not in os.sched_getaffinity(0):
            usable = ", ".join(map(str, sorted(os.sched_getaffinity(0))))
            raise UsageError(f"--cpu: there is no CPU {options.cpu} here; there are: {usable}")
    find_driver(options.base)
    if options.reactor == "uvloop" and find_driver("redis-py@uvloop").missing() == "uvloop":
        raise UsageError("--reactor: uvloop is not installed here")
    # Before anything is measured, because a measurement takes long.
    if options.json is not None:
        _check_file("--json", options.json)
    if options.charts is not None:
        from . import charts

        _check_folder("--charts", options.charts)
        charts.require()
    if options.write_expected and not options.instructions:
        raise UsageError("--write-expected needs --instructions")
    return options


def _check_file(option: str, path: Path) -> None:
    """Check that a file can be written; leave it as it is."""
    path = path.absolute()
    if path.is_dir():
        raise UsageError(f"{option}: {path} is a folder, and not a file")
    if not path.parent.is_dir():
        raise UsageError(f"{option}: there is no folder {path.parent}")
    if not path.exists():
        _check_folder(option, path.parent)
        return
    try:
        path.open("ab").close()
    except OSError as error:
        raise UsageError(f"{option}: cannot write {path}: {error.strerror}") from None


def _check_folder(option: str, folder: Path) -> None:
    """Check that files can be written into a folder, which need not exist yet; make none."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    try:
        tempfile.TemporaryFile(dir=place).close()
    except OSError as error:
        raise UsageError(f"{option}: cannot write into {place}: {error.strerror}") from None


def chosen_workloads(options: argparse.Namespace) -> list[Workload]:
    """Return the workloads of a session."""
    messages = _QUICK_MESSAGES if options.quick else 100_000
    workloads = by_name(make_workloads(options.value_size, options.concurrency, messages))
    if options.workloads is None and options.instructions:
        return [workloads[name] for name in instructions.ROADS]
    if options.workloads is None:
        return [w for w in workloads.values() if not w.optional and (w.quick or not options.quick)]
    unknown = [name for name in options.workloads if name not in workloads]
    if unknown:
        raise UsageError(f"no such workload: {unknown[0]!r}; known are {', '.join(workloads)}")
    return [workload for name, workload in workloads.items() if name in options.workloads]


def chosen_drivers(options: argparse.Namespace) -> tuple[list[Driver], list[str]]:
    """Return the drivers of a session, and a line of text for each driver that is not installed."""
    drivers, missing = choose(options.drivers, options.quick)
    if options.reactor != "default" and options.drivers is None:
        drivers = [driver for driver in drivers if driver.reactor is None]  # variants are for a plain session
    return drivers, missing


def list_everything() -> list[str]:
    """Return the lines that ``--list`` prints."""
    lines = ["Workloads:"]
    for workload in make_workloads():
        note = " (only where named)" if workload.optional else ""
        lines.append(f"  {workload.name:<20}{workload.title}{note}")
    lines.append("Drivers (each on Twisted or asyncio also as NAME@select, NAME@asyncio, NAME@uvloop):")
    for name in driver_names():
        driver = find_driver(name)
        missing = driver.missing()
        lines.append(f"  {name:<20}{driver.title}{f' (not here: {missing})' if missing else ''}")
    return lines


@contextlib.contextmanager
def server(options: argparse.Namespace) -> Iterator[Address]:
    """Run a server for the session, or use the user's."""
    if options.url is not None:
        yield Address.from_url(options.url)
        return
    with embedded_server(other_cpus(options.cpu)) as address:
        yield address


@contextlib.contextmanager
def tls_server(options: argparse.Namespace, workloads: Sequence[Workload]) -> Iterator[tuple[TLSAddress | None, str]]:
    """Run a server with TLS for the session if a workload needs one; else, or if there is none, None and the reason."""
    why = ""
    with contextlib.ExitStack() as stack:
        tls: TLSAddress | None = None
        if any(workload.spec.tls for workload in workloads):
            try:
                if options.url is not None:
                    raise UsageError("TLS is measured on an embedded server only, without --url")
                tls = stack.enter_context(embedded_tls_server(other_cpus(options.cpu)))
            except UsageError as error:
                why = str(error)
                if options.workloads is not None:  # the user named it
                    raise
        yield tls, why


def run(options: argparse.Namespace) -> None:
    """Run a session: measure, print, write files."""
    drivers, missing = chosen_drivers(options)
    workloads = [] if options.growth else chosen_workloads(options)
    start = time.monotonic()
    with server(options) as address, tls_server(options, workloads) as (tls, why):
        if tls is None:
            missing += [f"{workload.name}: {why}" for workload in workloads if workload.spec.tls]
            workloads = [workload for workload in workloads if not workload.spec.tls]
        about = environment(server_version(address), DISTRIBUTIONS)
        if tls is not None:
            about["TLS"] = server_version(tls.plain)
        about["command"] = " ".join(["python -m bench", *sys.argv[1:]])
        print("\n".join(environment_lines(about)))
        for line in missing:
            print(f"missing:   {line}")
        sys.stdout.flush()
        if options.instructions:
            instructions.run(options, address, tls, workloads, drivers)
            return
        if options.growth:
            growth.run(options, address, drivers, about)
            return
        plan = Plan(
            workloads,
            drivers,
            reactor=options.reactor,
            rounds=options.rounds or (_QUICK_ROUNDS if options.quick else 7),
            seconds=_QUICK_SECONDS if options.quick else 0.3,
            cpu=options.cpu,
            limit=_QUICK_LIMIT if options.quick else None,
            variants=options.drivers is None,
        )
        with Progress() as progress:
            session = Session(plan, address, progress, tls)
            session.run()
    report(options, session, workloads, about)
    print(f"\nMeasured in {time.monotonic() - start:.0f} s.")


def report(options: argparse.Namespace, session: Session, workloads: Sequence[Workload], about: dict[str, Any]) -> None:
    """Print the tables and write the files."""
    figures = session.figures
    for workload in workloads:
        lines = workload_lines(figures, workload, options.base)
        if lines:
            print("", *lines, sep="\n")
    lines = target_lines(figures, TARGETS)
    if lines:
        print("", *lines, sep="\n")
    for problem in session.problems:
        print(f"\nfailed: {problem}")
    if options.json is not None:
        everything = {"environment": about, "figures": figures.as_json(), "problems": session.problems}
        options.json.write_text(json.dumps(everything, indent=1) + "\n", encoding="utf-8")
        print(f"\nWritten: {options.json}")
    if options.charts is not None:
        from . import charts

        for path in charts.draw_workloads(figures, workloads, options.charts, about):
            print(f"Written: {path}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; return the exit status."""
    try:
        options = parse(argv)
        if options.list:
            print("\n".join(list_everything()))
        else:
            run(options)
    except (UsageError, ConnectionError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except ReplyError as error:
        print(f"bench: the server says: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0
