"""Search indexes: the commands of the module RediSearch, on one index.

Arguments are plain: a query is the server's text, a step of an aggregation the server's words. This module must not
know how a command is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred

from ..._types import Argument, Key, Number, Text
from ...exceptions import InvalidData
from .._parts import CommandHost, errors_to_deferred, flags, flatten, text_of
from .namespace import Namespace, counted, options, some
from .search_extras import SearchExtras
from .search_fields import (
    Field,
    GeoField,
    GeoShapeField,
    NumericField,
    TagField,
    TextField,
    VectorField,
    schema,
)
from .search_replies import (
    AggregateResult,
    HybridResult,
    ProfileResult,
    SearchReader,
    SearchResult,
    aggregated,
    hybrid,
    index_description,
    profiled,
    with_cursor,
)

__all__ = ["SearchCommands", "SearchNamespace"]


class SearchCommands(SearchExtras):
    """Commands of ``rc.search(index)``: one index of the module RediSearch."""

    __slots__ = ()

    @errors_to_deferred
    def create(
        self,
        fields: Field | Iterable[Any],
        *,
        on: Text = "HASH",
        prefix: Iterable[Text] = (),
        filter: Text | None = None,
        language: Text | None = None,
        language_field: Text | None = None,
        score: Number | None = None,
        score_field: Text | None = None,
        payload_field: Text | None = None,
        max_text_fields: bool = False,
        temporary: int | None = None,
        no_term_offsets: bool = False,
        no_highlight: bool = False,
        no_field_flags: bool = False,
        no_term_frequencies: bool = False,
        stopwords: Iterable[Text] | None = None,
        skip_initial_scan: bool = False,
    ) -> Deferred[Text]:
        """Create the index.

        :param fields: the schema: fields such as ``rc.search.Text("title")``; or lists of the server's words, such as
            ``["title", "TEXT", "SORTABLE"]``.
        :param on: ``"HASH"`` or ``"JSON"``.
        :param prefix: beginnings of the keys to index. Default: all keys.
        :param filter: expression that a document must meet.
        :param language: language of the documents; *language_field* names the field that has it.
        :param language_field: see *language*.
        :param score: score of the documents, 0 to 1; *score_field* names the field that has it.
        :param score_field: see *score*.
        :param payload_field: name of the field with the document's payload.
        :param max_text_fields: make room for more than 32 text fields.
        :param temporary: delete the index when it was not used for so many seconds.
        :param no_term_offsets: do without the places of words.
        :param no_highlight: do without what highlighting needs.
        :param no_field_flags: do without searches in single fields.
        :param no_term_frequencies: do without the numbers of words.
        :param stopwords: words that are not indexed; empty: all are. None: the server's list.
        :param skip_initial_scan: index only documents that are written from now on.
        :returns: fires with ``"OK"``; fails with :exc:`.ResponseError` if the index exists.

        https://redis.io/commands/ft.create/, since 1.0.0
        """
        arguments: list[Argument] = ["ON", on, *counted("PREFIX", prefix)]
        arguments += options(("FILTER", filter), ("LANGUAGE", language), ("LANGUAGE_FIELD", language_field))
        arguments += options(("SCORE", score), ("SCORE_FIELD", score_field), ("PAYLOAD_FIELD", payload_field))
        arguments += flags(maxtextfields=max_text_fields)
        arguments += options(("TEMPORARY", temporary))
        arguments += flags(
            nooffsets=no_term_offsets, nohl=no_highlight, nofields=no_field_flags, nofreqs=no_term_frequencies
        )
        arguments += [] if stopwords is None else counted("STOPWORDS", stopwords, always=True)
        arguments += flags(skipinitialscan=skip_initial_scan)
        return self._send("FT.CREATE", self._name("create"), *arguments, "SCHEMA", *schema("search.create", fields))

    @errors_to_deferred
    def alter(self, fields: Field | Iterable[Any], skip_initial_scan: bool = False) -> Deferred[Text]:
        """Add fields to the index.

        :param fields: as of :meth:`create`.
        :param skip_initial_scan: index them only in documents that are written from now on.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/ft.alter/, since 1.0.0
        """
        words = flags(skipinitialscan=skip_initial_scan)
        added = schema("search.alter", fields)
        return self._send("FT.ALTER", self._name("alter"), *words, "SCHEMA", "ADD", *added)

    @errors_to_deferred
    def dropindex(self, delete_documents: bool = False) -> Deferred[Text]:
        """Delete the index.

        :param delete_documents: delete the documents, too.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/ft.dropindex/, since 2.0.0
        """
        return self._send("FT.DROPINDEX", self._name("dropindex"), *flags(dd=delete_documents))

    @errors_to_deferred
    def info(self) -> Deferred[dict[str, Any]]:
        """Describe the index.

        :returns: fires with a dict of the server's fields, ``"num_docs"`` ..., whose names and texts are str; of
            ``"attributes"``, the fields of the index, with a list of dicts.

        https://redis.io/commands/ft.info/, since 1.0.0
        """
        return self._send("FT.INFO", self._name("info"), post_proc=index_description, raw=True)

    @errors_to_deferred
    def search(
        self,
        query: Text,
        params: Mapping[str, Any] | None = None,
        *,
        no_content: bool = False,
        verbatim: bool = False,
        no_stopwords: bool = False,
        with_scores: bool = False,
        with_payloads: bool = False,
        with_sort_keys: bool = False,
        explain_score: bool = False,
        filters: Mapping[str, Sequence[Any]] | None = None,
        geo_filter: Sequence[Any] | None = None,
        limit_ids: Iterable[Key] | None = None,
        limit_fields: Iterable[Text] | None = None,
        return_fields: Iterable[Text] | None = None,
        summarize: Sequence[Any] | None = None,
        highlight: Sequence[Any] | None = None,
        slop: int | None = None,
        in_order: bool = False,
        language: Text | None = None,
        expander: Text | None = None,
        scorer: Text | None = None,
        payload: Argument | None = None,
        sort_by: Text | None = None,
        asc: bool = True,
        offset: int | None = None,
        num: int | None = None,
        timeout: int | None = None,
        dialect: int | None = None,
    ) -> Deferred[SearchResult]:
        """Search the index.

        :param query: the server's query, such as ``"@title:hello @year:[1990 2000]"``.
        :param params: name -> value of the query's ``$name``; it needs ``dialect=2`` or above.
        :param no_content: return the keys only.
        :param verbatim: search the words as they are, without their stems.
        :param no_stopwords: search stop words, too.
        :param with_scores: return the scores, too.
        :param with_payloads: return the payloads, too.
        :param with_sort_keys: return the keys of sorting, too.
        :param explain_score: return how scores came about; it needs *with_scores*.
        :param filters: field -> ``(least, greatest)``.
        :param geo_filter: ``(field, longitude, latitude, radius, unit)``.
        :param limit_ids: only these documents, by their keys.
        :param limit_fields: search these fields only.
        :param return_fields: the fields to return. None: all.
        :param summarize: the server's words after SUMMARIZE; empty: its defaults.
        :param highlight: the server's words after HIGHLIGHT; empty: its defaults.
        :param slop: number of other words allowed between those of a phrase.
        :param in_order: whether words must come in the query's order.
        :param language: language of the query.
        :param expander: name of an expander of queries.
        :param scorer: name of the function of scores, such as ``"BM25"``.
        :param payload: a payload for that function.
        :param sort_by: field to sort by.
        :param asc: False: the greatest first.
        :param offset: number of documents to skip. None: 0.
        :param num: maximum number of documents. None: 10.
        :param timeout: milliseconds, for the server.
        :param dialect: version of the query language.
        :returns: fires with a named tuple ``(total, documents)``; a document is a named tuple ``(id, fields, score,
            payload, sort_key, explanation)``.

        https://redis.io/commands/ft.search/, since 1.0.0
        """
        if explain_score and not with_scores:
            raise InvalidData("explain_score of search.search needs with_scores")
        arguments: list[Argument] = [query]
        arguments += flags(nocontent=no_content, verbatim=verbatim, nostopwords=no_stopwords, withscores=with_scores)
        arguments += flags(withpayloads=with_payloads, withsortkeys=with_sort_keys)
        for name, (least, greatest) in (filters or {}).items():
            arguments += ("FILTER", name, least, greatest)
        if geo_filter is not None:
            arguments += ("GEOFILTER", *geo_filter)
        arguments += [*counted("INKEYS", limit_ids or ()), *counted("INFIELDS", limit_fields or ())]
        arguments += [] if return_fields is None else counted("RETURN", return_fields, always=True)
        arguments += [] if summarize is None else ["SUMMARIZE", *summarize]
        arguments += [] if highlight is None else ["HIGHLIGHT", *highlight]
        arguments += options(("SLOP", slop), ("TIMEOUT", timeout))
        arguments += flags(inorder=in_order)
        arguments += options(("LANGUAGE", language), ("EXPANDER", expander), ("SCORER", scorer))
        arguments += [*flags(explainscore=explain_score), *options(("PAYLOAD", payload))]
        if sort_by is not None:
            arguments += ("SORTBY", sort_by, "ASC" if asc else "DESC")
        if offset is not None or num is not None:
            arguments += ("LIMIT", 0 if offset is None else offset, 10 if num is None else num)
        arguments += [*_params(params), *options(("DIALECT", dialect))]
        reader = SearchReader(not no_content, with_scores, with_payloads, with_sort_keys)
        return self._send("FT.SEARCH", self._name("search"), *arguments, post_proc=reader)

    @errors_to_deferred
    def aggregate(
        self,
        query: Text,
        *steps: Sequence[Any],
        params: Mapping[str, Any] | None = None,
        load: Iterable[Text] | None = None,
        verbatim: bool = False,
        add_scores: bool = False,
        cursor: int | None = None,
        max_idle: int | None = None,
        timeout: int | None = None,
        dialect: int | None = None,
    ) -> Deferred[AggregateResult]:
        """Search the index, and process what was found.

        :param query: as of :meth:`search`.
        :param steps: lists of the server's words, in order: ``("GROUPBY", 1, "@tag", "REDUCE", "COUNT", 0)``,
            ``("SORTBY", 2, "@n", "DESC")``, ``("APPLY", "@a * 2", "AS", "b")``, ``("FILTER", "@n > 1")``,
            ``("LIMIT", 0, 10)``.
        :param params: as of :meth:`search`.
        :param load: fields to load from the documents before the steps; ``["*"]``: all.
        :param verbatim: search the words as they are.
        :param add_scores: make the scores the field ``@__score``.
        :param cursor: number of rows of this reply; the others are to be read by :meth:`cursor_read`.
        :param max_idle: milliseconds after which the server deletes a cursor that is not read.
        :param timeout: milliseconds, for the server.
        :param dialect: version of the query language.
        :returns: fires with a named tuple ``(total, rows, cursor)``: rows are dicts; *cursor* is a number, 0 if there
            are no more rows, or None without *cursor*.

        https://redis.io/commands/ft.aggregate/, since 1.1.0
        """
        arguments: list[Argument] = [query, *flags(verbatim=verbatim, addscores=add_scores)]
        arguments += [*_loaded("search.aggregate", load), *options(("TIMEOUT", timeout))]
        for step in steps:
            arguments += some("search.aggregate", "words of a step", step)
        if max_idle is not None and cursor is None:
            raise InvalidData("max_idle of search.aggregate needs cursor")
        if cursor is not None:
            arguments += ("WITHCURSOR", "COUNT", cursor, *options(("MAXIDLE", max_idle)))
        arguments += [*_params(params), *options(("DIALECT", dialect))]
        convert = aggregated if cursor is None else with_cursor
        return self._send("FT.AGGREGATE", self._name("aggregate"), *arguments, post_proc=convert)

    @errors_to_deferred
    def hybrid_search(
        self,
        query: Text,
        vector_field: Text,
        vector: Text,
        *steps: Sequence[Any],
        params: Mapping[str, Any] | None = None,
        scorer: Text | None = None,
        search_score_as: Text | None = None,
        k: int | None = None,
        ef_runtime: int | None = None,
        shard_k_ratio: float | None = None,
        radius: Number | None = None,
        epsilon: Number | None = None,
        filter: Text | None = None,
        policy: Text | None = None,
        batch_size: int | None = None,
        vector_score_as: Text | None = None,
        combine: Text | None = None,
        combine_options: Mapping[str, Any] | None = None,
        load: Iterable[Text] | None = None,
        timeout: int | None = None,
    ) -> Deferred[HybridResult]:
        """Search the index by words and by the nearness of a vector at the same time, and combine what both find.

        :param query: as of :meth:`search`, without vectors.
        :param vector_field: the field of vectors: ``"@v"``.
        :param vector: ``"$name"`` of *params*: there are the vector's bytes.
        :param steps: as of :meth:`aggregate`: what is done with the combined documents.
        :param params: name -> value of what is written ``$name``.
        :param scorer: name of the function of scores of the words.
        :param search_score_as: name of a field for the score of the words.
        :param k: number of nearest vectors to find. None without *radius*: 10.
        :param ef_runtime: how thoroughly an HNSW index looks for them.
        :param shard_k_ratio: part of *k* that each server of a cluster looks for.
        :param radius: find all vectors within this distance, instead of the *k* nearest.
        :param epsilon: how far beyond *radius* an HNSW index looks.
        :param filter: a query that documents found by their vectors must meet.
        :param policy: how *filter* is applied: ``"ADHOC"`` or ``"BATCHES"``.
        :param batch_size: number of vectors of a batch.
        :param vector_score_as: name of a field for the score of the vector.
        :param combine: how scores are combined: ``"RRF"`` or ``"LINEAR"``. None: ``"RRF"``.
        :param combine_options: its options: ``{"WINDOW": 20, "CONSTANT": 60}``, ``{"ALPHA": 0.7, "BETA": 0.3}``; and
            ``"YIELD_SCORE_AS"``, name of a field for the combined score.
        :param load: fields to load from the documents; ``["*"]``: all. None: only key and combined score.
        :param timeout: milliseconds, for the server.
        :returns: fires with a named tuple ``(total, rows, warnings, execution_time)``: rows are dicts, and the time is
            milliseconds. Fails with :exc:`.InvalidData` if an option is given without that to which it belongs.

        https://redis.io/commands/ft.hybrid/, since 8.4.0
        """
        method = "search.hybrid_search"
        arguments: list[Argument] = ["SEARCH", query]
        arguments += options(("SCORER", scorer), ("YIELD_SCORE_AS", search_score_as))
        nearest = options(("K", k), ("EF_RUNTIME", ef_runtime), ("SHARD_K_RATIO", shard_k_ratio))
        within = options(("RADIUS", radius), ("EPSILON", epsilon))
        if (nearest and k is None) or (within and radius is None) or (nearest and within):
            raise InvalidData(f"{method} needs k for its options, or radius for epsilon, and takes one of both")
        filtering = options(("POLICY", policy), ("BATCH_SIZE", batch_size))
        if filtering and filter is None:
            raise InvalidData(f"policy and batch_size of {method} need filter")
        arguments += ["VSIM", vector_field, vector, *counted("KNN", nearest), *counted("RANGE", within)]
        if filter is not None:
            arguments += counted("FILTER", [filter, *filtering]) if filtering else ["FILTER", filter]
        arguments += options(("YIELD_SCORE_AS", vector_score_as))
        if combine is None and combine_options:
            raise InvalidData(f"combine_options of {method} needs combine")
        if combine is not None:
            chosen = flatten(combine_options or {})
            arguments += ("COMBINE", combine, len(chosen), *chosen)
        loaded = _loaded(method, load)
        done = [some(method, "words of a step", step) for step in steps]
        if done and text_of(done[0][0]).upper() == "FILTER" and not loaded and combine is None and filter is None:
            raise InvalidData(f"a step FILTER of {method} needs combine or load: else it is the filter of the vectors")
        arguments += [*loaded, *(word for step in done for word in step), *_params(params)]
        arguments += options(("TIMEOUT", timeout))
        return self._send("FT.HYBRID", self._name("hybrid_search"), *arguments, post_proc=hybrid)

    @errors_to_deferred
    def cursor_read(self, cursor: int, count: int | None = None) -> Deferred[AggregateResult]:
        """Read further rows of an aggregation.

        :param cursor: number that the previous rows came with.
        :param count: maximum number of rows. None: as of the aggregation.
        :returns: fires with a named tuple as :meth:`aggregate`; its *cursor* is 0 after the last rows.

        https://redis.io/commands/ft.cursor-read/, since 1.1.0
        """
        more = options(("COUNT", count))
        return self._send("FT.CURSOR", "READ", self._name("cursor_read"), cursor, *more, post_proc=with_cursor)

    @errors_to_deferred
    def cursor_del(self, cursor: int) -> Deferred[Text]:
        """Delete a cursor whose rows are not needed.

        :param cursor: its number.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/ft.cursor-del/, since 1.1.0
        """
        return self._send("FT.CURSOR", "DEL", self._name("cursor_del"), cursor)

    @errors_to_deferred
    def profile(self, kind: Text, query: Text, *words: Argument, limited: bool = False) -> Deferred[ProfileResult]:
        """Measure a search or an aggregation.

        :param kind: ``"SEARCH"`` or ``"AGGREGATE"``.
        :param query: the query.
        :param words: the server's words after the query.
        :param limited: leave out details of unions.
        :returns: fires with a named tuple ``(result, profile)``: what :meth:`search` or :meth:`aggregate` fires with,
            and a dict of the server's fields; times are milliseconds.

        https://redis.io/commands/ft.profile/, since 2.2.0
        """
        name = text_of(kind).upper()
        if name not in ("SEARCH", "AGGREGATE"):
            raise InvalidData(f"kind of search.profile must be SEARCH or AGGREGATE, not {kind!r}")
        given = {text_of(word).upper() for word in words}
        if "WITHCURSOR" in given:
            raise InvalidData("search.profile takes no cursor")
        reader = SearchReader(
            "NOCONTENT" not in given, "WITHSCORES" in given, "WITHPAYLOADS" in given, "WITHSORTKEYS" in given
        )
        convert = profiled(reader if name == "SEARCH" else aggregated)
        arguments = (name, *flags(limited=limited), "QUERY", query, *words)
        return self._send("FT.PROFILE", self._name("profile"), *arguments, post_proc=convert)


class SearchNamespace(Namespace):
    """``rc.search``, which is called with the name of an index: ``rc.search("books").search("hello")``.

    The classes of fields are attributes: ``rc.search.Text("title", weight=2)``, ``Tag``, ``Numeric``, ``Geo``,
    ``GeoShape``, ``Vector``.
    """

    __slots__ = ()

    Text = TextField
    Tag = TagField
    Numeric = NumericField
    Geo = GeoField
    GeoShape = GeoShapeField
    Vector = VectorField

    def __call__(self, index: Key | None = None) -> SearchCommands:
        """Return the commands on an index, which need not exist.

        :param index: its name. None: for the commands that need none.
        """
        host: CommandHost[Any] = self._host
        return SearchCommands(host, index)


def _loaded(method: str, load: Iterable[Text] | None) -> list[Argument]:
    if load is None:
        return []
    fields = some(method, "fields to load", load)
    return ["LOAD", "*"] if fields in (["*"], [b"*"]) else ["LOAD", len(fields), *fields]


def _params(params: Mapping[str, Any] | None) -> list[Argument]:
    return ["PARAMS", 2 * len(params), *flatten(params)] if params else []
