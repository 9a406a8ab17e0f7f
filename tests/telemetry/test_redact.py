"""What is kept out of texts, and that nothing else is: passwords of any type, of any length, in any text."""

from __future__ import annotations

import time
from typing import Any

import pytest
from testbed.support import Pool, connected, failed
from twisted.python.failure import Failure

import txredis_fast as redis
from txredis_fast.exceptions import response_error
from txredis_fast.telemetry.redact import kind_and_size, redacted, without_secret

pytestmark = pytest.mark.promise(
    "No error, event or hook contains a password or a part of it, whatever its type and whatever the server repeats",
    about="Security",
)

SECRET = "Marker-9f31-Password"


# -- what servers repeat of a command's arguments


@pytest.mark.parametrize(
    ("before", "repeated", "behind"),
    [
        ("Error in ACL SETUSER modifier '", ">{}", "': Syntax error"),
        ("Error in ACL SETUSER modifier '", "<{}'s end", "': no such password"),
        ("Error in ACL SETUSER modifier '", "<a': {}", "': no such password"),
        ("Error in ACL SETUSER modifier '", "(>{} )", "': Syntax error"),
        ("Error in ACL SETUSER modifier '", "{}", "': Syntax error"),
        ("Error in ACL SETUSER modifier '", "x>{}", ""),
        ("Unmatched parenthesis in acl selector starting at '", "(>{}", "'."),
        ("Syntax error in HELLO option '", "{}", "'"),
        ("Unknown option or number of arguments for CONFIG SET - '", "{}", "'"),
        ("Unsupported CONFIG parameter: ", "{}", ""),
        ("Invalid argument '", "{}", "' for CONFIG SET 'masterauth'"),
        ("Invalid argument '", "{}", "' for SENTINEL SET 'auth-pass'"),
        ("Unknown option or number of arguments for SENTINEL SET '", "{}", "'"),
        ("Invalid argument '", "{}", "' to SENTINEL CONFIG SET"),
        ("Invalid value '", "{}", "' to SENTINEL CONFIG SET 'sentinel-pass'"),
        ("unknown command 'MYAUTH', with args beginning with: ", "'{}' 'x' ", ""),
        ("unknown command `SENTINEL`, with args beginning with: ", "`SET`, `{}`, ", ""),
        ("unknown command `HELLO`, with args beginning with: ", "`3`, `AUTH`, `{}`, ", ""),
        ("unknown command 'ACL', with args beginning with: ", "'SETUSER' 'u' '>{}' ", ""),
        ("unknown command 'CONFIG', with args beginning with: ", "'SET' 'requirepass' '{}' ", ""),
        ("unknown command 'SENTINEL', with args beginning with: ", "'CONFIG' 'SET' 'sentinel-pass' '{}' ", ""),
        ("unknown command 'AUTH', with args beginning with: ", "'{}' ", ""),
        ("unknown command 'AUTH ", "{}", "', with args beginning with: "),
        ("unknown command `AUTH ", "{}", "`"),
        ("Target instance replied with error: ERR unknown command 'AUTH', with args beginning with: ", "'{}' ", ""),
    ],
)
def test_what_a_server_repeats_of_a_secret_is_left_out_and_the_rest_is_told(before, repeated, behind):
    text = f"ERR {before}{repeated.format(SECRET)}{behind}"
    assert str(response_error(text)) == f"ERR {before}***{behind}"


@pytest.mark.parametrize(
    "text",
    [
        "ERR Error in ACL SETUSER modifier '+nosuch': Unknown command or category name in ACL",
        "ERR Error in ACL SETUSER modifier '~x*': Adding a pattern after the * pattern is not valid",
        "ERR Syntax error in HELLO option 'SETNAME'",
        "ERR Unknown option or number of arguments for CONFIG SET - 'maxmemroy'",
        "ERR Invalid argument 'x' for CONFIG SET 'maxmemory' - argument must be a memory value",
        "ERR Invalid argument 'x' for SENTINEL SET 'quorum'",
        "ERR unknown command 'FOO', with args beginning with: 'a' 'b' ",
        "ERR unknown command 'SENTINEL', with args beginning with: 'MASTERS' ",
        "ERR unknown command `SENTINEL`, with args beginning with: `get-master-addr-by-name`, `mymaster`, ",
        "ERR unknown command 'CONFIG', with args beginning with: 'GET' 'maxmemory' ",
        "ERR unknown command 'ACL', with args beginning with: 'WHOAMI' ",
        "ERR unknown command `HELLO`, with args beginning with: `3`, ",
        "ERR unknown command 'AUTH', with args beginning with: ",
        "ERR wrong number of arguments for 'auth' command",
        "WRONGPASS invalid username-password pair or user is disabled.",
        "",
    ],
)
def test_what_is_no_secret_is_told_whole(text):
    assert str(response_error(text)) == text


