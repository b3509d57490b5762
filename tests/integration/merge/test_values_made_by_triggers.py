"""Unique values that only triggers make: found by writing, then conflicts as all others are."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path

import pytest

from seeder import job
from seeder.errors import PlanStale, SeedingFailed
from seeder.merge.choices import Take
from seeder.merge.plan import RowAction, SetDecision
from seeder.merge.settled import Settlement
from seeder.settle.resolve import resolve
from tests.support.events import Events
from tests.support.merge import Project, counts, outcome

SLUGS = """
CREATE TABLE plans (
    id serial PRIMARY KEY, code text NOT NULL UNIQUE, name text, region text, slug text{unique}
);
CREATE FUNCTION make_slug() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.slug := lower(NEW.name); RETURN NEW; END $$;
CREATE TRIGGER make_slug BEFORE INSERT OR UPDATE ON plans
    FOR EACH ROW EXECUTE FUNCTION make_slug();
{index}
"""
INDEXES = {
    "a constraint": (" UNIQUE", ""),
    "an expression": ("", "CREATE UNIQUE INDEX ON plans (reverse(slug), coalesce(region, '-'))"),
    "a part": ("", "CREATE UNIQUE INDEX ON plans (slug) WHERE id > 0"),
    "an exclusion": ("", "ALTER TABLE plans ADD EXCLUDE USING btree (slug WITH =, code WITH <>)"),
}
QUERY = "SELECT code, name, slug FROM plans ORDER BY code"
MINE = ("mine", "Best", "best")


def plans(project: Project, *rows: str, head: str = "") -> None:
    """Write the set `plans`: rows as `code name`."""
    listed = "".join("  - {{code: {}, name: {}}}\n".format(*row.split()) for row in rows)
    project.write("plans", f"table: plans\nkey: code\n{head}rows:\n{listed}")


def shop_with(project: Project, unique: str, index: str) -> Project:
    """A launched set, and a customer's row whose slug a trigger has made `best`."""
    project.surveyed = False  # nobody knows beforehand what the trigger is going to make
    project.sql(SLUGS.format(unique=unique, index=index))
    plans(project, "a A")
    project.init()
    project.sql("INSERT INTO plans (code, name) VALUES ('mine', 'Best')")
    return project


@pytest.fixture
def shop(project: Project) -> Project:
    """The shop, with a constraint on the slug."""
    return shop_with(project, *INDEXES["a constraint"])


@pytest.mark.parametrize("index", INDEXES)
def test_a_new_row_is_a_conflict_and_the_rest_goes_on(project: Project, index: str) -> None:
    if index == "an exclusion":
        project.sql("CREATE EXTENSION IF NOT EXISTS btree_gist")
    unique, made = INDEXES[index]
    shop = shop_with(project, unique, made.replace("USING btree", "USING gist"))
    plans(shop, "a AA", "b best", "c C")
    result = shop.update()
    assert counts(result, "plans") == {"update": 1, "insert": 1, "keep": 1, "conflicts": 1}
    (kept,) = outcome(result, "plans").kept
    assert (kept.address, kept.rule, kept.holder) == ("plans/b", "new_held", "public.plans (id 2)")
    assert shop.rows(QUERY) == [("a", "AA", "aa"), ("c", "C", "c"), MINE]


def test_it_is_told_once_foretold_from_then_on_and_arrives_when_the_value_is_free(
    shop: Project,
) -> None:
    plans(shop, "a A", "b best")
    shop.update()
    shop.surveyed = True
    assert counts(shop.update(), "plans") == {}
    shop.sql("DELETE FROM plans WHERE code = 'mine'")
    assert counts(shop.init(), "plans") == {"insert": 1}, "an ordinary deploy looks again"
    assert shop.rows(QUERY) == [("a", "A", "a"), ("b", "best", "best")]
    assert shop.value("SELECT count(*) FROM seeder.waiting") == 0
    shop.assert_settled()


def test_a_changed_row_keeps_what_it_has_until_the_value_is_free(shop: Project) -> None:
    plans(shop, "a best", "c C")
    assert counts(shop.update(), "plans") == {"keep": 1, "conflicts": 1, "insert": 1}
    assert shop.rows(QUERY) == [("a", "A", "a"), ("c", "C", "c"), MINE]
    assert counts(shop.update(), "plans") == {}, "told once"
    shop.sql("DELETE FROM plans WHERE code = 'mine'")
    assert counts(shop.update(), "plans") == {"update": 1}
    assert shop.rows(QUERY) == [("a", "best", "best"), ("c", "C", "c")]


def test_several_rows_are_each_found(shop: Project) -> None:
    shop.sql("INSERT INTO plans (code, name) VALUES ('yours', 'Good'), ('theirs', 'Fair')")
    plans(shop, "a good", "b best", "c C", "d fair")
    assert counts(shop.update(), "plans") == {"keep": 3, "conflicts": 3, "insert": 1}
    assert [row[0] for row in shop.rows(QUERY)] == ["a", "c", "mine", "theirs", "yours"]


