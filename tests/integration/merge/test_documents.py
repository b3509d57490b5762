"""Merging inside documents on a real table: parts of a column, three ways."""

from __future__ import annotations

import json
from typing import Any

import pytest

from seeder.errors import ConfigurationInvalid
from seeder.merge.plan import ColumnCase
from tests.support.merge import Project, counts
from tests.support.roles import HEAD, TABLE, grants, parts, seed, settings


@pytest.fixture
def launched(project: Project) -> Project:
    project.sql(TABLE)
    seed(project, "{code: a}")
    project.init()
    return project


def test_a_release_grants_and_revokes_and_a_customers_own_grant_stays(launched: Project) -> None:
    launched.sql("UPDATE roles SET grants = array_append(grants, 'reports.mine')")
    launched.assert_settled()
    seed(launched, "{code: a, grants: [orders.view, orders.hold]}")
    assert counts(launched.update(), "roles") == {"update": 1}
    assert parts(launched) == {
        "grants[orders.refund]": ColumnCase.UPDATE,
        "grants[orders.hold]": ColumnCase.UPDATE,
    }
    assert grants(launched) == ["orders.view", "reports.mine", "orders.hold"]
    launched.assert_settled()
    seed(launched, "{code: a, grants: [orders.view]}")
    launched.update()
    assert grants(launched) == ["orders.view", "reports.mine"]
    launched.assert_settled()


def test_edits_at_different_paths_both_survive(launched: Project) -> None:
    launched.sql("UPDATE roles SET settings = jsonb_set(settings, '{limits,seats}', '9')")
    seed(launched, "{code: a, settings: {limits: {seats: 5, tags: [x, y]}, theme: dark}}")
    launched.update()
    assert settings(launched) == {"limits": {"seats": 9, "tags": ["x", "y"]}, "theme": "dark"}
    launched.assert_settled()


def test_a_part_in_conflict_stays_is_reported_once_and_lets_the_rest_through(
    launched: Project,
) -> None:
    launched.sql("UPDATE roles SET settings = jsonb_set(settings, '{limits,seats}', '9')")
    seed(launched, "{code: a, settings: {limits: {seats: 7, tags: [x]}, theme: dark}}")
    assert counts(launched.update(), "roles") == {"update": 1, "conflicts": 1}
    assert parts(launched) == {
        "settings.limits.seats": ColumnCase.CONFLICT,
        "settings.theme": ColumnCase.UPDATE,
    }
    assert settings(launched) == {"limits": {"seats": 9, "tags": ["x"]}, "theme": "dark"}
    launched.assert_settled()
    seed(launched, "{code: a, settings: {limits: {seats: 7, tags: [x]}, theme: light}}")
    assert counts(launched.update(), "roles") == {"update": 1}
    assert parts(launched) == {
        "settings.limits.seats": ColumnCase.HELD,
        "settings.theme": ColumnCase.UPDATE,
    }
    assert settings(launched)["theme"] == "light"
    # Back to what was applied: the catalog's value of today arrives.
    launched.sql("UPDATE roles SET settings = jsonb_set(settings, '{limits,seats}', '5')")
    launched.update()
    assert settings(launched) == {"limits": {"seats": 7, "tags": ["x"]}, "theme": "light"}
    launched.assert_settled()


def test_a_conflict_alone_writes_nothing(launched: Project) -> None:
    launched.sql("UPDATE roles SET settings = jsonb_set(settings, '{limits,seats}', '9')")
    before = launched.rows("SELECT xmin FROM roles")
    seed(launched, "{code: a, settings: {limits: {seats: 7, tags: [x]}}}")
    assert counts(launched.update(), "roles") == {"keep": 1, "conflicts": 1}
    assert launched.rows("SELECT xmin FROM roles") == before
    launched.assert_settled()


def test_with_overwrite_the_catalogs_part_wins_and_no_other_is_touched(launched: Project) -> None:
    launched.sql(
        'UPDATE roles SET settings = \'{"limits": {"seats": 9, "tags": ["x"]}, "mine": 1}\''
    )
    head = HEAD.replace("key: code\n", "key: code\nconflict: overwrite\n")
    seed(launched, "{code: a, settings: {limits: {seats: 7, tags: [x]}}}", head=head)
    launched.update()
    assert settings(launched) == {"limits": {"seats": 7, "tags": ["x"]}, "mine": 1}
    launched.assert_settled()


