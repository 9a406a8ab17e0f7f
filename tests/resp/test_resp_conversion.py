"""Bulk strings become numbers, text or bytes by the rules in the docstring of ``_pyresp``."""

from __future__ import annotations

import codecs
import sys
import warnings

import pytest
from testbed.wire import bulk, bulks

from txredis_fast.exceptions import DecodeError, ProtocolError, ResponseError
from txredis_fast.resp import INCOMPLETE, Push


def one(resp, wire, *args, raw=False, **kwargs):
    reader = resp.Reader(*args, **kwargs)
    reader.feed(wire)
    value = reader.get(raw=raw)
    assert value is not INCOMPLETE
    assert reader.get() is INCOMPLETE
    return value


# data, value with convert_numbers=True, whether "exact" converts it too
NUMBERS = [
    (b"0", 0, True),
    (b"5", 5, True),
    (b"-5", -5, True),
    (b"+5", 5, False),
    (b"-0", 0, False),
    (b"+0", 0, False),
    (b"00", 0, False),
    (b"007", 7, False),
    (b"-07", -7, False),
    (b"999999999999999999", 10**18 - 1, True),
    (b"-999999999999999999", 1 - 10**18, True),
    (b"9223372036854775808", 2**63, True),
    (b"-123456789012345678901234567890", -123456789012345678901234567890, True),
    (b"000000000000000000000000000001", 1, False),
    (b"1.5", 1.5, True),
    (b"-1.5", -1.5, True),
    (b"+1.5", 1.5, False),
    (b"1.", 1.0, False),
    (b".5", 0.5, False),
    (b"-.5", -0.5, False),
    (b"1.10", 1.1, False),
    (b"01.5", 1.5, False),
    (b"0.1", 0.1, True),
    (b"1.0", 1.0, False),
    (b"-0.0", -0.0, False),
    (b"0.30000000000000004", 0.30000000000000004, True),
    (b"0.300000000000000040", 0.30000000000000004, False),
    (b"1.0e5", 100000.0, False),
    (b"1.5e+16", 1.5e16, False),
    (b"1.5e+300", 1.5e300, False),
    (b"1.5e16", 1.5e16, False),
    (b"1.5E+16", 1.5e16, False),
    (b"1.5e-07", 1.5e-7, True),
    (b"1.0e-999", 0.0, False),
]
TEXTS = [
    b"",
    b"+",
    b"-",
    b".",
    b"+.",
    b"-.e5",
    b"1_000",
    b"12 ",
    b" 12",
    b"12\n",
    b"12\x00",
    b"1.5\x00",
    b"1e5",
    b"1E5",
    b"inf",
    b"-inf",
    b"nan",
    b"infinity",
    b"1.0e999",
    b"-1.0e999",
    b"1.e",
    b"1.5e",
    b"1.5e+",
    b"1.5e1.5",
    b"1.5f",
    b"1..5",
    b"1.5.5",
    b"1,5",
    b"--5",
    b"+-5",
    b"5-",
    b"0x10",
    b"1j",
    b"e5",
    b".e5",
    "\u0661\u0662".encode(),
    "1.\u0661".encode(),
    b"1" * 4301,
    b"-" + b"1" * 4301,
    b"0" * 4301,
]


@pytest.mark.parametrize(("data", "value", "exact"), NUMBERS)
def test_numbers_are_converted(resp, shape, data, value, exact):
    assert shape(one(resp, bulk(data))) == shape(value)
    assert shape(one(resp, bulk(data), convert_numbers="exact")) == shape(value if exact else data.decode())
    assert one(resp, bulk(data), convert_numbers=False) == data.decode()
    assert shape(one(resp, bulk(data), None)) == shape(value)
    assert one(resp, bulk(data), None, False) == data


DOUBLES = [
    *("0", "-0", "+0", "1", "-1", "10.", "0.1", "-0.25", "+1.5", "007.50", "1e5", "1.5E-7", "1.", "inf", "-inf", "nan"),
    *("0.30000000000000004", "123456789012345", "-12345678901234.5", "0.00000000000001", "9007199254740993", "1e400"),
    *("999999999999999", "99999999.9999999", "1.7976931348623157e+308", "5e-324", "2.2250738585072011e-308"),
    *("0." + "0" * 40 + "1", "1" * 60),
]


