"""Commands on the server's configuration and its modules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred

from ..._types import Argument, Text, V
from .._parts import CommandHost, described, descriptions, flatten

__all__ = ["ConfigCommands"]


class ConfigCommands(CommandHost[V]):
    """Subcommands of CONFIG and MODULE."""

    __slots__ = ()

    def config_get(self, pattern: Argument = "*", *args: Argument) -> Deferred[dict[str, Any]]:
        """Get parameters of the configuration.

        :param pattern: glob-style pattern of names.
        :param args: further patterns (Redis 7.0).
        :returns: fires with a dict: name -> value; the names are ``str``.

        https://redis.io/commands/config-get/, since 2.0.0
        """
        return self.execute_command("CONFIG", "GET", pattern, *args, post_proc=described)

    def config_set(self, name: Argument, value: Argument, *args: Argument) -> Deferred[Text]:
        """Change parameters of the configuration, until the server restarts; see :meth:`config_rewrite`.

        :param name: name of the parameter.
        :param value: its value.
        :param args: further names and values, alternating (Redis 7.0).
        :returns: fires with ``"OK"``.

        https://redis.io/commands/config-set/, since 2.0.0
        """
        return self.execute_command("CONFIG", "SET", name, value, *args)

    def config_rewrite(self) -> Deferred[Text]:
        """Write the configuration to the server's file.

        :returns: fires with ``"OK"``; fails with :exc:`.ResponseError` if the server has no file.

        https://redis.io/commands/config-rewrite/, since 2.8.0
        """
        return self.execute_command("CONFIG", "REWRITE")

    def config_resetstat(self) -> Deferred[Text]:
        """Set the statistics that :meth:`info` shows to 0.

        :returns: fires with ``"OK"``.

        https://redis.io/commands/config-resetstat/, since 2.0.0
        """
        return self.execute_command("CONFIG", "RESETSTAT")

    def module_list(self) -> Deferred[list[dict[str, Any]]]:
        """Describe the modules that the server has loaded.

        :returns: fires with a list of dicts with ``"name"``, ``"ver"``, ``"path"`` and ``"args"``.

        https://redis.io/commands/module-list/, since 4.0.0
        """
        return self.execute_command("MODULE", "LIST", post_proc=descriptions)

    def module_load(self, path: Text, *args: Argument) -> Deferred[Text]:
        """Load a module.

        :param path: the module's file on the server.
        :param args: arguments of the module.
        :returns: fires with ``"OK"``; fails with :exc:`.ResponseError` if the server does not allow it.

        https://redis.io/commands/module-load/, since 4.0.0
        """
        return self.execute_command("MODULE", "LOAD", path, *args)

    def module_loadex(
        self, path: Text, options: Mapping[Any, Any] | None = None, args: tuple[Argument, ...] | list[Argument] = ()
    ) -> Deferred[Text]:
        """Load a module, and set parameters of its configuration.

        :param path: the module's file on the server.
        :param options: names of parameters and their values.
        :param args: arguments of the module.
        :returns: fires with ``"OK"``; fails with :exc:`.ResponseError` if the server does not allow it.

        https://redis.io/commands/module-loadex/, since 7.0.0
        """
        pairs = flatten(options or {})
        arguments: list[Argument] = []
        for at in range(0, len(pairs), 2):
            arguments += ("CONFIG", *pairs[at : at + 2])
        return self.execute_command("MODULE", "LOADEX", path, *arguments, *(("ARGS", *args) if args else ()))

    def module_unload(self, name: Argument) -> Deferred[Text]:
        """Unload a module.

        :param name: its name.
        :returns: fires with ``"OK"``; fails with :exc:`.ResponseError` if it cannot be unloaded.

        https://redis.io/commands/module-unload/, since 4.0.0
        """
        return self.execute_command("MODULE", "UNLOAD", name)
