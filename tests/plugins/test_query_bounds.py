"""What stands after the `?`: its length, and comments before SQL."""

import pytest

from plugins.web.app.query_bounds import (
    MAX_PARAMETERS,
    MAX_SQL,
    MAX_VALUE,
    collapse,
    find_problem,
)


@pytest.mark.parametrize(
    ("sql", "collapsed"),
    [
        ("select  1 -- one", "select  1 -- one"),
        (" \n\t select 1", "select 1"),
        ("/**/" + " " * 15_000 + "x", "/**/x"),
        ("-- the battery\n   /* of node 4 */\n select 1", "-- the battery\n/* of node 4 */select 1"),
        ("/* a\nb */" + "--\n  " * 1_000 + "select 1", "select 1"),  # longer than anybody writes
        ("/* no end" + " " * 1_000, "/* no end" + " " * 1_000),
        ("-- no end", "-- no end"),
        ("\v\f\u00a0\u2003select 1", "select 1"),
        ("/*/ */select '/* a */  b'", "/*/ */select '/* a */  b'"),
    ],
)
def test_comments_and_blanks_before_sql_are_shortened(sql, collapsed):
    assert collapse(sql) == collapsed


@pytest.mark.parametrize(
    ("pairs", "problem"),
    [
        ([("sql", "x" * MAX_SQL), ("_where", "x" * MAX_SQL), ("node", "x" * MAX_VALUE)], None),
        ([("sql", "x" * (MAX_SQL + 1))], "The parameter sql has 20001 characters: 20000 are taken."),
        ([("payload__like", "%" * (MAX_VALUE + 1))], "payload__like has 4001 characters: 4000"),
        ([("_next", "x" * 5_000)], "_next has 5000"),
        ([("x" * 201, "1")], "name of a parameter has 201 characters: 200"),
        ([("_facet", "node")] * (MAX_PARAMETERS + 1), "201 parameters: 200"),
    ],
)
def test_what_is_too_long_is_named(pairs, problem):
    found = find_problem(pairs)
    assert (found is None) if problem is None else (problem in found)


def test_the_site_refuses_it_before_datasette_reads_it(site):
    response = site.get("/telemetry.json?sql=/**/" + "+" * (MAX_SQL + 1) + "x")
    assert response.status_code == 400 and "20000 are taken" in response.json()["errors"][0]
    response = site.get("/telemetry.json?sql=/**/" + "+" * (MAX_SQL - 100) + "x")
    assert response.status_code == 400 and response.json()["error"] == "Statement must be a SELECT"
    found = site.get("/telemetry.json?sql=++/*+a+*/++select+1+as+one").json()
    assert found["rows"] == [[1]] and found["query"]["sql"] == "/* a */select 1 as one"
    assert site.get("/nodes?q=" + "x" * (MAX_VALUE + 1)).status_code == 400
