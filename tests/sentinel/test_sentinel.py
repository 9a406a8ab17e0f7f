"""Sentinel without a network: what is asked, which answer counts, where connections go, and what is left behind.

A :class:`Network` carries bytes between the package and fake servers made of ``BaseRedisProtocol``, in turns of a
clock that the test advances.
"""

from __future__ import annotations

import re

import pytest
from testbed.support import MemoryReactor, failed, fired, pending
from testbed.wire import aggregate, bulk
from twisted.internet import defer
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectionDone, ConnectionRefusedError, TimeoutError, UserError
from twisted.internet.protocol import Factory
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

import txredis_fast as redis
from txredis_fast.sentinel import (
    Sentinel,
    SentinelConnectionFactory,
    SentinelRedisProtocol,
    open_through_sentinels,
)

pytestmark = [
    pytest.mark.usefixtures("logged_errors"),
    pytest.mark.promise("No reply of a Sentinel, however wrong, breaks the client", about="Sentinel and fail-over"),
]

SERVICE = "mymaster"
HOST = "127.0.0.1"


class Wire(StringTransport):
    """One end of a connection: what is written arrives at the other end's protocol in the next turn."""

    def __init__(self, network, address):
        super().__init__()
        self.network, self.address = network, address
        self.reactor = network
        self.protocol = self.other = None
        self.lost = False

    def write(self, data):
        self.network.callLater(0, self.other.deliver, data)

    def deliver(self, data):
        if not self.lost:
            self.protocol.dataReceived(data)

    def loseConnection(self):
        self.network.callLater(0, self.end)

    abortConnection = loseConnection

    def end(self):
        for wire in (self, self.other):
            if not wire.lost:
                wire.lost = True
                wire.protocol.connectionLost(Failure(ConnectionDone()))


class Attempt:
    """A connector: one attempt to connect over the network."""

    def __init__(self, network, address, factory, timeout):
        self.network, self.address, self.factory = network, address, factory
        self.timer = network.callLater(timeout, self.fail, TimeoutError())
        if address not in network.servers:
            network.callLater(0, self.fail, ConnectionRefusedError())
        elif not network.servers[address].unreachable:
            network.callLater(0, self.succeed)

    def fail(self, error):
        if self.timer is not None:
            self.end_timer()
            self.factory.clientConnectionFailed(self, Failure(error))

    def end_timer(self):
        timer, self.timer = self.timer, None
        if timer.active():
            timer.cancel()

    def stopConnecting(self):
        self.fail(UserError())

    def succeed(self):
        if self.timer is None:
            return
        self.end_timer()
        server = self.network.servers[self.address]
        near, far = Wire(self.network, self.address), Wire(self.network, self.address)
        near.other, far.other = far, near
        far.protocol = server.buildProtocol(None)
        far.protocol.makeConnection(far)
        near.protocol = self.factory.buildProtocol(None)
        near.protocol.makeConnection(near)


class Network(MemoryReactor):
    """The reactor of a test: connects to the servers that it knows."""

    def __init__(self):
        super().__init__()
        self.servers = {}
        self.attempted = []
        self.attempts = []

    def connectTCP(self, host, port, factory, timeout=30, bindAddress=None):
        self.attempted.append(port)
        attempt = Attempt(self, (host, port), factory, timeout)
        self.attempts.append(attempt)
        factory.startedConnecting(attempt)
        return attempt

    def succeed(self, port):
        """Let the attempts to reach an unreachable server succeed."""
        for attempt in self.attempts:
            if attempt.address[1] == port:
                attempt.succeed()

    def settle(self):
        """Run what is due now, until nothing is."""
        for _ in range(1000):
            if not any(call.getTime() <= self.seconds() for call in self.getDelayedCalls()):
                return
            self.advance(0)
        raise AssertionError("never comes to rest")

    def wait(self, seconds):
        """Let time pass, at the pace of the delayed calls."""
        until = self.seconds() + seconds
        self.settle()
        while upcoming := [call.getTime() for call in self.getDelayedCalls() if call.getTime() <= until]:
            self.advance(max(0, min(upcoming) - self.seconds()))
            self.settle()
        self.advance(until - self.seconds())


class FakeProtocol(redis.BaseRedisProtocol):
    """The server's end: looks up what it answers, and keeps what it is asked."""

    subscribed = False

    def replyReceived(self, request):
        server = self.factory
        server.requests.append(request)
        self.subscribed |= request[0] == "SUBSCRIBE"
        if not server.hangs:
            answer = server.answer(self, request)
            self.transport.write(answer if isinstance(answer, bytes) else encode(answer))


class FakeServer(Factory):
    protocol = FakeProtocol
    noisy = False
    hangs = False
    unreachable = False

    def __init__(self, network, port, role=("master", 0, []), password=None):
        self.port, self.role, self.password = port, role, password
        self.requests = []
        self.connections = []
        self.answers = {}
        network.servers[HOST, port] = self

    def buildProtocol(self, addr):
        protocol = super().buildProtocol(addr)
        protocol.authenticated = self.password is None
        self.connections.append(protocol)
        return protocol

    def answer(self, connection, request):
        name = request[0]
        if name in self.answers:
            return self.answers[name]
        if name == "AUTH":
            connection.authenticated = request[-1] == self.password
            return b"+OK\r\n" if connection.authenticated else b"-WRONGPASS invalid\r\n"
        if not connection.authenticated:
            return b"-NOAUTH Authentication required.\r\n"
        if name == "ROLE":
            return self.role
        if name == "GET":
            return f"from {self.port}"
        return self.further_answer(request)

    def further_answer(self, request):
        return b"+OK\r\n"

    def asked(self, name):
        """How often a command came."""
        return sum(request[0] == name for request in self.requests)

    def drop(self):
        """Lose all connections."""
        for connection in self.connections:
            connection.transport.loseConnection()
        self.connections = []

    @property
    def open(self):
        return [connection for connection in self.connections if not connection.transport.lost]


ALL = ("MASTER", "MASTERS", "GET-MASTER-ADDR-BY-NAME", "REPLICAS", "SLAVES", "SENTINELS")