@pytest.mark.parametrize("text", DOUBLES)
def test_a_double_is_the_nearest_one_wherever_it_stands(resp, shape, text):
    """Short ones, and pairs with them, have a fast path; a reply may be cut anywhere."""
    line, expected = b",%b\r\n" % text.encode(), float(text)
    assert shape(one(resp, line)) == shape(expected)
    wire = b"*5\r\n*2\r\n$6\r\nmember\r\n%b%b*2\r\n%b:1\r\n*1\r\n%b*2\r\n$-1\r\n%b" % ((line,) * 5)
    value = [["member", expected], expected, [expected, 1], [expected], [None, expected]]
    assert shape(one(resp, wire)) == shape(value)
    assert shape(one(resp, wire, raw=True)) == shape([[b"member", expected], *value[1:]])
    for cut in range(len(wire)):
        reader = resp.Reader()
        reader.feed(wire[:cut])
        assert reader.get() is INCOMPLETE
        reader.feed(wire[cut:])
        assert shape(reader.get()) == shape(value)


MEMBERS = [b"", b"x", b"12", b"007", b"\xff", b"\xc3\xa9", b"a\r\nb", b"\r", b"y" * 999, b"z" * 1000, b"$1\r\nx\r\n,1"]


@pytest.mark.parametrize("options", [(), (None,), (None, False), ("utf-8", "exact"), ("utf-16-le",)], ids=str)
def test_members_of_pairs_are_what_bulk_strings_are(resp, shape, options):
    pairs = [b"*2\r\n%b,%d.5\r\n" % (bulk(member), number) for number, member in enumerate(MEMBERS * 2)]
    wire = b"*%d\r\n" % len(pairs) + b"".join(pairs)
    for raw in (False, True):
        alone = [one(resp, bulk(member), *options, raw=raw) for member in MEMBERS * 2]
        expected = [[member, number + 0.5] for number, member in enumerate(alone)]
        assert shape(one(resp, wire, *options, raw=raw)) == shape(expected)
        for size in (1, 7, 64, 1001):
            reader = resp.Reader(*options)
            reply = INCOMPLETE
            for start in range(0, len(wire), size):
                assert reply is INCOMPLETE
                reader.feed(wire[start : start + size])
                reply = reader.get(raw)
            assert shape(reply) == shape(expected)


@pytest.mark.parametrize("pair", [b"*2\r\n$2\r\na\r\n,1\r\n", b"*2\r\n$1\r\na\r\n,1_0\r\n", b"*2\r\n$1\r\na\r\n,\r\n"])
def test_a_malformed_pair_is_refused_wherever_it_stands(resp, pair):
    good = b"*2\r\n$1\r\na\r\n,1\r\n"
    for wire in (b"*3\r\n" + pair + good, b"*3\r\n" + good + pair):
        reader = resp.Reader()
        reader.feed(wire + good * 3)
        with pytest.raises(ProtocolError):
            reader.get()


@pytest.mark.parametrize(
    "limits", [{"max_line_length": 4}, {"max_bulk_length": 5}, {"max_elements": 6}, {"max_depth": 2}]
)
def test_pairs_within_low_limits_are_read(resp, limits):
    wire = b"*2\r\n" + b"*2\r\n$3\r\nabc\r\n,1.5\r\n" * 2
    assert one(resp, wire, **limits) == [["abc", 1.5]] * 2


def test_a_pair_in_a_set_is_a_tuple(resp):
    assert one(resp, b"~1\r\n*2\r\n$1\r\na\r\n,1.5\r\n") == {("a", 1.5)}
    assert one(resp, b"%1\r\n*2\r\n$1\r\na\r\n,1.5\r\n,2\r\n") == {("a", 1.5): 2.0}


@pytest.mark.parametrize("data", TEXTS)
def test_all_else_is_text(resp, data):
    for mode in (True, False, "exact"):
        assert one(resp, bulk(data), convert_numbers=mode) == data.decode()
        assert one(resp, bulk(data), None, mode) == data