def test_rows_that_refer_to_it_are_skipped_and_come_with_it(shop: Project) -> None:
    shop.sql("CREATE TABLE limits (code text PRIMARY KEY, plan_id int NOT NULL REFERENCES plans)")
    shop.write(
        "limits",
        "table: limits\nkey: code\ncolumns: {plan_id: {ref: plans}}\n"
        "rows:\n  - {code: one, plan_id: a}\n  - {code: two, plan_id: b}\n",
    )
    plans(shop, "a A", "b best")
    assert counts(shop.update(), "limits") == {"insert": 1, "skip": 1}
    shop.sql("DELETE FROM plans WHERE code = 'mine'")
    shop.init()
    assert shop.rows("SELECT code FROM limits ORDER BY 1") == [("one",), ("two",)]


def test_a_first_launch_beside_rows_of_others_goes_row_by_row(project: Project) -> None:
    project.surveyed = False
    project.sql(SLUGS.format(unique=" UNIQUE", index=""))
    project.sql("INSERT INTO plans (code, name, region) VALUES ('mine', 'Best', 'mine')")
    plans(project, "a A", "b best", head="scope: {region: ours}\n")
    result = project.init()
    assert outcome(result, "plans").decision is SetDecision.ADOPT
    assert counts(result, "plans") == {"insert": 1, "keep": 1, "conflicts": 1}


def test_the_very_row_that_somebody_inserts_at_the_same_moment_is_not_in_its_own_way(
    shop: Project,
) -> None:
    plans(shop, "a A", "b Bee", head="conflict: overwrite\n")
    other = shop.database.connect()
    other.execute("BEGIN")
    other.execute("INSERT INTO plans (code, name) VALUES ('b', 'Theirs')")
    threading.Timer(0.5, lambda: other.execute("COMMIT")).start()
    assert counts(shop.update(), "plans") == {"adopt": 1}
    assert ("b", "Bee", "bee") in shop.rows(QUERY)


def test_two_rows_of_one_catalog_are_refused_as_before(shop: Project) -> None:
    plans(shop, "a A", "b good", "c Good")
    with pytest.raises(SeedingFailed, match="plans/c was rejected"):
        shop.update()
    assert shop.rows(QUERY) == [("a", "A", "a"), MINE]


def test_more_rows_than_a_run_looks_for_end_it(shop: Project) -> None:
    shop.sql(
        "INSERT INTO plans (code, name) SELECT 'm' || n, 'N' || n FROM generate_series(1, 21) n"
    )
    plans(shop, *(f"b{n} n{n}" for n in range(1, 22)))
    with pytest.raises(SeedingFailed, match=r"was rejected by public\.plans: UniqueViolation"):
        shop.update(allow_missing=("plans",))
    assert shop.value("SELECT count(*) FROM plans WHERE code LIKE 'b%'") == 0


def test_a_run_that_keeps_to_a_plan_says_what_the_plan_could_not_know(
    shop: Project, tmp_path: Path
) -> None:
    plans(shop, "a A", "b best", "c C")
    shop.configure(release="2")
    file = tmp_path / "plan.json"
    assert shop.command("plan", "--out", str(file)) == 0
    with pytest.raises(PlanStale, match=r"plans/b gets .* that public\.plans \(id 2\) holds"):
        job.run(dataclasses.replace(shop.settings(), plan=file), log=Events())
    assert shop.rows(QUERY) == [("a", "A", "a"), MINE]
    assert counts(shop.run(), "plans") == {"insert": 1, "keep": 1, "conflicts": 1}


def settle(project: Project, address: str, take: Take) -> Settlement:
    """Resolve a conflict."""
    return resolve(project.settings(), log=Events(), addresses=[address], take=take)


def test_resolve_makes_the_row_in_the_way_the_seeded_one(shop: Project) -> None:
    plans(shop, "a A", "b best")
    shop.update()
    (waits,) = settle(shop, "plans/b", Take.DESIRED).rows
    assert waits.action is RowAction.KEEP
    assert "waits until public.plans (id 2) gives the value up" in waits.reason
    assert settle(shop, "plans/b", Take.LIVE).counts == {"adopt": 1}
    shop.surveyed = True
    assert counts(shop.update(), "plans") == {}
    assert shop.rows(QUERY) == [("a", "A", "a"), MINE]
    shop.assert_settled()


def test_resolve_of_a_changed_row_names_what_is_in_the_way(shop: Project) -> None:
    plans(shop, "a best")
    shop.update()
    with pytest.raises(SeedingFailed, match=r"plans/a was rejected by public\.plans"):
        settle(shop, "plans/a", Take.DESIRED)
    assert settle(shop, "plans/a", Take.LIVE).counts == {"record": 1}
    shop.surveyed = True
    assert counts(shop.update(), "plans") == {}
    shop.assert_settled()


def test_a_mark_whose_setting_left_the_catalog_stays_where_its_value_is_taken(
    project: Project,
) -> None:
    project.sql("CREATE TABLE plans (code text PRIMARY KEY, name text, note text UNIQUE)")
    head = "removed: {set: {note: gone}}\n"
    plans(project, "a A", "b B", head=head)
    project.run()
    project.sql("UPDATE plans SET note = 'first' WHERE code = 'b'")
    plans(project, "a A", head=head)
    project.update()
    project.sql("INSERT INTO plans VALUES ('mine', 'Mine', 'first')")
    plans(project, "a AA", "b BB")
    assert counts(project.update(), "plans") == {"update": 1, "restore": 1, "conflicts": 1}
    assert project.rows("SELECT * FROM plans ORDER BY code") == [
        ("a", "AA", None),
        ("b", "BB", "gone"),
        ("mine", "Mine", "first"),
    ]
    project.assert_settled()
