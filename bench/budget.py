"""Budgets: the instructions per command of each road that ``bench/expected.json`` allows. Counts nothing itself.

The instructions depend on the build of Python and on Twisted; those over TLS also on the library that encrypts. So
there is a budget for each environment that somebody measured, and none for others.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .machine import version_of

#: How much more than its budget a road may take.
ROOM = 1.03

#: Whose budget it is.
DRIVER = "txredis_fast"

EXPECTED = Path(__file__).with_name("expected.json")

Environment = dict[str, str]


def environment() -> Environment:
    """Return what the instructions depend on."""
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "compiler": platform.python_compiler(),
        "libc": " ".join(platform.libc_ver()),
        "machine": platform.machine(),
        "twisted": version_of("twisted") or "",
        "cryptography": version_of("cryptography") or "",
    }


def read(here: Environment, expected: Mapping[str, Any]) -> tuple[dict[str, int], str]:
    """Return the budgets that hold here by road, and why those that are missing do not hold.

    :param here: what :func:`environment` returned.
    :param expected: content of ``bench/expected.json``.
    """
    reasons = []
    for entry in expected["instructions"]:
        differing = [fact for fact, value in entry["environment"].items() if here.get(fact) != value]
        if not differing:
            return dict(entry["roads"]), "no budget"
        if differing == ["cryptography"]:
            roads = {name: limit for name, limit in entry["roads"].items() if not name.startswith("tls")}
            return roads, f"the budget is for cryptography {entry['environment']['cryptography']}"
        reasons.append(", ".join(entry["environment"][fact] or f"no {fact}" for fact in differing))
    return {}, f"budgets are for {' or '.join(reasons) or 'nothing'}; here is {', '.join(here.values())}"


def exceeded(name: str, measured: float, limit: float) -> str | None:
    """Return a sentence if a road takes more than its budget and the room; else None."""
    if measured <= limit * ROOM:
        return None
    more = 100 * (measured / limit - 1)
    return f"{name} takes {measured:,.0f} instructions per command, {more:+.1f} % of its budget of {limit:,}"


def write(here: Environment, roads: Mapping[str, int], path: Path = EXPECTED) -> Path:
    """Write the budgets of this environment; keep those of its roads that were not measured, and of others."""
    expected = json.loads(path.read_text(encoding="utf-8"))
    entries = expected["instructions"]
    old = next((entry for entry in entries if entry["environment"] == here), None)
    if old is None:
        entries.append({"environment": here, "roads": dict(roads)})
    else:
        old["roads"] = {**old["roads"], **roads}
    path.write_text(json.dumps(expected, indent=1) + "\n", encoding="utf-8")
    return path
