"""Rows of the commands on search indexes."""

from __future__ import annotations

from txredis_fast.commands.modules.search_replies import (
    AggregateResult,
    Document,
    ProfileResult,
    SearchResult,
    Suggestion,
)

from .rows import ModuleRow

ROWS = [
    ModuleRow(
        "search.create",
        lambda c: c.search("i").create(
            [
                c.search.Text(
                    "title",
                    2,
                    no_stem=True,
                    phonetic="dm:en",
                    with_suffix_trie=True,
                    index_empty=True,
                    index_missing=True,
                    sortable=True,
                    unf=True,
                ),
                c.search.Tag("tag", ",", True, True, True),
                c.search.Numeric("num", as_name="n", sortable=True),
                c.search.Geo("loc"),
                c.search.GeoShape("shape", "FLAT"),
                c.search.Vector("v", "FLAT", {"TYPE": "FLOAT32", "DIM": 2, "DISTANCE_METRIC": "L2"}),
            ],
            prefix=["d:"],
        ),
        (
            "FT.CREATE",
            "i",
            "ON",
            "HASH",
            "PREFIX",
            1,
            "d:",
            "SCHEMA",
            "title",
            "TEXT",
            "NOSTEM",
            "WEIGHT",
            2,
            "PHONETIC",
            "dm:en",
            "WITHSUFFIXTRIE",
            "INDEXEMPTY",
            "INDEXMISSING",
            "SORTABLE",
            "UNF",
            "tag",
            "TAG",
            "SEPARATOR",
            ",",
            "CASESENSITIVE",
            "WITHSUFFIXTRIE",
            "INDEXEMPTY",
            "num",
            "AS",
            "n",
            "NUMERIC",
            "SORTABLE",
            "loc",
            "GEO",
            "shape",
            "GEOSHAPE",
            "FLAT",
            "v",
            "VECTOR",
            "FLAT",
            6,
            "TYPE",
            "FLOAT32",
            "DIM",
            2,
            "DISTANCE_METRIC",
            "L2",
        ),
        b"+OK\r\n",
        "OK",
    ),
    ModuleRow(
        "search.create",
        lambda c: c.search("j").create(
            [["$.a", "AS", "a", "NUMERIC"]],
            on="JSON",
            prefix=["j:"],
            filter="@a > 1",
            language="english",
            language_field="l",
            score=0.5,
            score_field="s",
            max_text_fields=True,
            temporary=600,
            no_term_offsets=True,
            no_highlight=True,
            no_field_flags=True,
            no_term_frequencies=True,
            stopwords=[],
            skip_initial_scan=True,
        ),
        (
            "FT.CREATE",
            "j",
            "ON",
            "JSON",
            "PREFIX",
            1,
            "j:",
            "FILTER",
            "@a > 1",
            "LANGUAGE",
            "english",
            "LANGUAGE_FIELD",
            "l",
            "SCORE",
            0.5,
            "SCORE_FIELD",
            "s",
            "MAXTEXTFIELDS",
            "TEMPORARY",
            600,
            "NOOFFSETS",
            "NOHL",
            "NOFIELDS",
            "NOFREQS",
            "STOPWORDS",
            0,
            "SKIPINITIALSCAN",
            "SCHEMA",
            "$.a",
            "AS",
            "a",
            "NUMERIC",
        ),
        b"+OK\r\n",
        "OK",
    ),
    ModuleRow(
        "search.create",
        lambda c: c.search("h").create(
            c.search.Numeric("x", no_index=True, sortable=True), payload_field="p", prefix=["h:"], stopwords=["the"]
        ),
        (
            "FT.CREATE",
            "h",
            "ON",
            "HASH",
            "PREFIX",
            1,
            "h:",
            "PAYLOAD_FIELD",
            "p",
            "STOPWORDS",
            1,
            "the",
            "SCHEMA",
            "x",
            "NUMERIC",
            "SORTABLE",
            "NOINDEX",
        ),
        b"+OK\r\n",
        "OK",
    ),
    ModuleRow(
        "search.alter",
        lambda c: c.search("h").alter(c.search.Text("y"), True),
        ("FT.ALTER", "h", "SKIPINITIALSCAN", "SCHEMA", "ADD", "y", "TEXT"),
        b"+OK\r\n",
        "OK",
    ),
    ModuleRow(
        "search.search",
        lambda c: c.search("i").search("hello", sort_by="n"),
        ("FT.SEARCH", "i", "hello", "SORTBY", "n", "ASC"),
        (
            b"*5\r\n:2\r\n$3\r\nd:1\r\n*10\r\n$1\r\nn\r\n$1\r\n1\r\n$5\r\ntitle\r\n$5\r\nhello\r\n"
            b"$3\r\ntag\r\n$3\r\na,b\r\n$3\r\nnum\r\n$1\r\n1\r\n$3\r\nloc\r\n$3\r\n1,2\r\n$3\r\n"
            b"d:2\r\n*8\r\n$1\r\nn\r\n$3\r\n2.5\r\n$5\r\ntitle\r\n$5\r\nhello\r\n$3\r\ntag\r\n"
            b"$1\r\nb\r\n$3\r\nnum\r\n$3\r\n2.5\r\n"
        ),
        SearchResult(
            2,
            [
                Document(
                    "d:1", {"n": 1, "title": "hello", "tag": "a,b", "num": 1, "loc": "1,2"}, None, None, None, None
                ),
                Document("d:2", {"n": 2.5, "title": "hello", "tag": "b", "num": 2.5}, None, None, None, None),
            ],
        ),
        answered3=(
            b"%5\r\n+attributes\r\n*0\r\n+total_results\r\n:2\r\n+format\r\n+STRING\r\n+results\r\n"
            b"*2\r\n%3\r\n+id\r\n$3\r\nd:1\r\n+extra_attributes\r\n%5\r\n$1\r\nn\r\n$1\r\n1\r\n"
            b"$5\r\ntitle\r\n$5\r\nhello\r\n$3\r\ntag\r\n$3\r\na,b\r\n$3\r\nnum\r\n$1\r\n1\r\n"
            b"$3\r\nloc\r\n$3\r\n1,2\r\n+values\r\n*0\r\n%3\r\n+id\r\n$3\r\nd:2\r\n"
            b"+extra_attributes\r\n%4\r\n$1\r\nn\r\n$3\r\n2.5\r\n$5\r\ntitle\r\n$5\r\nhello\r\n"
            b"$3\r\ntag\r\n$1\r\nb\r\n$3\r\nnum\r\n$3\r\n2.5\r\n+values\r\n*0\r\n+warning\r\n*0\r\n"
        ),
        before=(
            ("HSET", "d:1", "title", "hello", "tag", "a,b", "num", "1", "loc", "1,2"),
            ("HSET", "d:2", "title", "hello", "tag", "b", "num", "2.5"),
        ),
    ),
    ModuleRow(
        "search.search",
        lambda c: c.search("i").search("hello", no_content=True, sort_by="n", asc=False, offset=0, num=1),
        ("FT.SEARCH", "i", "hello", "NOCONTENT", "SORTBY", "n", "DESC", "LIMIT", 0, 1),
        b"*2\r\n:2\r\n$3\r\nd:2\r\n",
        SearchResult(2, [Document("d:2", None, None, None, None, None)]),
        answered3=(
            b"%5\r\n+attributes\r\n*0\r\n+total_results\r\n:2\r\n+format\r\n+STRING\r\n+results\r\n"
            b"*1\r\n%2\r\n+id\r\n$3\r\nd:2\r\n+values\r\n*0\r\n+warning\r\n*0\r\n"
        ),
    ),
    ModuleRow(
        "search.search",
        lambda c: c.search("i").search(
            "hello",
            return_fields=["title"],
            with_scores=True,
            with_payloads=True,
            with_sort_keys=True,
            sort_by="n",
            num=1,
        ),
        (
            "FT.SEARCH",
            "i",
            "hello",
            "WITHSCORES",
            "WITHPAYLOADS",
            "WITHSORTKEYS",
            "RETURN",
            1,
            "title",
            "SORTBY",
            "n",
            "ASC",
            "LIMIT",
            0,
            1,
        ),
        (b"*6\r\n:2\r\n$3\r\nd:1\r\n$1\r\n2\r\n$-1\r\n$2\r\n#1\r\n*2\r\n$5\r\ntitle\r\n$5\r\nhello\r\n"),
        SearchResult(2, [Document("d:1", {"title": "hello"}, 2.0, None, "#1", None)]),
        answered3=(
            b"%5\r\n+attributes\r\n*0\r\n+total_results\r\n:2\r\n+format\r\n+STRING\r\n+results\r\n"
            b"*1\r\n%6\r\n+id\r\n$3\r\nd:1\r\n+score\r\n,2\r\n+payload\r\n_\r\n+sortkey\r\n$2\r\n"
            b"#1\r\n+extra_attributes\r\n%1\r\n$5\r\ntitle\r\n$5\r\nhello\r\n+values\r\n*0\r\n"
            b"+warning\r\n*0\r\n"
        ),
    ),
    ModuleRow(
        "search.search",
        lambda c: c.search("i").search("hello", with_scores=True, explain_score=True, sort_by="n", num=1),
        ("FT.SEARCH", "i", "hello", "WITHSCORES", "EXPLAINSCORE", "SORTBY", "n", "ASC", "LIMIT", 0, 1),
        (
            b"*4\r\n:2\r\n$3\r\nd:1\r\n*2\r\n$1\r\n2\r\n*2\r\n"
            b"+Final TFIDF : words TFIDF 4.00 * document score 1.00 / norm 2 / slop 1\r\n*1\r\n"
            b"*2\r\n+(Weight 1.00 * total children TFIDF 4.00)\r\n*2\r\n"
            b"+(TFIDF 2.00 = Weight 1.00 * TF 2 * IDF 1.00)\r\n"
            b"+(TFIDF 2.00 = Weight 1.00 * TF 2 * IDF 1.00)\r\n*10\r\n$1\r\nn\r\n$1\r\n1\r\n$5\r\n"
            b"title\r\n$5\r\nhello\r\n$3\r\ntag\r\n$3\r\na,b\r\n$3\r\nnum\r\n$1\r\n1\r\n$3\r\n"
            b"loc\r\n$3\r\n1,2\r\n"
        ),
        SearchResult(
            2,
            [
                Document(
                    "d:1",
                    {"n": 1, "title": "hello", "tag": "a,b", "num": 1, "loc": "1,2"},
                    2.0,
                    None,
                    None,
                    [
                        "Final TFIDF : words TFIDF 4.00 * document score 1.00 / norm 2 / slop 1",
                        [
                            [
                                "(Weight 1.00 * total children TFIDF 4.00)",
                                [
                                    "(TFIDF 2.00 = Weight 1.00 * TF 2 * IDF 1.00)",
                                    "(TFIDF 2.00 = Weight 1.00 * TF 2 * IDF 1.00)",
                                ],
                            ]
                        ],
                    ],
                )
            ],
        ),
        answered3=(
            b"%5\r\n+attributes\r\n*0\r\n+total_results\r\n:2\r\n+format\r\n+STRING\r\n+results\r\n"
            b"*1\r\n%4\r\n+id\r\n$3\r\nd:1\r\n+score\r\n*2\r\n,2\r\n*2\r\n"
            b"+Final TFIDF : words TFIDF 4.00 * document score 1.00 / norm 2 / slop 1\r\n*1\r\n"
            b"*2\r\n+(Weight 1.00 * total children TFIDF 4.00)\r\n*2\r\n"
            b"+(TFIDF 2.00 = Weight 1.00 * TF 2 * IDF 1.00)\r\n"
            b"+(TFIDF 2.00 = Weight 1.00 * TF 2 * IDF 1.00)\r\n+extra_attributes\r\n%5\r\n$1\r\n"
            b"n\r\n$1\r\n1\r\n$5\r\ntitle\r\n$5\r\nhello\r\n$3\r\ntag\r\n$3\r\na,b\r\n$3\r\nnum\r\n"
            b"$1\r\n1\r\n$3\r\nloc\r\n$3\r\n1,2\r\n+values\r\n*0\r\n+warning\r\n*0\r\n"
        ),
    ),
    ModuleRow(
        "search.search",
        lambda c: c.search("i").search(
            "@title:$word",
            {"word": "hello"},
            verbatim=True,
            no_stopwords=True,
            filters={"n": (0, "+inf")},
            geo_filter=("loc", 1, 2, 10, "km"),
            limit_ids=["d:1", "d:2"],
            limit_fields=["title"],
            summarize=["FIELDS", 1, "title"],
            highlight=[],
            slop=2,
            in_order=True,
            language="english",
            expander="DEFAULT",
            scorer="TFIDF",
            payload="p",
            timeout=500,
            dialect=2,
        ),
        (
            "FT.SEARCH",
            "i",
            "@title:$word",
            "VERBATIM",
            "NOSTOPWORDS",
            "FILTER",
            "n",
            0,
            "+inf",
            "GEOFILTER",
            "loc",
            1,
            2,
            10,
            "km",
            "INKEYS",
            2,
            "d:1",
            "d:2",
            "INFIELDS",
            1,
            "title",
            "SUMMARIZE",
            "FIELDS",
            1,
            "title",
            "HIGHLIGHT",
            "SLOP",
            2,
            "TIMEOUT",
            500,
            "INORDER",
            "LANGUAGE",
            "english",
            "EXPANDER",
            "DEFAULT",
            "SCORER",
            "TFIDF",
            "PAYLOAD",
            "p",
            "PARAMS",
            2,
            "word",
            "hello",
            "DIALECT",
            2,
        ),
        (
            b"*3\r\n:1\r\n$3\r\nd:1\r\n*8\r\n$5\r\ntitle\r\n$16\r\n<b>hello</b>... \r\n$3\r\n"
            b"tag\r\n$3\r\na,b\r\n$3\r\nnum\r\n$1\r\n1\r\n$3\r\nloc\r\n$3\r\n1,2\r\n"
        ),
        SearchResult(
            1,
            [
                Document(
                    "d:1", {"title": "<b>hello</b>... ", "tag": "a,b", "num": 1, "loc": "1,2"}, None, None, None, None
                )
            ],
        ),
        answered3=(
            b"%5\r\n+attributes\r\n*0\r\n+total_results\r\n:1\r\n+format\r\n+STRING\r\n+results\r\n"
            b"*1\r\n%3\r\n+id\r\n$3\r\nd:1\r\n+extra_attributes\r\n%4\r\n$5\r\ntitle\r\n$16\r\n"
            b"<b>hello</b>... \r\n$3\r\ntag\r\n$3\r\na,b\r\n$3\r\nnum\r\n$1\r\n1\r\n$3\r\nloc\r\n"
            b"$3\r\n1,2\r\n+values\r\n*0\r\n+warning\r\n*0\r\n"
        ),
    ),
    ModuleRow(
        "search.search",
        lambda c: c.search("i").search("none"),
        ("FT.SEARCH", "i", "none"),
        b"*1\r\n:0\r\n",
        SearchResult(0, []),
        answered3=(
            b"%5\r\n+attributes\r\n*0\r\n+total_results\r\n:0\r\n+format\r\n+STRING\r\n+results\r\n"
            b"*0\r\n+warning\r\n*0\r\n"
        ),
    ),
    ModuleRow(
        "search.aggregate",
        lambda c: c.search("i").aggregate(
            "*", ("GROUPBY", 1, "@tag", "REDUCE", "COUNT", 0, "AS", "c"), ("SORTBY", 2, "@tag", "ASC")
        ),
        ("FT.AGGREGATE", "i", "*", "GROUPBY", 1, "@tag", "REDUCE", "COUNT", 0, "AS", "c", "SORTBY", 2, "@tag", "ASC"),
        (
            b"*3\r\n:2\r\n*4\r\n$3\r\ntag\r\n$3\r\na,b\r\n$1\r\nc\r\n$1\r\n1\r\n*4\r\n$3\r\ntag\r\n"
            b"$1\r\nb\r\n$1\r\nc\r\n$1\r\n1\r\n"
        ),
        AggregateResult(2, [{"tag": "a,b", "c": 1}, {"tag": "b", "c": 1}], None),
        answered3=(
            b"%5\r\n+attributes\r\n*0\r\n+total_results\r\n:2\r\n+format\r\n+STRING\r\n+results\r\n"
            b"*2\r\n%2\r\n+extra_attributes\r\n%2\r\n$3\r\ntag\r\n$3\r\na,b\r\n$1\r\nc\r\n$1\r\n"
            b"1\r\n+values\r\n*0\r\n%2\r\n+extra_attributes\r\n%2\r\n$3\r\ntag\r\n$1\r\nb\r\n$1\r\n"
            b"c\r\n$1\r\n1\r\n+values\r\n*0\r\n+warning\r\n*0\r\n"
        ),
    ),
    ModuleRow(
        "search.aggregate",
        lambda c: c.search("i").aggregate(
            "@n:[$low 2]",
            ["APPLY", "@n * 2", "AS", "double"],
            params={"low": 0},
            load=["@n"],
            verbatim=True,
            timeout=500,
            dialect=2,
        ),
        (
            "FT.AGGREGATE",
            "i",
            "@n:[$low 2]",
            "VERBATIM",
            "LOAD",
            1,
            "@n",
            "TIMEOUT",
            500,
            "APPLY",
            "@n * 2",
            "AS",
            "double",
            "PARAMS",
            2,
            "low",
            0,
            "DIALECT",
            2,
        ),
        b"*2\r\n:1\r\n*4\r\n$1\r\nn\r\n$1\r\n1\r\n$6\r\ndouble\r\n$1\r\n2\r\n",
        AggregateResult(1, [{"n": 1, "double": 2}], None),
        answered3=(
            b"%5\r\n+attributes\r\n*0\r\n+total_results\r\n:1\r\n+format\r\n+STRING\r\n+results\r\n"
            b"*1\r\n%2\r\n+extra_attributes\r\n%2\r\n$1\r\nn\r\n$1\r\n1\r\n$6\r\ndouble\r\n$1\r\n"
            b"2\r\n+values\r\n*0\r\n+warning\r\n*0\r\n"
        ),
    ),
    ModuleRow(
        "search.aggregate",
        lambda c: c.search("i").aggregate("hello", load=["*"], add_scores=True),
        ("FT.AGGREGATE", "i", "hello", "ADDSCORES", "LOAD", "*"),
        (
            b"*3\r\n:1\r\n*10\r\n$7\r\n__score\r\n$1\r\n2\r\n$5\r\ntitle\r\n$5\r\nhello\r\n$3\r\n"
            b"tag\r\n$3\r\na,b\r\n$3\r\nnum\r\n$1\r\n1\r\n$3\r\nloc\r\n$3\r\n1,2\r\n*8\r\n$7\r\n"
            b"__score\r\n$1\r\n2\r\n$5\r\ntitle\r\n$5\r\nhello\r\n$3\r\ntag\r\n$1\r\nb\r\n$3\r\n"
            b"num\r\n$3\r\n2.5\r\n"
        ),
        AggregateResult(
            1,
            [
                {"__score": 2, "title": "hello", "tag": "a,b", "num": 1, "loc": "1,2"},
                {"__score": 2, "title": "hello", "tag": "b", "num": 2.5},
            ],
            None,
        ),
        answered3=(
            b"%5\r\n+attributes\r\n*0\r\n+total_results\r\n:1\r\n+format\r\n+STRING\r\n+results\r\n"
            b"*2\r\n%2\r\n+extra_attributes\r\n%5\r\n$7\r\n__score\r\n$1\r\n2\r\n$5\r\ntitle\r\n"
            b"$5\r\nhello\r\n$3\r\ntag\r\n$3\r\na,b\r\n$3\r\nnum\r\n$1\r\n1\r\n$3\r\nloc\r\n$3\r\n"
            b"1,2\r\n+values\r\n*0\r\n%2\r\n+extra_attributes\r\n%4\r\n$7\r\n__score\r\n$1\r\n2\r\n"
            b"$5\r\ntitle\r\n$5\r\nhello\r\n$3\r\ntag\r\n$1\r\nb\r\n$3\r\nnum\r\n$3\r\n2.5\r\n"
            b"+values\r\n*0\r\n+warning\r\n*0\r\n"
        ),
    ),
    ModuleRow(
        "search.aggregate",
        lambda c: c.search("i").aggregate("*", load=["@n"], cursor=1, max_idle=1000),
        ("FT.AGGREGATE", "i", "*", "LOAD", 1, "@n", "WITHCURSOR", "COUNT", 1, "MAXIDLE", 1000),
        b"*2\r\n*2\r\n:1\r\n*2\r\n$1\r\nn\r\n$1\r\n1\r\n:1393236904\r\n",
        AggregateResult(1, [{"n": 1}], 1393236904),
        answered3=(
            b"*2\r\n%5\r\n+attributes\r\n*0\r\n+total_results\r\n:1\r\n+format\r\n+STRING\r\n"
            b"+results\r\n*1\r\n%2\r\n+extra_attributes\r\n%1\r\n$1\r\nn\r\n$1\r\n1\r\n+values\r\n"
            b"*0\r\n+warning\r\n*0\r\n:1393236904\r\n"
        ),
        varies=True,
    ),
    ModuleRow(
        "search.info",
        lambda c: c.search("i").info(),
        ("FT.INFO", "i"),
        (
            b"*68\r\n+index_name\r\n+i\r\n+index_options\r\n*0\r\n+index_definition\r\n*6\r\n"
            b"+key_type\r\n+HASH\r\n+prefixes\r\n*1\r\n+d:\r\n+default_score\r\n$1\r\n1\r\n"
            b"+attributes\r\n*6\r\n*14\r\n+identifier\r\n+title\r\n+attribute\r\n+title\r\n"
            b"+type\r\n+TEXT\r\n+WEIGHT\r\n$1\r\n2\r\n+SORTABLE\r\n+UNF\r\n+NOSTEM\r\n"
            b"+WITHSUFFIXTRIE\r\n+INDEXEMPTY\r\n+INDEXMISSING\r\n*11\r\n+identifier\r\n+tag\r\n"
            b"+attribute\r\n+tag\r\n+type\r\n+TAG\r\n+SEPARATOR\r\n+,\r\n+CASESENSITIVE\r\n"
            b"+WITHSUFFIXTRIE\r\n+INDEXEMPTY\r\n*8\r\n+identifier\r\n+num\r\n+attribute\r\n+n\r\n"
            b"+type\r\n+NUMERIC\r\n+SORTABLE\r\n+UNF\r\n*6\r\n+identifier\r\n+loc\r\n+attribute\r\n"
            b"+loc\r\n+type\r\n+GEO\r\n*8\r\n+identifier\r\n+shape\r\n+attribute\r\n+shape\r\n"
            b"+type\r\n+GEOSHAPE\r\n+coord_system\r\n+FLAT\r\n*14\r\n+identifier\r\n+v\r\n"
            b"+attribute\r\n+v\r\n+type\r\n+VECTOR\r\n+algorithm\r\n+FLAT\r\n+data_type\r\n"
            b"+FLOAT32\r\n+dim\r\n:2\r\n+distance_metric\r\n+L2\r\n+num_docs\r\n:2\r\n"
            b"+max_doc_id\r\n:2\r\n+num_terms\r\n:2\r\n+num_records\r\n:9\r\n+inverted_sz_mb\r\n"
            b"$20\r\n5.702972412109375e-4\r\n+vector_index_sz_mb\r\n$19\r\n0.00818634033203125\r\n"
            b"+total_inverted_index_blocks\r\n:6\r\n+offset_vectors_sz_mb\r\n$17\r\n"
            b"3.814697265625e-6\r\n+doc_table_size_mb\r\n$20\r\n1.316070556640625e-4\r\n"
            b"+sortable_values_size_mb\r\n$20\r\n1.010894775390625e-4\r\n+key_table_size_mb\r\n"
            b"$20\r\n8.296966552734375e-5\r\n+tag_overhead_sz_mb\r\n$19\r\n1.10626220703125e-4\r\n"
            b"+text_overhead_sz_mb\r\n$21\r\n1.6689300537109375e-4\r\n+total_index_memory_sz_mb\r\n"
            b"$18\r\n0.0011749267578125\r\n+geoshapes_sz_mb\r\n$15\r\n9.1552734375e-5\r\n"
            b"+records_per_doc_avg\r\n$3\r\n4.5\r\n+bytes_per_record_avg\r\n$17\r\n"
            b"66.44444274902344\r\n+offsets_per_term_avg\r\n$18\r\n0.4444444477558136\r\n"
            b"+offset_bits_per_record_avg\r\n$1\r\n8\r\n+hash_indexing_failures\r\n:0\r\n"
            b"+total_indexing_time\r\n$5\r\n0.125\r\n+indexing\r\n:0\r\n+percent_indexed\r\n$1\r\n"
            b"1\r\n+number_of_uses\r\n:11\r\n+cleaning\r\n:0\r\n+gc_stats\r\n*14\r\n"
            b"+bytes_collected\r\n$1\r\n0\r\n+total_ms_run\r\n$1\r\n0\r\n+total_cycles\r\n$1\r\n"
            b"0\r\n+average_cycle_time_ms\r\n$3\r\nnan\r\n+last_run_time_ms\r\n$1\r\n0\r\n"
            b"+gc_numeric_trees_missed\r\n$1\r\n0\r\n+gc_blocks_denied\r\n$1\r\n0\r\n"
            b"+cursor_stats\r\n*8\r\n+global_idle\r\n:1\r\n+global_total\r\n:1\r\n"
            b"+index_capacity\r\n:128\r\n+index_total\r\n:1\r\n+dialect_stats\r\n*8\r\n"
            b"+dialect_1\r\n:1\r\n+dialect_2\r\n:1\r\n+dialect_3\r\n:0\r\n+dialect_4\r\n:0\r\n"
            b"+Index Errors\r\n*6\r\n+indexing failures\r\n:0\r\n+last indexing error\r\n+N/A\r\n"
            b"+last indexing error key\r\n$3\r\nN/A\r\n+field statistics\r\n*6\r\n*6\r\n"
            b"+identifier\r\n+title\r\n+attribute\r\n+title\r\n+Index Errors\r\n*6\r\n"
            b"+indexing failures\r\n:0\r\n+last indexing error\r\n+N/A\r\n"
            b"+last indexing error key\r\n$3\r\nN/A\r\n*6\r\n+identifier\r\n+tag\r\n+attribute\r\n"
            b"+tag\r\n+Index Errors\r\n*6\r\n+indexing failures\r\n:0\r\n+last indexing error\r\n"
            b"+N/A\r\n+last indexing error key\r\n$3\r\nN/A\r\n*6\r\n+identifier\r\n+num\r\n"
            b"+attribute\r\n+n\r\n+Index Errors\r\n*6\r\n+indexing failures\r\n:0\r\n"
            b"+last indexing error\r\n+N/A\r\n+last indexing error key\r\n$3\r\nN/A\r\n*6\r\n"
            b"+identifier\r\n+loc\r\n+attribute\r\n+loc\r\n+Index Errors\r\n*6\r\n"
            b"+indexing failures\r\n:0\r\n+last indexing error\r\n+N/A\r\n"
            b"+last indexing error key\r\n$3\r\nN/A\r\n*6\r\n+identifier\r\n+shape\r\n"
            b"+attribute\r\n+shape\r\n+Index Errors\r\n*6\r\n+indexing failures\r\n:0\r\n"
            b"+last indexing error\r\n+N/A\r\n+last indexing error key\r\n$3\r\nN/A\r\n*6\r\n"
            b"+identifier\r\n+v\r\n+attribute\r\n+v\r\n+Index Errors\r\n*6\r\n"
            b"+indexing failures\r\n:0\r\n+last indexing error\r\n+N/A\r\n"
            b"+last indexing error key\r\n$3\r\nN/A\r\n"
        ),
        {
            "index_name": "i",
            "index_options": [],
            "index_definition": {"key_type": "HASH", "prefixes": ["d:"], "default_score": 1},
            "attributes": [
                {
                    "identifier": "title",
                    "attribute": "title",
                    "type": "TEXT",
                    "WEIGHT": 2,
                    "flags": ["SORTABLE", "UNF", "NOSTEM", "WITHSUFFIXTRIE", "INDEXEMPTY", "INDEXMISSING"],
                },
                {
                    "identifier": "tag",
                    "attribute": "tag",
                    "type": "TAG",
                    "SEPARATOR": ",",
                    "flags": ["CASESENSITIVE", "WITHSUFFIXTRIE", "INDEXEMPTY"],
                },
                {"identifier": "num", "attribute": "n", "type": "NUMERIC", "flags": ["SORTABLE", "UNF"]},
                {"identifier": "loc", "attribute": "loc", "type": "GEO", "flags": []},
                {"identifier": "shape", "attribute": "shape", "type": "GEOSHAPE", "coord_system": "FLAT", "flags": []},
                {
                    "identifier": "v",
                    "attribute": "v",
                    "type": "VECTOR",
                    "algorithm": "FLAT",
                    "data_type": "FLOAT32",
                    "dim": 2,
                    "distance_metric": "L2",
                    "flags": [],
                },
            ],
            "num_docs": 2,
            "max_doc_id": 2,
            "num_terms": 2,
            "num_records": 9,
            "inverted_sz_mb": 0.0005702972412109375,
            "vector_index_sz_mb": 0.00818634033203125,
            "total_inverted_index_blocks": 6,
            "offset_vectors_sz_mb": 3.814697265625e-06,
            "doc_table_size_mb": 0.0001316070556640625,
            "sortable_values_size_mb": 0.0001010894775390625,
            "key_table_size_mb": 8.296966552734375e-05,
            "tag_overhead_sz_mb": 0.000110626220703125,
            "text_overhead_sz_mb": 0.00016689300537109375,
            "total_index_memory_sz_mb": 0.0011749267578125,
            "geoshapes_sz_mb": 9.1552734375e-05,
            "records_per_doc_avg": 4.5,
            "bytes_per_record_avg": 66.44444274902344,
            "offsets_per_term_avg": 0.4444444477558136,
            "offset_bits_per_record_avg": 8,
            "hash_indexing_failures": 0,
            "total_indexing_time": 0.125,
            "indexing": 0,
            "percent_indexed": 1,
            "number_of_uses": 11,
            "cleaning": 0,
            "gc_stats": {
                "bytes_collected": 0,
                "total_ms_run": 0,
                "total_cycles": 0,
                "average_cycle_time_ms": float("nan"),
                "last_run_time_ms": 0,
                "gc_numeric_trees_missed": 0,
                "gc_blocks_denied": 0,
            },
            "cursor_stats": {"global_idle": 1, "global_total": 1, "index_capacity": 128, "index_total": 1},
            "dialect_stats": {"dialect_1": 1, "dialect_2": 1, "dialect_3": 0, "dialect_4": 0},
            "Index Errors": {"indexing failures": 0, "last indexing error": "N/A", "last indexing error key": "N/A"},
            "field statistics": [
                {
                    "identifier": "title",
                    "attribute": "title",
                    "Index Errors": {
                        "indexing failures": 0,
                        "last indexing error": "N/A",
                        "last indexing error key": "N/A",
                    },
                },
                {
                    "identifier": "tag",
                    "attribute": "tag",
                    "Index Errors": {
                        "indexing failures": 0,
                        "last indexing error": "N/A",
                        "last indexing error key": "N/A",
                    },
                },
                {
                    "identifier": "num",
                    "attribute": "n",
                    "Index Errors": {
                        "indexing failures": 0,
                        "last indexing error": "N/A",
                        "last indexing error key": "N/A",
                    },
                },
                {
                    "identifier": "loc",
                    "attribute": "loc",
                    "Index Errors": {
                        "indexing failures": 0,
                        "last indexing error": "N/A",
                        "last indexing error key": "N/A",
                    },
                },
                {
                    "identifier": "shape",
                    "attribute": "shape",
                    "Index Errors": {
                        "indexing failures": 0,
                        "last indexing error": "N/A",
                        "last indexing error key": "N/A",
                    },
                },
                {
                    "identifier": "v",
                    "attribute": "v",
                    "Index Errors": {
                        "indexing failures": 0,
                        "last indexing error": "N/A",
                        "last indexing error key": "N/A",
                    },
                },
            ],
        },
        answered3=(
            b"%34\r\n+index_name\r\n+i\r\n+index_options\r\n*0\r\n+index_definition\r\n%3\r\n"
            b"+key_type\r\n+HASH\r\n+prefixes\r\n*1\r\n+d:\r\n+default_score\r\n,1\r\n"
            b"+attributes\r\n*6\r\n%5\r\n+identifier\r\n+title\r\n+attribute\r\n+title\r\n+type\r\n"
            b"+TEXT\r\n+WEIGHT\r\n,2\r\n+flags\r\n*6\r\n+SORTABLE\r\n+UNF\r\n+NOSTEM\r\n"
            b"+WITHSUFFIXTRIE\r\n+INDEXEMPTY\r\n+INDEXMISSING\r\n%5\r\n+identifier\r\n+tag\r\n"
            b"+attribute\r\n+tag\r\n+type\r\n+TAG\r\n+SEPARATOR\r\n+,\r\n+flags\r\n*3\r\n"
            b"+CASESENSITIVE\r\n+WITHSUFFIXTRIE\r\n+INDEXEMPTY\r\n%4\r\n+identifier\r\n+num\r\n"
            b"+attribute\r\n+n\r\n+type\r\n+NUMERIC\r\n+flags\r\n*2\r\n+SORTABLE\r\n+UNF\r\n%4\r\n"
            b"+identifier\r\n+loc\r\n+attribute\r\n+loc\r\n+type\r\n+GEO\r\n+flags\r\n*0\r\n%5\r\n"
            b"+identifier\r\n+shape\r\n+attribute\r\n+shape\r\n+type\r\n+GEOSHAPE\r\n"
            b"+coord_system\r\n+FLAT\r\n+flags\r\n*0\r\n%8\r\n+identifier\r\n+v\r\n+attribute\r\n"
            b"+v\r\n+type\r\n+VECTOR\r\n+algorithm\r\n+FLAT\r\n+data_type\r\n+FLOAT32\r\n+dim\r\n"
            b":2\r\n+distance_metric\r\n+L2\r\n+flags\r\n*0\r\n+num_docs\r\n:2\r\n+max_doc_id\r\n"
            b":2\r\n+num_terms\r\n:2\r\n+num_records\r\n:9\r\n+inverted_sz_mb\r\n"
            b",5.702972412109375e-4\r\n+vector_index_sz_mb\r\n,0.00818634033203125\r\n"
            b"+total_inverted_index_blocks\r\n:6\r\n+offset_vectors_sz_mb\r\n,3.814697265625e-6\r\n"
            b"+doc_table_size_mb\r\n,1.316070556640625e-4\r\n+sortable_values_size_mb\r\n"
            b",1.010894775390625e-4\r\n+key_table_size_mb\r\n,8.296966552734375e-5\r\n"
            b"+tag_overhead_sz_mb\r\n,1.10626220703125e-4\r\n+text_overhead_sz_mb\r\n"
            b",1.6689300537109375e-4\r\n+total_index_memory_sz_mb\r\n,0.0011749267578125\r\n"
            b"+geoshapes_sz_mb\r\n,9.1552734375e-5\r\n+records_per_doc_avg\r\n,4.5\r\n"
            b"+bytes_per_record_avg\r\n,66.44444274902344\r\n+offsets_per_term_avg\r\n"
            b",0.4444444477558136\r\n+offset_bits_per_record_avg\r\n,8\r\n"
            b"+hash_indexing_failures\r\n:0\r\n+total_indexing_time\r\n,0.125\r\n+indexing\r\n"
            b":0\r\n+percent_indexed\r\n,1\r\n+number_of_uses\r\n:11\r\n+cleaning\r\n:0\r\n"
            b"+gc_stats\r\n%7\r\n+bytes_collected\r\n,0\r\n+total_ms_run\r\n,0\r\n+total_cycles\r\n"
            b",0\r\n+average_cycle_time_ms\r\n,nan\r\n+last_run_time_ms\r\n,0\r\n"
            b"+gc_numeric_trees_missed\r\n,0\r\n+gc_blocks_denied\r\n,0\r\n+cursor_stats\r\n%4\r\n"
            b"+global_idle\r\n:1\r\n+global_total\r\n:1\r\n+index_capacity\r\n:128\r\n"
            b"+index_total\r\n:1\r\n+dialect_stats\r\n%4\r\n+dialect_1\r\n:1\r\n+dialect_2\r\n"
            b":1\r\n+dialect_3\r\n:0\r\n+dialect_4\r\n:0\r\n+Index Errors\r\n%3\r\n"
            b"+indexing failures\r\n:0\r\n+last indexing error\r\n+N/A\r\n"
            b"+last indexing error key\r\n$3\r\nN/A\r\n+field statistics\r\n*6\r\n%3\r\n"
            b"+identifier\r\n+title\r\n+attribute\r\n+title\r\n+Index Errors\r\n%3\r\n"
            b"+indexing failures\r\n:0\r\n+last indexing error\r\n+N/A\r\n"
            b"+last indexing error key\r\n$3\r\nN/A\r\n%3\r\n+identifier\r\n+tag\r\n+attribute\r\n"
            b"+tag\r\n+Index Errors\r\n%3\r\n+indexing failures\r\n:0\r\n+last indexing error\r\n"
            b"+N/A\r\n+last indexing error key\r\n$3\r\nN/A\r\n%3\r\n+identifier\r\n+num\r\n"
            b"+attribute\r\n+n\r\n+Index Errors\r\n%3\r\n+indexing failures\r\n:0\r\n"
            b"+last indexing error\r\n+N/A\r\n+last indexing error key\r\n$3\r\nN/A\r\n%3\r\n"
            b"+identifier\r\n+loc\r\n+attribute\r\n+loc\r\n+Index Errors\r\n%3\r\n"
            b"+indexing failures\r\n:0\r\n+last indexing error\r\n+N/A\r\n"
            b"+last indexing error key\r\n$3\r\nN/A\r\n%3\r\n+identifier\r\n+shape\r\n"
            b"+attribute\r\n+shape\r\n+Index Errors\r\n%3\r\n+indexing failures\r\n:0\r\n"
            b"+last indexing error\r\n+N/A\r\n+last indexing error key\r\n$3\r\nN/A\r\n%3\r\n"
            b"+identifier\r\n+v\r\n+attribute\r\n+v\r\n+Index Errors\r\n%3\r\n"
            b"+indexing failures\r\n:0\r\n+last indexing error\r\n+N/A\r\n"
            b"+last indexing error key\r\n$3\r\nN/A\r\n"
        ),
        varies=True,
    ),
    ModuleRow(
        "search.profile",
        lambda c: c.search("i").profile("search", "hello", "NOCONTENT", "SORTBY", "n"),
        ("FT.PROFILE", "i", "SEARCH", "QUERY", "hello", "NOCONTENT", "SORTBY", "n"),
        (
            b"*2\r\n*3\r\n:2\r\n$3\r\nd:1\r\n$3\r\nd:2\r\n*6\r\n*2\r\n+Total profile time\r\n$1\r\n"
            b"0\r\n*2\r\n+Parsing time\r\n$1\r\n0\r\n*2\r\n+Pipeline creation time\r\n$1\r\n0\r\n"
            b"*1\r\n+Warning\r\n*2\r\n+Iterators profile\r\n*11\r\n+Type\r\n+UNION\r\n"
            b"+Query type\r\n+UNION\r\n+Time\r\n$1\r\n0\r\n+Counter\r\n:2\r\n+Child iterators\r\n"
            b"*10\r\n+Type\r\n+TEXT\r\n+Term\r\n+hello\r\n+Time\r\n$1\r\n0\r\n+Counter\r\n:2\r\n"
            b"+Size\r\n:2\r\n*10\r\n+Type\r\n+TEXT\r\n+Term\r\n+<HL\r\n+Time\r\n$1\r\n0\r\n"
            b"+Counter\r\n:2\r\n+Size\r\n:2\r\n*3\r\n+Result processors profile\r\n*6\r\n+Type\r\n"
            b"+Index\r\n+Time\r\n$1\r\n0\r\n+Counter\r\n:2\r\n*6\r\n+Type\r\n+Sorter\r\n+Time\r\n"
            b"$1\r\n0\r\n+Counter\r\n:2\r\n"
        ),
        ProfileResult(
            SearchResult(
                2, [Document("d:1", None, None, None, None, None), Document("d:2", None, None, None, None, None)]
            ),
            {
                "Total profile time": 0.0,
                "Parsing time": 0.0,
                "Pipeline creation time": 0.0,
                "Warning": "None",
                "Iterators profile": [
                    {
                        "Type": "UNION",
                        "Query type": "UNION",
                        "Time": 0.0,
                        "Counter": 2,
                        "Child iterators": [
                            {"Type": "TEXT", "Term": "hello", "Time": 0.0, "Counter": 2, "Size": 2},
                            {"Type": "TEXT", "Term": "<HL", "Time": 0.0, "Counter": 2, "Size": 2},
                        ],
                    }
                ],
                "Result processors profile": [
                    {"Type": "Index", "Time": 0.0, "Counter": 2},
                    {"Type": "Sorter", "Time": 0.0, "Counter": 2},
                ],
            },
        ),
        answered3=(
            b"%6\r\n+attributes\r\n*0\r\n+total_results\r\n:2\r\n+format\r\n+STRING\r\n+results\r\n"
            b"*2\r\n%2\r\n+id\r\n$3\r\nd:1\r\n+values\r\n*0\r\n%2\r\n+id\r\n$3\r\nd:2\r\n"
            b"+values\r\n*0\r\n+warning\r\n*0\r\n+profile\r\n%6\r\n+Total profile time\r\n,0\r\n"
            b"+Parsing time\r\n,0\r\n+Pipeline creation time\r\n,0\r\n+Warning\r\n+None\r\n"
            b"+Iterators profile\r\n*1\r\n%5\r\n+Type\r\n+UNION\r\n+Query type\r\n+UNION\r\n"
            b"+Time\r\n,0\r\n+Counter\r\n:2\r\n+Child iterators\r\n*2\r\n%5\r\n+Type\r\n+TEXT\r\n"
            b"+Term\r\n+hello\r\n+Time\r\n,0\r\n+Counter\r\n:2\r\n+Size\r\n:2\r\n%5\r\n+Type\r\n"
            b"+TEXT\r\n+Term\r\n+<HL\r\n+Time\r\n,0\r\n+Counter\r\n:2\r\n+Size\r\n:2\r\n"
            b"+Result processors profile\r\n*2\r\n%3\r\n+Type\r\n+Index\r\n+Time\r\n,0\r\n"
            b"+Counter\r\n:2\r\n%3\r\n+Type\r\n+Sorter\r\n+Time\r\n,0\r\n+Counter\r\n:2\r\n"
        ),
        varies=True,
    ),
    ModuleRow(
        "search.profile",
        lambda c: c.search("i").profile("AGGREGATE", "hello", "LOAD", 1, "@n", limited=True),
        ("FT.PROFILE", "i", "AGGREGATE", "LIMITED", "QUERY", "hello", "LOAD", 1, "@n"),
        (
            b"*2\r\n*3\r\n:1\r\n*2\r\n$1\r\nn\r\n$1\r\n1\r\n*2\r\n$1\r\nn\r\n$3\r\n2.5\r\n*6\r\n"
            b"*2\r\n+Total profile time\r\n$1\r\n0\r\n*2\r\n+Parsing time\r\n$1\r\n0\r\n*2\r\n"
            b"+Pipeline creation time\r\n$1\r\n0\r\n*1\r\n+Warning\r\n*2\r\n+Iterators profile\r\n"
            b"*11\r\n+Type\r\n+UNION\r\n+Query type\r\n+UNION\r\n+Time\r\n$1\r\n0\r\n+Counter\r\n"
            b":2\r\n+Child iterators\r\n*10\r\n+Type\r\n+TEXT\r\n+Term\r\n+hello\r\n+Time\r\n$1\r\n"
            b"0\r\n+Counter\r\n:2\r\n+Size\r\n:2\r\n*10\r\n+Type\r\n+TEXT\r\n+Term\r\n+<HL\r\n"
            b"+Time\r\n$1\r\n0\r\n+Counter\r\n:2\r\n+Size\r\n:2\r\n*2\r\n"
            b"+Result processors profile\r\n*6\r\n+Type\r\n+Index\r\n+Time\r\n$1\r\n0\r\n"
            b"+Counter\r\n:2\r\n"
        ),
        ProfileResult(
            AggregateResult(1, [{"n": 1}, {"n": 2.5}], None),
            {
                "Total profile time": 0.0,
                "Parsing time": 0.0,
                "Pipeline creation time": 0.0,
                "Warning": "None",
                "Iterators profile": [
                    {
                        "Type": "UNION",
                        "Query type": "UNION",
                        "Time": 0.0,
                        "Counter": 2,
                        "Child iterators": [
                            {"Type": "TEXT", "Term": "hello", "Time": 0.0, "Counter": 2, "Size": 2},
                            {"Type": "TEXT", "Term": "<HL", "Time": 0.0, "Counter": 2, "Size": 2},
                        ],
                    }
                ],
                "Result processors profile": [{"Type": "Index", "Time": 0.0, "Counter": 2}],
            },
        ),
        answered3=(
            b"%6\r\n+attributes\r\n*0\r\n+total_results\r\n:1\r\n+format\r\n+STRING\r\n+results\r\n"
            b"*2\r\n%2\r\n+extra_attributes\r\n%1\r\n$1\r\nn\r\n$1\r\n1\r\n+values\r\n*0\r\n%2\r\n"
            b"+extra_attributes\r\n%1\r\n$1\r\nn\r\n$3\r\n2.5\r\n+values\r\n*0\r\n+warning\r\n"
            b"*0\r\n+profile\r\n%6\r\n+Total profile time\r\n,0\r\n+Parsing time\r\n,0\r\n"
            b"+Pipeline creation time\r\n,0\r\n+Warning\r\n+None\r\n+Iterators profile\r\n*1\r\n"
            b"%5\r\n+Type\r\n+UNION\r\n+Query type\r\n+UNION\r\n+Time\r\n,0\r\n+Counter\r\n:2\r\n"
            b"+Child iterators\r\n*2\r\n%5\r\n+Type\r\n+TEXT\r\n+Term\r\n+hello\r\n+Time\r\n,0\r\n"
            b"+Counter\r\n:2\r\n+Size\r\n:2\r\n%5\r\n+Type\r\n+TEXT\r\n+Term\r\n+<HL\r\n+Time\r\n"
            b",0\r\n+Counter\r\n:2\r\n+Size\r\n:2\r\n+Result processors profile\r\n*1\r\n%3\r\n"
            b"+Type\r\n+Index\r\n+Time\r\n,0\r\n+Counter\r\n:2\r\n"
        ),
        varies=True,
    ),
    ModuleRow(
        "search.explain",
        lambda c: c.search("i").explain("hello", 2),
        ("FT.EXPLAIN", "i", "hello", "DIALECT", 2),
        b"$53\r\nUNION {\n  hello\n  <HL(expanded)\n  +hello(expanded)\n}\n\r\n",
        "UNION {\n  hello\n  <HL(expanded)\n  +hello(expanded)\n}\n",
    ),
    ModuleRow(
        "search.explain_cli",
        lambda c: c.search("i").explain_cli("hello", 2),
        ("FT.EXPLAINCLI", "i", "hello", "DIALECT", 2),
        b"*6\r\n+UNION {\r\n+  hello\r\n+  <HL(expanded)\r\n+  +hello(expanded)\r\n+}\r\n+\r\n",
        ["UNION {", "  hello", "  <HL(expanded)", "  +hello(expanded)", "}", ""],
    ),
    ModuleRow(
        "search.dict_add",
        lambda c: c.search().dict_add("words", "foo", "bar"),
        ("FT.DICTADD", "words", "foo", "bar"),
        b":2\r\n",
        2,
    ),
    ModuleRow(
        "search.dict_add",
        lambda c: c.search().dict_add("others", "hollo"),
        ("FT.DICTADD", "others", "hollo"),
        b":1\r\n",
        1,
    ),
    ModuleRow(
        "search.spellcheck",
        lambda c: c.search("i").spellcheck("hallo zzzqqq", 1, "words", "others", 2),
        (
            "FT.SPELLCHECK",
            "i",
            "hallo zzzqqq",
            "DISTANCE",
            1,
            "TERMS",
            "INCLUDE",
            "words",
            "TERMS",
            "EXCLUDE",
            "others",
            "DIALECT",
            2,
        ),
        (
            b"*2\r\n*3\r\n+TERM\r\n$5\r\nhallo\r\n*1\r\n*2\r\n$1\r\n1\r\n$5\r\nhello\r\n*3\r\n"
            b"+TERM\r\n$6\r\nzzzqqq\r\n*0\r\n"
        ),
        {"hallo": [("hello", 1.0)], "zzzqqq": []},
        answered3=(b"%1\r\n+results\r\n%2\r\n$5\r\nhallo\r\n*1\r\n%1\r\n$5\r\nhello\r\n,1\r\n$6\r\nzzzqqq\r\n*0\r\n"),
    ),
    ModuleRow(
        "search.tagvals",
        lambda c: c.search("i").tagvals("tag"),
        ("FT.TAGVALS", "i", "tag"),
        b"*2\r\n$1\r\na\r\n$1\r\nb\r\n",
        {"a", "b"},
        answered3=b"~2\r\n$1\r\na\r\n$1\r\nb\r\n",
    ),
    ModuleRow(
        "search.aliasadd", lambda c: c.search("i").aliasadd("other"), ("FT.ALIASADD", "other", "i"), b"+OK\r\n", "OK"
    ),
    ModuleRow(
        "search.aliasupdate",
        lambda c: c.search("i").aliasupdate("other"),
        ("FT.ALIASUPDATE", "other", "i"),
        b"+OK\r\n",
        "OK",
    ),
    ModuleRow("search.aliasdel", lambda c: c.search().aliasdel("other"), ("FT.ALIASDEL", "other"), b"+OK\r\n", "OK"),
    ModuleRow(
        "search.synupdate",
        lambda c: c.search("i").synupdate("g", "hello", "hi", skip_initial_scan=True),
        ("FT.SYNUPDATE", "i", "g", "SKIPINITIALSCAN", "hello", "hi"),
        b"+OK\r\n",
        "OK",
    ),
    ModuleRow(
        "search.syndump",
        lambda c: c.search("i").syndump(),
        ("FT.SYNDUMP", "i"),
        b"*4\r\n$2\r\nhi\r\n*1\r\n$1\r\ng\r\n$5\r\nhello\r\n*1\r\n$1\r\ng\r\n",
        {"hi": ["g"], "hello": ["g"]},
        answered3=b"%2\r\n$2\r\nhi\r\n*1\r\n$1\r\ng\r\n$5\r\nhello\r\n*1\r\n$1\r\ng\r\n",
    ),
    ModuleRow(
        "search.list",
        lambda c: c.search().list(),
        ("FT._LIST",),
        b"*3\r\n+j\r\n+i\r\n+h\r\n",
        {"h", "i", "j"},
        answered3=b"~3\r\n+j\r\n+i\r\n+h\r\n",
    ),
    ModuleRow(
        "search.dict_del", lambda c: c.search().dict_del("words", "foo"), ("FT.DICTDEL", "words", "foo"), b":1\r\n", 1
    ),
    ModuleRow(
        "search.dict_dump",
        lambda c: c.search().dict_dump("words"),
        ("FT.DICTDUMP", "words"),
        b"*1\r\n$3\r\nbar\r\n",
        {"bar"},
        answered3=b"~1\r\n$3\r\nbar\r\n",
    ),
    ModuleRow(
        "search.config_get",
        lambda c: c.search().config_get("MINPREFIX"),
        ("FT.CONFIG", "GET", "MINPREFIX"),
        b"*1\r\n*2\r\n+MINPREFIX\r\n$1\r\n2\r\n",
        {"MINPREFIX": 2},
        answered3=b"%1\r\n+MINPREFIX\r\n$1\r\n2\r\n",
    ),
    ModuleRow(
        "search.config_help",
        lambda c: c.search().config_help("MINPREFIX"),
        ("FT.CONFIG", "HELP", "MINPREFIX"),
        (
            b"*1\r\n*5\r\n+MINPREFIX\r\n+Description\r\n"
            b"+Set the minimum prefix for expansions (`*`)\r\n+Value\r\n$1\r\n2\r\n"
        ),
        {"MINPREFIX": {"Description": "Set the minimum prefix for expansions (`*`)", "Value": 2}},
        answered3=(
            b"%1\r\n+MINPREFIX\r\n%2\r\n+Description\r\n"
            b"+Set the minimum prefix for expansions (`*`)\r\n+Value\r\n$1\r\n2\r\n"
        ),
    ),
    ModuleRow(
        "search.config_set",
        lambda c: c.search().config_set("MINPREFIX", 2),
        ("FT.CONFIG", "SET", "MINPREFIX", 2),
        b"+OK\r\n",
        "OK",
    ),
    ModuleRow(
        "search.sugadd", lambda c: c.search().sugadd("s", "hello"), ("FT.SUGADD", "s", "hello", 1.0), b":1\r\n", 1
    ),
    ModuleRow(
        "search.sugadd",
        lambda c: c.search().sugadd("s", "help", 2, True, "p"),
        ("FT.SUGADD", "s", "help", 2, "INCR", "PAYLOAD", "p"),
        b":2\r\n",
        2,
    ),
    ModuleRow(
        "search.sugget",
        lambda c: c.search().sugget("s", "hel"),
        ("FT.SUGGET", "s", "hel"),
        b"*2\r\n$4\r\nhelp\r\n$5\r\nhello\r\n",
        [Suggestion("help", None, None), Suggestion("hello", None, None)],
    ),
    ModuleRow(
        "search.sugget",
        lambda c: c.search().sugget("s", "hel", True, 3, True, True),
        ("FT.SUGGET", "s", "hel", "FUZZY", "WITHSCORES", "WITHPAYLOADS", "MAX", 3),
        (
            b"*6\r\n$4\r\nhelp\r\n$18\r\n1.4142135381698608\r\n$1\r\np\r\n$5\r\nhello\r\n$18\r\n"
            b"0.5773502588272095\r\n$-1\r\n"
        ),
        [Suggestion("help", 1.4142135381698608, "p"), Suggestion("hello", 0.5773502588272095, None)],
        answered3=(
            b"*6\r\n$4\r\nhelp\r\n,1.4142135381698608\r\n$1\r\np\r\n$5\r\nhello\r\n,0.5773502588272095\r\n_\r\n"
        ),
    ),
    ModuleRow(
        "search.sugget",
        lambda c: c.search().sugget("s", "hel", with_payloads=True),
        ("FT.SUGGET", "s", "hel", "WITHPAYLOADS"),
        b"*4\r\n$4\r\nhelp\r\n$1\r\np\r\n$5\r\nhello\r\n$-1\r\n",
        [Suggestion("help", None, "p"), Suggestion("hello", None, None)],
        answered3=b"*4\r\n$4\r\nhelp\r\n$1\r\np\r\n$5\r\nhello\r\n_\r\n",
    ),
    ModuleRow(
        "search.sugget",
        lambda c: c.search().sugget("none", "hel", with_scores=True),
        ("FT.SUGGET", "none", "hel", "WITHSCORES"),
        b"$-1\r\n",
        [],
        answered3=b"_\r\n",
    ),
    ModuleRow("search.suglen", lambda c: c.search().suglen("s"), ("FT.SUGLEN", "s"), b":2\r\n", 2),
    ModuleRow("search.sugdel", lambda c: c.search().sugdel("s", "hello"), ("FT.SUGDEL", "s", "hello"), b":1\r\n", True),
    ModuleRow(
        "search.dropindex", lambda c: c.search("j").dropindex(True), ("FT.DROPINDEX", "j", "DD"), b"+OK\r\n", "OK"
    ),
    ModuleRow("search.dropindex", lambda c: c.search("h").dropindex(), ("FT.DROPINDEX", "h"), b"+OK\r\n", "OK"),
]
