"""Rows that refer to rows of the same set."""

from __future__ import annotations

import pytest

from tests.support.merge import Project, counts


def nodes(project: Project, *pairs: tuple[str, str], head: str = "") -> None:
    listed = "".join(f"  - {{code: {code}, parent_id: {parent}}}\n" for code, parent in pairs)
    project.write(
        "nodes",
        f"table: nodes\nkey: code\n{head}columns: {{parent_id: {{ref: nodes}}}}\nrows:\n{listed}",
    )


TREE = [("leaf", "twig"), ("twig", "root"), ("root", "root"), ("alone", "null")]


def tree(project: Project) -> list[tuple[object, ...]]:
    return project.rows(
        "SELECT n.code, p.code FROM nodes n LEFT JOIN nodes p ON p.id = n.parent_id ORDER BY 1"
    )


@pytest.mark.parametrize(
    "default", ["serial", "int GENERATED ALWAYS AS IDENTITY", "uuid DEFAULT gen_random_uuid()"]
)
def test_self_references_in_any_order(project: Project, default: str) -> None:
    kind = "uuid" if "uuid" in default else "int"
    project.sql(
        f"CREATE TABLE nodes (id {default} PRIMARY KEY, code text NOT NULL UNIQUE,"
        f" parent_id {kind} REFERENCES nodes)"
    )
    nodes(project, *TREE)
    assert counts(project.init(), "nodes") == {"insert": 4}
    assert tree(project) == [("alone", None), ("leaf", "twig"), ("root", "root"), ("twig", "root")]
    project.assert_settled()
    nodes(project, ("new", "newer"), ("newer", "leaf"), ("leaf", "new"), *TREE[1:])
    assert counts(project.update(), "nodes") == {"insert": 2, "update": 1}
    assert tree(project) == [
        ("alone", None),
        ("leaf", "new"),
        ("new", "newer"),
        ("newer", "leaf"),
        ("root", "root"),
        ("twig", "root"),
    ]
    project.assert_settled()


def test_self_references_that_may_not_be_null(project: Project) -> None:
    project.sql(
        "CREATE TABLE nodes (id serial PRIMARY KEY, code text NOT NULL UNIQUE,"
        " parent_id int NOT NULL REFERENCES nodes)"
    )
    nodes(project, *TREE[:3])
    project.init()
    assert tree(project) == [("leaf", "twig"), ("root", "root"), ("twig", "root")]
    project.assert_settled()
    nodes(project, ("one", "two"), ("two", "one"), *TREE[:3])
    assert counts(project.update(), "nodes") == {"insert": 2}
    project.assert_settled()


def test_self_references_of_natural_keys(project: Project) -> None:
    project.sql("CREATE TABLE nodes (code text PRIMARY KEY, parent text REFERENCES nodes)")
    project.write(
        "nodes",
        "table: nodes\nkey: code\ncolumns: {parent: {ref: nodes}}\n"
        "rows: [{code: b, parent: a}, {code: a, parent: null}]\n",
    )
    project.init()
    assert project.rows("SELECT * FROM nodes ORDER BY 1") == [("a", None), ("b", "a")]
    project.assert_settled()
    project.write(
        "nodes",
        "table: nodes\nkey: code\ncolumns: {parent: {ref: nodes}}\n"
        "rows: [{code: b, parent: a}, {code: a, parent: c}, {code: c, parent: null}]\n",
    )
    assert counts(project.update(), "nodes") == {"insert": 1, "update": 1}
    project.assert_settled()


def test_a_row_below_a_deleted_one_is_skipped_with_all_that_hangs_on_it(
    project: Project,
) -> None:
    project.sql(
        "CREATE TABLE nodes (id serial PRIMARY KEY, code text NOT NULL UNIQUE,"
        " parent_id int REFERENCES nodes)"
    )
    nodes(project, ("root", "null"), ("twig", "root"))
    project.init()
    project.sql("DELETE FROM nodes WHERE code = 'twig'")
    nodes(project, ("fruit", "leaf"), ("leaf", "twig"), ("root", "null"), ("twig", "root"))
    result = project.update()
    assert counts(result, "nodes")["skip"] == 2
    assert tree(project) == [("root", None)]
    result = project.update()
    assert tree(project) == [("root", None)]


def test_rows_below_a_row_that_moves_follow_it_in_the_same_run(project: Project) -> None:
    project.sql(
        "CREATE TABLE nodes (id serial PRIMARY KEY, code text NOT NULL UNIQUE,"
        " parent_id int REFERENCES nodes)"
    )
    nodes(project, ("root", "null"), ("twig", "root"), ("leaf", "null"))
    project.init()
    nodes(
        project,
        ("trunk", "null"),
        ("twig", "trunk"),
        ("leaf", "trunk"),
        ("new", "trunk"),
        head="moved: [{from: root, to: trunk}]\n",
    )
    assert counts(project.update(), "nodes") == {"move": 1, "update": 1, "insert": 1}
    assert tree(project) == [
        ("leaf", "trunk"),
        ("new", "trunk"),
        ("trunk", None),
        ("twig", "trunk"),
    ]
    project.assert_settled()


def test_a_tree_that_leaves_the_catalog_is_deleted_as_a_whole(project: Project) -> None:
    project.sql(
        "CREATE TABLE nodes (id serial PRIMARY KEY, code text NOT NULL UNIQUE,"
        " parent_id int REFERENCES nodes)"
    )
    nodes(project, ("root", "null"), ("twig", "root"), ("leaf", "twig"), ("x", "null"))
    project.init()
    nodes(project, ("x", "null"), head="removed: delete\n")
    assert counts(project.update(), "nodes") == {"delete": 3}
    assert tree(project) == [("x", None)]
    project.assert_settled()


def test_a_tree_with_a_persons_leaf_stays_up_to_its_root(project: Project) -> None:
    project.sql(
        "CREATE TABLE nodes (id serial PRIMARY KEY, code text NOT NULL UNIQUE,"
        " parent_id int REFERENCES nodes ON DELETE CASCADE)"
    )
    nodes(project, ("root", "null"), ("twig", "root"), ("x", "null"))
    project.init()
    project.sql(
        "INSERT INTO nodes (code, parent_id) SELECT 'mine', id FROM nodes WHERE code='twig'"
    )
    nodes(project, ("x", "null"), head="removed: delete\n")
    project.update()
    assert [code for code, _ in tree(project)] == ["mine", "root", "twig", "x"]


def test_a_row_that_is_found_again_is_referred_to_in_the_same_update(project: Project) -> None:
    project.sql(
        "CREATE TABLE nodes (id serial PRIMARY KEY, code text NOT NULL UNIQUE,"
        " parent_id int REFERENCES nodes)"
    )
    nodes(project, ("leaf", "null"), ("root", "null"), ("twig", "root"))
    project.init()
    project.sql("UPDATE nodes SET code = 'stem' WHERE code = 'root'")
    moved = "moved: [{from: twig, to: stem}]\n"
    nodes(project, ("leaf", "null"), ("root", "null"), ("stem", "root"), head=moved)
    project.update()
    assert project.entry("nodes", "root")["state"] == "d"  # its row has the key of another one

    moved = "moved: [{from: twig, to: bough}, {from: stem, to: bough}]\n"
    nodes(project, ("leaf", "root"), ("root", "null"), ("bough", "root"), head=moved)
    project.survey()
    project.update()
    assert tree(project) == [("bough", "stem"), ("leaf", "stem"), ("stem", None)]
    assert project.entry("nodes", "root")["state"] == "a"
    project.assert_settled()
