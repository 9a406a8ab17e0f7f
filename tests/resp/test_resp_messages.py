"""The short way of messages: the same values as the ordinary way, and nothing but messages."""

from __future__ import annotations

import random

import pytest
from testbed.wire import aggregate, bulk

from txredis_fast.resp import INCOMPLETE


def encode(kind, *items):
    return aggregate(map(bulk, items), kind)


def as_message(reply):
    """What get_message() is to give for a reply that get() gives."""
    _, *names, message = reply
    return (names[0] if len(names) == 2 else None, names[-1], message)


def fresh(reader, kind=b"*"):
    """A reader that has had no message."""
    return reader


def knows(reader, kind=b"*"):
    """A reader that compares with the heading of the message before, which is that of the next one."""
    reader.feed(encode(kind, b"message", b"a", b"before"))
    assert reader.get_message(kind) == (None, "a", "before")
    return reader


KINDS = [b"*", b">"]
OPTIONS = [(), (None,), (None, False), ("utf-8", False), ("utf-8", "exact"), ("latin-1",), ("utf-16-le",)]
TEXTS = [
    b"",
    b"x",
    b"12",
    b"007",
    b"-1.50",
    b"\xff\x00",
    b"caf\xc3\xa9 au lait",
    b"a" * 64,
    b"a" * 999,
    b"b" * 2000,
    b"\r\n$3\r\n",
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_values_are_those_of_the_ordinary_way(resp, shape, kind, options):
    data = b"".join(
        encode(kind, *items)
        for text in TEXTS
        for name in TEXTS
        for items in ((b"message", name, text), (b"smessage", name, text), (b"pmessage", name, text, name))
    )
    short, ordinary = resp.Reader(*options), resp.Reader(*options)
    short.feed(data)
    ordinary.feed(data)
    for expected in ordinary.get_all():
        got = short.get_message(kind)
        if got is None:  # what is long may be left
            assert any(len(str(item)) >= 1000 for item in expected)
            got = as_message(short.get())
        assert shape(got) == shape(as_message(expected))
    assert short.buffered == 0
    assert short.get_message(kind) is None
    assert short.get() is INCOMPLETE


@pytest.mark.parametrize("kind", KINDS)
def test_messages_cut_anywhere_come_one_way_or_the_other(resp, kind):
    data = encode(kind, b"message", b"a", b"hi\r\n*3") + encode(kind, b"pmessage", b"a*", b"ab", b"12")
    for cut in range(len(data) + 1):
        reader = resp.Reader()
        got = []
        for part in (data[:cut], data[cut:]):
            reader.feed(part)
            while True:
                message = reader.get_message(kind)
                if message is None:
                    reply = reader.get()
                    if reply is INCOMPLETE:
                        break
                    message = as_message(reply)
                got.append(message)
        assert got == [(None, "a", "hi\r\n*3"), ("a*", "ab", 12)]
        assert reader.buffered == 0


@pytest.mark.parametrize("first", [fresh, knows])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "other",
    [
        (b"subscribe", b"a", b"1"),
        (b"message", b"a"),
        (b"message", b"a", b"b", b"c"),
        (b"pmessage", b"a*", b"ab"),
        (b"messages", b"a", b"b"),
        (b"Message", b"a", b"b"),
    ],
)
def test_what_is_no_message_stays(resp, first, kind, other):
    reader = first(resp.Reader(), kind)
    reader.feed(encode(kind, *other) + encode(kind, b"message", b"a", b"b"))
    assert reader.get_message(kind) is None
    assert len(reader.get()) == len(other)
    assert reader.get_message(kind) == (None, "a", "b")


@pytest.mark.parametrize("kind", KINDS)
def test_the_values_of_a_heading_are_made_once(resp, kind):
    reader = resp.Reader()
    words = ((b"message", b"channel"), (b"smessage", b"channel"), (b"pmessage", b"pattern*", b"channel"))
    for word, *names in words:
        reader.feed(b"".join(encode(kind, word, *names, text) for text in (b"", b"12", b"x" * 999)))
        messages = [reader.get_message(kind) for _ in range(3)]
        expected = [None, *(name.decode() for name in names)][-2:]
        assert messages == [(*expected, ""), (*expected, 12), (*expected, "x" * 999)]
        assert len({id(message[0]) for message in messages}) == len({id(message[1]) for message in messages}) == 1
    assert reader.buffered == 0


