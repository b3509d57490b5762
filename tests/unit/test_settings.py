import dataclasses
import subprocess
import sys
from pathlib import Path

import click
import pytest

from seeder.command_line.flags import Setting
from seeder.command_line.group import COMMANDS, seeder
from seeder.configuration.options import PARSERS, flag, variable
from seeder.configuration.settings import Settings, read_settings
from seeder.configuration.whereabouts import STARTER
from seeder.errors import ConfigurationInvalid
from seeder.merge.model import Mode
from seeder.runtime.log import LogFormat

URL = "postgresql://app:hunter2@db:5432/shop"
DATABASE = {"DATABASE_URL": URL}


@pytest.fixture(autouse=True)
def in_a_project(monkeypatch):
    """Without a name, the project of the working directory is meant."""
    monkeypatch.chdir(STARTER)


def complaints(flags=None, environ=None, **keywords):
    with pytest.raises(ConfigurationInvalid) as caught:
        read_settings(flags or {}, DATABASE if environ is None else environ, **keywords)
    return [str(problem) for problem in caught.value.problems]


def revealed(environ, flags=None):
    return read_settings(flags or {}, environ).database.reveal()


def test_every_option_has_its_documented_default():
    settings = read_settings({}, DATABASE)
    assert settings == Settings(database=settings.database, environ=DATABASE, project=STARTER)
    assert (settings.wait_timeout, settings.lock_timeout) == (60.0, 600.0)
    assert (settings.ddl_lock_timeout, settings.deadline) == (5.0, 1500.0)
    assert (settings.environment, settings.mode) == ("production", Mode.AUTO)
    assert (settings.project, settings.schema) == (STARTER, "seeder")


def test_every_field_of_the_settings_is_an_option():
    fields = [field.name for field in dataclasses.fields(Settings)]
    assert sorted(fields) == sorted([*PARSERS, "database", "environ"])


def test_flags_win_over_variables():
    environ = {**DATABASE, "SEEDER_LOCK_TIMEOUT": "7", "SEEDER_MODE": "none"}
    settings = read_settings({"lock_timeout": "8", "mode": None}, environ)
    assert (settings.lock_timeout, settings.mode) == (8.0, Mode.NONE)


def test_a_bad_variable_behind_a_flag_is_no_problem():
    environ = {**DATABASE, "SEEDER_DEADLINE": "soon"}
    assert read_settings({"deadline": "90"}, environ).deadline == 90.0


def test_an_empty_variable_counts_as_unset():
    settings = read_settings({}, {**DATABASE, "SEEDER_ENVIRONMENT": "", "SEEDER_DATABASE_URL": ""})
    assert settings.environment == "production"
    assert settings.database.reveal() == URL


def test_all_problems_are_reported_together():
    found = complaints(
        {"deadline": "0", "environment": "Prod"},
        {"SEEDER_MODE": "sideways", "SEEDER_ENVIROMENT": "dev"},
    )
    assert len(found) == 5
    assert (
        found[0]
        == "SEEDER_ENVIROMENT is not a variable of seeder. Did you mean SEEDER_ENVIRONMENT?"
    )
    assert found[1].startswith("--deadline is '0', which is not a number of seconds.")
    assert found[2].startswith("--environment is 'Prod'")
    assert found[3].startswith("SEEDER_MODE is 'sideways'")
    assert found[4].startswith("No database is given.")


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "-inf", "soon", "60s", "1e9", ""])
@pytest.mark.parametrize("name", ["wait_timeout", "lock_timeout", "ddl_lock_timeout", "deadline"])
def test_seconds_are_positive_finite_numbers(name, text):
    (found,) = complaints({name: text})
    assert found.startswith(f"{flag(name)} is '{text}', which is not a number of seconds.")


def test_seconds_may_have_a_fraction():
    assert read_settings({"wait_timeout": "0.5"}, DATABASE).wait_timeout == 0.5


@pytest.mark.parametrize("text", ["Production", "1st", "pro duction", "_x", "dev\n"])
def test_an_environment_is_a_lower_case_word(text):
    (found,) = complaints({"environment": text})
    assert "not the name of an environment" in found


@pytest.mark.parametrize(
    "text", ["pg_ledger", "Seeder", "a-b", "1a", "a" * 64, "information_schema"]
)
def test_the_ledger_schema_is_a_plain_name_of_our_own(text):
    (found,) = complaints({"schema": text})
    assert found.startswith(f"--schema is '{text}'")


