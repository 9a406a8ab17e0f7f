"""The topology of a cluster: who is asked and when, which answer counts, and what a MOVED changes."""

from __future__ import annotations

import contextlib
import itertools
import random

import pytest
from testbed.support import failed, fired, pending
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.task import Clock

from txredis_fast.cluster.topology import asking
from txredis_fast.cluster.topology import owners as topology
from txredis_fast.cluster.topology.owners import Topology
from txredis_fast.cluster.topology.slots_reply import SLOTS
from txredis_fast.exceptions import ConnectionError, NoPermissionError, NotSentError

A, B, C, D, E = ((f"10.0.0.{number}", 6379) for number in range(1, 6))
SEED = ("seed.example", 7000)


def whole(owner, *replicas):
    """An answer in which one node has all slots."""
    return [[0, SLOTS - 1, *([*each, each[0], []] for each in (owner, *replicas))]]


def parts(*ranges):
    return [[first, last, [*owner, owner[0], []]] for first, last, owner in ranges]


#: An answer with a thousand nodes.
THOUSAND = parts(*((number, number if number < 999 else SLOTS - 1, (f"10.1.0.{number}", 1)) for number in range(1000)))


class Cluster:
    """Nodes that are asked by hand.

    :ivar asked: the questions that nobody has answered or cancelled: address -> Deferred, in order.
    :ivar answers: what nodes answer at once.
    """

    def __init__(self, **options):
        self.clock = Clock()
        self.connected = [A, B, C]
        self.asked = {}
        self.history = []
        self.cancelled = []
        self.answers = {}
        self.seeds = []
        self.sought = 0
        self.changes = []
        self.on_change = lambda: None
        self.on_ask = lambda address: None
        options = {"interval": None, **options}
        self.topology = Topology(self.ask, lambda: self.connected, self.find, self.changed, clock=self.clock, **options)

    def ask(self, address):
        self.history.append(address)
        self.on_ask(address)
        if address in self.answers:
            answer = self.answers[address]
            if isinstance(answer, BaseException):
                raise answer
            return succeed(answer) if answer is not None else answer
        self.asked[address] = question = Deferred(lambda _: self.cancel(address))
        return question

    def cancel(self, address):
        self.cancelled.append(address)
        self.asked.pop(address, None)

    def find(self):
        self.sought += 1
        return self.seeds if isinstance(self.seeds, Deferred) else succeed(self.seeds)

    def changed(self, view, former):
        self.changes.append((view, former))
        self.on_change()

    def answer(self, address, reply):
        self.asked.pop(address).callback(reply)

    def refuse(self, address, error=None):
        self.asked.pop(address).errback(error or ConnectionRefusedError())

    def turn(self, seconds=0):
        self.clock.advance(seconds)

    def learn(self, reply):
        """One whole refresh with this answer."""
        told = self.topology.refresh()
        while not self.asked and pending(told):
            self.turn(0.1)
        self.answer(next(iter(self.asked)), reply)
        self.asked.clear()
        return fired(told)

    @property
    def delayed(self):
        return self.clock.getDelayedCalls()


@pytest.fixture
def cluster(logged_errors):
    return Cluster()


# -- one refresh


def test_nothing_is_asked_unless_it_is_wanted(cluster):
    cluster.turn(1000)
    assert not cluster.history and not cluster.delayed
    assert cluster.topology.owners == [None] * SLOTS and cluster.topology.view is None
    assert cluster.topology.addresses == []


def test_three_nodes_are_asked_at_once_and_the_first_answer_wins(cluster):
    cluster.connected = [A, B, C, D, E]
    owners = cluster.topology.owners
    told = cluster.topology.refresh()
    assert not cluster.history, "not inside of the call"
    cluster.turn()
    assert len(cluster.asked) == 3
    one, two, three = cluster.asked
    cluster.answer(two, whole(A, B))
    view = fired(told)
    assert view is cluster.topology.view and view.served == SLOTS
    assert cluster.topology.owners is owners and set(owners) == {A}
    assert cluster.changes == [(view, None)]
    assert sorted(cluster.cancelled) == sorted([one, three])
    assert not cluster.delayed and not cluster.sought
    assert cluster.topology.addresses == [A, B] and cluster.topology.failure is None