class FakeSentinel(FakeServer):
    """
    :ivar allowed: the subcommands that its user may run, and :ivar known: those that its version has.
    """

    allowed = known = ALL
    service = SERVICE
    flags = "master"
    others = 2

    def __init__(self, network, port, master, replicas=(), **options):
        super().__init__(network, port, role=("sentinel", [SERVICE]), **options)
        self.master = master
        self.replicas = dict.fromkeys(replicas, "slave")

    def further_answer(self, request):
        if request[0] == "SUBSCRIBE":
            return b"*3\r\n$9\r\nsubscribe\r\n" + encode(request[1]) + b":1\r\n"
        subcommand = request[1]
        if subcommand not in self.allowed:
            return b"-NOPERM this user has no permissions to run the 'sentinel|%b' command\r\n" % subcommand.encode()
        if subcommand not in self.known:
            return b"-ERR Unknown sentinel subcommand '%b'\r\n" % subcommand.encode()
        if subcommand == "MASTERS":
            return [describe("other", 9, self.flags, 0), describe(self.service, self.master, self.flags, self.others)]
        if str(request[2]) != self.service:
            return b"*-1\r\n" if subcommand.startswith("GET") else b"-ERR No such master with that name\r\n"
        if subcommand == "MASTER":
            return describe(self.service, self.master, self.flags, self.others)
        if subcommand == "GET-MASTER-ADDR-BY-NAME":
            return [HOST, self.master]
        if subcommand == "SENTINELS":
            return [describe(f"s{number}", 20 + number, "sentinel", 0) for number in range(self.others)]
        return [describe(f"{HOST}:{port}", port, flags, self.others) for port, flags in self.replicas.items()]

    def publish(self, message):
        for connection in self.open:
            if connection.subscribed:
                connection.transport.write(encode(["message", "+switch-master", message]))


def describe(name, port, flags, others):
    return ["name", name, "ip", HOST, "port", port, "flags", flags, "num-other-sentinels", others]


def encode(value):
    if isinstance(value, (list, tuple)):
        return aggregate(map(encode, value))
    return bulk(value)


@pytest.fixture
def network(monkeypatch):
    network = Network()
    monkeypatch.setattr(redis, "reactor", network, raising=False)
    monkeypatch.setattr(redis.RedisFactory, "jitter", 0)
    return network


class Setting:
    """A master on port 1, replicas on 2 and 3, three Sentinels on 11, 12 and 13, and a client of them."""

    def __init__(self, network):
        self.network = network
        self.master = FakeServer(network, 1)
        self.replicas = [FakeServer(network, port, role=("slave", HOST, 1, "connected", 0)) for port in (2, 3)]
        self.sentinels = [FakeSentinel(network, port, 1, (2, 3)) for port in (11, 12, 13)]

    def client(self, *args, **options):
        self.manager = Sentinel([(HOST, sentinel.port) for sentinel in self.sentinels], *args, **options)
        self.network.settle()
        return self.manager

    def set_all(self, **state):
        for sentinel in self.sentinels:
            for name, value in state.items():
                setattr(sentinel, name, value)

    def fail_over(self):
        """Port 2 becomes the master, as seen by everyone."""
        self.set_all(master=2)
        self.master.role, self.replicas[0].role = self.replicas[0].role, self.master.role

    def settled(self, deferred):
        self.network.settle()
        return deferred

    def get_from(self, handler):
        return fired(self.settled(handler.get("k")))


@pytest.fixture
def setting(network):
    return Setting(network)


# -- finding the master


def test_the_first_usable_answer_is_the_master(setting):
    setting.sentinels[0].hangs = True
    setting.sentinels[1].flags = "master,s_down"
    setting.client()
    assert fired(setting.settled(setting.manager.discover_master(SERVICE))) == (HOST, 1)


@pytest.mark.parametrize("options", [{}, {"charset": None}, {"convertNumbers": False}])
@pytest.mark.parametrize("name", [SERVICE, b"mymaster"])
def test_the_address_is_a_str_and_an_int_whatever_the_options(setting, options, name):
    setting.client(**options)
    found = fired(setting.settled(setting.manager.discover_master(name)))
    assert found == (HOST, 1) and [*map(type, found)] == [str, int]
    assert fired(setting.settled(setting.manager.discover_slaves(name))) == [(HOST, 2), (HOST, 3)]


def test_a_service_may_be_named_by_digits(setting):
    setting.set_all(service="42")
    setting.client()
    assert fired(setting.settled(setting.manager.discover_master("42"))) == (HOST, 1)


def test_it_fails_as_soon_as_all_have_answered_and_says_what(setting, network):
    setting.sentinels[0].flags = "master,s_down,o_down"
    setting.sentinels[1].service = "another"
    setting.sentinels[2].others = 0
    setting.client(2)
    error = failed(setting.settled(setting.manager.discover_master(SERVICE)), redis.MasterNotFoundError)
    assert str(error) == (
        "No master found for mymaster: "
        "Sentinel 127.0.0.1:11: not usable: flags master,s_down,o_down, 2 other Sentinels; "
        "Sentinel 127.0.0.1:12: does not know this service; "
        "Sentinel 127.0.0.1:13: not usable: flags master, 0 other Sentinels"
    )
    assert network.seconds() == 0


def test_who_does_not_answer_is_waited_for_until_the_discovery_timeout(setting, network):
    setting.set_all(hangs=True)
    manager = setting.client()
    manager.discovery_timeout = 3
    asked = manager.discover_master(SERVICE)
    network.wait(2.9)
    assert pending(asked)
    network.wait(0.2)
    error = failed(asked, redis.MasterNotFoundError)
    assert str(error).count("did not answer in time") == 3


def test_one_that_cannot_be_reached_does_not_hold_up_the_refusal_of_the_others(setting, network):
    setting.set_all(flags="master,s_down")
    setting.sentinels[0].unreachable = True
    asked = setting.client().discover_master(SERVICE)
    network.wait(0.9)
    assert pending(asked)
    network.wait(0.2)
    assert "Sentinel 127.0.0.1:11: Not connected" in str(failed(asked, redis.MasterNotFoundError))


def test_one_that_is_connected_in_time_is_heard_after_the_others_refused(setting, network):
    setting.set_all(flags="master,s_down")
    setting.sentinels[0].unreachable = True
    setting.sentinels[0].flags = "master"
    setting.client()
    asked = setting.manager.discover_master(SERVICE)
    setting.settled(asked)
    network.wait(0.9)
    assert pending(asked)
    network.succeed(11)
    network.settle()
    assert fired(asked) == (HOST, 1)


def test_an_overridden_check_decides(setting):
    class Choosy(Sentinel):
        def check_master_state(self, state):
            return state["port"] == 1 and super().check_master_state(state) and state["name"] == "other"

    setting.client()
    manager = Choosy([(HOST, 11)])
    failed(setting.settled(manager.discover_master(SERVICE)), redis.MasterNotFoundError)
    setting.sentinels[0].service = "other"
    assert fired(setting.settled(manager.discover_master("other"))) == (HOST, 1)


