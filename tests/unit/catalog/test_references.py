from __future__ import annotations

import functools
import tracemalloc

import pytest

ROLES = "table: roles\nkey: name\nrows: [{name: owner}, {name: viewer}]\n"
RIGHTS = (
    "table: rights\nkey: name\nrows:\n"
    "- {name: stock.view}\n- {name: stock.edit}\n- {name: user.view}\n- {name: dev.sql}\n"
)
GRANTS = (
    "table: grants\nkey: [role, right]\nremoved: delete\n"
    "columns: {role: {ref: roles}, right: {ref: rights, expand: true}}\nrows:\n"
)
USES = "table: uses\nkey: k\ncolumns: {part: {ref: parts}}\n"
USERS = "table: users\nkey: email\ncolumns: {role: {ref: roles}}\nrows:\n"


def test_a_reference_holds_the_row_key_and_orders_the_sets(project):
    project.core(a=USERS + "- {email: x, role: owner}\n- {email: z, role: null}\n", roles=ROLES)
    loaded = project.load()
    assert [each.name for each in loaded.sets] == ["roles", "a"]
    assert [row.values for row in loaded.sets[1].rows] == [("x", "owner"), ("z", None)]


def test_a_dangling_reference_is_named_with_the_closest_row(project):
    project.core(a=USERS + "- {email: x, role: ownr}\n", roles=ROLES)
    assert project.problem() == (
        "a.yaml:5:20: `role` refers to `roles/ownr`, which is not in the catalog. "
        "Did you mean `owner`?"
    )


def test_a_dangling_value_from_the_environment_is_not_shown(project):
    project.core(a=USERS + "- {email: x, role: !env ROLE}\n", roles=ROLES)
    assert project.problem(environ={"ROLE": "s3cret"}) == (
        "a.yaml:5:20: `role` refers to a row that set `roles` does not have."
    )


def test_a_reference_to_no_set_suggests_one(project):
    project.core(a=USERS.replace("ref: roles", "ref: role") + "- {email: x}\n", roles=ROLES)
    found = project.problems()
    assert "a.yaml:3:11: there is no set `role`. Did you mean `roles`?" in found


@pytest.mark.parametrize("roles", ["table: [roles\n", "", "tabel: roles\n" + ROLES, "\0"])
def test_a_faulty_file_is_no_missing_set_to_those_that_refer_to_it(project, roles):
    project.core(a=USERS + "- {email: x, role: owner}\n", roles=roles)
    assert all(each.startswith("roles.yaml") for each in project.problems())


@pytest.mark.parametrize("rows", ["[", '["owner"]', None])
def test_a_faulty_file_of_rows_is_not_blamed_on_those_that_refer_to_them(project, rows):
    if rows is not None:
        project.write({"seeds/core/rows.json": rows})
    project.core(
        a=USERS + "- {email: x, role: owner}\n",
        b="table: uses\nkey: role\nremoved: keep\n"
        'columns: {role: {ref: roles, expand: true}}\nrows:\n- {role: "own*"}\n',
        roles="table: roles\nkey: name\nrows_from: rows.json\n",
    )
    assert project.problem().startswith("roles.yaml:3:" if rows is None else "rows.json:1:")


def test_a_reference_into_a_set_of_another_environment_says_so(project):
    project.core(
        a=USERS + "- {email: x, role: owner}\n",
        roles=ROLES.replace("rows", "environments: [dev]\nrows"),
    )
    assert project.problem().startswith(
        "a.yaml:3:11: the set `roles` is not part of environment production."
    )


def test_a_composite_key_is_referred_to_by_a_list(project):
    project.core(
        parts="table: parts\nkey: [a, b]\nrows: [{a: 1, b: 'x,y'}]\n",
        uses=USES + "rows: [{k: 1, part: [1, 'x,y']}]\n",
    )
    assert [row.values for row in project.set("uses").rows] == [(1, "1,x\\,y")]


@pytest.mark.parametrize("written", ["1", "[1]", "[1, 2, 3]", "'1,x'"])
def test_a_composite_key_takes_as_many_values_as_it_has(project, written):
    project.core(
        parts="table: parts\nkey: [a, b]\nrows: [{a: 1, b: x}]\n",
        uses=USES + f"rows: [{{k: 1, part: {written}}}]\n",
    )
    assert project.problem() == (
        "uses.yaml:4:21: a row of set `parts` has a key of 2 values. "
        "Write them as a list, in the order of its `key`."
    )


def test_a_list_for_one_row_points_to_expand(project):
    project.core(a=USERS + "- {email: x, role: [owner, viewer]}\n", roles=ROLES)
    assert project.problem().startswith(
        "a.yaml:5:20: `role` takes the key of one row, not a list. For several rows use `expand"
    )


def test_self_references_and_cycles_keep_the_order_of_files(project):
    project.core(
        a="table: a\nkey: k\ncolumns: {p: {ref: a}, b: {ref: b}}\nrows: [{k: 1, p: 1, b: 1}]\n",
        b="table: b\nkey: k\ncolumns: {a: {ref: a}}\nrows: [{k: 1, a: 1}]\n",
    )
    assert [each.name for each in project.load().sets] == ["a", "b"]