def test_which_three_are_asked_differs(cluster):
    cluster.connected = [A, B, C, D, E]
    asked = set()
    for _ in range(60):
        cluster.learn(whole(A))
        cluster.turn(2)
    asked.update(cluster.history)
    assert asked == {A, B, C, D, E} and len(cluster.history) == 180


def test_a_node_that_answers_at_once_is_the_only_one_asked(cluster):
    cluster.answers = dict.fromkeys([A, B, C], whole(A))
    told = cluster.topology.refresh()
    cluster.turn()
    assert fired(told).served == SLOTS and len(cluster.history) == 1


@pytest.mark.promise("Topology requests do not grow with the load")
@pytest.mark.parametrize("how", ["refused", "silent", "bad", "empty", "raises", "none"])
def test_other_known_nodes_are_asked_next_and_then_the_seeds(cluster, how, logged_errors):
    cluster.learn(parts((0, 8000, A), (8001, SLOTS - 1, D)))
    cluster.connected, cluster.seeds = [A, B, C], [E, SEED]
    cluster.turn(10)
    cluster.history.clear()
    if how in ("raises", "none"):
        cluster.answers = dict.fromkeys([A, B, C, D, E], KeyError("x") if how == "raises" else None)

    def leave():
        for address in list(cluster.asked):
            if how == "refused":
                cluster.refuse(address)
            elif how == "bad":
                cluster.answer(address, [[0, 99999, "x"]])
            elif how == "empty":
                cluster.answer(address, [])
        if how == "silent":
            cluster.turn(1)

    told = cluster.topology.refresh()
    cluster.turn()
    if how not in ("raises", "none"):
        assert sorted(cluster.history) == [A, B, C]
        leave()
        assert sorted(cluster.history) == [A, B, C, D]
        assert not cluster.sought
        leave()
    assert cluster.sought == 1 and set(cluster.history) == {A, B, C, D, E, SEED}
    assert pending(told)
    if how == "silent":
        assert sorted(cluster.cancelled[-4:]) == [A, B, C, D]
    cluster.answer(SEED, whole(E))
    assert fired(told).nodes.keys() == {E}
    assert len(logged_errors.flush(KeyError)) == (how == "raises")
    assert not cluster.delayed


def test_nobody_answers(cluster, logged_errors):
    cluster.seeds = [SEED, A]
    told, other = cluster.topology.refresh(), cluster.topology.refresh()
    cluster.turn()
    cluster.refuse(A)
    cluster.answer(B, [[0, 16384, "x"]])
    cluster.refuse(C, NoPermissionError("NOPERM this user has no permissions to run the 'cluster|slots' command"))
    cluster.answer(A, [])
    cluster.turn(2.9)
    assert pending(told), "seeds get more time"
    cluster.turn(0.1)
    error = failed(told, NotSentError)
    assert isinstance(error, ConnectionError)
    assert str(error).startswith("No node has told the topology of the cluster: ")
    for words in (
        "10.0.0.1:6379: knows of no slot that is served",
        "10.0.0.2:6379: The reply to CLUSTER SLOTS is not valid: a slot is no number from 0 to 16383: 16384",
        "10.0.0.3:6379: NOPERM this user has no permissions to run the 'cluster|slots' command",
        "seed.example:7000: no answer within 3 s",
    ):
        assert words in str(error)
    assert failed(other, NotSentError) is not error
    assert str(cluster.topology.failure) == str(error)
    assert cluster.topology.view is None and not cluster.changes and not cluster.delayed


@pytest.mark.parametrize(
    ("seeds", "words"),
    [
        (lambda: succeed([]), "there are no seeds to ask"),
        (lambda: fail(OSError("no name server")), "the seeds cannot be found: no name server"),
        (lambda: succeed([("h", 0)]), "the seeds cannot be found: a seed must be"),
        (lambda: succeed(None), "the seeds cannot be found: 'NoneType'"),
        (Deferred, "the seeds were not found within 5 s"),
        (lambda: 1 / 0, "the seeds cannot be found: division by zero"),
    ],
)
def test_seeds_that_cannot_be_found(cluster, seeds, words, logged_errors):
    cluster.connected = []
    cluster.topology = Topology(cluster.ask, list, seeds, cluster.changed, clock=cluster.clock, interval=None)
    told = cluster.topology.refresh()
    cluster.turn()
    cluster.turn(5)
    assert str(failed(told, NotSentError)) == str(cluster.topology.failure)
    assert words in str(cluster.topology.failure)
    logged_errors.flush(ZeroDivisionError, ValueError, TypeError)
    assert not cluster.delayed


