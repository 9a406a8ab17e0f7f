"""Nothing that is received takes more memory, time or C stack than the limits allow."""

from __future__ import annotations

import gc
import time
import tracemalloc

import pytest
from testbed.extent import extent

from txredis_fast.exceptions import ProtocolError
from txredis_fast.resp import INCOMPLETE


def error_of(reader, wire):
    reader.feed(wire)
    with pytest.raises(ProtocolError) as caught:
        reader.get()
    return str(caught.value)


@pytest.mark.parametrize(
    "limit", ["max_bulk_length", "max_elements", "max_depth", "max_line_length", "max_buffered", "max_text_length"]
)
@pytest.mark.parametrize("value", [0, -1, 1.5, "5", None, True])
def test_a_limit_must_be_a_positive_int(resp, limit, value):
    with pytest.raises(ValueError, match=f"{limit} must be a positive int, not "):
        resp.Reader(**{limit: value})


def test_a_limit_may_be_beyond_any_size(resp):
    names = ["max_bulk_length", "max_elements", "max_depth", "max_line_length", "max_text_length", "max_buffered"]
    reader = resp.Reader(**dict.fromkeys(names, 10**30))
    reader.feed(b"*1\r\n$1\r\na\r\n")
    assert reader.get() == ["a"]
    assert "a bulk string of at most" in error_of(reader, b"$" + b"9" * 5000 + b"\r\n")


@pytest.mark.parametrize("kind", [b"$", b"!", b"="])
def test_bulk_length(resp, kind):
    wire = kind + b"8\r\ntxt:abcd\r\n"
    reader = resp.Reader(max_bulk_length=8)
    reader.feed(wire)
    assert reader.get() is not INCOMPLETE
    expected = f"expected a bulk string of at most 7 bytes, got {kind + b'8'!r}"
    assert error_of(resp.Reader(max_bulk_length=7), wire[:4]) == expected


@pytest.mark.parametrize("digits", [b"536870913", b"9" * 18, b"9" * 19, b"9" * 20, b"9" * 5000])
def test_bulk_length_is_512_mib_by_default(resp, digits):
    got = (b"$" + digits)[:32]
    assert error_of(resp.Reader(), b"$" + digits + b"\r\n") == (
        f"expected a bulk string of at most 536870912 bytes, got {got!r}"
    )


def test_a_length_may_have_any_number_of_zeros_in_front(resp):
    reader = resp.Reader()
    reader.feed(b"$" + b"0" * 5000 + b"3\r\nabc\r\n*" + b"0" * 19 + b"1\r\n:1\r\n")
    assert reader.get_all() == ["abc", [1]]


def test_elements_of_a_reply_count_together(resp):
    wire = b"*2\r\n%1\r\n:1\r\n:2\r\n~2\r\n:1\r\n:2\r\n"
    reader = resp.Reader(max_elements=6)
    reader.feed(wire + wire)
    assert len(reader.get_all()) == 2
    assert error_of(resp.Reader(max_elements=5), wire) == "expected at most 5 elements in a reply, got b'~2'"
    pairs = b"*2\r\n" + b"*2\r\n$1\r\na\r\n,1\r\n" * 2
    assert error_of(resp.Reader(max_elements=5), pairs) == "expected at most 5 elements in a reply, got b'*2'"
    assert error_of(resp.Reader(max_elements=5), b"%3\r\n") == "expected at most 5 elements in a reply, got b'%3'"


def test_elements_of_attributes_count(resp):
    assert "at most 3 elements" in error_of(resp.Reader(max_elements=3), b"|1\r\n:1\r\n:1\r\n*2\r\n")


@pytest.mark.parametrize("digits", [b"67108865", b"9" * 18, b"9" * 30])
def test_elements_are_2_to_the_26_by_default(resp, digits):
    assert "at most 67108864 elements" in error_of(resp.Reader(), b"*" + digits + b"\r\n")


