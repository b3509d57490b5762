"""Bad input: a clear error with place and remedy, its exit code, and the database as before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.postgres import OwnServer, Server
from tests.support.shop import MEMBERS_SEED, ROLES_SEED, Done, Shop

MARK = "hunter2"
"""A row value that must show up nowhere."""


@pytest.fixture
def seeded(shop: Shop) -> Shop:
    """The shop after its first release; a second one is asked for, whose files a test spoils."""
    shop.configure(release="1")
    assert shop.run().exit_code == 0
    shop.configure(release="2")
    return shop


def refused(shop: Shop, code: int, *told: str, **environ: str) -> Done:
    """Run, and hold the run to everything that a refusal promises."""
    drawn = code in (16, 18)  # rolled back after rows were tried
    before = shop.snapshot(sequences=not drawn)
    done = shop.run(**environ)
    assert done.exit_code == code, done.stderr
    assert done.finished["exit_code"] == code
    assert done.finished["result"] == "failed"
    assert MARK not in done.stdout + done.stderr
    for text in told:
        assert text in _said(done), done.stderr
    after = shop.snapshot(sequences=not drawn)
    if code == 16:  # for the next run it keeps what stood before the migrations that failed
        del before["seeder.projects"], after["seeder.projects"]
    assert after == before
    return done


def _said(done: Done) -> str:
    failed = done.failed
    return "\n".join([failed["message"], *failed.get("problems", ()), failed.get("hint") or ""])


# The catalog, before any database is asked.

OFFLINE: dict[str, tuple[dict[str, str | bytes | None], tuple[str, ...]]] = {
    "a missing seeder.toml": (
        {"seeder.toml": None},
        ("seeder.toml: there is no such file", "`seeder init DIR` starts a project."),
    ),
    "a seeder.toml that is no TOML": (
        {"seeder.toml": "release = \n"},
        ("seeder.toml:1:11: is not valid TOML",),
    ),
    "a missing file of rows": (
        {"seeds/core/roles.yaml": "table: roles\nkey: code\nrows_from: roles.csv\n"},
        ("seeds/core/roles.yaml:3:", "roles.csv"),
    ),
    "a file that cannot be read": (
        {
            "seeds/core/roles.yaml": "table: roles\nkey: code\nrows_from: rows/\n",
            "seeds/core/rows/note.txt": "",
        },
        ("seeds/core/roles.yaml:3:",),
    ),
    "a file that is not UTF-8": (
        {"seeds/core/roles.yaml": b"table: roles\nkey: code\nrows:\n- {code: \xff}\n"},
        ("seeds/core/roles.yaml:4:", "UTF-8"),
    ),
    "wrong YAML": (
        {"seeds/core/roles.yaml": "table: roles\nkey: code\nrows: [\n"},
        ("seeds/core/roles.yaml:4:1: ",),
    ),
    "an unknown key": (
        {"seeds/core/roles.yaml": "tabel: roles\nkey: code\nrows: []\n"},
        ("seeds/core/roles.yaml:1:1: ", "`tabel`", "Did you mean `table`?"),
    ),
    "a duplicate YAML key": (
        {"seeds/core/roles.yaml": "table: roles\ntable: roles\nkey: code\nrows: []\n"},
        ("seeds/core/roles.yaml:2:1: ", "`table`"),
    ),
    "a duplicate row": (
        {
            "seeds/core/roles.yaml": ROLES_SEED
            + f"      - {{code: owner, level: 9, note: {MARK}}}\n"
        },
        ("seeds/core/roles.yaml:", "roles/owner"),
    ),
    "a dangling reference": (
        {"seeds/core/members.yaml": MEMBERS_SEED.replace("owner}", "ownr}")},
        ("seeds/core/members.yaml:6:", "`roles/ownr`", "Did you mean `owner`?"),
    ),
    "an unset environment variable": (
        {
            "seeds/core/members.yaml": MEMBERS_SEED.replace(
                "role_id: owner}", "role_id: owner, password: !env FIRST_PASSWORD}"
            )
        },
        ("seeds/core/members.yaml:6:", "FIRST_PASSWORD"),
    ),
    "a column without a key": (
        {"seeds/core/roles.yaml": f"table: roles\nkey: code\nrows:\n- {{name: {MARK}}}\n"},
        ("seeds/core/roles.yaml:4:", "code"),
    ),
}


def _apply(shop: Shop, files: dict[str, str | bytes | None]) -> None:
    for name, text in files.items():
        if text is None:
            (shop.directory / name).unlink()
        else:
            shop.write(name, text)


@pytest.mark.parametrize("case", OFFLINE)
def test_a_bad_catalog_is_refused_before_the_database_is_touched(
    empty_shop: Shop, case: str
) -> None:
    shop = empty_shop
    shop.seed("roles", ROLES_SEED)
    shop.seed("members", MEMBERS_SEED)
    files, told = OFFLINE[case]
    _apply(shop, files)
    done = refused(shop, 10, *told)
    assert "database.ready" not in done.names


@pytest.mark.parametrize("case", OFFLINE)
def test_check_says_of_a_bad_catalog_what_a_run_says(empty_shop: Shop, case: str) -> None:
    shop = empty_shop
    shop.seed("roles", ROLES_SEED)
    shop.seed("members", MEMBERS_SEED)
    files, told = OFFLINE[case]
    _apply(shop, files)
    done = shop.command("check", DATABASE_URL="")
    assert done.exit_code == 10
    assert all(text in _said(done) for text in told), done.stderr


def test_a_project_that_does_not_exist_is_named(shop: Shop) -> None:
    refused(shop, 10, "not a directory", "seeder.toml", SEEDER_PROJECT="/nonexistent/project")


def test_a_file_without_permission_is_named(seeded: Shop, request: pytest.FixtureRequest) -> None:
    path = seeded.directory / "seeds/core/roles.yaml"
    path.chmod(0)
    request.getfixturevalue("ordinary_user")
    refused(seeded, 10, "seeds/core/roles.yaml", "permission denied")


def test_all_problems_of_a_catalog_are_told_in_one_go(seeded: Shop) -> None:
    seeded.seed("roles", ROLES_SEED.replace("table: roles", "tabel: roles"))
    seeded.seed("members", MEMBERS_SEED.replace("{ref: roles}", "{reff: roles}"))
    problems = refused(seeded, 10).failed["problems"]
    assert {each.partition(":")[0] for each in problems} == {
        "seeds/core/roles.yaml",
        "seeds/core/members.yaml",
    }


def test_an_error_in_text_is_one_paragraph_that_ends_with_a_hint_and_its_code(seeded: Shop) -> None:
    seeded.seed("members", MEMBERS_SEED.replace("owner}", "ownr}"))
    done = seeded.run(SEEDER_LOG_FORMAT="text")
    lines = [line for line in done.stderr.splitlines() if " run." not in line]
    assert lines == [
        "seeder: 1 problem in the catalog",
        "  seeds/core/members.yaml:6:41: `role_id` refers to `roles/ownr`, which is not in the"
        " catalog. Did you mean `owner`?",
        "Hint: `seeder check` shows them without a database.",
        "Code: catalog-invalid",
    ]


# The migrations, before anything is locked.


def test_several_heads_are_refused(seeded: Shop) -> None:
    seeded.scripts.add("0003", down="0001")
    refused(seeded, 14, "0003.py", "one of 2 heads", "alembic merge heads")


def test_a_broken_chain_is_refused(seeded: Shop) -> None:
    seeded.scripts.add("0004", down="0003")
    refused(seeded, 14, "0004.py", "builds on 0003, which does not exist")


def test_a_revision_that_does_not_load_is_refused_with_its_line(seeded: Shop) -> None:
    seeded.write("migrations/versions/0003.py", "revision = '0003'\nimport no_such_module\n")
    refused(seeded, 14, "migrations/versions/0003.py:2", "cannot import no_such_module")


def test_a_failing_migration_is_rolled_back_and_named(seeded: Shop) -> None:
    seeded.scripts.add(
        "0003",
        "ALTER TABLE roles ADD note text",
        f"INSERT INTO roles (code, level) VALUES ('owner', 1), ('{MARK}', 1)",
    )
    refused(seeded, 16, "revision 0003 (0003.py:9)", "roles_code_key", "rolled back")


# The schema.


def test_unknown_tables_columns_and_values_that_do_not_cast_are_told_together(
    seeded: Shop,
) -> None:
    seeded.seed("roles", ROLES_SEED.replace("level: 3", f"level: {MARK}"))
    seeded.seed(
        "members", MEMBERS_SEED.replace("role_id: owner}", f"role_id: owner, mail: {MARK}}}")
    )
    seeded.seed("units", f"table: unit\nkey: code\nrows:\n  - {{code: {MARK}}}\n")
    problems = "\n".join(refused(seeded, 10).failed["problems"])
    assert "seeds/core/roles.yaml:4: roles/owner, column level: the value does not cast" in problems
    assert (
        "seeds/core/members.yaml:6:"
        " Set members: the table public.members has no column mail. Did you mean email?" in problems
    )
    assert "the table unit does not exist. Is the migration" in problems


def test_an_unknown_column_is_told_where_it_is_first_named(seeded: Shop) -> None:
    seeded.scripts.add("0003", "CREATE TABLE units (code text PRIMARY KEY)")
    seeded.run("--mode", "none")
    seeded.write("seeds/core/units.csv", "code,wieght\nkg,1\n")
    seeded.seed("units", "table: units\nkey: code\nrows_from: units.csv\n")
    seeded.seed("roles", ROLES_SEED.replace("rows:", "defaults: {colour: red}\n    rows:"))
    seeded.seed("members", MEMBERS_SEED + "      - {email: b@x, role_id: owner, phone: '1'}\n")
    problems = refused(seeded, 10).failed["problems"]
    places = {each.rpartition(" ")[2].rstrip("."): each.partition(": ")[0] for each in problems}
    assert places == {
        "wieght": "seeds/core/units.csv:1",
        "colour": "seeds/core/roles.yaml:3",
        "phone": "seeds/core/members.yaml:7",
    }


def test_a_key_without_a_unique_index_is_refused_with_the_index_to_add(seeded: Shop) -> None:
    seeded.seed("roles", ROLES_SEED.replace("key: code", "key: level"))
    seeded.seed("members", "table: members\nkey: email\nrows: []\n")
    refused(seeded, 10, "seeds/core/roles.yaml", "CREATE UNIQUE INDEX ON public.roles (level)")


def test_a_view_is_refused(seeded: Shop) -> None:
    seeded.scripts.add("0003", "CREATE VIEW levels AS SELECT code, level FROM roles")
    seeded.run("--mode", "none")
    seeded.seed("levels", "table: levels\nkey: code\nrows: []\n")
    refused(seeded, 10, "levels is a view", "Seed the table behind it")


# Rows that the database rejects.

REJECTIONS = {
    "a check": (
        "ALTER TABLE roles ADD note text CHECK (note <> '{mark}')",
        "CheckViolation (23514)",
        "roles_note_check",
    ),
    "a foreign key": (
        "CREATE TABLE notes (note text PRIMARY KEY); ALTER TABLE roles ADD note text"
        " REFERENCES notes",
        "ForeignKeyViolation (23503)",
        "roles_note_fkey",
    ),
    "a trigger": (
        "ALTER TABLE roles ADD note text; CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN IF NEW.note = '{mark}' THEN RAISE 'no %', NEW.note; END IF; RETURN NEW; END"
        " $$; CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON roles FOR EACH ROW"
        " EXECUTE FUNCTION refuse()",
        "RaiseException (P0001)",
        "",
    ),
    "a length": (
        "ALTER TABLE roles ADD note varchar(3)",
        "column note: the value does not cast to character varying(3)",
        "",
    ),
    "a domain": (
        "CREATE DOMAIN word AS text CHECK (VALUE <> '{mark}'); ALTER TABLE roles ADD note word",
        "CheckViolation (23514)",
        "word_check",
    ),
}


@pytest.mark.parametrize("case", REJECTIONS)
@pytest.mark.parametrize("how", ["inserted", "updated"])
def test_a_rejected_row_is_named_by_address_and_line_and_never_by_value(
    seeded: Shop, case: str, how: str
) -> None:
    statement, condition, name = REJECTIONS[case]
    seeded.scripts.add("0003", statement.replace("{mark}", MARK))
    assert seeded.run("--mode", "none").exit_code == 0
    if how == "inserted":
        text = ROLES_SEED + f"      - {{code: guest, level: 0, note: {MARK}}}\n"
        line, address = 7, "roles/guest"
    else:
        text = ROLES_SEED.replace("level: 1", f"level: 1, note: {MARK}")
        line, address = 6, "roles/viewer"
    seeded.seed("roles", text)
    code = 10 if case == "a length" else 18
    done = refused(seeded, code, f"seeds/core/roles.yaml:{line}: {address}", condition, name)
    assert done.failed["problems"] == [each for each in done.failed["problems"] if address in each]
    if code == 18:
        assert done.failed["message"].startswith(f"{address} was rejected by public.roles: ")
        assert "Nothing was seeded." in done.failed["hint"]
        assert done.finished["error"] == "SeedingFailed"
        recorded = seeded.rows("SELECT summary->>'error' FROM seeder.runs WHERE exit_code = 18")
        assert recorded == [("SeedingFailed",)]


def test_a_row_without_a_value_for_a_required_column_is_named(seeded: Shop) -> None:
    seeded.seed("roles", ROLES_SEED + "      - {code: guest, level: null}\n")
    refused(seeded, 18, "seeds/core/roles.yaml:7: roles/guest", "NotNullViolation", "level")


def test_the_rejected_row_of_many_is_found(seeded: Shop) -> None:
    seeded.scripts.add("0003", "ALTER TABLE roles ADD CHECK (level < 1000)")
    rows = [f"      - {{code: r{n}, level: {n}}}\n" for n in range(1000)]
    rows[613] = "      - {code: r613, level: 5000}\n"
    seeded.seed("roles", ROLES_SEED + "".join(rows))
    assert seeded.run("--mode", "none").exit_code == 0
    refused(seeded, 18, "seeds/core/roles.yaml:620: roles/r613")


def test_a_rejected_row_of_a_csv_file_is_named_by_its_line(seeded: Shop) -> None:
    seeded.scripts.add("0003", "CREATE TABLE units (code text PRIMARY KEY, n int CHECK (n > 0))")
    seeded.run("--mode", "none")
    seeded.write("seeds/core/units.csv", "code,n\nkg,1\ng,0\n")
    seeded.seed("units", "table: units\nkey: code\nrows_from: units.csv\n")
    refused(seeded, 18, "seeds/core/units.csv:3: units/g", "units_n_check")


def test_a_failing_task_is_named_and_takes_the_rows_with_it(seeded: Shop) -> None:
    seeded.seed("roles", ROLES_SEED + "      - {code: guest, level: 0}\n")
    seeded.write("seeds/update/2_wrong.sql", f"INSERT INTO roles (code) VALUES ('{MARK}')\n")
    refused(seeded, 18, "2_wrong.sql", "NotNullViolation")


# The server.


@pytest.fixture
def strict(own_server: Callable[..., OwnServer]) -> OwnServer:
    server = own_server(hba=["local all all scram-sha-256"])
    server.execute("CREATE ROLE app LOGIN PASSWORD 'horse-battery'")
    server.execute("CREATE DATABASE shop OWNER app")
    return server


def unreachable(shop: Shop, code: int, url: str, *told: str) -> None:
    """A run that never gets to work on any database."""
    done = shop.run(DATABASE_URL=url, SEEDER_WAIT_TIMEOUT="0.5")
    assert done.exit_code == code, done.stderr
    assert done.finished["exit_code"] == code
    assert MARK not in done.stderr
    for text in told:
        assert text in _said(done), done.stderr


def test_a_wrong_password_is_told_with_its_remedy(shop: Shop, strict: OwnServer) -> None:
    url = strict.url("shop", user="app", password=MARK)
    unreachable(shop, 11, url, "refuses this role or its password", "Check user and password")


def test_a_password_that_is_replaced_in_its_file_while_the_job_waits_is_read_again(
    shop: Shop, strict: OwnServer, tmp_path: Path
) -> None:
    file = tmp_path / "url"
    file.write_text(strict.url("shop", user="app", password=MARK) + "\n")
    right = strict.url("shop", user="app", password="horse-battery")
    child = shop.start(
        "run", DATABASE_URL="", DATABASE_URL_FILE=str(file), SEEDER_WAIT_TIMEOUT="60"
    )
    assert child.stderr is not None
    told = ""
    while "database.awaited" not in told:
        told += child.stderr.readline()
    file.write_text(f"{right}\n")
    done = shop.end(child)
    assert done.exit_code == 0, done.stderr
    assert MARK not in told + done.stderr
    assert "horse-battery" not in told + done.stderr


def test_a_password_file_of_libpq_that_is_corrected_while_the_job_waits_is_read_again(
    shop: Shop, strict: OwnServer, tmp_path: Path
) -> None:
    file = tmp_path / "pgpass"
    file.write_text(f"*:*:*:app:{MARK}\n")
    file.chmod(0o600)
    child = shop.start(
        "run",
        DATABASE_URL=strict.url("shop", user="app"),
        PGPASSFILE=str(file),
        SEEDER_WAIT_TIMEOUT="60",
    )
    assert child.stderr is not None
    told = ""
    while "database.awaited" not in told:
        told += child.stderr.readline()
    assert "refuses this role or its password" in told
    file.write_text("*:*:*:app:horse-battery\n")
    done = shop.end(child)
    assert done.exit_code == 0, done.stderr
    assert MARK not in told + done.stderr
    assert "horse-battery" not in told + done.stderr


def test_a_missing_database_is_told_with_its_remedy(shop: Shop, strict: OwnServer) -> None:
    url = strict.url("elsewhere", user="app", password="horse-battery")
    unreachable(shop, 12, url, "the database does not exist", "Create it, or correct the name")


def test_a_server_that_does_not_listen_is_waited_for_and_given_up(
    shop: Shop, tmp_path: Path
) -> None:
    url = f"postgresql://app:{MARK}@/shop?host={tmp_path}"
    unreachable(shop, 30, url, "nothing listens", "Check host and port")


def test_a_read_only_database_is_given_up_and_unchanged(seeded: Shop) -> None:
    name = seeded.database.name
    seeded.database.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    seeded.seed("roles", ROLES_SEED + "      - {code: guest, level: 0}\n")
    refused(
        seeded,
        30,
        "default_transaction_read_only is on",
        "Switch it off for the job's role",
        SEEDER_WAIT_TIMEOUT="0.5",
    )


def test_a_url_that_is_none_is_refused_without_being_quoted(shop: Shop) -> None:
    done = shop.run(DATABASE_URL=f"mysql://app:{MARK}@db/shop")
    assert done.exit_code == 10
    assert "DATABASE_URL is not the URL of a Postgres database" in _said(done)
    assert MARK not in done.stderr


def test_a_setting_that_is_misspelt_is_refused_with_a_suggestion(shop: Shop) -> None:
    refused(
        shop,
        10,
        "SEEDER_ENVIROMENT is not a variable of seeder. Did you mean SEEDER_ENVIRONMENT?",
        SEEDER_ENVIROMENT="dev",
    )


def test_a_held_lock_is_given_up_and_its_holder_named(seeded: Shop, server: Server) -> None:
    from seeder.database.connection.lock import key_of

    holder = seeded.database.connect(application_name="another-job")
    holder.execute("SELECT pg_advisory_lock(%s)", [key_of("seeder")])
    refused(seeded, 31, "another-job", "pg_terminate_backend", SEEDER_LOCK_TIMEOUT="0.5")