def test_a_reference_to_a_table_orders_the_sets_that_own_it(project):
    project.core(
        a="table: a\nkey: k\ncolumns: {r: {ref: {table: roles, key: id}}}\nrows: [{k: 1, r: 7}]\n",
        roles=ROLES,
    )
    loaded = project.load()
    assert [each.name for each in loaded.sets] == ["roles", "a"]
    assert [row.values for row in loaded.sets[1].rows] == [(1, "7")]


def test_references_in_scope_and_defaults_are_checked_too(project):
    project.core(
        a="table: a\nkey: k\nscope: {o: gone}\ncolumns: {o: {ref: roles}, r: {ref: roles}}\n"
        "defaults: {r: lost}\nrows: [{k: 1}]\n",
        roles=ROLES,
    )
    found = project.problems()
    assert any("`o` refers to `roles/gone`" in each for each in found)
    assert any("`r` refers to `roles/lost`" in each for each in found)


def test_globs_expand_in_the_order_of_the_set_they_match(project):
    rows = '- {role: owner, right: ["user.*", "*", "!dev.*"]}\n- {role: viewer, right: "*.view"}\n'
    project.core(grants=GRANTS + rows, rights=RIGHTS, roles=ROLES)
    assert project.keys("grants") == [
        "owner,stock.view",
        "owner,stock.edit",
        "owner,user.view",
        "viewer,stock.view",
        "viewer,user.view",
    ]


def test_two_expanded_columns_are_multiplied(project):
    head = GRANTS.replace("{ref: roles}", "{ref: roles, expand: true}")
    project.core(grants=head + '- {role: "*", right: stock.?di*}\n', rights=RIGHTS, roles=ROLES)
    assert project.keys("grants") == ["owner,stock.edit", "viewer,stock.edit"]


@pytest.mark.parametrize(
    ("right", "problem"),
    [
        ('"nope.*"', "`nope.*` matches no row of set `rights`."),
        ('["*", "!nope.*"]', "`nope.*` matches no row of set `rights`."),
        ("stock.veiw", "set `rights` has no row `stock.veiw`. Did you mean `stock.view`?"),
        ('["!dev.*"]', "the list only takes away."),
        ("[]", "`expand` takes a name, a glob or a list of them."),
        ("null", "`expand` takes a name, a glob or a list of them."),
        ("[7]", "`expand` takes names and globs."),
    ],
)
def test_a_pattern_that_expands_to_nothing_is_a_problem(project, right, problem):
    rows = f"- {{role: owner, right: {right}}}\n"
    project.core(grants=GRANTS + rows, rights=RIGHTS, roles=ROLES)
    assert project.problem().startswith("grants.yaml:6:24: " + problem)


def test_two_rows_that_expand_to_the_same_name_both_places(project):
    rows = '- {role: owner, right: "stock.*"}\n- {role: owner, right: "*.edit"}\n'
    project.core(grants=GRANTS + rows, rights=RIGHTS, roles=ROLES)
    assert project.problem().startswith(
        "grants.yaml:7:3: the row `grants/owner,stock.edit` is already given at grants.yaml:6."
    )


def test_rows_that_share_many_keys_are_told_once(project):
    head = GRANTS.replace("{ref: roles}", "{ref: roles, expand: true}")
    rows = '- {role: "*", right: "*"}\n- {role: viewer, right: "*.view"}\n'
    project.core(grants=head + rows, rights=RIGHTS, roles=ROLES)
    assert project.problem().startswith(
        "grants.yaml:7:3: the row `grants/viewer,stock.view` is already given at grants.yaml:6."
    )


def test_patterns_outside_of_the_key_ask_for_one_row_twice(project):
    head = GRANTS.replace("key: [role, right]", "key: [role]")
    project.core(grants=head + '- {role: owner, right: "*"}\n', rights=RIGHTS, roles=ROLES)
    assert project.problem().startswith(
        "grants.yaml:6:3: the row `grants/owner` is asked for twice here."
    )


def test_sets_of_one_table_share_no_expanded_row(project):
    head = GRANTS.replace("{ref: roles}", "{ref: roles, expand: true}")
    project.core(
        grants=head + '- {role: "*", right: "*.view"}\n',
        more=head + '- {role: owner, right: "user.*"}\n',
        plain="table: grants\nkey: [role, right]\nrows: [{role: viewer, right: stock.view}]\n",
        rights=RIGHTS,
        roles=ROLES,
    )
    assert [each.split(". ")[0] for each in project.problems()] == [
        "grants.yaml:6:3: the row `grants/viewer,stock.view` is already given as"
        " `plain/viewer,stock.view` at plain.yaml:3",
        "more.yaml:6:3: the row `more/owner,user.view` is already given as"
        " `grants/owner,user.view` at grants.yaml:6",
    ]


MANY = "table: {0}\nkey: name\nrows: [{1}]\n"


