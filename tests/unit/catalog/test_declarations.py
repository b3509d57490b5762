from __future__ import annotations

import pytest

from seeder.merge.model import (
    Conflict,
    Removed,
    SetReference,
    TableName,
    TableReference,
    Update,
    When,
)

HEAD = "table: t\nkey: k\n"


def test_a_set_with_table_key_and_rows_has_the_documented_defaults(project):
    found = project.core(t=HEAD + "rows:\n- {k: a, v: 1}\n").set("t")
    assert found.table == TableName(schema=None, name="t")
    assert found.key == ("k",)
    assert (found.when, found.removed, found.conflict) == (When.EMPTY, Removed.KEEP, Conflict.KEEP)
    assert (found.scope, found.deleted, found.environments, found.moved) == ((), None, None, ())
    assert [column.update for column in found.columns] == [Update.MERGE, Update.MERGE]
    assert found.file == "seeds/core/t.yaml"


def test_every_key_is_read(project):
    found = project.core(
        t="""\
table: app.users
key: [org_id, email]
scope: {org_id: null}
when: missing
removed: {set: {is_active: false}}
deleted: deleted_at
conflict: overwrite
environments: [production, staging]
defaults: {is_active: true}
columns:
  label: {was: title, update: always}
  hash: {secret: true}
  token: {secret: true, update: always}
  once: {update: never}
  currency_id: {ref: {table: public.currencies, key: code}}
  parent_id: {ref: t}
rows:
- {email: a, label: x, hash: h, token: t, once: 1, currency_id: EUR, parent_id: null}
"""
    ).set("t")
    assert found.table == TableName(schema="app", name="users")
    assert found.key == ("email",)
    assert found.scope == (("org_id", None),)
    assert found.when is When.MISSING
    assert found.removed is Removed.SET
    assert found.removed_values == (("is_active", False),)
    assert found.deleted == "deleted_at"
    assert found.conflict is Conflict.OVERWRITE
    assert found.environments == {"production", "staging"}
    assert [column.name for column in found.columns][:3] == ["email", "org_id", "is_active"]
    assert found.column("label").was == ("title",)
    assert found.column("label").update is Update.ALWAYS
    assert found.column("hash").secret
    assert found.column("hash").update is Update.NEVER
    assert found.column("token").update is Update.ALWAYS
    assert found.column("once").update is Update.NEVER
    assert found.column("parent_id").reference == SetReference(set="t")
    assert found.column("currency_id").reference == TableReference(
        table=TableName(schema="public", name="currencies"), key="code"
    )


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("010_roles.yaml", "roles"),
        ("roles.yml", "roles"),
        ("2-tax-rates.yaml", "tax-rates"),
        ("a/b/03.currencies.yaml", "currencies"),
    ],
)
def test_the_name_is_the_stem_without_its_number(project, file, name):
    project.write({f"seeds/core/{file}": HEAD + "rows: []\n"})
    assert [each.name for each in project.load().sets] == [name]


