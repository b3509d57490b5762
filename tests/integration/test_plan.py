"""`seeder plan`: what a run would do, said before, and nothing written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from seeder.database.connection.lock import key_of
from seeder.merge.plan import Plan, RowAction, SetDecision
from seeder.merge.plan_document import from_document
from tests.support.plans import rows_digest
from tests.support.shop import ROLES_SEED, Done, Shop

NEW_ROLES = """
    table: roles
    key: code
    rows:
      - {code: owner, level: 4}
      - {code: editor, level: 3}
      - {code: viewer, level: 1}
      - {code: guest, level: 0}
"""


def plan(shop: Shop, *arguments: str, **environ: str) -> Plan:
    done = shop.command("plan", "--json", *arguments, **environ)
    assert done.exit_code == 0, done.stderr
    return from_document(json.loads(done.stdout))


def actions(found: Plan, name: str) -> list[tuple[str, str]]:
    (each,) = [one for one in found.sets if one.name == name]
    return [(row.address, row.action.value) for row in each.rows]


def decisions(found: Plan) -> dict[str, SetDecision]:
    return {each.name: each.decision for each in found.sets}


def roles(shop: Shop) -> list[tuple[str, int]]:
    return shop.rows("SELECT code, level FROM roles ORDER BY code")


@pytest.fixture
def launched(shop: Shop) -> Shop:
    """Seeded once, as release 1."""
    shop.configure(release="1")
    assert shop.run().exit_code == 0
    return shop


# The plan is what the run then does.


def test_the_plan_of_a_first_launch_lists_the_migrations_and_the_sets_that_await_them(
    shop: Shop,
) -> None:
    found = plan(shop)
    assert found.provisional
    assert found.migrations == ("0001", "0002")
    assert decisions(found) == {
        "roles": SetDecision.AWAITING_TABLE,
        "members": SetDecision.AWAITING_TABLE,
    }


def test_the_plan_after_the_migrations_lists_every_row_of_a_first_launch(shop: Shop) -> None:
    assert shop.run("--mode", "none").exit_code == 0
    found = plan(shop)
    assert not found.provisional
    assert actions(found, "roles") == [
        ("roles/owner", "insert"),
        ("roles/editor", "insert"),
        ("roles/viewer", "insert"),
    ]
    assert [row.columns[-1].desired for row in found.sets[1].rows] == ["-> owner"]


def test_the_plan_shown_before_is_what_the_run_then_does_row_for_row(launched: Shop) -> None:
    launched.database.execute("UPDATE roles SET level = 30 WHERE code = 'owner'")
    launched.database.execute("DELETE FROM members")
    launched.configure(release="2")
    launched.seed("roles", NEW_ROLES)
    before = dict(roles(launched))
    found = plan(launched)
    assert found.mode.value == "update"
    assert found.reason == "release 2 is new here"
    rows = {row.address: row for each in found.sets for row in each.rows}
    assert {address: row.action for address, row in rows.items()} == {
        "roles/owner": RowAction.KEEP,
        "roles/editor": RowAction.UPDATE,
        "roles/guest": RowAction.INSERT,
        "members/root@example.test": RowAction.RECORD,
    }
    done = launched.run()
    assert {(e["set"], e["decision"]): _counts(e) for e in done.named("set.applied")} == {
        (each.name, each.decision.value): dict(each.counts) for each in found.sets
    }
    after = dict(roles(launched))
    for address, row in rows.items():
        if not address.startswith("roles/"):
            continue
        code = address.removeprefix("roles/")
        (level,) = [column for column in row.columns if column.name == "level"]
        assert before.get(code) == (None if level.live is None else int(level.live))
        writes = row.action in (RowAction.UPDATE, RowAction.INSERT)
        assert after[code] == int((level.desired if writes else level.live) or 0)
    assert launched.rows("SELECT addr FROM seeder.changes ORDER BY addr") == [("editor",)]


def _counts(event: dict[str, Any]) -> dict[str, int]:
    return {
        name: value
        for name, value in event.items()
        if name not in ("timestamp", "level", "event", "run", "set", "decision")
    }


def test_a_column_shows_last_applied_live_and_desired_and_why(launched: Shop) -> None:
    launched.database.execute("UPDATE roles SET level = 30 WHERE code = 'owner'")
    launched.seed("roles", NEW_ROLES)
    text = launched.command("plan", "--mode", "update").stdout
    assert (
        "  1 to insert: new in the catalog\n"
        "    + roles/guest  level 0\n"
        "  1 to update: the catalog has changed\n"
        "    ~ roles/editor\n"
        "        level  2 → 3\n"
        "  1 in conflict: changed here and in the catalog\n"
        "    ! roles/owner\n"
        "        level  changed here as well; the live value stays\n"
        "          last applied  3\n"
        "          live          30\n"
        "          desired       4\n"
    ) in text


def test_what_a_trigger_made_of_a_value_is_shown_beside_what_was_asked(
    empty_shop: Shop,
) -> None:
    empty_shop.configure(migrations="none = true")
    empty_shop.database.execute(
        "CREATE TABLE roles (code text PRIMARY KEY, label text);"
        "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN NEW.label := upper(NEW.label); RETURN NEW; END $$;"
        "CREATE TRIGGER shout BEFORE INSERT OR UPDATE ON roles FOR EACH ROW"
        " EXECUTE FUNCTION shout()"
    )
    empty_shop.seed("roles", "table: roles\nkey: code\nrows: [{code: a, label: old}]\n")
    empty_shop.run()
    empty_shop.seed("roles", "table: roles\nkey: code\nrows: [{code: a, label: new}]\n")
    text = empty_shop.command("plan", "--mode", "update").stdout
    assert (
        "        label  'OLD' → 'new'  unchanged since seeder wrote it;"
        " last applied 'old', stored as 'OLD'\n"
    ) in text


def test_a_set_that_would_wait_is_pending_with_a_hint(launched: Shop) -> None:
    launched.seed("roles", NEW_ROLES)
    found = plan(launched)
    assert found.mode.value == "init"
    assert decisions(found) == {"roles": SetDecision.PENDING, "members": SetDecision.UNCHANGED}
    assert "`seeder plan --mode update` shows" in launched.command("plan").stdout


def test_a_set_whose_references_wait_is_pending_in_the_plan_as_in_the_run(launched: Shop) -> None:
    launched.database.execute("CREATE TABLE grants (role_id int PRIMARY KEY REFERENCES roles)")
    launched.seed("roles", NEW_ROLES)
    launched.seed(
        "grants",
        "table: grants\nkey: role_id\ncolumns: {role_id: {ref: roles}}\nrows: [{role_id: guest}]\n",
    )
    waiting = {
        "roles": SetDecision.PENDING,
        "grants": SetDecision.PENDING,
        "members": SetDecision.UNCHANGED,
    }
    assert decisions(plan(launched)) == waiting
    assert launched.run().exit_code == 0
    assert decisions(plan(launched)) == waiting, "a set that waited does not count as seeded"
    assert launched.run("--mode", "update").exit_code == 0
    assert launched.value("SELECT count(*) FROM grants") == 1


def test_rows_that_were_here_before_are_adopted_only_by_a_plan_in_mode_update(
    empty_shop: Shop,
) -> None:
    empty_shop.configure(migrations="none = true", release="1")
    empty_shop.database.execute(
        "CREATE TABLE roles (code text PRIMARY KEY, level int); INSERT INTO roles VALUES ('owner')"
    )
    empty_shop.seed("roles", ROLES_SEED)
    assert decisions(plan(empty_shop)) == {"roles": SetDecision.UNADOPTED}
    assert actions(plan(empty_shop, "--mode", "update"), "roles") == [
        ("roles/owner", "adopt"),
        ("roles/editor", "insert"),
        ("roles/viewer", "insert"),
    ]


def test_tasks_that_would_run_are_listed(launched: Shop) -> None:
    launched.write("seeds/update/2_levels.sql", "UPDATE roles SET level = level + 1;")
    launched.configure(release="2")
    assert plan(launched, "--mode", "init").tasks == ()
    assert len(plan(launched).tasks) == 1
    assert launched.run().exit_code == 0
    assert plan(launched, "--mode", "update").tasks == ()


def test_a_plan_fails_as_the_run_would(launched: Shop) -> None:
    launched.seed("roles", "table: roles\nkey: code\nrows: [{code: owner, lvl: 1}]\n")
    done = launched.command("plan")
    assert done.exit_code == 10
    assert "Did you mean level?" in done.stderr
    launched.seed("roles", "table: rolls\nkey: code\nrows: [{code: owner}]\n")
    assert launched.command("plan").exit_code == 10
    assert launched.command("plan", "--mode", "refresh").exit_code == 10
    assert launched.command("plan", SEEDER_ENVIRONMENT="dev").exit_code == 10


def test_an_older_image_plans_to_leave_the_database_alone(launched: Shop) -> None:
    launched.scripts.add("0003", "CREATE TABLE later (id int)")
    assert launched.run().exit_code == 0
    (launched.directory / "migrations" / "versions" / "0003.py").unlink()
    found = plan(launched)
    assert (found.sets, found.mode.value) == ((), "none")
    assert "ahead of this image" in found.reason


# Pending migrations.


def test_sets_that_fit_the_schema_are_planned_although_others_await_the_migrations(
    launched: Shop,
) -> None:
    launched.scripts.add("0003", "ALTER TABLE members ADD COLUMN name text")
    launched.seed("roles", NEW_ROLES)
    launched.seed(
        "members",
        """
        table: members
        key: email
        columns: {role_id: {ref: roles}}
        rows: [{email: root@example.test, role_id: owner, name: Root}]
        """,
    )
    found = plan(launched, "--mode", "update")
    assert found.provisional
    assert found.migrations == ("0003",)
    assert decisions(found) == {
        "roles": SetDecision.MERGE,
        "members": SetDecision.AWAITING_TABLE,
    }
    assert actions(found, "roles")[0] == ("roles/owner", "update")
    assert "no column name" in found.sets[1].reason


def test_sets_that_refer_to_a_set_that_awaits_the_migrations_await_them_too(
    launched: Shop,
) -> None:
    launched.scripts.add("0003", "ALTER TABLE roles ADD COLUMN name text")
    launched.seed(
        "roles", "table: roles\nkey: code\nrows: [{code: owner, level: 1, name: Owner}]\n"
    )
    found = plan(launched, "--mode", "update")
    assert set(decisions(found).values()) == {SetDecision.AWAITING_TABLE}
    assert found.sets[1].reason == "it refers to set roles, which awaits the migrations"


SCOPED = """
    table: roles
    key: code
    scope: {organization_id: null}
    rows:
      - {code: owner, level: 3}
      - {code: editor, level: 2}
      - {code: viewer, level: 1}
