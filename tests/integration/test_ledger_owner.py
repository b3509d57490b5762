"""A ledger that another role owns is no record of what was applied."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.shop import Shop


@pytest.fixture
def job(shop: Shop) -> Iterator[str]:
    """The job's role, which is no superuser; `other_...` may create schemas as well."""
    name = shop.database.name
    roles = [f"job_{name}", f"other_{name}"]
    for role in roles:
        shop.database.execute(
            f"CREATE ROLE {role} LOGIN; GRANT CREATE ON DATABASE {name} TO {role};"
            f" GRANT CREATE ON SCHEMA public TO {role}"
        )
    shop.environ["DATABASE_URL"] = shop.database.server.url(name, user=roles[0])
    yield roles[0]
    for role in roles:
        shop.database.execute(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")


def test_a_schema_that_another_role_made_first_is_refused(shop: Shop, job: str) -> None:
    other = job.replace("job_", "other_")
    with shop.database.server.connect(shop.database.name, user=other) as connection:
        connection.execute(f"CREATE SCHEMA seeder; GRANT ALL ON SCHEMA seeder TO {job}")
    done = shop.run()
    assert done.exit_code == 11, done.stderr
    assert f"belongs to {other}" in done.failed["message"]
    assert shop.rows("SELECT FROM pg_class WHERE relname = 'roles'") == []
    statement = f"ALTER SCHEMA seeder OWNER TO {job};"
    assert statement in done.failed["hint"]
    shop.database.execute(statement)
    assert shop.run().exit_code == 0


def test_a_table_of_it_that_another_role_owns_is_refused(shop: Shop, job: str) -> None:
    assert shop.run().exit_code == 0
    other = job.replace("job_", "other_")
    shop.database.execute(f"ALTER TABLE seeder.sets OWNER TO {other}")
    done = shop.run("--mode", "update")
    assert done.exit_code == 11, done.stderr
    assert f"ALTER TABLE seeder.sets OWNER TO {job};" in done.failed["hint"]
    done = shop.command("undo", "1", "--yes", "--actor", "jo")
    assert done.exit_code == 11, done.stderr


def test_what_a_role_of_the_job_s_owns_is_its_own(shop: Shop, job: str) -> None:
    assert shop.run().exit_code == 0
    other = job.replace("job_", "other_")
    shop.database.execute(f"ALTER TABLE seeder.meta OWNER TO {other}; GRANT {other} TO {job}")
    assert shop.run("--mode", "update").exit_code == 0
