"""`seeder prune`: old images go; what was applied is never forgotten."""

from __future__ import annotations

import datetime

import pytest

from seeder.merge.settled import Settlement
from seeder.settle.prune import parse_keep, prune
from seeder.settle.undo import undo
from tests.support.events import Events
from tests.support.merge import Project


@pytest.fixture
def tiers(project: Project) -> Project:
    project.sql("CREATE TABLE tiers (id serial PRIMARY KEY, name text UNIQUE, seats integer)")
    for seats in (1, 2, 3):
        project.write("tiers", f"table: tiers\nkey: name\nrows: [{{name: a, seats: {seats}}}]\n")
        project.configure(release=str(seats))
        project.update()
    return project


def forget(project: Project, keep: str) -> Settlement:
    return prune(project.settings(), log=Events(), keep=parse_keep(keep))


def test_images_that_are_older_go_and_the_rest_stays(tiers: Project) -> None:
    tiers.sql("UPDATE seeder.runs SET started_at = now() - interval '91 days' WHERE id <= 2")
    base = tiers.entries("tiers")
    settled = forget(tiers, "90d")
    assert settled.subject == "older than 90 days"
    assert settled.counts == {"images": 1, "runs": 0}
    assert tiers.rows("SELECT DISTINCT run FROM seeder.changes") == [(3,)]
    assert tiers.entries("tiers") == base
    assert tiers.value("SELECT count(*) FROM seeder.releases") == 3
    tiers.assert_settled()


def test_runs_that_nothing_refers_to_go_with_their_images(tiers: Project) -> None:
    tiers.update()
    run = tiers.value("SELECT max(id) FROM seeder.runs")
    tiers.update()
    tiers.sql("UPDATE seeder.runs SET started_at = now() - interval '91 days'")
    assert forget(tiers, "90d").counts["runs"] == 1
    assert tiers.rows("SELECT * FROM seeder.runs WHERE id = %s", run) == []


def test_a_pruned_run_has_no_updates_left_to_undo(tiers: Project) -> None:
    tiers.sql("UPDATE seeder.runs SET started_at = now() - interval '91 days' WHERE id <= 2")
    forget(tiers, "90d")
    settled = undo(tiers.settings(), log=Events(), run=2, dry_run=False)
    assert settled.rows == ()


def test_the_run_since_which_a_row_waits_stays(tiers: Project) -> None:
    tiers.sql("CREATE TABLE users (name text PRIMARY KEY, tier_id integer REFERENCES tiers)")
    tiers.sql("DELETE FROM tiers")
    users = "table: users\nkey: name\ncolumns: {tier_id: {ref: tiers}}\nrows:\n"
    users += "  - {name: ann, tier_id: a}\n"
    tiers.write("users", users)
    tiers.update()
    run = tiers.value("SELECT run FROM seeder.waiting")
    # Later runs take its place in all else that the ledger keeps.
    tiers.write("users", users + "  - {name: bob, tier_id: null}\n")
    tiers.write("tiers", "table: tiers\nkey: name\nrows: [{name: a, seats: 3}, {name: b}]\n")
    tiers.update()
    tiers.sql("UPDATE seeder.runs SET started_at = now() - interval '91 days'")
    forget(tiers, "90d")
    assert tiers.rows("SELECT id FROM seeder.runs WHERE id = %s", run) == [(run,)]


def test_nothing_old_means_nothing_done_and_nothing_recorded(tiers: Project) -> None:
    settled = forget(tiers, "36h")
    assert (settled.run, settled.subject) == (None, "older than 36 hours")
    assert tiers.value("SELECT max(id) FROM seeder.runs") == 3


def test_merging_goes_on_after_it(tiers: Project) -> None:
    tiers.sql("UPDATE seeder.runs SET started_at = now() - interval '91 days'")
    forget(tiers, "1d")
    tiers.sql("UPDATE tiers SET seats = 100")
    tiers.write("tiers", "table: tiers\nkey: name\nrows: [{name: a, seats: 4}]\n")
    assert tiers.update().counts["conflicts"] == 1


@pytest.mark.parametrize(("text", "days"), [("90d", 90), ("2w", 14), ("48h", 2), ("0d", 0)])
def test_times_are_hours_days_or_weeks(text: str, days: int) -> None:
    assert parse_keep(text) == datetime.timedelta(days=days)


@pytest.mark.parametrize("text", ["", "90", "d", "90 d", "-1d", "1y", "1.5d"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="90d"):
        parse_keep(text)