def test_exact_numbers_give_the_same_bytes_back(resp):
    for data, _value, exact in NUMBERS:
        value = one(resp, bulk(data), convert_numbers="exact")
        if exact:
            assert repr(value).encode() == data


@pytest.mark.parametrize("digits", [18, 19, 20, 4299, 4300])
def test_integers_have_up_to_4300_digits(resp, digits):
    for sign in (b"", b"-", b"+"):
        assert one(resp, bulk(sign + b"7" * digits)) == int(sign + b"7" * digits)


def test_more_digits_than_python_converts_stay_text(resp):
    old = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(700)
    try:
        for mode in (True, "exact"):
            assert one(resp, bulk(b"7" * 701), convert_numbers=mode) == "7" * 701
            assert type(one(resp, bulk(b"7" * 700), convert_numbers=mode)) is int
    finally:
        sys.set_int_max_str_digits(old)


@pytest.mark.parametrize("digits", [511, 512, 513, 1024, 5000, 65000])
def test_integer_replies_have_any_size(resp, digits):
    expected = (10**digits - 1) // 9
    for sign, factor in ((b"", 1), (b"+", 1), (b"-", -1)):
        wire = sign + b"1" * digits + b"\r\n"
        assert one(resp, b":" + wire) == expected * factor
        assert one(resp, b"(" + wire) == expected * factor


@pytest.mark.parametrize("length", [0, 1, 70000])
@pytest.mark.parametrize(
    ("charset", "character"),
    [
        ("utf-8", "\u20ac"),
        ("UTF8", "\xe9"),
        ("ascii", "x"),
        ("latin-1", "\xe9"),
        ("cp1252", "\u20ac"),
        ("utf-16", "\u20ac"),
    ],
)
def test_text_is_decoded_by_the_charset(resp, charset, character, length):
    text = character * length
    assert one(resp, bulk(text.encode(charset)), charset) == text
    data = b"txt:" + text.encode(charset)
    assert one(resp, bulk(data, b"="), charset) == text


@pytest.mark.parametrize("length", [1, 70001])
@pytest.mark.parametrize("charset", ["utf-8", "ascii", "utf-16-le", "undefined"])
def test_what_the_charset_cannot_decode_stays_bytes(resp, charset, length):
    data = b"\xff" * length
    assert one(resp, bulk(data), charset) == data
    assert one(resp, b"*1\r\n" + bulk(data), charset) == [data]


#: What stands for b"a\x81\xc3\xa9"; "undefined" is a codec that does not replace.
REPLACED = {
    "utf-8": "a\ufffd\xe9",
    "ascii": "a\ufffd\ufffd\ufffd",
    "cp1252": "a\ufffd\xc3\xa9",
    "undefined": "a\ufffd\ufffd\ufffd",
}


@pytest.mark.parametrize("repeated", [1, 20, 30_000])
@pytest.mark.parametrize("charset", REPLACED)
def test_what_the_charset_cannot_decode_is_replaced_where_that_is_asked(resp, charset, repeated):
    data, text = b"a\x81\xc3\xa9" * repeated, REPLACED[charset] * repeated
    options = {"charset": charset, "undecodable": "replace", "convert_numbers": False}
    assert one(resp, bulk(data), **options) == text
    assert one(resp, b"=%d\r\ntxt:%b\r\n" % (len(data) + 4, data), **options) == text
    assert one(resp, b"*2\r\n" + bulk(data) + bulk(b"1"), **options) == [text, "1"]
    assert one(resp, b"%1\r\n" + bulk(data) + bulk(data), **options) == {text: text}
    assert one(resp, b"~1\r\n" + bulk(data), **options) == {text}
    assert one(resp, b"~1\r\n*1\r\n" + bulk(data), **options) == {(text,)}
    assert one(resp, b">2\r\n" + bulk(b"1") + bulk(data), **options) == Push(["1", text])
    if repeated < 1000:
        assert one(resp, b"+" + data + b"\r\n", **options) == text
    assert one(resp, bulk(data), raw=True, **options) == data
    assert one(resp, b"*1\r\n" + bulk(data), raw=True, **options) == [data]


