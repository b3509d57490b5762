"""Unique values that pass from one row to another within one release."""

from __future__ import annotations

import json

import pytest

from seeder.errors import SeedingFailed
from seeder.merge.model import Mode
from seeder.settle.undo import undo
from tests.support.events import Events
from tests.support.merge import Project, counts

PLANS = "CREATE TABLE plans (id serial PRIMARY KEY, code text NOT NULL UNIQUE, slug text {})"


def plans(project: Project, *rows: str, head: str = "") -> None:
    """Write the set `plans`: rows as `code slug`."""
    listed = "".join("  - {{code: {}, slug: {}}}\n".format(*row.split()) for row in rows)
    listed = f"rows:\n{listed}" if listed else "rows: []\n"
    project.write("plans", f"table: plans\nkey: code\n{head}{listed}")


def live(project: Project) -> dict[str, str]:
    """What the table holds: slugs by code."""
    return dict(project.rows("SELECT code, slug FROM plans"))


@pytest.mark.parametrize("unique", ["NOT NULL UNIQUE", "UNIQUE", "UNIQUE DEFERRABLE"])
def test_a_new_row_takes_the_unique_value_of_one_that_is_deleted(
    project: Project, unique: str
) -> None:
    project.sql(PLANS.format(unique))
    plans(project, "a x", "c z", head="removed: delete\n")
    project.init()
    plans(project, "b x", "c z", head="removed: delete\n")
    result = project.update()
    assert counts(result, "plans") == {"insert": 1, "delete": 1}
    assert live(project) == {"b": "x", "c": "z"}
    project.assert_settled()
    plans(project, "a x", "c z", head="removed: delete\n")
    project.update()
    assert live(project) == {"a": "x", "c": "z"}


def test_a_row_takes_the_unique_value_of_one_that_is_deleted(project: Project) -> None:
    project.sql(PLANS.format("NOT NULL UNIQUE"))
    plans(project, "a x", "c z", head="removed: delete\n")
    project.init()
    plans(project, "c x", head="removed: delete\n")
    assert counts(project.update(), "plans") == {"update": 1, "delete": 1}
    assert live(project) == {"c": "x"}
    project.assert_settled()


def test_a_new_row_takes_the_unique_value_that_a_removal_clears(project: Project) -> None:
    project.sql(PLANS.format("UNIQUE"))
    head = "removed: {set: {slug: null}}\n"
    plans(project, "a x", head=head)
    project.init()
    plans(project, "b x", head=head)
    assert counts(project.update(), "plans") == {"insert": 1, "remove": 1}
    assert live(project) == {"a": None, "b": "x"}
    project.assert_settled()


def test_a_new_row_takes_the_unique_value_that_another_gives_up(project: Project) -> None:
    project.sql(PLANS.format("NOT NULL UNIQUE"))
    plans(project, "a x")
    project.init()
    plans(project, "a w", "b x")
    assert counts(project.update(), "plans") == {"insert": 1, "update": 1}
    assert live(project) == {"a": "w", "b": "x"}
    project.assert_settled()


@pytest.mark.parametrize("unique", ["NOT NULL UNIQUE", "UNIQUE", "NOT NULL UNIQUE DEFERRABLE"])
def test_two_rows_swap_a_unique_value(project: Project, unique: str) -> None:
    project.sql(PLANS.format(unique))
    plans(project, "a x", "b w", "c z")
    project.init()
    plans(project, "a w", "b x", "c z")
    result = project.update()
    assert counts(result, "plans") == {"update": 2}
    assert live(project) == {"a": "w", "b": "x", "c": "z"}
    project.assert_settled()
    before = project.rows(
        "SELECT addr, before, after FROM seeder.changes WHERE run = %s ORDER BY 1", result.run_id
    )
    assert before == [
        ("a", {"slug": "x"}, {"slug": "w"}),
        ("b", {"slug": "w"}, {"slug": "x"}),
    ]