@pytest.mark.parametrize("kind", KINDS)
def test_headings_that_begin_alike_are_told_apart(resp, kind):
    wire, expected = b"", []
    for names in ((b"a",), (b"a",), (b"b",), (b"aa",), (b"a", b"a"), (b"a", b"b"), (b"b", b"b"), (b"b",), (b"a",)):
        for word in (b"message", b"smessage") if len(names) == 1 else (b"pmessage",):
            wire += encode(kind, word, *names, b"text")
            expected.append((names[0].decode() if len(names) == 2 else None, names[-1].decode(), "text"))
    reader = resp.Reader()
    reader.feed(wire)
    assert [reader.get_message(kind) for _ in expected] == expected
    assert reader.get_message(kind) is None


def test_a_long_heading_is_not_kept_but_is_read(resp):
    reader = resp.Reader()
    for _ in range(2):
        reader.feed(encode(b"*", b"message", b"c" * 2000, b"x"))
        assert (reader.get_message(b"*") or as_message(reader.get())) == (None, "c" * 2000, "x")


def test_a_heading_ends_with_the_options_of_the_reader(resp):
    reader = knows(resp.Reader())
    reader.__init__(None)
    reader.feed(encode(b"*", b"message", b"a", b"b"))
    assert reader.get_message(b"*") == (None, b"a", b"b")
    reader.__init__(max_elements=2)
    reader.feed(encode(b"*", b"message", b"a", b"b"))
    assert reader.get_message(b"*") is None


def test_a_message_that_is_not_complete_stays_whatever_the_one_before_was(resp):
    message = encode(b"*", b"message", b"a", b"text")
    reader = knows(resp.Reader())
    for cut in range(1, len(message)):
        reader.feed(message[:cut])
        assert reader.get_message(b"*") is None
        assert reader.buffered == cut
        reader.feed(message[cut:])
        assert (reader.get_message(b"*") or as_message(reader.get())) == (None, "a", "text")


@pytest.mark.parametrize("first", [fresh, knows])
def test_a_message_of_the_other_kind_stays(resp, first):
    for kind, other in (b"*>", b">*"):
        kind, other = bytes((kind,)), bytes((other,))
        reader = first(resp.Reader(), other)
        reader.feed(encode(other, b"message", b"a", b"b"))
        assert reader.get_message(kind) is None
        assert reader.get() == ["message", "a", "b"]


@pytest.mark.parametrize("first", [fresh, knows])
@pytest.mark.parametrize(
    "odd",
    [
        b"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n:5\r\n",
        b"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$-1\r\n",
        b"*3\r\n+message\r\n$1\r\na\r\n$1\r\nb\r\n",
        b"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n*1\r\n$1\r\nb\r\n",
        b"*03\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n",
        b"|1\r\n+k\r\n+v\r\n*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n",
    ],
)
def test_what_is_not_written_in_the_ordinary_way_stays(resp, first, odd):
    reader, ordinary = first(resp.Reader()), resp.Reader()
    reader.feed(odd + encode(b"*", b"message", b"a", b"b"))
    ordinary.feed(odd)
    assert reader.get_message(b"*") is None
    assert reader.get() == ordinary.get()
    assert reader.attributes == ordinary.attributes
    assert reader.get_message(b"*") == (None, "a", "b")
    assert reader.attributes is None


@pytest.mark.parametrize("first", [fresh, knows])
@pytest.mark.parametrize(
    "malformed",
    [
        b"*3\r\n$7\r\nmessage\r\n$1\r\nab\r\n$1\r\nb\r\n",
        b"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\r",
        b"*3\r\n$7\r\nmessage\r\n$x\r\na\r\n$1\r\nb\r\n",
        b"*3\r\n$7\r\nmessageX\r\n$1\r\na\r\n$1\r\nb\r\n",
    ],
)
def test_malformed_input_is_left_to_the_ordinary_way(resp, first, malformed):
    from txredis_fast.exceptions import ProtocolError

    reader = first(resp.Reader())
    reader.feed(malformed + b"padding" * 10)
    assert reader.get_message(b"*") is None
    with pytest.raises(ProtocolError):
        reader.get()
    with pytest.raises(ProtocolError):
        reader.get_message(b"*")


@pytest.mark.parametrize(
    "limits", [{"max_elements": 2}, {"max_bulk_length": 4}, {"max_line_length": 1}, {"max_bulk_length": 7}]
)
def test_limits_hold(resp, limits):
    reader = resp.Reader(**limits)
    reader.feed(encode(b"*", b"message", b"channel", b"eight letters and more"))
    assert reader.get_message(b"*") is None
    with pytest.raises(Exception, match="at most"):
        reader.get()


