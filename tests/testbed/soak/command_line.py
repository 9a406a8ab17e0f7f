"""``python -m tests.testbed.soak``: options, the screen, and the exit status."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import json
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..address import Address
from ..terminal import Progress, UsageError

REACTORS = ("default", "select", "asyncio")
TRANSPORTS = ("tcp", "unix", "tls")
#: What the extra ``tls`` installs, and TLS needs.
TLS_PACKAGES = ("OpenSSL", "cryptography", "service_identity")


def make_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.testbed.soak",
        description="Work on a server with many users while links and servers fail, and account for every reply. "
        "Exit status 1: something was wrong.",
    )
    add = parser.add_argument
    add("--minutes", type=float, metavar="N", help="how long, 1 minute unless --operations says how much")
    add("--operations", type=int, metavar="N", help="end after so many commands instead")
    add("--faults", type=int, metavar="N", help="with --operations: so many faults, spread over them")
    add("--every", type=float, default=3.0, metavar="S", help="seconds between two faults (3)")
    add("--users", type=int, default=50, metavar="N", help="how many work at a time (50)")
    add("--failover", action="store_true", help="also a master, a replica and Sentinels; the master is lost repeatedly")
    add("--cluster", action="store_true", help="a cluster instead: slots move, masters change, die and are silent")
    add("--url", help="an own server, redis://user:password@host:6379/0: then only links fail")
    add("--transport", choices=TRANSPORTS, default="tcp", help="how users reach the server (tcp)")
    add("--reactor", choices=REACTORS, default="default")
    add("--seed", type=int, metavar="N", help="of all decisions; timing is the machine's")
    add("--json", type=Path, metavar="FILE", help="write everything that was found")
    return parser


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the options.

    :raises UsageError: they are wrong, which needs one line.
    """
    options = make_parser().parse_args(argv)
    if options.faults is not None and options.operations is None:
        raise UsageError("--faults needs --operations; otherwise --every says how often")
    if options.minutes is None and options.operations is None:
        options.minutes = 1.0
    if options.url is not None and options.failover:
        raise UsageError("--failover needs servers of its own, not --url")
    if options.cluster and (options.url or options.failover or options.operations or options.transport != "tcp"):
        raise UsageError("--cluster has servers of its own, over TCP, for some --minutes")
    if options.transport != "tcp" and options.failover:
        raise UsageError("--failover is over TCP only: Sentinels know the hosts and ports of plain servers")
    if options.transport == "tls" and not all(importlib.util.find_spec(name) for name in TLS_PACKAGES):
        raise UsageError("--transport tls needs the extra 'tls': pip install 'txredis-fast[tls]'")
    for name in ("minutes", "operations", "faults", "every", "users"):
        value = getattr(options, name)
        if value is not None and not value > 0:
            raise UsageError(f"--{name} is a number greater than 0, not {value:g}")
    if options.json is not None and not options.json.absolute().parent.is_dir():
        raise UsageError(f"--json: there is no folder {options.json.absolute().parent}")
    if options.seed is None:
        options.seed = int(time.time()) % 100_000
    return options


def install_reactor(name: str) -> Any:
    """Install a reactor, and return it."""
    if name != "default":
        importlib.import_module(f"twisted.internet.{name}reactor").install()
    from twisted.internet import reactor

    return reactor


def run(options: argparse.Namespace) -> int:
    """Run, and tell; returns the exit status."""
    reactor = install_reactor(options.reactor)
    # Only now: some of these import the reactor.
    from ..sentinels import sentinel_group
    from ..servers import Server
    from . import report
    from .session import Plan, Session

    plan = Plan(
        seconds=None if options.minutes is None else options.minutes * 60,
        operations=options.operations,
        faults=options.faults,
        every=options.every,
        users=options.users,
        seed=options.seed,
        transport=options.transport,
    )
    if options.cluster:
        return _run_cluster(reactor, options, plan)
    with contextlib.ExitStack() as stack:
        server, own, connection = None, None, {}
        pair: list[Any] = []
        if options.url is not None:
            given = Address.from_url(options.url)
            address = (given.host, given.port)
            connection = {"username": given.username, "password": given.password, "dbid": given.db or None}
            connection = {name: value for name, value in connection.items() if value is not None}
        else:
            try:
                server = own = stack.enter_context(Server())
                pair = [stack.enter_context(Server()) for _ in range(2)]
                group = stack.enter_context(sentinel_group(sentinels=3)) if options.failover else None
            except RuntimeError as error:
                raise UsageError(str(error)) from None
            address = own.address
        session = Session(reactor, plan, address, server, connection, group if options.url is None else None, pair)
        _run_session(reactor, session)
    return _tell(options, session, report.lines(session), report.as_json(session))


def _run_cluster(reactor: Any, options: argparse.Namespace, plan: Any) -> int:
    from ..clusters import Cluster
    from .cluster import ClusterSession

    try:
        with Cluster(masters=3, replicas=1) as cluster:
            session = ClusterSession(reactor, plan, cluster)
            _run_session(reactor, session)
    except RuntimeError as error:
        raise UsageError(str(error)) from None
    return _tell(options, session, session.lines(), session.as_json())


def _run_session(reactor: Any, session: Any) -> None:
    from twisted.internet.defer import Deferred

    with Progress() as progress, _interrupts(session):
        finished = Deferred.fromCoroutine(session.run())
        failures: list[Any] = []
        finished.addErrback(failures.append).addBoth(lambda _: reactor.stop())
        _show(reactor, session, progress)
        reactor.run(installSignalHandlers=False)
    for failure in failures:
        session.problems.append(failure.getTraceback())


def _tell(options: argparse.Namespace, session: Any, lines: list[str], found: dict[str, Any]) -> int:
    print("\n".join(lines))
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print(f"Written: {options.json}")
    return 1 if session.verdict() else 0


@contextlib.contextmanager
def _interrupts(session: Any) -> Any:
    """Ctrl-C ends the run in order; a second one ends the program."""

    def interrupted(number: int, frame: Any) -> None:
        if session.interrupted:
            raise KeyboardInterrupt
        session.stop()

    before = signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _show(reactor: Any, session: Any, progress: Progress) -> None:
    """Show how far it is, while it runs: on a terminal each second, otherwise a line each minute."""
    from twisted.internet.task import LoopingCall

    beats = 0

    def show() -> None:
        nonlocal beats
        ledger = session.ledger
        megabytes = session.watcher.memory[-1][1] if session.watcher.memory else 0
        text = (
            f"{ledger.commands:,} commands, {sum(ledger.failed.values()):,} failed, {ledger.wrongs} wrong, "
            f"{sum(session.happened.values())} faults, {megabytes:.0f} MB"
        )
        progress.update(session.done, text)
        if beats and beats % 60 == 0 and not sys.stderr.isatty():
            print(f"[{session.elapsed:5.0f} s] {text}", flush=True)
        beats += 1

    loop = LoopingCall(show)
    loop.start(1.0)
    reactor.addSystemEventTrigger("before", "shutdown", lambda: loop.running and loop.stop())


def main(argv: Sequence[str] | None = None) -> int:
    """Run the soak; returns the exit status."""
    try:
        return run(parse(argv))
    except UsageError as error:
        print(f"soak: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
