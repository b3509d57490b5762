"""`seeder adopt`: existing rows go on record, and no table of the user's is written."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from seeder.errors import ConfigurationInvalid
from seeder.merge.plan import RowAction, SetDecision
from seeder.merge.settled import Settlement
from seeder.settle.adopt import adopt
from tests.support.events import Events
from tests.support.merge import Project, outcome


def take_in(project: Project, *as_of: Path | str, **renamed: str) -> Settlement:
    said = {name.replace("__", "/"): key for name, key in renamed.items()}
    return adopt(
        project.settings(), log=Events(), as_of=[str(each) for each in as_of], renamed=said
    )


def write(project: Project, *rows: str, extra: str = "removed: keep") -> None:
    lines = "\n".join(f"  - {row}" for row in rows)
    project.write("tiers", f"table: tiers\nkey: name\n{extra}\nrows:\n{lines}\n")


@pytest.fixture
def tiers(project: Project) -> Project:
    """Rows from before seeder: one as the catalog has it, one edited, one of a customer's."""
    project.sql(
        "CREATE TABLE tiers (id serial PRIMARY KEY, name text UNIQUE, seats integer);"
        "INSERT INTO tiers (name, seats) VALUES ('free', 1), ('pro', 50), ('custom', 7)"
    )
    write(project, "{name: free, seats: 1}", "{name: pro, seats: 5}", "{name: max, seats: 9}")
    return project


def live(project: Project) -> dict[str, int]:
    return dict(project.rows("SELECT name, seats FROM tiers"))


def old_project(project: Project, tmp_path: Path, *rows: str, name: str = "old") -> Path:
    directory = tmp_path / name
    shutil.copytree(project.directory, directory)
    lines = "\n".join(f"  - {row}" for row in rows)
    (directory / "seeds/core/tiers.yaml").write_text(f"table: tiers\nkey: name\nrows:\n{lines}\n")
    return directory


def test_rows_are_recorded_and_no_row_is_written(tiers: Project) -> None:
    tiers.init()
    before = tiers.rows("SELECT xmin::text, ctid::text, t::text FROM tiers t")
    settled = take_in(tiers)
    assert tiers.rows("SELECT xmin::text, ctid::text, t::text FROM tiers t") == before
    assert settled.counts == {"adopt": 2, "conflicts": 1, "would insert": 1}
    assert {row.address: row.action for row in settled.rows} == {
        "tiers/pro": RowAction.ADOPT,
        "tiers/max": RowAction.INSERT,
    }
    assert tiers.rows("SELECT mode FROM seeder.runs WHERE id = %s", settled.run) == [("adopt",)]


def test_an_update_then_inserts_what_is_missing_and_keeps_what_differs(tiers: Project) -> None:
    tiers.init()
    take_in(tiers)
    assert outcome(tiers.init(), "tiers").decision is SetDecision.UNCHANGED
    tiers.update()
    assert live(tiers) == {"free": 1, "pro": 50, "custom": 7, "max": 9}
    tiers.assert_settled()


def test_a_changed_default_reaches_what_was_as_desired_and_not_what_differed(
    tiers: Project,
) -> None:
    take_in(tiers)
    write(tiers, "{name: free, seats: 2}", "{name: pro, seats: 6}", "{name: max, seats: 9}")
    tiers.update()
    assert live(tiers) == {"free": 2, "pro": 50, "custom": 7, "max": 9}


def test_it_works_before_the_first_run(tiers: Project) -> None:
    take_in(tiers)
    tiers.init()
    assert live(tiers) == {"free": 1, "pro": 50, "custom": 7}


def test_adopting_twice_does_nothing_the_second_time(tiers: Project) -> None:
    take_in(tiers)
    before = tiers.snapshot()
    settled = take_in(tiers)
    assert (settled.run, settled.rows, settled.counts) == (None, (), {})
    assert tiers.snapshot() == before


