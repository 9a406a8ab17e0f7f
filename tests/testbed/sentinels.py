"""Real Sentinels for tests: one, or a whole group with its servers, in which fail-over really happens."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial

from .servers import Process, Server, wait_until


class Sentinel(Process):
    """A Sentinel that watches one master and notices its loss within about a second."""

    arguments = ("--sentinel",)

    def __init__(
        self,
        master: Server,
        *config: str,
        service: str = "mymaster",
        quorum: int = 1,
        password: str | None = None,
    ) -> None:
        """
        :param master: the server to watch, running already.
        :param config: further lines of the configuration file.
        :param service: the name that clients ask for.
        :param quorum: how many Sentinels must agree that the master is down.
        :param password: the Sentinel's own password; that of the servers is taken from ``master``.
        """
        super().__init__(*config, binary=master.binary)
        self.master = master
        self.service = service
        self.quorum = quorum
        self.password = password

    def settings(self) -> list[str]:
        lines = [
            f"sentinel monitor {self.service} {self.master.host} {self.master.port} {self.quorum}",
            f"sentinel down-after-milliseconds {self.service} 500",
            f"sentinel failover-timeout {self.service} 3000",
        ]
        if self.master.password is not None:
            lines.append(f"sentinel auth-pass {self.service} {self.master.password}")
        if self.password is not None:
            # Sentinels talk to each other with the password they themselves ask for.
            lines.append(f"requirepass {self.password}")
        return lines

    def credentials(self) -> tuple[str, ...]:
        return () if self.password is None else (self.password,)

    def state(self) -> dict[str, str]:
        """What it knows of its master: the fields of SENTINEL MASTER."""
        fields = [field.decode() for field in self.command("SENTINEL", "MASTER", self.service)]
        return dict(zip(fields[::2], fields[1::2], strict=True))

    def introduce(self) -> None:
        """Tell the other Sentinels of it, as it does by itself every two seconds."""
        name = f"{self.host},{self.port},{self.command('SENTINEL', 'MYID').decode()}"
        master = f"{self.service},{self.master.host},{self.master.port}"
        self.master.command("PUBLISH", "__sentinel__:hello", f"{name},0,{master},0")

    def knows(self, expected: dict[str, str]) -> bool:
        """Whether :meth:`state` has these fields."""
        return expected.items() <= self.state().items()


@contextlib.contextmanager
def sentinel_group(
    replicas: int = 1, sentinels: int = 3, password: str | None = None, service: str = "mymaster"
) -> Iterator[tuple[Server, list[Server], list[Sentinel]]]:
    """A master, its replicas and the Sentinels that watch them, all running and knowing each other.

    Kill the master and the Sentinels promote a replica within some seconds.
    """
    with contextlib.ExitStack() as stack:
        master = stack.enter_context(Server(password=password))
        copies = [stack.enter_context(Server(password=password, replica_of=master)) for _ in range(replicas)]
        for copy in copies:
            wait_until(copy.in_sync, f"{copy} is in sync")
        watchers = [
            stack.enter_context(Sentinel(master, service=service, quorum=sentinels // 2 + 1, password=password))
            for _ in range(sentinels)
        ]
        expected = {"flags": "master", "num-slaves": str(replicas), "num-other-sentinels": str(sentinels - 1)}

        def is_known(watcher: Sentinel) -> bool:
            if watcher.knows(expected):
                return True
            for each in watchers:
                each.introduce()
            return False

        for watcher in watchers:
            wait_until(partial(is_known, watcher), f"{watcher} knows the others")
        yield master, copies, watchers