def test_a_message_that_the_charset_cannot_decode_is_replaced(resp):
    for kind in (b"*", b">"):
        reader = resp.Reader(convert_numbers=False, undecodable="replace")
        names = [(b"a\xff*", b"a\xff", b"\xfe1"), (b"a\xff*", b"a\xfe", b"\xff2")]
        reader.feed(b"".join(kind + b"4\r\n" + bulks([b"pmessage", *each]) for each in names))
        assert reader.get_message(kind) == ("a\ufffd*", "a\ufffd", "\ufffd1")
        assert reader.get_message(kind) == ("a\ufffd*", "a\ufffd", "\ufffd2")


def test_what_is_replaced_is_text_only(resp):
    """Numbers are those of the bytes; an error has its own rule; without a charset everything is bytes."""
    assert one(resp, bulk(b"12"), undecodable="replace") == 12
    assert one(resp, bulk(b"1\xff"), undecodable="replace") == "1\ufffd"
    assert one(resp, bulk(b"1\xff"), None, False, undecodable="replace") == b"1\xff"
    assert one(resp, bulk(b"1\xff"), undecodable=None) == b"1\xff"
    assert str(one(resp, b"-ERR \xff\r\n", undecodable="replace")) == "ERR \ufffd"
    assert one(resp, bulk("é€😀".encode()), undecodable="replace") == "é€😀"


def failure(data, charset="utf-8", **options):
    """The text of the error that a string makes."""
    with pytest.raises(UnicodeError) as raised:
        data.decode(charset)
    where = f", at position {raised.value.start}: {raised.value.reason}" if hasattr(raised.value, "start") else ""
    return f"expected text in {charset}, got {data[:32]!r} ({len(data)} bytes{where})"


@pytest.mark.parametrize("repeated", [1, 20, 30_000])
@pytest.mark.parametrize("charset", REPLACED)
def test_what_the_charset_cannot_decode_fails_the_whole_reply_where_that_is_asked(resp, charset, repeated):
    data = b"a\x81\xc3\xa9" * repeated
    options = {"charset": charset, "undecodable": "error"}
    good = None if charset == "undefined" else "b"
    replies = [
        (bulk(data), data),
        (b"=%d\r\ntxt:%b\r\n" % (len(data) + 4, data), data),
        (b"%1\r\n" + bulk(data) + bulk(data), {data: data}),
        (b"~1\r\n" + bulk(data), {data}),
        (b"~1\r\n*1\r\n" + bulk(data), {(data,)}),
        (b"*3\r\n:1\r\n*2\r\n" + bulk(data) + b"_\r\n" + bulk(b"7"), [1, [data, None], 7]),
    ]
    if good:
        replies.append((b"*2\r\n" + bulk(b"b") + bulk(data), ["b", data]))
    if repeated < 1000:
        replies.append((b"+" + data + b"\r\n", data))
    reader = resp.Reader(**options)
    for wire, kept in replies:
        reader.feed(b":1\r\n" + wire + b":2\r\n")
        assert reader.get() == 1
        error = reader.get()
        assert type(error) is DecodeError, wire
        assert (error.args, error.charset, error.reply) == ((failure(data, charset),), charset, kept)
        assert len(str(error)) < 300
        assert reader.get() == 2
        assert reader.get() is INCOMPLETE
    assert reader.errors == {}
    assert one(resp, bulk(data), raw=True, **options) == data
    assert one(resp, b"*1\r\n" + bulk(data), raw=True, **options) == [data]
    assert one(resp, bulk(data), None, undecodable="error") == data


