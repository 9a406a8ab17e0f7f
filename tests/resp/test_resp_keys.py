"""Numbers as keys and members: chosen ones cost no more time than others, and none is lost."""

from __future__ import annotations

import math
import time

import pytest
from testbed.extent import extent
from testbed.wire import bulk, bulks, command

from txredis_fast._tunables import SAME_HASH_MAX_KEYS
from txredis_fast.commands._parts.replies import as_dict, as_set
from txredis_fast.exceptions import ProtocolError
from txredis_fast.resp import spread

pytestmark = pytest.mark.promise(
    "Members of sets and keys of dicts that an attacker chose take no longer than others", about="Security"
)

#: Python's hash of an integer is its remainder by this.
MODULUS = 2**61 - 1

MANY = extent(20_000, 4_000)


def texts_of(numbers):
    return [str(number).encode() for number in numbers]


ATTACKS = {
    "multiples": [k * MODULUS for k in range(MANY)],
    "negative ones": [-k * MODULUS for k in range(MANY)],
    "another remainder": [k * MODULUS + 12345 for k in range(MANY)],
    "many remainders": [k * MODULUS + k % 50 for k in range(MANY)],
    "beside small ones": [k * MODULUS if k % 2 else k for k in range(MANY)],
    "floats": [
        repr(math.ldexp(mantissa, exponent))
        for mantissa in range(1, 2 * MANY // 15, 2)
        for exponent in range(-183, 900, 61)
    ],
}

#: How a reply becomes a set or a dict: the wire of so many texts, and what is done with what the reader makes of it.
WAYS = {
    "RESP2 set": (lambda texts: command(*texts), as_set),
    "RESP2 dict": (
        lambda texts: b"*%d\r\n" % (2 * len(texts)) + bulks(t for text in texts for t in (text, b"v")),
        as_dict,
    ),
    "RESP3 set": (lambda texts: b"~%d\r\n" % len(texts) + bulks(texts), as_set),
    "RESP3 map": (lambda texts: b"%%%d\r\n" % len(texts) + bulks(t for text in texts for t in (text, b"v")), as_dict),
    "a set in a set": (lambda texts: b"~1\r\n~%d\r\n" % len(texts) + bulks(texts), lambda value: next(iter(value))),
}


def read(resp, wire, *args):
    reader = resp.Reader(*args)
    reader.feed(wire)
    return reader.get()


@pytest.mark.parametrize("mode", [True, "exact"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("attack", ATTACKS)
def test_members_that_somebody_chose_take_no_longer_than_others(resp, attack, way, mode):
    wire, convert = WAYS[way]
    texts = texts_of(ATTACKS[attack])
    data = wire(texts)
    begin = time.process_time()
    value = convert(read(resp, data, "utf-8", mode))
    # A tenth of a second here; with colliding numbers it would be many.
    assert time.process_time() - begin < 2
    assert len(value) == len(set(texts))
    assert {str(key) for key in value} == {text.decode() for text in texts}


@pytest.mark.parametrize("way", ["RESP2 set", "RESP2 dict", "RESP3 set", "RESP3 map"])
def test_in_each_way_the_same_members_are_numbers(resp, way):
    wire, convert = WAYS[way]
    numbers = [k * MODULUS for k in range(40)] + [7, 2**70, -5, MODULUS + 1]
    keys = list(convert(read(resp, wire(texts_of(numbers)))))
    # 0 and the multiples within 64 bits are what they always are.
    assert {key for key in keys if type(key) is int} == {k * MODULUS for k in range(5)} | {7, 2**70, -5, MODULUS + 1}
    assert {key for key in keys if type(key) is str} == {str(k * MODULUS) for k in range(5, 40)}
    if way.endswith(("dict", "map")):
        assert set(convert(read(resp, wire(texts_of(numbers)))).values()) == {"v"}


class OwnList(list):
    """What an override of replyReceived may make of a reply."""


@pytest.mark.parametrize(
    ("items", "value"),
    [
        ([], {}),
        (["a", 1], {"a": 1}),
        (["a"], {}),
        (["a", 1, b"b", None, 2.5, [3], "left out"], {"a": 1, b"b": None, 2.5: [3]}),
        (["a", 1, "b", 2, "a", 3], {"a": 3, "b": 2}),
        (OwnList(["a", 1, "b"]), {"a": 1}),
        ([x for k in range(5, 60) for x in (k * MODULUS, k)], {str(k * MODULUS): k for k in range(5, 60)}),
        ([*(x for k in range(500) for x in (k, str(k))), 500], {k: str(k) for k in range(500)}),
    ],
    ids=["none", "one", "a name alone", "types", "twice", "another list", "chosen numbers", "many, and a name"],
)
def test_names_and_values_make_a_dict(resp, items, value):
    before = list(items)
    made = resp.dict_of(items)
    assert list(made.items()) == list(value.items())
    assert type(made) is dict
    assert items == before


def test_a_list_of_another_class_makes_a_set():
    assert as_set(OwnList(["a", "b", "a"])) == {"a", "b"}


@pytest.mark.parametrize("items", [[[], 1], ["a", 1, {}, 2], [x for k in range(99) for x in ({k}, k)]])
def test_a_name_that_cannot_be_a_key_raises(resp, items):
    with pytest.raises(TypeError, match="unhashable"):
        resp.dict_of(items)


def test_without_a_charset_they_are_bytes(resp):
    numbers = texts_of(k * MODULUS for k in range(5, 60))
    wire, convert = WAYS["RESP2 set"]
    assert convert(read(resp, wire([*numbers, b"x"]), None)) == {*numbers, b"x"}
    assert WAYS["RESP3 set"][1](read(resp, WAYS["RESP3 set"][0]([*numbers, b"x"]), None)) == {*numbers, b"x"}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "numbers",
    [
        [2**64 + k for k in range(MANY)],
        [1785000000000000000 + k for k in range(MANY)],
        [10**18 * k for k in range(3000)],
        [2**k for k in range(1900)],
        [k + 0.5 for k in range(MANY)],
        [k * MODULUS for k in range(5, 5 + SAME_HASH_MAX_KEYS)],
    ],
    ids=["beyond 64 bits", "identifiers", "amounts", "powers of two", "floats", "few"],
)
def test_numbers_that_nobody_chose_stay_numbers(resp, way, numbers):
    wire, convert = WAYS[way]
    assert set(convert(read(resp, wire(texts_of(numbers))))) == set(numbers)


def test_the_same_number_in_many_spellings_is_one_as_ever(resp):
    texts = [b"0" * zeros + str(MODULUS * 9).encode() for zeros in range(500)] + [b"x"]
    assert as_set(read(resp, WAYS["RESP2 set"][0](texts))) == {MODULUS * 9, "x"}


def test_integers_of_RESP3_that_are_too_long_for_decimals_are_hexadecimal(resp):
    numbers = [MODULUS << 61 * 40 * k for k in range(1, 40)]
    wire = b"~39\r\n" + b"".join(b"(%s\r\n" % hex_to_decimal(number) for number in numbers)
    value = read(resp, wire)
    assert value == {hex(number) for number in numbers}


def hex_to_decimal(number):
    digits = []
    while number:
        number, rest = divmod(number, 10**18)
        digits.append(f"{rest:018d}")
    return "".join(reversed(digits)).lstrip("0").encode()


def test_the_work_is_done_in_parts():
    numbers = [k * MODULUS for k in range(40_000)]
    assert sum(1 for _ in spread(numbers)) >= 8


@pytest.mark.parametrize("head", [b"~1001\r\n", b"*1\r\n~1001\r\n", b"%1001\r\n"])
def test_aggregates_in_keys_are_few(resp, head):
    """A server can make all of them collide."""
    reader = resp.Reader()
    element = b"*1\r\n:1\r\n" + (b":2\r\n" if head[:1] == b"%" else b"")
    reader.feed(head + element * 1000)
    assert not isinstance(reader.get(), list)
    reader.feed(b"*1\r\n")
    with pytest.raises(ProtocolError, match=r"at most 1000 aggregates in the keys of a collection, got b'\*1'"):
        reader.get()


@pytest.mark.parametrize("head", [b"~500\r\n", b"%250\r\n", b"*1\r\n~500\r\n"])
def test_aggregates_in_all_keys_of_a_reply_have_a_limit_of_their_own(resp, head):
    """As COMMAND has them: many sets, each of which is small."""
    key = b"*1\r\n:1\r\n"
    collection = head + (key * 500 if b"~" in head else (key + key) * 250)
    reader = resp.Reader()
    reader.feed(b"*21\r\n" + collection * 20)
    if b"%" in head:
        reader.feed(b":1\r\n")
        assert len(reader.get()) == 21  # values are no keys
        return
    assert not isinstance(reader.get(), list)
    reader.feed(collection)
    with pytest.raises(ProtocolError, match=r"at most 10000 aggregates in the keys of a reply, got b'\*1'"):
        reader.get()


def test_attributes_of_one_reply_are_merged_in_linear_time_and_cannot_collide(resp):
    wire = b"".join(b"|1\r\n" + bulk(text) + b":1\r\n" for text in texts_of(ATTACKS["multiples"]))
    reader = resp.Reader()
    begin = time.process_time()
    reader.feed(wire + b"|1\r\n$1\r\n0\r\n:2\r\n+OK\r\n:1\r\n")
    assert reader.get() == "OK"
    assert time.process_time() - begin < 2
    assert len(reader.attributes) == MANY
    assert reader.attributes[0] == 2
    assert reader.attributes[str(MODULUS * 9)] == 1
    assert reader.get() == 1
    assert reader.attributes is None


@pytest.mark.parametrize("way", WAYS)
def test_exact_loses_no_member(resp, way):
    texts = [b"1", b"1.0", b"01", b"+1", b"1.", b"-0.0", b"0", b"0.0", b"-0", b"15000000000000000", b"1.5e+16", b"1.5"]
    wire, convert = WAYS[way]
    value = convert(read(resp, wire(texts), "utf-8", "exact"))
    assert len(value) == len(texts)
    assert {key for key in value if type(key) is not str} == {1, 0, 15000000000000000, 1.5}
    assert sorted(map(str, value)) == sorted(text.decode() for text in texts)