@pytest.mark.promise("Topology requests do not grow with the load")
def test_a_refresh_is_bounded_however_many_nodes_are_dead(cluster):
    cluster.learn(THOUSAND)
    cluster.turn(1000)
    cluster.connected = []
    cluster.seeds = [(f"10.2.0.{number}", 1) for number in range(200)]
    begun, asked = cluster.clock.seconds(), len(cluster.history)
    told = cluster.topology.refresh()
    for _ in range(200):
        cluster.turn(0.1)
        assert len(cluster.asked) <= asking.ASKED_AT_ONCE
        if not pending(told):
            break
    assert len(str(failed(told, NotSentError))) < 1000
    assert cluster.clock.seconds() - begun < 1 + 4 * 3 + 1
    assert len(cluster.history) - asked == asking.ASKED_AT_ONCE + asking.ASKED_SEEDS


# -- which answer counts


def test_the_answer_with_the_most_slots_counts(cluster):
    told = cluster.topology.refresh()
    cluster.turn()
    cluster.answer(A, parts((0, 99, A)))
    cluster.answer(B, parts((0, 199, B)))
    assert pending(told)
    cluster.answer(C, parts((0, 199, C)))
    assert fired(told).owners[0] == B and cluster.topology.owners[:201] == [B] * 200 + [None]


def test_a_hung_node_holds_an_answer_with_fewer_slots_up_for_a_second_at_most(cluster):
    told = cluster.topology.refresh()
    cluster.turn()
    cluster.answer(A, parts((0, 99, A)))
    cluster.refuse(B)
    cluster.turn(0.99)
    assert pending(told)
    cluster.turn(0.01)
    assert fired(told).served == 100 and cluster.cancelled == [C] and not cluster.sought


def test_a_late_answer_changes_nothing(cluster):
    told = cluster.topology.refresh()
    cluster.turn()
    late = cluster.asked[B]
    late._canceller = None
    cluster.answer(A, whole(A))
    late.callback(whole(B))
    assert fired(told).owners[0] == A and cluster.topology.owners[0] == A


def test_slots_that_nobody_serves_keep_their_owner(cluster):
    cluster.learn(parts((0, 8000, A), (8001, SLOTS - 1, B)))
    cluster.turn(2)
    cluster.connected = [A]
    view = cluster.learn(parts((0, 7000, C)))
    assert view.owners[7001] is None and view.served == 7001
    assert [cluster.topology.owners[slot] for slot in (0, 7000, 7001, 8000, 8001, 16383)] == [C, C, A, A, B, B]
    assert set(cluster.topology.addresses) == {A, B, C}
    cluster.turn(2)
    cluster.learn(whole(C))
    assert set(cluster.topology.owners) == {C} and cluster.topology.addresses == [C]


def test_the_same_view_is_no_change(cluster):
    cluster.learn(whole(A, B, C))
    cluster.turn(2)
    cluster.learn(whole(A, C, B))
    assert len(cluster.changes) == 1 and cluster.topology.refreshes == 2
    cluster.turn(2)
    cluster.learn(whole(A, C))
    assert len(cluster.changes) == 2
    assert cluster.changes[1] == (cluster.topology.view, cluster.changes[1][1])


def test_addresses_are_mapped(logged_errors):
    cluster = Cluster(address_map={B: ("nat", 1)})
    assert cluster.learn(whole(B)).nodes.keys() == {("nat", 1)}
    assert cluster.topology.address_map(B) == ("nat", 1) and cluster.topology.address_map(A) == A


# -- MOVED


def test_a_moved_counts_at_once_and_the_nodes_are_asked(cluster):
    cluster.learn(whole(A))
    cluster.turn(10)
    cluster.topology.moved(7, E)
    assert cluster.topology.owners[6:9] == [A, E, A] and cluster.topology.addresses == [A, E]
    assert cluster.topology.view.owners[7] == A
    cluster.turn()
    assert cluster.asked


