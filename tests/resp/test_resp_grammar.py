"""Each line of the grammar in the docstring of ``_pyresp`` gives its value, however it is cut."""

from __future__ import annotations

import pytest

from txredis_fast.exceptions import ResponseError, WrongTypeError
from txredis_fast.resp import INCOMPLETE, Push
from txredis_fast.resp._shared import EXPECTED

inf = float("inf")
nan = float("nan")

LINES = [
    (b"+OK\r\n", "OK"),
    (b"+\r\n", ""),
    (b"+12\r\n", "12"),
    (b"+a b\xc3\xa9\r\n", "a b\xe9"),
    (b"+\xff\r\n", b"\xff"),
    (b"-ERR unknown command\r\n", ResponseError("ERR unknown command")),
    (b"-WRONGTYPE x\r\n", WrongTypeError("WRONGTYPE x")),
    (b"-\r\n", ResponseError("")),
    (b"-ERR \xff\r\n", ResponseError("ERR \ufffd")),
    (b":0\r\n", 0),
    (b":-1\r\n", -1),
    (b":+5\r\n", 5),
    (b":-0\r\n", 0),
    (b":007\r\n", 7),
    (b":9223372036854775807\r\n", 2**63 - 1),
    (b":-9223372036854775809\r\n", -(2**63) - 1),
    (b"$0\r\n\r\n", ""),
    (b"$5\r\nhello\r\n", "hello"),
    (b"$4\r\n\r\n\r\n\r\n", "\r\n\r\n"),
    (b"$0005\r\nhello\r\n", "hello"),
    (b"$2\r\n42\r\n", 42),
    (b"$4\r\n1.50\r\n", 1.5),
    (b"$2\r\n\xc3\xa9\r\n", "\xe9"),
    (b"$2\r\n\xc3(\r\n", b"\xc3("),
    (b"$-1\r\n", None),
    (b"*0\r\n", []),
    (b"*-1\r\n", None),
    (b"*3\r\n:1\r\n$1\r\na\r\n*1\r\n$-1\r\n", [1, "a", [None]]),
    (b"*2\r\n-ERR x\r\n+OK\r\n", [ResponseError("ERR x"), "OK"]),
    (b"*2\r\n*-1\r\n*0\r\n", [None, []]),
    (b"_\r\n", None),
    (b"#t\r\n", True),
    (b"#f\r\n", False),
    (b",1\r\n", 1.0),
    (b",+1.\r\n", 1.0),
    (b",-1.25e-3\r\n", -0.00125),
    (b",1E5\r\n", 100000.0),
    (b",1e999\r\n", inf),
    (b",inf\r\n", inf),
    (b",+inf\r\n", inf),
    (b",-inf\r\n", -inf),
    (b",nan\r\n", nan),
    (b",-nan\r\n", nan),
    (b"(-3492890328409238509324850943850943825024385\r\n", -3492890328409238509324850943850943825024385),
    (b"(5\r\n", 5),
    (b"!8\r\nERR a\r\nb\r\n", ResponseError("ERR a\r\nb")),
    (b"=6\r\ntxt:12\r\n", "12"),
    (b"=4\r\nmkd:\r\n", ""),
    (b"=5\r\ntxt:\xff\r\n", b"\xff"),
    (b"%0\r\n", {}),
    (b"%2\r\n+a\r\n:1\r\n$1\r\n2\r\n*1\r\n#t\r\n", {"a": 1, 2: [True]}),
    (b"%2\r\n+a\r\n:1\r\n+a\r\n:2\r\n", {"a": 2}),
    (b"%1\r\n*2\r\n:1\r\n%1\r\n+k\r\n~1\r\n:1\r\n:2\r\n", {(1, (("k", frozenset({1})),)): 2}),
    (b"%1\r\n_\r\n*1\r\n*0\r\n", {None: [[]]}),
    (b"~0\r\n", set()),
    (b"~3\r\n+a\r\n+a\r\n#f\r\n", {"a", False}),
    (b"~1\r\n~1\r\n*0\r\n", {frozenset({()})}),
    (b"~1\r\n%1\r\n*0\r\n*1\r\n:1\r\n", {(((), (1,)),)}),
    (b">2\r\n+pubsub\r\n*1\r\n:1\r\n", Push(["pubsub", [1]])),
    (b">0\r\n", Push()),
    (b"*2\r\n|1\r\n+ttl\r\n:5\r\n:1\r\n|0\r\n+a\r\n", [1, "a"]),
    (b"%1\r\n|1\r\n*1\r\n+x\r\n:5\r\n+k\r\n|0\r\n+v\r\n", {"k": "v"}),
]


def cuts(wire):
    """All ways to cut in two, and single bytes."""
    for i in range(1, len(wire)):
        yield [wire[:i], wire[i:]]
    yield [wire[i : i + 1] for i in range(len(wire))]


@pytest.mark.parametrize(("wire", "value"), LINES)
def test_line_gives_its_value(resp, shape, wire, value):
    reader = resp.Reader()
    reader.feed(wire)
    assert reader.buffered == len(wire)
    assert shape(reader.get()) == shape(value)
    assert reader.buffered == 0
    assert reader.get() is INCOMPLETE