def test_seeded_and_empty_tables_are_none_of_its_business(tiers: Project) -> None:
    tiers.sql("CREATE TABLE empty (id serial PRIMARY KEY, name text UNIQUE)")
    tiers.write("empty", "table: empty\nkey: name\nrows: [{name: a}]\n")
    take_in(tiers)
    assert tiers.rows("SELECT * FROM empty") == []
    decision = outcome(tiers.init(), "empty").decision
    assert decision is SetDecision.INSERT
    assert tiers.rows("SELECT name FROM empty") == [("a",)]


def test_the_release_is_left_to_an_update(tiers: Project) -> None:
    tiers.configure(release="1")
    take_in(tiers)
    assert tiers.rows("SELECT * FROM seeder.releases") == []
    tiers.run()
    assert tiers.rows("SELECT release FROM seeder.releases") == [("1",)]
    assert "max" in live(tiers)


def test_a_deploy_of_the_same_image_applies_the_release_afterwards(tiers: Project) -> None:
    tiers.configure(release="1")
    tiers.run()
    assert tiers.run().run_id is None, "an unchanged deploy"
    take_in(tiers)
    assert tiers.run().release == "1"
    assert tiers.rows("SELECT release FROM seeder.releases") == [("1",)]
    assert "max" in live(tiers)


def test_an_old_catalog_tells_a_persons_edit_from_an_old_default(
    tiers: Project, tmp_path: Path
) -> None:
    tiers.sql("UPDATE tiers SET seats = 3 WHERE name = 'free'")
    old = old_project(tiers, tmp_path, "{name: free, seats: 3}", "{name: pro, seats: 5}")
    take_in(tiers, old)
    entry = tiers.entry("tiers", "pro")
    assert (entry["asked"]["seats"], entry["notes"], entry["state"]) == (5, None, "a")
    tiers.update()
    assert live(tiers) == {"free": 1, "pro": 50, "custom": 7, "max": 9}
    assert tiers.entry("tiers", "free")["asked"]["seats"] == 1
    tiers.assert_settled()


def test_a_row_of_the_old_catalog_that_is_gone_was_deleted_by_a_person(
    tiers: Project, tmp_path: Path
) -> None:
    old = old_project(
        tiers, tmp_path, "{name: free, seats: 1}", "{name: pro, seats: 5}", "{name: max, seats: 9}"
    )
    settled = take_in(tiers, old)
    assert settled.counts == {"adopt": 2, "record": 1}
    assert tiers.entry("tiers", "max")["state"] == "d"
    tiers.update()
    assert "max" not in live(tiers)
    tiers.assert_settled()


def test_a_set_that_the_old_catalog_does_not_have_is_adopted_without_it(
    tiers: Project, tmp_path: Path
) -> None:
    tiers.sql("CREATE TABLE extra (name text PRIMARY KEY, n integer)")
    tiers.sql("INSERT INTO extra VALUES ('a', 1), ('b', 2)")
    old = old_project(tiers, tmp_path, "{name: free, seats: 1}")
    tiers.write("extra", "table: extra\nkey: name\nrows: [{name: a, n: 1}, {name: b, n: 3}]\n")
    take_in(tiers, old)
    assert tiers.entry("extra", "a")["notes"] is None
    assert tiers.entry("extra", "b")["notes"]["unknown"] == ["n"]


def test_references_are_adopted_by_key(project: Project, tmp_path: Path) -> None:
    project.sql(
        "CREATE TABLE tiers (id serial PRIMARY KEY, name text UNIQUE);"
        "CREATE TABLE plans (id serial PRIMARY KEY, name text UNIQUE,"
        " tier_id integer NOT NULL REFERENCES tiers);"
        "INSERT INTO tiers (name) VALUES ('b'), ('a');"
        "INSERT INTO plans (name, tier_id) VALUES ('x', 1), ('z', 2)"
    )
    project.write("tiers", "table: tiers\nkey: name\nrows: [{name: a}, {name: b}]\n")
    project.write(
        "plans",
        "table: plans\nkey: name\ncolumns: {tier_id: {ref: tiers}}\n"
        "rows: [{name: x, tier_id: b}, {name: z, tier_id: b}]\n",
    )
    settled = take_in(project)
    assert settled.counts == {"adopt": 4, "conflicts": 1}
    assert project.entry("plans", "x")["notes"] is None
    assert project.entry("plans", "z")["notes"]["unknown"] == ["tier_id"]


