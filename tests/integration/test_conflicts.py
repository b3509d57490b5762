"""`seeder conflicts`: what is in conflict, with the values between which a person is to choose."""

from __future__ import annotations

import datetime
import json
import os
from typing import Any

import pytest

from seeder.errors import AccessDenied
from seeder.report import html, text
from tests.report.terminal import on_a_terminal
from tests.support.merge import Project

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def launched(project: Project) -> Project:
    project.sql(
        "CREATE TABLE tiers (id serial PRIMARY KEY, name text UNIQUE, label text, seats integer);"
        "CREATE TABLE roles (id serial PRIMARY KEY, code text UNIQUE, tier_id int REFERENCES tiers,"
        " settings jsonb, hash text)"
    )
    write(project, label="one", seats=1, tier="free", limit=5)
    project.init()
    return project


@pytest.fixture
def torn(launched: Project) -> Project:
    """In conflict: two columns; a reference and a part of a document; a row that left."""
    launched.sql(
        "UPDATE tiers SET label = 'mine', seats = 100 WHERE name = 'pro';"
        "UPDATE tiers SET label = 'still used' WHERE name = 'old';"
        "UPDATE roles SET tier_id = 2, settings = jsonb_set(settings, '{limits,seats}', '9')"
    )
    write(launched, label="two", seats=2, tier="team", limit=7, old=False)
    launched.update()
    return launched


def write(
    project: Project, *, label: str, seats: int, tier: str, limit: int, old: bool = True
) -> None:
    gone = "  - {name: old, label: Old, seats: 0}\n" if old else ""
    project.write(
        "tiers",
        "table: tiers\nkey: name\nremoved: delete\nrows:\n  - {name: free, label: Free, seats: 1}\n"
        f"  - {{name: pro, label: {label}, seats: {seats}}}\n  - {{name: team}}\n{gone}",
    )
    project.write(
        "roles",
        "table: roles\nkey: code\ncolumns:\n  tier_id: {ref: tiers}\n  settings: {merge: map}\n"
        "  hash: {update: never, secret: true}\n"
        f"rows: [{{code: a, tier_id: {tier},"
        f" settings: {{limits: {{seats: {limit}}}, theme: dark}}, hash: hidden}}]\n",
    )


def found(project: Project, captured: Captured, *arguments: str) -> dict[str, Any]:
    captured.readouterr()
    assert project.command("conflicts", "--json", *arguments) == 0
    document: dict[str, Any] = json.loads(captured.readouterr().out)
    return document


def values(conflict: dict[str, Any]) -> dict[str, tuple[object, ...]]:
    return {
        each["name"]: (each["asked"], each["live"], each["desired"]) for each in conflict["values"]
    }


def test_each_conflict_has_its_three_values_its_run_and_its_commands(
    torn: Project, capsys: Captured
) -> None:
    document = found(torn, capsys)
    assert document["conflicts"] == 3
    role, left, tier = document["in_conflict"]
    assert (role["address"], left["address"], tier["address"]) == (
        "roles/a",
        "tiers/old",
        "tiers/pro",
    )
    assert values(tier) == {"label": ("one", "mine", "two"), "seats": ("1", "100", "2")}
    assert values(role) == {
        "tier_id": ("-> free", "-> pro", "-> team"),
        "settings.limits.seats": ("5", "9", "7"),
    }
    assert left["left_catalog"]
    assert values(left) == {"label": ("Old", "still used", None)}
    assert {each["run"] for each in document["in_conflict"]} == {2}
    assert tier["commands"] == [
        "seeder resolve tiers/pro --take live",
        "seeder resolve tiers/pro --take desired",
    ]


def test_the_text_shows_them_as_a_plan_does(torn: Project, capsys: Captured) -> None:
    capsys.readouterr()
    assert torn.command("conflicts") == 0
    said = capsys.readouterr().out
    assert (
        "  ! tiers/pro  label, seats\n"
        "        label  in conflict since run 2\n"
        "          last applied  'one'\n"
        "          live          'mine'\n"
        "          desired       'two'\n"
    ) in said
    assert (
        "  ! tiers/old  left the catalog  since run 2\n"
        "        label  'Old' → 'still used'  changed here since\n"
        "        seeder resolve tiers/old --take live\n"
    ) in said
    assert "          desired       → team\n" in said
    assert torn.command("status", "--values") == 0
    assert "          live          'mine'\n" in capsys.readouterr().out
    assert torn.command("status") == 0
    said = capsys.readouterr().out
    assert "  ! tiers/pro  label, seats  since run 2\n" in said
    assert "'mine'" not in said


