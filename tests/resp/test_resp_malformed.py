"""Malformed input is a ProtocolError that says what was expected and what came, and ends the reader."""

from __future__ import annotations

import pytest

from txredis_fast.exceptions import InvalidData, InvalidResponse, ProtocolError
from txredis_fast.resp import INCOMPLETE

MALFORMED = [
    (b"\r\n", "a type byte", b"\r"),
    (b"\n", "a type byte", b"\n"),
    (b"PING\r\n", "a type byte", b"P"),
    (b"\x00", "a type byte", b"\x00"),
    (b";4\r\nabcd\r\n", "a type byte", b";"),
    (b".\r\n", "a type byte", b"."),
    (b"*1\r\n\r\n", "the type byte of an element", b"\r"),
    (b"*1\r\n>1\r\n+a\r\n", "the type byte of an element", b">"),
    (b"|1\r\n>1\r\n+a\r\n", "the type byte of an element", b">"),
    (b"+OK\n", "CRLF at the end of the line", b"+OK\n"),
    (b"+OK\rX", "CRLF at the end of the line", b"+OK\rX"),
    (b"+O\nK\r\n", "CRLF at the end of the line", b"+O\n"),
    (b"+OK\r\r\n", "CRLF at the end of the line", b"+OK\r\r"),
    (b"-ERR\n\r\n", "CRLF at the end of the line", b"-ERR\n"),
    (b":1\n", "CRLF at the end of the line", b":1\n"),
    (b":1\r:2\r\n", "CRLF at the end of the line", b":1\r:"),
    (b"$3\nabc\r\n", "CRLF at the end of the line", b"$3\n"),
    (b"$3\r\r\n", "CRLF at the end of the line", b"$3\r\r"),
    (b"*1\n:1\r\n", "CRLF at the end of the line", b"*1\n"),
    (b"_\n", "CRLF at the end of the line", b"_\n"),
    (b"#t\n", "CRLF at the end of the line", b"#t\n"),
    (b",1\n", "CRLF at the end of the line", b",1\n"),
    (b"+" + b"x" * 40 + b"\n", "CRLF at the end of the line", b"x" * 31 + b"\n"),
    (b":\r\n", "an integer after ':'", b":"),
    (b":-\r\n", "an integer after ':'", b":-"),
    (b":1_0\r\n", "an integer after ':'", b":1_0"),
    (b": 1\r\n", "an integer after ':'", b": 1"),
    (b":1 \r\n", "an integer after ':'", b":1 "),
    (b":1.0\r\n", "an integer after ':'", b":1.0"),
    (b":--1\r\n", "an integer after ':'", b":--1"),
    (b":\xd9\xa1\r\n", "an integer after ':'", b":\xd9\xa1"),
    (b":" + b"1" * 40 + b"x\r\n", "an integer after ':'", b":" + b"1" * 31),
    (b"(1e5\r\n", "an integer after '('", b"(1e5"),
    (b"(\r\n", "an integer after '('", b"("),
    (b"$\r\n", "a length or -1 after '$'", b"$"),
    (b"$-5\r\n", "a length or -1 after '$'", b"$-5"),
    (b"$-01\r\n", "a length or -1 after '$'", b"$-01"),
    (b"$-\r\n", "a length or -1 after '$'", b"$-"),
    (b"$+3\r\nabc\r\n", "a length or -1 after '$'", b"$+3"),
    (b"$ 3\r\nabc\r\n", "a length or -1 after '$'", b"$ 3"),
    (b"$1_0\r\n", "a length or -1 after '$'", b"$1_0"),
    (b"$?\r\n;4\r\nabcd\r\n", "a length or -1 after '$'", b"$?"),
    (b"$3x\r\nabc\r\n", "a length or -1 after '$'", b"$3x"),
    (b"*\r\n", "a length or -1 after '*'", b"*"),
    (b"*-7\r\n", "a length or -1 after '*'", b"*-7"),
    (b"*?\r\n", "a length or -1 after '*'", b"*?"),
    (b"*1.0\r\n", "a length or -1 after '*'", b"*1.0"),
    (b"%-1\r\n", "a length after '%'", b"%-1"),
    (b"%?\r\n", "a length after '%'", b"%?"),
    (b"~-1\r\n", "a length after '~'", b"~-1"),
    (b"|-1\r\n", "a length after '|'", b"|-1"),
    (b">-1\r\n", "a length after '>'", b">-1"),
    (b"!-1\r\n", "a length after '!'", b"!-1"),
    (b"=-1\r\n", "a length of at least 4 after '='", b"=-1"),
    (b"=3\r\ntxt\r\n", "a length of at least 4 after '='", b"=3"),
    (b"=5\r\ntxt-a\r\n", "a format of 3 bytes and ':'", b"txt-"),
    (b"$3\r\nabcde", "CRLF after the bulk string", b"de"),
    (b"$3\r\nabc\n\n", "CRLF after the bulk string", b"\n\n"),
    (b"$3\r\nabc\rx", "CRLF after the bulk string", b"\rx"),
    (b"$0\r\n+OK\r\n", "CRLF after the bulk string", b"+O"),
    (b"!3\r\nERRxx", "CRLF after the bulk string", b"xx"),
    (b"=5\r\ntxt:axx", "CRLF after the bulk string", b"xx"),
    (b"_x\r\n", "nothing after '_'", b"_x"),
    (b"#\r\n", "'t' or 'f' after '#'", b"#"),
    (b"#T\r\n", "'t' or 'f' after '#'", b"#T"),
    (b"#true\r\n", "'t' or 'f' after '#'", b"#true"),
    (b",\r\n", "a double after ','", b","),
    (b",.5\r\n", "a double after ','", b",.5"),
    (b",1e\r\n", "a double after ','", b",1e"),
    (b",1e+\r\n", "a double after ','", b",1e+"),
    (b",1_0\r\n", "a double after ','", b",1_0"),
    (b", 1\r\n", "a double after ','", b", 1"),
    (b",1.5x\r\n", "a double after ','", b",1.5x"),
    (b",infinity\r\n", "a double after ','", b",infinity"),
    (b",INF\r\n", "a double after ','", b",INF"),
    (b",+nan\r\n", "a double after ','", b",+nan"),
]


