"""Commands become the bytes that Redis reads back without loss, or are refused without naming a value."""

from __future__ import annotations

import array
import enum
import sys
import traceback
import uuid
import warnings
from decimal import Decimal
from fractions import Fraction

import pytest
from testbed.wire import command

from txredis_fast.exceptions import InvalidData
from txredis_fast.resp import fix_argument, fixed_arguments, fixed_values


class Text(str):
    def encode(self, *args):
        return b"never asked"


class Data(bytes):
    def __bytes__(self):
        return b"never asked"


class Real(float):
    def __repr__(self):
        return "never asked"


class Number(int):
    pass


class Word(str, enum.Enum):
    A = "a"


ARGUMENTS = [
    (b"value", b"value"),
    (b"", b""),
    (b"\x00\r\n\xff", b"\x00\r\n\xff"),
    (bytearray(b"abc"), b"abc"),
    (memoryview(b"abc"), b"abc"),
    (memoryview(b"abcdef")[::2], b"ace"),
    (memoryview(array.array("H", [1, 2])), array.array("H", [1, 2]).tobytes()),
    ("value", b"value"),
    ("", b""),
    ("\xe9\u20ac\U0001f600", "\xe9\u20ac\U0001f600".encode()),
    ("x" * 100_000, b"x" * 100_000),
    (0, b"0"),
    (7, b"7"),
    (-1, b"-1"),
    (1234567890, b"1234567890"),
    (2**63 - 1, b"9223372036854775807"),
    (2**63, b"9223372036854775808"),
    (-(2**63), b"-9223372036854775808"),
    (-(2**63) - 1, b"-9223372036854775809"),
    (10**4000, str(10**4000).encode()),
    (1.5, b"1.5"),
    (1.0, b"1.0"),
    (1e-9, b"1e-09"),
    (0.1 + 0.2, b"0.30000000000000004"),
    (1e22, b"1e+22"),
    (-0.0, b"-0.0"),
    (5e-324, b"5e-324"),
    (-1.7976931348623157e308, b"-1.7976931348623157e+308"),
    (float("inf"), b"inf"),
    (float("-inf"), b"-inf"),
    (float("nan"), b"nan"),
    (-float("nan"), b"nan"),
    (True, b"True"),
    (False, b"False"),
    (Text("text"), b"text"),
    (Data(b"data"), b"data"),
    (Real(2.5), b"2.5"),
    (Number(5), b"5"),
    (Word.A, b"a"),
]
OTHERS = [
    (Decimal("1.10"), b"1.10"),
    (uuid.UUID(int=5), b"00000000-0000-0000-0000-000000000005"),
    (1 + 2j, b"(1+2j)"),
    (range(3), b"range(0, 3)"),
]
WARNED = [
    (None, b"None", "NoneType"),
    ([1], b"[1]", "list"),
    ((1,), b"(1,)", "tuple"),
    ({}, b"{}", "dict"),
    ({1}, b"{1}", "set"),
    (frozenset({1}), b"frozenset({1})", "frozenset"),
]


@pytest.mark.parametrize(("value", "encoded"), ARGUMENTS)
def test_an_argument_is_encoded(resp, value, encoded):
    for strict in (False, True):
        assert resp.encode_command(["SET", value], strict=strict) == command(b"SET", encoded)
        assert resp.encode_command(("SET", value, "k", value), strict=strict) == command(b"SET", encoded, b"k", encoded)


@pytest.mark.parametrize(("value", "encoded"), OTHERS)
def test_other_objects_go_as_their_str(resp, value, encoded):
    assert resp.encode_command(["SET", "k", value]) == command(b"SET", b"k", encoded)