def test_elements_of_a_list_are_told_apart_by_their_key(launched: Project) -> None:
    seed(launched, "{code: a, settings: {items: [{sku: x, price: 1}, {sku: y, price: 2}]}}")
    launched.update()
    edited = {"items": [{"sku": "y", "price": 2}, {"sku": "x", "price": 1, "note": "mine"}]}
    launched.sql("UPDATE roles SET settings = settings || %s::jsonb", json.dumps(edited))
    seed(launched, "{code: a, settings: {items: [{sku: x, price: 5}, {sku: z, price: 3}]}}")
    launched.update()
    assert settings(launched)["items"] == [
        {"sku": "x", "price": 5, "note": "mine"},
        {"sku": "z", "price": 3},
    ]
    launched.assert_settled()


def test_an_element_whose_key_changed_is_followed_where_the_catalog_says_so(
    launched: Project,
) -> None:
    def written(items: str, moved: str = "") -> None:
        head = HEAD.replace("by: sku", f"by: sku{moved}")
        seed(launched, f"{{code: a, settings: {{items: {items}}}}}", head=head)

    written("[{sku: x, price: 1, name: X}]")
    launched.update()
    edited = [{"sku": "own"}, {"sku": "x", "price": 7, "name": "X", "note": "mine"}]
    launched.sql("UPDATE roles SET settings = %s::jsonb", json.dumps({"items": edited}))
    # In two steps, of which this database sees only the last one.
    moved = ", moved: [{from: x, to: v}, {from: v, to: w}]"
    written("[{sku: w, price: 1, name: W}]", moved)
    assert counts(launched.update(), "roles") == {"update": 1}
    followed = {"items": [{"sku": "own"}, edited[1] | {"sku": "w", "name": "W"}]}
    assert settings(launched) == followed
    launched.assert_settled()
    # Undo takes it back, although a person has changed the element since.
    launched.sql("UPDATE roles SET settings = jsonb_set(settings, '{items,1,price}', '8')")
    run = launched.value("SELECT max(run) FROM seeder.changes")
    assert launched.command("undo", str(run), "--yes") == 0
    assert settings(launched) == {"items": [{"sku": "own"}, edited[1] | {"price": 8}]}


def test_every_digit_of_a_number_survives_a_merge(launched: Project) -> None:
    launched.sql(
        "UPDATE roles SET settings = settings || '{\"rate\": 12345678901234567890.123456789}'"
    )
    seed(launched, "{code: a, settings: {limits: {seats: 6, tags: [x]}}}")
    launched.update()
    assert "12345678901234567890.123456789" in launched.value("SELECT settings::text FROM roles")


def test_sql_null_json_null_and_missing_are_three_things(launched: Project) -> None:
    launched.sql("UPDATE roles SET settings = NULL")
    seed(launched, "{code: a, settings: {limits: {seats: 6, tags: [x]}}}")
    assert counts(launched.update(), "roles") == {"keep": 1, "conflicts": 1}
    assert settings(launched) is None
    seed(launched, "{code: a, settings: null}", "{code: b, settings: {k: null}}")
    launched.update()
    launched.sql("UPDATE roles SET settings = settings || '{\"m\": 1}' WHERE code = 'b'")
    launched.sql("UPDATE roles SET settings = '{\"m\": 1}' WHERE code = 'a'")
    seed(launched, "{code: a, settings: {n: 2}}", "{code: b, settings: {}}")
    launched.update()
    assert settings(launched, "b") == {"m": 1}
    # NULL was asked for: both sides bring their keys.
    assert settings(launched) == {"m": 1, "n": 2}
    launched.assert_settled()


def test_what_a_trigger_sorts_and_makes_single_is_no_change_by_a_person(project: Project) -> None:
    project.sql(TABLE)
    project.sql(
        "CREATE FUNCTION tidy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " NEW.grants := ARRAY(SELECT DISTINCT g FROM unnest(NEW.grants) g ORDER BY g);"
        " RETURN NEW; END $$;"
        "CREATE TRIGGER tidy BEFORE INSERT OR UPDATE ON roles FOR EACH ROW EXECUTE FUNCTION tidy()"
    )
    seed(project, "{code: a, grants: [c, a]}")
    project.init()
    assert grants(project) == ["a", "c"]
    seed(project, "{code: a, grants: [d, c, b]}")
    project.update()
    assert grants(project) == ["b", "c", "d"]
    project.assert_settled()
    project.sql("UPDATE roles SET grants = grants || '{mine}'")
    seed(project, "{code: a, grants: [d, a]}")
    assert counts(project.update(), "roles") == {"update": 1}
    assert grants(project) == ["a", "d", "mine"]
    project.assert_settled()