def test_live_is_what_the_table_holds_now(torn: Project, capsys: Captured) -> None:
    torn.sql(
        "UPDATE tiers SET label = 'yet another';"
        "UPDATE roles SET settings = jsonb_set(settings, '{limits,seats}', '5')"
    )
    role, _, tier = found(torn, capsys)["in_conflict"]
    assert values(tier)["label"] == ("one", "yet another", "two")
    # Back at what was applied last: the next update writes what is desired.
    assert values(role)["settings.limits.seats"] == ("5", "5", "7")


def test_a_conflict_keeps_the_run_that_reported_it(torn: Project, capsys: Captured) -> None:
    write(torn, label="two", seats=3, tier="team", limit=7, old=False)
    torn.update()
    torn.command("resolve", "roles/a#tier_id", "--take", "live")
    role, _, tier = found(torn, capsys)["in_conflict"]
    reasons = {each["name"]: each["reason"] for each in tier["values"]}
    assert reasons == {"label": "in conflict since run 2", "seats": "in conflict since run 3"}
    assert (tier["run"], role["run"]) == (2, 2)


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["tiers/pro"], ["tiers/pro"]),
        (["*/p*"], ["tiers/pro"]),
        (["tiers/*"], ["tiers/old", "tiers/pro"]),
        (["--set", "roles"], ["roles/a"]),
        (["tiers/*", "--set", "roles"], []),
        (["--limit", "1"], ["roles/a"]),
    ],
)
def test_some_can_be_asked_for(
    torn: Project, capsys: Captured, arguments: list[str], shown: list[str]
) -> None:
    document = found(torn, capsys, *arguments)
    assert [each["address"] for each in document["in_conflict"]] == shown
    assert document["conflicts"] == (3 if "--limit" in arguments else len(shown))


def test_places_can_be_asked_for(torn: Project, capsys: Captured) -> None:
    (role,) = found(torn, capsys, "roles/a#settings.*")["in_conflict"]
    assert (role["columns"], list(values(role))) == (["settings.limits.seats"],) * 2


def test_rows_that_were_kept_or_skipped_are_listed_with_their_reasons(
    torn: Project, capsys: Captured
) -> None:
    torn.sql("UPDATE roles SET tier_id = NULL; DELETE FROM tiers WHERE name = 'team'")
    torn.write(
        "more",
        "table: roles\nkey: code\ncolumns: {tier_id: {ref: tiers}}\n"
        "rows: [{code: b, tier_id: team}]\n",
    )
    torn.update()
    document = found(torn, capsys, "--kept")
    assert document["skipped"] == 2
    assert document["skipped_rows"] == [
        {
            "address": address,
            "reason": "refers to a row that is not there",
            "run": 3,
            "missing": "tiers/team",
        }
        for address in ("more/b", "roles/a")
    ]
    assert (document["deleted"], document["deleted_rows"]) == (
        1,
        [
            {
                "address": "tiers/team",
                "reason": "deleted here; stays deleted",
                "run": 3,
                "missing": None,
            }
        ],
    )
    assert torn.command("conflicts", "--kept") == 0
    assert "    tiers/team  deleted here; stays deleted, run 3\n" in capsys.readouterr().out


def test_secrets_stay_hidden_also_where_they_were_declared_since(
    torn: Project, capsys: Captured
) -> None:
    torn.write(
        "tiers",
        "table: tiers\nkey: name\ncolumns: {label: {secret: true, update: never}}\n"
        "rows: [{name: pro, label: two, seats: 2}, {name: team}]\n",
    )
    assert torn.command("conflicts", "--json") == 0
    said = capsys.readouterr().out
    assert "mine" not in said
    assert '"two"' not in said
    (tier,) = [e for e in json.loads(said)["in_conflict"] if e["address"] == "tiers/pro"]
    assert values(tier)["label"] == (None, None, None)


