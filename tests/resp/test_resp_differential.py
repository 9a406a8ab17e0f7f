"""Compiled and pure Python agree on the same bytes, chunks and options: values, types, errors, messages, state."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from testbed.extent import extent
from testbed.wire import aggregate, bulk

from txredis_fast.exceptions import ProtocolError
from txredis_fast.resp import INCOMPLETE

CHARSETS = ["utf-8", None, "ascii", "latin-1", "utf-16", "cp1252"]

number_text = st.from_regex(rb"[+-]?[0-9]{0,25}(\.[0-9]{0,20})?([eE][+-]?[0-9]{0,4})?", fullmatch=True)
text = st.one_of(
    number_text,
    st.text(max_size=8).map(lambda s: s.encode("utf-8", "surrogatepass")),
    st.binary(max_size=12),
    st.sampled_from([b"OK", b"QUEUED", b"PONG", b"inf", b"nan", b"1_0", b"12 ", b"\r\n", b"9" * 4300, b"9" * 4301]),
)
line_text = text.map(lambda data: data.replace(b"\r", b"").replace(b"\n", b""))


def blob(kind: bytes):
    return text.map(lambda data: bulk(data, kind))


def line(kind: bytes, content):
    return content.map(lambda data: kind + data + b"\r\n")


integers = st.one_of(st.integers(), st.integers(-10, 10), st.integers().map(lambda n: n * 10**600))
doubles = st.one_of(
    st.floats().map(lambda x: repr(x).encode()),
    st.from_regex(rb"[+-]?[0-9]{1,5}(\.[0-9]{0,3})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
)
leaf = st.one_of(
    blob(b"$"),
    line(b"+", line_text),
    line(b"-", line_text),
    line(b":", integers.map(lambda n: b"%d" % n)),
    line(b"(", integers.map(lambda n: b"%d" % n)),
    line(b",", doubles),
    blob(b"!"),
    text.map(lambda data: b"=%d\r\ntxt:%b\r\n" % (len(data) + 4, data)),
    st.sampled_from(
        [b"_\r\n", b"#t\r\n", b"#f\r\n", b"$-1\r\n", b"*-1\r\n", b"*0\r\n", b"%0\r\n", b"~0\r\n", b"$0\r\n\r\n"]
    ),
)


def sequence(kind: bytes, element):
    return st.lists(element, max_size=4).map(lambda parts: b"%b%d\r\n" % (kind, len(parts)) + b"".join(parts))


def pairs(kind: bytes, element):
    return st.lists(st.tuples(element, element), max_size=3).map(
        lambda parts: b"%b%d\r\n" % (kind, len(parts)) + b"".join(key + value for key, value in parts)
    )


def aggregates(element):
    attributed = st.tuples(pairs(b"|", element), element).map(b"".join)
    element = st.one_of(element, attributed)
    return st.one_of(sequence(b"*", element), sequence(b"~", element), pairs(b"%", element))


reply = st.recursive(leaf, aggregates, max_leaves=12)
published = st.builds(
    lambda kind, word, items: aggregate([bulk(word), *items], kind),
    st.sampled_from([b"*", b">"]),
    st.sampled_from([b"message", b"smessage", b"pmessage", b"subscribe"]),
    st.lists(st.one_of(blob(b"$"), blob(b"$"), leaf), min_size=2, max_size=3),
)
message = st.one_of(
    reply,
    published,
    published,
    sequence(b">", reply),
    st.tuples(pairs(b"|", leaf), reply).map(b"".join),
)
valid = st.lists(message, max_size=6).map(b"".join)


@st.composite
def mutated(draw):
    data = bytearray(draw(valid))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.integers(0, 2)))
        data[at:end] = draw(
            st.one_of(
                st.sampled_from([b"\r", b"\n", b"\r\n", b"-", b"+", b"0", b"1", b"9", b"_", b" ", b"?", b"-1", b":"]),
                st.sampled_from([b"*", b"$", b"%", b"~", b"|", b">", b"(", b",", b"#", b"!", b"=", b";", b"."]),
                st.binary(max_size=2),
            )
        )
    return bytes(data)


noise = st.lists(st.sampled_from([*(bytes((c,)) for c in b"+-:$*_#,(!=%~|>\r\n0123t.e"), b"\r\n", b"\r\n"])).map(
    b"".join
)
stream = st.one_of(valid, mutated(), noise, st.binary(max_size=50))
#: What a message of so many elements begins with, in text or bytes.
WORDS = {3: ["message", b"message", "smessage", b"smessage"], 4: ["pmessage", b"pmessage"]}
steps = st.lists(
    st.tuples(st.integers(1, 40), st.sampled_from(["get", "raw", "get_all", "messages", "none"])), max_size=12
)
limits = st.fixed_dictionaries(
    {},
    optional={
        "max_bulk_length": st.integers(1, 12),
        "max_elements": st.integers(1, 12),
        "max_depth": st.integers(1, 4),
        "max_line_length": st.integers(1, 12),
        "max_text_length": st.integers(1, 12),
        "max_buffered": st.integers(1, 60),
        "undecodable": st.sampled_from(["replace", "error"]),
    },
)
generously = settings(max_examples=extent(100, 30), deadline=None, suppress_health_check=[HealthCheck.too_slow])


def transcript(module, shape, wire, cut, charset, numbers, options):
    """All that can be seen of a reader while it is fed ``wire`` in the given steps."""
    reader = module.Reader(charset, numbers, **options)
    seen = []

    def do(action, *args):
        try:
            value = action(*args)
        except Exception as error:
            value = error
        seen.append((shape(value), reader.buffered, shape(reader.attributes)))
        return value

    def drain(raw):
        while True:
            value = do(reader.get, raw)
            if value is INCOMPLETE or isinstance(value, ProtocolError):
                return

    def next_message():
        """The next reply, by the short way of messages where it is one: which way does not show."""
        # (Under UTF-16 the first word is not itself in an ordinary reply.)
        message = None if charset == "utf-16" else reader.get_message(b"*") or reader.get_message(b">")
        if message is not None:
            return message
        reply = reader.get()
        if isinstance(reply, list) and len(reply) in (3, 4) and reply[0] in WORDS[len(reply)]:
            return (reply[1] if len(reply) == 4 else None, *reply[-2:])
        return reply

    def drain_messages():
        while True:
            value = do(next_message)
            if value is INCOMPLETE or isinstance(value, ProtocolError):
                return

    position = 0
    for size, how in [*cut, (len(wire), "get_all"), (0, "get")]:
        do(reader.feed, wire[position : position + size])
        position += size
        if how == "get_all":
            do(reader.get_all)
        elif how == "messages":
            drain_messages()
        elif how != "none":
            drain(how == "raw")
    return seen


@generously
@given(
    stream, steps, st.sampled_from(CHARSETS), st.sampled_from([True, False, "exact"]), st.one_of(st.just({}), limits)
)
def test_readers_agree(both, shape, wire, cut, charset, numbers, options):
    python, compiled = both
    expected = transcript(python, shape, wire, cut, charset, numbers, options)
    assert transcript(compiled, shape, wire, cut, charset, numbers, options) == expected


@generously
@given(valid, st.lists(st.integers(1, 20), max_size=20), st.sampled_from(CHARSETS), st.integers(0, 5))
def test_valid_streams_do_not_depend_on_cuts_and_limits(both, shape, wire, sizes, charset, limit):
    for resp in both:
        whole = resp.Reader(charset)
        whole.feed(wire)
        expected = shape(whole.get_all())
        assert shape(whole.get()) == shape(INCOMPLETE)
        reader = resp.Reader(charset)
        replies = []
        position = 0
        for size in [*sizes, len(wire)]:
            reader.feed(wire[position : position + size])
            position += size
            taken = reader.get_many(limit)
            assert len(taken) <= limit
            replies += taken
        assert shape(replies + reader.get_all()) == expected


@generously
@given(mutated(), st.lists(st.integers(1, 20), max_size=20))
def test_errors_do_not_depend_on_cuts(both, shape, wire, sizes):
    for resp in both:

        def outcome(pieces, resp=resp):
            reader = resp.Reader()
            replies = []
            try:
                for piece in pieces:
                    reader.feed(piece)
                    replies += reader.get_all()
                while True:
                    value = reader.get()
                    if value is INCOMPLETE:
                        return shape(replies), "incomplete"
                    replies.append(value)
            except Exception as error:
                return shape(replies), str(error)

        pieces = []
        position = 0
        for size in [*sizes, len(wire)]:
            pieces.append(wire[position : position + size])
            position += size
        assert outcome(pieces) == outcome([wire])


argument = st.one_of(
    st.text(max_size=8),
    st.text(st.characters(max_codepoint=127), max_size=8),
    st.text(st.sampled_from("a\xe9\u20ac\ud800\udcff"), max_size=3),
    st.binary(max_size=8),
    st.binary(max_size=8).map(bytearray),
    st.binary(max_size=8).map(memoryview),
    st.integers(),
    st.integers(-(2**65), 2**65),
    st.just(10**5000),
    st.floats(),
    st.booleans(),
    st.none(),
    st.decimals(),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.integers(), st.none(), max_size=1),
    st.binary(min_size=1000, max_size=1030),
)


def encoded(function, *args):
    """What encoding gives or raises, and what it warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = function(*args)
        except Exception as error:
            result = type(error), str(error)
    return result, [(warning.category, str(warning.message), warning.filename) for warning in caught]