ROWS = "rows: []\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("key: k\n" + ROWS, "t.yaml:1:1: `table` is missing."),
        ("table: t\n" + ROWS, "t.yaml:1:1: `key` is missing."),
        (HEAD, "t.yaml:1:1: `rows` is missing."),
        ("tabel: t\nkey: k\n" + ROWS, "t.yaml:1:1: unknown key `tabel`. Did you mean `table`?"),
        (HEAD + ROWS + "zzz: 1\n", "t.yaml:4:1: unknown key `zzz`. Known are table, key,"),
        ("table: 7\nkey: k\n" + ROWS, "t.yaml:1:8: `table` must be the name of a table."),
        ("table: a.b.c\nkey: k\n" + ROWS, "t.yaml:1:8: `table` must be the name of a table."),
        ("table: t\nkey: []\n" + ROWS, "t.yaml:2:6: `key` names no column."),
        ("table: t\nkey: [a, a]\n" + ROWS, "t.yaml:2:10: `key` names `a` twice."),
        ("table: t\nkey: {a: b}\n" + ROWS, "t.yaml:2:6: `key` takes names, not a mapping."),
        (HEAD + "rows: 7\n", "t.yaml:3:7: `rows` must be a list, not a number."),
        (HEAD + "rows:\n- a\n", "t.yaml:4:3: a row must be a mapping, not text."),
        (HEAD + "rows:\n- {}\n", "t.yaml:4:3: a row without values."),
        (HEAD + ROWS + "rows_from: x.csv\n", "t.yaml:4:1: `rows` and `rows_from` exclude each"),
        (
            HEAD + "rows_from: [x]\n",
            "t.yaml:3:12: `rows_from` takes a file name or {file: ...}, not a list.",
        ),
        (HEAD + ROWS + "when: never\n", "t.yaml:4:7: `when` must be `empty` or `missing`."),
        (HEAD + ROWS + "when: misssing\n", "t.yaml:4:7: `when` must be `empty` or `missing`. Did"),
        (HEAD + ROWS + "conflict: 1\n", "t.yaml:4:11: `conflict` must be `keep` or `overwrite`."),
        (HEAD + ROWS + "removed: drop\n", "t.yaml:4:10: `removed` is neither keep, delete nor"),
        (HEAD + ROWS + "removed: {set: {}}\n", "t.yaml:4:10: `removed` is neither keep, delete"),
        (HEAD + ROWS + "removed: {set: {k: 1}}\n", "t.yaml:1:1: `removed` cannot change the key"),
        (HEAD + ROWS + "deleted: 1\n", "t.yaml:4:10: `deleted` takes a name, not a number."),
        (HEAD + ROWS + "environments: []\n", "t.yaml:4:15: `environments` is empty."),
        (HEAD + ROWS + "scope: 1\n", "t.yaml:4:8: `scope` must be a mapping, not a number."),
        (HEAD + ROWS + "scope: {o: [1]}\n", "t.yaml:4:12: `scope` takes one value for `o`, not"),
        (HEAD + ROWS + "scope: {k: 1}\n", "t.yaml:2:1: every key column is fixed by `scope`."),
        (HEAD + ROWS + "defaults: []\n", "t.yaml:4:11: `defaults` must be a mapping, not a list."),
        (HEAD + ROWS + "columns: []\n", "t.yaml:4:10: `columns` must be a mapping, not a list."),
        (HEAD + ROWS + "columns: {a: b}\n", "t.yaml:4:14: the rule of `a` must be a mapping, not"),
        (
            HEAD + ROWS + "columns: {a: {zzz: never}}\n",
            "t.yaml:4:15: unknown column key `zzz`."
            " Known are ref, expand, update, secret, from, was, merge, by, moved, paths.",
        ),
        (
            HEAD + ROWS + "columns: {a: {refs: x}}\n",
            "t.yaml:4:15: unknown column key `refs`. Did you mean `ref`?",
        ),
        (HEAD + ROWS + "columns: {a: {ref: 7}}\n", "t.yaml:4:20: `ref` names no rows."),
        (HEAD + ROWS + "columns: {a: {ref: {table: x}}}\n", "t.yaml:4:20: `ref` names no rows."),
        (HEAD + ROWS + "columns: {a: {secret: 1}}\n", "t.yaml:4:23: `secret` must be true or"),
        (
            HEAD + ROWS + "columns: {a: {secret: true, update: merge}}\n",
            "t.yaml:4:37: `a` is secret and cannot merge",
        ),
        (HEAD + ROWS + "columns: {k: {secret: true}}\n", "t.yaml:4:11: `k` is part of the `key`"),
        (
            HEAD + ROWS + "removed: keep\ncolumns: {a: {expand: true}}\n",
            "t.yaml:5:15: `expand` matches rows of another set and needs `ref`.",
        ),
        (
            HEAD + ROWS + "removed: keep\ncolumns: {a: {ref: {table: x, key: y}, expand: true}}\n",
            "t.yaml:5:40: `expand` needs a `ref` to a seed set, not to a table.",
        ),
        (
            HEAD + ROWS + "columns: {a: {ref: t, expand: true}}\n",
            "t.yaml:4:11: a set with `expand` must state `removed:`.",
        ),
        (HEAD + ROWS + "moved: [{from: a}]\n", "t.yaml:4:9: an entry of `moved` needs `from`"),
        (HEAD + ROWS + "moved: [a]\n", "t.yaml:4:9: an entry of `moved` must be a mapping"),
        (
            HEAD + "columns: {vlaue: {update: never}}\nrows: [{k: a, value: 1}]\n",
            "t.yaml:3:11: no row gives the column `vlaue`. Did you mean `value`?",
        ),
    ],
)
def test_a_wrong_structure_is_named_with_line_and_column(project, text, problem):
    found = project.core(t=text).problems()
    assert any(each.startswith(problem) for each in found), found


def test_all_problems_of_all_files_come_at_once_sorted_by_place(project):
    project.core(
        b="table: t\nkey: k\nrows: [{k: NO}, {k: 010}]\n", a="tabel: t\nkey: k\nrows: []\n"
    )
    found = project.problems()
    assert [each.split(" ")[0] for each in found] == ["a.yaml:1:1:", "b.yaml:3:12:", "b.yaml:3:21:"]


def test_a_flood_of_problems_is_cut_short_per_file(project):
    rows = "".join(f"- {{k: a{n}, v: NO}}\n" for n in range(500))
    found = project.core(t=HEAD + "rows:\n" + rows).problems()
    assert len(found) == 101
    assert found[-1] == "t.yaml: 400 more problems."


def test_problems_of_sets_for_other_environments_are_reported_too(project):
    project.core(t=HEAD + "environments: [dev]\nwhen: never\nrows: []\n")
    assert project.problem("production").startswith("t.yaml:4:7: `when` must be")


def test_a_file_name_that_is_only_a_number_is_a_problem(project):
    project.write({"seeds/core/010.yaml": HEAD + ROWS})
    assert project.problem().startswith("010.yaml: the file name is only a number.")
