"""Search indexes: aliases, tags, synonyms, spelling, dictionaries, suggestions, settings.

This module must not know how a command is sent.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from ..._types import Argument, Key, Number, Text
from ...exceptions import InvalidData
from .._parts import CommandHost, as_dict, as_set, errors_to_deferred, flags
from .namespace import Namespace, options, some
from .search_replies import corrections, settings, settings_help, suggestions

__all__ = ["SearchExtras"]


class SearchExtras(Namespace):
    """The part of ``rc.search(index)`` beside searching."""

    __slots__ = ("_index",)

    def __init__(self, host: CommandHost[Any], index: Key | None) -> None:
        """Make the commands on an index.

        :param index: its name; None for the commands that need none.
        """
        super().__init__(host)
        self._index = index

    def _name(self, method: str) -> Key:
        if self._index is None:
            raise InvalidData(f"search.{method} needs an index: rc.search(index).{method}(...)")
        return self._index

    def list(self) -> Deferred[Any]:
        """Get the names of all indexes; it needs no index.

        :returns: fires with a set.

        https://redis.io/commands/ft._list/, since 2.0.0
        """
        return self._send("FT._LIST", post_proc=as_set)

    @errors_to_deferred
    def explain(self, query: Text, dialect: int | None = None) -> Deferred[Text]:
        """Show how the server understands a query.

        :param query: the query.
        :param dialect: version of the query language.
        :returns: fires with a text.

        https://redis.io/commands/ft.explain/, since 1.0.0
        """
        return self._send("FT.EXPLAIN", self._name("explain"), query, *options(("DIALECT", dialect)))

    @errors_to_deferred
    def explain_cli(self, query: Text, dialect: int | None = None) -> Deferred[Any]:
        """Show how the server understands a query, line by line.

        :param query: the query.
        :param dialect: version of the query language.
        :returns: fires with a list of texts.

        https://redis.io/commands/ft.explaincli/, since 1.0.0
        """
        return self._send("FT.EXPLAINCLI", self._name("explain_cli"), query, *options(("DIALECT", dialect)))

    @errors_to_deferred
    def spellcheck(
        self,
        query: Text,
        distance: int | None = None,
        include: Text | None = None,
        exclude: Text | None = None,
        dialect: int | None = None,
    ) -> Deferred[dict[Any, Any]]:
        """Find corrections of the query's words that the index does not have.

        :param query: the query.
        :param distance: maximum number of wrong letters, 1 to 4. None: 1.
        :param include: name of a dictionary with further words.
        :param exclude: name of a dictionary with words that are no corrections.
        :param dialect: version of the query language.
        :returns: fires with a dict: word -> list of tuples ``(correction, score)``, the best first.

        https://redis.io/commands/ft.spellcheck/, since 1.4.0
        """
        arguments = options(("DISTANCE", distance))
        arguments += () if include is None else ("TERMS", "INCLUDE", include)
        arguments += () if exclude is None else ("TERMS", "EXCLUDE", exclude)
        arguments += options(("DIALECT", dialect))
        return self._send("FT.SPELLCHECK", self._name("spellcheck"), query, *arguments, post_proc=corrections)

    @errors_to_deferred
    def tagvals(self, tagfield: Text) -> Deferred[Any]:
        """Get the different words of a tag field.

        :param tagfield: the field.
        :returns: fires with a set.

        https://redis.io/commands/ft.tagvals/, since 1.0.0
        """
        return self._send("FT.TAGVALS", self._name("tagvals"), tagfield, post_proc=as_set)

    @errors_to_deferred
    def aliasadd(self, alias: Text) -> Deferred[Text]:
        """Give the index another name.

        :param alias: the name.
        :returns: fires with ``"OK"``; fails with :exc:`.ResponseError` if another index has it.

        https://redis.io/commands/ft.aliasadd/, since 1.0.0
        """
        return self._send("FT.ALIASADD", alias, self._name("aliasadd"))

    @errors_to_deferred
    def aliasupdate(self, alias: Text) -> Deferred[Text]:
        """Give the index another name, which another index may have lost thereby.

        :param alias: the name.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/ft.aliasupdate/, since 1.0.0
        """
        return self._send("FT.ALIASUPDATE", alias, self._name("aliasupdate"))

    def aliasdel(self, alias: Text) -> Deferred[Text]:
        """Remove another name of an index; it needs no index.

        :param alias: the name.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/ft.aliasdel/, since 1.0.0
        """
        return self._send("FT.ALIASDEL", alias)

    @errors_to_deferred
    def aliaslist(self) -> Deferred[set[Any]]:
        """List the other names of the index (Redis 8.10).

        :returns: fires with a set of names.

        https://redis.io/commands/ft.aliaslist/, since 8.10.0
        """
        return self._send("FT.ALIASLIST", self._name("aliaslist"), post_proc=as_set)

    @errors_to_deferred
    def synupdate(self, groupid: Argument, *terms: Text, skip_initial_scan: bool = False) -> Deferred[Text]:
        """Add words to a group of synonyms, which is created if it does not exist.

        :param groupid: name of the group.
        :param terms: the words, one at least.
        :param skip_initial_scan: apply it only to documents that are written from now on.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/ft.synupdate/, since 1.2.0
        """
        words = flags(skipinitialscan=skip_initial_scan)
        given = some("search.synupdate", "terms", terms)
        return self._send("FT.SYNUPDATE", self._name("synupdate"), groupid, *words, *given)

    @errors_to_deferred
    def syndump(self) -> Deferred[dict[Any, Any]]:
        """Get the synonyms.

        :returns: fires with a dict: word -> list of the groups that have it.

        https://redis.io/commands/ft.syndump/, since 1.2.0
        """
        return self._send("FT.SYNDUMP", self._name("syndump"), post_proc=as_dict)

    @errors_to_deferred
    def dict_add(self, name: Text, *terms: Text) -> Deferred[int]:
        """Add words to a dictionary; it needs no index.

        :param name: name of the dictionary.
        :param terms: the words, one at least.
        :returns: fires with the number of new words.

        https://redis.io/commands/ft.dictadd/, since 1.4.0
        """
        return self._send("FT.DICTADD", name, *some("search.dict_add", "terms", terms))

    @errors_to_deferred
    def dict_del(self, name: Text, *terms: Text) -> Deferred[int]:
        """Remove words from a dictionary; it needs no index.

        :param name: name of the dictionary.
        :param terms: the words, one at least.
        :returns: fires with the number of words removed.

        https://redis.io/commands/ft.dictdel/, since 1.4.0
        """
        return self._send("FT.DICTDEL", name, *some("search.dict_del", "terms", terms))

    def dict_dump(self, name: Text) -> Deferred[Any]:
        """Get the words of a dictionary; it needs no index.

        :param name: name of the dictionary.
        :returns: fires with a set.

        https://redis.io/commands/ft.dictdump/, since 1.4.0
        """
        return self._send("FT.DICTDUMP", name, post_proc=as_set)

    def config_get(self, option: Text) -> Deferred[dict[str, Any]]:
        """Get settings of the module; it needs no index.

        :param option: name of the setting; ``"*"``: all.
        :returns: fires with a dict.

        https://redis.io/commands/ft.config-get/, since 1.0.0
        """
        return self._send("FT.CONFIG", "GET", option, post_proc=settings)

    def config_help(self, option: Text) -> Deferred[dict[str, Any]]:
        """Describe settings of the module; it needs no index.

        :param option: name of the setting; ``"*"``: all.
        :returns: fires with a dict: name -> dict with ``"Description"`` and ``"Value"``.

        https://redis.io/commands/ft.config-help/, since 1.0.0
        """
        return self._send("FT.CONFIG", "HELP", option, post_proc=settings_help)

    def config_set(self, option: Text, value: Argument) -> Deferred[Text]:
        """Change a setting of the module; it needs no index.

        :param option: name of the setting.
        :param value: the value.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/ft.config-set/, since 1.0.0
        """
        return self._send("FT.CONFIG", "SET", option, value)

    def sugadd(
        self, key: Key, string: Text, score: Number = 1.0, increment: bool = False, payload: Argument | None = None
    ) -> Deferred[int]:
        """Add a completion to a dictionary of completions; it needs no index.

        :param key: key of the dictionary.
        :param string: the completion.
        :param score: its weight.
        :param increment: add to the weight of one that is there already, instead of replacing it.
        :param payload: what to return with it.
        :returns: fires with the number of completions.

        https://redis.io/commands/ft.sugadd/, since 1.0.0
        """
        more = [*flags(incr=increment), *options(("PAYLOAD", payload))]
        return self._send("FT.SUGADD", key, string, score, *more)

    def sugget(
        self,
        key: Key,
        prefix: Text,
        fuzzy: bool = False,
        num: int | None = None,
        with_scores: bool = False,
        with_payloads: bool = False,
    ) -> Deferred[Any]:
        """Get completions; it needs no index.

        :param key: key of the dictionary.
        :param prefix: the beginning.
        :param fuzzy: allow one wrong letter.
        :param num: maximum number. None: 5.
        :param with_scores: return the scores, too.
        :param with_payloads: return the payloads, too.
        :returns: fires with a list of named tuples ``(string, score, payload)``, the best first.

        https://redis.io/commands/ft.sugget/, since 1.0.0
        """
        words = flags(fuzzy=fuzzy, withscores=with_scores, withpayloads=with_payloads)
        more = options(("MAX", num))
        return self._send("FT.SUGGET", key, prefix, *words, *more, post_proc=suggestions(with_scores, with_payloads))

    def sugdel(self, key: Key, string: Text) -> Deferred[bool]:
        """Remove a completion; it needs no index.

        :param key: key of the dictionary.
        :param string: the completion.
        :returns: fires with True, or False if there is no such one.

        https://redis.io/commands/ft.sugdel/, since 1.0.0
        """
        return self._send("FT.SUGDEL", key, string, post_proc=bool)

    def suglen(self, key: Key) -> Deferred[int]:
        """Get the number of completions; it needs no index.

        :param key: key of the dictionary.
        :returns: fires with the number.

        https://redis.io/commands/ft.suglen/, since 1.0.0
        """
        return self._send("FT.SUGLEN", key)
