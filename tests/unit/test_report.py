import datetime
import json

import pytest
from psycopg.errors import UniqueViolation

from seeder.errors import ConfigurationInvalid, Interrupted, MigrationFailed, Problem
from seeder.merge.choices import EXPLAINED
from seeder.merge.found import (
    AppliedRelease,
    CheckResult,
    OpenConflict,
    Status,
    UnfitSet,
)
from seeder.merge.model import Mode
from seeder.merge.plan import RowAction, RowChange, SetDecision, SetOutcome
from seeder.merge.result import Result, RunResult
from seeder.merge.settled import RunRecord
from seeder.report import failure_text, files, json_report, termination, text
from seeder.report.failure import describe, log_fields

NOON = datetime.datetime(2026, 11, 3, 12, tzinfo=datetime.UTC)


def outcome(name, decision, **counts):
    return SetOutcome(name=name, table=name, decision=decision, counts=counts)


def run_result(**changes):
    return RunResult(
        **{
            "result": Result.DONE,
            "mode": Mode.UPDATE,
            "release": "2026.11",
            "environment": "production",
            "run_id": 12,
            "phases": {"wait": 0.25, "seed": 1.0},
            "counts": {"insert": 3},
            **changes,
        }
    )


def raised(error):
    with pytest.raises(type(error)) as caught:
        raise error
    return caught.value


def names(directory):
    return [path.name for path in directory.iterdir()]


# Text.


def test_a_run_is_told_set_by_set_and_unchanged_sets_in_one_line():
    conflict = RowChange(
        address="plans/pro", action=RowAction.KEEP, reason="live was edited.", conflict=True
    )
    result = run_result(
        migrations=("0003", "0004"),
        sets=(
            outcome("roles", SetDecision.MERGE, insert=3, update=1),
            SetOutcome(
                name="plans",
                table="plans",
                decision=SetDecision.MERGE,
                counts={RowAction.KEEP: 1, "conflicts": 1},
                kept=(conflict,),
            ),
            outcome("tiers", SetDecision.UNADOPTED),
            outcome("countries", SetDecision.PENDING),
            outcome("units", SetDecision.UNCHANGED),
            outcome("currencies", SetDecision.UNCHANGED),
        ),
        tasks=("assign_free_tier",),
        warnings=("A seed file is gone.",),
        hint="Look at the conflict.",
    )
    assert text.run(result).splitlines() == [
        "Done in 1.2 s: production, mode update, release 2026.11, run 12.",
        "  migrated   0003, 0004",
        "  roles      3 inserted, 1 updated",
        "  plans      1 in conflict",
        "  tiers      unadopted",
        "  countries  pending",
        "  tasks      assign_free_tier",
        "  2 sets unchanged",
        "Needs your decision:",
        "  ! plans/pro  live was edited.",
        "Unadopted sets meet rows that seeder did not write, and leave them alone until "
        "`seeder adopt` or `seeder run --mode update`.",
        "Pending sets wait for a new release in seeder.toml, an approved request "
        "(`seeder approve`) or `seeder run --mode update`.",
        "Warning: A seed file is gone.",
        "Hint: Look at the conflict.",
    ]


def test_a_run_without_work_says_so_in_one_line():
    result = run_result(result=Result.NOTHING_TO_DO, run_id=None)
    assert text.run(result) == "Nothing to do: production already has release 2026.11.\n"


def test_an_image_older_than_its_database_is_told_apart_from_one_without_work():
    result = run_result(result=Result.OLDER_IMAGE)
    assert text.run(result) == "Left alone: production is ahead of this image.\n"


def test_a_status_names_what_waits_for_a_person():
    status = Status(
        database="shop",
        environment="production",
        initialised=True,
        ledger_format=1,
        releases=(AppliedRelease(release="2026.10", applied_at=NOON, run=7),),
        revision_live=("0003",),
        revision_head=("0004",),
        unadopted=("tiers",),
        awaiting=("units",),
        unfit=(UnfitSet(name="plans", message="the table plans has no column prize."),),
        conflicts=22,
        in_conflict=(OpenConflict(address="plans/pro", columns=("price",)),),
        last_runs=(
            RunRecord(
                id=7,
                started_at=NOON,
                result="done",
                mode="update",
                environment="production",
                seeder_version="1.0",
                counts={"insert": 3},
            ),
        ),
        lock_holder={"pid": 4711, "application_name": "seeder run"},
    )
    assert text.status(status).splitlines() == [
        "Database shop (production)",
        "  project    none: seeder.toml has no identity",
        "  revision   0003 (this image's head is 0004)",
        "  releases   2026.10",
        "  unadopted  tiers",
        "  pending    none",
        "  awaiting   units",
        "  conflicts  22",
        "  lock       held by pid 4711, application_name seeder run",
        "In conflict; settle each with `seeder resolve ADDRESS --take live|desired`:",
        "  ! plans/pro  price",
        "    ... and 21 more",
        f"  {EXPLAINED}",
        "Sets that do not fit the schema, so that a run would be refused:",
        "  ! plans: the table plans has no column prize.",
        "Unadopted sets meet rows that seeder did not write, and leave them alone until "
        "`seeder adopt` or `seeder run --mode update`.",
        "Sets that await migrations come with them, if their files are right: `seeder check"
        " --embedded` tells.",
        "Last runs, newest first:",
        "     7  2026-11-03 12:00:00 UTC  done  update; 3 inserted",
    ]