def test_a_reply_that_fails_harms_no_other_one(resp):
    """Neither those around it, however they are read, nor those that its bytes come with."""
    wires = [bulk(b"a"), bulk(b"b\xff"), b"*2\r\n" + bulk(b"\xff") + bulk(b"c"), bulk(b"\xfe"), bulk(b"d"), b"+OK\r\n"]
    expected = ["a", b"b\xff", [b"\xff", "c"], b"\xfe", "d", "OK"]
    for size in range(1, 12):
        for read in ("get", "get_all", "get_many"):
            reader = resp.Reader(undecodable="error")
            got = []
            data = b"".join(wires)
            for at in range(0, len(data), size):
                reader.feed(data[at : at + size])
                if read == "get":
                    while (value := reader.get()) is not INCOMPLETE:
                        got.append(value)
                else:
                    got += reader.get_all() if read == "get_all" else reader.get_many(2) + reader.get_many(9)
            assert [value.reply if isinstance(value, DecodeError) else value for value in got] == expected
            assert [isinstance(value, DecodeError) for value in got] == [False, True, True, True, False, False]


def test_attributes_and_pushes_never_fail(resp):
    reader = resp.Reader(undecodable="error")
    attribute = b"|1\r\n" + bulk(b"\xff") + bulk(b"\xfe")
    reader.feed(attribute + b"*2\r\n" + attribute + bulk(b"a") + bulk(b"b"))
    assert (reader.get(), reader.attributes) == (["a", "b"], {b"\xff": b"\xfe"})
    reader.feed(attribute + bulk(b"a") + attribute + bulk(b"\xff") + bulk(b"b"))
    assert reader.get() == "a"
    assert reader.get().reply == b"\xff"
    assert reader.get() == "b"
    reader.feed(attribute + b"+\xff\r\n" + attribute + bulk(b"\xff") + bulk(b"b"))
    assert reader.get(True) == b"\xff"
    assert reader.get(True) == b"\xff"
    assert reader.get() == "b"
    reader.feed(b">3\r\n" + bulks([b"message", b"\xff", b"\xfe"]) + bulk(b"b"))
    assert reader.get() == Push(["message", b"\xff", b"\xfe"])
    assert reader.get() == "b"
    reader.feed(b">3\r\n" + bulks([b"message", b"\xff", b"\xfe"]) + bulk(b"b"))
    assert reader.get_message(b">") == (None, b"\xff", b"\xfe")
    assert reader.get() == "b"


def test_a_message_among_replies_fails_as_one(resp):
    reader = resp.Reader(undecodable="error")
    for parts in ([b"message", b"\xff", b"a"], [b"message", b"a", b"\xff"], [b"pmessage", b"\xff", b"b", b"c"]):
        reader.feed(b"*%d\r\n" % len(parts) + bulks(parts) + bulk(b"b"))
        assert reader.get_message(b"*") is None
        assert isinstance(reader.get(), DecodeError)
        assert reader.get() == "b"


def test_text_that_collides_as_keys_is_not_what_fails(resp):
    """Numbers that became bytes, as the other keys are bytes, can be decoded."""
    numbers = [str(index * (2**61 - 1) + 2**64).encode() for index in range(3000)]
    wire = b"~%d\r\n" % (len(numbers) + 1) + bulks(numbers) + bulk(b"x\xff")
    error = one(resp, wire, undecodable="error")
    assert error.args == (failure(b"x\xff"),)


def test_an_exception_of_a_codec_loses_no_reply(resp):
    """Neither while the reply is decoded nor while its error is made."""
    calls = []

    def decode(data, errors="strict"):
        calls.append(bytes(data))
        if bytes(data) == b"\xff":
            if len([each for each in calls if each == b"\xff"]) in raising:
                raise KeyError("codec")
            raise UnicodeDecodeError("own", bytes(data), 0, 1, "no")
        return bytes(data).decode("latin-1"), len(data)

    info = codecs.CodecInfo(codecs.lookup("latin-1").encode, decode, name="raising-own")
    find = {"raising_own": info, "raising-own": info}.get
    codecs.register(find)
    try:
        for wire in (bulk(b"\xff"), b"+\xff\r\n", b"*2\r\n" + bulk(b"a") + bulk(b"\xff"), b"*1\r\n*1\r\n+\xff\r\n"):
            for raising in ({1}, {2}, {1, 3}, {2, 3}):
                calls.clear()
                reader = resp.Reader("raising-own", undecodable="error")
                reader.feed(b":1\r\n" + wire + bulk(b"b"))
                assert reader.get() == 1
                got = []
                while len(got) < 2:
                    try:
                        got.append(reader.get())
                    except KeyError:
                        continue
                assert isinstance(got[0], DecodeError), (wire, raising)
                assert got[1] == "b"
                assert reader.get() is INCOMPLETE
    finally:
        codecs.unregister(find)