def test_depth(resp):
    reader = resp.Reader(max_depth=3)
    reader.feed(b"*1\r\n*1\r\n*1\r\n:1\r\n")
    assert reader.get() == [[[1]]]
    assert error_of(reader, b"*1\r\n*1\r\n*1\r\n*0\r\n") == "expected at most 3 nested aggregates, got b'*0'"
    assert "at most 1024 nested" in error_of(resp.Reader(), b"*1\r\n" * 1025)
    pair = b"*1\r\n*2\r\n$1\r\na\r\n,1\r\n"
    assert error_of(resp.Reader(max_depth=1), pair) == "expected at most 1 nested aggregates, got b'*2'"


def test_depth_beyond_the_c_stack_is_built_and_freed(resp):
    depth = 100_000
    for wire in (b"*1\r\n" * depth + b":1\r\n", b"%1\r\n:1\r\n" * depth + b":1\r\n"):
        reader = resp.Reader(max_depth=depth)
        reader.feed(wire[:-1])
        assert reader.get() is INCOMPLETE
        reader.feed(wire[-1:])
        value = reader.get()
        levels = 0
        while value != 1:
            value = value[0] if type(value) is list else value[1]
            levels += 1
        assert levels == depth
    reader = resp.Reader(max_depth=depth)
    reader.feed(b"*1\r\n" * depth)
    assert reader.get() is INCOMPLETE
    del reader
    gc.collect()


def test_depth_inside_a_key_is_32(resp):
    for head in (b"~1\r\n", b"%1\r\n"):
        reader = resp.Reader()
        reader.feed(head + b"*1\r\n" * 32 + b":1\r\n" + b":2\r\n")
        assert len(reader.get()) == 1
        message = error_of(resp.Reader(), head + b"*1\r\n" * 33)
        assert message == "expected at most 32 nested aggregates in a key, got b'*1'"


def test_line_length(resp):
    for kind in b"+-:(":
        wire = bytes((kind,)) + b"1" * 9 + b"\r\n"
        reader = resp.Reader(max_line_length=10)
        reader.feed(wire)
        assert reader.get() is not INCOMPLETE
        for size in (1, 5, 100):
            reader = resp.Reader(max_line_length=9)
            messages = []
            for i in range(0, len(wire), size):
                reader.feed(wire[i : i + size])
                try:
                    assert reader.get() is INCOMPLETE
                except ProtocolError as error:
                    messages.append(str(error))
                    break
            assert messages == [f"expected a line of at most 9 bytes, got {wire[:10]!r}"]


def test_lines_of_numbers_and_lengths_are_64_kib_by_default(resp):
    reader = resp.Reader()
    reader.feed(b":" + b"1" * 65535 + b"\r\n")
    assert reader.get() % 10 == 1
    assert "a line of at most 65536 bytes" in error_of(reader, b":" + b"1" * 65536)
    assert "a line of at most 65536 bytes" in error_of(resp.Reader(), b"$" + b"1" * 65536)


@pytest.mark.parametrize("kind", [b"+", b"-"])
def test_lines_of_text_are_1_mib_by_default(resp, kind):
    text = "x" * (2**20 - 1)
    reader = resp.Reader()
    for size in (1000, 10**7):
        wire = kind + text.encode() + b"\r\n:1\r\n"
        for at in range(0, len(wire), size):
            reader.feed(wire[at : at + size])
            replies = reader.get_all()
        assert [str(reply) for reply in replies] == [text, "1"]
    assert "a line of at most 1048576 bytes" in error_of(reader, kind + text.encode() + b"xx")


def test_lines_of_text_have_a_limit_of_their_own(resp):
    reader = resp.Reader(max_text_length=20)
    reader.feed(b"+" + b"x" * 19 + b"\r\n:" + b"1" * 30 + b"\r\n")
    assert reader.get_all() == ["x" * 19, int("1" * 30)]
    assert error_of(reader, b"-" + b"x" * 20 + b"\r\n") == (
        f"expected a line of at most 20 bytes, got {b'-' + b'x' * 20!r}"
    )
    reader = resp.Reader(max_text_length=30, max_line_length=9)
    reader.feed(b"-" + b"x" * 29 + b"\r\n")
    assert str(reader.get()) == "x" * 29
    assert "a line of at most 9 bytes" in error_of(reader, b":1234567890")