@pytest.mark.parametrize(("wire", "expected", "got"), MALFORMED)
def test_malformed_input_is_refused_with_what_was_expected_and_what_came(resp, wire, expected, got):
    reader = resp.Reader()
    reader.feed(wire)
    with pytest.raises(ProtocolError) as caught:
        reader.get()
    assert str(caught.value) == f"expected {expected}, got {got!r}"
    assert isinstance(caught.value, (InvalidData, InvalidResponse))


@pytest.mark.parametrize(("wire", "expected", "got"), MALFORMED)
def test_the_same_is_said_however_it_was_cut(resp, wire, expected, got):
    reader = resp.Reader()
    messages = []
    for i in range(len(wire)):
        reader.feed(wire[i : i + 1])
        try:
            assert reader.get() is INCOMPLETE
        except ProtocolError as error:
            messages.append(str(error))
            break
    assert messages == [f"expected {expected}, got {got!r}"]


def test_complete_replies_are_returned_before_the_error(resp):
    reader = resp.Reader()
    reader.feed(b"+a\r\n:1\r\n?")
    assert reader.get() == "a"
    assert reader.get() == 1
    with pytest.raises(ProtocolError):
        reader.get()
    reader = resp.Reader()
    reader.feed(b"+a\r\n:1\r\n?")
    assert reader.get_all() == ["a", 1]
    with pytest.raises(ProtocolError):
        reader.get_all()


def test_a_broken_reader_stays_broken(resp):
    reader = resp.Reader()
    reader.feed(b"?+a\r\n")
    errors = []
    for call in (reader.get, reader.get_all, reader.get, lambda: reader.feed(b"+a\r\n")):
        with pytest.raises(ProtocolError) as caught:
            call()
        errors.append(caught.value)
    assert len({str(error) for error in errors}) == 1
    assert len(set(map(id, errors))) == 4
    assert reader.buffered == 0


def test_a_broken_reader_holds_nothing_of_the_reply(resp):
    reader = resp.Reader()
    reader.feed(b"|1\r\n+a\r\n:1\r\n*2\r\n$70000\r\n" + b"x" * 69999)
    assert reader.get() is INCOMPLETE
    reader.feed(b"xyz")
    with pytest.raises(ProtocolError):
        reader.get()
    assert reader.buffered == 0
    assert reader.attributes is None