def test_the_longest_name_postgres_keeps_is_accepted_for_the_ledger_schema():
    assert read_settings({"schema": "a" * 63}, DATABASE).schema == "a" * 63


def test_sets_that_may_be_missing_are_separated_by_commas_in_the_variable():
    environ = {**DATABASE, "SEEDER_ALLOW_MISSING": "roles, plans,"}
    assert read_settings({}, environ).allow_missing == ("roles", "plans")
    assert read_settings({"allow_missing": ()}, environ).allow_missing == ("roles", "plans")
    assert read_settings({"allow_missing": ("tiers", "b")}, environ).allow_missing == ("tiers", "b")


def test_a_project_must_be_a_directory(tmp_path):
    assert read_settings({"project": str(tmp_path)}, DATABASE).project == tmp_path
    (found,) = complaints({"project": str(tmp_path / "none")})
    assert "not a directory" in found


def test_a_relative_project_becomes_absolute(tmp_path, monkeypatch):
    (tmp_path / "db").mkdir()
    monkeypatch.chdir(tmp_path)
    assert read_settings({"project": "db"}, DATABASE).project == tmp_path / "db"


def test_a_plan_must_be_a_file(tmp_path):
    (found,) = complaints({"plan": str(tmp_path / "plan.json")})
    assert "seeder plan --out" in found


def test_logs_are_text_on_a_terminal_and_json_elsewhere_unless_told():
    assert read_settings({}, DATABASE).log_format is LogFormat.JSON
    assert read_settings({}, DATABASE, terminal=True).log_format is LogFormat.TEXT
    told = read_settings({"log_format": "json"}, DATABASE, terminal=True)
    assert told.log_format is LogFormat.JSON


# The database.


def test_the_variable_of_seeder_wins_over_that_of_the_application():
    assert revealed({**DATABASE, "SEEDER_DATABASE_URL": "postgres://x/y"}) == "postgresql://x/y"


@pytest.mark.parametrize(
    "scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgres+asyncpg"]
)
def test_any_scheme_and_driver_of_postgres_becomes_what_libpq_reads(scheme):
    assert revealed({"DATABASE_URL": f"{scheme}://u:p@h/d"}) == "postgresql://u:p@h/d"


@pytest.mark.parametrize(
    "url", ["mysql://u:pw@h/d", "host=h password=pw", "postgres://h/d pw", "pw"]
)
def test_what_is_no_postgres_url_is_refused_and_not_repeated(url):
    (found,) = complaints(environ={"DATABASE_URL": url})
    assert found.startswith("DATABASE_URL is not the URL of a Postgres database.")
    assert "pw" not in found


@pytest.mark.parametrize("name", ["DATABASE_URL", "SEEDER_DATABASE_URL"])
def test_a_file_can_hold_the_url_with_one_newline(tmp_path, name):
    file = tmp_path / "url"
    file.write_text(URL + "\n")
    assert revealed({f"{name}_FILE": str(file)}) == URL


def test_a_file_with_a_second_newline_is_no_url(tmp_path):
    file = tmp_path / "url"
    file.write_text(URL + "\n\n")
    (found,) = complaints(environ={"DATABASE_URL_FILE": str(file)})
    assert found.startswith("DATABASE_URL_FILE is not the URL")


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe"])
def test_a_file_that_holds_no_text_is_a_problem(tmp_path, content):
    file = tmp_path / "url"
    file.write_bytes(content)
    (found,) = complaints(environ={"DATABASE_URL_FILE": str(file)})
    assert found.startswith(f"DATABASE_URL_FILE names {file}, which is ")


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path):
    (found,) = complaints(environ={"DATABASE_URL_FILE": str(tmp_path)})
    assert "cannot be read" in found


def test_a_file_without_end_is_a_problem():
    (found,) = complaints(environ={"DATABASE_URL_FILE": "/dev/zero"})
    assert found.startswith("DATABASE_URL_FILE names /dev/zero, which has more than 1,048,576")


@pytest.mark.parametrize("name", ["DATABASE_URL", "SEEDER_DATABASE_URL"])
def test_both_forms_of_one_variable_are_a_problem(name):
    (found,) = complaints(environ={name: URL, f"{name}_FILE": "/run/secrets/url"})
    assert found == f"{name} and {name}_FILE are both set. Unset one of them."