@pytest.mark.parametrize(("wire", "value"), LINES)
def test_line_may_be_cut_anywhere(resp, shape, wire, value):
    for chunks in cuts(wire):
        reader = resp.Reader()
        for chunk in chunks[:-1]:
            reader.feed(chunk)
            assert reader.get() is INCOMPLETE
        assert reader.buffered == len(wire) - len(chunks[-1])
        reader.feed(chunks[-1])
        assert shape(reader.get()) == shape(value)
        assert reader.buffered == 0


def test_lines_may_follow_each_other_and_be_cut_anywhere(resp, shape):
    wire = b"".join(line for line, _ in LINES)
    values = shape([value for _, value in LINES])
    for size in (1, 2, 3, 7, 64, len(wire)):
        reader = resp.Reader()
        replies = []
        for i in range(0, len(wire), size):
            reader.feed(wire[i : i + size])
            replies += reader.get_all()
        assert shape(replies) == values
        reader = resp.Reader()
        for i in range(0, len(wire), size):
            reader.feed(wire[i : i + size])
        assert shape([reader.get() for _ in LINES]) == values
        assert reader.get() is INCOMPLETE


def test_every_type_byte_is_covered():
    top_level = {line[0] for line, _ in LINES} | {ord("|")}
    assert top_level == set(EXPECTED)


def test_nothing_fed_is_incomplete(resp):
    reader = resp.Reader()
    reader.feed(b"")
    assert reader.get() is INCOMPLETE
    assert reader.get_all() == []
    assert reader.buffered == 0
    assert reader.attributes is None


def test_words_of_the_protocol_are_shared_and_text_in_every_charset(resp):
    for word in ("OK", "QUEUED", "PONG"):
        wire = b"+%s\r\n" % word.encode()
        for charset in ("utf-8", "utf-16"):
            reader = resp.Reader(charset)
            reader.feed(wire * 2)
            assert reader.get() == word
            first, second = resp.Reader(charset), resp.Reader(charset)
            first.feed(wire)
            second.feed(wire)
            assert first.get() is second.get()
        reader = resp.Reader(None)
        reader.feed(wire)
        assert reader.get() == word.encode()


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_feed_takes_bytes_like_objects(resp, kind):
    reader = resp.Reader()
    data = kind(b"$5\r\nhe")
    reader.feed(data)
    reader.feed(kind(b"llo\r\n"))
    assert reader.get() == "hello"


def test_feed_does_not_see_later_changes(resp):
    reader = resp.Reader()
    data = bytearray(b"+OK\r\n")
    reader.feed(data)
    data[:] = b"garbage"
    assert reader.get() == "OK"


def test_feed_takes_views_of_any_item_size_and_subclasses(resp):
    class Sub(bytes):
        def __bytes__(self):
            return b"never asked"

    reader = resp.Reader()
    reader.feed(memoryview(b"+abcde\r\n").cast("I"))
    reader.feed(Sub(b"+x\r\n"))
    assert reader.get_all() == ["abcde", "x"]


@pytest.mark.parametrize("data", ["text", 5, None, [1], memoryview(b"abcd")[::2]])
def test_feed_refuses_other_types(resp, data):
    reader = resp.Reader()
    message = f"feed\\(\\) takes bytes, bytearray or a contiguous memoryview, not {type(data).__name__}"
    with pytest.raises(TypeError, match=message):
        reader.feed(data)
    reader.feed(b"+still usable\r\n")
    assert reader.get() == "still usable"


def test_attributes_belong_to_the_reply_that_follows(resp):
    reader = resp.Reader()
    reader.feed(b"|1\r\n+a\r\n*1\r\n:1\r\n:5\r\n:6\r\n")
    assert reader.get() == 5
    assert reader.attributes == {"a": [1]}
    assert reader.get() is INCOMPLETE or reader.attributes is None
    assert reader.attributes is None


def test_attributes_change_only_when_a_reply_is_returned(resp):
    reader = resp.Reader()
    reader.feed(b"|1\r\n+a\r\n:1\r\n:5\r\n|1\r\n+b\r\n:2\r\n")
    assert reader.get() == 5
    assert reader.get() is INCOMPLETE
    assert reader.attributes == {"a": 1}
    assert reader.buffered == len(b"|1\r\n+b\r\n:2\r\n")
    reader.feed(b"+x\r\n")
    assert reader.get_all() == ["x"]
    assert reader.attributes == {"b": 2}


def test_attributes_before_one_reply_are_merged(resp):
    reader = resp.Reader()
    reader.feed(b"|2\r\n+a\r\n:1\r\n+b\r\n:1\r\n|1\r\n+a\r\n:2\r\n>1\r\n+x\r\n")
    assert reader.get() == Push(["x"])
    assert reader.attributes == {"a": 2, "b": 1}


def test_push_is_told_apart_from_a_reply(resp):
    reader = resp.Reader()
    reader.feed(b">1\r\n+x\r\n*1\r\n+x\r\n")
    push, reply = reader.get(), reader.get()
    assert isinstance(push, Push)
    assert not isinstance(reply, Push)
