"""``python -m txredis_fast`` as a user runs it: real processes, real servers, real signals."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import pytest_twisted
from testbed.servers import KINDS, wait_until
from testbed.tls import TLSProxy
from twisted.internet.threads import deferToThread

import txredis_fast

ROOT = Path(txredis_fast.__file__).parent.parent
COMMAND = [sys.executable, "-m", "txredis_fast"]
#: Measures so little that a tour ends at once.
SHORT = ("--seconds", "0.2")
#: Seconds after which a command hangs.
LIMIT = 30

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs POSIX")


def environment(**more):
    """The environment of a command: it finds this very package, and writes in UTF-8 whatever the machine's locale."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH")]
    path = os.pathsep.join(filter(None, paths))
    kept = {name: text for name, text in os.environ.items() if name not in ("NO_COLOR", "PYTHONWARNINGS")}
    return {**kept, "PYTHONPATH": path, "PYTHONUTF8": "1", "PYTHONWARNINGS": "error", **more}


def command(*arguments, folder=None, **more):
    """Run a command to its end."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        cwd=folder,
        env=environment(**more),
        check=False,
    )


@contextlib.contextmanager
def running(*arguments, **more):
    """A command that has come as far as measuring."""
    process = subprocess.Popen(
        [*COMMAND, *arguments, "--seconds", "60"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**more),
    )
    try:
        assert process.stderr.readline() == "Measuring for 60 s ...\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def descendants(pid):
    """The ids of the processes that a process has started and that run (zombies do not), and theirs."""
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            found += [int(child), *descendants(child)]
    return found


def is_running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def name_of(pid):
    return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode().split()[0]


linux = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at processes in /proc")


@pytest.fixture
def closed_port():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # it does not listen, so it refuses; and nobody else can
        yield nobody.getsockname()[1]


def one_line(done):
    """The one line with which a command failed."""
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("python -m txredis_fast: cannot connect to ")
    assert done.stderr.count("\n") == 1
    return done.stderr


# -- the tour


def test_the_tour_shows_the_api_at_work_and_how_fast_it_is():
    done = command(*SHORT)
    assert (done.returncode, done.stderr) == (0, "Measuring for 0.2 s ...\n")
    for line in (
        """await rc.set("greeting", "hello", expire=60)  # 'OK'""",
        """await rc.get("greeting")                      # 'hello'""",
        """p.results                                     # ['OK', 42]""",
        """t.results                                     # [43, 'hello']""",
        """    await sub.subscribe("news")""",
        """    await rc.publish("news", "it works")      # 1""",
        """        print(message.channel, message.data)  # prints: news it works""",
    ):
        assert f"  {line}\n" in done.stdout
    for way in ("one at a time", "50 at a time", "pipelines of 100"):
        assert f"  {way}" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "\033" not in done.stdout


def test_the_tour_says_which_implementation_ran_and_how_the_other_one_compares():
    done = command(*SHORT, TXREDIS_FAST_PUREPYTHON="1")
    assert done.returncode == 0
    assert f"txredis_fast {txredis_fast.__version__} (pure Python)" in done.stdout
    assert "Measured with the pure Python implementation." in done.stdout
    if importlib.util.find_spec("txredis_fast.resp._cresp") is None:
        assert "The compiled one is missing from the comparison" in done.stdout
    else:
        assert "time with the compiled implementation" in done.stdout
        assert " x\n" in done.stdout