def test_an_answer_that_makes_no_sense_counts_as_none(setting):
    setting.set_all(answers={"SENTINEL": [["name", SERVICE, "flags", "master"]]})
    error = failed(setting.settled(setting.client().discover_master(SERVICE)), redis.MasterNotFoundError)
    assert str(error).count("its answer has no number in the field 'num-other-sentinels'") == 3


def test_without_sentinels_or_after_disconnect_it_fails_at_once(setting):
    assert "no Sentinels to ask" in str(failed(Sentinel([]).discover_master(SERVICE), redis.MasterNotFoundError))
    manager = setting.client()
    fired(setting.settled(manager.disconnect()))
    failed(manager.discover_master(SERVICE), redis.MasterNotFoundError)
    assert setting.network.getDelayedCalls() == []


def test_who_answers_first_is_asked_first_from_then_on(setting):
    setting.sentinels[0].hangs = True
    manager = setting.client()
    second = manager.sentinels[1]
    fired(setting.settled(manager.discover_master(SERVICE)))
    assert manager.sentinels[0] is second
    assert repr(manager) == "<Sentinel 127.0.0.1:12, 127.0.0.1:11, 127.0.0.1:13>"


def test_the_replicas_are_those_that_are_up(setting):
    setting.sentinels[0].replicas = {2: "slave,s_down", 3: "slave,s_down,disconnected"}
    setting.sentinels[1].replicas = {2: "slave,o_down", 3: "slave"}
    setting.sentinels[2].hangs = True
    assert fired(setting.settled(setting.client().discover_slaves(SERVICE))) == [(HOST, 3)]


def test_no_replicas_is_an_empty_list_as_soon_as_all_have_answered(setting):
    setting.set_all(replicas={2: "slave,s_down"})
    manager = setting.client()
    assert fired(setting.settled(manager.discover_slaves(SERVICE))) == []
    assert fired(setting.settled(manager.discover_slaves("unknown"))) == []


#: The user that the documentation of Redis makes for clients of Sentinels, and others that are met.
USERS = {
    "documented": ("GET-MASTER-ADDR-BY-NAME", "MASTER", "REPLICAS", "SENTINELS"),
    "of txredisapi": ("MASTERS", "SLAVES"),
    "least": ("GET-MASTER-ADDR-BY-NAME", "REPLICAS"),
}


@pytest.mark.parametrize("allowed", USERS.values(), ids=USERS)
@pytest.mark.parametrize("options", [{}, {"charset": None}, {"convertNumbers": False}])
def test_a_sentinel_is_asked_what_its_user_may_run(setting, allowed, options):
    setting.set_all(allowed=allowed)
    manager = setting.client(**options)
    for _ in range(2):
        assert fired(setting.settled(manager.discover_master(SERVICE))) == (HOST, 1)
        assert fired(setting.settled(manager.discover_slaves(SERVICE))) == [(HOST, 2), (HOST, 3)]
    assert setting.get_from(manager.master_for(SERVICE)) == "from 1"
    error = failed(setting.settled(manager.discover_master("unknown")), redis.MasterNotFoundError)
    assert str(error).count("does not know this service") == 3


def test_before_redis_5_there_are_slaves_and_a_sentinel_is_asked_from_then_on_what_it_answered(setting):
    setting.set_all(known=("MASTERS", "SLAVES", "GET-MASTER-ADDR-BY-NAME"))
    manager = Sentinel([(HOST, 13)])
    for _ in range(5):
        assert fired(setting.settled(manager.discover_slaves(SERVICE))) == [(HOST, 2), (HOST, 3)]
        assert fired(setting.settled(manager.discover_master(SERVICE))) == (HOST, 1)
    asked = [request[1] for request in setting.sentinels[2].requests if request[0] == "SENTINEL"]
    assert [asked.count(name) for name in ("REPLICAS", "SLAVES", "MASTER", "MASTERS")] == [1, 5, 1, 5]
    setting.set_all(known=ALL, allowed=USERS["documented"])
    assert fired(setting.settled(manager.discover_slaves(SERVICE))) == [(HOST, 2), (HOST, 3)]
    assert fired(setting.settled(manager.discover_master(SERVICE))) == (HOST, 1)


def test_how_many_others_a_sentinel_knows_counts_whatever_it_may_be_asked(setting):
    setting.set_all(allowed=("GET-MASTER-ADDR-BY-NAME", "SENTINELS"))
    manager = setting.client(2)
    assert fired(setting.settled(manager.discover_master(SERVICE))) == (HOST, 1)
    setting.set_all(others=1)
    error = str(failed(setting.settled(manager.discover_master(SERVICE)), redis.MasterNotFoundError))
    assert error.count("not usable: flags master, 1 other Sentinels") == 3
    setting.set_all(allowed=("GET-MASTER-ADDR-BY-NAME",))
    error = str(failed(setting.settled(manager.discover_master(SERVICE)), redis.MasterNotFoundError))
    assert error.count("NOPERM this user has no permissions") == 3


def test_a_refusal_that_any_question_would_meet_is_told_at_once(setting):
    setting.set_all(answers={"SENTINEL": b"-NOAUTH Authentication required.\r\n"})
    error = str(failed(setting.settled(setting.client().discover_master(SERVICE)), redis.MasterNotFoundError))
    assert error.count("NOAUTH") == 3
    assert [sentinel.asked("SENTINEL") for sentinel in setting.sentinels] == [1, 1, 1]


NONSENSE = [
    b":1\r\n", b":99999999999999999999999\r\n", b"$-1\r\n", b"*-1\r\n", b"*0\r\n", b"+OK\r\n", b"$0\r\n\r\n",
    b"*1\r\n*0\r\n", b"*1\r\n:1\r\n", b"*2\r\n*1\r\n*1\r\n:1\r\n$-1\r\n", b"*2\r\n$-1\r\n$-1\r\n", b"_\r\n", b"#t\r\n",
    b"%1\r\n+name\r\n*0\r\n", b"*3\r\n+name\r\n+mymaster\r\n+flags\r\n", b"-ERR what\r\n", b"-\r\n", b"garbage\r\n",
    b"*2\r\n$4\r\nname\r\n*1\r\n:1\r\n", b"%1\r\n+flags\r\n_\r\n", b"*4\r\n+name\r\n+mymaster\r\n+flags\r\n+master\r\n",
]  # fmt: skip


