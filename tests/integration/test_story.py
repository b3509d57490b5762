"""A story on the bundled starter: launch, a customer's edits, a second release, and back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from seeder import cli
from seeder.configuration.whereabouts import STARTER
from tests.support.postgres import Database


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(STARTER, tmp_path / "db", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "db"


@pytest.fixture
def seeder(project: Path, database: Database, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    """Run a command as a person would; returns its output, after it has succeeded."""

    def run(*arguments: str, exit_code: int = 0) -> str:
        environ = {
            "SEEDER_DATABASE_URL": database.url,
            "SEEDER_PROJECT": str(project),
            "SEEDER_LOG_FORMAT": "text",
        }
        capsys.readouterr()
        code = cli.main(arguments, environ, termination_log=tmp_path / "none")
        said = capsys.readouterr()
        assert code == exit_code, said.err
        return said.out

    return run


def release_two(project: Path) -> None:
    """A tier's limit changes, a tier and a permission are new, another permission leaves."""
    toml = project / "seeder.toml"
    toml.write_text(toml.read_text().replace('release = "2026.11"', 'release = "2026.12"'))
    tiers = project / "seeds" / "core" / "subscription_tiers.yaml"
    text = tiers.read_text()
    assert text.count("max_users: 2\n") == 1
    text = text.replace("max_users: 2\n", "max_users: 3\n")  # free
    assert text.count("max_users: 5\n") == 1
    text = text.replace("max_users: 5\n", "max_users: 6\n")  # starter
    assert text.count("audit_days: 180") == 1
    text = text.replace("audit_days: 180", "audit_days: 365")  # team
    tiers.write_text(
        text.rstrip()
        + "\n  - code: nonprofit\n    name: Nonprofit\n    description: Half the price\n"
        + "    price_monthly: 29.50\n    max_users: 20\n    max_products: null\n"
        + "    max_orders_per_month: null\n    features: {api: true}\n    sort_order: 35\n"
    )
    permissions = project / "seeds" / "core" / "permissions.yaml"
    permissions.write_text(
        permissions.read_text().rstrip()
        + "\n  - {name: inventory.audit, category: inventory, description: See who counted what}\n"
    )


def rows_of(database: Database) -> dict[str, list[tuple[object, ...]]]:
    queries = {
        "features": "SELECT code, features FROM subscription_tiers ORDER BY code",
        "tiers": "SELECT code, max_users, price_monthly FROM subscription_tiers ORDER BY code",
        "permissions": "SELECT name, description FROM permissions ORDER BY name",
        "links": "SELECT r.name, p.name FROM role_permissions rp JOIN roles r ON r.id = rp.role_id"
        " JOIN permissions p ON p.id = rp.permission_id ORDER BY 1, 2",
    }
    return {name: database.fetch(query) for name, query in queries.items()}


def test_a_second_release_arrives_around_what_a_customer_changed(
    project: Path, database: Database, seeder, tmp_path: Path
) -> None:
    assert "inserted" in seeder("run")
    assert "Nothing to do" in seeder("run"), "a redeploy finds everything in place"

    # A customer got another limit, and somebody decided that nobody may delete products.
    database.execute("UPDATE subscription_tiers SET max_users = 9 WHERE code = 'free'")
    database.execute(
        "UPDATE subscription_tiers SET features = features || '{\"sso\": true}' WHERE code = 'team'"
    )
    database.execute("DELETE FROM permissions WHERE name = 'products.delete'")
    before = rows_of(database)

    release_two(project)
    planned = json.loads(seeder("plan", "--json"))
    shown = seeder("plan", "--exit-code", exit_code=21)
    assert "subscription_tiers/free" in shown
    assert "features.audit_days" in shown, "of a document, the parts that change"
    assert rows_of(database) == before, "a plan writes nothing"

    report = tmp_path / "report.json"
    seeder("run", "--report", str(report))
    done = json.loads(report.read_text())
    after = rows_of(database)

    tiers = dict((code, users) for code, users, _ in after["tiers"])  # noqa: C402  # three columns
    assert tiers["free"] == 9, "what the customer changed stays changed"
    assert tiers["starter"] == 6, "a new default arrives where nobody changed the old one"
    assert tiers["nonprofit"] == 20
    team = dict(after["features"])["team"]
    assert isinstance(team, dict)
    assert (team["sso"], team["audit_days"]) == (True, 365), "both sides' parts of one document"
    names = [name for name, _ in after["permissions"]]
    assert "products.delete" not in names, "what was deleted stays deleted"
    assert "inventory.audit" in names
    assert ("org_owner", "inventory.audit") in after["links"], "patterns reach the new row"
    assert not [link for link in after["links"] if link[1] == "products.delete"]

    said = {each["name"]: counts(each) for each in planned["sets"]}
    did = {each["name"]: counts(each) for each in done["sets"]}
    assert said == did, "the plan shown before is what was done"

    assert "Nothing to do" in seeder("run")
    assert rows_of(database) == after
    kept = [row["address"] for each in done["sets"] for row in each["kept"]]
    assert "subscription_tiers/free" in kept, "the conflict is told"

    seeder("undo", str(done["run_id"]), "--yes")
    assert rows_of(database) == before, "undo takes it back"
    assert "Nothing to do" in seeder("run"), "and the release stays applied"
    assert rows_of(database) == before

    seeder("restore", "permissions/inventory.audit")
    assert "inventory.audit" in [name for name, _ in rows_of(database)["permissions"]]
    seeder("resolve", "subscription_tiers/free", "--take", "desired")
    assert ("free", 3) in [row[:2] for row in rows_of(database)["tiers"]]


def counts(each: dict[str, dict[str, int]]) -> dict[str, int]:
    return {name: number for name, number in each["counts"].items() if number}