@pytest.mark.parametrize("kind", [b"+", b"-"])
def test_text_of_digits_has_the_limit_of_text(resp, kind):
    wire = kind + b"1234\r\n"
    assert error_of(resp.Reader(max_text_length=3), wire) == (
        f"expected a line of at most 3 bytes, got {kind + b'123'!r}"
    )


@pytest.mark.parametrize("limit", [9, 16 * 1024 * 1024])
def test_who_sets_the_limit_of_all_lines_sets_that_of_text(resp, limit):
    reader = resp.Reader(max_line_length=limit)
    reader.feed(b"+" + b"x" * (limit - 1) + b"\r\n")
    assert len(reader.get()) == limit - 1
    assert f"a line of at most {limit} bytes" in error_of(reader, b"+" + b"x" * limit)


@pytest.mark.parametrize("wire", [b"$1000\r\n" + b"x" * 1000, b"*1000\r\n" + b":1\r\n" * 500, b"+" + b"x" * 1000])
def test_bytes_of_an_incomplete_reply(resp, wire):
    reader = resp.Reader(max_buffered=100)
    reader.feed(b":1\r\n" * 100 + wire[:100])
    assert len(reader.get_all()) == 100
    assert reader.get() is INCOMPLETE
    assert error_of(reader, wire[100:101]) == "expected a complete reply within 100 bytes, got more"


def test_feeding_without_taking_replies_ends_too(resp):
    reader = resp.Reader(max_buffered=100)
    for _ in range(15):
        reader.feed(b"+PONG\r\n")
    assert reader.buffered == 105
    with pytest.raises(ProtocolError, match="within 100 bytes"):
        reader.feed(b"+PONG\r\n")
    with pytest.raises(ProtocolError, match="within 100 bytes"):
        reader.get()


def peak_of(action):
    gc.collect()
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "header",
    [
        b"$536870912\r\n",
        b"!536870912\r\n",
        b"=536870912\r\n",
        b"*67108864\r\n",
        b"%33554432\r\n",
        b"~67108864\r\n",
        b">67108864\r\n",
    ],
)
@pytest.mark.parametrize("rest", [b"", b"+a\r\n"])
def test_a_header_alone_allocates_nothing_big(resp, header, rest):
    def attack():
        reader = resp.Reader()
        reader.feed(header + rest)
        if rest and header[:1] == b"=":
            with pytest.raises(ProtocolError):
                reader.get()
        else:
            assert reader.get() is INCOMPLETE

    assert peak_of(attack) < 1_000_000


def test_many_nested_headers_allocate_nothing_big(resp):
    def attack():
        reader = resp.Reader()
        reader.feed(b"*60000\r\n" * 1024)
        assert reader.get() is INCOMPLETE

    assert peak_of(attack) < 1_000_000


