"""Every block of Python in the README and in ``docs/`` runs on real servers, and prints what it says that it prints."""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
import pytest_twisted
from testbed.documents import DOCUMENTS, ROOT, Block, name_of, python_blocks
from testbed.live import bounded, until
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.threads import deferToThread

import txredis_fast as redis

#: Seconds that one block may take.
LIMIT = 60.0

PAGES = [
    pytest.param(page, id=name_of(page))
    for page in DOCUMENTS
    if any(not block.fragment for block in python_blocks(page))
]


@pytest.fixture
def factories(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every factory that is made, so that all connections of a page can be closed at its end."""
    made: list[Any] = []
    stock = redis.RedisFactory.__init__

    def remember(self: Any, *args: Any, **kwargs: Any) -> None:
        stock(self, *args, **kwargs)
        made.append(self)

    monkeypatch.setattr(redis.RedisFactory, "__init__", remember)
    return made


@pytest.fixture
def addresses(page: Path, request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """What stands in a page for the addresses that it shows: those of real servers."""
    text = page.read_text(encoding="utf-8")
    server = request.getfixturevalue("server")
    found = {
        '"localhost", 6379': f'"{server.host}", {server.port}',
        "localhost:6379": f"{server.host}:{server.port}",
        "tcp:localhost:port=6379": f"tcp:{server.host}:port={server.port}",
        '"/run/redis.sock"': f'"{server.path}"',
        "tcp:8080:": "tcp:0:",
    }
    if "10.0.0.2:6379" in text:
        second = request.getfixturevalue("fresh_server")
        found["10.0.0.1:6379"] = f"{server.host}:{server.port}"
        found["10.0.0.2:6379"] = f"{second.host}:{second.port}"
    if ":7000" in text:
        cluster = request.getfixturevalue("cluster")
        found |= {f"10.0.0.{number}:7000": f"127.0.0.1:{cluster.nodes[number].port}" for number in (1, 2)}
    if "26379" in text:
        _, _, watchers = request.getfixturevalue("sentinels")
        for number, each in enumerate(watchers, 1):
            found[f'"10.0.0.{number}", 26379'] = f'"{each.host}", {each.port}'
            found[f"10.0.0.{number}:26379"] = f"{each.host}:{each.port}"
    if "redis.example" in text:
        proxy = request.getfixturevalue("tls_proxy")
        authority = tmp_path / "ca.pem"
        authority.write_bytes(proxy.certificates.authority)
        found['"redis.example", 6380'] = f'"localhost", {proxy.port}'
        found["redis.example:6380"] = f"localhost:{proxy.port}"
        found["/etc/redis/ca.pem"] = str(authority)
    return found


def with_addresses(block: Block, found: dict[str, str]) -> str:
    # The longest first: one address may be a part of another one.
    pattern = "|".join(map(re.escape, sorted(found, key=len, reverse=True)))
    text = re.sub(pattern, lambda match: found[match[0]], block.text)
    left = re.findall(r"\b6379\b|\b26379\b|10\.0\.0\.\d|redis\.example|/run/\S*|/etc/\S*", text)
    assert not left, f"{block} has an address that no server of the tests stands in for: {left}"
    return text


def run_program(text: str, folder: Path) -> str:
    """Run a program that starts the reactor itself; returns what it printed."""
    path = os.pathsep.join([str(Path(redis.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", text],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


async def run_here(code: CodeType, namespace: dict[str, Any]) -> str:
    """Run a block as a part of this program; returns what it printed."""
    with contextlib.redirect_stdout(io.StringIO()) as output:
        coroutine = eval(code, namespace)
        if inspect.iscoroutine(coroutine):
            await bounded(Deferred.fromCoroutine(coroutine), LIMIT)
    return output.getvalue()


async def close_all(factories: list[Any]) -> None:
    for factory in factories:
        await bounded(factory.disconnect(timeout=0))


async def run_page(page: Path, found: dict[str, str], folder: Path, namespace: dict[str, Any]) -> int:
    """Run a page's blocks in their order; returns how many."""
    done = 0
    for block in python_blocks(page):
        if block.fragment:
            continue
        text = with_addresses(block, found)
        if block.is_program:
            output = run_program(text, folder)
        else:
            # The line numbers of a traceback are those of the page.
            flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            code = compile("\n" * block.line + text, str(page), "exec", flags, dont_inherit=True)
            output = await run_here(code, namespace)
        assert output.splitlines() == block.printed, str(block)
        done += 1
    return done


async def visits(site: Any, path: str, count: int) -> list[bytes]:
    """What a site responds to so many requests."""
    from twisted.internet import reactor

    port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(site)
    url = f"http://127.0.0.1:{port.getHost().port}{path}"

    def get() -> bytes:
        with urllib.request.urlopen(url, timeout=LIMIT) as response:
            return bytes(response.read())

    try:
        return [await bounded(deferToThread(get)) for _ in range(count)]
    finally:
        await port.stopListening()


async def visit_site(namespace: dict[str, Any]) -> None:
    """The web page's own handler answers requests."""
    await until(lambda: namespace["rc"].stats().free, "its lazy pool is connected")
    assert await visits(namespace["site"], "/", 2) == [b"visit 1\n", b"visit 2\n"]


async def scrape(namespace: dict[str, Any]) -> None:
    """Every metric that the page names is there, with the number of what was done."""
    try:
        await namespace["rc"].set("prometheus", "a")
        namespace["rc"].lpush("prometheus", "b").addErrback(lambda _: None)
        await namespace["rc"].delete("prometheus")
        [text] = await visits(namespace["site"], "/metrics", 1)
    finally:
        namespace["provider"].shutdown()  # it is registered in the process
    metrics = {line.partition("{")[0]: line.rpartition(" ")[2] for line in text.decode().splitlines()}
    named = re.findall(r"``((?:txredis_fast|db_client_connection)_\w+)``", PROMETHEUS.read_text(encoding="utf-8"))
    assert [name for name in named if name not in metrics and f"{name}=" not in text.decode()] == []
    assert metrics["txredis_fast_replies_total"] == "3.0"
    assert re.search(
        r'^txredis_fast_errors_total\{.*db_response_status_code="WRONGTYPE".*\} 1\.0$', text.decode(), re.MULTILINE
    )


PROMETHEUS = ROOT / "docs" / "howto" / "prometheus.rst"

#: What is done with what a page has defined.
AFTERWARDS = {"docs/howto/web.rst": visit_site, name_of(PROMETHEUS): scrape}


@pytest.mark.parametrize("page", PAGES)
@pytest_twisted.ensureDeferred
async def test_code_of_a_page_runs_and_prints_what_it_says(page, addresses, tmp_path, factories):
    if page == PROMETHEUS:
        pytest.importorskip("opentelemetry.exporter.prometheus", reason="an extra of this page alone")
    namespace: dict[str, Any] = {"__name__": "documentation"}
    try:
        assert await run_page(page, addresses, tmp_path, namespace)
        if afterwards := AFTERWARDS.get(name_of(page)):
            await afterwards(namespace)
    finally:
        await close_all(factories)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("print(1 + 1)  # 3", AssertionError),
        ("print(1 + 1)", AssertionError),
        ("await no_such_name", NameError),
        ('rc = redis.lazyConnection("elsewhere.example", 6379)', AssertionError),
    ],
)
@pytest_twisted.ensureDeferred
async def test_a_block_that_does_not_do_what_it_says_is_noticed(text, error, tmp_path, monkeypatch):
    page = tmp_path / "page.rst"
    page.write_text(f".. code-block:: python\n\n    {text}\n")
    monkeypatch.setattr("testbed.documents.ROOT", tmp_path)
    with pytest.raises(error):
        await run_page(page, {"localhost": "127.0.0.1"}, tmp_path, {"redis": redis})


@pytest.mark.parametrize("page", [ROOT / "docs" / "deploying.rst"], ids=name_of)
def test_the_service_starts_with_twistd_and_stops(page, addresses, server, tmp_path):
    [block] = python_blocks(page)
    service = tmp_path / "visits.tac"
    service.write_text(with_addresses(block, addresses))
    run = "import sys; sys.argv[0] = 'twistd'; from twisted.scripts.twistd import run; run()"
    path = os.pathsep.join([str(Path(redis.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = subprocess.Popen(
        [sys.executable, "-c", run, "--nodaemon", "--python", str(service)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
    )
    try:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if started := re.search(r"Site starting on (\d+)", line):
                break
        else:
            pytest.fail("".join(lines))
        for visit in (1, 2):
            with urllib.request.urlopen(f"http://127.0.0.1:{started[1]}/", timeout=LIMIT) as response:
                assert response.read() == f"visit {visit}\n".encode()
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=LIMIT)
        assert process.returncode in (0, -signal.SIGTERM), rest  # newer Twisted ends by the signal itself
        assert "Traceback" not in rest
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert server.command("GET", "visits") == b"2"