@pytest.mark.parametrize("nonsense", NONSENSE)
@pytest.mark.parametrize("options", [{}, {"charset": None, "convertNumbers": False}])
def test_an_answer_of_any_kind_is_that_sentinels_refusal_in_words_and_others_are_heard(setting, nonsense, options):
    setting.set_all(answers={"SENTINEL": nonsense})
    manager = setting.client(**options)
    error = str(failed(setting.settled(manager.discover_master(SERVICE)), redis.MasterNotFoundError))
    for answer in error.removeprefix("No master found for mymaster: ").split("; "):
        assert len(answer.split(": ", 1)[1]) >= 8, error
    asked = manager.discover_slaves(SERVICE)
    setting.network.wait(11)  # who sends no RESP has to be connected to again
    assert fired(asked) == []
    setting.sentinels[1].answers = {}
    setting.network.wait(12)
    assert fired(setting.settled(manager.discover_master(SERVICE))) == (HOST, 1)
    assert fired(setting.settled(manager.discover_slaves(SERVICE))) == [(HOST, 2), (HOST, 3)]


def node(**fields):
    state = {"name": SERVICE, "ip": HOST, "port": 1, "flags": "master", "num-other-sentinels": 2, **fields}
    return [part for field in state.items() for part in field if state[field[0]] is not None]


ADDRESSES = {
    "no port": ({"port": None}, "its answer has no field 'port'"),
    "no host": ({"ip": None}, "its answer has no field 'ip'"),
    "20 digits": ({"port": "9" * 20}, "names no port from 1 to 65535"),
    "too high": ({"port": 65536}, "names no port from 1 to 65535: 65536"),
    "zero": ({"port": 0}, "names no port from 1 to 65535: 0"),
    "negative": ({"port": "-1"}, "names no port from 1 to 65535: -1"),
    "fraction": ({"port": "6379.0"}, "names no port from 1 to 65535: 6379.0"),
    "other digits": ({"port": "\u0661\u0662"}, "names no port"),
    "text": ({"port": "x"}, "names no port from 1 to 65535: 'x'"),
    "empty": ({"ip": ""}, "names no host: ''"),
    "unknown": ({"ip": "?"}, "names no host: '?'"),
    "blank": ({"ip": "a b"}, "names no host: 'a b'"),
    "control": ({"ip": "a\x00b"}, "names no host"),
    "long": ({"ip": "a" * 256}, "names no host"),
    "count": ({"num-other-sentinels": "many"}, "its answer has no number in the field 'num-other-sentinels'"),
    "no flags": ({"flags": None}, "not usable: flags None"),
}


@pytest.mark.parametrize(("fields", "words"), ADDRESSES.values(), ids=ADDRESSES)
def test_an_address_that_cannot_be_is_a_refusal_in_words_and_the_handler_goes_on(setting, network, fields, words):
    setting.set_all(answers={"SENTINEL": node(**fields)})
    handler = setting.client().master_for(SERVICE)
    error = str(failed(setting.settled(setting.manager.discover_master(SERVICE)), redis.MasterNotFoundError))
    assert error.count(words) == 3
    command = handler.get("k")
    network.wait(1)
    assert pending(command) and {*network.attempted} == {11, 12, 13}
    setting.set_all(answers={})
    network.wait(2)
    assert fired(command) == "from 1"


def test_replicas_without_a_usable_address_are_left_out(setting):
    replicas = [node(ip="?", flags="slave"), node(port="9" * 20, flags="slave"), node(port=3, flags="slave"), 7]
    encoded = b"*4\r\n" + b"".join(map(encode, replicas[:3])) + b":7\r\n"
    setting.set_all(answers={"SENTINEL": encoded})
    assert fired(setting.settled(setting.client().discover_slaves(SERVICE))) == [(HOST, 3)]


def test_a_check_of_the_programs_own_that_fails_is_a_refusal_in_words(setting):
    class Own(Sentinel):
        def check_master_state(self, state):
            return state["no-such-field"] > 1

    manager = Own([(HOST, 11)])
    error = str(failed(setting.settled(manager.discover_master(SERVICE)), redis.MasterNotFoundError))
    assert "its answer makes no sense (KeyError: 'no-such-field')" in error


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), "3", None])
def test_a_discovery_timeout_that_is_no_time_is_told_by_name(setting, seconds):
    manager = setting.client()
    manager.discovery_timeout = seconds
    for ask in (manager.discover_master, manager.discover_slaves):
        assert "discovery_timeout" in str(failed(setting.settled(ask(SERVICE)), ValueError))


def test_a_message_of_any_kind_on_the_channel_is_harmless(setting, network):
    handler = setting.client().master_for(SERVICE)
    setting.get_from(handler)
    for message in (b":1000000000000\r\n", b"$-1\r\n", b"*1\r\n:1\r\n", b"$0\r\n\r\n", b"$1\r\n\xff\r\n"):
        for connection in setting.sentinels[0].open:
            if connection.subscribed:
                head = b"*3\r\n$7\r\nmessage\r\n" + encode("+switch-master")
                connection.transport.write(head + message)
        network.settle()
    assert setting.get_from(handler) == "from 1"


# -- how often


def questions(setting):
    return max(sentinel.asked("SENTINEL") for sentinel in setting.sentinels)


class Dropping(FakeServer):
    """Accepts and drops; or only those that come after the first few."""

    accepted = 0

    def __init__(self, network, port, first=0):
        super().__init__(network, port)
        self.network, self.first = network, first

    def buildProtocol(self, addr):
        protocol = super().buildProtocol(addr)
        self.accepted += 1
        if self.accepted > self.first:
            self.network.callLater(0, lambda: protocol.transport.loseConnection())  # noqa: PLW0108  # not there yet
        return protocol


def test_a_pool_of_100_that_is_lost_at_once_asks_once(setting, network):
    handler = setting.client().master_for(SERVICE, poolsize=100)
    network.settle()
    assert handler._factory.size == 100 and questions(setting) == 1
    setting.fail_over()
    setting.master.drop()
    network.wait(1)
    assert handler._factory.size == 100 and len(setting.replicas[0].open) == 100
    assert questions(setting) <= 3


def test_a_pool_of_100_gives_each_of_its_connections_to_the_replicas_by_turns_for_one_question(setting, network):
    handler = setting.client().slave_for(SERVICE, poolsize=100)
    network.settle()
    assert handler._factory.size == 100 and questions(setting) == 1
    assert [len(server.open) for server in setting.replicas] == [50, 50]