@pytest.mark.parametrize(("value", "encoded", "kind"), WARNED)
def test_none_and_containers_go_as_their_str_with_a_warning(resp, value, encoded, kind):
    with pytest.warns(DeprecationWarning, match="is sent as its str") as caught:
        assert resp.encode_command(["SET", "k", value]) == command(b"SET", b"k", encoded)
    assert [str(warning.message) for warning in caught] == [
        f"argument 2 of SET is of type {kind} and is sent as its str()"
    ]
    assert caught[0].filename == __file__
    with pytest.warns(DeprecationWarning, match="is sent as its str") as caught:
        resp.encode_commands([["SET", "k", value], (b"GET", value)])
    assert [warning.filename for warning in caught] == [__file__] * 2
    assert str(caught[1].message).startswith("argument 1 of GET is of type")


@pytest.mark.parametrize("value", [value for value, *_ in OTHERS + WARNED])
def test_strict_mode_refuses_them_by_place_and_type(resp, value):
    with pytest.raises(InvalidData) as caught:
        resp.encode_command(["SET", "k", value], strict=True)
    assert str(caught.value) == (
        f"argument 2 of SET is of type {type(value).__name__}; "
        "strict mode takes bytes, bytearray, memoryview, str, int, float and bool"
    )


def test_any_iterable_of_arguments_will_do(resp):
    expected = command(b"SET", b"k", b"1")
    for args in (["SET", "k", 1], ("SET", "k", 1), iter(["SET", "k", 1]), {"SET": 0, "k": 0, 1: 0}):
        assert resp.encode_command(args) == expected


def test_many_commands_go_into_one_buffer(resp):
    commands = [["SET", f"key {i}", i] for i in range(1000)]
    expected = b"".join(resp.encode_command(command) for command in commands)
    assert resp.encode_commands(commands) == (expected, 1000)
    assert resp.encode_commands([]) == (b"", 0)


@pytest.mark.parametrize("size", [0, 1, 40, 41, 5000, 1_000_000])
def test_many_commands_go_into_buffers_of_about_a_size(resp, size):
    commands = [["SET", f"key {i}", "v" * (i % 50)] for i in range(1000)]
    parts, end = [], 0
    while end < len(commands):
        begin = end
        data, end = resp.encode_commands(commands, start=begin, size=size)
        assert data == b"".join(resp.encode_command(command) for command in commands[begin:end])
        assert len(data) - len(resp.encode_command(commands[end - 1])) < max(size, 1), "it ends with the first beyond"
        assert len(data) >= size or end == len(commands)
        parts.append(data)
    assert b"".join(parts) == resp.encode_commands(commands)[0]
    assert resp.encode_commands(commands, start=1000) == (b"", 1000)