@pytest.mark.parametrize("undecodable", [True, False, 0, "", "errors", "strict", "REPLACE", b"replace", ["replace"]])
def test_a_wrong_way_with_what_cannot_be_decoded_is_refused(resp, undecodable):
    with pytest.raises(ValueError, match=r"^undecodable must be None, 'replace' or 'error', not "):
        resp.Reader(undecodable=undecodable)


def test_numbers_come_before_the_charset(resp):
    assert one(resp, bulk(b"12"), "utf-16") == 12
    assert one(resp, bulk(b"12"), "utf-16", False) == b"12".decode("utf-16")


@pytest.mark.parametrize("charset", ["no such codec", "hex", "rot13", "", "a\0b", "\udc80", 5, b"utf-8", True])
def test_a_wrong_charset_is_refused(resp, charset):
    with pytest.raises(ValueError, match=r"^charset must be None or "):
        resp.Reader(charset)


@pytest.mark.parametrize("mode", [None, "yes", "EXACT", 2, 1.0, b"exact", [], ()])
def test_a_wrong_number_mode_is_refused(resp, mode):
    with pytest.raises(ValueError, match=r"^convert_numbers must be True, False or 'exact', not "):
        resp.Reader(convert_numbers=mode)


def test_zero_and_one_are_number_modes(resp):
    assert one(resp, bulk(b"1"), convert_numbers=1) == 1
    assert one(resp, bulk(b"1"), convert_numbers=0) == "1"


RAW = [
    (bulk(b"12"), b"12"),
    (bulk(b"text"), b"text"),
    (b"+OK\r\n", b"OK"),
    (b"+PINGED\r\n", b"PINGED"),
    (b"=6\r\ntxt:ab\r\n", b"ab"),
    (b":12\r\n", 12),
    (b",1.5\r\n", 1.5),
    (b"#t\r\n", True),
    (b"_\r\n", None),
    (b"$-1\r\n", None),
    (b"-ERR x\r\n", ResponseError("ERR x")),
    (b"!5\r\nERR x\r\n", ResponseError("ERR x")),
    (b"*2\r\n$1\r\n1\r\n*1\r\n+a\r\n", [b"1", [b"a"]]),
    (b"%1\r\n$1\r\n1\r\n$1\r\n2\r\n", {b"1": b"2"}),
    (b">2\r\n+a\r\n$1\r\n1\r\n", Push(["a", 1])),
    (bulk(b"1" * 70000), b"1" * 70000),
]


@pytest.mark.parametrize(("wire", "value"), RAW)
def test_a_raw_reply_is_bytes_except_for_a_push(resp, shape, wire, value):
    reader = resp.Reader()
    reader.feed(wire + bulk(b"12"))
    assert shape(reader.get(raw=True)) == shape(value)
    assert reader.get() == 12


@pytest.mark.parametrize(("wire", "value"), [case for case in RAW if len(case[0]) < 100])
def test_rawness_holds_from_the_first_byte_on(resp, shape, wire, value):
    for i in range(1, len(wire)):
        reader = resp.Reader()
        assert reader.get(raw=True) is INCOMPLETE
        reader.feed(wire[:i])
        assert reader.get(raw=True) is INCOMPLETE
        reader.feed(wire[i:] + bulk(b"12"))
        assert shape(reader.get(raw=False)) == shape(value)
        assert reader.get() == 12


def test_a_reply_that_began_otherwise_does_not_become_raw(resp):
    reader = resp.Reader()
    reader.feed(b"*1\r\n$2\r\n1")
    assert reader.get() is INCOMPLETE
    reader.feed(b"2\r\n")
    assert reader.get(raw=True) == [12]