@pytest.mark.parametrize("poolsize", [1, 100])
def test_a_master_that_accepts_and_drops_is_tried_ever_more_slowly(setting, network, poolsize):
    master = Dropping(network, 1)
    handler = setting.client().master_for(SERVICE, poolsize=poolsize)
    network.wait(60)
    before, asked = master.accepted, questions(setting)
    network.wait(60)
    assert 4 * poolsize <= master.accepted - before <= 25 * poolsize
    assert questions(setting) - asked <= 10 * 60 + 10
    FakeServer(network, 1)
    network.wait(25)
    assert setting.get_from(handler) == "from 1" and handler._factory.size == poolsize


def test_so_it_is_for_the_connections_of_blocking_commands(setting, network):
    master = Dropping(network, 1, 1)
    handler = setting.client().master_for(SERVICE, poolTimeout=None)
    assert setting.get_from(handler) == "from 1"
    waiting = [handler.blpop("k", timeout=0) for _ in range(5)]
    network.wait(60)
    before = master.accepted
    network.wait(60)
    assert 5 * 4 <= master.accepted - before <= 5 * 25
    master.first = 10**6
    network.wait(12)
    assert setting.get_from(handler) == "from 1"
    assert [*map(fired, waiting)] == ["OK"] * 5


@pytest.mark.once
@pytest.mark.parametrize("why", ["refuses", "no master", "not found"])
def test_a_pool_of_100_without_a_master_tries_no_more_often_than_a_small_one_does(setting, network, why):
    if why == "refuses":
        del network.servers[HOST, 1]
    elif why == "no master":
        setting.master.role = ("slave", HOST, 2, "connected", 0)
    else:
        setting.set_all(flags="master,o_down")
    handler = setting.client().master_for(SERVICE, poolsize=100)
    handler._factory.jitter = 0.1
    network.wait(20)
    before, asked = network.attempted.count(1), questions(setting)
    network.wait(20)
    assert network.attempted.count(1) - before <= 20 * 60
    assert questions(setting) - asked <= 10 * 20 + 10
    if why == "refuses":
        FakeServer(network, 1)
    setting.master.role = ("master", 0, [])
    setting.set_all(flags="master")
    network.wait(1)
    assert setting.get_from(handler) == "from 1"
    network.wait(12)
    assert handler._factory.size == 100


# -- a server that becomes a replica and closes nothing

READONLY = b"-READONLY You can't write against a read only replica.\r\n"


def test_a_refused_write_leads_to_where_the_sentinels_say_though_nobody_told_of_a_new_master(setting, network):
    handler = setting.client().master_for(SERVICE, poolsize=3)
    setting.get_from(handler)
    setting.fail_over()
    setting.master.answers = {"SET": READONLY}
    refused = handler.set("k", 1)
    following = []
    refused.addErrback(lambda _: following.append(handler.set("k", 2)))
    network.settle()
    assert fired(following[0]) == "OK" and ["SET", "k", 2] in setting.replicas[0].requests
    assert setting.get_from(handler) == "from 2"
    network.wait(1)
    assert [len(server.open) for server in (setting.master, setting.replicas[0])] == [0, 3]


def test_while_the_sentinels_do_not_know_yet_commands_wait_for_a_master(setting, network):
    handler = setting.client().master_for(SERVICE)
    setting.get_from(handler)
    setting.master.role = ("slave", HOST, 2, "connected", 0)
    setting.master.answers = {"SET": READONLY}
    failed(setting.settled(handler.set("k", 1)), redis.ReadOnlyError)
    command = handler.set("k", 2)
    network.wait(5)
    assert pending(command)
    setting.set_all(master=2)
    setting.replicas[0].role = ("master", 0, [])
    network.wait(1)
    assert fired(command) == "OK" and ["SET", "k", 2] in setting.replicas[0].requests


def test_a_connection_to_a_replica_where_one_is_wanted_is_not_ended_by_a_refused_write(setting, network):
    handler = setting.client().slave_for(SERVICE)
    for replica in setting.replicas:
        replica.answers = {"SET": READONLY}
    for _ in range(5):
        failed(setting.settled(handler.set("k", 1)), redis.ReadOnlyError)
        network.wait(3)
    assert sum(len(replica.connections) for replica in setting.replicas) == 1


# -- what is left behind


def test_nothing_is_left_behind_by_an_answer_and_a_late_one_is_harmless(setting, network):
    manager = setting.client()
    before = network.getDelayedCalls()
    asked = manager.discover_master(SERVICE)
    network.advance(0)
    network.advance(0)
    assert fired(asked) == (HOST, 1)
    network.settle()
    network.wait(10)  # replyTimeout's timer looks once more
    assert network.getDelayedCalls() == before == []


def test_nothing_is_left_behind_by_a_cancelled_question(setting, network):
    setting.set_all(hangs=True)
    manager = setting.client()
    asked = manager.discover_master(SERVICE)
    asked.cancel()
    failed(asked, CancelledError)
    fired(setting.settled(manager.disconnect()))
    assert network.getDelayedCalls() == []


def test_who_could_not_be_asked_before_another_answered_is_not_asked_any_more(setting, network):
    setting.sentinels[0].unreachable = True
    fired(setting.settled(setting.client().discover_master(SERVICE)))
    network.succeed(11)
    network.settle()
    assert setting.sentinels[0].open and setting.sentinels[0].requests == []


def test_no_listeners_are_connected_after_disconnect(setting, network):
    setting.master.hangs = True
    handler = setting.client().master_for(SERVICE)
    network.settle()
    fired(setting.settled(setting.manager.disconnect()))
    attempts = len(network.attempted)
    setting.master.open[0].transport.write(encode(setting.master.role))
    network.settle()
    assert handler._factory.size == 1 and len(network.attempted) == attempts


def test_questions_do_not_pile_up_on_a_sentinel_that_hangs(setting, network):
    setting.sentinels[0].hangs = True
    manager = setting.client()
    hanging = manager.sentinels[0]
    for _ in range(60):
        fired(setting.settled(manager.discover_master(SERVICE)))
        network.wait(1)
    assert all(connection.link.in_flight <= 11 for connection in hanging._factory.pool)
    assert setting.network.attempted.count(11) > 1


