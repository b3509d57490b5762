"""What a person at a terminal sees, and what a pipe gets."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.report.terminal import on_a_terminal
from tests.support.shop import Shop

SLOW = """
    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_sleep(1.7); RETURN NEW; END $$;
    CREATE TABLE slow_ones (code text PRIMARY KEY);
    CREATE TRIGGER slow BEFORE INSERT ON slow_ones FOR EACH ROW EXECUTE FUNCTION slow();
"""
ESCAPE = "\x1b["


@pytest.fixture
def person(second: Shop) -> dict[str, str]:
    """The environment of somebody at a terminal."""
    environ = second.variables()
    del environ["SEEDER_LOG_FORMAT"]
    return environ


@pytest.mark.parametrize("command", ["plan", "status", "history"])
def test_a_terminal_gets_colours_unless_no_color_is_set(
    person: dict[str, str], command: str
) -> None:
    assert ESCAPE in on_a_terminal([command], person)[1]
    for unwanted in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        code, shown = on_a_terminal([command], person | unwanted)
        assert (code, ESCAPE in shown) == (0, False)


def test_a_pipe_gets_no_colours(second: Shop) -> None:
    for command in ("plan", "status", "history"):
        assert ESCAPE not in second.command(command).stdout


def test_a_run_on_a_terminal_tells_a_person_what_it_did(person: dict[str, str]) -> None:
    code, shown = on_a_terminal(["run"], person | {"NO_COLOR": "1"})
    assert code == 0
    assert re.search(r"^Done in \d.* s: production, mode update, release 2, run 2\.$", shown, re.M)
    assert re.search(r"^  tiers +1 inserted, \d updated, 1 deleted, .*1 in conflict$", shown, re.M)
    assert "seeder resolve tiers/team --take live" in shown
    assert '{"timestamp"' not in shown


def test_a_mistake_is_shown_with_its_line_a_caret_and_the_remedy(
    second: Shop, person: dict[str, str]
) -> None:
    second.seed("tiers", "table: tiers\nkey: code\nrows: []\nscoop: {a: 1}\n")
    code, shown = on_a_terminal(["run"], person | {"NO_COLOR": "1"})
    assert code == 10
    place, line, caret = shown.partition("seeds/core/tiers.yaml:4:1: ")[2].splitlines()[:3]
    assert "Did you mean" in place
    assert "scope" in place
    assert line == "     4 | scoop: {a: 1}"
    assert caret == "       | ^"


def test_a_load_of_more_than_a_second_shows_how_far_it_is_and_cleans_up(
    launched: Shop, person: dict[str, str]
) -> None:
    launched.database.execute(SLOW)
    launched.seed("slow_ones", "table: slow_ones\nkey: code\nrows:\n  - {code: a}\n")
    code, shown = on_a_terminal(["run"], person)
    assert code == 0
    assert "\r\x1b[2Kslow_ones: inserting, 1 s" in shown
    assert "slow_ones: inserting" not in shown.rpartition("\r\x1b[2K")[2]


PRICES = """
    CREATE TYPE currency AS ENUM ('EUR');
    CREATE FUNCTION slowly(currency) RETURNS text LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_sleep(1.7); RETURN format('%s', $1); END $$;
    CREATE CAST (currency AS text) WITH FUNCTION slowly(currency);
    CREATE TABLE prices (code text PRIMARY KEY, currency currency);
    INSERT INTO prices VALUES ('a', 'EUR');
"""


@pytest.mark.parametrize("command", ["plan", "adopt"])
def test_a_plan_and_an_adoption_of_more_than_a_second_show_how_far_they_are_and_clean_up(
    launched: Shop, person: dict[str, str], command: str
) -> None:
    launched.database.execute(PRICES)
    launched.seed(
        "prices",
        "table: prices\nkey: code\nrows:\n  - {code: a, currency: EUR}\n",
    )
    arguments = {"plan": ["plan", "--mode", "update"], "adopt": ["adopt"]}[command]
    code, shown = on_a_terminal(arguments, person)
    assert code == 0, shown
    assert "\r\x1b[2Kprices: comparing, 1 s" in shown
    assert "prices: comparing" not in shown.rpartition("\r\x1b[2K")[2]


def test_an_unchanged_deploy_imports_no_report_and_starts_no_thread_to_tell_of_it(
    launched: Shop,
) -> None:
    child = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "seeder", "run"],
        env=launched.variables(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert '"run.unchanged"' in child.stderr
    imported = set(re.findall(r"\| +(seeder\S*|click\S*|sqlalchemy|alembic)$", child.stderr, re.M))
    reports = {name for name in imported if name.startswith("seeder.report.")}
    assert reports <= {"seeder.report.termination"}
    assert imported.isdisjoint(
        {"seeder.progress", "seeder.seeding", "click.shell_completion", "sqlalchemy", "alembic"}
    )
