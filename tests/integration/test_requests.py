"""The pending plan, its approval, and what the next run makes of it."""

from __future__ import annotations

import json

import psycopg
import pytest

from seeder.merge.plan import Plan
from seeder.merge.plan_document import ROWS, from_document
from tests.integration.test_plan_file import NEW, NEW_ROLES, OLD, edit, levels
from tests.support.shop import ROLES_SEED, Shop


@pytest.fixture
def waiting(shop: Shop) -> Shop:
    """Seeded as release 1, then deployed with a changed catalog: an update waits."""
    shop.configure(release="1")
    assert shop.run().exit_code == 0
    shop.seed("roles", NEW_ROLES)
    assert shop.run().exit_code == 0
    return shop


def pending(shop: Shop) -> Plan | None:
    rows = shop.rows("SELECT plan_id, document FROM seeder.pending_plan")
    if not rows:
        return None
    ((plan_id, document),) = rows
    found = from_document(document)
    assert found.id == plan_id
    return found


def pending_id(shop: Shop) -> str:
    found = pending(shop)
    assert found is not None
    return found.id


def states(shop: Shop) -> list[tuple[str, str]]:
    return shop.rows("SELECT actor, state FROM seeder.requests ORDER BY id")


def approve(shop: Shop, actor: str = "jo") -> None:
    done = shop.command("approve", pending_id(shop), "--actor", actor)
    assert done.exit_code == 0, done.stderr


# The pending plan.


def test_a_run_that_leaves_sets_pending_stores_the_plan_of_the_update(waiting: Shop) -> None:
    found = pending(waiting)
    assert found is not None
    assert (found.mode.value, found.provisional) == ("update", False)
    shown = json.loads(waiting.command("plan", "--json", "--mode", "update").stdout)
    assert found == from_document(shown), "it is the plan of an update by hand"


def test_the_run_and_its_report_name_the_pending_plan(waiting: Shop) -> None:
    done = waiting.run("--mode", "init", SEEDER_LOG_FORMAT="text")
    assert f"Pending plan: {pending_id(waiting)}\n" in done.stdout


def test_a_run_that_leaves_nothing_pending_clears_it(waiting: Shop) -> None:
    waiting.configure(release="2")
    assert waiting.run().exit_code == 0
    assert pending(waiting) is None


def test_an_unchanged_deploy_keeps_it(waiting: Shop) -> None:
    before = pending(waiting)
    assert "run.unchanged" in waiting.run().names
    assert pending(waiting) == before


def test_unadopted_sets_have_a_pending_plan_that_adopts_them(empty_shop: Shop) -> None:
    empty_shop.configure(migrations="none = true", release="1")
    empty_shop.database.execute(
        "CREATE TABLE roles (code text PRIMARY KEY, level int);"
        " INSERT INTO roles VALUES ('owner', 9)"
    )
    empty_shop.seed("roles", ROLES_SEED)
    assert empty_shop.run().exit_code == 0
    found = pending(empty_shop)
    assert found is not None
    assert {row.address: row.action.value for row in found.sets[0].rows} == {
        "roles/owner": "adopt",
        "roles/editor": "insert",
        "roles/viewer": "insert",
    }
    assert empty_shop.rows("SELECT release FROM seeder.releases") == []
    approve(empty_shop)
    assert empty_shop.run().exit_code == 0
    assert levels(empty_shop) == OLD | {"owner": 9}
    assert empty_shop.rows("SELECT release FROM seeder.releases") == [("1",)]
    assert pending(empty_shop) is None


def test_a_task_that_waits_has_a_pending_plan(shop: Shop) -> None:
    assert shop.run().exit_code == 0
    shop.write("seeds/update/2_more.sql", "UPDATE roles SET level = level + 1;")
    assert shop.run().exit_code == 0
    found = pending(shop)
    assert found is not None
    assert len(found.tasks) == 1
    approve(shop)
    assert shop.run().exit_code == 0
    assert levels(shop) == {"owner": 4, "editor": 3, "viewer": 2}


def test_a_stored_plan_names_some_rows_of_a_large_set_and_counts_the_rest(shop: Shop) -> None:
    assert shop.run().exit_code == 0
    shop.database.execute("CREATE TABLE cities (code text PRIMARY KEY, name text)")
    shop.database.execute(
        "INSERT INTO cities SELECT 'c' || n, 'city' FROM generate_series(1, 1500) n"
    )
    rows = "".join(f"c{n},City {n}\n" for n in range(1, 2501))
    shop.write("seeds/core/cities.csv", "code,name\n" + rows)
    shop.seed("cities", "table: cities\nkey: code\nrows_from: cities.csv\n")
    assert shop.run().exit_code == 0
    found = pending(shop)
    assert found is not None
    (cities,) = [each for each in found.sets if each.name == "cities"]
    assert len(cities.rows) == ROWS
    assert cities.left_out == 2500 - ROWS
    assert sum(cities.counts.get(name, 0) for name in ("adopt", "insert")) == 2500
    approve(shop)
    assert shop.run().exit_code == 0
    assert shop.value("SELECT count(*) FROM cities") == 2500