def test_the_tour_ends_quietly_when_nobody_reads_it():
    process = subprocess.Popen([*COMMAND, *SHORT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
    process.stdout.close()
    with process.stderr as stderr:
        assert b"Traceback" not in stderr.read()
    assert process.wait(LIMIT) == 1


@linux
def test_ctrl_c_ends_the_tour_and_its_server():
    with running() as process:
        children = descendants(process.pid)
        assert any("server" in name_of(child) for child in children)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=LIMIT)
        assert (process.returncode, err) == (130, "python -m txredis_fast: interrupted\n")
        assert not any(map(is_running, children))


@linux
def test_the_server_ends_even_when_the_tour_is_killed():
    with running() as process:
        children = descendants(process.pid)
        process.kill()
        process.wait()
        wait_until(lambda: not any(map(is_running, children)), "every process of the tour ended", 5)


@linux
def test_a_server_that_ends_in_the_middle_is_told_of_in_one_line():
    with running() as process:
        children = descendants(process.pid)
        (server,) = [child for child in children if "server" in name_of(child)]
        os.kill(server, signal.SIGKILL)
        _, err = process.communicate(timeout=LIMIT)
        assert process.returncode == 1
        assert err == "python -m txredis_fast: the server ended unexpectedly (signal 9)\n"
        assert not any(map(is_running, children))


# -- the doctor


def test_the_doctor_takes_the_tour_and_leaves_no_key_behind(server):
    server.command("SET", "greeting", "not the tour's")
    done = command("--url", f"redis://localhost:{server.port}/0", *SHORT)
    assert done.returncode == 0
    name, version = server.version
    for words in (f"{name.capitalize()} {version}, standalone", f"localhost:{server.port}", "No key is left behind."):
        assert words in done.stdout
    assert "# refused" not in done.stdout
    assert server.command("KEYS", "*") == [b"greeting"]
    assert server.command("GET", "greeting") == b"not the tour's"


def test_the_doctor_takes_password_user_db_and_unix_socket(make_server):
    server = make_server(password="s3cr/t", users={"alice": "on >p@ss ~* &* +@all"})
    for url, user, db in (
        (f"redis://:s3cr%2Ft@127.0.0.1:{server.port}/3", "default", 3),
        (f"unix://alice:p%40ss@{server.path}?db=2", "alice", 2),
    ):
        done = command("--url", url, *SHORT)
        assert done.returncode == 0
        assert f"User      {user}\n  Database  {db}\n" in done.stdout
        for secret in ("s3cr", "p@ss", "p%40ss"):
            assert secret not in done.stdout + done.stderr
    assert server.info("keyspace") == {}


def test_what_the_user_may_not_do_is_told(make_server):
    server = make_server(
        users={
            "reader": "on >r ~other:* resetchannels -@all +get +ping +select",
            "writer": "on >w ~* &* +@all -del -multi",
        }
    )
    done = command("--url", f"redis://reader:r@127.0.0.1:{server.port}", *SHORT)
    assert (done.returncode, done.stderr) == (0, "Measuring for 0.2 s ...\n")
    assert done.stdout.count("# refused: NOPERM") == 5
    assert "Speed: PING" in done.stdout
    assert "The server answers, but refused 5 steps.\nNo key is left behind.\n" in done.stdout
    assert server.command("DBSIZE") == 0
    done = command("--url", f"redis://writer:w@127.0.0.1:{server.port}", *SHORT)
    assert done.returncode == 0
    assert "Its keys could not be deleted; they expire within 60 seconds (NOPERM" in done.stdout
    names = server.command("KEYS", "*")
    assert len(names) == 2
    assert all(0 < server.command("TTL", name) <= 60 for name in names)


FEW_RIGHTS = "on >s3crt ~tour-* &* -@all +@read +@write +@connection +@transaction +@pubsub -@dangerous -client -acl"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_what_an_account_with_few_rights_may_not_ask_is_told(make_server, kind):
    if kind.binary() is None:
        pytest.skip(f"{kind.name} is not installed")
    server = make_server(binary=kind.binary(), users={"few": FEW_RIGHTS})
    done = command("--url", *SHORT, REDIS_URL=f"redis://few:s3crt@127.0.0.1:{server.port}")
    assert (done.returncode, done.stderr) == (0, "Measuring for 0.2 s ...\n")
    assert "  Server    a server that refuses INFO\n" in done.stdout
    assert "  User      few\n" in done.stdout
    assert "  May not   INFO, CLIENT, CONFIG, SLOWLOG, LATENCY, ACL\n" in done.stdout
    assert "Lacks" not in done.stdout
    assert "The server answers, and refused nothing else.\nNo key is left behind.\n" in done.stdout
    assert "s3crt" not in done.stdout


def test_commands_that_a_server_lacks_are_told(make_server):
    server = make_server('rename-command CONFIG ""', 'rename-command LATENCY ""')
    done = command("--url", f"redis://127.0.0.1:{server.port}", *SHORT)
    assert done.returncode == 0
    assert "  Lacks     CONFIG, LATENCY\n" in done.stdout
    assert "May not" not in done.stdout


@linux
def test_the_url_in_the_environment_is_in_no_list_of_processes(make_server):
    server = make_server(password="s3crt")
    with running("--url", REDIS_URL=f"redis://:s3crt@127.0.0.1:{server.port}") as process:
        assert server.command("DBSIZE") == 2  # it is at work, logged in
        for pid in (process.pid, *descendants(process.pid)):
            assert b"s3crt" not in Path(f"/proc/{pid}/cmdline").read_bytes()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=LIMIT)
        assert (process.returncode, err) == (130, "python -m txredis_fast: interrupted\n")
        assert "s3crt" not in out


