"""A method has the same value under RESP2 and RESP3, for every setting of charset and numbers."""

from __future__ import annotations

import warnings

import pytest

from .host import Host, result_of
from .protocol_replies import ROWS_BEYOND, alike
from .rows import command_of
from .table_protocols import RECORDED
from .tables import ROWS

SETTINGS = [(charset, numbers) for charset in ("utf-8", None) for numbers in (True, False, "exact")]

BY_SENT = {
    tuple(each if isinstance(each, bytes | str) else str(each) for each in row.sent_queued or row.sent): row
    for row in [*ROWS, *ROWS_BEYOND]
}


def value_of(resp, sent, reply, charset, numbers):
    host = Host(resp, charset, numbers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        deferred = BY_SENT[sent].call(host)
    try:
        host.answer(reply)
    except Exception as error:
        return repr(error)
    return result_of(deferred)


@pytest.mark.parametrize(("charset", "numbers"), SETTINGS)
def test_a_method_has_the_same_value_under_either_protocol(resp, charset, numbers):
    problems = []
    for sent, reply2, reply3 in RECORDED:
        two, three = (value_of(resp, sent, reply, charset, numbers) for reply in (reply2, reply3))
        if not alike(command_of(sent), two, three):
            problems.append(f"{' '.join(map(str, sent))}:\n  {two!r:.400}\n  {three!r:.400}")
    assert not problems, "\n".join(problems)


def test_the_table_has_a_reply_of_each_kind_that_differs():
    kinds = {(two[:1], three[:1]) for _, two, three in RECORDED}
    assert len(RECORDED) > 80
    assert kinds >= {(b"*", b"%"), (b"*", b"~"), (b"$", b","), (b"$", b"="), (b":", b"#")}