@pytest.mark.parametrize("size", [*range(900, 1100), 5000, 10_000, 100_000, 1_000_000])
def test_commands_of_any_size(resp, size):
    data = bytes(range(256)) * (size // 256 + 1)
    assert resp.encode_command([b"SET", data[:size], "x", 5, 1.5]) == command(b"SET", data[:size], b"x", b"5", b"1.5")
    assert resp.encode_command(["x"] * size) == command(*[b"x"] * size)


@pytest.mark.parametrize("args", [[], (), iter([])])
def test_a_command_has_a_name(resp, args):
    with pytest.raises(InvalidData, match=r"^a command needs at least its name$"):
        resp.encode_command(args)


@pytest.mark.parametrize("charset", ["utf-16", "utf-16-le", "latin-1", "cp1252", "ASCII", "UTF8", "cp037"])
def test_str_goes_in_the_charset_but_an_ascii_name_as_ascii(resp, charset):
    expected = command(b"SET", "key".encode(charset), b"5", b"raw")
    assert resp.encode_command(["SET", "key", 5, b"raw"], charset) == expected
    if charset not in ("ASCII", "cp037"):
        assert resp.encode_command(["S\xe9T", "\xe9"], charset) == command(
            "S\xe9T".encode(charset), "\xe9".encode(charset)
        )


def test_charset_none_is_utf_8(resp):
    assert resp.encode_command(["SET", "\xe9"], None) == command(b"SET", b"\xc3\xa9")


def test_the_error_handler_is_the_codecs(resp):
    assert resp.encode_command(["SET", "\udcff"], errors="surrogateescape") == command(b"SET", b"\xff")
    assert resp.encode_command(["SET", "a\xe9"], "ascii", "ignore") == command(b"SET", b"a")
    assert resp.encode_command(["SET", "a\xe9"], "ascii", "replace") == command(b"SET", b"a?")


@pytest.mark.parametrize(
    ("args", "charset", "message"),
    [
        (["SET", "secret\xe9"], "ascii", "argument 1 of SET has no encoding in ascii"),
        (["SET", "k", "secret\udc80"], "utf-8", "argument 2 of SET has no encoding in utf-8"),
        (["SET", "k", "secret\udc80"], None, "argument 2 of SET has no encoding in utf-8"),
        ([b"S\xff", "secret\u20ac"], "latin-1", "argument 1 of S\\xff has no encoding in latin-1"),
        ([memoryview(b"SET"), "secret\u20ac"], "latin-1", "argument 1 of a command has no encoding in latin-1"),
        ([5, "k"], "utf-8", "the command name is a str or bytes, not of type int"),
        ([None], "utf-8", "the command name is a str or bytes, not of type NoneType"),
        ([("secret",)], "utf-8", "the command name is a str or bytes, not of type tuple"),
        (["\udc80"], "utf-8", "the command name has no encoding in utf-8"),
    ],
)
def test_text_without_encoding_is_refused_by_place(resp, args, charset, message):
    with pytest.raises(InvalidData) as caught:
        resp.encode_command(args, charset)
    assert str(caught.value) == message
    error = caught.value
    assert error.__context__ is None  # which would have the text
    assert "secret" not in "".join(traceback.format_exception_only(type(error), error))


def test_an_int_with_too_many_digits_is_refused_by_place(resp):
    for value in (10**5000, Number(10**5000)):
        with pytest.raises(InvalidData, match=r"^argument 1 of SET is an int with too many digits for str\(\)$"):
            resp.encode_command(["SET", value])
    assert sys.get_int_max_str_digits() == 4300


def test_an_unknown_charset_is_a_lookup_error(resp):
    with pytest.raises(LookupError):
        resp.encode_command(["SET", "k"], "no such codec")


def test_an_error_of_str_passes_through(resp):
    class Hostile:
        def __str__(self):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        resp.encode_command(["SET", "x" * 5000, Hostile()])
    with pytest.raises(ZeroDivisionError):
        resp.encode_commands([["SET", "k"], ["SET", Hostile()]])


def test_arguments_changed_by_an_argument_are_not_seen(resp):
    args = ["SET", None, "k", "v"]

    class Hostile:
        def __str__(self):
            args.clear()
            return "x"

    args[1] = Hostile()
    assert resp.encode_command(args) == command(b"SET", b"x", b"k", b"v")


def test_a_warning_that_is_an_error_passes_through(resp):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DeprecationWarning):
            resp.encode_command(["SET", None])


def test_a_reader_reads_what_was_encoded(resp):
    args = ["SET", b"k\r\n", 1.5, -7, "\xe9"]
    reader = resp.Reader()
    reader.feed(resp.encode_command(args))
    assert reader.get() == ["SET", "k\r\n", 1.5, -7, "\xe9"]


@pytest.mark.parametrize("value", [Decimal("1.10"), Fraction(1, 3), 1.5j, Real(1.5), 10**30, True])
def test_a_number_of_any_type_is_taken_as_it_is(value):
    assert fix_argument(value) is fixed_values(value) is fixed_arguments(("SET", "key", value))[2] is value
    assert fix_argument(value, True) == str(value) or type(value) in (int, float, bool)


def test_numbers_need_not_be_imported(monkeypatch):
    monkeypatch.delitem(sys.modules, "numbers", raising=False)
    assert fix_argument(1.5j) == 1.5j
    assert fix_argument(object) is object
    assert str(fix_argument(Decimal("1.10"))) == "1.10"