def test_a_column_that_is_always_written_is_not_written_now(tiers: Project) -> None:
    write(tiers, "{name: pro, seats: 5}", extra="columns: {seats: {update: always}}")
    take_in(tiers)
    assert live(tiers)["pro"] == 50
    tiers.update()
    assert live(tiers)["pro"] == 5


def test_soft_deleted_rows_count_as_deleted(project: Project) -> None:
    project.sql(
        "CREATE TABLE items (id serial PRIMARY KEY, name text UNIQUE, gone timestamptz);"
        "INSERT INTO items (name, gone) VALUES ('a', now()), ('b', NULL)"
    )
    project.write("items", "table: items\nkey: name\ndeleted: gone\nrows: [{name: a}, {name: b}]\n")
    take_in(project)
    assert project.entry("items", "a")["state"] == "d"
    project.update()
    assert project.value("SELECT count(*) FROM items") == 2


def test_a_release_is_said_to_wait_only_where_it_does(tiers: Project) -> None:
    tiers.configure(release="1")
    tiers.init()
    waits = (
        "The catalog's release counts as applied once an update has run:"
        " `seeder plan --mode update` shows what it would do."
    )
    assert take_in(tiers).notes == (f"Nothing but the ledger was written. {waits}",)
    assert take_in(tiers).notes == (waits,)
    tiers.update()
    settled = take_in(tiers)
    assert (settled.run, settled.notes) == (None, ())


def test_an_adoption_that_fails_or_finds_nothing_leaves_no_ledger(project: Project) -> None:
    write(project, "{name: free, seats: 1}")
    with pytest.raises(ConfigurationInvalid):
        take_in(project)
    assert project.value("SELECT to_regnamespace('seeder') IS NULL")
    project.sql("CREATE TABLE tiers (id serial PRIMARY KEY, name text UNIQUE, seats integer)")
    settled = take_in(project)
    assert settled.run is None
    assert project.value("SELECT to_regnamespace('seeder') IS NULL")
    project.sql("INSERT INTO tiers (name, seats) VALUES ('free', 1)")
    assert take_in(project).run == 1
    assert project.value("SELECT environment FROM seeder.meta") == "production"


def test_a_value_that_is_any_former_default_was_never_touched(
    tiers: Project, tmp_path: Path
) -> None:
    tiers.sql("UPDATE tiers SET seats = 2 WHERE name = 'free'")
    tiers.sql("INSERT INTO tiers (name, seats) VALUES ('max', 8)")
    write(tiers, "{name: free, seats: 4}", "{name: pro, seats: 5}", "{name: max, seats: 9}")
    states = [
        old_project(tiers, tmp_path, *rows, name=f"v{n}")
        for n, rows in [
            (3, ["{name: free, seats: 3}", "{name: pro, seats: 6}", "{name: max, seats: 7}"]),
            (2, ["{name: free, seats: 2}", "{name: pro, seats: 6}", "{name: max, seats: 8}"]),
            (1, ["{name: free, seats: 1}", "{name: pro, seats: 6}", "{name: old, seats: 1}"]),
        ]
    ]
    settled = take_in(tiers, *states)
    assert settled.counts == {"adopt": 3}
    assert {name: tiers.entry("tiers", name)["asked"]["seats"] for name in ("free", "pro")} == {
        "free": 2,
        "pro": 6,
    }
    result = tiers.update()
    assert live(tiers) == {"free": 4, "pro": 50, "custom": 7, "max": 9}
    assert [row.address for row in outcome(result, "tiers").kept] == ["tiers/pro"]
    tiers.assert_settled()
    assert tiers.entry("tiers", "old")["state"] == "d"