"""


@pytest.mark.parametrize("mode", ["auto", "update"])
def test_a_set_whose_scope_column_comes_with_the_migrations_awaits_them(
    launched: Shop, mode: str
) -> None:
    launched.scripts.add("0003", "ALTER TABLE roles ADD COLUMN organization_id bigint")
    launched.seed("roles", SCOPED)
    launched.configure(release="2")
    found = plan(launched, "--mode", mode)
    assert set(decisions(found).values()) == {SetDecision.AWAITING_TABLE}
    assert "no column organization_id" in found.sets[0].reason
    assert found.warnings == ()
    assert launched.run().exit_code == 0
    assert plan(launched, "--mode", "update").sets[0].rows == ()


def test_a_scope_that_fits_no_table_is_no_matter_in_another_environment(launched: Shop) -> None:
    launched.write(
        "seeds/dev/guests.yaml",
        "table: roles\nkey: code\nscope: {organization_id: null}\nrows: []\n",
    )
    assert decisions(plan(launched, "--mode", "update"))["roles"] is SetDecision.MERGE
    assert launched.run("--mode", "update").exit_code == 0


def test_values_that_fit_only_after_the_migrations_await_them(launched: Shop) -> None:
    launched.scripts.add("0003", "ALTER TABLE roles ALTER COLUMN level TYPE text")
    launched.seed("roles", "table: roles\nkey: code\nrows: [{code: owner, level: high}]\n")
    found = plan(launched, "--mode", "update")
    assert decisions(found)["roles"] is SetDecision.AWAITING_TABLE
    assert launched.run("--mode", "update").exit_code == 0


# Nothing is written.


def test_a_plan_writes_nothing_on_a_database_that_never_saw_a_run(shop: Shop) -> None:
    before = shop.snapshot()
    for mode in ("auto", "init", "update", "none"):
        plan(shop, "--mode", mode)
    assert shop.snapshot() == before


def test_a_plan_writes_nothing_on_a_seeded_database(launched: Shop) -> None:
    launched.configure(release="2")
    launched.seed(
        "roles", NEW_ROLES.replace("viewer", "reader") + "    moved: [{from: viewer, to: reader}]\n"
    )
    before = launched.snapshot()
    assert ("roles/reader", "move") in actions(plan(launched), "roles")
    plan(launched, "--mode", "init")
    assert launched.snapshot() == before


def test_a_plan_needs_a_role_that_may_read_and_no_more(launched: Shop) -> None:
    launched.configure(release="2")
    launched.seed("roles", NEW_ROLES)
    name = launched.database.name + "_reader"
    launched.database.execute(
        f"CREATE ROLE {name} LOGIN; GRANT USAGE ON SCHEMA seeder TO {name};"
        f"GRANT SELECT ON ALL TABLES IN SCHEMA seeder, public TO {name};"
        f"ALTER ROLE {name} SET default_transaction_read_only = on"
    )
    try:
        url = launched.database.server.url(launched.database.name, user=name)
        assert plan(launched, DATABASE_URL=url).id == plan(launched).id
        assert plan(launched, DATABASE_URL=url).changes == 3
    finally:
        launched.database.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_a_plan_waits_for_no_lock(launched: Shop) -> None:
    with psycopg.connect(launched.database.url) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [key_of("seeder")])
        other.execute("SELECT * FROM roles FOR UPDATE")
        assert launched.command("plan", "--deadline", "5").exit_code == 0


# What is told, and how.


@pytest.mark.parametrize("mode", ["init", "update"])
def test_the_exit_code_stays_0_where_all_is_as_desired(launched: Shop, mode: str) -> None:
    assert launched.command("plan", "--exit-code", "--mode", mode).exit_code == 0


def test_a_dry_run_shows_the_plan_and_writes_nothing(launched: Shop) -> None:
    launched.seed("roles", NEW_ROLES)
    before = launched.snapshot()
    done = launched.command("run", "--dry-run", "--mode", "update")
    assert (done.exit_code, launched.snapshot()) == (0, before)
    assert done.stdout == launched.command("plan", "--mode", "update").stdout
    assert "Plan for production: mode update" in done.stdout
    for option in ("--plan", "--report"):
        assert launched.command("run", "--dry-run", option, "x.json").exit_code == 2


def test_the_exit_code_tells_of_changes_and_of_conflicts(launched: Shop) -> None:
    launched.seed("roles", NEW_ROLES)
    assert launched.command("plan", "--mode", "update").exit_code == 0
    assert launched.command("plan", "--exit-code", "--mode", "update").exit_code == 20
    assert launched.command("plan", "--exit-code").exit_code == 20, "a set is pending"
    launched.database.execute("UPDATE roles SET level = 30 WHERE code = 'owner'")
    assert launched.command("plan", "--exit-code", "--mode", "update").exit_code == 21
    assert launched.run("--mode", "update").exit_code == 0
    done = launched.command("plan", "--exit-code", "--mode", "update")
    assert done.exit_code == 21, "it stays open"
    assert "1 row is in conflict since earlier runs: `seeder conflicts` shows" in done.stdout
    assert launched.command("resolve", "roles/owner", "--take", "live").exit_code == 0
    done = launched.command("plan", "--exit-code", "--mode", "update")
    assert done.exit_code == 0


def test_the_exit_code_tells_of_pending_migrations_and_tasks(launched: Shop) -> None:
    launched.write("seeds/update/2_levels.sql", "SELECT 1;")
    assert launched.command("plan", "--exit-code", "--mode", "update").exit_code == 20
    assert launched.run("--mode", "update").exit_code == 0
    launched.scripts.add("0003", "CREATE TABLE later (id int)")
    assert launched.command("plan", "--exit-code").exit_code == 20


def test_equal_plans_have_equal_ids_and_a_touched_row_moves_them(launched: Shop) -> None:
    launched.seed("roles", NEW_ROLES)
    first = plan(launched, "--mode", "update")
    assert plan(launched, "--mode", "update").id == first.id
    for each in first.sets:
        assert each.digest == rows_digest(each.rows)
    launched.database.execute("UPDATE roles SET level = 77 WHERE code = 'viewer'")
    assert plan(launched, "--mode", "update").id == first.id, "no row that the plan touches"
    launched.database.execute("UPDATE roles SET level = 77 WHERE code = 'editor'")
    assert plan(launched, "--mode", "update").id != first.id


def test_out_replaces_the_file_as_a_whole(launched: Shop, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text("something longer than " + "x" * 100_000)
    done = launched.command("plan", "--out", str(file))
    assert done.stdout.startswith("Plan for production")
    assert from_document(json.loads(file.read_bytes())) == plan(launched)
    assert [path.name for path in tmp_path.iterdir() if "plan" in path.name] == ["plan.json"]


def test_a_file_that_cannot_be_written_is_told(launched: Shop, tmp_path: Path) -> None:
    done = launched.command("plan", "--out", str(tmp_path / "no" / "plan.json"))
    assert done.exit_code == 10
    assert "The plan cannot be written" in done.stderr


def test_no_secret_is_in_a_plan(shop: Shop) -> None:
    secret = "correct-horse"
    shop.seed(
        "members",
        """
        table: members
        key: email
        columns:
          role_id: {ref: roles}
          password: {secret: true, update: always}
        rows:
          - {email: root@example.test, role_id: owner, password: !env ROOT_PASSWORD}
          - {email: new@example.test, role_id: owner, password: !env ROOT_PASSWORD}
        """,
    )
    environ = {"ROOT_PASSWORD": secret}
    assert shop.run("--mode", "none", **environ).exit_code == 0

    def told() -> Done:
        done = shop.command("plan", "--mode", "update", **environ)
        both = done.stdout + done.stderr + shop.command("plan", "--json", **environ).stdout
        assert secret not in both
        assert "before-horse" not in both
        return done

    assert "password (secret)" in told().stdout
    assert shop.run(**environ).exit_code == 0
    shop.database.execute("UPDATE members SET password = 'before-horse'")
    assert "password  (secret)  the catalog's value is written at every update" in told().stdout


def test_a_role_that_may_not_read_is_told_so(launched: Shop) -> None:
    name = launched.database.name + "_nobody"
    launched.database.execute(f"CREATE ROLE {name} LOGIN")
    try:
        url = launched.database.server.url(launched.database.name, user=name)
        assert launched.command("plan", DATABASE_URL=url).exit_code == 11
    finally:
        launched.database.execute(f"DROP ROLE {name}")