def test_a_moved_needs_no_view(cluster):
    cluster.topology.moved(7, E)
    assert cluster.topology.owners[7] == E and cluster.topology.addresses == [E]
    cluster.topology.moved(-1, E)
    cluster.topology.moved(SLOTS, E)
    assert cluster.topology.owners.count(E) == 1


def test_a_view_asked_for_before_a_moved_does_not_undo_it(cluster):
    cluster.learn(whole(A))
    cluster.turn(10)
    told = cluster.topology.refresh()
    cluster.turn()
    cluster.topology.moved(7, E)
    cluster.answer(A, whole(B))
    fired(told)
    assert cluster.topology.owners[6:9] == [B, E, B] and cluster.topology.addresses == [B, E]
    # It has led to one more refresh, whose view counts for all slots.
    assert not cluster.asked
    cluster.turn(topology.SHORTEST_PAUSE_SECONDS)
    cluster.answer(A, whole(B))
    assert set(cluster.topology.owners) == {B} and cluster.topology.addresses == [B]
    assert len(cluster.changes) == 3, "the view is the same, the owners are not"


def test_each_group_of_nodes_has_its_own_time_of_asking(cluster):
    cluster.topology.moved(6, E)
    told = cluster.topology.refresh()
    cluster.turn()
    cluster.topology.moved(7, E)
    for address in (A, B, C):
        cluster.refuse(address)
    assert list(cluster.asked) == [E]
    cluster.answer(E, whole(B))  # asked for after the MOVED
    fired(told)
    assert set(cluster.topology.owners) == {B}


def test_of_two_moves_the_later_counts(cluster):
    told = cluster.topology.refresh()
    cluster.topology.moved(7, D)
    cluster.turn()
    cluster.topology.moved(7, E)
    cluster.answer(A, whole(A))
    fired(told)
    assert cluster.topology.owners[6:9] == [A, E, A]


def test_the_node_that_a_moved_names_is_asked_and_one_that_failed_is_not(cluster):
    for _ in range(20):
        cluster.connected = [A, B, C, D, E]
        cluster.topology.note("connection lost", C)
        cluster.topology.note("connection lost", B)
        cluster.topology.moved(7, E)
        cluster.turn()
        assert set(cluster.asked) == {A, D, E}
        cluster.answer(A, whole(A))
        cluster.turn(100)
        cluster.topology.moved(7, E)
        cluster.turn()
        assert E in cluster.asked, "of five"
        cluster.answer(E, whole(A))
        cluster.turn(100)


# -- how often


@pytest.mark.promise(
    "Topology requests do not grow with the load",
    "One refresh at a time, of at most a few nodes, and pauses between them; every command that waits shares "
    "it. When no known node answers, the seeds are resolved anew.",
    about="Cluster",
)
def test_any_number_of_triggers_is_one_refresh(cluster):
    for slot in range(1000):
        cluster.topology.note("CLUSTERDOWN", A)
        cluster.topology.moved(slot, B)
        cluster.topology.refresh()
    cluster.turn()
    assert len(cluster.history) == 3
    assert len(cluster.delayed) == 1
    assert "999" in cluster.topology.reason


def test_triggers_during_a_refresh_lead_to_one_more(cluster):
    first = cluster.topology.refresh()
    cluster.turn()
    cluster.topology.note("READONLY")
    joined, second, third = cluster.topology.refresh(anew=False), cluster.topology.refresh(), cluster.topology.refresh()
    cluster.answer(A, whole(A))
    assert fired(first) is fired(joined) and pending(second) and pending(third)
    cluster.turn(topology.SHORTEST_PAUSE_SECONDS - 0.01)
    assert len(cluster.history) == 3
    cluster.turn(0.02)
    assert len(cluster.history) == 6
    cluster.answer(A, whole(A))
    assert fired(second) is fired(third) is not fired(first)
    cluster.turn(100)
    assert len(cluster.history) == 6


def begun(cluster, seconds, reply, step=0.01):
    """When refreshes begin under a constant flow of triggers."""
    times = []
    end = cluster.clock.seconds() + seconds
    while cluster.clock.seconds() < end:
        cluster.topology.note("CLUSTERDOWN")
        cluster.turn(step)
        if cluster.asked:
            times.append(round(cluster.clock.seconds(), 2))
            answer = reply(len(times)) if callable(reply) else reply
            for address in list(cluster.asked):
                if answer is None:
                    cluster.refuse(address)
                elif address in cluster.asked:
                    cluster.answer(address, answer)
    return [round(after - before, 1) for before, after in itertools.pairwise(times)]