def test_without_the_option_the_tour_has_its_own_server_whatever_the_environment(server):
    done = command(*SHORT, REDIS_URL=f"redis://127.0.0.1:{server.port}")
    assert done.returncode == 0
    assert "started for this tour" in done.stdout


@pytest.mark.parametrize(
    ("rules", "speed"),
    [
        ("-@all", "Not measured; refused: NOPERM"),
        ("-@all +ping", "Speed: PING"),
        ("-@all +get ~*", "Speed: GET of a missing key"),
        ("-@all +get +set ~*", "Speed: GET of 32 bytes"),
        ("+@all -ping -info -acl ~* &*", "Speed: GET of 32 bytes"),
        ("+@read ~* &*", "Speed: GET of a missing key"),
        ("+@all -exec -discard -unwatch -del -publish ~* &*", "Speed: GET of 32 bytes"),
    ],
)
def test_every_step_of_the_doctor_may_be_refused(make_server, rules, speed):
    server = make_server(users={"one": f"on >pw {rules}"})
    done = command("--url", f"redis://one:pw@{server.host}:{server.port}", *SHORT)
    assert "Traceback" not in done.stderr
    assert speed in done.stdout
    assert "The server answers, " in done.stdout
    assert done.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_doctor_leaves_no_key_behind(server, number):
    with running("--url", f"redis://127.0.0.1:{server.port}") as process:
        assert server.command("DBSIZE") == 2
        process.send_signal(number)
        _, err = process.communicate(timeout=LIMIT)
        assert (process.returncode, err) == (128 + number, "python -m txredis_fast: interrupted\n")
    assert server.command("DBSIZE") == 0


def test_keys_are_deleted_although_the_connections_were_lost(server):
    with running("--url", f"redis://127.0.0.1:{server.port}") as process:
        server.command("CLIENT", "KILL", "TYPE", "normal")
        _, err = process.communicate(timeout=LIMIT)
        assert process.returncode == 1
        assert err.startswith("python -m txredis_fast: lost the server: ")
        assert (err.count("\n"), "expire" in err) == (1, False)
    assert server.command("DBSIZE") == 0


def test_a_server_that_dies_in_the_middle_is_told_of_in_one_line(fresh_server):
    with running("--url", "--timeout", "2", REDIS_URL=f"redis://:@127.0.0.1:{fresh_server.port}") as process:
        fresh_server.kill()
        _, err = process.communicate(timeout=LIMIT)
        assert process.returncode == 1
        assert err.startswith("python -m txredis_fast: lost the server: ")
        assert re.search(r"[^.]; its keys could not be deleted; they expire within", err)
        assert "Lost connection" not in err  # the line has said so
        assert err.count("\n") == 1


def test_a_server_that_stops_answering_is_told_of_in_time(fresh_server):
    with running("--url", f"redis://127.0.0.1:{fresh_server.port}", "--timeout", "0.5") as process:
        fresh_server.pause()
        start = time.monotonic()
        _, err = process.communicate(timeout=LIMIT)
        assert process.returncode == 1
        assert err.startswith("python -m txredis_fast: lost the server: ")
        assert "they expire within" in err
        assert err.count("\n") == 1
        assert time.monotonic() - start < 8


def test_why_there_is_no_connection_is_one_line(make_server, tmp_path, closed_port):
    server = make_server(password="s3cr/t")
    address = f"127.0.0.1:{server.port}"
    expected = {
        f"redis://127.0.0.1:{closed_port}": "connection refused",
        "redis://no-such-host.invalid": "the name no-such-host.invalid",
        f"redis://:wr%2Fng@{address}": "wrong user or password",
        f"redis://{address}": "it requires a password",
        f"redis://:s3cr%2Ft@{address}/99": "there is no db 99",
        f"rediss://:s3cr%2Ft@{address}": "does not speak TLS",
        f"unix://{tmp_path}/nothing": "the socket does not exist",
    }
    with ThreadPoolExecutor(4) as threads:
        lines = threads.map(lambda url: one_line(command("--url", url, "--timeout", "3")), expected)
        for line, words in zip(lines, expected.values(), strict=True):
            assert words in line
            for secret in ("s3cr", "wr%2Fng", "wr/ng"):
                assert secret not in line
    server.pause()
    assert "did not answer within 0.5 s" in one_line(command("--url", f"redis://{address}", "--timeout", "0.5"))


