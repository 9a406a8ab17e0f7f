"""What the figures were measured on, and on which of its CPUs."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterable, Iterator, Sequence
from importlib import metadata


@contextlib.contextmanager
def affinity(cpus: Sequence[int] | None) -> Iterator[None]:
    """Have the processes that are started meanwhile run on these CPUs only; None: no matter."""
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
    """The CPUs for the server, where the clients have one to themselves; None: no matter."""
    if cpu is None:
        return None
    return sorted(os.sched_getaffinity(0) - {cpu}) or None


def processor() -> str:
    """The name of the processor."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or "unknown processor"


def version_of(distribution: str) -> str | None:
    """The version of an installed distribution, None where it is not."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def environment(server: str, distributions: Iterable[str]) -> dict[str, str]:
    """The versions of everything that matters."""
    libraries = {name: version_of(name) for name in distributions}
    return {
        "machine": f"{processor()}, {os.cpu_count()} CPUs, {platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "server": server,
        "libraries": ", ".join(f"{name} {version}" for name, version in sorted(libraries.items()) if version),
    }
