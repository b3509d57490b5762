import io
import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from seeder.runtime.log import LogFormat, configure, redact


def written(log_format=LogFormat.JSON, *, colour=False, event="set.applied", **fields):
    stream = io.StringIO()
    configure(log_format, stream=stream, colour=colour).info(event, **fields)
    return stream.getvalue()


def test_a_json_event_starts_with_time_level_and_event():
    line = json.loads(written(set="roles", inserted=3))
    assert list(line) == ["timestamp", "level", "event", "set", "inserted"]
    assert (line["level"], line["event"], line["inserted"]) == ("info", "set.applied", 3)
    assert line["timestamp"].endswith("Z")


def test_a_text_event_is_one_line_that_quotes_only_what_needs_it():
    line = written(LogFormat.TEXT, set="roles", note="a b\nc", counts={"insert": 3})
    assert line.endswith('set.applied set=roles note="a b\\nc" counts={"insert": 3}\n')
    assert line.count("\n") == 1
    assert "\x1b" not in line


@pytest.mark.parametrize("colour", [False, True])
def test_a_statement_stands_below_its_event_in_text_and_in_one_field_of_json(colour):
    sql = "SELECT 1,\n  '\x1b[2J'"
    first, *lines = written(LogFormat.TEXT, colour=colour, rows=1, sql=sql).splitlines()
    assert "sql" not in first
    assert lines == ["    SELECT 1,", "      '?[2J'"]
    assert json.loads(written(rows=1, sql=sql))["sql"] == sql


def test_text_is_coloured_only_when_asked():
    assert "\x1b[32m" in written(LogFormat.TEXT, colour=True)


def test_an_escape_sequence_in_a_field_does_not_reach_the_terminal():
    assert "\x1b" not in written(LogFormat.TEXT, key="\x1b[2J")


def test_debug_events_are_left_out():
    stream = io.StringIO()
    configure(LogFormat.JSON, stream=stream).debug("query.sent")
    assert stream.getvalue() == ""


@pytest.mark.parametrize("log_format", list(LogFormat))
def test_credentials_are_masked_wherever_they_stand(log_format):
    line = written(
        log_format,
        message="cannot reach postgresql://app:hunter2@db/shop",
        detail={
            "conninfo": "hunter2",
            "parts": ["host=db password=hunter2", ("pgpassword='hunter2'",)],
        },
        url="hunter2",
    )
    assert "hunter2" not in line
    assert "***" in line


def test_a_foreign_object_shows_its_class_and_nothing_of_what_it_holds():
    class Connection:
        def __repr__(self):
            return "hunter2"

    line = json.loads(written(connection=Connection(), path=Path("db/seeds"), sets=frozenset("ba")))
    assert (line["connection"], line["path"], line["sets"]) == (
        "<Connection>",
        "db/seeds",
        ["a", "b"],
    )


def test_a_stream_that_is_gone_loses_lines_and_stops_nothing():
    stream = io.StringIO()
    log = configure(LogFormat.JSON, stream=stream)
    stream.close()
    log.info("set.applied")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("see postgres://u:p@ss@h/d now", "see postgres://***@h/d now"),
        ("postgresql+psycopg://u@h/d", "postgresql+psycopg://***@h/d"),
        ("host=h password = 'it\\'s' user=u", "host=h password = *** user=u"),
        ("?sslpassword=x&sslmode=require", "?sslpassword=***&sslmode=require"),
        ("https://docs.example/seeder", "https://docs.example/seeder"),
        ("the password is wrong", "the password is wrong"),
    ],
)
def test_redaction_masks_credentials_and_nothing_else(text, masked):
    assert redact(text) == masked


def test_lines_carry_what_is_known_of_the_run_from_then_on():
    stream = io.StringIO()
    log = configure(LogFormat.JSON, stream=stream)
    log.info("run.started")
    log.carry(run=7)
    log.debug("query.sent")
    log.warning("set.pending", set="roles", url="hunter2")
    before, after = map(json.loads, stream.getvalue().splitlines())
    assert "run" not in before
    assert list(after) == ["timestamp", "level", "event", "run", "set", "url"]
    assert (after["level"], after["run"], after["url"]) == ("warning", 7, "***")


def test_structlogs_global_configuration_stays_untouched():
    import structlog

    configure(LogFormat.JSON, stream=io.StringIO()).carry(run=7)
    assert not structlog.is_configured()


def test_what_libraries_log_and_warn_about_stays_out_of_the_output():
    script = (
        "import logging, warnings; from seeder.runtime.log import silence_libraries;"
        "silence_libraries();"
        "logging.getLogger('alembic').error('loud'); warnings.warn('loud', UserWarning)"
    )
    output = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert output.stdout + output.stderr == ""


def test_importing_the_log_configures_nothing():
    assert logging.getLogger("seeder").handlers == []