def test_asking_for_raw_before_the_first_byte_decides_nothing(resp):
    reader = resp.Reader()
    assert reader.get(raw=True) is INCOMPLETE
    reader.feed(bulk(b"12"))
    assert reader.get() == 12


def test_attributes_are_never_raw_and_do_not_begin_the_reply(resp):
    reader = resp.Reader()
    reader.feed(b"|1\r\n+a\r\n$1\r\n1\r\n")
    assert reader.get(raw=True) is INCOMPLETE
    reader.feed(bulk(b"12"))
    assert reader.get(raw=False) == 12
    assert reader.attributes == {"a": 1}
    reader.feed(b"|1\r\n+a\r\n$1\r\n1\r\n" + bulk(b"12"))
    assert reader.get(raw=True) == b"12"
    assert reader.attributes == {"a": 1}


class Failing:
    """A codec that runs ``action`` each time it decodes."""

    def __init__(self):
        self.action = lambda: None

    def decode(self, data, errors="strict"):
        self.action()
        return bytes(data).decode("latin-1"), len(data)

    def lookup(self, name):
        if name == "txredis_fast_test":
            return codecs.CodecInfo(codecs.latin_1_encode, self.decode, name=name)
        return None


@pytest.fixture
def codec():
    codec = Failing()
    lookup = codec.lookup  # one object: unregister() compares identity
    codecs.register(lookup)
    yield codec
    codecs.unregister(lookup)


@pytest.mark.parametrize("length", [3, 70000])
def test_a_codec_that_fails_leaves_the_reader_where_it_was(resp, codec, length):
    reader = resp.Reader("txredis_fast_test")

    def fail():
        raise ZeroDivisionError

    data = bulk(b"x" * length)
    reader.feed(b":1\r\n*2\r\n:2\r\n" + data[: length - 1])
    assert reader.get() == 1
    assert reader.get() is INCOMPLETE
    reader.feed(data[length - 1 :] + b":3\r\n")
    codec.action = fail
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            reader.get()
    codec.action = lambda: None
    assert reader.get_all() == [[2, "x" * length], 3]
    assert reader.buffered == 0


def test_replies_before_a_codec_that_fails_are_not_lost(resp, codec):
    reader = resp.Reader("txredis_fast_test")
    reader.feed(b":1\r\n:2\r\n" + bulk(b"x"))

    def fail():
        raise ZeroDivisionError

    codec.action = fail
    assert reader.get_all() == [1, 2]
    with pytest.raises(ZeroDivisionError):
        reader.get_all()


def test_a_codec_cannot_use_the_reader_that_calls_it(resp, codec):
    reader = resp.Reader("txredis_fast_test")
    refused = []

    def reenter():
        for call in (reader.get, reader.get_all, lambda: reader.feed(b"+x\r\n")):
            with pytest.raises(RuntimeError, match=r"^this reader is in use by another call$"):
                call()
            refused.append(call)

    codec.action = reenter
    reader.feed(bulk(b"x"))
    assert reader.get() == "x"
    assert len(refused) == 3
    codec.action = lambda: None
    reader.feed(bulk(b"y"))
    assert reader.get() == "y"


def test_a_warning_of_a_codec_that_is_an_error_passes_through(resp, codec):
    reader = resp.Reader("txredis_fast_test")
    codec.action = lambda: warnings.warn("old", DeprecationWarning, stacklevel=1)
    reader.feed(bulk(b"x"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DeprecationWarning):
            reader.get()
    codec.action = lambda: None
    assert reader.get() == "x"


@pytest.mark.parametrize("odd", ["", "é", "\udcff"], ids=["ASCII", "UTF-8", "no text"])
def test_text_of_every_length_with_an_odd_letter_at_every_place(resp, odd):
    texts = [
        "x" * at + odd + "y" * (length - at)
        for length in range(80)
        for at in (range(length + 1) if odd else range(length, length + 1))
    ]
    wire = [text.encode("utf-8", "surrogateescape") for text in texts]
    expected = wire if odd == "\udcff" else texts
    reader = resp.Reader()
    reader.feed(b"*%d\r\n" % len(wire) + bulks(wire))
    assert reader.get() == expected