@pytest.mark.promise("Topology requests do not grow with the load")
@pytest.mark.parametrize("reply", [whole(A), None])
def test_the_pause_doubles_while_nothing_changes(cluster, reply):
    cluster.learn(whole(A))
    assert begun(cluster, 12, reply) == [0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 2.0, 2.0]


def test_the_pause_is_short_while_things_change_and_after_it_was_quiet(cluster):
    assert set(begun(cluster, 2, lambda number: whole(A if number % 2 else B))) == {0.1}
    begun(cluster, 5, whole(A))
    cluster.turn(2)
    if cluster.asked:
        cluster.answer(A, whole(A))
        cluster.turn(2)
    assert begun(cluster, 2, whole(A))[:3] == [0.2, 0.4, 0.8]


def test_the_pause_grows_with_the_cluster(cluster):
    cluster.learn(THOUSAND)
    assert begun(cluster, 70, THOUSAND, step=0.1) == pytest.approx([2.0, 4.0, 8.0, 16.0, 20.0], abs=0.21)


def test_the_interval(logged_errors):
    cluster = Cluster(interval=60.0)
    cluster.turn(1000)
    assert not cluster.history
    cluster.learn(whole(A))
    for number in range(2, 6):
        cluster.turn(53.9)
        assert len(cluster.history) == 3 * (number - 1)
        cluster.turn(6.1)
        assert len(cluster.history) == 3 * number
        if number % 2:
            cluster.answer(A, whole(A))
        else:
            for address in (A, B, C):  # a refresh that fails does not stop the timer
                cluster.refuse(address)
    assert len(cluster.delayed) == 1
    cluster.topology.note("x")
    assert len(cluster.delayed) == 1
    cluster.turn(2)
    assert len(cluster.history) == 18


# -- callers


def test_a_caller_who_cancels_does_not_disturb_the_others(cluster):
    one, two = cluster.topology.refresh(), cluster.topology.refresh()
    one.cancel()
    failed(one, CancelledError)
    cluster.turn()
    two.addBoth(lambda result: (three.cancel(), result)[1])
    three = cluster.topology.refresh(anew=False)
    cluster.answer(A, whole(A))
    assert fired(two) is cluster.topology.view
    failed(three, CancelledError)


def test_callers_are_told_after_the_change(cluster):
    order = []
    cluster.on_change = lambda: order.append("changed")
    cluster.topology.refresh().addCallback(lambda view: order.append("caller"))
    cluster.learn(whole(A))
    assert order == ["changed", "caller"]


def test_the_end(cluster):
    one = cluster.topology.refresh()
    cluster.turn()
    two = cluster.topology.refresh()
    cluster.topology.note("x")
    cluster.topology.close()
    for caller in (one, two, cluster.topology.refresh()):
        assert "disconnected" in str(failed(caller, NotSentError))
    assert sorted(cluster.cancelled) == [A, B, C] and not cluster.delayed
    cluster.topology.note("x")
    cluster.topology.moved(7, A)
    cluster.topology.close()
    assert cluster.topology.owners[7] is None and not cluster.delayed


def test_the_end_before_a_refresh_and_while_seeds_are_sought(logged_errors):
    cluster = Cluster(interval=1.0)
    told = cluster.topology.refresh()
    cluster.topology.close()
    failed(told, NotSentError)
    assert not cluster.delayed
    cluster = Cluster()
    cluster.connected = []
    cluster.seeds = Deferred()
    told = cluster.topology.refresh()
    cluster.turn()
    cluster.topology.close()
    failed(told, NotSentError)
    assert cluster.seeds.called and not cluster.delayed


# -- re-entrancy and exceptions


def test_what_changed_calls(cluster):
    """Each method from inside of ``changed``: never two refreshes at once, and nobody is left waiting."""
    inner = []

    def on_change():
        cluster.topology.note("x")
        cluster.topology.moved(3, E)
        inner.append(cluster.topology.refresh())
        assert len(cluster.delayed) == 1 and not cluster.asked

    cluster.on_change = on_change
    outer = cluster.topology.refresh()
    cluster.turn()
    cluster.answer(A, whole(A))
    assert fired(outer) is cluster.topology.view and pending(inner[0])
    assert cluster.topology.owners[3] == E
    cluster.on_change = cluster.topology.close
    cluster.turn(0.1)
    cluster.answer(A, whole(B))
    failed(inner[0], NotSentError)
    assert not cluster.delayed and not cluster.asked