def test_from_whole_to_parts_and_back_nothing_is_lost_or_in_conflict_for_nothing(
    launched: Project,
) -> None:
    launched.sql("UPDATE roles SET grants = array_append(grants, 'reports.mine')")
    whole = "table: roles\nkey: code\nrows:\n"
    for head in (whole, HEAD, whole):
        seed(launched, "{code: a}", head=head)
        assert set(counts(launched.update(), "roles")) <= {"keep"}
    assert grants(launched) == ["orders.view", "orders.refund", "reports.mine"]
    seed(launched, "{code: a, grants: [orders.view, orders.hold]}")
    launched.update()
    assert grants(launched) == ["orders.view", "reports.mine", "orders.hold"]


def test_a_document_of_another_shape_is_a_conflict_and_stays(launched: Project) -> None:
    launched.sql("UPDATE roles SET settings = '[1, 2]'")
    seed(launched, "{code: a, settings: {limits: {seats: 6, tags: [x]}}}")
    assert counts(launched.update(), "roles") == {"keep": 1, "conflicts": 1}
    assert settings(launched) == [1, 2]
    launched.assert_settled()


def test_each_row_is_merged_with_its_own_document(launched: Project) -> None:
    seed(launched, *[f"{{code: r{n}, grants: [a]}}" for n in range(50)])
    launched.update()
    launched.sql("UPDATE roles SET grants = grants || '{mine}' WHERE code LIKE 'r%'")
    seed(launched, *[f"{{code: r{n}, grants: [b]}}" for n in range(50)])
    assert counts(launched.update(), "roles")["update"] == 50
    assert launched.rows("SELECT DISTINCT grants FROM roles WHERE code LIKE 'r%%'") == [
        (["mine", "b"],)
    ]


def test_a_removed_row_that_only_a_merge_has_touched_is_deleted(project: Project) -> None:
    project.sql(TABLE)
    head = HEAD.replace("key: code\n", "key: code\nremoved: delete\n")
    seed(project, "{code: a, grants: [x, y]}", "{code: b}", "{code: c}", "{code: d}", head=head)
    project.init()
    seed(project, "{code: a, grants: [y, z, x]}", "{code: b}", "{code: c}", "{code: d}", head=head)
    project.update()
    assert grants(project) == ["y", "z", "x"]
    seed(project, "{code: b}", "{code: c}", "{code: d}", head=head)
    assert counts(project.update(), "roles") == {"delete": 1}


@pytest.mark.parametrize(("take", "seats"), [("live", 9), ("desired", 7)])
def test_a_conflict_of_a_part_is_resolved_and_no_other_part_is_touched(
    launched: Project, take: str, seats: int
) -> None:
    edited = {"limits": {"seats": 9, "tags": ["x", "mine"]}, "own": 1}
    launched.sql("UPDATE roles SET settings = %s::jsonb", json.dumps(edited))
    seed(launched, "{code: a, settings: {limits: {seats: 7, tags: [x]}}}")
    launched.update()
    assert launched.command("resolve", "roles/a", "--take", take) == 0
    wanted = {"limits": {"seats": seats, "tags": ["x", "mine"]}, "own": 1}
    assert settings(launched) == wanted
    launched.assert_settled()
    assert settings(launched) == wanted


def test_a_part_written_at_every_update_is_the_catalogs_each_time(project: Project) -> None:
    project.sql(TABLE)
    head = HEAD.replace("paths: {", "paths: {limits.seats: {update: always}, ")
    seed(project, "{code: a}", "{code: b}", head=head)
    project.init()
    before = project.rows("SELECT xmin FROM roles WHERE code = 'b'")
    edited = {"limits": {"seats": 9, "tags": ["x", "y"]}, "theme": "mine"}
    for _ in range(2):
        project.sql("UPDATE roles SET settings = %s::jsonb WHERE code = 'a'", json.dumps(edited))
        assert counts(project.update(), "roles") == {"update": 1}
        assert parts(project) == {"settings.limits.seats": ColumnCase.ALWAYS}
        assert settings(project) == edited | {"limits": {"seats": 5, "tags": ["x", "y"]}}
        project.assert_settled()
    assert project.rows("SELECT xmin FROM roles WHERE code = 'b'") == before