def test_long_values_are_bounded(launched: Project, capsys: Captured) -> None:
    launched.sql("UPDATE tiers SET label = repeat('x', 100000) WHERE name = 'pro'")
    write(launched, label="y" * 50_000, seats=1, tier="free", limit=5)
    launched.update()
    (tier,) = found(launched, capsys)["in_conflict"]
    _, live, desired = values(tier)["label"]
    assert live.startswith("xxx")
    assert "... (100000 characters, SHA-256 " in live
    assert max(map(len, (live, desired))) < 4_100


def test_a_run_reports_what_is_still_in_conflict_with_its_values(torn: Project) -> None:
    write(torn, label="two", seats=3, tier="team", limit=7, old=False)
    result = torn.update()
    assert [each.address for each in result.in_conflict] == ["roles/a", "tiers/old", "tiers/pro"]
    told = text.run(result)
    assert "Still in conflict since earlier runs:\n  ! roles/a  " in told
    assert told.count("! tiers/pro") == 1
    page = html.run(result, made=datetime.datetime.now(datetime.UTC))
    assert "still used" in page
    assert page.count('class="take-desired"') == 2


def test_a_database_without_conflicts_says_so(launched: Project, capsys: Captured) -> None:
    capsys.readouterr()
    assert launched.command("conflicts") == 0
    assert capsys.readouterr().out == "No conflict is open.\n"


def test_a_role_without_access_to_the_tables_is_told_so(torn: Project, capsys: Captured) -> None:
    role = f"reader_{torn.database.name}"
    torn.sql(
        f"CREATE ROLE {role}; GRANT USAGE ON SCHEMA seeder TO {role};"
        f"GRANT SELECT ON ALL TABLES IN SCHEMA seeder TO {role}; GRANT {role} TO CURRENT_USER"
    )
    try:
        assert torn.command("status", "--set-role", role) == 0
        assert torn.command("conflicts", "--set-role", role) == AccessDenied.exit_code
    finally:
        torn.sql(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_show_names_rows_that_are_referred_to(torn: Project, capsys: Captured) -> None:
    assert torn.command("resolve", "roles/a#tier_id", "--take", "desired") == 0
    capsys.readouterr()
    assert torn.command("show", "3") == 0
    assert "        tier_id  pro → team\n" in capsys.readouterr().out
    assert torn.command("show", "1", "--json") == 0
    rows = {each["address"]: each["after"] for each in json.loads(capsys.readouterr().out)["rows"]}
    assert rows["roles/a"]["tier_id"] == "-> team"
    assert torn.command("show", "1") == 0
    assert "NULL →" not in capsys.readouterr().out


# Settling several.


def left_open(project: Project, captured: Captured) -> list[str]:
    return [each["address"] for each in found(project, captured)["in_conflict"]]


@pytest.mark.parametrize(
    ("arguments", "still"),
    [
        (["tiers/*"], ["roles/a"]),
        (["--set", "tiers"], ["roles/a"]),
        (["--all"], []),
        (["tiers/pro", "roles/a"], ["tiers/old"]),
        (["*/pro", "roles/a#settings.limits.seats"], ["roles/a", "tiers/old"]),
        (["tiers/nothing*"], ["roles/a", "tiers/old", "tiers/pro"]),
    ],
)
@pytest.mark.parametrize("take", ["live", "desired"])
def test_several_conflicts_are_settled_in_one_run(
    torn: Project, capsys: Captured, arguments: list[str], still: list[str], take: str
) -> None:
    rows = "SELECT name, label, seats FROM tiers ORDER BY name"
    before = torn.rows(rows)
    assert torn.command("resolve", *arguments, "--take", take, "--dry-run") == 0
    assert "Nothing was written." in capsys.readouterr().out
    assert (torn.rows(rows), len(left_open(torn, capsys))) == (before, 3)
    assert torn.command("resolve", *arguments, "--take", take) == 0
    assert left_open(torn, capsys) == still
    assert torn.value("SELECT count(*) FROM seeder.runs") == (2 if len(still) == 3 else 3)
    if take == "live":
        assert torn.rows(rows) == before
    if take == "desired" and "tiers/old" not in still:
        assert [name for name, *_ in torn.rows(rows)] == ["free", "pro", "team"]
    if take == "desired" and "tiers/pro" not in still:
        assert ("pro", "two", 2) in torn.rows(rows)
    torn.assert_settled()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--take", "live"], "Name addresses, a --set, or --all."),
        (["--all", "--take", "live", "tiers/pro"], "--all goes without addresses"),
        (["--set", "tiers", "--take", "live", "tiers/pro"], "Give addresses or --set, not both."),
        (["tiers/pro"], "Give --take live or --take desired"),
    ],
)
def test_what_is_to_be_settled_has_to_be_said(
    torn: Project, capsys: Captured, arguments: list[str], message: str
) -> None:
    assert torn.command("resolve", *arguments) == 2
    assert message in capsys.readouterr().err