def test_a_new_first_row_shifts_all_that_follow(project: Project) -> None:
    project.sql(
        "CREATE TABLE steps (id serial PRIMARY KEY, code text NOT NULL UNIQUE,"
        " position int NOT NULL UNIQUE CHECK (position > 0))"
    )

    def steps(codes: list[str]) -> None:
        listed = "".join(
            f"  - {{code: {code}, position: {n}}}\n" for n, code in enumerate(codes, start=1)
        )
        project.write("steps", f"table: steps\nkey: code\nremoved: delete\nrows:\n{listed}")

    codes = [f"c{n}" for n in range(60)]
    steps(codes)
    project.init()
    steps(["new", *codes])
    assert counts(project.update(), "steps") == {"insert": 1, "update": 60}
    query = "SELECT code FROM steps ORDER BY position"
    assert [code for (code,) in project.rows(query)] == ["new", *codes]
    project.assert_settled()
    steps(list(reversed(codes)))
    assert counts(project.update(), "steps") == {
        "update": 59,
        "delete": 1,
    }  # one stays in the middle
    assert [code for (code,) in project.rows(query)] == list(reversed(codes))
    project.assert_settled()


def test_values_pass_within_and_between_partitions(project: Project) -> None:
    project.sql(
        "CREATE TABLE plans (code text, region text, slug text NOT NULL,"
        " PRIMARY KEY (code, region), UNIQUE (slug, region)) PARTITION BY LIST (region);"
        "CREATE TABLE eu PARTITION OF plans FOR VALUES IN ('eu');"
        "CREATE TABLE us PARTITION OF plans FOR VALUES IN ('us')"
    )

    def seed(*rows: str) -> None:
        listed = "".join(
            "  - {{code: {}, region: {}, slug: {}}}\n".format(*row.split()) for row in rows
        )
        head = "table: plans\nkey: [code, region]\nremoved: delete\n"
        project.write("plans", f"{head}rows:\n{listed}")

    seed("a eu x", "b eu w", "a us x", "b us w")
    project.init()
    seed("a eu w", "b eu x", "c us x", "b us w")
    assert counts(project.update(), "plans") == {"update": 2, "insert": 1, "delete": 1}
    assert project.rows("SELECT code, region, slug FROM plans ORDER BY 2, 1") == [
        ("a", "eu", "w"),
        ("b", "eu", "x"),
        ("b", "us", "w"),
        ("c", "us", "x"),
    ]
    project.assert_settled()


def test_a_value_passes_from_a_row_that_leaves_a_partial_index_by_null(project: Project) -> None:
    project.sql(
        "CREATE TABLE plans (id serial PRIMARY KEY, code text NOT NULL UNIQUE, slug text,"
        " listed boolean);"
        "CREATE UNIQUE INDEX ON plans (slug) WHERE listed"
    )

    def seed(*rows: str) -> None:
        listed = "".join("  - {{code: {}, slug: x, listed: {}}}\n".format(*r.split()) for r in rows)
        project.write("plans", f"table: plans\nkey: code\nrows:\n{listed}")

    seed("a true")
    project.init()
    seed("a null", "b true")
    assert counts(project.update(), "plans") == {"update": 1, "insert": 1}
    project.assert_settled()


def test_the_one_default_passes_to_another_row(project: Project) -> None:
    project.sql(
        "CREATE TABLE plans (id serial PRIMARY KEY, code text NOT NULL UNIQUE,"
        " is_default boolean NOT NULL DEFAULT false, writes int NOT NULL DEFAULT 0);"
        "CREATE UNIQUE INDEX ON plans (is_default) WHERE is_default;"
        "CREATE FUNCTION count_writes() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN NEW.writes := OLD.writes + 1; RETURN NEW; END $$;"
        "CREATE TRIGGER t BEFORE UPDATE ON plans FOR EACH ROW EXECUTE FUNCTION count_writes()"
    )

    def default(code: str, *codes: str) -> None:
        listed = "".join(
            f"  - {{code: {each}, is_default: {str(each == code).lower()}}}\n" for each in codes
        )
        project.write("plans", f"table: plans\nkey: code\nremoved: delete\nrows:\n{listed}")

    default("free", "free", "pro")
    project.init()
    default("pro", "free", "pro")
    assert counts(project.update(), "plans") == {"update": 2}
    default("new", "free", "new", "pro")
    assert counts(project.update(), "plans") == {"insert": 1, "update": 1}
    assert project.rows("SELECT code, is_default, writes FROM plans ORDER BY 1") == [
        ("free", False, 1),
        ("new", True, 0),
        ("pro", False, 2),
    ]
    default("free", "free", "pro")
    assert counts(project.update(), "plans") == {"update": 1, "delete": 1}
    project.assert_settled()


