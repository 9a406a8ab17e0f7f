"""Hash slots: the slot of a key is the cluster's, whatever the type that it was given as."""

from __future__ import annotations

import binascii
import enum
import inspect
import random

import pytest

import txredis_fast
from txredis_fast.exceptions import InvalidData

#: Slots as CLUSTER KEYSLOT of Valkey 9.1 tells them; ``tests/live/test_key_slot_live.py`` asks.
SLOTS = {
    b"": 0,
    b"123456789": 12739,
    b"foo": 12182,
    b"user:1": 10778,
    b"a{b}": 3300,
    b"b": 3300,
    b"{b}": 3300,
    b"a{b}{c}": 3300,
    b"a}{b}": 3300,
}


class Word(str, enum.Enum):
    A = "foo"


class Text(str):
    def encode(self, *args):
        return b"never asked"


@pytest.mark.parametrize(("key", "slot"), SLOTS.items())
@pytest.mark.parametrize("convert", [bytes, bytearray, memoryview, lambda key: key.decode()])
def test_a_slot_is_that_of_the_cluster(resp, key, slot, convert):
    assert resp.key_slot(convert(key)) == slot


def untagged(key: bytes) -> bytes:
    """The part that is hashed, said otherwise than in the code."""
    before, brace, rest = key.partition(b"{")
    tag, closed, _ = rest.partition(b"}")
    return tag if brace and closed and tag else key


@pytest.mark.parametrize(
    "key",
    [b"{", b"}", b"{}", b"{}a", b"a{}", b"a{}{b}", b"{{a}", b"{{}}", b"a{b", b"a{b}c", b"}{a}", b"{a}}", b"{\x00}"],
)
def test_only_the_first_tag_counts_and_an_empty_one_is_none(resp, key):
    assert resp.key_slot(key) == binascii.crc_hqx(untagged(key), 0) % 16384


def test_both_implementations_agree_on_any_bytes(both):
    pure, compiled = both
    generator = random.Random(20260101)
    for _ in range(3000):
        key = bytes(generator.choices(b"{}ab\x00\xff\x80\n", k=generator.randrange(12)))
        assert pure.key_slot(key) == compiled.key_slot(key), key
        assert 0 <= pure.key_slot(key) < 16384
    large = generator.randbytes(1_000_000)
    assert pure.key_slot(large) == compiled.key_slot(large)


@pytest.mark.parametrize(
    ("key", "sent"),
    [
        (7, b"7"),
        (-7, b"-7"),
        (1.5, b"1.5"),
        (True, b"True"),
        ("schlüssel", "schlüssel".encode()),
        (Word.A, b"foo"),
        (Text("foo"), b"foo"),
    ],
)
def test_the_slot_is_that_of_the_bytes_that_are_sent(resp, key, sent):
    assert resp.encode_command(("GET", key)).endswith(b"\r\n%b\r\n" % sent)
    assert resp.key_slot(key) == resp.key_slot(sent)


@pytest.mark.parametrize("charset", [None, "utf-8", "latin-1", "UTF-8", "koi8-r"])
@pytest.mark.parametrize("key", ["ascii", "{ascii}x"])
def test_the_slot_follows_the_charset(resp, charset, key):
    assert resp.key_slot(key, charset) == resp.key_slot(key.encode())
    accented = "é" if charset != "koi8-r" else "ж"
    assert resp.key_slot(accented, charset) == resp.key_slot(accented.encode(charset or "utf-8"))
    assert resp.key_slot(b"\xff", charset) == resp.key_slot(b"\xff")


def test_the_error_handler_is_the_codecs(resp):
    assert resp.key_slot("é", "ascii", "replace") == resp.key_slot(b"?")


@pytest.mark.parametrize("key", [None, [], ("a",), {"a": 1}, object()])
def test_what_is_no_key_is_refused(resp, key):
    with pytest.raises(InvalidData, match=rf"^a key is str, bytes-like or a number, not of type {type(key).__name__}$"):
        resp.key_slot(key)


@pytest.mark.parametrize(("key", "charset"), [("\ud800", "utf-8"), ("é", "ascii")])
def test_what_has_no_encoding_is_refused_without_its_text(resp, key, charset):
    with pytest.raises(InvalidData, match=rf"^the key has no encoding in {charset}$") as caught:
        resp.key_slot(key, charset)
    assert key not in str(caught.value)
    assert caught.value.__context__ is None


def test_the_package_has_the_function():
    assert txredis_fast.key_slot("foo") == 12182
    assert "hash tag" in inspect.getdoc(txredis_fast.key_slot) or "See" in inspect.getdoc(txredis_fast.key_slot)