def test_time_passes_while_changed_runs(cluster):
    """A program that turns its reactor from inside: the next refresh comes and ends before the first has."""

    def on_change():
        cluster.on_change = lambda: None
        cluster.topology.note("x")
        cluster.turn(0.1)
        cluster.answer(A, whole(B))

    cluster.on_change = on_change
    told = cluster.topology.refresh()
    cluster.turn()
    cluster.answer(A, whole(A))
    assert fired(told) is cluster.topology.view and set(cluster.topology.owners) == {B}


@pytest.mark.parametrize("where", ["ask", "answer", "connected", "cancel", "seeds", "map"])
def test_the_end_comes_inside_of_a_function_of_the_program(where, logged_errors):
    cluster = Cluster(address_map=lambda address: (where == "map" and cluster.topology.close(), address)[1])
    close = cluster.topology.close
    if where == "ask":
        cluster.on_ask = lambda address: close()
    if where == "answer":
        cluster.on_ask = lambda address: (close(), cluster.answers.update({address: whole(A)}))
    if where == "cancel":
        cluster.cancel = lambda address: close()
    cluster.connected = [] if where == "seeds" else cluster.connected
    if where == "connected":
        cluster.topology._connected = lambda: (close(), [A])[1]
    if where == "seeds":
        cluster.topology._seeds = lambda: (close(), succeed([SEED]))[1]
    told = cluster.topology.refresh()
    cluster.turn()
    if where in ("cancel", "map"):
        cluster.answer(A, whole(A))
    failed(told, NotSentError)
    assert not cluster.delayed
    assert cluster.topology.view is None
    assert len(cluster.history) == {"ask": 1, "answer": 1, "cancel": 3, "map": 3}.get(where, 0)


def test_a_question_put_while_the_end_comes_is_cancelled(cluster):
    cluster.on_ask = lambda address: cluster.topology.close()
    cluster.topology.refresh().addErrback(lambda failure: None)
    cluster.turn()
    assert len(cluster.history) == 1 and cluster.cancelled == cluster.history
    cluster = Cluster()
    cluster.connected = []
    seeds = Deferred()
    cluster.topology._seeds = lambda: (cluster.topology.close(), seeds)[1]
    cluster.topology.refresh().addErrback(lambda failure: None)
    cluster.turn()
    assert seeds.called and not cluster.delayed


def test_the_end_comes_when_other_nodes_are_looked_for(cluster):
    cluster.learn(whole(A, B, C, D))
    cluster.turn(10)
    cluster.history.clear()
    told = cluster.topology.refresh()
    cluster.turn()
    cluster.topology._connected = lambda: (cluster.topology.close(), [D, E])[1]
    cluster.turn(1)
    failed(told, NotSentError)
    assert sorted(cluster.history) == [A, B, C] and not cluster.delayed


def test_a_trigger_inside_of_asking_leads_to_one_more(cluster):
    cluster.on_ask = lambda address: cluster.topology.note("x", address)
    told = cluster.topology.refresh()
    cluster.turn()
    cluster.answer(A, whole(A))
    fired(told)
    assert len(cluster.history) == 3
    cluster.turn(0.1)
    assert len(cluster.history) == 6


def bad(*_):
    raise KeyError("a bug of the program")


async def bad_coroutine(*_):
    bad()


@pytest.mark.parametrize("changed", [bad, bad_coroutine, lambda *_: fail(KeyError("x"))])
def test_bugs_of_the_program_are_logged_once_and_stop_nothing(changed, logged_errors):
    cluster = Cluster(interval=60.0, address_map=bad)
    cluster.topology._changed = changed
    cluster.topology._connected = bad
    cluster.seeds = [SEED]
    owners = [A, B] * 3
    for owner in owners:
        assert set(cluster.learn(whole(owner)).owners) == {owner}
        cluster.turn(10)
    assert len(logged_errors.flush(KeyError)) == 3  # of `changed`, `connected` and `addressMap`
    cluster.history.clear()
    cluster.turn(60)
    assert cluster.history, "the timer goes on"
    cluster.topology.close()