def test_the_applications_two_forms_do_not_matter_beside_our_own():
    environ = {**DATABASE, "DATABASE_URL_FILE": "/x", "SEEDER_DATABASE_URL": URL}
    assert revealed(environ) == URL


def test_an_offline_command_needs_no_database():
    assert read_settings({}, {}, database_required=False).database is None


def test_an_embedded_server_replaces_the_database_of_the_application(tmp_path):
    settings = read_settings({"embedded": str(tmp_path)}, DATABASE)
    assert (settings.embedded, settings.database) == (tmp_path, None)


@pytest.mark.parametrize(
    ("text", "directory"),
    [("true", Path(".seeder/postgres")), ("1", Path(".seeder/postgres")), ("data", Path("data"))],
)
def test_the_variable_of_the_embedded_server_is_a_switch_or_a_directory(text, directory):
    assert read_settings({}, {"SEEDER_EMBEDDED": text}).embedded == directory


def test_who_has_used_the_embedded_server_here_is_told_how_to_name_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (never,) = complaints({"project": "starter"}, {})
    (tmp_path / ".seeder" / "postgres" / "data").mkdir(parents=True)
    (told,) = complaints({"project": "starter"}, {})
    assert told == f"{never} SEEDER_EMBEDDED=1 makes every command use the one in .seeder/postgres."


def test_the_embedded_server_can_be_switched_off():
    assert read_settings({}, {**DATABASE, "SEEDER_EMBEDDED": "false"}).embedded is None


def test_two_databases_by_variable_are_a_problem_and_the_flag_decides():
    environ = {"SEEDER_EMBEDDED": "true", "SEEDER_DATABASE_URL": URL}
    (found,) = complaints(environ=environ)
    assert found.startswith("SEEDER_EMBEDDED and SEEDER_DATABASE_URL are both set.")
    assert read_settings({"embedded": "here"}, environ).embedded == Path("here")


# Variables that are none of ours.


@pytest.mark.parametrize(
    "name",
    [
        "SEEDER_SERVICE_HOST",
        "SEEDER_SERVICE_PORT_HTTP",
        "SEEDER_PORT",
        "SEEDER_PORT_80_TCP_ADDR",
        "SEEDER_PANEL_SERVICE_HOST",
        "SEEDER_PANEL_PORT_8000_TCP",
    ],
)
def test_what_kubernetes_sets_for_a_service_is_left_alone(name):
    assert read_settings({}, {**DATABASE, name: "10.0.0.1"}).environment == "production"


def test_an_unknown_variable_without_a_likeness_lists_those_that_exist():
    (found,) = complaints(environ={**DATABASE, "SEEDER_XYZZY": "1"})
    assert all(variable(name) in found for name in PARSERS)


# Secrets and cost.


def test_the_url_shows_in_no_repr():
    settings = read_settings({}, {**DATABASE, "DEV_PASSWORD": "hunter3"})
    assert "hunter" not in repr(settings) + str(settings) + str(settings.database)


def test_a_url_in_the_wrong_variable_is_masked_in_the_message():
    (found,) = complaints(environ={**DATABASE, "SEEDER_PROJECT": URL})
    assert "hunter2" not in found


def test_importing_the_settings_imports_no_third_party():
    script = (
        "import sys, seeder.configuration.settings;"
        "print(*{m.partition('.')[0] for m in sys.modules})"
    )
    output = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    third = {
        "psycopg",
        "sqlalchemy",
        "alembic",
        "msgspec",
        "yaml",
        "structlog",
        "click",
        "tenacity",
    }
    assert third.isdisjoint(output.stdout.split())


def test_the_help_tells_the_defaults_that_the_settings_have():
    defaults = {each.name: each.default for each in dataclasses.fields(Settings)}
    context = click.Context(seeder, info_name="seeder")
    told = {
        option.name: option.default_told
        for name in COMMANDS
        for option in (seeder.get_command(context, name) or click.Command("")).params
        if isinstance(option, Setting) and option.default_told is not None
    }
    for name in ("wait_timeout", "deadline", "lock_timeout", "ddl_lock_timeout"):
        assert told.pop(name) == f"{defaults[name]:g}"
    for name in ("schema", "mode", "environment"):
        assert told.pop(name) == str(defaults[name])
    assert told.keys() == {"log_format", "log_level", "actor"}
