"""The machine that the figures are measured on, and the choice of its CPUs."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterable, Iterator, Sequence
from importlib import metadata


@contextlib.contextmanager
def affinity(cpus: Sequence[int] | None) -> Iterator[None]:
    """Pin processes started in the block to these CPUs. None: no pinning."""
    if cpus is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def other_cpus(cpu: int | None) -> list[int] | None:
    """Return the CPUs for the server if the clients are pinned to *cpu*. None: no pinning."""
    if cpu is None:
        return None
    return sorted(os.sched_getaffinity(0) - {cpu}) or None


def processor() -> str:
    """Return the name of the processor."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or "unknown processor"


def version_of(distribution: str) -> str | None:
    """Return the version of an installed distribution; None if it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def environment(server: str, distributions: Iterable[str]) -> dict[str, str]:
    """Return the machine, and the versions of Python, server and libraries."""
    libraries = {name: version_of(name) for name in distributions}
    return {
        "machine": f"{processor()}, {os.cpu_count()} CPUs, {platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "server": server,
        "libraries": ", ".join(f"{name} {version}" for name, version in sorted(libraries.items()) if version),
    }
