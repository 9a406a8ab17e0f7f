"""What a run found, on the screen and as JSON."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..terminal import table
from .session import Session


def as_json(session: Session) -> dict[str, Any]:
    """Everything that was found."""
    ledger, watcher, numbers = session.ledger, session.watcher, session.numbers
    growth = watcher.growth()
    return {
        "seconds": round(session.elapsed, 1),
        "interrupted": session.interrupted,
        "seed": session.plan.seed,
        "transport": session.plan.transport,
        "commands": ledger.commands,
        "done": dict(sorted(ledger.done.items())),
        "failed": dict(sorted(ledger.failed.items())),
        "wrong replies": ledger.wrongs,
        "wrong": ledger.wrong,
        "faults": session.happened,
        "with a server that does not fail": {
            "commands": session.direct.commands,
            "failed": dict(sorted(session.direct.failed.items())),
            "wrong replies": session.direct.wrongs,
        },
        "strangers": session.met,
        "cached reads": {
            "done": session.cached.done["cached"],
            "failed": dict(sorted(session.cached.failed.items())),
            "wrong replies": session.cached.wrongs,
            "cache": _cache(session),
        },
        "messages": {
            "published": numbers.published,
            "received": numbers.received,
            "lost in gaps": numbers.lost,
            "gaps": numbers.gaps,
        }
        if numbers is not None
        else None,
        "longest operation": {"seconds": round(ledger.slowest[0], 2), "kind": ledger.slowest[1]},
        "longest turn": {"seconds": round(watcher.stall, 4), "CPU": round(watcher.stall_cpu, 4)},
        "connections at the end": session.connections,
        "memory MB": watcher.memory,
        "memory after warm-up and in the end": growth,
        "problems": session.verdict(),
    }


def lines(session: Session) -> list[str]:
    """The report."""
    ledger, watcher, numbers = session.ledger, session.watcher, session.numbers
    seconds = max(session.elapsed, 0.001)
    faults = sum(session.happened.values())
    told = [
        f"{ledger.commands:,} commands over {session.plan.transport} in {seconds:.0f} s "
        f"({ledger.commands / seconds:,.0f} a second), {faults:,} faults, seed {session.plan.seed}"
        + (", interrupted" if session.interrupted else ""),
        "",
        *_columns("answered", ledger.done, "failed", ledger.failed, "faults", session.happened),
        "",
        f"wrong replies:     {ledger.wrongs}",
    ]
    if session.pair:
        told.append(
            f"without faults:    {session.direct.commands:,} commands, the program being busy now and then; "
            f"{session.direct.failed['ReplyTimeoutError']} told as late; {session.direct.wrongs} wrong"
        )
        told.append(f"strangers:         {session.met} waited at two servers behind one address")
    cache = _cache(session)
    told.append(
        f"cached reads:      {session.cached.done['cached']:,}, {cache.get('hits', 0):,} from memory, "
        f"{sum(session.cached.failed.values()):,} failed; {cache.get('invalidations', 0):,} invalidations, "
        f"{cache.get('link_lost', 0)} links lost; {session.cached.wrongs} wrong"
    )
    if numbers is not None:
        told.append(
            f"published numbers: {numbers.published:,}; received {numbers.received:,}; "
            f"{numbers.lost:,} lost, in {numbers.gaps:,} reported gaps"
        )
    told += [
        f"longest operation: {ledger.slowest[0]:.2f} s ({ledger.slowest[1]})",
        f"longest turn:      {watcher.stall * 1000:.0f} ms, at most {watcher.stall_cpu * 1000:.0f} ms of CPU, "
        "proxy and users included",
        f"connections:       {session.connections} at the end",
        f"memory:            {_memory(watcher)}",
        "",
    ]
    verdict = session.verdict()
    told += [f"WRONG: {text}" for text in ledger.wrong]
    return told + ([f"FAILED: {text}" for text in verdict] or ["passed"])


def _cache(session: Session) -> dict[str, Any]:
    """The counters of the cache."""
    users = session.cached_users
    return {} if users is None else dataclasses.asdict(users.handler.cache.stats())


def _columns(*parts: Any) -> list[str]:
    """Tables of names and counts, side by side."""
    titles, counts = parts[::2], [sorted(part.items(), key=lambda item: -item[1]) for part in parts[1::2]]
    rows = []
    for place in range(max(map(len, counts), default=0)):
        row: list[str] = []
        for column in counts:
            name, count = column[place] if place < len(column) else ("", "")
            row += [name, f"{count:,}" if name else ""]
        rows.append(row)
    header = [cell for title in titles for cell in ((title, False), ("", True))]
    return table(header, rows)


def _memory(watcher: Any) -> str:
    if not watcher.memory:
        return "not looked at"
    figures = [megabytes for _, megabytes in watcher.memory]
    growth = watcher.growth()
    after = f"; {growth[0]:.1f} after the warm-up, {growth[1]:.1f} in the end" if growth else ""
    flat = "flat" if watcher.is_flat() else "NOT FLAT"
    shown = figures[:: max(1, len(figures) // 10)]
    return f"{flat}{after} MB; over time: {' '.join(f'{each:.0f}' for each in shown)}"