def test_a_question_that_cannot_be_cancelled(cluster, logged_errors):
    cluster.cancel = bad
    told = cluster.topology.refresh()
    cluster.turn()
    cluster.answer(A, whole(A))
    assert fired(told) is cluster.topology.view
    assert len(logged_errors.flush(KeyError)) == 1


# -- anything at any time


class Anything(Cluster):
    """A cluster in which chance decides what happens inside of each function of the program."""

    def __init__(self, chance):
        self.chance = chance
        self.depth = 0
        self.waiting = []
        super().__init__(interval=chance.choice([None, 1.0, 60.0]), address_map=self.mapped)
        self.connected = None
        self.topology._connected = self.find_connected
        self.on_change = self.on_ask = self.meddle
        self.owners = self.topology.owners

    def meddle(self, *_):
        """Call the topology from inside of itself."""
        assert sum(not question.called for question in self.asked.values()) <= asking.ASKED_AT_ONCE
        if self.depth > 2 or self.chance.random() < 0.6:
            return
        self.depth += 1
        try:
            self.chance.choice([self.want, self.note, self.move, self.settle, self.leave, self.explode, self.stop])()
        finally:
            self.depth -= 1

    def want(self):
        self.waiting.append(self.topology.refresh(anew=self.chance.random() < 0.7))
        self.waiting[-1].addBoth(lambda result: (self.meddle_quietly(), result)[1]).addErrback(self.check)

    def check(self, failure):
        assert failure.check(NotSentError, CancelledError)

    def meddle_quietly(self):
        with contextlib.suppress(KeyError):
            self.meddle()

    def note(self):
        self.topology.note("x", self.chance.choice([None, A, B, E]))

    def move(self):
        self.topology.moved(self.chance.randrange(SLOTS), self.chance.choice([A, B, C, D, E]))

    def settle(self):
        """Give one of the outstanding questions an answer."""
        if self.asked:
            address = self.chance.choice(list(self.asked))
            if self.chance.random() < 0.4:
                self.refuse(address)
            else:
                node = self.chance.choice([A, B, C])
                self.answer(
                    address, self.chance.choice([whole(node, D), whole(A), parts((0, 99, node)), [], None, [["x"]]])
                )

    def leave(self):
        if self.waiting:
            self.chance.choice(self.waiting).cancel()

    def explode(self):
        raise KeyError("a bug of the program")

    def stop(self):
        if self.chance.random() < 0.02:
            self.topology.close()

    def mapped(self, address):
        self.meddle()
        return address

    def cancel(self, address):
        super().cancel(address)
        self.meddle()

    def find_connected(self):
        self.meddle()
        return self.chance.sample([A, B, C, D, E], self.chance.randrange(6))

    def find(self):
        self.meddle()
        return self.chance.choice([lambda: succeed([SEED]), list, lambda: fail(OSError("x")), Deferred])()


@pytest.mark.parametrize("seed", range(12))
def test_anything_at_any_time(seed, logged_errors):
    """Nobody waits for ever, nothing is asked twice at a time, and nothing is left, whatever happens where."""
    chance = random.Random(seed)
    cluster = Anything(chance)
    for _ in range(300):
        with contextlib.suppress(KeyError):
            chance.choice([cluster.want, cluster.note, cluster.move, cluster.settle, cluster.settle, cluster.leave])()
        cluster.turn(chance.choice([0, 0, 0.01, 0.1, 1]))
        assert len(cluster.delayed) <= 1
        assert cluster.topology.owners is cluster.owners and len(cluster.owners) == SLOTS
    cluster.on_change = cluster.on_ask = cluster.meddle = lambda *_: None
    for _ in range(40):
        cluster.turn(1)
    assert not any(map(pending, cluster.waiting)), "each refresh ends within seconds"
    last = cluster.topology.refresh()
    for _ in range(20):
        cluster.turn(1)
        if cluster.asked:
            cluster.answer(next(iter(cluster.asked)), whole(E))
    assert not pending(last)
    cluster.topology.close()
    assert not cluster.delayed
    logged_errors.flush(KeyError)
    last.addErrback(cluster.check)