def test_a_database_without_a_ledger_is_called_not_yet_initialised():
    status = Status(database="shop", environment="production", initialised=False)
    assert text.status(status).startswith("Database shop (production, not yet initialised)\n")


def test_a_catalog_in_order_is_measured(tmp_path):
    result = CheckResult(sets=2, rows=1, tasks=0, revisions=4)
    assert text.check(result, project=tmp_path) == (
        "Valid: 2 seed sets, 1 row, 0 tasks, 4 revisions.\n"
    )


def test_a_problem_shows_its_line_and_a_caret(tmp_path):
    (tmp_path / "roles.yaml").write_text("table: roles\n\tcolour: red\n")
    error = ConfigurationInvalid(
        "The catalog is invalid.",
        problems=(
            Problem(
                message="Unknown key `colour`.",
                remedy="Did you mean `columns`?",
                file="roles.yaml",
                line=2,
                column=2,
            ),
            Problem(message="There is no such set.", address="roles/owner"),
        ),
        hint="See the reference.",
    )
    assert failure_text.failure(describe(error), project=tmp_path).splitlines() == [
        "seeder: The catalog is invalid.",
        "  roles.yaml:2:2: Unknown key `colour`. Did you mean `columns`?",
        "     2 |  colour: red",
        "       |  ^",
        "  roles/owner: There is no such set.",
        "Hint: See the reference.",
        "Code: configuration-invalid",
    ]


def excerpt(directory, content, *, line=1, column=1):
    (directory / "seeds.yaml").write_text(content)
    problem = Problem(message="No.", file="seeds.yaml", line=line, column=column)
    error = ConfigurationInvalid("Invalid.", problems=(problem,))
    return failure_text.failure(describe(error), project=directory).splitlines()[2:-1]


def test_a_long_line_is_shown_around_the_place(tmp_path):
    line, caret = excerpt(tmp_path, "x" * 500 + "HERE" + "y" * 500, column=501)
    assert len(line) < 120
    assert line[caret.index("^") :].startswith("HERE")


def test_a_line_with_credentials_is_shown_without_them_and_without_a_caret(tmp_path):
    assert excerpt(tmp_path, "url: postgres://a:hunter2@h/d", column=6) == [
        "     1 | url: postgres://***@h/d"
    ]


@pytest.mark.parametrize("line", [0, 2, 99])
def test_a_line_that_the_file_does_not_have_is_left_out(tmp_path, line):
    assert excerpt(tmp_path, "one line", line=line) == []


def test_without_a_project_no_line_of_a_file_is_shown(tmp_path):
    problem = Problem(message="No.", file="seeds.yaml", line=1)
    error = ConfigurationInvalid("Invalid.", problems=(problem,))
    told = failure_text.failure(describe(error)).splitlines()
    assert told == ["seeder: Invalid.", "  seeds.yaml:1: No.", "Code: configuration-invalid"]


def test_escape_sequences_do_not_reach_the_terminal():
    error = ConfigurationInvalid("\x1b[2Jgone", problems=())
    assert "\x1b" not in failure_text.failure(describe(error))


# Failures.


def test_a_known_error_keeps_its_code_words_phases_and_facts():
    error = MigrationFailed(
        "Revision 0004 failed.", hint="Fix it.", phases={"wait": 0.5}, counts={}, revision="0004"
    )
    failure = describe(error)
    assert (failure.result, failure.exit_code, failure.error) == ("failed", 16, "MigrationFailed")
    assert (failure.message, failure.hint) == ("Revision 0004 failed.", "Fix it.")
    assert (failure.phases, failure.facts) == ({"wait": 0.5}, {"revision": "0004"})


def test_a_signal_is_no_failure_of_the_run():
    failure = describe(Interrupted(15))
    assert (failure.result, failure.exit_code) == ("interrupted", 143)
    assert failure.message == "Interrupted by SIGTERM."
    assert describe(KeyboardInterrupt()).exit_code == 130


def test_a_bug_is_told_by_class_message_and_places():
    failure = describe(raised(ValueError("unheard of")))
    assert (failure.exit_code, failure.error, failure.message) == (1, "ValueError", "unheard of")
    assert failure.trace[-1].startswith(f"{__file__}:")
    assert failure.trace[-1].endswith(" in raised")


