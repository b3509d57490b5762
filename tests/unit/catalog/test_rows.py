from __future__ import annotations

import pytest

HEAD = "table: t\nkey: k\n"


def test_key_columns_come_first_then_scope_then_the_rest_as_they_appear(project):
    found = project.core(
        t="table: t\nkey: [b, a]\nscope: {z: 1, y: 2}\n"
        "rows: [{c: 1, a: 2, b: 3}, {d: 1, a: 1, b: 1}]\n"
    ).set("t")
    assert [column.name for column in found.columns] == ["b", "a", "y", "z", "c", "d"]
    assert found.scope == (("y", 2), ("z", 1))
    assert [row.key for row in found.rows] == ["3,2", "1,1"]


def test_rows_that_give_different_columns_have_shapes(project):
    found = project.core(t=HEAD + "rows: [{k: a, x: 1}, {k: b}, {k: c, x: 2}]\n").set("t")
    assert found.shapes == (frozenset({"k", "x"}), frozenset({"k"}))
    assert [row.shape for row in found.rows] == [0, 1, 0]
    assert [row.values for row in found.rows] == [("a", 1), ("b", None), ("c", 2)]


def test_uniform_rows_need_no_shapes(project):
    assert project.core(t=HEAD + "rows: [{k: a, x: 1}, {x: 2, k: b}]\n").set("t").shapes == ()


def test_one_common_shape_that_leaves_out_nothing_is_uniform_through_defaults(project):
    text = HEAD + "defaults: {x: 9}\nrows: [{k: a, x: 1}, {k: b}, {k: c, x: null}]\n"
    found = project.core(t=text).set("t")
    assert found.shapes == ()
    assert [row.values for row in found.rows] == [("a", 1), ("b", 9), ("c", None)]


def test_key_values_are_text_in_the_address_and_commas_are_escaped(project):
    text = "table: t\nkey: [a, b]\nrows: [{a: 1, b: 'x,y'}, {a: true, b: 1.50}, {a: a\\b, b: c}]\n"
    assert project.core(t=text).keys("t") == ["1,x\\,y", "true,1.50", "a\\\\b,c"]


def test_rows_know_their_lines(project):
    found = project.core(t=HEAD + "rows:\n- k: a\n  v: 1\n- k: b\n").set("t")
    assert [(row.line, row.file) for row in found.rows] == [(4, None), (6, None)]


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("[{k: a}, {k: a}]", "t.yaml:3:16: the row `t/a` is already given at t.yaml:3."),
        ("[{k: 1}, {k: '1'}]", "t.yaml:3:16: the row `t/1` is already given"),
        ("[{k: null}]", "t.yaml:3:12: the key column `k` is NULL."),
        ("[{v: 1}]", "t.yaml:3:8: the row does not give the key column `k`."),
        ("[{k: [1]}]", "t.yaml:3:12: the key column `k` holds a list or mapping."),
    ],
)
def test_bad_keys_are_named(project, rows, problem):
    found = project.core(t=HEAD + f"rows: {rows}\n").problem()
    assert found.startswith(problem)


def test_a_misspelt_key_column_is_recognised(project):
    found = project.core(t="table: t\nkey: email\nrows: [{emial: a}]\n").problem()
    assert found.endswith("does not give the key column `email`. Did you mean `emial`?")


def test_a_row_cannot_give_what_scope_fixes(project):
    text = "table: t\nkey: [o, k]\nscope: {o: null}\nrows: [{k: a, o: 1}]\n"
    assert project.core(t=text).problem().startswith("t.yaml:4:18: `o` is fixed by `scope`.")


def test_key_columns_that_scope_fixes_are_not_repeated(project):
    text = "table: t\nkey: [o, k]\nscope: {o: null}\nrows: [{k: a}]\n"
    found = project.core(t=text).set("t")
    assert found.key == ("k",)
    assert [column.name for column in found.columns] == ["k", "o"]
    assert [row.values for row in found.rows] == [("a", None)]