@pytest.mark.parametrize(
    "piece",
    [
        "ACL SETUSER modifier '", "unknown command 'AUTH ", ", with args beginning with: ", "Invalid argument '",
        "' for CONFIG SET '", "HELLO option '",
    ],
)  # fmt: skip
def test_a_long_error_of_a_hostile_server_is_read_once(piece):
    text = "ERR " + piece * (1_000_000 // len(piece))
    begin = time.process_time()
    response_error(text)
    without_secret(text, piece * 5000)
    assert time.process_time() - begin < 0.5


@pytest.mark.parametrize("password", ["list", "get", "1", "12345"])
def test_a_password_that_looks_like_a_subcommand_is_none(password):
    text = f"ERR unknown command 'AUTH', with args beginning with: '{password}' "
    assert str(response_error(text)) == "ERR unknown command 'AUTH', with args beginning with: ***"


# -- the search for known secrets


def test_every_spelling_of_a_secret_is_found():
    secret = "quo'te\u20ac\\back9"
    for spelling in (secret, repr(secret), repr(secret.encode()), repr([secret]), ascii(secret.encode())):
        assert "te" not in without_secret(f"ERR <{spelling}>", secret)
    assert without_secret("ERR \ufffd\x00Marker-9", b"\xff\x00Marker-9") == "ERR ***"


@pytest.mark.parametrize(
    "secret", [None, "", b"", lambda: SECRET, object(), [SECRET], True, 12, "a", b"ab", 1.5, "\udc80"]
)
def test_what_is_no_secret_or_too_short_to_search_for_leaves_texts_readable(secret):
    text = "ERR a text of an average length, with 12 words, and True 1.5 ab"
    assert without_secret(text, secret) == text
    assert str(redacted(redis.ResponseError(text), secret)) == text


def test_a_number_as_a_password_is_kept_out_too():
    assert "20240131" not in without_secret("ERR what is 20240131", 20240131)


def test_a_secret_that_is_a_plain_word_is_not_told_by_the_hole_that_it_leaves():
    told = without_secret("ERR invalid password given", "password")
    assert told == "ERR ***"


def test_the_words_of_this_package_are_not_searched():
    error = redis.MaybeExecutedError("Lost connection: Connection was closed cleanly.")
    assert redacted(error, "connection", "closed cleanly.") is error


@pytest.mark.parametrize(
    "secret",
    ["Marker-9f31-Password", "got what is expected", "x" * 40 + "Marker", "Marker" + "x" * 40, b"Marker-\xff-9"],
)
def test_a_piece_of_garbage_that_is_cut_inside_a_secret_is_left_out(secret):
    data = secret if isinstance(secret, bytes) else secret.encode()
    for shift in range(len(data) - 4):
        protocol, transport = connected(password=None)
        protocol.password = secret
        lost: list[Any] = []
        protocol.whenDisconnected().addCallback(lost.append)
        protocol.dataReceived(b"@" * (shift % 3) + data[shift:] + b"\r\n")
        assert lost and transport.aborted
        shown = protocol.link.lost_because
        assert not any(repr(data[at : at + 5])[2:-1] in shown.partition(", got ")[2] for at in range(len(data) - 4)), (
            shown
        )


def test_a_long_secret_in_a_long_text_takes_no_time():
    secret = "0123456789abcdef" * 4096
    text = "ERR " + secret[:-1] * 16
    begin = time.process_time()
    without_secret(text, secret)
    assert time.process_time() - begin < 0.5


# -- a refused password


@pytest.mark.usefixtures("both")
@pytest.mark.parametrize("password", ["a", "ab", b"c", 7, "in", "1234"])
def test_a_short_password_is_told_by_no_text_and_makes_none_unreadable(password, clock):
    secret = password.decode() if isinstance(password, bytes) else str(password)
    for text, told in (
        (f"ERR what is {secret}", "ERR ***"),
        (f"what is {secret}", "***"),
        ("WRONGPASS invalid username-password pair or user is disabled.", None),
    ):
        protocol, transport = connected(password=password)
        transport.clear()
        protocol.dataReceived(f"-{text}\r\n".encode())
        assert protocol.link.lost_because == f"Redis error: could not auth: {told or text}"


def test_a_short_password_does_not_become_stars_in_errors_of_other_commands(clock):
    seen = []

    class Hook:
        def command_started(self, command):
            return None

        def command_ended(self, token, error):
            seen.append(error)

    pool = Pool(password="a", hooks=[Hook()], connect=False)
    transport = pool.connect()
    transport.clear()
    transport.protocol.dataReceived(b"+OK\r\n")
    sent = pool.handler.get("key")
    pool.answer(b"-WRONGTYPE Operation against a key\r\n")
    assert str(failed(sent, redis.WrongTypeError)) == "WRONGTYPE Operation against a key" == str(seen[-1])


def test_a_password_that_was_given_later_is_kept_out_too(clock):
    pool = Pool()
    changed = pool.handler.auth(SECRET)
    pool.answer(b"+OK\r\n")
    assert changed.called
    pool.transports[0].protocol.dataReceived(f"-ERR what is {SECRET}\r\n".encode())
    assert pool.transports[0].protocol.link.lost_because.endswith("ERR what is ***")


# -- nothing raises


class Strange(Exception):
    def __init__(self, one, *, two):
        self.one, self.two = one, two

    def __str__(self):
        return f"{self.one}: {self.two}"


class Silent(Exception):
    def __str__(self):
        raise RuntimeError


def test_an_error_that_cannot_be_made_again_is_another_one_without_the_secret():
    assert "Marker" not in str(redacted(Strange("x", two=SECRET), SECRET))
    assert "Marker" not in str(redacted(KeyError(SECRET), SECRET))
    assert "Marker" not in str(redacted(redis.PipelineError([redis.ResponseError(f"ERR {SECRET}")], 0), SECRET))
    silent = Silent()
    assert redacted(silent, SECRET) is silent
    assert type(redacted(redis.WrongTypeError(f"WRONGTYPE {SECRET}"), SECRET)) is redis.WrongTypeError


class Text(str):
    def encode(self, *args, **kwargs):
        raise RuntimeError


@pytest.mark.usefixtures("both")
@pytest.mark.parametrize(
    "password",
    [12345678, b"bytes-1", bytearray(b"x1234567"), lambda: "x", object(), Text("abcdefg1"), 1.5],
    ids=lambda value: type(value).__name__,
)
def test_a_password_of_any_type_keeps_no_connection_from_being_ended(password, clock):
    protocol, transport = connected(password=None)
    protocol.password = password
    sent = protocol.get("key")
    protocol.dataReceived(b"@garbage 12345678\r\n")
    assert transport.aborted
    assert "expected" in str(failed(sent, redis.GarbledReplyError))
    protocol, transport = connected(password=None)
    protocol.password = password
    protocol._handshake_failed("could not auth", Failure(redis.ResponseError("ERR no")))
    assert transport.disconnecting


# -- replies that nobody asked for


@pytest.mark.usefixtures("both")
@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"$12\r\nMarker-9f31-\r\n", "a string of 12 characters"),
        (b"*2\r\n$6\r\nMarker\r\n:1\r\n", "a list of 2"),
        (b":91\r\n", "of type int"),
        (b"$-1\r\n", "nil"),
        (b"-ERR some reason\r\n", "ERR some reason"),
    ],
)
def test_a_reply_that_nobody_asked_for_is_told_without_data(data, told):
    protocol, transport = connected()
    protocol.dataReceived(data)
    assert transport.aborted
    assert protocol.link.lost_because == f"a reply came that no command had asked for: {told}"


def test_kind_and_size_of_a_long_reply_are_told_without_looking_into_it():
    class Long(list):
        def __repr__(self):
            raise AssertionError

    assert kind_and_size(Long([1, 2])) == "a Long of 2"
