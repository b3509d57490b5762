import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from seeder.cli import main
from seeder.command_line.group import COMMANDS
from seeder.command_line.invocation import Invocation
from seeder.configuration.whereabouts import STARTER
from seeder.errors import Interrupted, MigrationFailed
from seeder.merge.result import Result, RunResult

HEAVY = {"psycopg", "sqlalchemy", "alembic", "yaml", "msgspec", "structlog", "tenacity", "flask"}


@pytest.fixture(autouse=True)
def in_a_project(monkeypatch):
    """Without a name, the project of the working directory is meant."""
    monkeypatch.chdir(STARTER)


def seeder(*arguments, **environ):
    """Run the command in a process of its own, with no variable of ours but these."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("SEEDER_") and not name.startswith("DATABASE_URL")
    }
    return subprocess.run(
        [sys.executable, "-m", "seeder", *arguments],
        env={**inherited, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def events(text):
    return [json.loads(line) for line in text.splitlines()]


# Usage.


def test_the_version_is_told_at_once():
    output = seeder("--version")
    assert (output.returncode, output.stderr) == (0, "")
    assert output.stdout.startswith("seeder ")


def test_the_version_is_the_same_by_either_way(capsys):
    assert main(["--version"], {}) == 0
    assert capsys.readouterr().out == seeder("--version").stdout


def test_a_bare_call_shows_the_help_and_is_no_success():
    output = seeder()
    assert output.returncode == 2
    assert all(f"\n  {command} " in output.stderr for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_teaches_by_an_example(command, capsys):
    assert main([command, "--help"], {}) == 0
    output = capsys.readouterr().out
    assert "Example:" in output
    assert f"seeder {command}" in output.partition("Example:")[2]


@pytest.mark.parametrize(
    "arguments",
    [
        ["rnu"],
        ["run", "--embeded"],
        ["run", "--mode", "sideways"],
        ["run", "--wait-timeout", "nan"],
        ["wait", "--deadline", "soon"],
        ["status", "--schema", "pg_x"],
        ["check", "extra"],
    ],
)
def test_a_usage_error_exits_with_2(arguments, capsys):
    assert main(arguments, {}) == 2
    assert capsys.readouterr().err.startswith("Usage: seeder")


def test_a_leading_seeder_is_dropped_as_docker_run_image_seeder_run_gives_it(capsys):
    assert main(["seeder", "check", "--help"], {}) == 0
    assert capsys.readouterr().out.startswith("Usage: seeder check")


@pytest.mark.parametrize(
    "arguments", [["--version"], ["--help"], ["rnu"], ["run", "--mode", "sideways"]]
)
def test_neither_usage_errors_nor_the_help_wait_for_heavy_imports(arguments):
    script = (
        "import sys; from seeder.cli import main; code = main(sys.argv[1:], {});"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    output = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True
    )
    assert HEAVY.isdisjoint(output.stdout.splitlines()[-1].split())


def test_a_locale_without_the_letters_of_a_text_fails_nothing():
    output = seeder("status", "--log-format", "text", SEEDER_ÄRA="1", PYTHONIOENCODING="ascii")
    assert output.returncode == 10
    assert "SEEDER_\\xc4RA is not a variable of seeder." in output.stderr


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("show abc", "Invalid value for 'RUN': 'abc' is not the number of a run."),
        ("undo 0", "Invalid value for 'RUN': '0' is not the number of a run."),
        ("show 3 --limit few", "Invalid value for '--limit': 'few' is not a number of rows."),
        ("history --limit 0", "Invalid value for '--limit': '0' is not a number of runs."),
    ],
)
def test_what_is_no_number_is_told_by_what_it_should_count(line, words):
    output = seeder(*line.split())
    assert output.returncode == 2
    assert words in output.stderr


# Settings that are wrong.


def test_bad_settings_exit_with_10_and_every_problem_as_one_event():
    output = seeder("run", SEEDER_ENVIROMENT="dev", SEEDER_DEADLINE="soon")
    assert (output.returncode, output.stdout) == (10, "")
    failed, finished = events(output.stderr)
    assert failed["event"] == "run.failed"
    assert len(failed["problems"]) == 3
    assert finished["event"] == "run.finished"
    assert (finished["result"], finished["exit_code"]) == ("failed", 10)
    assert finished["error"] == "ConfigurationInvalid"


def test_bad_settings_in_text_are_one_paragraph_with_a_problem_per_line():
    output = seeder("run", "--log-format", "text", SEEDER_ENVIROMENT="dev")
    assert output.returncode == 10
    *paragraph, finished = output.stderr.splitlines()
    # Where `make run` has been, the embedded server's data are there.
    paragraph[2] = paragraph[2].partition(" SEEDER_EMBEDDED=1 ")[0]
    assert paragraph == [
        "seeder: 2 settings are invalid.",
        "  SEEDER_ENVIROMENT is not a variable of seeder. Did you mean SEEDER_ENVIRONMENT?",
        "  No database is given. "
        "Set SEEDER_DATABASE_URL or DATABASE_URL, or start one with --embedded.",
        "Hint: `seeder run --help` lists the options and their variables.",
        "Code: settings-invalid",
    ]
    assert " run.finished result=failed exit_code=10 " in finished


@pytest.mark.parametrize("command", ["wait", "status"])
def test_other_commands_than_run_do_not_claim_that_a_run_finished(command, capsys):
    assert main([command], {}) == 10
    (event,) = events(capsys.readouterr().err)
    assert event["event"] == f"{command}.failed"


def test_bad_settings_reach_the_report_and_the_termination_message(tmp_path, capsys):
    last_words = tmp_path / "termination-log"
    last_words.touch()
    report = tmp_path / "report.json"
    code = main(["run", "--report", str(report)], {"SEEDER_X": "1"}, termination_log=last_words)
    assert code == 10
    for written in (report, last_words):
        content = json.loads(written.read_bytes())
        assert (content["result"], content["exit_code"]) == ("failed", 10)
        assert len(content["problems"]) == 2
    assert "SEEDER_X" in capsys.readouterr().err


def test_a_report_that_cannot_be_written_is_a_warning_and_changes_no_exit_code(tmp_path, capsys):
    assert main(["run"], {"SEEDER_REPORT": str(tmp_path / "none" / "report.json")}) == 10
    failed, warning, finished = events(capsys.readouterr().err)
    assert (warning["level"], warning["event"]) == ("warning", "report.failed")
    assert warning["reason"] == "No such file or directory"
    assert (failed["event"], finished["event"]) == ("run.failed", "run.finished")


# How a run is told to have ended.


@pytest.fixture
def invocation(tmp_path):
    """An invocation of `run` with its settings read, on streams that a test can read."""

    def opened(log_format, **environ):
        streams = {"stdout": io.StringIO(), "stderr": io.StringIO()}
        made = Invocation(
            environ={"DATABASE_URL": "postgres://db/shop", **environ},
            termination_log=tmp_path / "none",
            **streams,
        )
        made.open("run", {"log_format": log_format})
        return made, streams["stdout"], streams["stderr"]

    return opened


DONE = RunResult(result=Result.DONE, environment="production", phases={"wait": 0.5})


def test_a_run_in_text_prints_its_summary_to_stdout_and_its_end_to_stderr(invocation):
    made, stdout, stderr = invocation("text")
    made.finish(DONE)
    assert stdout.getvalue() == "Done in 0.5 s: production.\n"
    assert stderr.getvalue().count("\n") == 1
    assert "run.finished result=done exit_code=0" in stderr.getvalue()


def test_a_run_in_json_writes_events_and_nothing_else(invocation):
    made, stdout, stderr = invocation("json")
    made.finish(DONE)
    (finished,) = events(stderr.getvalue())
    assert (finished["event"], finished["level"]) == ("run.finished", "info")
    assert finished["phases"] == {"wait": 0.5}
    assert stdout.getvalue() == ""


def test_the_exit_code_of_a_run_is_that_of_its_result(invocation):
    made, _, _ = invocation("json")
    made.finish(RunResult(result=Result.DONE, environment="production", exit_code=18))
    assert made.exit_code == 18


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MigrationFailed("No."), 16),
        (Interrupted(15), 143),
        (Interrupted(2), 130),
        (ValueError(), 1),
    ],
)
@pytest.mark.parametrize("log_format", ["json", "text"])
def test_every_failure_of_a_run_ends_with_run_finished_and_its_code(
    invocation, log_format, error, code
):
    made, _, stderr = invocation(log_format)
    assert made.fail(error) == code
    *_, last = stderr.getvalue().splitlines()
    assert "run.finished" in last
    assert stderr.getvalue().count("run.finished") == 1


def test_a_run_is_told_to_have_finished_only_once(invocation):
    made, _, stderr = invocation("json")
    made.fail(MigrationFailed("No."))
    made.fail(Interrupted(15))
    assert stderr.getvalue().count("run.finished") == 1


def test_a_reader_of_stdout_who_has_gone_changes_no_exit_code():
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as stdout:
        made = Invocation(
            environ={"DATABASE_URL": "postgres://db/shop"},
            stdout=stdout,
            stderr=io.StringIO(),
            termination_log=Path("none"),
        )
        made.open("run", {"log_format": "text"})
        made.finish(DONE)
    assert made.exit_code == 0


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "arguments", [["--version"], ["seeder", "--version"], ["--help"], ["run", "--help"], ["schema"]]
)
def test_a_reader_who_has_gone_is_no_failure(arguments: list[str], unbuffered: str) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "seeder", *arguments],
        stdout=write,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_version_that_cannot_be_written_is_a_failure() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "seeder", "--version"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "seeder: stdout: No space left on device\n")


def test_a_mistyped_command_is_told_the_one_that_may_be_meant():
    done = seeder("runn")
    assert done.returncode == 2
    assert "No such command 'runn'. Did you mean 'run'?" in done.stderr
    assert "Did you mean" not in seeder("zzz").stderr


@pytest.mark.parametrize(
    ("elsewhere", "here"),
    [
        ("apply", "run"),
        ("diff", "plan"),
        ("migrate", "run --mode none"),
        ("rollback", "undo"),
        ("validate", "check"),
        ("help", "--help"),
        ("version", "--version"),
    ],
)
def test_what_other_tools_call_a_command_is_told_by_its_name_here(elsewhere: str, here: str):
    done = seeder(elsewhere)
    assert done.returncode == 2
    assert f"Did you mean '{here}'?" in done.stderr


def test_the_version_is_told_for_the_short_flag_too():
    assert seeder("-V").stdout == seeder("--version").stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_help_breaks_no_word_and_no_command_at_sixty_columns(command: str) -> None:
    text = seeder(command, "--help", COLUMNS="60").stdout
    about, _, options = text.partition("  Example:\n")
    lines = [*about.splitlines(), *options.partition("\n\n")[2].splitlines()]
    assert [line for line in lines if len(line) > 60] == []
    given = options.partition("\n\n")[0]
    assert given in seeder(command, "--help", COLUMNS="120").stdout