def test_a_message_of_the_driver_is_withheld_also_where_it_is_the_cause():
    def provoke():
        try:
            raise UniqueViolation("Key (email)=(anna@example.test) already exists.")
        except UniqueViolation as error:
            raise RuntimeError("The seeding failed.") from error

    direct = describe(raised(UniqueViolation("Key (email)=(anna@example.test) exists.")))
    with pytest.raises(RuntimeError) as caught:
        provoke()
    chained = describe(caught.value)
    assert direct.error == "psycopg.errors.UniqueViolation"
    assert "caused by psycopg.errors.UniqueViolation" in chained.trace
    assert "anna" not in repr(direct) + repr(chained)


def test_a_runaway_recursion_is_told_in_few_lines():
    def recur():
        recur()

    with pytest.raises(RecursionError) as caught:
        recur()
    assert len(describe(caught.value).trace) == 50


def test_facts_named_like_the_logs_own_fields_do_not_replace_them():
    fields = log_fields(describe(MigrationFailed("No.", level="x", message_="y")))
    assert fields == {
        "message_": "y",
        "error": "MigrationFailed",
        "code": "migration-failed",
        "message": "No.",
    }


def test_credentials_in_messages_are_masked():
    error = ConfigurationInvalid(
        "bad postgres://a:hunter2@h/d",
        hint="password=hunter2",
        problems=(Problem(message="password=hunter2", remedy="postgres://a:hunter2@h/d"),),
    )
    assert "hunter2" not in repr(describe(error))


# JSON.


def test_a_report_holds_the_whole_result(tmp_path):
    path = tmp_path / "report.json"
    result = run_result(sets=(outcome("roles", SetDecision.MERGE, insert=3),))
    files.write_report(path, result)
    content = json.loads(path.read_bytes())
    assert (content["format"], content["result"], content["exit_code"]) == (1, "done", 0)
    assert content["sets"][0]["counts"] == {"insert": 3}
    assert content["phases"] == {"wait": 0.25, "seed": 1.0}


def test_a_report_of_a_failure_holds_every_problem(tmp_path):
    path = tmp_path / "report.json"
    problems = tuple(Problem(message=str(n), file="a.yaml", line=n) for n in range(1, 501))
    files.write_report(path, describe(ConfigurationInvalid("Invalid.", problems=problems)))
    content = json.loads(path.read_bytes())
    assert (content["result"], content["error"]) == ("failed", "ConfigurationInvalid")
    assert len(content["problems"]) == 500


def test_a_report_replaces_the_former_one_and_leaves_no_draft(tmp_path):
    path = tmp_path / "report.json"
    path.write_text("former")
    files.write_report(path, run_result())
    assert json.loads(path.read_bytes())["result"] == "done"
    assert names(tmp_path) == ["report.json"]


def test_a_report_that_cannot_be_written_leaves_no_draft(tmp_path):
    (tmp_path / "report.json").mkdir()
    with pytest.raises(OSError):
        files.write_report(tmp_path / "report.json", run_result())
    with pytest.raises(OSError):
        files.write_report(tmp_path / "none" / "report.json", run_result())
    assert names(tmp_path) == ["report.json"]


def test_a_status_becomes_json_with_times():
    status = Status(
        database="shop",
        environment="production",
        initialised=True,
        releases=(AppliedRelease(release="2026.10", applied_at=NOON, run=7),),
    )
    content = json.loads(json_report.document(status))
    assert content["releases"][0]["applied_at"] == "2026-11-03T12:00:00Z"


# The termination message.


def test_the_termination_message_is_the_summary(tmp_path):
    path = tmp_path / "termination-log"
    path.touch()
    termination.write(path, run_result())
    assert json.loads(path.read_bytes()) == {
        "result": "done",
        "exit_code": 0,
        "mode": "update",
        "release": "2026.11",
        "environment": "production",
        "run": 12,
        "phases": {"wait": 0.25, "seed": 1.0},
        "counts": {"insert": 3},
        "hint": None,
    }


def test_no_termination_message_is_written_where_no_kubelet_waits_for_it(tmp_path):
    termination.write(tmp_path / "termination-log", run_result())
    assert names(tmp_path) == []


def test_the_termination_message_lists_problems_as_far_as_there_is_room():
    problems = tuple(Problem(message="ä" * 100, file="a.yaml", line=n) for n in range(1, 1001))
    failure = describe(ConfigurationInvalid("Invalid.", problems=problems))
    content = termination.message(failure)
    assert len(content) < 2048
    told = json.loads(content)
    assert told["problems"][0].startswith("a.yaml:1: ä")
    assert len(told["problems"]) + told["problems_left_out"] == 1000


@pytest.mark.parametrize("length", [3_000, 1_000_000])
def test_the_termination_message_shortens_what_is_too_long(length):
    failure = describe(MigrationFailed("ä" * length, hint="ö" * length, phases={"wait": 1.0}))
    content = termination.message(failure)
    assert len(content) < 2048
    told = json.loads(content)
    assert (told["result"], told["exit_code"], told["error"]) == ("failed", 16, "MigrationFailed")
    assert told["message"].endswith("ä\N{HORIZONTAL ELLIPSIS}")
