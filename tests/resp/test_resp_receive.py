"""A large bulk string may be filled straight from where its bytes come."""

from __future__ import annotations

import gc
import os
import random
from pathlib import Path

import pytest
from testbed.wire import OK, bulk

from txredis_fast.exceptions import ProtocolError
from txredis_fast.resp import INCOMPLETE

pytestmark = pytest.mark.promise("A large value is held once while it comes, in what becomes the value")

SIZE = 3_000_000


class Source:
    """Has ``recv_into`` as a socket has; gives at most so many bytes at once."""

    def __init__(self, data, at_once=10**9):
        self.data = data
        self.at_once = at_once
        self.buffers = []

    def recv_into(self, view):
        size = min(len(view), len(self.data), self.at_once)
        view[:size] = self.data[:size]
        self.data = self.data[size:]
        self.buffers.append(len(view))
        return size


def begun(resp, size=SIZE, first=b"", options=None, **limits):
    """A reader that awaits the rest of a large bulk string."""
    reader = resp.Reader(*(options or ()), **limits)
    reader.feed(b"$%d\r\n" % size + first)
    assert reader.get() is INCOMPLETE
    return reader


def filled(reader, data, limit=10**9, at_once=10**9):
    source = Source(data, at_once)
    while source.data:
        assert reader.receive(source.recv_into, limit) > 0
    return source


@pytest.mark.parametrize("first", [0, 1, 70_000])
@pytest.mark.parametrize(
    "options", [("utf-8",), (None, False), ("latin-1",), ("ascii",), ("utf-16-le",), ("shift_jis",)]
)
@pytest.mark.parametrize("end", [b"x", b"\xc3\xa9", b"\xff"])
def test_the_value_is_the_same_as_of_bytes_that_are_fed(resp, shape, first, options, end):
    data = b"x" * (SIZE - len(end)) + end
    fed = resp.Reader(*options)
    fed.feed(bulk(data) + OK)
    reader = begun(resp, SIZE, data[:first], options)
    filled(reader, data[first:], 500_000, 123_456)
    assert reader.awaited == 0
    reader.feed(b"\r\n+OK\r\n")
    assert shape(reader.get_all()) == shape(fed.get_all())


def test_what_differs_from_ascii_at_first_or_later(resp):
    for at in (0, 10, 60_000, 100_000, SIZE - 2):
        text = "x" * at + "é" + "x" * (SIZE - at - 2)
        reader = begun(resp, SIZE, text.encode()[:70_000])
        filled(reader, text.encode()[70_000:], 300_001)
        reader.feed(b"\r\n")
        assert reader.get() == text


def test_feeding_and_receiving_may_alternate(resp):
    data = random.Random(3).randbytes(SIZE)
    reader = begun(resp, SIZE, data[:5], (None,))
    at = 5
    while at < SIZE:
        step = min(40_000, SIZE - at)
        reader.feed(data[at : at + step])
        at += step
        if at < SIZE:
            at += reader.receive(Source(data[at:], 77_777).recv_into, 100_000)
    reader.feed(b"\r\n")
    assert reader.get() == data


@pytest.mark.parametrize("number", [b"1" * 70_000, b"0." + b"3" * 70_000, b"0" * 70_000])
def test_numbers_are_converted_as_ever(resp, shape, number):
    fed = resp.Reader()
    fed.feed(bulk(number))
    reader = begun(resp, len(number))
    filled(reader, number)
    reader.feed(b"\r\n")
    assert shape(reader.get()) == shape(fed.get())


def test_in_an_array_and_as_verbatim_string_and_error(resp):
    data = b"x" * 100_000
    reader = resp.Reader()
    reader.feed(b"*3\r\n")
    wanted = []
    for kind, head in ((b"$", b""), (b"=", b"txt:"), (b"!", b"")):
        reader.feed(b"%b%d\r\n%b" % (kind, len(head + data), head))
        assert reader.get() is INCOMPLETE
        assert reader.awaited == len(data)
        filled(reader, data, 9_999)
        reader.feed(b"\r\n")
        wanted.append(data.decode())
    assert [str(item) for item in reader.get()] == wanted


