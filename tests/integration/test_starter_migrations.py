"""The starter's revisions under Alembic's own command line, without seeder."""

from __future__ import annotations

import pytest
from alembic import command
from alembic.config import Config

from tests.support.postgres import Database
from tests.unit.test_starter_files import STARTER


@pytest.fixture
def config(database: Database, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setenv("DATABASE_URL", database.url)
    return Config(STARTER / "alembic.ini")


def tables(database: Database) -> set[str]:
    found = database.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {name for (name,) in found}


def test_alembic_upgrades_and_downgrades_by_itself(config: Config, database: Database) -> None:
    command.upgrade(config, "head")
    assert tables(database) == {
        "alembic_version",
        "organizations",
        "permissions",
        "role_permissions",
        "roles",
        "subscription_tiers",
        "tier_permissions",
        "users",
    }
    command.downgrade(config, "base")
    assert tables(database) == {"alembic_version"}
    functions = database.fetch("SELECT 1 FROM pg_proc WHERE proname = 'set_updated_at'")
    assert functions == []


def test_shared_and_customers_roles_may_have_the_same_name(
    config: Config, database: Database
) -> None:
    command.upgrade(config, "head")
    database.execute("INSERT INTO organizations (name, slug) VALUES ('Acme', 'acme')")
    insert = (
        "INSERT INTO roles (organization_id, name, label) "
        "SELECT {}, 'manager', 'Manager' FROM organizations ON CONFLICT DO NOTHING"
    )
    for organization in ("NULL", "id", "NULL", "id"):
        database.execute(insert.format(organization))
    found = database.fetch("SELECT organization_id IS NULL FROM roles ORDER BY 1")
    assert found == [(False,), (True,)]


def test_updated_at_follows_every_update(config: Config, database: Database) -> None:
    command.upgrade(config, "head")
    database.execute("INSERT INTO permissions (name, category) VALUES ('a.b', 'a')")
    database.execute("UPDATE permissions SET description = 'new'")
    assert database.fetch("SELECT updated_at > created_at FROM permissions") == [(True,)]
