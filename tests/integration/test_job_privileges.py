"""Roles that may do little: what suffices for a run, and what is told where it does not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg import sql

from tests.support.postgres import Server
from tests.support.shop import Shop


@pytest.fixture
def role(server: Server, worker_id: str) -> Iterator[str]:
    """A role that may log in and owns nothing; it goes after the database."""
    name = f"app_{worker_id}"
    server.execute(f'CREATE ROLE "{name}" LOGIN')
    yield name
    server.execute(f'DROP ROLE "{name}"')


@pytest.fixture
def limited(role: str, shop: Shop) -> Shop:
    """A shop whose job logs in as the role."""
    shop.environ["DATABASE_URL"] = shop.database.server.url(shop.database.name, user=role)
    return shop


def execute(shop: Shop, role: str, *statements: str) -> None:
    names = {"role": sql.Identifier(role), "database": sql.Identifier(shop.database.name)}
    with shop.database.connect() as connection:
        for statement in statements:
            connection.execute(sql.SQL(statement).format(**names))


def test_a_role_that_owns_the_database_suffices(limited: Shop, role: str) -> None:
    execute(limited, role, "ALTER DATABASE {database} OWNER TO {role}")
    done = limited.run()
    assert done.exit_code == 0, done.stderr
    assert done.finished["counts"] == {"insert": 4}
    assert limited.run().names[1] == "run.unchanged"


def test_a_role_that_owns_its_schema_and_a_ledger_schema_made_for_it_suffices(
    limited: Shop, role: str
) -> None:
    execute(
        limited,
        role,
        "CREATE SCHEMA app AUTHORIZATION {role}",
        "CREATE SCHEMA seeder AUTHORIZATION {role}",
        "ALTER ROLE {role} IN DATABASE {database} SET search_path = app",
        "REVOKE ALL ON DATABASE {database} FROM public",
        "GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {role}",
    )
    done = limited.run()
    assert done.exit_code == 0, done.stderr
    assert limited.value("SELECT count(*) FROM app.roles") == 3
    assert limited.run().names[1] == "run.unchanged"


def test_a_role_that_may_not_create_the_ledger_is_told_so_and_nothing_happens(
    limited: Shop, role: str
) -> None:
    before = limited.snapshot()
    done = limited.run()
    assert done.exit_code == 11
    assert "opening the ledger" in done.failed["message"]
    assert "permission denied for database" in done.failed["message"]
    assert limited.snapshot() == before


def test_a_role_that_may_not_write_a_table_is_told_which_and_nothing_is_seeded(
    limited: Shop, role: str
) -> None:
    assert limited.run("--mode", "none", DATABASE_URL=limited.database.url).exit_code == 0
    execute(
        limited,
        role,
        "ALTER SCHEMA seeder OWNER TO {role}",
        *(
            f"ALTER TABLE seeder.{name} OWNER TO {{role}}"
            for (name,) in limited.rows("SELECT tablename FROM pg_tables WHERE schemaname='seeder'")
        ),
        "GRANT USAGE ON SCHEMA public TO {role}",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}",
        "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
    )
    before = limited.snapshot(sequences=False)
    done = limited.run()
    assert done.exit_code == 11
    assert "permission denied for table roles" in done.failed["message"]
    assert limited.snapshot(sequences=False) == before


def test_a_login_may_work_as_another_role(limited: Shop, role: str) -> None:
    owner = f"{role}_owner"
    execute(
        limited, owner, "CREATE ROLE {role} NOLOGIN", "ALTER DATABASE {database} OWNER TO {role}"
    )
    try:
        execute(limited, role, f'GRANT "{owner}" TO {{role}}')
        done = limited.run("--set-role", owner)
        assert done.exit_code == 0, done.stderr
        owners = (
            "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname IN ('public', 'seeder')"
        )
        assert limited.rows(owners) == [(owner,)]
        assert limited.run("--set-role", owner).names[1] == "run.unchanged"
    finally:
        execute(
            limited, owner, "ALTER DATABASE {database} OWNER TO postgres", "DROP OWNED BY {role}"
        )
        execute(limited, owner, "DROP ROLE {role}")


def test_a_role_that_is_not_granted_is_refused(limited: Shop) -> None:
    done = limited.run("--set-role", "postgres")
    assert done.exit_code == 11
    assert "setting the role" in done.failed["message"]


def test_row_level_security_that_would_hide_rows_is_an_error(limited: Shop, role: str) -> None:
    execute(limited, role, "ALTER DATABASE {database} OWNER TO {role}")
    limited.scripts.add("0003", "ALTER TABLE roles ENABLE ROW LEVEL SECURITY")
    limited.scripts.add("0004", "ALTER TABLE roles FORCE ROW LEVEL SECURITY")
    done = limited.run()
    assert done.exit_code == 11
    assert "row-level security" in done.failed["message"]