@pytest_twisted.ensureDeferred
async def test_the_doctor_speaks_tls_and_knows_where_it_is_missing(server, certificates, tmp_path):
    authority = tmp_path / "authority.pem"
    authority.write_bytes(certificates.authority)
    proxy = TLSProxy(server.host, server.port, certificates)
    try:
        url = f"rediss://localhost:{proxy.port}"
        done = await deferToThread(command, "--url", url, *SHORT, SSL_CERT_FILE=str(authority), PYTHONWARNINGS="")
        assert (done.returncode, done.stderr) == (0, "Measuring for 0.2 s ...\n")
        assert "TLS 1.3, certificate verified" in done.stdout
        done = await deferToThread(command, "--url", url, "--timeout", "5", PYTHONWARNINGS="")
        assert "the TLS certificate is not trusted" in one_line(done)
        done = await deferToThread(command, "--url", f"redis://localhost:{proxy.port}", "--timeout", "5")
        assert "rediss://" in one_line(done)
    finally:
        await proxy.stop()


# -- run


@pytest.fixture
def program(tmp_path):
    """A folder with a program written for txredisapi."""
    (tmp_path / "program.py").write_text(
        textwrap.dedent(
            '''\
            """A program."""
            import sys

            assert not any(name.startswith("twisted.internet.") and name.endswith("reactor") for name in sys.modules)

            import __main__
            import helper
            import txredisapi as redis
            from twisted.internet import defer, task

            print(redis.__name__, sys.argv, sys.path[0], __main__.__file__, __doc__)


            def fail():
                raise KeyError("program")


            @defer.inlineCallbacks
            def talk(reactor, port):
                rc = yield redis.Connection("127.0.0.1", int(port))
                yield rc.set("key", "value")
                print((yield rc.get("key")))
                yield rc.disconnect()


            if __name__ == "__main__":
                verb, *arguments = sys.argv[1:]
                if verb == "fail":
                    fail()
                if verb == "exit":
                    sys.exit(int(arguments[0]))
                task.react(talk, arguments)
            '''
        )
    )
    (tmp_path / "helper.py").write_text("import txredisapi\n")
    return tmp_path


def test_run_runs_a_script_and_a_module_as_python_does(program, server):
    script = program / "program.py"
    done = command("run", script, "talk", server.port)
    assert (done.returncode, done.stderr) == (0, "")
    first = f"txredis_fast {[str(script), 'talk', str(server.port)]} {program} {script} A program.\n"
    assert done.stdout == f"{first}value\n"
    done = command("run", "-m", "program", "talk", server.port, folder=program)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", f"{first}value\n")


def test_run_leaves_exit_status_and_traceback_to_the_program(program):
    script = program / "program.py"
    assert command("run", script, "exit", 7).returncode == 7
    for done in (command("run", script, "fail"), command("run", "-m", "program", "fail", folder=program)):
        assert done.returncode == 1
        lines = done.stderr.splitlines()
        assert lines[0] == "Traceback (most recent call last):"
        assert lines[-1] == "KeyError: 'program'"
        assert [line.split('"')[1] for line in lines if line.startswith("  File")] == [str(script)] * 2


def test_run_runs_twistd(program):
    (program / "service.tac").write_text(
        textwrap.dedent(
            """\
            import txredisapi
            from twisted.application.service import Application, Service

            class Told(Service):
                def startService(self):
                    from twisted.internet import reactor
                    print("the service runs on", txredisapi.__name__)
                    reactor.callLater(0, reactor.stop)

            application = Application("told")
            Told().setServiceParent(application)
            """
        )
    )
    done = command("run", "twistd", "-n", "--pidfile=", "--logfile=-", "-y", "service.tac", folder=program)
    assert done.returncode == 0, done.stderr
    assert "the service runs on txredis_fast" in done.stdout


def test_run_says_when_there_is_no_such_module(program):
    done = command("run", "-m", "no_such_module", folder=program)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "no_such_module" in done.stderr
