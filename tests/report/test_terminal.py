"""What a person at a terminal sees, and what a pipe gets."""

from __future__ import annotations

import json
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


@pytest.fixture
def settled(second: Shop) -> Shop:
    """A second release to apply that meets no conflict."""
    second.database.execute("UPDATE tiers SET price = 59 WHERE code = 'team'")
    return second


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


def test_a_run_on_a_terminal_ends_with_its_summary_and_says_it_once(
    person: dict[str, str],
) -> None:
    _, shown = on_a_terminal(["run"], person | {"NO_COLOR": "1"})
    assert shown.count("Done in") == 1
    assert shown.lstrip("\r\x1b[2K").startswith("Done in")
    assert not re.search(r"run\.finished|set\.applied|phases=|hint=", shown)


def test_verbose_shows_the_events_before_the_summary(person: dict[str, str]) -> None:
    _, shown = on_a_terminal(["run", "-v"], person | {"NO_COLOR": "1"})
    events, _, summary = shown.partition("Done in")
    assert "set.applied" in events
    assert "debug   phase.ended run=2 phase=seed" in events
    assert events.splitlines()[-1].split()[2] == "run.finished"
    assert "run.finished" not in summary


def test_quiet_says_nothing_of_what_went_well(settled: Shop, person: dict[str, str]) -> None:
    assert settled.command("run", "--quiet").stderr == ""
    assert on_a_terminal(["run", "-q"], person) == (0, "")


def test_quiet_says_what_is_left_open(second: Shop, person: dict[str, str]) -> None:
    for counts in ({"insert", "update", "delete", "record", "conflicts"}, {"conflicts"}):
        quiet = second.command("run", "--quiet")
        (event,) = quiet.events
        assert (event["event"], event["level"]) == ("run.finished", "warning")
        assert set(event["counts"]) == counts
        assert (quiet.exit_code, quiet.stdout) == (0, "")
    code, shown = on_a_terminal(["run", "-q"], person | {"NO_COLOR": "1"})
    assert code == 0
    assert shown.count("warning run.finished") == 1
    assert '{"conflicts": 1}' in shown


def test_a_failure_on_a_terminal_is_told_once(second: Shop, person: dict[str, str]) -> None:
    second.seed("tiers", "table: tiers\nkey: code\nrows: []\nscoop: {a: 1}\n")
    for arguments in (["run"], ["run", "-q"]):
        code, shown = on_a_terminal(arguments, person | {"NO_COLOR": "1"})
        assert code == 10
        assert shown.count("scoop: {a: 1}") == 1
        assert "run.finished" not in shown


def test_waiting_is_a_line_that_goes_away(person: dict[str, str]) -> None:
    nowhere = {"SEEDER_DATABASE_URL": "postgresql://127.0.0.1:9/none", "SEEDER_WAIT_TIMEOUT": "1"}
    code, shown = on_a_terminal(["run"], person | nowhere)
    assert code == 30
    assert "\x1b[2KWaiting for the database, " in shown
    assert "database.awaited" not in shown
    assert "Waiting for the database" not in shown.rpartition("\x1b[2K")[2]


def test_without_a_terminal_events_stay_as_they_are(second: Shop) -> None:
    done = second.command("run")
    events = [json.loads(line)["event"] for line in done.stderr.splitlines()]
    assert events[0] == "run.started"
    assert events[-1] == "run.finished"
    assert "phase.ended" not in events


def test_quiet_and_verbose_choose_the_events_without_a_terminal(second: Shop) -> None:
    second.run("--mode", "none")
    verbose = second.command("run", "-v").stderr
    assert {"debug", "info"} <= {json.loads(line)["level"] for line in verbose.splitlines()}
    assert {
        json.loads(line)["level"] for line in second.command("run", "--quiet").stderr.splitlines()
    } == {"warning"}


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
        {
            "seeder.runtime.progress",
            "seeder.phases.seeding",
            "click.shell_completion",
            "sqlalchemy",
            "alembic",
        }
    )
