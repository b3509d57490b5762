"""What cannot be merged inside a document: told, and nothing is written or lost."""

from __future__ import annotations

import pytest

from seeder.errors import ConfigurationInvalid
from tests.support.merge import Project
from tests.support.roles import TABLE, seed


@pytest.fixture
def launched(project: Project) -> Project:
    project.sql(TABLE)
    seed(project, "{code: a}")
    project.init()
    return project


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("{merge: list}", "[]", "nothing says which elements are the same"),
        ("{merge: set, by: sku}", "[]", "`by` tells the elements of a list apart"),
        ("{merge: sett}", "[]", "`merge` must be"),
        ("{merge: set, paths: {a: {merge: map}}}", "[]", "a set has none"),
        ("{merge: set, update: always}", "[]", "cannot be merged inside"),
        ("{merge: set, moved: [{from: a, to: b}]}", "[]", "`moved` is for a list"),
        ("{merge: list, by: sku, moved: {from: a, to: b}}", "[]", "`moved` must be a list"),
        ("{merge: list, by: sku, moved: [{from: a}]}", "[]", "needs `from` and `to`"),
        ("{merge: list, by: sku, moved: [{from: a, to: [a, b]}]}", "[]", "is one value: sku"),
        ("{merge: list, by: [a, b], moved: [{from: a, to: b}]}", "[]", "a list of 2 values: a, b"),
        ("{merge: list, by: sku, moved: [{from: a, to: a}]}", "[]", "moved to itself"),
        (
            "{merge: list, by: sku, moved: [{from: a, to: b}, {from: b, to: a}]}",
            "[]",
            "lead in a circle",
        ),
        (
            "{merge: list, by: sku, moved: [{from: a, to: b}]}",
            "[{sku: a}, {sku: b}]",
            "moved away and still there",
        ),
        ("{merge: set}", "[a, b, a]", "twice"),
        ("{merge: set}", "{a: 1}", "needs a list"),
        ("{merge: map}", "[a]", "needs a mapping"),
        ("{merge: list, by: sku}", "[{sku: x}, {sku: x}]", "have the same sku"),
        ("{merge: list, by: sku}", "[{n: 1}]", "has no sku"),
        ("{merge: list, by: sku}", '!json \'[{"sku": 1}, {"sku": 1.0}]\'', "have the same sku"),
        ("{merge: map}", "!json '[1]'", "needs a mapping"),
        ("{merge: map, paths: {a.b: {merge: set}}}", "{a: {b: [1, 1.0]}}", "at `a.b`"),
        ("{merge: map, paths: {a: {update: often}}}", "{a: 1}", "`update` must be"),
        ("{merge: map, paths: {a: {conflict: mine}}}", "{a: 1}", "`conflict` must be"),
    ],
)
def test_what_cannot_be_merged_is_told_with_its_line(
    project: Project, column: str, value: str, message: str
) -> None:
    project.sql(TABLE)
    head = f"table: roles\nkey: code\ncolumns:\n  settings: {column}\nrows:\n"
    project.write("roles", f"{head}  - {{code: a, settings: {value}}}\n")
    with pytest.raises(ConfigurationInvalid) as caught:
        project.init()
    (problem, *_) = caught.value.problems
    assert message in problem.message
    assert problem.file == "seeds/core/roles.yaml"
    assert problem.line in (4, 6)


@pytest.mark.parametrize(
    ("kind", "way", "value"),
    [
        ("text", "{merge: set}", "[a]"),
        ("integer", "{merge: map}", "{a: 1}"),
        ("jsonb[]", "{merge: set}", "[{a: 1}]"),
        ("json[]", "{merge: list, by: a}", "[{a: 1}]"),
        ("text[]", "{merge: map}", "{a: 1}"),
        ("integer[]", "{merge: list, by: a}", "[{a: 1}]"),
        ("roles_pair", "{merge: map}", "{one: 1}"),
        ("roles_pair[]", "{merge: set}", "[x]"),
    ],
)
def test_a_type_without_such_an_inside_is_told_and_nothing_is_written(
    project: Project, kind: str, way: str, value: str
) -> None:
    project.sql("CREATE TYPE roles_pair AS (one integer)")
    project.sql(
        f"CREATE TABLE roles (id serial PRIMARY KEY, code text NOT NULL UNIQUE, settings {kind})"
    )
    head = f"table: roles\nkey: code\ncolumns: {{settings: {way}}}\nrows:\n"
    project.write("roles", f"{head}  - {{code: a, settings: {value}}}\n")
    with pytest.raises(ConfigurationInvalid) as caught:
        project.init()
    (problem,) = caught.value.problems
    merge = way.strip("{}").split(",")[0].removeprefix("merge: ")
    assert f"is of type {kind}, which cannot be merged as a {merge}" in problem.message
    assert problem.remedy is not None
    assert "arrays of plain values as a set" in problem.remedy
    assert problem.file == "seeds/core/roles.yaml"
    assert project.rows("SELECT FROM roles") == []
