""":class:`Sentinel`, which asks the Sentinels, and makes handlers for the services that they watch.

This module must not know how a connection is checked.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload
from weakref import WeakSet

from twisted.internet.defer import Deferred, fail, gatherResults
from twisted.python.failure import Failure

from .._checks import as_text, check_address, check_count, seconds_or, shown, whole_number
from .._reactor import current_reactor
from .._types import Argument
from ..client import ConnectionHandler, RedisFactory
from ..exceptions import MasterNotFoundError
from ..inflight import check_timeout
from ..options import TLS_OPTIONS, ConnectionOptions, SentinelOptions
from ..transport import tcp_endpoint
from .answers import Address, address_of, other_sentinels_of
from .factory import SentinelConnectionFactory, SentinelEndpoint
from .questions import Questions
from .survey import Survey, name_of
from .switches import SwitchListener

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..options import ConvertNumbers, TCPConnectionOptions, Undecodable

__all__ = ["Sentinel", "open_through_sentinels"]

_Answer = TypeVar("_Answer")

#: Options that are set as attributes of a :class:`SentinelConnectionFactory`: its constructor does not take them.
_ATTRIBUTES = ("connectTimeout", "reconnect")


class Sentinel:
    """Knows the Sentinels, and makes handlers for the services that they watch.

    :ivar sentinels: a handler for each Sentinel; the one that answers first moves to the front.
    :ivar min_other_sentinels: how many other Sentinels a Sentinel must know for its answer to be used.
    """

    #: Seconds within which the Sentinels must answer. Set it on the class or an instance.
    discovery_timeout: float = 10

    def __init__(
        self,
        sentinel_addresses: Iterable[Address],
        min_other_sentinels: int = 0,
        **connection_kwargs: Unpack[SentinelOptions],
    ) -> None:
        """Connect to the Sentinels.

        :param sentinel_addresses: host and port of each Sentinel.
        :param min_other_sentinels: ignore a Sentinel that knows fewer others: it may be cut off from them.
        :param connection_kwargs: fields of :class:`~txredis_fast.ConnectionOptions`, for the connections to the
            Sentinels themselves (such as their own ``password``). ``replyTimeout`` is ``discovery_timeout`` unless it
            is given.
        :raises ValueError: an option is wrong.
        """
        # So that requests without a reply do not accumulate on the connection to a Sentinel that hangs.
        connection_kwargs.setdefault("replyTimeout", self._limit())
        # Sentinels have no keys to cache.
        self._options = replace(ConnectionOptions(poolsize=1, **connection_kwargs), cache=None)
        self._addresses = _addresses(sentinel_addresses)
        self.min_other_sentinels = check_count("min_other_sentinels", min_other_sentinels)
        self.sentinels: list[ConnectionHandler] = [
            _start_sentinel(_sentinel_factory(address, self._options), address, self._options)
            for address in self._addresses
        ]
        self._questions = Questions()
        self._watching: WeakSet[SentinelConnectionFactory] = WeakSet()
        self._listeners: list[ConnectionHandler] = []
        self._disconnected = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {', '.join(map(name_of, self.sentinels))}>"

    def _limit(self) -> float:
        return float(seconds_or(self.discovery_timeout, Sentinel.discovery_timeout) or Sentinel.discovery_timeout)

    def disconnect(self) -> Deferred[Any]:
        """Close the connections to the Sentinels. Handlers stay connected, but find no new master any more.

        :returns: fires when they are closed.
        """
        self._disconnected = True
        handlers = [*self.sentinels, *self._listeners]
        # No caller needs the outstanding answers any more.
        return gatherResults([handler.disconnect(timeout=0) for handler in handlers], consumeErrors=True)

    def watch(self, factory: SentinelConnectionFactory) -> None:
        """Call a factory's ``masterSwitched()`` at each change of its service's master, as long as the factory exists.

        The first call makes one more connection to each Sentinel, which subscribes to its messages.
        """
        if self._disconnected:
            return
        self._watching.add(factory)
        if self._listeners:
            return
        options = replace(self._options, charset=None, convertNumbers=False)
        for address in self._addresses:
            listening = _sentinel_factory(address, options)
            listening.protocol = SwitchListener
            listening.on_switch = self._switched  # type: ignore[attr-defined]
            listening.on_gap = self._missed  # type: ignore[attr-defined]
            self._listeners.append(_start_sentinel(listening, address, options))

    def _switched(self, service: str) -> None:
        for factory in list(self._watching):
            if as_text(factory.service_name) == service:
                factory.masterSwitched()

    def _missed(self) -> None:
        for factory in list(self._watching):
            factory.masterSwitched()

    def check_master_state(self, state: Mapping[str, Any]) -> bool:
        """Whether a master is usable, by a Sentinel's description. Override it to demand more.

        :param state: the fields that the Sentinel sends and the ``is_...`` bools; see ``sentinel_masters``.
        """
        if not state["is_master"] or state["is_sdown"] or state["is_odown"]:
            return False
        return bool(other_sentinels_of(state) >= self.min_other_sentinels)

    def discover_master(self, service_name: Argument) -> Deferred[Address]:
        """Ask all Sentinels for a service's master.

        :returns: fires with host and port from the first usable answer; fails with :exc:`MasterNotFoundError`, whose
            text has each Sentinel's answer, when all have answered or ``discovery_timeout`` seconds are over.
        """

        def ask(sentinel: ConnectionHandler) -> Deferred[dict[str, Any]]:
            counts = self.min_other_sentinels > 0 or type(self).check_master_state is not Sentinel.check_master_state
            return self._questions.master(sentinel, service_name, counts)

        def read(state: Mapping[str, Any]) -> Address:
            if not self.check_master_state(state):
                others = state.get("num-other-sentinels")
                raise MasterNotFoundError(f"not usable: flags {as_text(state.get('flags'))}, {others} other Sentinels")
            return address_of(state)

        return self._ask(ask, read, f"No master found for {as_text(service_name)}")

    @staticmethod
    def filter_slaves(slaves: Iterable[Mapping[str, Any]]) -> list[Address]:
        """Host and port of each replica that is not down; replicas without a usable address are left out.

        :param slaves: a Sentinel's descriptions of them; see ``sentinel_slaves``.
        """
        addresses = []
        for slave in slaves:
            if not slave["is_odown"] and not slave["is_sdown"]:
                with contextlib.suppress(MasterNotFoundError):
                    addresses.append(address_of(slave))
        return addresses

    def discover_slaves(self, service_name: Argument) -> Deferred[list[Address]]:
        """Ask all Sentinels for the replicas of a service's master.

        :returns: fires with host and port of each replica that is up, from the first Sentinel that knows one; with
            ``[]`` if none does, at the latest after ``discovery_timeout`` seconds.
        """

        def read(states: list[dict[str, Any]]) -> list[Address]:
            slaves = self.filter_slaves(states)
            if not slaves:
                raise MasterNotFoundError("knows no replica that is up")
            return slaves

        def nobody_knows(failure: Failure) -> list[Address]:
            failure.trap(MasterNotFoundError)
            return []

        asked = self._ask(lambda sentinel: self._questions.replicas(sentinel, service_name), read, "No replica found")
        return asked.addErrback(nobody_knows)

    def _ask(
        self, ask: Callable[[ConnectionHandler], Deferred[Any]], read: Callable[[Any], _Answer], complaint: str
    ) -> Deferred[_Answer]:
        try:
            check_timeout(self.discovery_timeout)
        except ValueError as error:
            return fail(ValueError(f"discovery_timeout: {error}"))
        survey = Survey(list(self.sentinels), ask, read, self.discovery_timeout, complaint)
        return survey.result.addCallback(self._answered)

    def _answered(self, answer: tuple[ConnectionHandler, _Answer]) -> _Answer:
        sentinel, value = answer
        if sentinel in self.sentinels:
            self.sentinels.remove(sentinel)
            self.sentinels.insert(0, sentinel)
        return value

    # fmt: off
    @overload
    def master_for(
        self, service_name: Argument, *, dbid: int | None = ..., poolsize: int = ..., charset: None,
        convertNumbers: ConvertNumbers = ..., undecodable: Undecodable = ...,
        isLazy: bool = ..., **connection_kwargs: Unpack[TCPConnectionOptions],
    ) -> ConnectionHandler[bytes]: ...
    @overload
    def master_for(
        self, service_name: Argument, *, dbid: int | None = ..., poolsize: int = ..., charset: str = ...,
        convertNumbers: Literal[False], undecodable: None = ...,
        isLazy: bool = ..., **connection_kwargs: Unpack[TCPConnectionOptions],
    ) -> ConnectionHandler[str | bytes]: ...
    @overload
    def master_for(
        self, service_name: Argument, *, dbid: int | None = ..., poolsize: int = ..., charset: str = ...,
        convertNumbers: Literal[False], undecodable: Literal["replace", "error"],
        isLazy: bool = ..., **connection_kwargs: Unpack[TCPConnectionOptions],
    ) -> ConnectionHandler[str]: ...
    @overload
    def master_for(
        self, service_name: Argument, factory_class: type[SentinelConnectionFactory] = ..., dbid: int | None = ...,
        poolsize: int = ..., **connection_kwargs: Any,
    ) -> ConnectionHandler: ...
    @overload
    def master_for(
        self, service_name: Argument, factory_class: Callable[..., SentinelConnectionFactory], dbid: int | None = ...,
        poolsize: int = ..., **connection_kwargs: Any,
    ) -> Any: ...
    # fmt: on
    def master_for(
        self,
        service_name: Argument,
        factory_class: Callable[..., SentinelConnectionFactory] = SentinelConnectionFactory,
        dbid: int | None = None,
        poolsize: int = 1,
        **connection_kwargs: Any,
    ) -> ConnectionHandler:
        """Connect to the current master of a service, and after a fail-over to the new one.

        :param service_name: its name in the Sentinels' configuration.
        :param factory_class: a subclass of :class:`SentinelConnectionFactory`.
        :param connection_kwargs: further fields of :class:`~txredis_fast.ConnectionOptions`, for the connections to
            the master. ``tls=True`` verifies the host name from the Sentinels, or ``tls_host``; ``connectTimeout``,
            10 seconds by default, limits the handshake, too.
        :returns: the handler, at once. Its commands wait until there is a connection, as those of a lazy pool.
        :raises ValueError: an option is wrong.
        """
        return self._handler_for(service_name, True, factory_class, dbid, poolsize, connection_kwargs)

    # fmt: off
    @overload
    def slave_for(
        self, service_name: Argument, *, dbid: int | None = ..., poolsize: int = ..., charset: None,
        convertNumbers: ConvertNumbers = ..., undecodable: Undecodable = ...,
        isLazy: bool = ..., **connection_kwargs: Unpack[TCPConnectionOptions],
    ) -> ConnectionHandler[bytes]: ...
    @overload
    def slave_for(
        self, service_name: Argument, *, dbid: int | None = ..., poolsize: int = ..., charset: str = ...,
        convertNumbers: Literal[False], undecodable: None = ...,
        isLazy: bool = ..., **connection_kwargs: Unpack[TCPConnectionOptions],
    ) -> ConnectionHandler[str | bytes]: ...
    @overload
    def slave_for(
        self, service_name: Argument, *, dbid: int | None = ..., poolsize: int = ..., charset: str = ...,
        convertNumbers: Literal[False], undecodable: Literal["replace", "error"],
        isLazy: bool = ..., **connection_kwargs: Unpack[TCPConnectionOptions],
    ) -> ConnectionHandler[str]: ...
    @overload
    def slave_for(
        self, service_name: Argument, factory_class: type[SentinelConnectionFactory] = ..., dbid: int | None = ...,
        poolsize: int = ..., **connection_kwargs: Any,
    ) -> ConnectionHandler: ...
    @overload
    def slave_for(
        self, service_name: Argument, factory_class: Callable[..., SentinelConnectionFactory], dbid: int | None = ...,
        poolsize: int = ..., **connection_kwargs: Any,
    ) -> Any: ...
    # fmt: on
    def slave_for(
        self,
        service_name: Argument,
        factory_class: Callable[..., SentinelConnectionFactory] = SentinelConnectionFactory,
        dbid: int | None = None,
        poolsize: int = 1,
        **connection_kwargs: Any,
    ) -> ConnectionHandler:
        """Connect to the replicas of a service in turn, or to its master while no replica is up.

        Parameters and result are those of :meth:`master_for`.
        """
        return self._handler_for(service_name, False, factory_class, dbid, poolsize, connection_kwargs)

    def _handler_for(
        self,
        service_name: Argument,
        is_master: bool,
        factory_class: Callable[..., SentinelConnectionFactory],
        dbid: int | None,
        poolsize: int,
        options: dict[str, Any],
    ) -> ConnectionHandler:
        beside = {name: options.pop(name) for name in _ATTRIBUTES if name in options}
        encryption = {name: options.pop(name) for name in TLS_OPTIONS if name in options}
        checked = ConnectionOptions(**beside, **encryption)
        beside = {name: getattr(checked, name) for name in beside}
        if encryption:
            beside["ssl_context_factory"] = checked.tls_context
        service_name = _service(service_name)
        is_lazy = "isLazy" in options
        factory = factory_class(
            sentinel_manager=self,
            service_name=service_name,
            is_master=is_master,
            uuid=None,
            dbid=dbid,
            poolsize=poolsize,
            **options,
        )
        if not is_lazy:
            # Set here, because a subclass' constructor may not take it. The caller has the handler already, so a
            # refused handshake fails the commands that wait, and does not end the attempts.
            factory.isLazy = True
        for name, value in beside.items():
            setattr(factory, name, value)
        return _start(factory)


def open_through_sentinels(
    addresses: Iterable[Address],
    service: str,
    options: ConnectionOptions,
    isLazy: bool,
    sentinel_options: Mapping[str, Any] | None = None,
) -> tuple[ConnectionHandler, Deferred[ConnectionHandler]]:
    """Connect to a service's master through Sentinels, with connections to these that are the handler's own.

    :param options: for the connections to the master. Its ``connectTimeout`` and its TLS options hold for the
    Sentinels,
        too, and its password does not.
    :param sentinel_options: fields of :class:`~txredis_fast.ConnectionOptions` that differ for the Sentinels, such as
        their own ``password``.
    :returns: the handler, and a Deferred that fires with it when it is connected. Its ``disconnect`` closes the
        connections to the Sentinels, too.
    """
    shared: dict[str, Any] = {"connectTimeout": options.connectTimeout}
    if not any(name in (sentinel_options or {}) for name in TLS_OPTIONS):
        shared |= {name: getattr(options, name) for name in TLS_OPTIONS}
    factory = _OwningFactory(
        Sentinel(addresses, **{**shared, **(sentinel_options or {})}),
        service,
        True,
        **RedisFactory.arguments(None, options, isLazy),
    )
    factory.reconnect = options.reconnect
    factory.ssl_context_factory = options.tls_context
    connected: Deferred[ConnectionHandler] = factory.deferred
    return _start(factory), connected


class _OwningFactory(SentinelConnectionFactory):
    """Owns its :class:`Sentinel`, and disconnects it, too."""

    sentinel_manager: Sentinel

    def disconnect(self, *, timeout: float | None = None) -> Deferred[Any]:
        closing = super().disconnect(timeout=timeout)
        return gatherResults([closing, self.sentinel_manager.disconnect()], consumeErrors=True)

    def connectionError(self, why: str) -> None:
        super().connectionError(why)
        if not self.isLazy:
            # The program never gets the handler. In a later turn, because a connection is just being refused.
            current_reactor().callLater(0, self.disconnect)


def _service(name: object) -> Argument:
    number = whole_number(name)  # a name may be a number, as replies have it
    if number is not None and number.bit_length() < 1000:
        return number
    if not isinstance(name, str | bytes):
        raise ValueError(f"service_name must be str or bytes, not {shown(name)}")
    return name


def _addresses(given: Iterable[Address]) -> list[Address]:
    try:
        listed = None if isinstance(given, str | bytes) else list(given)
    except Exception:
        listed = None
    if listed is None:
        raise ValueError("sentinel_addresses must be pairs of host and port, such as ('localhost', 26379)")
    return [check_address("sentinel_addresses", address) for address in listed]


def _start(factory: SentinelConnectionFactory) -> ConnectionHandler:
    if factory.ssl_context_factory:
        tcp_endpoint("localhost", 0, None, factory.ssl_context_factory)  # raises now if it cannot be used
    factory.startConnecting(SentinelEndpoint(factory))
    return factory.handler  # type: ignore[no-any-return]


def _sentinel_factory(address: Address, options: ConnectionOptions) -> RedisFactory:
    host, port = address
    factory = RedisFactory(**RedisFactory.arguments(f"{host}:{port}", options, True))
    factory.reconnect = options.reconnect
    return factory


def _start_sentinel(factory: RedisFactory, address: Address, options: ConnectionOptions) -> ConnectionHandler:
    factory.startConnecting(tcp_endpoint(*address, options.connectTimeout, options.tls_context))
    return factory.handler  # type: ignore[no-any-return]