@pytest.mark.parametrize("kind", ["master_for", "slave_for"])
def test_a_handler_disconnected_in_the_middle_leaves_nothing(setting, network, kind):
    setting.set_all(hangs=True)
    manager = setting.client()
    handler = getattr(manager, kind)(SERVICE, poolsize=3)
    command = handler.get("k")
    network.settle()
    fired(setting.settled(handler.disconnect()))
    failed(command, redis.NotSentError)
    fired(setting.settled(manager.disconnect()))
    assert network.getDelayedCalls() == []


# -- connecting to the master


def test_the_role_is_asked_with_auth_and_the_database_selected_after_it(setting):
    setting.master.password = "pw"
    handler = setting.client().master_for(SERVICE, password="pw", username="user", dbid=3)
    assert setting.get_from(handler) == "from 1"
    assert setting.master.requests[:3] == [["AUTH", "user", "pw"], ["ROLE"], ["SELECT", 3]]
    protocol, transport = SentinelRedisProtocol(password="pw", dbid=3), StringTransport()
    protocol.factory = handler._factory
    protocol.makeConnection(transport)
    assert [transport.value().count(word) for word in (b"AUTH", b"ROLE", b"SELECT")] == [1, 1, 0]
    protocol.dataReceived(b"+OK\r\n")
    assert transport.value().count(b"SELECT") == 1
    protocol.connectionLost(Failure(ConnectionDone()))


@pytest.mark.parametrize("options", [{}, {"charset": None}, {"convertNumbers": False}])
def test_the_role_is_understood_whatever_the_options(setting, options):
    handler = setting.client().master_for(SERVICE, **options)
    assert setting.get_from(handler) in ("from 1", b"from 1")


def test_a_server_that_is_no_master_is_left_and_tried_again_with_growing_delays(setting, network):
    setting.master.role = ("slave", HOST, 2, "connected", 0)
    handler = setting.client().master_for(SERVICE)
    command = handler.get("k")
    network.wait(0.5)
    assert pending(command)
    assert network.attempted.count(1) == 3  # at once, at once again, and after 0.27 seconds
    assert setting.master.asked("GET") == 0
    setting.master.role = ("master", 0, [])
    network.wait(1)
    assert fired(command) == "from 1"
    assert len(setting.master.open) == 1


def test_a_protocol_without_a_sentinel_factory_asks_no_role():
    protocol, transport = SentinelRedisProtocol(), StringTransport()
    protocol.makeConnection(transport)
    assert transport.value() == b"" and fired(protocol.whenConnected()) is protocol


def test_commands_wait_for_a_master_and_say_why_when_they_give_up(setting, network):
    setting.set_all(flags="master,o_down")
    handler = setting.client().master_for(SERVICE, poolTimeout=5)
    command = handler.get("k")
    network.wait(4.9)
    assert pending(command)
    network.wait(0.2)
    error = str(failed(command, redis.NotSentError))
    assert error.startswith("Not connected: No master found for mymaster: Sentinel 127.0.0.1:11: not usable: flags")
    before = setting.sentinels[0].asked("SENTINEL")
    network.wait(10)
    assert 5 <= setting.sentinels[0].asked("SENTINEL") - before <= 20
    setting.set_all(flags="master")
    network.wait(1)
    assert setting.get_from(handler) == "from 1"


def test_a_refused_password_fails_who_waits_and_is_tried_again(setting, network):
    setting.master.password = "right"
    handler = setting.client().master_for(SERVICE, password="wrong")
    error = failed(setting.settled(handler.get("k")), redis.NotSentError)
    assert "could not auth" in str(error) and "wrong" not in str(error).lower().replace("wrongpass", "")
    assert re.search(r" \(the server [0-9.]+:[0-9]+\)$", str(error)), "and not a Sentinel"
    setting.master.password = "wrong"
    network.wait(11)
    assert setting.get_from(handler) == "from 1"


def test_a_server_that_is_loading_is_tried_again(setting, network):
    setting.master.answers = {"SELECT": b"-LOADING Redis is loading the dataset in memory\r\n"}
    handler = setting.client().master_for(SERVICE, dbid=1)
    command = handler.get("k")
    network.wait(1)
    setting.master.answers = {}
    network.wait(2)
    assert fired(command) == "from 1"


def test_a_server_that_hangs_is_left_within_the_connect_timeout(setting, network):
    setting.master.hangs = True
    handler = setting.client().master_for(SERVICE, connectTimeout=2)
    command = handler.get("k")
    network.wait(1)
    setting.fail_over()
    network.wait(0.9)
    assert pending(command)
    network.wait(0.2)
    assert fired(command) == "from 2"
    fired(setting.settled(handler.disconnect()))
    fired(setting.settled(setting.manager.disconnect()))
    network.wait(10)
    assert network.getDelayedCalls() == []


def test_a_server_that_answered_is_kept_beyond_the_connect_timeout(setting, network):
    handler = setting.client().master_for(SERVICE, connectTimeout=2)
    setting.get_from(handler)
    network.wait(30)
    assert setting.get_from(handler) == "from 1" and network.attempted.count(1) == 1


def test_a_host_that_does_not_answer_is_left_within_the_connect_timeout(setting, network):
    setting.master.unreachable = True
    handler = setting.client().master_for(SERVICE)
    command = handler.get("k")
    network.wait(1)
    setting.fail_over()
    network.wait(8.9)
    assert pending(command)
    network.wait(0.2)
    assert fired(command) == "from 2"


# -- when the master changes


def test_all_connections_follow_the_master_when_one_is_made_again(setting, network):
    handler = setting.client().master_for(SERVICE, poolsize=3)
    setting.get_from(handler)
    assert len(setting.master.open) == 3
    setting.master.hangs = True
    lost, kept = (connection.get("k") for connection in handler._factory.pool[:2])
    setting.fail_over()
    handler._factory.pool[0].transport.loseConnection()
    network.settle()
    failed(lost, redis.MaybeExecutedError)
    assert "the master has changed" in str(failed(kept, redis.MaybeExecutedError))
    assert setting.get_from(handler) == "from 2"
    network.wait(1)
    assert [len(server.open) for server in (setting.master, setting.replicas[0])] == [0, 3]
    assert len(handler._factory.pool) == 3


def test_commands_given_during_a_fail_over_go_to_the_new_master_in_order(setting, network):
    handler = setting.client().master_for(SERVICE)
    setting.get_from(handler)
    del network.servers[HOST, 1]
    setting.master.drop()
    network.settle()
    setting.set_all(flags="master,o_down")
    commands = [handler.set("k", number) for number in range(3)]
    network.wait(5)
    assert all(map(pending, commands))
    setting.set_all(flags="master")
    setting.fail_over()
    network.wait(1)
    assert [*map(fired, commands)] == ["OK"] * 3
    assert [request[2] for request in setting.replicas[0].requests if request[0] == "SET"] == [0, 1, 2]


