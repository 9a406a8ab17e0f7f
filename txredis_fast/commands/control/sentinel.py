"""Commands for a Sentinel: the masters and replicas that it monitors."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from ..._types import Argument, Pairs, Text, V
from .._parts import (
    CommandHost,
    described,
    descriptions,
    flags,
    flatten,
    info_caches,
    sentinel_master_states,
    sentinel_state,
    sentinel_states,
)

__all__ = ["SentinelCommands"]


class SentinelCommands(CommandHost[V]):
    """Subcommands of SENTINEL.

    The description of a node is a dict. It has the fields that the Sentinel sends (``"name"``, ``"ip"``, ``"port"``,
    ``"flags"`` ...) and bools made from the flags: ``is_master``, ``is_slave``, ``is_sdown``, ``is_odown``,
    ``is_sentinel``, ``is_disconnected``, ``is_master_down``. Names of fields are ``str``, whatever the charset.
    """

    __slots__ = ()

    def sentinel_masters(self) -> Deferred[dict[V, dict[str, Any]]]:
        """Describe all masters.

        :returns: fires with a dict: name of the service -> description of its master.

        https://valkey.io/topics/sentinel/, since 2.8.4
        """
        return self.execute_command("SENTINEL", "MASTERS", post_proc=sentinel_master_states)

    def sentinel_slaves(self, service_name: Argument) -> Deferred[list[dict[str, Any]]]:
        """Describe all replicas of a service's master.

        :param service_name: name of the service.
        :returns: fires with a list of descriptions; fails with :exc:`.ResponseError` if the Sentinel does not know
            the service.

        https://valkey.io/topics/sentinel/, since 2.8.0
        """
        return self.execute_command("SENTINEL", "SLAVES", service_name, post_proc=sentinel_states)

    def sentinel_get_master_addr_by_name(self, service_name: Argument) -> Deferred[list[V] | None]:
        """Get the address of a service's master.

        :param service_name: name of the service.
        :returns: fires with ``[host, port]``, or None if the Sentinel does not know the service.

        https://valkey.io/topics/sentinel/, since 2.8.4
        """
        return self.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", service_name)

    def sentinel_master(self, service_name: Argument) -> Deferred[dict[str, Any]]:
        """Describe the master of a service.

        :param service_name: name of the service.
        :returns: fires with a description; fails with :exc:`.ResponseError` if the Sentinel does not know the service.

        https://valkey.io/topics/sentinel/, since 2.8.4
        """
        return self.execute_command("SENTINEL", "MASTER", service_name, post_proc=sentinel_state)

    def sentinel_primary(self, service_name: Argument) -> Deferred[dict[str, Any]]:
        """Describe the primary of a service (Valkey 9.0); as :meth:`sentinel_master`.

        :param service_name: name of the service.
        :returns: fires with a description.

        https://valkey.io/topics/sentinel/, since 9.0.0
        """
        return self.execute_command("SENTINEL", "PRIMARY", service_name, post_proc=sentinel_state)

    def sentinel_primaries(self) -> Deferred[dict[V, dict[str, Any]]]:
        """Describe all primaries (Valkey 9.0); as :meth:`sentinel_masters`.

        :returns: fires with a dict: name of the service -> description of its primary.

        https://valkey.io/topics/sentinel/, since 9.0.0
        """
        return self.execute_command("SENTINEL", "PRIMARIES", post_proc=sentinel_master_states)

    def sentinel_get_primary_addr_by_name(self, service_name: Argument) -> Deferred[list[V] | None]:
        """Get the address of a service's primary (Valkey 9.0).

        :param service_name: name of the service.
        :returns: fires with ``[host, port]``, or None if the Sentinel does not know the service.

        https://valkey.io/topics/sentinel/, since 9.0.0
        """
        return self.execute_command("SENTINEL", "GET-PRIMARY-ADDR-BY-NAME", service_name)

    def sentinel_replicas(self, service_name: Argument) -> Deferred[list[dict[str, Any]]]:
        """Describe all replicas of a service's master.

        :param service_name: name of the service.
        :returns: fires with a list of descriptions; fails with :exc:`.ResponseError` if the Sentinel does not know
            the service.

        https://valkey.io/topics/sentinel/, since 5.0.0
        """
        return self.execute_command("SENTINEL", "REPLICAS", service_name, post_proc=sentinel_states)

    def sentinel_sentinels(self, service_name: Argument) -> Deferred[list[dict[str, Any]]]:
        """Describe the other Sentinels of a service.

        :param service_name: name of the service.
        :returns: fires with a list of descriptions; fails with :exc:`.ResponseError` if the Sentinel does not know
            the service.

        https://valkey.io/topics/sentinel/, since 2.8.4
        """
        return self.execute_command("SENTINEL", "SENTINELS", service_name, post_proc=sentinel_states)

    def sentinel_ckquorum(self, service_name: Argument) -> Deferred[Text]:
        """Test whether enough Sentinels can be reached to agree on a fail-over.

        :param service_name: name of the service.
        :returns: fires with a text; fails with :exc:`.ResponseError` if there are too few.

        https://valkey.io/topics/sentinel/, since 2.8.4
        """
        return self.execute_command("SENTINEL", "CKQUORUM", service_name)

    def sentinel_failover(self, service_name: Argument, *, coordinated: bool = False) -> Deferred[Text]:
        """Let a replica of a service become the master, without the other Sentinels' consent.

        :param service_name: name of the service.
        :param coordinated: have the Sentinels elect a leader, and the master hand over by FAILOVER, so that no write
            is lost (Valkey 9.0).
        :returns: fires with ``"OK"`` when it has begun.

        https://valkey.io/topics/sentinel/, since 2.8.4
        """
        return self.execute_command("SENTINEL", "FAILOVER", service_name, *flags(coordinated=coordinated))

    def sentinel_monitor(self, service_name: Argument, ip: Text, port: int, quorum: int) -> Deferred[Text]:
        """Let the Sentinel monitor a master.

        :param service_name: name of the service.
        :param ip: the master's address.
        :param port: its port.
        :param quorum: number of Sentinels that must agree that it is down.
        :returns: fires with ``"OK"``.

        https://valkey.io/topics/sentinel/, since 2.8.4
        """
        return self.execute_command("SENTINEL", "MONITOR", service_name, ip, port, quorum)

    def sentinel_remove(self, service_name: Argument) -> Deferred[Text]:
        """Let the Sentinel no longer monitor a master.

        :param service_name: name of the service.
        :returns: fires with ``"OK"``.

        https://valkey.io/topics/sentinel/, since 2.8.4
        """
        return self.execute_command("SENTINEL", "REMOVE", service_name)

    def sentinel_set(self, service_name: Argument, option: Text, value: Argument, *args: Argument) -> Deferred[Text]:
        """Change options of a service.

        :param service_name: name of the service.
        :param option: such as ``"down-after-milliseconds"``.
        :param value: its value.
        :param args: further options and values, alternating.
        :returns: fires with ``"OK"``.

        https://valkey.io/topics/sentinel/, since 2.8.4
        """
        return self.execute_command("SENTINEL", "SET", service_name, option, value, *args)

    def sentinel_reset(self, pattern: Argument) -> Deferred[int]:
        """Let the Sentinel forget the replicas and Sentinels of services, and find them again.

        :param pattern: glob-style pattern of the services' names.
        :returns: fires with the number of services.

        https://valkey.io/topics/sentinel/, since 2.8.4
        """
        return self.execute_command("SENTINEL", "RESET", pattern)

    def sentinel_flushconfig(self) -> Deferred[Text]:
        """Write the Sentinel's file.

        :returns: fires with ``"OK"``.

        https://valkey.io/topics/sentinel/, since 2.8.4
        """
        return self.execute_command("SENTINEL", "FLUSHCONFIG")

    def sentinel_config_get(self, pattern: Argument = "*", *args: Argument) -> Deferred[dict[str, Any]]:
        """Get options of the Sentinel (Redis 6.2).

        :param pattern: glob-style pattern of their names.
        :param args: further patterns (Redis 7.2).
        :returns: fires with a dict: name -> value; the names are ``str``.

        https://valkey.io/topics/sentinel/, since 6.2.0
        """
        return self.execute_command("SENTINEL", "CONFIG", "GET", pattern, *args, post_proc=described)

    def sentinel_config_set(self, mapping: Pairs) -> Deferred[Text]:
        """Change options of the Sentinel (Redis 6.2).

        :param mapping: names and values; several: Redis 7.2.
        :returns: fires with ``"OK"``.

        https://valkey.io/topics/sentinel/, since 6.2.0
        """
        return self.execute_command("SENTINEL", "CONFIG", "SET", *flatten(mapping))

    def sentinel_myid(self) -> Deferred[Text]:
        """Get the Sentinel's ID.

        :returns: fires with hexadecimal digits.

        https://valkey.io/topics/sentinel/, since 6.2.0
        """
        return self.execute_command("SENTINEL", "MYID")

    def sentinel_pending_scripts(self) -> Deferred[list[dict[str, Any]]]:
        """Describe the scripts that the Sentinel is about to run.

        :returns: fires with a list of dicts of its fields.

        https://valkey.io/topics/sentinel/, since 2.8.4
        """
        return self.execute_command("SENTINEL", "PENDING-SCRIPTS", post_proc=descriptions)

    def sentinel_info_cache(self, *service_names: Argument) -> Deferred[dict[V, list[tuple[int, Any]]]]:
        """Get the replies to INFO that the Sentinel has kept.

        :param service_names: names of services. None: all.
        :returns: fires with a dict: service -> list of tuples ``(age in milliseconds, text)``, the master's first.

        https://valkey.io/topics/sentinel/, since 3.2.0
        """
        return self.execute_command("SENTINEL", "INFO-CACHE", *service_names, post_proc=info_caches)