def test_a_part_written_on_insert_only_stays_and_the_others_are_merged(project: Project) -> None:
    project.sql(TABLE)
    head = HEAD.replace("paths: {", "paths: {limits.seats: {update: never}, ")
    seed(project, "{code: a}", "{code: b}", head=head)
    project.init()
    project.sql("UPDATE roles SET settings = settings || '{\"mine\": 1}' WHERE code = 'a'")
    new = "settings: {limits: {seats: 7, tags: [y]}}"
    seed(project, f"{{code: a, {new}}}", f"{{code: b, {new}}}", f"{{code: c, {new}}}", head=head)
    assert counts(project.update(), "roles") == {"update": 2, "insert": 1}
    assert settings(project) == {"limits": {"seats": 5, "tags": ["y"]}, "mine": 1}
    assert settings(project, "b") == {"limits": {"seats": 5, "tags": ["y"]}}
    assert settings(project, "c") == {"limits": {"seats": 7, "tags": ["y"]}}
    project.assert_settled()


def test_rows_of_a_csv_file_are_merged_and_no_element_is_lost(project: Project) -> None:
    project.sql(TABLE)

    def written(items: str) -> None:
        text = json.dumps(json.loads(items)).replace('"', '""')
        project.write("roles.csv", f'code,settings\na,"{text}"\n')
        rule = "columns: {settings: {merge: list, by: sku}}\nrows_from: roles.csv\n"
        project.write("roles", f"table: roles\nkey: code\n{rule}")

    written('[{"sku": "x", "n": 1}]')
    project.init()
    project.sql('UPDATE roles SET settings = settings || \'[{"sku": "own"}]\'')
    written('[{"sku": "x", "n": 2}]')
    assert counts(project.update(), "roles") == {"update": 1}
    assert settings(project) == [{"sku": "x", "n": 2}, {"sku": "own"}]
    # Not told apart: all of it is one value, and in conflict.
    written('[{"sku": "x", "n": 3}, {"sku": "x", "n": 4}]')
    assert counts(project.update(), "roles") == {"keep": 1, "conflicts": 1}
    assert settings(project) == [{"sku": "x", "n": 2}, {"sku": "own"}]
    project.assert_settled()


def test_which_side_wins_may_differ_by_path(launched: Project) -> None:
    edited = {"limits": {"seats": 9, "tags": ["x"]}, "theme": "mine"}
    launched.sql("UPDATE roles SET settings = %s::jsonb", json.dumps(edited))
    head = HEAD.replace("paths: {", "paths: {limits: {merge: map, conflict: overwrite}, ")
    seed(
        launched,
        "{code: a, settings: {limits: {seats: 7, tags: [x]}, theme: dark}}",
        head=head,
    )
    assert counts(launched.update(), "roles") == {"update": 1, "conflicts": 1}
    assert parts(launched) == {
        "settings.limits.seats": ColumnCase.OVERWRITE,
        "settings.theme": ColumnCase.CONFLICT,
    }
    assert settings(launched) == edited | {"limits": {"seats": 7, "tags": ["x"]}}
    launched.assert_settled()


def test_the_keys_of_an_hstore_are_merged_each_by_itself(project: Project) -> None:
    project.sql("CREATE SCHEMA kinds; CREATE EXTENSION hstore SCHEMA kinds")
    project.sql(
        "CREATE TABLE roles (id serial PRIMARY KEY, code text NOT NULL UNIQUE, tags kinds.hstore)"
    )
    head = "table: roles\nkey: code\ncolumns: {tags: {merge: map}}\nrows:\n"

    def written(tags: str) -> None:
        project.write("roles", f"{head}  - {{code: a, tags: {tags}}}\n")

    def live() -> Any:
        return project.value("SELECT tags::jsonb FROM roles")

    written("{a: 1, b: x, 'odd \"\\ key': null, gone: out}")
    project.init()
    assert live() == {"a": "1", "b": "x", 'odd "\\ key': None, "gone": "out"}
    project.assert_settled()
    project.sql(
        "UPDATE roles SET tags = tags OPERATOR(kinds.||) kinds.hstore(ARRAY['mine', 'm', 'a', '2'])"
    )
    written("{a: 3, b: z, 'odd \"\\ key': null}")
    assert counts(project.update(), "roles") == {"update": 1, "conflicts": 1}
    assert parts(project) == {
        "tags.a": ColumnCase.CONFLICT,
        "tags.b": ColumnCase.UPDATE,
        "tags.gone": ColumnCase.UPDATE,
    }
    assert live() == {"a": "2", "b": "z", 'odd "\\ key': None, "mine": "m"}
    project.assert_settled()
    written("{a: {b: 1}}")
    with pytest.raises(ConfigurationInvalid) as caught:
        project.update()
    assert "a mapping needs a json" in caught.value.problems[0].message