def test_a_connection_in_its_handshake_with_the_former_master_is_not_used(setting, network):
    setting.master.hangs = True
    handler = setting.client().master_for(SERVICE, poolsize=2)
    network.settle()
    assert len(setting.master.open) == 2
    setting.set_all(master=2)
    setting.replicas[0].role = ("master", 0, [])
    setting.master.open[0].transport.loseConnection()
    network.wait(0.2)
    assert setting.get_from(handler) == "from 2"
    setting.master.hangs = False  # cut off from the Sentinels, it still takes itself for the master
    (stale,) = setting.master.open
    stale.transport.write(encode(["master", 0, []]))
    network.wait(1)
    assert setting.master.open == [] and len(setting.replicas[0].open) == 2


def test_an_attempt_that_reaches_the_former_master_late_is_not_used(setting, network):
    setting.master.unreachable = True
    handler = setting.client().master_for(SERVICE)
    network.settle()
    setting.set_all(master=2)
    setting.replicas[0].role = ("master", 0, [])
    fired(setting.settled(handler._factory.discover()))
    network.succeed(1)
    network.wait(1)
    assert setting.master.asked("GET") == 0 and setting.master.open == []
    assert setting.get_from(handler) == "from 2"


def test_sentinels_that_disagree_for_long_do_not_drive_connections_in_a_tight_loop(setting, network):
    setting.replicas[0].role = ("master", 0, [])
    handler = setting.client().master_for(SERVICE, poolsize=2)
    network.settle()
    turns = iter(range(10**6))
    manager = setting.manager
    discover = manager.discover_master
    manager.discover_master = lambda name: discover(name).addCallback(lambda _: (HOST, 2 - next(turns) % 2))
    before = len(network.attempted)
    handler._factory.pool[0].transport.loseConnection()
    network.wait(5)
    assert 2 < len(network.attempted) - before <= 5 * 2 * 4


def test_a_sentinels_word_that_the_master_has_changed_moves_the_connections_at_once(setting, network):
    client = setting.client()
    handler, other = client.master_for(SERVICE, poolsize=3), client.slave_for(SERVICE)
    setting.get_from(handler), setting.get_from(other)
    asked = sum(sentinel.asked("SENTINEL") for sentinel in setting.sentinels)
    setting.sentinels[0].publish("another 127.0.0.1 8 127.0.0.1 9")
    network.settle()
    assert sum(sentinel.asked("SENTINEL") for sentinel in setting.sentinels) == asked
    setting.fail_over()
    setting.master.role = ("master", 0, [])  # as it is for some seconds of a planned fail-over
    setting.sentinels[1].publish("mymaster 127.0.0.1 1 127.0.0.1 2")
    network.wait(1)
    assert setting.get_from(handler) == "from 2"
    assert [len(server.open) for server in (setting.master, setting.replicas[0])] == [0, 4]


def test_a_sentinel_that_is_not_to_be_listened_to_is_asked_all_the_same(setting, network):
    setting.set_all(answers={"SUBSCRIBE": b"-NOPERM this user has no permissions\r\n"})
    handler = setting.client().master_for(SERVICE)
    assert setting.get_from(handler) == "from 1"
    network.wait(60)
    assert [sentinel.asked("SUBSCRIBE") for sentinel in setting.sentinels] == [1, 1, 1]
    setting.fail_over()
    setting.master.drop()
    network.settle()
    assert setting.get_from(handler) == "from 2"


# -- replicas


def test_connections_go_to_the_replicas_by_turns_and_ask_no_role(setting):
    handler = setting.client().slave_for(SERVICE, poolsize=4, dbid=2)
    setting.get_from(handler)
    assert [len(server.open) for server in setting.replicas] == [2, 2]
    assert [server.asked("ROLE") for server in setting.replicas] == [0, 0]
    assert [server.asked("SELECT") for server in setting.replicas] == [2, 2]


def test_a_replica_that_refuses_connections_is_passed_over(setting, network):
    del network.servers[HOST, 2]
    handler = setting.client().slave_for(SERVICE)
    network.wait(0.5)  # Twisted's endpoint takes 0.3 seconds to report a refusal
    assert setting.get_from(handler) == "from 3"


def test_without_replicas_the_master_is_used(setting):
    setting.set_all(replicas={2: "slave,s_down"})
    handler = setting.client().slave_for(SERVICE)
    assert setting.get_from(handler) == "from 1"


# -- options


def test_passwords_of_sentinels_and_of_servers_are_told_apart(setting):
    setting.set_all(password="of sentinels")
    setting.master.password = "of servers"
    handler = setting.client(password="of sentinels").master_for(SERVICE, password="of servers")
    assert setting.get_from(handler) == "from 1"
    assert ["AUTH", "of servers"] not in setting.sentinels[0].requests


def test_a_sentinel_that_refuses_the_password_says_so_and_the_password_is_not_told(setting):
    setting.set_all(password="right")
    manager = Sentinel([(HOST, sentinel.port) for sentinel in setting.sentinels], password="secret")
    error = str(failed(setting.settled(manager.discover_master(SERVICE)), redis.MasterNotFoundError))
    assert error.count("WRONGPASS") == 3
    assert "secret" not in error + repr(manager) + repr(manager.sentinels)


def test_all_options_reach_the_connections(setting):
    setting.master.password = ""  # what a user without a password is logged in with
    handler = setting.client().master_for(
        SERVICE, charset="latin-1", replyTimeout=7, convertNumbers="exact", poolTimeout=3, username="u",
        reconnect=False, connectTimeout=4, strict=True, limits={"max_depth": 9},
    )  # fmt: skip
    setting.get_from(handler)
    factory = handler._factory
    (connection,) = factory.pool
    assert (connection.charset, connection.replyTimeout, connection.convertNumbers) == ("latin-1", 7, "exact")
    assert (connection.strict, connection.limits, connection.username) == (True, {"max_depth": 9}, "u")
    assert (factory.poolTimeout, factory.connect_limit, factory.reconnect) == (3, 4, False)
    setting.master.drop()
    failed(setting.settled(handler.get("k")), redis.ConnectionError)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"dbid": "1"}, ValueError),
        ({"poolsize": 0}, ValueError),
        ({"connectTimeout": -1}, ValueError),
        ({"replyTimeout": "x"}, ValueError),
        ({"ssl_context_factory": "x"}, ValueError),
        ({"no_such_option": 1}, TypeError),
    ],
)
def test_wrong_options_raise_and_leave_nothing(setting, network, options, error):
    if "ssl_context_factory" in options:
        pytest.importorskip("OpenSSL")
    manager = setting.client()
    with pytest.raises(error):
        manager.master_for(SERVICE, **options)
    if options.keys() & {"connectTimeout", "replyTimeout", "no_such_option", "ssl_context_factory"}:
        with pytest.raises(error):
            Sentinel([(HOST, 11)], **options)
    fired(setting.settled(manager.disconnect()))
    assert network.getDelayedCalls() == []