def many(name, number):
    return MANY.format(name, ", ".join(f"{{name: {name[:2]}{n}}}" for n in range(number)))


def test_expansion_is_counted_before_a_row_is_made(project):
    head = GRANTS.replace("{ref: roles}", "{ref: roles, expand: true}")
    rows = '- {role: ro7, right: "*"}\n- {role: ["*", "!ro7"], right: "*"}\n'
    project.core(grants=head + rows, rights=many("rights", 5000), roles=many("roles", 201))
    assert project.problem() == (
        "grants.yaml:7:10: `expand` makes 1,000,000 rows here, 1,005,000 in this set up to here,"
        " and may make 1,000,000. Match less, or raise `expand_limit` under [seeds] in seeder.toml."
    )
    project.write({"seeder.toml": "[seeds]\nexpand_limit = 1_005_000\n"})
    assert len(project.set("grants").rows) == 1_005_000


def test_expanded_rows_are_made_one_by_one(project):
    head = GRANTS.replace("{ref: roles}", "{ref: roles, expand: true}")
    rows = '- {role: "*", right: "*"}\n'
    project.core(grants=head + rows, rights=many("rights", 500), roles=many("roles", 100))
    found = project.set("grants").rows
    tracemalloc.start()
    try:
        last = functools.reduce(lambda _, row: row, found)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (len(found), last.key, last.values) == (50_000, "ro99,ri499", ("ro99", "ri499"))
    assert peak < 200_000


@pytest.mark.parametrize("limit", ["0", "true", '"many"'])
def test_the_limit_of_expansion_is_a_number_of_rows(project, limit):
    project.write({"seeder.toml": f"[seeds]\nexpand_limit = {limit}\n"})
    assert "`expand_limit` must be a number of rows. Such as 20_000_000." in project.problem()


def test_expansion_sees_what_another_expansion_yields(project):
    project.core(
        a="table: a\nkey: [g]\nremoved: keep\ncolumns: {g: {ref: grants, expand: true}}\n"
        'rows: [{g: "owner,*"}]\n',
        grants=GRANTS + '- {role: owner, right: "stock.*"}\n',
        rights=RIGHTS,
        roles=ROLES,
    )
    assert project.keys("a") == ["owner\\,stock.view", "owner\\,stock.edit"]


def test_an_expanded_set_of_another_environment_has_no_rows_but_its_data_is_known(project):
    grants = GRANTS.replace("rows:", "environments: [dev]\nrows_from: g.json")
    project.core(grants=grants, rights=RIGHTS, roles=ROLES)
    project.write({"seeds/core/g.json": '[{"role": "owner", "right": "*"}]'})
    (inactive,) = project.load("production").inactive
    assert (inactive.name, list(inactive.rows)) == ("grants", [])
    assert len(project.keys("grants", "dev")) == 4


def test_sets_cannot_be_expanded_from_each_other(project):
    text = (
        "table: {0}\nkey: k\nremoved: keep\ncolumns: {{k: {{ref: {1}, expand: true}}}}\nrows: []\n"
    )
    project.core(a=text.format("a", "b"), b=text.format("b", "a"))
    found = project.problems()
    assert any("expands its rows from a set that is expanded from it in turn" in e for e in found)


MOVED = "table: t\nkey: k\nmoved: %s\nrows: [{k: c}, {k: d}]\n"


def test_moves_lead_to_the_final_key(project):
    found = project.core(t=MOVED % "[{from: a, to: b}, {from: b, to: c}]").set("t")
    assert [(move.old, move.new, move.old_values, move.new_values) for move in found.moved] == [
        ("a", "c", ("a",), ("c",)),
        ("b", "c", ("b",), ("c",)),
    ]


def test_moves_of_composite_keys_are_lists(project):
    text = "table: t\nkey: [a, b]\nmoved: [{from: [1, x], to: [1, z]}]\nrows: [{a: 1, b: z}]\n"
    (move,) = project.core(t=text).set("t").moved
    assert (move.old, move.new, move.old_values) == ("1,x", "1,z", (1, "x"))


@pytest.mark.parametrize(
    ("moved", "problem"),
    [
        ("[{from: a, to: b}]", "t.yaml:3:9: `b` is not among the rows."),
        ("[{from: d, to: c}]", "t.yaml:3:9: `d` is moved away and still among the rows."),
        ("[{from: a, to: a}]", "t.yaml:3:9: `a` is moved to itself."),
        ("[{from: a, to: c}, {from: a, to: d}]", "t.yaml:3:27: `a` is already moved in line 3."),
        ("[{from: a, to: b}, {from: b, to: a}]", "t.yaml:3:9: the moves of `a` lead in a circle."),
        ("[{from: [a, b], to: c}]", "t.yaml:3:16: the key is one value: k."),
        ("[{from: null, to: c}]", "t.yaml:3:16: a key value cannot be NULL"),
    ],
)
def test_bad_moves_are_named(project, moved, problem):
    found = project.core(t=MOVED % moved).problems()
    assert any(each.startswith(problem) for each in found), found