def test_nothing_is_awaited_of_what_is_not_large_or_not_begun(resp):
    reader = resp.Reader()
    assert reader.awaited == 0
    reader.feed(b"$1000\r\nabc")
    assert reader.get() is INCOMPLETE
    assert reader.awaited == 0
    with pytest.raises(ValueError, match="nothing can be received now"):
        reader.receive(len, 10)
    with pytest.raises(ValueError, match="nothing can be received now"):
        begun(resp).receive(len, 0)


def test_the_end_of_the_connection_and_an_error_change_nothing(resp):
    reader = begun(resp, 100_000, b"abc")

    def fails(view):
        view[:3] = b"???"
        raise BlockingIOError

    with pytest.raises(BlockingIOError):
        reader.receive(fails, 1000)
    assert reader.receive(lambda view: 0, 1000) == 0
    assert reader.awaited == 100_000 - 3
    filled(reader, b"d" * (100_000 - 3))
    reader.feed(b"\r\n")
    assert reader.get() == "abc" + "d" * (100_000 - 3)


@pytest.mark.parametrize("count", [-1, 1001])
def test_a_count_that_cannot_be_is_refused(resp, count):
    reader = begun(resp)
    with pytest.raises(ValueError, match=f"recv_into returned {count} for a buffer of 1000 bytes"):
        reader.receive(lambda view: count, 1000)
    assert reader.awaited == SIZE


def test_a_reader_that_receives_cannot_be_used(resp):
    reader = begun(resp)

    def recv_into(view):
        for call in (reader.get, reader.get_all, lambda: reader.feed(b"x"), lambda: reader.receive(recv_into, 5)):
            with pytest.raises(RuntimeError, match="in use by another call"):
                call()
        return 0

    assert reader.receive(recv_into, 1000) == 0


def test_what_is_after_the_value_is_checked_as_ever(resp):
    reader = begun(resp, 100_000)
    filled(reader, b"x" * 100_000)
    reader.feed(b"xx")
    with pytest.raises(ProtocolError, match="expected CRLF after the bulk string, got b'xx'"):
        reader.get()
    assert reader.awaited == 0


def test_the_limit_of_what_is_buffered_holds(resp):
    reader = begun(resp, SIZE, max_buffered=100_000)
    received = 0
    with pytest.raises(ProtocolError, match="within 100000 bytes"):
        for _ in range(100):
            received += reader.receive(Source(b"x" * 10_000).recv_into, 10_000)
    assert received <= 110_000


def test_room_grows_with_what_has_come(resp):
    reader = begun(resp, 512 * 1024 * 1024, options=(None,))
    source = Source(b"x" * 1_000_000)
    while source.data:
        came = 1_000_000 - len(source.data)
        reader.receive(source.recv_into, 10**9)
        assert source.buffers[-1] <= 65536 + 15 * came


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
def test_room_for_a_value_that_does_not_come_takes_no_memory(resp):
    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")

    gc.collect()
    before = resident()
    reader = begun(resp, 512 * 1024 * 1024, options=(None,))
    filled(reader, b"x" * 2_000_000)
    assert resident() - before < 20_000_000


def test_who_keeps_a_buffer_cannot_write_to_what_is_freed(resp):
    reader = begun(resp)
    kept = []

    def keeps(view):
        kept.append(view[:10])
        return 0

    if resp.__name__.endswith("_cresp"):
        with pytest.raises(ProtocolError, match="let go of its buffer"):
            reader.receive(keeps, 1000)
    else:
        with pytest.raises(BufferError):
            reader.receive(keeps, 1000)
            reader.feed(b"x" * SIZE)
    kept[0][:] = b"0123456789"