@pytest.mark.parametrize(("charset", "copies"), [(None, 1), ("utf-8", 2), ("latin-1", 2)])
def test_a_large_bulk_string_is_held_once(resp, charset, copies):
    size = 16 * 1024 * 1024
    chunk = b"x" * 65536

    def receive():
        reader = resp.Reader(charset, False)
        reader.feed(b"$%d\r\n" % size)
        for _ in range(size // len(chunk)):
            assert reader.get() is INCOMPLETE
            reader.feed(chunk)
        reader.feed(b"\r\n")
        assert len(reader.get()) == size

    assert peak_of(receive) < size * (copies + 0.25)


def test_a_large_buffer_is_released_when_it_is_empty(resp):
    reader = resp.Reader(None)
    data = b":1\r\n" * 200_000

    def feed_and_take():
        reader.feed(data[:1])
        reader.feed(data[1:])
        assert len(reader.get_all()) == 200_000

    feed_and_take()
    gc.collect()
    tracemalloc.start()
    try:
        feed_and_take()
        assert tracemalloc.get_traced_memory()[0] < len(data) // 4
    finally:
        tracemalloc.stop()


def seconds(action):
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        action()
        best = min(best, time.process_time() - start)
    return best


def assert_linear(run, n):
    """Four times the input takes about 4 times as long; 16 times, were it quadratic. Load on the machine adds noise."""
    ratios = []
    for _ in range(5):
        ratios.append(seconds(lambda: run(4 * n)) / seconds(lambda: run(n)))
        if ratios[-1] < 9:
            return
    pytest.fail(f"4 times the input took {ratios} times as long")


def in_chunks(resp, wire, size, get_each=True):
    reader = resp.Reader(None, max_line_length=10**9)
    replies = []
    for i in range(0, len(wire), size):
        reader.feed(wire[i : i + size])
        if get_each:
            replies += reader.get_all()
    return replies + reader.get_all()


# Each is fed in chunks so small, or is so large, that quadratic work would outweigh the rest.
SHAPES = {
    "a line byte by byte": (lambda n: b"+" + b"x" * n + b"\r\n", 20_000, 1),
    "an error in small chunks": (lambda n: b"-" + b"x" * n + b"\r\n", 200_000, 20),
    "a bulk string byte by byte": (lambda n: b"$%d\r\n" % n + b"x" * n + b"\r\n", 20_000, 1),
    "a large bulk string": (lambda n: b"$%d\r\n" % n + b"x" * n + b"\r\n", 2_000_000, 64),
    "an array": (lambda n: b"*%d\r\n" % n + b":1\r\n" * n, 20_000, 7),
    "replies": (lambda n: b"$3\r\nabc\r\n" * n, 10_000, 13),
    "nesting": (lambda n: b"*1\r\n" * 1000 + b"*%d\r\n" % n + b":1\r\n" * n, 20_000, 7),
}


@pytest.mark.once
@pytest.mark.parametrize("get_each", [True, False])
@pytest.mark.parametrize("name", SHAPES)
def test_time_is_linear(resp, name, get_each):
    make, n, size = SHAPES[name]
    inputs = {n: make(n), 4 * n: make(4 * n)}
    assert in_chunks(resp, inputs[n], size, get_each)
    assert_linear(lambda count: in_chunks(resp, inputs[count], size, get_each), n)


@pytest.mark.once
def test_taking_one_reply_for_each_byte_fed_is_linear(resp):
    def run(n):
        reader = resp.Reader()
        reader.feed(b":1\r\n" * n)
        for _ in range(n):
            reader.get()
            reader.feed(b"$")
            reader.feed(b"0\r\n\r\n")

    assert_linear(run, 10_000)


#: Elements that are short on the wire, and large in memory.
SMALL_ONES = {
    "empty sets": b"~0\r\n",
    "sets": b"~1\r\n_\r\n",
    "empty maps": b"%0\r\n",
    "maps": b"%1\r\n_\r\n_\r\n",
    "empty lists": b"*0\r\n",
    "empty errors": b"-\r\n",
    "bulk errors": b"!0\r\n\r\n",
    "attributes": b"|1\r\n_\r\n_\r\n_\r\n",
    "integers": b":300\r\n",
    "doubles": b",1\r\n",
    "nulls": b"_\r\n",
}


@pytest.mark.parametrize("name", SMALL_ONES)
def test_what_an_incomplete_reply_takes_is_at_most_25_times_the_limit(resp, name):
    limit = extent(500_000, 100_000)
    chunk = SMALL_ONES[name] * 1000

    def attack():
        reader = resp.Reader(max_buffered=limit)
        reader.feed(b"*60000000\r\n")
        with pytest.raises(ProtocolError, match=f"within {limit} bytes"):
            while True:
                reader.feed(chunk)
                assert reader.get() is INCOMPLETE
        # The next chunk is not what made it that large.
        assert reader.fed <= limit + len(chunk) + 11

    assert peak_of(attack) < 25 * limit


def test_sets_and_maps_of_replies_that_are_complete_do_not_add_up(resp):
    reader = resp.Reader(max_buffered=1000)
    for _ in range(100):
        reader.feed(b"*3\r\n~0\r\n%1\r\n:1\r\n:2\r\n-no\r\n-no\r\n+")
        reader.get_all()
        reader.feed(b"OK\r\n")
        assert reader.get() == "OK"
    assert reader.buffered == 0
