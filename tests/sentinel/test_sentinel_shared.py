"""One question for all who ask at the same time: who is told what, and what is left when they leave."""

from __future__ import annotations

import pytest
from testbed.support import failed, fired, pending
from twisted.internet.defer import CancelledError, Deferred, fail, succeed

from txredis_fast._tunables import SENTINEL_QUESTION_BURST as BURST
from txredis_fast._tunables import SENTINEL_QUESTIONS_PER_SECOND as RATE
from txredis_fast.sentinel.shared import SharedQuestion


class Asked:
    """Questions that are answered by hand."""

    def __init__(self):
        self.questions = []
        self.cancelled = 0
        self.shared = SharedQuestion(self.ask)

    def ask(self):
        self.questions.append(Deferred(self.cancel))
        return self.questions[-1]

    def cancel(self, question):
        self.cancelled += 1


@pytest.fixture
def asked(clock, logged_errors):
    return Asked()


def test_all_who_ask_meanwhile_are_told_the_same_and_the_next_ask_anew(asked):
    first, second = asked.shared.ask(), asked.shared.ask()
    asked.questions[0].callback(1)
    assert (fired(first), fired(second), len(asked.questions)) == (1, 1, 1)
    third, fourth = asked.shared.ask(), asked.shared.ask()
    asked.questions[1].errback(ValueError("x"))
    failed(third, ValueError)
    failed(fourth, ValueError)


def test_an_answer_that_is_out_of_date_is_given_to_nobody(asked):
    first = asked.shared.ask()
    second = asked.shared.ask(anew=True)
    asked.questions[0].callback("old")
    assert pending(first) and pending(second) and len(asked.questions) == 2
    asked.questions[1].callback("new")
    assert fired(first) == fired(second) == "new"


def test_who_leaves_does_not_disturb_the_others_and_the_last_takes_the_question_along(asked):
    first, second = asked.shared.ask(), asked.shared.ask()
    first.cancel()
    failed(first, CancelledError)
    assert asked.cancelled == 0
    second.cancel()
    failed(second, CancelledError)
    assert asked.cancelled == 1
    third = asked.shared.ask()
    asked.questions[1].callback(3)
    assert fired(third) == 3


def test_a_question_that_never_ends_holds_nobody_who_comes_after_it_was_given_up(asked):
    first = asked.shared.ask()
    first.cancel()
    failed(first, CancelledError)
    second = asked.shared.ask()
    assert len(asked.questions) == 2 and pending(second)
    asked.questions[1].callback(2)
    assert fired(second) == 2


def test_an_answer_at_once_is_told_at_once_and_what_raises_is_a_failure():
    assert fired(SharedQuestion(lambda: succeed(1)).ask()) == 1
    failed(SharedQuestion(lambda: fail(ValueError())).ask(), ValueError)
    failed(SharedQuestion(lambda: 1 / 0).ask(), ZeroDivisionError)


def test_there_are_no_more_than_so_many_a_second_and_who_waits_for_one_may_leave(clock, logged_errors):
    put = []
    shared = SharedQuestion(lambda: succeed(put.append(clock.seconds())))
    clock.advance(5)
    waiting = []
    for _ in range(1000):
        waiting.append(shared.ask())
        clock.advance(0.01)
    assert len(put) <= BURST + 10 * RATE + 1 and put[BURST - 1] - put[0] < 0.2
    waiting += [shared.ask() for _ in range(3)]
    assert any(map(pending, waiting))
    for each in filter(pending, waiting):
        each.cancel()
        failed(each, CancelledError)
    assert clock.getDelayedCalls() == []
