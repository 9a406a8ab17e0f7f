"""The proxy misbehaves as it is told, and not otherwise."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import pytest_twisted
from testbed.live import bounded, opened, turn, until
from testbed.proxy import OnAccept, UnixProxy, proxied
from testbed.ways import Fault
from twisted.internet.defer import gatherResults

import txredis_fast as redis


@pytest_twisted.ensureDeferred
async def test_without_faults_all_passes(server):
    value = bytes(range(256)) * 8192
    async with (
        proxied(*server.address) as proxy,
        opened(redis.ConnectionPool(*proxy.address, poolsize=3)) as rc,
    ):
        assert await bounded(gatherResults([rc.set(f"key{n}", value) for n in range(10)])) == ["OK"] * 10
        assert await bounded(gatherResults([rc.raw.get(f"key{n}") for n in range(10)])) == [value] * 10
        assert proxy.accepted == len(proxy.fronts) == 3
        assert proxy.bytes_up > 10 * len(value) < proxy.bytes_down
    assert not proxy.fronts


@pytest_twisted.ensureDeferred
async def test_delay_and_trickle(server):
    async with (
        proxied(*server.address, faults=(Fault(delay=0.05), Fault(delay=0.05))) as proxy,
        opened(redis.Connection(*proxy.address)) as rc,
    ):
        from twisted.internet import reactor

        began = reactor.seconds()
        assert await bounded(rc.ping()) == "PONG"
        assert reactor.seconds() - began >= 0.099
        proxy.set_faults(Fault(trickle=True), Fault(trickle=True, delay=0.001))
        echoed = await bounded(gatherResults([rc.execute_command("ECHO", "x" * n) for n in range(20)]))
        assert echoed == ["x" * n for n in range(20)]


@pytest.mark.parametrize("after", [0, 1, 10, 21, 22])
@pytest_twisted.ensureDeferred
async def test_cut_after_so_many_bytes_either_way(server, after):
    for up in (True, False):
        fault = Fault(cut_after=after)
        async with (
            proxied(*server.address, faults=(fault, Fault()) if up else (Fault(), fault)) as proxy,
            opened(redis.ConnectionPool(*proxy.address, poolsize=1)) as rc,
        ):
            lost = [rc.execute_command("ECHO", "hello") for _ in range(4)]
            with pytest.raises(redis.MaybeExecutedError):
                await bounded(lost[3])
            for each in lost[:3]:
                each.addErrback(lambda failure: failure.trap(redis.MaybeExecutedError))
            proxy.set_faults()
            await until(lambda: rc._factory.size, "a new connection")
            assert await bounded(rc.ping()) == "PONG"


@pytest_twisted.ensureDeferred
async def test_half_open_stays_open_and_silent(server):
    async with (
        proxied(*server.address) as proxy,
        opened(redis.Connection(*proxy.address, replyTimeout=0.2)) as rc,
    ):
        assert await bounded(rc.ping()) == "PONG"
        proxy.stop_forwarding(new=True)
        server.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await turn(0.05)
        assert rc._factory.size == 1, "not even the end passes"
        with pytest.raises(redis.ReplyTimeoutError):
            await bounded(rc.ping())
        proxy.on_accept = OnAccept.FORWARD
        proxy.reset()
        assert await bounded(rc.ping()) == "PONG"


@pytest_twisted.ensureDeferred
async def test_reset_ends_connections(server):
    async with (
        proxied(*server.address) as proxy,
        opened(redis.ConnectionPool(*proxy.address, poolsize=3)) as rc,
    ):
        rc._factory.spread = 0  # so that they are not back at once
        assert proxy.reset(2) == 2
        await until(lambda: rc._factory.size == 1, "two are lost")
        await until(lambda: rc._factory.size == 3, "they are back")


@pytest_twisted.ensureDeferred
async def test_refuse_keeps_the_port(server):
    async with (
        proxied(*server.address) as proxy,
        opened(redis.ConnectionPool(*proxy.address, poolsize=2)) as rc,
    ):
        for _ in range(3):
            await bounded(proxy.refuse())
            for _ in range(3):
                with socket.socket() as other, pytest.raises(ConnectionRefusedError):
                    other.connect(proxy.address)
            with socket.socket() as other, pytest.raises(OSError):
                other.bind(proxy.address)
            assert await bounded(rc.ping()) == "PONG", "the others stay"
            proxy.reset()
            await until(lambda: not rc._factory.size, "lost")
            waiting = rc.ping()
            await turn(0.1)
            assert not waiting.called
            proxy.accept()
            assert await bounded(waiting) == "PONG"


@pytest_twisted.ensureDeferred
async def test_the_same_on_a_unix_socket(server):
    async with (
        proxied(*server.address, kind=UnixProxy) as proxy,
        opened(redis.UnixConnectionPool(proxy.path, poolsize=2)) as rc,
    ):
        assert await bounded(rc.set("key", "x" * 100_000)) == "OK"
        for _ in range(2):
            await bounded(proxy.refuse())
            assert await bounded(rc.ping()) == "PONG", "the others stay"
            proxy.reset()
            await until(lambda: not rc._factory.size, "lost")
            waiting = rc.get("key")
            await turn(0.1)
            assert not waiting.called
            proxy.accept()
            assert await bounded(waiting) == "x" * 100_000
    assert not proxy.fronts
    assert not Path(proxy.path).parent.exists(), "the folder is gone"


@pytest.mark.parametrize("mode", [mode for mode in OnAccept if mode is not OnAccept.FORWARD])
@pytest_twisted.ensureDeferred
async def test_connections_that_are_accepted_and_no_good(server, mode):
    async with (
        proxied(*server.address) as proxy,
        opened(redis.ConnectionPool(*proxy.address, poolsize=1, dbid=0, connectTimeout=0.2)) as rc,
    ):
        proxy.on_accept = mode
        accepted = proxy.accepted
        proxy.reset()
        await until(lambda: proxy.accepted >= accepted + 2, "it tried again")
        assert not rc._factory.size
        proxy.on_accept = OnAccept.FORWARD
        await until(lambda: rc._factory.size, "a good one")
        assert await bounded(rc.ping()) == "PONG"


@pytest_twisted.ensureDeferred
async def test_failing_over_to_another_server(server, fresh_server):
    async with (
        proxied(*server.address) as proxy,
        opened(redis.Connection(*proxy.address)) as rc,
    ):
        await bounded(rc.set("where", "first"))
        fresh_server.command("SET", "where", "second")
        proxy.forward_to(*fresh_server.address)
        assert await bounded(rc.get("where")) == "first"
        rc._factory.spread = 0  # so that it is not back at once
        proxy.reset()
        await until(lambda: not rc._factory.size, "lost")
        assert await bounded(rc.get("where")) == "second"


@pytest_twisted.ensureDeferred
async def test_a_server_that_is_down_resets_its_clients(fresh_server):
    async with proxied(*fresh_server.address) as proxy, opened(redis.Connection(*proxy.address)) as rc:
        fresh_server.kill()
        await until(lambda: not rc._factory.size, "lost")
        # The proxy accepts all the same: what is given meanwhile is written, and lost with that connection.
        with pytest.raises(redis.MaybeExecutedError):
            await bounded(rc.ping())
        fresh_server.start()
        proxy.reset()
        while True:
            try:
                assert await bounded(rc.ping()) == "PONG"
            except redis.MaybeExecutedError:
                continue
            break