@generously
@given(
    st.lists(st.lists(argument, max_size=4), max_size=4),
    st.sampled_from([*CHARSETS, "no such codec"]),
    st.sampled_from(["strict", "replace", "surrogateescape", "no such handler"]),
    st.booleans(),
)
def test_encoders_agree(both, commands, charset, errors, strict):
    python, compiled = both
    for command in commands:
        assert encoded(compiled.encode_command, command, charset, errors, strict) == encoded(
            python.encode_command, command, charset, errors, strict
        )
    assert encoded(compiled.encode_commands, commands, charset, errors, strict) == encoded(
        python.encode_commands, commands, charset, errors, strict
    )


@pytest.mark.parametrize("size", [65535, 65536, 65537, 200_000])
@pytest.mark.parametrize("charset", CHARSETS)
@pytest.mark.parametrize("kind", [b"$", b"!", b"="])
def test_large_bulk_strings_agree(both, shape, kind, charset, size):
    data = b"txt:" + b"1" * (size - 4)
    wire = b":1\r\n" + b"%b%d\r\n%b\r\n" % (kind, size, data) + b":2\r\n"
    for cut in (
        [(1000, "get")] * 300,
        [(5, "get"), (70_000, "none"), (70_000, "none")],
        [(size, "raw"), (1, "get"), (9, "get"), (1, "get"), (5, "raw"), (1, "get")],
    ):
        ours, theirs = (transcript(module, shape, wire, cut, charset, True, {}) for module in both)
        assert ours == theirs
