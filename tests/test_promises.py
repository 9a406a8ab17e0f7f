"""The table of promises is what the marks of the tests say; a mark that cannot be read is named."""

from __future__ import annotations

import pytest
from testbed.promises import TABLE, MarkError, promises, rst

MARK = """
import pytest

@pytest.mark.promise({arguments})
def test_it():
    pass
"""


def test_the_table_is_what_the_marks_say() -> None:
    assert TABLE.read_text(encoding="utf-8") == rst(promises()), "python -m tests.testbed.promises writes it"


@pytest.mark.parametrize("place", ["decorator", "pytestmark"])
def test_a_promise_is_found_once_with_all_its_tests(tmp_path, place) -> None:
    first = MARK.format(arguments='"All is well", "Always.", about="Connections"')
    if place == "pytestmark":
        first = 'import pytest\npytestmark = [pytest.mark.promise("All is well", "Always.", about="Connections")]\n'
    (tmp_path / "test_a.py").write_text(first)
    (tmp_path / "test_b.py").write_text(MARK.format(arguments='"All is well"'))
    (found,) = promises(tmp_path)
    assert (found.sentence, found.more, found.about) == ("All is well", "Always.", "Connections")
    assert [test.rpartition("/")[2] for test in found.tests] == ["test_a.py", "test_b.py"]
    assert "All is well." in rst([found])
    assert "/test_b.py``" in rst([found])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ('"No topic"', "is none of TOPICS"),
        ('"Wrong topic", about="Weather"', "is none of TOPICS"),
        ('"More without a topic", "More."', "stand in one of the marks"),
        ('"A stop.", about="Connections"', "no full stop"),
        ('SENTENCE, about="Connections"', "literal text"),
        ('"Two", "a", "b", about="Connections"', r"promise\(sentence, more, about=topic\)"),
    ],
)
def test_a_mark_that_cannot_be_read_is_named(tmp_path, arguments, words) -> None:
    (tmp_path / "test_a.py").write_text(MARK.format(arguments=arguments))
    with pytest.raises(MarkError, match=rf"test_a\.py.*{words}"):
        promises(tmp_path)
