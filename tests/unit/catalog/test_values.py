from __future__ import annotations

import pytest

from seeder.merge.model import Text

HEAD = "table: t\nkey: k\n"


def test_env_gives_postgres_text_and_is_remembered_by_name(project):
    project.core(t=HEAD + "rows: [{k: a, v: !env NAME}]\n")
    loaded = project.load(environ={"NAME": "value"})
    (row,) = loaded.sets[0].rows
    assert row.values == ("a", "value")
    assert type(row.values[1]) is Text
    assert loaded.env_names == ("NAME",)


def test_names_behind_secret_columns_are_not_remembered(project):
    project.core(
        t=HEAD + "columns: {s: {secret: true}}\nrows: [{k: a, v: !env B, w: !env A, s: !env B}]\n"
    )
    assert project.load(environ={"A": "1", "B": "2"}).env_names == ("A",)


def test_an_empty_variable_is_set(project):
    project.core(t=HEAD + "rows: [{k: a, v: !env NAME}]\n")
    assert next(iter(project.set("t", NAME="").rows)).values == ("a", "")


def test_an_unset_variable_is_a_problem_with_its_place(project):
    project.core(t=HEAD + "rows: [{k: !env NAME}]\n")
    assert project.problem() == (
        "t.yaml:3:12: the environment variable NAME is not set. "
        "Set it for this run; it may be empty."
    )


@pytest.mark.parametrize("value", ["a\0b", "\udcff"])
def test_a_value_that_postgres_cannot_store_is_refused_without_showing_it(project, value):
    project.core(t=HEAD + "rows: [{k: a, v: !env NAME}]\n")
    found = project.problem(environ={"NAME": value})
    assert found == "t.yaml:3:18: the environment variable NAME is not valid UTF-8 text."


def test_sets_of_other_environments_need_no_variables(project):
    project.core(t=HEAD + "environments: [dev]\nrows: [{k: a, v: !env X}, {k: !env Y}]\n")
    loaded = project.load("production")
    assert loaded.sets == ()
    (inactive,) = loaded.inactive
    assert [row.key for row in inactive.rows] == ["a"]
    assert loaded.env_names == ()


def test_defaults_take_variables_too(project):
    project.core(t="table: t\nkey: k\ndefaults: {d: !env D}\nrows: [{k: a}]\n")
    assert next(iter(project.set("t", D="x").rows)).values == ("a", "x")


@pytest.mark.parametrize(
    ("policy", "key"),
    [
        ("scope: {o: !env ORG}", "scope"),
        ("removed: {set: {o: !env ORG}}", "removed"),
        ("was: {scope: {o: !env ORG}}", "scope"),
    ],
)
def test_what_stands_in_statements_takes_no_variable(project, policy, key):
    project.core(t=f"table: t\nkey: k\n{policy}\nrows: [{{k: a}}]\n")
    (problem,) = project.problems(environ={"ORG": "mark-7"})
    assert f"`{key}` takes no `!env`" in problem
    assert "t.yaml:3:" in problem
    assert "mark-7" not in problem


@pytest.mark.parametrize(
    ("content", "value"),
    [("text", "text"), ("text\n", "text"), ("a\nb\r\n", "a\nb"), ("a\n\n", "a\n"), ("", "")],
)
def test_a_file_gives_its_text_without_its_last_line_break(project, content, value):
    project.core(t=HEAD + "rows: [{k: a, v: !file body.txt}]\n")
    project.write({"seeds/core/body.txt": content.encode()})
    (row,) = project.set("t").rows
    assert row.values == ("a", value)
    assert type(row.values[1]) is Text


def test_a_json_file_that_a_row_takes_is_no_seed_set(project):
    project.core(t=HEAD + "rows: [{k: a, v: !file ../core/policy.json}]\n")
    project.write({"seeds/core/policy.json": '{"allow": []}\n'})
    assert next(iter(project.set("t").rows)).values == ("a", '{"allow": []}')


