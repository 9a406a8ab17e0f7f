"""Commands that describe the server's commands."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from ..._types import Argument, Text, V
from ...exceptions import InvalidData
from .._parts import CommandHost, command_descriptions, command_documents, errors_to_deferred, keys_and_flags

__all__ = ["CatalogueCommands"]


class CatalogueCommands(CommandHost[V]):
    """COMMAND and its subcommands.

    The description of a command is a dict: ``"name"``, ``"arity"``, ``"flags"`` and ``"acl"`` (frozensets),
    ``"first"``, ``"last"`` and ``"step"`` of its keys, ``"tips"`` and ``"specs"`` (lists, Redis 7.0), ``"sub"``: a list
    of the descriptions of its subcommands.
    """

    __slots__ = ()

    def command(self) -> Deferred[list[dict[str, Any]]]:
        """Describe all commands.

        :returns: fires with a list of descriptions.

        https://redis.io/commands/command/, since 2.8.13
        """
        return self.execute_command("COMMAND", post_proc=command_descriptions)

    def command_info(self, *command_names: Text) -> Deferred[list[dict[str, Any] | None]]:
        """Describe commands.

        :param command_names: their names; a subcommand's is ``"config|get"``. None: all.
        :returns: fires with a list of descriptions; None where there is no such command.

        https://redis.io/commands/command-info/, since 2.8.13
        """
        return self.execute_command("COMMAND", "INFO", *command_names, post_proc=command_descriptions)

    def command_docs(self, *command_names: Text) -> Deferred[dict[str, dict[str, Any]]]:
        """Get the documentation of commands.

        :param command_names: their names. None: all.
        :returns: fires with a dict: name -> dict with ``"summary"``, ``"since"``, ``"group"``, ``"complexity"``,
            ``"arguments"``, a list of dicts ...; without the names that are no commands.

        https://redis.io/commands/command-docs/, since 7.0.0
        """
        return self.execute_command("COMMAND", "DOCS", *command_names, post_proc=command_documents)

    def command_count(self) -> Deferred[int]:
        """Get the number of commands.

        :returns: fires with the number.

        https://redis.io/commands/command-count/, since 2.8.13
        """
        return self.execute_command("COMMAND", "COUNT")

    @errors_to_deferred
    def command_list(
        self, module: Text | None = None, category: Text | None = None, pattern: Text | None = None
    ) -> Deferred[list[Text]]:
        """List the names of commands. At most one filter may be given.

        :param module: only the commands of this module.
        :param category: only those of this category of ACL.
        :param pattern: only those whose names match this glob-style pattern.
        :returns: fires with a list of names. Fails with :exc:`.InvalidData` for several filters.

        https://redis.io/commands/command-list/, since 7.0.0
        """
        filters = {"MODULE": module, "ACLCAT": category, "PATTERN": pattern}
        given = [(word, value) for word, value in filters.items() if value is not None]
        if len(given) > 1:
            raise InvalidData("only one of module, category and pattern of command_list can be given")
        arguments = ("FILTERBY", *given[0]) if given else ()
        return self.execute_command("COMMAND", "LIST", *arguments)

    def command_getkeys(self, *args: Argument) -> Deferred[list[V]]:
        """Get the keys among the arguments of a command.

        :param args: the command's name and arguments.
        :returns: fires with a list of keys; fails with :exc:`.ResponseError` if the command has none.

        https://redis.io/commands/command-getkeys/, since 2.8.13
        """
        return self.execute_command("COMMAND", "GETKEYS", *args)

    def command_getkeysandflags(self, *args: Argument) -> Deferred[list[tuple[V, frozenset[str]]]]:
        """Get the keys among the arguments of a command, and how it uses them.

        :param args: the command's name and arguments.
        :returns: fires with a list of tuples ``(key, flags)``; the flags are ``"RO"``, ``"update"`` ...

        https://redis.io/commands/command-getkeysandflags/, since 7.0.0
        """
        return self.execute_command("COMMAND", "GETKEYSANDFLAGS", *args, post_proc=keys_and_flags)