def test_a_value_passes_under_an_index_over_an_expression(project: Project) -> None:
    project.sql(PLANS.format("NOT NULL") + ";CREATE UNIQUE INDEX ON plans (lower(slug))")
    plans(project, "a x", "b w", head="removed: delete\n")
    project.init()
    plans(project, "b X", head="removed: delete\n")
    assert counts(project.update(), "plans") == {"update": 1, "delete": 1}
    plans(project, "b w", "c x", head="removed: delete\n")
    assert counts(project.update(), "plans") == {"insert": 1, "update": 1}
    plans(project, "b X", "c W", head="removed: delete\n")
    assert counts(project.update(), "plans") == {"update": 2}
    assert live(project) == {"b": "X", "c": "W"}
    project.assert_settled()


def test_a_period_passes_under_an_exclusion_constraint(project: Project) -> None:
    project.sql(
        "CREATE TABLE plans (id serial PRIMARY KEY, code text NOT NULL UNIQUE, slug int4range,"
        " EXCLUDE USING gist (slug WITH &&))"
    )
    plans(project, "a '[1,5)'", "b '[5,9)'", head="removed: delete\n")
    project.init()
    plans(project, "b '[3,9)'", "c '[1,3)'", head="removed: delete\n")
    assert counts(project.update(), "plans") == {"insert": 1, "update": 1, "delete": 1}
    project.assert_settled()