def test_a_terminal_is_asked_about_one_conflict_after_the_other(
    torn: Project, capsys: Captured
) -> None:
    environ = {
        **os.environ,
        "SEEDER_DATABASE_URL": torn.database.url,
        "SEEDER_PROJECT": str(torn.directory),
    }
    code, shown = on_a_terminal(
        ["resolve"], environ, events=False, typed="skip\nwhat\n\nlive\ndesired\n"
    )
    assert (code, left_open(torn, capsys)) == (0, ["roles/a"]), shown
    assert torn.rows("SELECT name, label FROM tiers WHERE id IN (2, 4) ORDER BY name") == [
        ("old", "still used"),
        ("pro", "two"),
    ]
    assert ": resolve tiers/old, live; recorded as run 3." in shown
    code, shown = on_a_terminal(["resolve", "roles/*"], environ, events=False, typed="quit\n")
    assert (code, left_open(torn, capsys)) == (0, ["roles/a"]), shown


def plans(project: Project, *rows: str, removed: str = "delete") -> None:
    listed = "".join(f"  - {row}\n" for row in rows) or "  []\n"
    project.write("plans", f"table: plans\nkey: code\nremoved: {removed}\nrows:\n{listed}")


@pytest.fixture
def shop(project: Project) -> Project:
    project.sql("CREATE TABLE plans (id serial PRIMARY KEY, code text UNIQUE, slug text UNIQUE)")
    return project


HINTS = {
    "changed": "Some rows changed both here and in the catalog",
    "held": "Some rows of the catalog want unique values that other rows hold",
    "new_held": "Some rows of the catalog want unique values that other rows hold",
    "here_before": "Some rows were here before seeder, and differ from the catalog",
    "staying": "Some rows left the catalog, and stay since they were changed here or are"
    " referred to",
    "ambiguous": "Of some rows of the catalog it cannot be told which live rows they are",
    "changed and held": "Some rows are in conflict",
}


@pytest.mark.parametrize("kind", HINTS)
def test_a_run_s_hint_is_true_of_its_conflicts(shop: Project, kind: str) -> None:
    if kind == "here_before":
        shop.sql("INSERT INTO plans (code, slug) VALUES ('free', 'mine')")
        plans(shop, "{code: free, slug: one}")
    else:
        plans(shop, "{code: free, slug: one}", "{code: pro, slug: two}")
        shop.init()
    if kind in ("changed", "changed and held", "staying"):
        shop.sql("UPDATE plans SET slug = 'mine' WHERE code = 'free'")
    if kind in ("held", "new_held", "changed and held"):
        shop.sql("INSERT INTO plans (code, slug) VALUES ('theirs', 'held')")
    match kind:
        case "changed":
            plans(shop, "{code: free, slug: other}", "{code: pro, slug: two}")
        case "held":
            plans(shop, "{code: free, slug: held}", "{code: pro, slug: two}")
        case "new_held":
            plans(
                shop, "{code: free, slug: one}", "{code: pro, slug: two}", "{code: max, slug: held}"
            )
        case "changed and held":
            plans(shop, "{code: free, slug: other}", "{code: pro, slug: held}")
        case "staying":
            plans(shop, "{code: pro, slug: two}")
        case "ambiguous":
            shop.sql(
                "UPDATE plans SET code = 'renamed' WHERE code = 'free';"
                "INSERT INTO plans (code) VALUES ('free')"
            )
            plans(shop, "{code: free, slug: other}", "{code: pro, slug: two}")
    done = shop.update()
    assert done.counts["conflicts"]
    assert done.hint == f"{HINTS[kind]}: `seeder conflicts` shows them."
