"""The namespaces of server modules against a server that has the modules, under RESP2 and RESP3."""

from __future__ import annotations

import ast
import contextlib
import io
import socket

import pytest
import pytest_twisted
from commands.host import Host, result_of
from commands.modules.commands import COMMANDS, names_of
from commands.modules.tables import SESSIONS, alike
from testbed.documents import ROOT, python_blocks
from testbed.modules import ModulesMissingError, module_server
from testbed.wire import command
from twisted.internet.defer import Deferred

import txredis_fast as redis
from txredis_fast.resp import _pyresp


@pytest.fixture(scope="module")
def modules():
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(module_server())
        except ModulesMissingError as error:
            pytest.skip(str(error))
        yield server


class LiveHost(Host):
    """A host that sends to a server, and waits for each reply."""

    def __init__(self, path, protocol):
        super().__init__(_pyresp)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(10)
        self._socket.connect(path)
        if protocol == 3:
            self.talk("HELLO", "3")

    def close(self):
        self._socket.close()

    def talk(self, *words):
        """Send a command and return the bytes of its reply."""
        self._socket.sendall(command(*words))
        reader = _pyresp.Reader(None, False)
        received = b""
        while not reader.get_all():
            data = self._socket.recv(65536)
            assert data, "the server has closed the connection"
            received += data
            reader.feed(data)
        return received

    def execute_command(self, *args, raw=False, **options):
        deferred = super().execute_command(*args, **options)
        self._reader = _pyresp.Reader(None, False) if raw else _pyresp.Reader("utf-8", True)
        self.answer(self.talk(*args))
        return deferred


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("session", SESSIONS)
def test_a_server_gives_the_values_of_the_rows(modules, session, protocol):
    modules.reset()
    with contextlib.closing(LiveHost(modules.path, protocol)) as host:
        problems = []
        for row in SESSIONS[session]:
            for words in row.before:
                host.talk(*words)
            value = result_of(row.call(host))
            if not (type(value) is type(row.value) if row.varies else alike(value, row.value)):
                problems.append(f"{row.name}: {' '.join(map(str, row.sent))}: {value!r}")
        assert problems == []


@pytest.mark.parametrize("way", ["handler", "pipeline", "transaction"])
@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("session", SESSIONS)
@pytest_twisted.inlineCallbacks
def test_a_handler_gives_the_values_of_the_rows(modules, session, protocol, way):
    """Over the package's own connections, with the handshake of either protocol."""
    modules.reset()
    host, port = modules.address
    rc = yield redis.ConnectionPool(host, port, poolsize=2, protocol=protocol)
    problems = []
    try:
        assert (yield rc.execute_command("HELLO"))[5 if protocol == 2 else "proto"] == protocol
        for row in SESSIONS[session]:
            for words in row.before:
                modules.command(*map(str, words))
            try:
                value = yield from over(rc, way, row)
            except redis.RedisError as error:
                value = error
            if not (type(value) is type(row.value) if row.varies else alike(value, row.value)):
                problems.append(f"{row.name}: {' '.join(map(str, row.sent))}: {value!r}")
    finally:
        yield rc.disconnect()
    assert problems == []


def over(rc, way, row):
    """The value of a row's call on a handler, or in a pipeline or transaction of its own."""
    if way == "handler":
        return (yield row.call(rc))
    if way == "pipeline":
        pipeline = yield rc.pipeline()
        row.call(pipeline)
        results = yield pipeline.execute_pipeline(raise_on_error=False)
    else:
        transaction = yield rc.multi()
        yield row.call(transaction)
        results = yield transaction.commit()
    return results[0]


def test_the_list_of_the_modules_commands_is_the_servers(modules):
    names = [each[0].decode().upper() for each in modules.command("COMMAND")]
    assert sorted(name for name in names if "." in name) == sorted(names_of(COMMANDS))


@pytest_twisted.inlineCallbacks
def test_a_handler_has_the_namespaces(modules):
    modules.reset()
    rc = yield redis.ConnectionPool(*modules.address, poolsize=2)
    try:
        yield rc.json.set("user", "$", {"name": "Ada", "tags": ["a"]})
        t = yield rc.multi()
        yield t.json.arrappend("user", "$.tags", "b")
        yield t.ts.add("load", 1000, 0.5)
        assert (yield t.commit()) == [[2], 1000]
        p = yield rc.pipeline()
        p.json.get("user", "$.tags")
        p.ts.range("load")
        p.topk.reserve("top", 3)
        assert (yield p.execute_pipeline()) == [[["a", "b"]], [(1000, 0.5)], "OK"]
        batch = redis.Batch()
        batch.bf.add("seen", "x")
        batch.tdigest.create("times")
        assert (yield rc.batch(batch)) == [True, "OK"]
    finally:
        yield rc.disconnect()


@pytest_twisted.inlineCallbacks
def test_a_cursor_gives_all_rows(modules):
    modules.reset()
    rc = yield redis.Connection(*modules.address)
    try:
        index = rc.search("numbers")
        yield index.create(rc.search.Numeric("n"), prefix=["n:"])
        for number in range(3):
            yield rc.hset(f"n:{number}", "n", number)
        result = yield index.aggregate("*", load=["@n"], cursor=2)
        rows = result.rows
        while result.cursor:
            result = yield index.cursor_read(result.cursor)
            rows += result.rows
        assert sorted(row["n"] for row in rows) == [0, 1, 2]
        result = yield index.aggregate("*", load=["@n"], cursor=1)
        assert (yield index.cursor_del(result.cursor)) == "OK"
    finally:
        yield rc.disconnect()


@pytest_twisted.inlineCallbacks
def test_the_page_about_modules_prints_what_it_says(modules):
    modules.reset()
    rc = yield redis.ConnectionPool(*modules.address)
    namespace = {"rc": rc}
    blocks = python_blocks(ROOT / "docs" / "howto" / "modules.rst")
    try:
        assert len(blocks) == 2
        for block in blocks:
            code = compile(block.text, str(block), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
            with contextlib.redirect_stdout(io.StringIO()) as output:
                yield Deferred.fromCoroutine(eval(code, namespace))
            assert output.getvalue().splitlines() == block.printed
    finally:
        yield rc.disconnect()