def test_two_sets_may_share_a_table_with_different_rows(project):
    project.core(a=HEAD + "rows: [{k: a}]\n", b=HEAD + "rows: [{k: b}]\n")
    assert [each.name for each in project.load().sets] == ["a", "b"]


def test_the_same_row_in_two_sets_names_both_places(project):
    project.core(a=HEAD + "rows: [{k: x}]\n", b=HEAD + "rows:\n- {k: x}\n")
    assert project.problem().startswith(
        "b.yaml:4:3: the row `b/x` is already given as `a/x` at a.yaml:3."
    )


def test_the_same_key_in_another_scope_is_another_row(project):
    head = "table: t\nkey: k\nscope: {o: %s}\nrows: [{k: x}]\n"
    project.core(a=head % "1", b=head % "2")
    assert len(project.load().sets) == 2


def test_the_same_row_for_another_environment_is_none_here(project):
    project.core(
        a=HEAD + "environments: [dev]\nrows: [{k: x}]\n",
        b=HEAD + "environments: [production]\nrows: [{k: x}]\n",
    )
    assert [each.name for each in project.load("production").sets] == ["b"]
    assert [each.name for each in project.load("production").inactive] == ["a"]


def test_sets_of_one_table_must_agree_on_the_key(project):
    project.core(a=HEAD + "rows: [{k: x}]\n", b="table: t\nkey: j\nrows: [{j: x}]\n")
    assert project.problem().startswith("b.yaml:1:1: identifies rows of t by j, and a.yaml by k.")


def test_two_files_cannot_have_the_same_set_name(project):
    project.write(
        {
            "seeds/core/010_t.yaml": HEAD + "rows: []\n",
            "seeds/core/020_t.yaml": "table: u\nkey: k\nrows: []\n",
        }
    )
    assert project.problem().startswith("020_t.yaml:1:1: the set name `t` is taken by 010_t.yaml.")


def test_rows_from_reads_json_and_yaml_beside_the_file(project):
    project.core(j=HEAD + "rows_from: data.json\n", y="table: u\nkey: k\nrows_from: sub/d.yml\n")
    project.write({"seeds/core/data.json": '[\n{"k": "a"}]', "seeds/core/sub/d.yml": "- {k: 7}\n"})
    (row,) = project.set("j").rows
    assert (row.key, row.line, row.file) == ("a", 2, "seeds/core/data.json")
    assert project.keys("y") == ["7"]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("d.yaml", "a: 1\n", "d.yaml:1:1: is a mapping, not a list of rows."),
        ("d.yaml", "", "d.yaml: is empty, not a list of rows."),
        ("d.yaml", "- {k: NO}\n", "d.yaml:1:7: `NO` is true or false"),
        ("d.json", "[", "d.json:1:2: is not valid JSON"),
        ("d.xml", "", "t.yaml:3:12: `rows_from` reads .csv, .json and .yaml files, not `d.xml`."),
        ("e.csv", "", "t.yaml:3:12: there is no file `d.csv`. Did you mean"),
    ],
)
def test_bad_data_files_are_named(project, name, content, problem):
    wanted = "d.csv" if name == "e.csv" else name
    project.core(t=HEAD + f"rows_from: {wanted}\n").write({f"seeds/core/{name}": content})
    found = project.problems()
    assert found[-1].startswith(problem) or found[0].startswith(problem), found


def test_more_columns_than_an_update_can_compare_are_a_problem(project):
    def wide(columns):
        return HEAD + "rows: [{k: a, " + ", ".join(f"c{n}: 1" for n in range(columns)) + "}]\n"

    assert len(project.core(t=wide(409)).set("t").columns) == 410
    project.core(t=wide(410))
    assert project.problem().startswith(
        "t.yaml:1:1: the rows give 411 columns; an update compares 410 at most"
    )
