"""Rows of the commands on vector sets."""

from __future__ import annotations

from testbed.wire import NIL, NIL_ARRAY, array, bulk, integer

from .rows import Row

ROWS = [
    Row("vadd", lambda c: c.vadd("v", [1, 0.5], "e"), ("VADD", "v", "VALUES", 2, 1, 0.5, "e"), integer(1), True),
    Row(
        "vadd",
        lambda c: c.vadd("v", b"\x00\x00\x80\x3f" * 3, "e", 2, True, "NOQUANT", 100, {"year": 1999}, 8),
        (
            *("VADD", "v", "REDUCE", 2, "FP32", b"\x00\x00\x80\x3f" * 3, "e", "CAS", "NOQUANT", "EF", 100),
            *("SETATTR", '{"year": 1999}', "M", 8),
        ),
        integer(0),
        False,
    ),
    Row(
        "vadd",
        lambda c: c.vadd("v", [1], "e", quantization="BIN"),
        ("VADD", "v", "VALUES", 1, 1, "e", "BIN"),
        integer(1),
        True,
    ),
    Row(
        "vadd",
        lambda c: c.vadd("v", [1], "e", quantization="Q8"),
        ("VADD", "v", "VALUES", 1, 1, "e", "Q8"),
        integer(1),
        True,
    ),
    Row("vsim", lambda c: c.vsim("v", "e"), ("VSIM", "v", "ELE", "e"), array("e", "f"), ["e", "f"]),
    Row(
        "vsim",
        lambda c: c.vsim("v", [1, 2], True, count=3),
        ("VSIM", "v", "VALUES", 2, 1, 2, "WITHSCORES", "COUNT", 3),
        array("e", "1", "f", "0.5"),
        {"e": 1.0, "f": 0.5},
    ),
    Row(
        "vsim",
        lambda c: c.vsim("v", b"\x00\x00\x80\x3f", True, True, None, 9, ".year > 1", 7, True, True, 0.5),
        (
            *("VSIM", "v", "FP32", b"\x00\x00\x80\x3f", "WITHSCORES", "WITHATTRIBS", "EPSILON", 0.5, "EF", 9),
            *("FILTER", ".year > 1", "FILTER-EF", 7, "TRUTH", "NOTHREAD"),
        ),
        array("e", "1", NIL, "f", "0.5", "{}"),
        {"e": (1.0, None), "f": (0.5, "{}")},
    ),
    Row(
        "vsim",
        lambda c: c.vsim("v", "e", with_attribs=True),
        ("VSIM", "v", "ELE", "e", "WITHATTRIBS"),
        array("e", "{}"),
        {"e": "{}"},
    ),
    Row("vdim", lambda c: c.vdim("v"), ("VDIM", "v"), integer(3), 3),
    Row("vcard", lambda c: c.vcard("v"), ("VCARD", "v"), integer(3), 3),
    Row("vrem", lambda c: c.vrem("v", "e"), ("VREM", "v", "e"), integer(1), True),
    Row("vismember", lambda c: c.vismember("v", "e"), ("VISMEMBER", "v", "e"), integer(0), False),
    Row("vemb", lambda c: c.vemb("v", "e"), ("VEMB", "v", "e"), array("1", "0.5"), [1.0, 0.5]),
    Row("vemb", lambda c: c.vemb("v", "e"), ("VEMB", "v", "e"), NIL_ARRAY, None),
    Row(
        "vemb",
        lambda c: c.vemb("v", "e", True),
        ("VEMB", "v", "e", "RAW"),
        array("int8", b"\x7f\xff", "1.5", "0.5"),
        ("int8", b"\x7f\xff", 1.5, 0.5),
    ),
    Row("vlinks", lambda c: c.vlinks("v", "e"), ("VLINKS", "v", "e"), array(array("f", "g")), [["f", "g"]]),
    Row(
        "vlinks",
        lambda c: c.vlinks("v", "e", True),
        ("VLINKS", "v", "e", "WITHSCORES"),
        array(array("f", "0.5")),
        [{"f": 0.5}],
    ),
    Row("vinfo", lambda c: c.vinfo("v"), ("VINFO", "v"), array("size", integer(3)), {"size": 3}, None),
    Row("vinfo", lambda c: c.vinfo("v"), ("VINFO", "v"), NIL_ARRAY, None),
    Row("vsetattr", lambda c: c.vsetattr("v", "e", {}), ("VSETATTR", "v", "e", ""), integer(1), True),
    Row("vsetattr", lambda c: c.vsetattr("v", "e", "{}"), ("VSETATTR", "v", "e", "{}"), integer(1), True),
    Row("vgetattr", lambda c: c.vgetattr("v", "e"), ("VGETATTR", "v", "e"), bulk("{}"), "{}"),
    Row("vrandmember", lambda c: c.vrandmember("v"), ("VRANDMEMBER", "v"), bulk("e"), "e"),
    Row("vrandmember", lambda c: c.vrandmember("v", -2), ("VRANDMEMBER", "v", -2), array("e", "e"), ["e", "e"]),
]