def in_git(project: Project, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.test"]
    subprocess.run(["git", *identity, *arguments], cwd=project.directory, check=True)


def test_states_of_a_range_that_do_not_fit_today_are_told_in_a_line_each(tiers: Project) -> None:
    def commit(name: str, *rows: str) -> None:
        write(tiers, *rows)
        in_git(tiers, "add", ".")
        in_git(tiers, "commit", "-qm", name)

    in_git(tiers, "init", "-q")
    for n in range(3):
        commit(f"old {n}", f"{{name: free, places: {n}}}")
    commit("wrong", "{name: free, seats: many}")
    tiers.write("plans", "table: plans\nkey: name\nrows: [{name: a}]\n")
    commit("before", "{name: free, seats: 0}")
    tiers.remove("plans")
    in_git(tiers, "rm", "-q", "--cached", "seeds/core/plans.yaml")
    commit("today", "{name: free, seats: 1}")
    settled = take_in(tiers, "HEAD~5..HEAD")
    assert [re.sub("[0-9a-f]{12}", "X", note) for note in settled.notes[:-1]] == [
        "Set plans was passed over as of X: the table plans does not exist.",
        "Set tiers was passed over as of X: values of it, or of a set that it refers to, do not"
        " fit.",
        "Set tiers was passed over as of X and 2 more states: the table public.tiers has no"
        " column places.",
    ]
    assert tiers.entry("tiers", "free")["asked"]["seats"] == 1


def test_many_reasons_for_passing_a_state_over_are_counted(tiers: Project) -> None:
    in_git(tiers, "init", "-q")
    for n in range(8):
        write(tiers, f"{{name: free, places_{n}: 1}}")
        in_git(tiers, "add", ".")
        in_git(tiers, "commit", "-qm", str(n))
    write(tiers, "{name: free, seats: 1}")
    in_git(tiers, "commit", "-qam", "today")
    notes = take_in(tiers, "HEAD~8..HEAD").notes[:-1]
    assert len(notes) == 6
    assert notes[-1] == "3 more were passed over for other reasons."


def test_a_range_of_git_stands_for_every_state_of_the_folder(tiers: Project) -> None:
    def git(*arguments: str) -> None:
        in_git(tiers, *arguments)

    git("init", "-q")
    for n, seats in enumerate([1, 2, 3, 4]):
        write(tiers, f"{{name: free, seats: {seats}}}", "{name: pro, seats: 5}")
        git("add", ".")
        git("commit", "-qm", str(n))
        git("tag", f"v{n}")
    tiers.write("tiers", "table: tiers\nkey: name\nrows: {}\n")
    git("commit", "-qam", "broken")
    write(tiers, "{name: free, seats: 9}", "{name: pro, seats: 5}")
    git("commit", "-qam", "mended")
    tiers.sql("UPDATE tiers SET seats = 2 WHERE name = 'free'")
    settled = take_in(tiers, "v0..HEAD")
    (note,) = settled.notes[:-1]
    assert re.fullmatch(r"The project was passed over as of [0-9a-f]{12}: `rows` .*\.", note), note
    assert tiers.entry("tiers", "free")["asked"]["seats"] == 2
    tiers.update()
    assert live(tiers)["free"] == 9
    assert live(tiers)["pro"] == 50


@pytest.mark.parametrize("state", ["no-such-place", "a..b", "--output=x"])
def test_what_is_neither_a_directory_nor_a_revision_is_refused(tiers: Project, state: str) -> None:
    with pytest.raises(ConfigurationInvalid, match=state):
        take_in(tiers, state)


@pytest.fixture
def roles(project: Project) -> Project:
    """Roles and their links; a person has renamed one role, and deleted another."""
    project.sql(
        "CREATE TABLE roles (id serial PRIMARY KEY, name text UNIQUE, label text, active boolean);"
        "CREATE TABLE grants (role_id integer REFERENCES roles, what text, PRIMARY KEY (role_id,"
        " what));"
        "INSERT INTO roles (name, label, active) VALUES ('owner', 'Owner', true),"
        " ('reader', 'Viewer', true), ('custom', 'Own', true);"
        "INSERT INTO grants VALUES (1, 'all'), (2, 'see')"
    )
    project.write(
        "roles",
        "table: roles\nkey: name\ndefaults: {active: true}\nrows:\n"
        "  - {name: owner, label: Owner}\n  - {name: viewer, label: Viewer}\n"
        "  - {name: guest, label: Guest}\n",
    )
    project.write(
        "grants",
        "table: grants\nkey: [role_id, what]\ncolumns: {role_id: {ref: roles}}\nrows:\n"
        "  - {role_id: owner, what: all}\n  - {role_id: viewer, what: see}\n"
        "  - {role_id: guest, what: see}\n",
    )
    return project


def names(roles: Project) -> list[str]:
    return [name for (name,) in roles.rows("SELECT name FROM roles ORDER BY id")]


def test_a_row_that_a_person_renamed_is_proposed_and_nothing_is_recorded(roles: Project) -> None:
    with pytest.raises(ConfigurationInvalid) as caught:
        take_in(roles, roles.directory)
    (problem,) = caught.value.problems
    assert (problem.address, problem.remedy) == (
        "roles/viewer",
        "If somebody renamed it, add --renamed roles/viewer=reader; if it was deleted,"
        " --renamed roles/viewer=",
    )
    assert roles.value("SELECT to_regnamespace('seeder') IS NULL")


def test_a_row_said_to_be_renamed_is_recorded_with_all_its_links(roles: Project) -> None:
    settled = take_in(roles, roles.directory, roles__viewer="reader")
    assert settled.counts == {"adopt": 4, "record": 2}
    assert roles.entry("roles", "viewer")["state"] == "a"
    assert roles.entry("grants", "viewer,see")["state"] == "a"
    assert roles.entry("roles", "guest")["state"] == "d"
    roles.update()
    assert roles.rows("SELECT name FROM roles ORDER BY id") == [
        ("owner",),
        ("reader",),
        ("custom",),
    ]
    assert roles.value("SELECT count(*) FROM grants") == 2
    roles.assert_settled()
    file = roles.directory / "seeds/core/roles.yaml"
    file.write_text(file.read_text().replace("label: Viewer", "label: Reader"))
    roles.update()
    assert roles.value("SELECT label FROM roles WHERE name = 'reader'") == "Reader"


def test_a_row_said_to_be_gone_counts_as_deleted(roles: Project) -> None:
    settled = take_in(roles, roles.directory, roles__viewer="")
    assert settled.counts == {"adopt": 2, "record": 4}
    roles.update()
    assert roles.rows("SELECT name FROM roles ORDER BY id") == [
        ("owner",),
        ("reader",),
        ("custom",),
    ]


def test_without_an_old_catalog_a_renamed_row_does_not_come_a_second_time(roles: Project) -> None:
    with pytest.raises(ConfigurationInvalid):
        take_in(roles)
    settled = take_in(roles, roles__viewer="reader")
    assert settled.counts == {"adopt": 4, "would insert": 2}
    roles.update()
    assert roles.value("SELECT count(*) FROM roles WHERE label = 'Viewer'") == 1


def test_a_name_that_no_free_row_has_is_refused(roles: Project) -> None:
    for name in ("owner", "nobody"):
        with pytest.raises(ConfigurationInvalid) as caught:
            take_in(roles, roles.directory, roles__viewer=name)
        assert caught.value.problems[0].message == (
            f"No row of public.roles that is free has the key {name}."
        )


def test_values_that_several_rows_share_propose_nothing(roles: Project) -> None:
    roles.sql("UPDATE roles SET label = 'x'")
    file = roles.directory / "seeds/core/roles.yaml"
    file.write_text(
        file.read_text().replace("label: Viewer", "label: x").replace("label: Guest", "label: x")
    )
    assert take_in(roles, roles.directory).counts["record"] == 4