def test_json_text_is_checked_and_passed_as_it_is_written(project):
    project.core(t=HEAD + 'rows: [{k: a, v: !json "{\\"a\\":  1}"}]\n')
    (row,) = project.set("t").rows
    assert row.values[1] == '{"a":  1}'
    assert type(row.values[1]) is Text


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ('!json "{"', "t.yaml:3:18: the text of !json is not valid JSON: a quoted key expected."),
        ("!file gone.txt", "t.yaml:3:18: there is no file `gone.txt`."),
        ("!file bdy.txt", "t.yaml:3:18: there is no file `bdy.txt`. Did you mean `body"),
        ("!file /etc/passwd", "t.yaml:3:18: `/etc/passwd` leads out of the project."),
        ("!file ../../../x", "t.yaml:3:18: `../../../x` leads out of the project."),
        ("!file ../../seeder.toml", "t.yaml:3:18: `../../seeder.toml` is not below `seeds/`."),
        ("!file .env", "t.yaml:3:18: `.env` is a hidden file."),
        ("!file leak.txt", "t.yaml:3:18: `leak.txt` leads out of the project."),
        ("!file bad.txt", "t.yaml:3:18: the file `bad.txt` is not valid UTF-8: byte 0xff."),
        ("!file .", "t.yaml:3:18: there is no file `seeds/core`."),
        (f"!file {'x' * 5000}", "t.yaml:3:18: there is no file `xxx"),
        ("!env ''", "t.yaml:3:18: !env needs the name of an environment variable."),
    ],
)
def test_a_bad_tag_is_named_with_its_place(project, tmp_path_factory, value, problem):
    project.core(t=HEAD + f"rows: [{{k: a, v: {value}}}]\n")
    project.write({"seeds/core/body.txt": "", "seeds/core/bad.txt": b"\xff"})
    secret = tmp_path_factory.mktemp("outside") / "secret"
    secret.write_text("x")
    (project.root / "seeds/core/leak.txt").symlink_to(secret)
    found = project.problems()
    assert any(each.startswith(problem) for each in found), found


@pytest.mark.parametrize(
    "name", ["node_modules/d.csv", "__pycache__/d.csv", "env/lib/d.csv", "site-packages/d.csv"]
)
def test_a_file_that_no_fingerprint_holds_is_refused(project, name):
    project.core(t=HEAD + f"rows_from: {name}\n")
    project.write({f"seeds/core/{name}": "k\na\n", "seeds/core/env/pyvenv.cfg": ""})
    found = project.problem()
    assert f"`{name}` is where seeder looks at nothing" in found
    assert found.startswith("t.yaml:3:12: ")


def test_compiled_files_are_refused_too(project):
    project.core(t=HEAD + "rows: [{k: a, v: !file x.pyc}]\n")
    project.write({"seeds/core/x.pyc": "x"})
    assert "`x.pyc` is where seeder looks at nothing" in project.problem()


def test_generated_columns_are_left_to_the_server(project):
    project.core(t=HEAD + "defaults: {id: !uuid}\nrows: [{k: a, at: !now}, {k: b, at: !now}]\n")
    found = project.set("t")
    assert [(each.name, each.generator.value) for each in found.generated] == [
        ("id", "uuid"),
        ("at", "now"),
    ]
    assert [column.name for column in found.columns] == ["k"]
    assert [row.values for row in found.rows] == [("a",), ("b",)]


@pytest.mark.parametrize("rows", ["[{k: a, at: !now}]", "[{k: a, at: !now },\n {at: !now, k: b}]"])
def test_a_bare_tag_may_stand_right_before_a_bracket(project, rows):
    project.core(t=HEAD + f"rows: {rows}\n")
    assert [each.name for each in project.set("t").generated] == ["at"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "rows: [{k: !uuid }]",
            "t.yaml:3:12: the key column `k` cannot be !uuid. A key tells next time which row it"
            " is: name a column whose value is written.",
        ),
        (
            "rows: [{k: a, at: !now 2020}]",
            "t.yaml:3:19: `!now` takes nothing behind it.",
        ),
        (
            "rows: [{k: a, at: [!now , 1]}]",
            "t.yaml:3:20: `!now` is made when a row is inserted and cannot stand here. It is for a"
            " column of a row, of `defaults` or of `removed: {set: ...}`.",
        ),
        (
            "columns: {at: {update: always}}\nrows: [{k: a, at: !now }]",
            "t.yaml:4:19: `at` is !now, which is written when a row is inserted and never again."
            " Leave `update: always` out.",
        ),
        (
            "rows: [{k: a, at: !now }, {k: b}]",
            "t.yaml:1:1: some rows leave out `at`, which is !now in others. Write `at: !now` under"
            " `defaults:`, or null in those rows.",
        ),
        (
            "rows: [{k: a, at: !now }, {k: b, at: !uuid }]",
            "t.yaml:3:38: `at` is both !now and !uuid. All rows of a set leave a column to the"
            " same.",
        ),
        (
            "scope: {org: !uuid }\nrows: [{k: a}]",
            "t.yaml:3:14: `scope` takes one value for `org`, not !uuid.",
        ),
    ],
)
def test_a_generator_where_it_means_nothing_is_a_problem(project, text, said):
    project.core(t=HEAD + text + "\n")
    assert project.problem() == said