def test_a_reader_that_is_in_the_middle_of_a_reply_leaves_it(resp):
    reader = resp.Reader()
    reader.feed(b"*1\r\n")
    assert reader.get() is INCOMPLETE
    reader.feed(encode(b"*", b"message", b"a", b"b"))
    assert reader.get_message(b"*") is None
    assert reader.get() == [["message", "a", "b"]]


def test_both_give_the_same_in_the_same_order_whichever_way_it_comes(both, shape):
    def one_by_one(reader, kinds):
        for kind in kinds:
            message = reader.get_message(kind)
            if message is None:
                reply = reader.get()
                is_message = isinstance(reply, list) and reply[0] in ("message", "pmessage", "smessage")
                message = as_message(reply) if is_message else reply
            yield shape(message), reader.buffered

    rng = random.Random(1)
    python, compiled = both
    for _ in range(300):
        first, second = python.Reader(), compiled.Reader()
        for _ in range(rng.randrange(1, 8)):
            word = rng.choice([b"message", b"pmessage", b"smessage", b"x"])
            texts = [rng.choice(TEXTS) for _ in range(3 if word == b"pmessage" else 2)]
            data = encode(rng.choice(KINDS), word, *texts)
            first.feed(data)
            second.feed(data)
        kinds = [rng.choice(KINDS) for _ in range(10)]
        assert list(one_by_one(first, kinds)) == list(one_by_one(second, kinds))


KEYS = [b"007", b"1.50", b"", b"\xff", b"caf\xc3\xa9", b"k" * 20]
LONG = b"1" * 100_000


def invalidation(word, keys):
    return b">2\r\n" + (word or bulk("invalidate")) + aggregate(map(bulk, keys), b"*")


@pytest.mark.parametrize("options", [(), (None,), (None, False), ("utf-8", False), ("latin-1", "exact")], ids=str)
@pytest.mark.parametrize("word", [None, b"+invalidate\r\n"], ids=["bulk", "simple"])
@pytest.mark.parametrize(("size", "keys"), [(1, KEYS), (3, KEYS), (19, KEYS), (10**6, KEYS), (30_000, [LONG, b"7"])])
def test_invalidated_keys_are_bytes(resp, options, word, size, keys):
    wire = bulk("7") + invalidation(word, keys) + bulk("7") + aggregate([bulk("invalidate"), bulk("7")], b"*")
    reader = resp.Reader(*options)
    replies = []
    for start in range(0, len(wire), size):
        reader.feed(wire[start : start + size])
        replies += reader.get_all()
    seven, push, again, listed = replies
    text = "invalidate" if options[:1] != (None,) else b"invalidate"
    assert type(push).__name__ == "Push"
    assert push == [text, keys]
    assert listed == [text, seven]
    assert again == seven


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("limits", [{}, {"max_bulk_length": 40, "max_line_length": 20}], ids=["usual", "low"])
def test_invalidated_keys_are_bytes_one_by_one_and_everything_may_be_invalid(resp, raw, limits):
    reader = resp.Reader(**limits)
    reader.feed(invalidation(None, [b"7"]) + b">2\r\n" + bulk("invalidate") + b"_\r\n" + bulk("7"))
    assert reader.get(raw) == ["invalidate", [b"7"]]
    assert reader.get(raw) == ["invalidate", None]
    assert reader.get(raw) == (b"7" if raw else 7)


@pytest.mark.parametrize(
    ("wire", "value"),
    [
        (b">2\r\n" + bulk("invalid") + bulk("7"), ["invalid", 7]),
        (b">2\r\n" + bulk("7") + bulk("invalidate"), [7, "invalidate"]),
        (b">2\r\n*1\r\n" + bulk("invalidate") + bulk("7"), [["invalidate"], 7]),
        (b">3\r\n" + bulk("other") + bulk("invalidate") + bulk("7"), ["other", "invalidate", 7]),
        (b">1\r\n" + bulk("invalidate"), ["invalidate"]),
        (b">3\r\n" + bulk("invalidate") + bulk("7") + b":7\r\n", ["invalidate", b"7", 7]),
    ],
)
def test_only_what_follows_the_word_at_the_head_of_a_push_stays_bytes(resp, wire, value):
    reader = resp.Reader()
    for byte in wire:
        reader.feed(bytes((byte,)))
    assert reader.get() == value
    reader.feed(wire + bulk("7"))
    assert reader.get_all() == [value, 7]
