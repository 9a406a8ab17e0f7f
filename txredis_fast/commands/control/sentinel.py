"""Commands for a Sentinel: the masters and replicas that it monitors."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from ..._types import Argument, Value
from .._parts import CommandHost, sentinel_master_states, sentinel_states

__all__ = ["SentinelCommands"]


class SentinelCommands(CommandHost):
    """Subcommands of SENTINEL.

    The description of a node is a dict. It has the fields that the Sentinel sends (``"name"``, ``"ip"``, ``"port"``,
    ``"flags"`` ...) and bools made from the flags: ``is_master``, ``is_slave``, ``is_sdown``, ``is_odown``,
    ``is_sentinel``, ``is_disconnected``, ``is_master_down``. Names of fields are ``str``, whatever the charset.
    """

    __slots__ = ()

    def sentinel_masters(self) -> Deferred[dict[Value, dict[str, Any]]]:
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

    def sentinel_get_master_addr_by_name(self, service_name: Argument) -> Deferred[list[Value] | None]:
        """Get the address of a service's master.

        :param service_name: name of the service.
        :returns: fires with ``[host, port]``, or None if the Sentinel does not know the service.

        https://valkey.io/topics/sentinel/, since 2.8.4
        """
        return self.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", service_name)