@pytest.mark.parametrize(
    ("kind", "old", "stays", "mine", "new"),
    [
        ("integer[]", "1", "2", "9", "3"),
        ("bigint[]", "1", "9007199254740993", "9", "3"),
        ("numeric[]", "1.10", "12345678901234567890.123456789", "0.5", "3"),
        ("double precision[]", "0.1", "1e300", "NaN", "2.5"),
        ("boolean[]", "true", "NULL", "false", "false"),
        ("uuid[]", *(f"{n}0000000-0000-0000-0000-000000000000" for n in "1293")),
        ("date[]", "2026-01-01", "2026-01-02", "infinity", "2026-01-03"),
        ("timestamptz[]", *(f"2026-01-0{n} 12:00:00.5+00" for n in "1293")),
        ("interval[]", "1 day", "1 mon", "30 days", "02:00:00"),
        ("bytea[]", r"\x01", r"\x02", r"\x09", r"\x03"),
        ("varchar(5)[]", "a,b", 'c"d', "e f", "null"),
        ("public.mood[]", "sad", "ok", "own", "happy"),
        ("public.code[]", "AA", "BB", "XX", "CC"),
    ],
)
def test_arrays_of_every_plain_type_are_sets(
    project: Project, kind: str, old: str, stays: str, mine: str, new: str
) -> None:
    project.sql("CREATE TYPE mood AS ENUM ('sad', 'ok', 'own', 'happy')")
    project.sql("CREATE DOMAIN code AS text CHECK (VALUE ~ '^[A-Z]+$')")
    project.sql(
        f"CREATE TABLE roles (id serial PRIMARY KEY, code text NOT NULL UNIQUE, tags {kind})"
    )
    head = "table: roles\nkey: code\ncolumns: {tags: {merge: set}}\nrows:\n"

    def written(*tags: str) -> None:
        listed = [None if each == "NULL" else each for each in tags]
        project.write("roles", f"{head}  - {json.dumps({'code': 'a', 'tags': listed})}\n")

    def same(*tags: str) -> Any:
        listed = [None if each == "NULL" else each for each in tags]
        return project.value(f"SELECT tags = %s::text[]::{kind} FROM roles", listed)

    written(old, stays)
    project.init()
    project.sql(f"UPDATE roles SET tags = array_append(tags, (%s::text[]::{kind})[1])", [mine])
    project.assert_settled()
    written(new, stays)
    assert counts(project.update(), "roles") == {"update": 1}
    assert same(stays, mine, *([] if mine == new else [new]))
    project.assert_settled()


@pytest.mark.parametrize("kind", ["json", "jsonb"])
def test_json_is_merged_as_jsonb_is(project: Project, kind: str) -> None:
    project.sql(TABLE.replace("jsonb", kind))
    seed(project, "{code: a, settings: {items: [{sku: x, n: 1}], limits: {tags: [a, b]}}}")
    project.init()
    edited = {"items": [{"sku": "x", "n": 1}, {"sku": "own"}], "limits": {"tags": ["b", "a", "m"]}}
    project.sql(f"UPDATE roles SET settings = %s::{kind}", json.dumps(edited))
    seed(project, "{code: a, settings: {items: [{sku: x, n: 2}], limits: {tags: [b, c]}}}")
    assert counts(project.update(), "roles") == {"update": 1}
    assert settings(project) == {
        "items": [{"sku": "x", "n": 2}, {"sku": "own"}],
        "limits": {"tags": ["b", "m", "c"]},
    }
    project.assert_settled()


def test_an_array_of_another_dimension_is_a_conflict_as_a_whole(launched: Project) -> None:
    launched.sql("UPDATE roles SET grants = ARRAY[['a', 'b'], ['c', 'd']]")
    seed(launched, "{code: a, grants: [new]}")
    assert counts(launched.update(), "roles") == {"keep": 1, "conflicts": 1}
    assert grants(launched) == [["a", "b"], ["c", "d"]]
    launched.assert_settled()