def test_an_update_that_would_be_refused_does_not_fail_the_deploy(shop: Shop) -> None:
    assert shop.run().exit_code == 0
    shop.database.execute("DELETE FROM members; DELETE FROM roles")
    shop.seed("roles", NEW_ROLES)
    done = shop.run()
    assert done.exit_code == 0
    assert pending(shop) is None
    assert any("is refused" in each["message"] for each in done.named("run.warned"))


def test_no_secret_is_in_a_stored_plan(shop: Shop) -> None:
    seed = """
        table: members
        key: email
        columns:
          role_id: {ref: roles}
          password: {secret: true, update: always}
        rows:
          - {email: root@example.test, role_id: owner, password: !env ROOT_PASSWORD}
    """
    shop.seed("members", seed)
    assert shop.run(ROOT_PASSWORD="first-horse").exit_code == 0
    shop.seed("members", seed.replace("role_id: owner", "role_id: viewer"))
    assert shop.run(ROOT_PASSWORD="second-horse").exit_code == 0
    (document,) = shop.rows("SELECT document::text FROM seeder.pending_plan")
    assert "horse" not in document[0]
    assert '"password"' in document[0]


# Approving it.


def test_an_approved_plan_is_applied_by_the_next_run_once(waiting: Shop) -> None:
    approve(waiting)
    assert states(waiting) == [("jo", "open")]
    done = waiting.run()
    assert done.exit_code == 0
    assert done.finished["mode"] == "update"
    assert levels(waiting) == NEW
    assert states(waiting) == [("jo", "applied")]
    found = waiting.rows("SELECT plan_id IS NULL, actor FROM seeder.runs ORDER BY id DESC LIMIT 1")
    assert found == [(False, "jo")]
    assert "run.unchanged" in waiting.run().names


def test_an_approved_plan_whose_rows_changed_is_stale_and_the_deploy_goes_on(
    waiting: Shop,
) -> None:
    approve(waiting)
    old = pending_id(waiting)
    edit(waiting)
    done = waiting.run()
    assert done.exit_code == 0
    assert done.finished["mode"] == "init"
    assert levels(waiting) == OLD | {"owner": 30}
    assert states(waiting) == [("jo", "stale")]
    (warned,) = done.named("run.warned")
    assert warned["message"].startswith("Request 1 of jo is stale")
    assert pending_id(waiting) != old, "the plan of now is there to be approved"
    approve(waiting)
    assert waiting.run().exit_code == 0
    assert levels(waiting) == NEW | {"owner": 30}


def test_an_approval_of_the_image_before_is_stale(waiting: Shop) -> None:
    approve(waiting)
    waiting.seed("roles", NEW_ROLES.replace("level: 4", "level: 5"))
    assert waiting.run().exit_code == 0
    assert states(waiting) == [("jo", "stale")]
    assert levels(waiting) == OLD


def test_migrations_that_come_between_make_an_approval_stale(waiting: Shop) -> None:
    approve(waiting)
    waiting.scripts.add("0003", "CREATE TABLE later (id int)")
    assert waiting.run().exit_code == 0
    assert states(waiting) == [("jo", "stale")]


def test_a_new_release_overtakes_an_approval(waiting: Shop) -> None:
    approve(waiting)
    waiting.configure(release="2")
    assert waiting.run().exit_code == 0
    assert levels(waiting) == NEW
    assert states(waiting) == [("jo", "stale")]


def test_an_update_by_hand_settles_an_approval_of_the_same_plan(waiting: Shop) -> None:
    approve(waiting)
    assert waiting.run("--mode", "update").exit_code == 0
    assert states(waiting) == [("jo", "applied")]


@pytest.mark.parametrize("mode", ["init", "none"])
def test_an_approval_outlives_a_run_that_was_told_not_to_update(waiting: Shop, mode: str) -> None:
    approve(waiting)
    assert waiting.run("--mode", mode).exit_code == 0
    assert states(waiting) == [("jo", "open")]
    assert waiting.run().exit_code == 0
    assert levels(waiting) == NEW


def test_a_row_that_changes_while_an_approved_plan_is_applied_makes_the_request_stale(
    waiting: Shop,
) -> None:
    approve(waiting)
    with psycopg.connect(waiting.database.url) as person:
        person.execute("UPDATE roles SET level = 30 WHERE code = 'owner'")
        child = waiting.start()
        locked = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            " AND datname = current_database()"
        )
        while waiting.value(locked) == 0:
            assert child.poll() is None
        person.commit()
    assert waiting.end(child).exit_code == 0
    assert states(waiting) == [("jo", "stale")]
    assert levels(waiting) == OLD | {"owner": 30}