@pytest.mark.parametrize(
    "name", ['Mixed "Case" %s', "n", "h", "t", "r", "e", "q", "w", "u1", "k1", "c1", "guarded"]
)
def test_a_value_passes_in_a_column_of_any_name_and_schema(project: Project, name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    project.sql(
        'CREATE SCHEMA "My Schema"; CREATE TABLE "My Schema"."Plans"'
        f" (code text PRIMARY KEY, {quoted} text NOT NULL UNIQUE CHECK ({quoted} <> ''));"
        f'CREATE UNIQUE INDEX ON "My Schema"."Plans" (lower({quoted})) WHERE {quoted} > \'\''
    )

    def seed(**rows: str) -> None:
        project.write(
            "plans.json",
            json.dumps(
                {
                    "table": "My Schema.Plans",
                    "key": "code",
                    "removed": "delete",
                    "rows": [{"code": code, name: value} for code, value in rows.items()],
                }
            ),
        )

    seed(a="x", b="w", c="z")
    project.init()
    seed(a="w", b="x", d="z")
    assert counts(project.update(), "plans") == {"insert": 1, "update": 2, "delete": 1}
    assert dict(project.rows('SELECT * FROM "My Schema"."Plans"')) == {"a": "w", "b": "x", "d": "z"}
    project.assert_settled()


def test_a_value_passes_between_two_sets_of_one_table(project: Project) -> None:
    project.sql(PLANS.format("NOT NULL UNIQUE"))
    for name, row in (("one", "{code: a, slug: x}"), ("two", "{code: c, slug: z}")):
        project.write(name, f"table: plans\nkey: code\nremoved: delete\nrows:\n  - {row}\n")
    project.init()
    for name, row in (("one", "[]"), ("two", "[{code: c, slug: z}, {code: d, slug: x}]")):
        project.write(name, f"table: plans\nkey: code\nremoved: delete\nrows: {row}\n")
    result = project.update()
    assert (counts(result, "one"), counts(result, "two")) == ({"delete": 1}, {"insert": 1})
    assert live(project) == {"c": "z", "d": "x"}
    for name, row in (("one", "[{code: a, slug: x}]"), ("two", "[{code: c, slug: z}]")):
        project.write(name, f"table: plans\nkey: code\nremoved: delete\nrows: {row}\n")
    result = project.update()
    assert (counts(result, "one"), counts(result, "two")) == ({"restore": 1}, {"delete": 1})
    assert live(project) == {"a": "x", "c": "z"}
    project.assert_settled()


def test_a_value_passes_although_rows_that_leave_as_well_refer_to_its_holder(
    project: Project,
) -> None:
    project.sql(
        PLANS.format("NOT NULL UNIQUE")
        + ";CREATE TABLE limits (plan_id int REFERENCES plans, name text, n int,"
        " PRIMARY KEY (plan_id, name))"
    )

    def limits(*rows: str) -> None:
        listed = "".join(
            "  - {{plan_id: {}, name: {}, n: {}}}\n".format(*row.split()) for row in rows
        )
        project.write(
            "limits",
            "table: limits\nkey: [plan_id, name]\nremoved: delete\n"
            f"columns: {{plan_id: {{ref: plans}}}}\nrows:\n{listed}",
        )

    plans(project, "a x", "c z", head="removed: delete\n")
    limits("a seats 1", "a jobs 2", "c seats 3")
    project.init()
    plans(project, "b x", "c z", head="removed: delete\n")
    limits("b seats 1", "b jobs 2", "c seats 4")
    result = project.update()
    assert counts(result, "plans") == {"insert": 1, "delete": 1}
    assert counts(result, "limits") == {"insert": 2, "update": 1, "delete": 2}
    assert live(project) == {"b": "x", "c": "z"}
    project.assert_settled()


def test_undo_passes_the_value_back(project: Project) -> None:
    project.sql(PLANS.format("NOT NULL UNIQUE"))
    plans(project, "a x", "c z", head="removed: delete\n")
    project.init()
    plans(project, "b x", "c z", head="removed: delete\n")
    result = project.update()
    assert project.rows(
        "SELECT addr, action, before ->> 'slug' FROM seeder.changes WHERE run = %s", result.run_id
    ) == [("a", "delete", "x")]
    assert result.run_id is not None
    undo(project.settings(), log=Events(), run=result.run_id, dry_run=False)
    assert live(project) == {"a": "x", "c": "z"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("a x", "b w", "c z"), ("a w", "b x", "c z")),
        (("a x", "b w", "c z"), ("a w", "b z", "c v")),
        (("a x", "b w"), ("a v", "b w", "c x")),
        (("a x", "b w", "c z"), ("a z", "b x")),
    ],
    ids=["swap", "chain", "new row", "deleted row"],
)
def test_undo_takes_values_back_along_the_way_they_went(
    project: Project, before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    project.sql(PLANS.format("NOT NULL UNIQUE"))
    plans(project, *before, head="removed: delete\n")
    project.init()
    was = live(project)
    plans(project, *after, head="removed: delete\n")
    result = project.update()
    assert live(project) == dict(row.split() for row in after)
    assert result.run_id is not None
    undo(project.settings(), log=Events(), run=result.run_id, dry_run=False)
    assert live(project) == was
    project.assert_settled()


@pytest.mark.parametrize("unique", ["NOT NULL UNIQUE", "UNIQUE"])
def test_a_value_passes_although_rows_that_refer_to_its_holder_change_only_afterwards(
    project: Project, unique: str
) -> None:
    project.sql(
        PLANS.format(unique)
        + "; CREATE TABLE orgs (code text PRIMARY KEY, plan_id int REFERENCES plans)"
    )
    head = "table: orgs\nkey: code\ncolumns: {plan_id: {ref: plans}}\n"
    plans(project, "a x", "c z", head="removed: delete\n")
    project.write("orgs", head + "rows: [{code: us, plan_id: a}]\n")
    project.init()
    plans(project, "b x", "c z", head="removed: delete\n")
    project.write("orgs", head + "rows: [{code: us, plan_id: b}]\n")
    result = project.update()
    assert counts(result, "plans") == {"insert": 1, "delete": 1}
    assert counts(result, "orgs") == {"update": 1}
    assert live(project) == {"b": "x", "c": "z"}
    project.assert_settled()
    assert project.rows(
        "SELECT before ->> 'slug' FROM seeder.changes WHERE run = %s AND addr = 'a'", result.run_id
    ) == [("x",)]


def test_a_value_that_a_row_holds_to_which_a_person_refers_is_a_conflict(
    project: Project,
) -> None:
    project.sql(PLANS.format("NOT NULL UNIQUE"))
    plans(project, "a x", "c z", head="removed: delete\n")
    project.init()
    project.sql("CREATE TABLE mine (plan_id int REFERENCES plans)")
    project.sql("INSERT INTO mine SELECT id FROM plans WHERE code = 'a'")
    plans(project, "b x", "c z", head="removed: delete\n")
    assert counts(project.update(), "plans") == {"keep": 2, "conflicts": 2}
    assert project.row_plan("plans/b").holder == "public.plans (id 1)"
    assert live(project) == {"a": "x", "c": "z"}
    project.sql("DELETE FROM mine")
    assert counts(project.update(), "plans") == {"insert": 1, "delete": 1}
    project.assert_settled()


def test_a_value_that_a_person_gave_to_a_leaving_row_is_a_conflict(project: Project) -> None:
    project.sql(PLANS.format("NOT NULL UNIQUE"))
    plans(project, "a w", "c z", head="removed: delete\n")
    project.init()
    project.sql("UPDATE plans SET slug = 'x' WHERE code = 'a'")
    plans(project, "b x", "c z", head="removed: delete\n")
    assert counts(project.update(), "plans") == {"keep": 2, "conflicts": 2}
    assert project.row_plan("plans/b").holder == "public.plans (id 1)"
    assert live(project) == {"a": "x", "c": "z"}


def test_a_swap_that_no_made_up_value_can_bridge_is_refused_with_its_rows(
    project: Project,
) -> None:
    project.sql(PLANS.format("NOT NULL UNIQUE CHECK (slug IN ('x', 'w', 'z'))"))
    plans(project, "a x", "b w", "c z")
    project.init()
    plans(project, "a w", "b x", "c z")
    with pytest.raises(SeedingFailed) as caught:
        project.update()
    assert "plans/a, plans/b" in caught.value.message
    assert "DEFERRABLE" in caught.value.hint
    assert live(project) == {"a": "x", "b": "w", "c": "z"}


@pytest.mark.parametrize("deleted", ["", "deleted: gone_at\n"])
def test_a_value_passes_between_a_row_and_one_that_is_marked_as_gone(
    project: Project, deleted: str
) -> None:
    project.sql(
        PLANS.format("NOT NULL") + "; ALTER TABLE plans ADD gone_at date, ADD n int;"
        "CREATE UNIQUE INDEX ON plans (slug) WHERE gone_at IS NULL"
    )
    head = deleted + "removed: {set: {gone_at: 2026-01-01}}\n"
    plans(project, "a x", "c z", head=head)
    project.init()
    for code in ("b", "a", "b"):
        plans(project, f"{code} x", "c z", head=head)
        project.update()
        query = "SELECT code, slug FROM plans WHERE gone_at IS NULL"
        assert dict(project.rows(query)) == {code: "x", "c": "z"}
        project.assert_settled()


def test_refresh_gives_values_back_to_whom_the_catalog_gives_them(project: Project) -> None:
    project.environment = "dev"
    project.sql(PLANS.format("NOT NULL UNIQUE"))
    plans(project, "a x", "b w", "c z", head="removed: delete\n")
    project.run()
    project.sql("UPDATE plans SET slug = '-' || slug")
    project.sql("UPDATE plans SET slug = 'w' WHERE code = 'a'")
    project.sql("UPDATE plans SET slug = 'x' WHERE code = 'b'")
    project.sql("DELETE FROM plans WHERE code = 'c'")
    project.run(Mode.REFRESH)
    assert live(project) == {"a": "x", "b": "w", "c": "z"}
    project.assert_settled(mode=Mode.REFRESH)