def test_a_factory_of_the_programs_own_is_used_with_its_own_attributes(setting):
    class Named(SentinelRedisProtocol):
        def execute_command(self, *args, **kwargs):
            self.factory.seen.append(args)
            return super().execute_command(*args, **kwargs)

    class Own(SentinelConnectionFactory):
        protocol = Named
        connectTimeout = 1.5

        def __init__(self, sentinel_manager, service_name, is_master, uuid, dbid, poolsize):
            SentinelConnectionFactory.__init__(self, sentinel_manager, service_name, is_master, uuid, dbid, poolsize)
            self.seen = []

        def buildProtocol(self, addr):
            protocol = super().buildProtocol(addr)
            protocol.mark = 1
            return protocol

    handler = setting.client().master_for(SERVICE, Own, dbid=1)
    assert setting.get_from(handler) == "from 1"
    assert handler._factory.seen == [("ROLE",), ("SELECT", 1), ("GET", "k")]
    assert handler._factory.pool[0].mark == 1 and handler._factory.connect_limit == 1.5


def test_the_class_attributes_are_those_of_txredisapi():
    assert Sentinel.discovery_timeout == 10
    assert SentinelConnectionFactory.initialDelay == 0.1
    assert SentinelConnectionFactory.protocol is SentinelRedisProtocol


# -- a handler that has its Sentinels for itself


def through(setting, isLazy, sentinel_options=None, **options):
    addresses = [(HOST, sentinel.port) for sentinel in setting.sentinels]
    opened = open_through_sentinels(addresses, SERVICE, redis.ConnectionOptions(**options), isLazy, sentinel_options)
    made = opened[0 if isLazy else 1]
    setting.network.settle()
    return made


def everything_open(setting):
    servers = [setting.master, *setting.replicas, *setting.sentinels]
    return [connection for server in servers for connection in server.open]


@pytest.mark.parametrize("lazy", [True, False])
def test_disconnecting_closes_the_sentinels_connections_too(setting, lazy):
    setting.set_all(password="s")
    made = through(setting, lazy, {"password": "s"}, poolsize=2, dbid=1)
    handler = made if lazy else fired(made)
    assert setting.get_from(handler) == "from 1"
    assert len(everything_open(setting)) == 2 + 2 * len(setting.sentinels)
    fired(setting.settled(handler.disconnect()))
    assert everything_open(setting) == []
    setting.network.wait(10)
    assert setting.network.getDelayedCalls() == []


def test_a_refused_password_fails_the_deferred_and_closes_everything(setting):
    setting.master.password = "right"
    failed(through(setting, False, password="wrong"), redis.ConnectionFailedError)
    setting.network.wait(10)
    assert everything_open(setting) == []
    assert setting.network.getDelayedCalls() == []


def test_without_reconnect_a_master_not_found_fails_the_deferred_and_closes_everything(setting):
    setting.set_all(flags="master,s_down")
    error = failed(through(setting, False, reconnect=False), redis.ConnectionFailedError)
    assert "No master found" in str(error)
    setting.network.wait(10)
    assert everything_open(setting) == []
    assert setting.network.getDelayedCalls() == []


def test_cancelling_the_deferred_closes_everything(setting):
    setting.set_all(flags="master,s_down")
    connecting = through(setting, False)
    connecting.cancel()
    failed(connecting, CancelledError)
    setting.network.wait(10)
    assert everything_open(setting) == []
    assert setting.network.getDelayedCalls() == []


# -- below Twisted's own connectors, as with txredisapi 1.5


class Connector:
    """What ``reactor.connectTCP`` returns, as far as a factory uses it."""

    state = "disconnected"

    def __init__(self, host, port):
        self.host, self.port = host, port
        self.attempted = []

    def connect(self):
        self.attempted.append((self.host, self.port))


class Manager:
    """A program's own: knows where the master is, and each of the replicas."""

    def __init__(self):
        self.asked = []
        self.master = defer.succeed(("10.0.0.2", 6380))

    def discover_master(self, service_name):
        self.asked.append(service_name)
        return self.master

    def discover_slaves(self, service_name):
        return defer.succeed([])


@pytest.fixture
def below_a_connector(clock):
    factory = SentinelConnectionFactory(Manager(), SERVICE, True, "name", None, 1, True)
    connector = Connector("10.0.0.1", 6379)
    factory.startedConnecting(connector)
    return factory, connector


def test_a_connector_whose_connection_is_lost_goes_where_the_sentinels_say(below_a_connector, clock):
    factory, connector = below_a_connector
    factory.clientConnectionLost(connector, Failure(ConnectionDone()))
    clock.advance(0)
    assert connector.attempted == [("10.0.0.2", 6380)]
    assert factory.sentinel_manager.asked == [SERVICE]


def test_a_connector_that_fails_asks_again_after_its_delay(below_a_connector, clock):
    factory, connector = below_a_connector
    factory.jitter = 0
    factory.sentinel_manager.master = defer.fail(redis.MasterNotFoundError("No master found"))
    factory.clientConnectionFailed(connector, Failure(ConnectionRefusedError()))
    clock.advance(0)
    assert connector.attempted == []
    factory.sentinel_manager.master = defer.succeed(("10.0.0.3", 6381))
    clock.advance(1)
    assert connector.attempted == [("10.0.0.3", 6381)]


def test_try_to_connect_leads_a_connector_at_once_and_after_the_end_no_more(below_a_connector, clock):
    factory, connector = below_a_connector
    factory.is_master = False
    factory.try_to_connect(connector, force_master=True, nodelay=True)
    assert connector.attempted == [("10.0.0.2", 6380)]
    factory.disconnect()
    factory.try_to_connect(connector, nodelay=True)
    assert connector.attempted == [("10.0.0.2", 6380)]