def test_a_plan_says_that_the_next_run_applies_an_approval(waiting: Shop) -> None:
    approve(waiting)
    shown = from_document(json.loads(waiting.command("plan", "--json").stdout))
    assert (shown.mode.value, shown.reason) == ("update", "an approved request waits")
    assert shown.id == pending_id(waiting)


def test_approving_twice_leaves_one_request(waiting: Shop) -> None:
    approve(waiting, "jo")
    approve(waiting, "al")
    assert states(waiting) == [("jo", "open")]


def test_without_a_name_the_role_that_is_logged_in_has_approved(waiting: Shop) -> None:
    assert waiting.command("approve", pending_id(waiting)).exit_code == 0
    assert waiting.rows("SELECT actor = session_user FROM seeder.requests") == [(True,)]


def test_only_the_pending_plan_can_be_approved(waiting: Shop) -> None:
    done = waiting.command("approve", "0" * 64)
    assert done.exit_code == 19
    assert "another id" in done.stderr
    assert waiting.run("--mode", "update").exit_code == 0
    done = waiting.command("approve", "0" * 64)
    assert done.exit_code == 19
    assert "No plan is pending" in done.stderr
    assert states(waiting) == []


def test_the_first_digits_of_the_id_are_enough(waiting: Shop) -> None:
    whole = pending_id(waiting)
    done = waiting.command("approve", whole[:7])
    assert done.exit_code == 19
    assert "first 8 digits" in done.failed["hint"]
    assert waiting.command("approve", whole[:8]).exit_code == 0
    assert waiting.value("SELECT plan_id FROM seeder.requests") == whole


def test_without_a_ledger_there_is_nothing_to_approve(shop: Shop) -> None:
    assert shop.command("approve", "0" * 64).exit_code == 10
    assert shop.command("requests").exit_code == 10


def test_requests_are_listed_newest_first(waiting: Shop) -> None:
    assert waiting.command("requests").stdout.endswith("No requests.\n")
    approve(waiting, "jo")
    edit(waiting)
    assert waiting.run().exit_code == 0
    approve(waiting, "al")
    done = waiting.command("requests", "--json")
    found = json.loads(done.stdout)
    assert found["pending"] == [pending_id(waiting)]
    assert [(each["actor"], each["state"]) for each in found["requests"]] == [
        ("al", "open"),
        ("jo", "stale"),
    ]
    assert found["requests"][1]["run"] == 3
    assert "jo" in waiting.command("requests").stdout


def test_an_approval_is_of_a_plan_that_was_there_to_be_seen(waiting: Shop) -> None:
    ask = "INSERT INTO seeder.requests (project, plan_id, actor) VALUES (1, %s, 'jo')"
    shown = pending_id(waiting)
    with pytest.raises(psycopg.errors.CheckViolation, match="no plan of this id waits"):
        waiting.database.execute(ask, "f" * 64)
    waiting.database.execute(
        "UPDATE seeder.pending_plan SET document = document || '{\"provisional\": true}'"
    )
    with pytest.raises(psycopg.errors.CheckViolation, match="no plan of this id waits"):
        waiting.database.execute(ask, shown)
    assert states(waiting) == []
    waiting.database.execute(
        "UPDATE seeder.pending_plan SET document = document || '{\"provisional\": false}'"
    )
    waiting.database.execute(ask, shown)
    assert waiting.rows("SELECT actor, role = session_user FROM seeder.requests") == [("jo", True)]
    assert "jo (as postgres)" in waiting.command("requests").stdout


def test_a_role_that_may_add_requests_cannot_fill_their_table(waiting: Shop) -> None:
    many = (
        "INSERT INTO seeder.requests (project, plan_id, actor)"
        " SELECT 1, plan_id, 'many' FROM seeder.pending_plan, generate_series(1, {})"
    )
    with pytest.raises(psycopg.errors.ProgramLimitExceeded, match="100 requests are open"):
        waiting.database.execute(many.format(2000))
    with pytest.raises(psycopg.errors.CheckViolation):
        waiting.database.execute(
            "INSERT INTO seeder.requests (project, plan_id, actor)"
            " SELECT 1, plan_id, repeat('x', 201) FROM seeder.pending_plan"
        )
    assert states(waiting) == []
    waiting.database.execute(many.format(100))
    with pytest.raises(psycopg.errors.ProgramLimitExceeded, match="100 requests are open"):
        waiting.database.execute(many.format(1))
    assert waiting.run().exit_code == 0
    assert set(states(waiting)) == {("many", "applied")}
    listed = waiting.command("requests")
    assert listed.stdout.count("many") == 100


def test_an_actor_with_too_long_a_name_is_refused(waiting: Shop) -> None:
    done = waiting.command("approve", pending_id(waiting), "--actor", "j" * 201)
    assert done.exit_code == 10
    assert states(waiting) == []
