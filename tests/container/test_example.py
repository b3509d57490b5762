"""examples/flask-saas, through the real `docker compose` and a real browser."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.container.conftest import ROOT, docker

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

EXAMPLE = ROOT / "examples" / "flask-saas"
STARTER = ROOT / "seeder" / "starter"
Compose = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def compose(image: str, tmp_path: Path) -> Iterator[Compose]:
    """`docker compose` on the example, as a project of its own, with the image under test."""
    project = f"seeder-test-{uuid.uuid4().hex[:8]}"
    override = tmp_path / "images.yml"
    services: dict[str, Any] = {
        "seeder": {"image": f"{project}-job", "build": {"args": {"SEEDER": image}}},
        "web": {"image": f"{project}-web"},
    }
    override.write_text(json.dumps({"services": services}))
    files = ("--file", EXAMPLE / "docker-compose.yml", "--file", override)

    def run(*arguments: object, check: bool = True, **env: str) -> subprocess.CompletedProcess[str]:
        return docker(
            *("compose", "--project-name", project, *files, *arguments),
            check=check,
            env={**os.environ, "DOCKER_BUILDKIT": "1", "PORT": "0", **env},
        )

    yield run
    run("down", "--volumes", "--timeout", "2")
    docker("rmi", "--force", f"{project}-job", f"{project}-web", check=False)


@pytest.fixture
def url(compose: Compose) -> str:
    """Where the application answers, after `docker compose up --build`."""
    compose("up", "--detach", "--build")
    found = f"http://{compose('port', 'web', '8000').stdout.strip()}"
    for _ in range(100):
        try:
            urllib.request.urlopen(f"{found}/login", timeout=5).close()
        except OSError:
            time.sleep(0.2)
        else:
            return found
    pytest.fail(compose("logs", "web").stdout)


def secret(compose: Compose, name: str) -> str:
    return compose("run", "--rm", "secrets", "cat", f"/run/secrets/{name}").stdout.strip()


def psql(compose: Compose, role: str, text: str) -> subprocess.CompletedProcess[str]:
    """Run SQL as a role that logs in with its own password."""
    password = secret(compose, f"{role.removeprefix('seeder_')}_password")
    return compose(
        *("exec", "-T", "--env", "PGPASSWORD", "db"),
        *("psql", "-h", "127.0.0.1", "-U", role, "-d", "app", "-Atc", text),
        check=False,
        PGPASSWORD=password,
    )


def signed_in(browser: Browser, url: str, email: str, password: str, then: str = "/") -> Page:
    page = browser.new_context(base_url=url).new_page()
    page.goto(f"/login?next={then}")
    page.get_by_label("Address").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Orders", exact=True).wait_for()
    return page


def status_of(page: Page, path: str) -> int:
    answer = page.goto(path)
    assert answer is not None
    return answer.status


def test_an_update_is_approved_in_the_panel_and_its_permission_arrives(
    compose: Compose, url: str, browser: Browser
) -> None:
    passwords = {who: secret(compose, f"{who}_password") for who in ("manager", "admin")}
    manager, admin = (
        signed_in(browser, url, f"{who}@example.test", passwords[who]) for who in passwords
    )

    # Release 1: orders can be entered, and not invoiced.
    manager.get_by_label("Customer").fill("Bakery & Sons")
    manager.get_by_label("Total").fill("19.50")
    manager.get_by_role("button", name="Enter the order").click()
    assert manager.get_by_role("button", name="Ship order 1").is_visible()
    assert manager.get_by_role("button", name="Invoice order 1").count() == 0

    # The panel is for those who may read the audit trail.
    assert manager.get_by_role("link", name="Seed data").count() == 0
    for path in ("/admin/seeder/", "/admin/seeder/plan", "/admin/seeder/static/panel.css"):
        assert status_of(manager, path) == 403
    nobody = browser.new_context(base_url=url).new_page()
    nobody.goto("/admin/seeder/plan")
    assert nobody.url.endswith("/login?next=/admin/seeder/plan")
    for elsewhere in ("//evil.test", "https://evil.test", "/%09/evil.test", "/%5Cevil.test"):
        nobody = signed_in(browser, url, "admin@example.test", passwords["admin"], elsewhere)
        assert nobody.url == f"{url}/"

    # A person renames a role.
    admin.get_by_role("link", name="Roles").click()
    admin.get_by_label("Label of operator").fill("Shop floor")
    admin.get_by_role("button", name="Rename operator").click()

    # Release 2 is deployed: it waits, and changes nothing.
    compose("build", "seeder", RELEASE="2")
    compose("run", "--rm", "seeder")
    manager.goto("/")
    assert manager.get_by_role("button", name="Invoice order 1").count() == 0

    admin.get_by_role("link", name="Seed data").click()
    assert admin.get_by_text("Nobody has approved it yet.").is_visible()
    admin.get_by_role("link", name="Look at the plan").click()
    assert admin.get_by_text("permissions/orders.invoice", exact=True).is_visible()
    assert admin.get_by_text("role_permissions/manager,orders.invoice").is_visible()
    conflict = admin.get_by_role("article", name="Conflict in roles/operator")
    values = [cell.inner_text() for cell in conflict.get_by_role("cell").all()]
    assert values == ["Operator", "Shop floor", "Production"]
    admin.get_by_role("button", name="Approve this plan").click()
    assert "approved" in admin.get_by_role("status").inner_text()

    # The next run of the job applies it.
    compose("run", "--rm", "seeder")
    manager.goto("/")
    manager.get_by_role("button", name="Invoice order 1").click()
    assert manager.get_by_role("button", name="Invoice order 1").count() == 0
    assert manager.get_by_text("orders.invoice").is_visible()
    admin.goto("/admin/seeder/approvals")
    row = admin.get_by_role("row").filter(has_text="admin@example.test")
    assert "applied" in row.inner_text()
    admin.goto("/roles")
    assert admin.get_by_label("Label of operator").input_value() == "Shop floor"
    admin.goto("/admin/seeder/conflicts")
    assert admin.get_by_role("article", name="Conflict in roles/operator").is_visible()


def test_each_role_may_do_its_part_and_no_password_is_shown(compose: Compose, url: str) -> None:
    allowed = {
        "web": ("SELECT count(*) FROM users", "UPDATE roles SET label = 'x' WHERE false"),
        "seeder_panel": ("SELECT count(*) FROM seeder.runs",),
    }
    refused = {
        "web": ("SELECT * FROM seeder.runs", "UPDATE users SET role_id = 1", "DELETE FROM roles"),
        "seeder_panel": ("SELECT * FROM users", "UPDATE seeder.requests SET state = 'applied'"),
    }
    for role in allowed:
        for text in allowed[role]:
            done = psql(compose, role, text)
            assert done.returncode == 0, done.stderr
        for text in refused[role]:
            assert "permission denied" in psql(compose, role, text).stderr

    names = secret_names(compose)
    assert len(names) == 9
    ids = compose("ps", "--all", "--quiet").stdout.split()
    shown = docker("inspect", *ids).stdout + compose("logs").stdout
    for name in names:
        assert secret(compose, name) not in shown


def secret_names(compose: Compose) -> list[str]:
    return compose("run", "--rm", "secrets", "ls", "/run/secrets").stdout.split()


def test_the_grants_are_those_of_the_documentation() -> None:
    (documented,) = re.findall(r"```sql\n(.*?)```", (ROOT / "docs/panel.md").read_text(), re.DOTALL)
    grants = [line for line in documented.splitlines() if not line.startswith("CREATE ROLE")]
    assert len(grants) == 4
    assert "\n".join(grants) in (EXAMPLE / "database/grants.sql").read_text()


@pytest.mark.parametrize(
    ("name", "gone", "new"),
    [
        ("permissions.yaml", set(), {"orders.invoice"}),
        ("roles.yaml", {"label: Operator"}, {"label: Production"}),
    ],
)
def test_the_second_release_is_the_starter_with_little_changed(
    name: str, gone: set[str], new: set[str]
) -> None:
    # Each file begins with the way to the schema, which is another from here.
    before = (STARTER / "seeds/core" / name).read_text().splitlines()[1:]
    schema, *after = (EXAMPLE / "db/2/seeds/core" / name).read_text().splitlines()
    assert (EXAMPLE / "db/2/seeds/core" / schema.partition("=")[2]).is_file()
    for lines, others, expected in ((before, after, gone), (after, before, new)):
        left = [line for line in lines if line not in others]
        assert len(left) == len(expected)
        assert all(any(each in line for each in expected) for line in left)


def test_its_packages_are_locked_with_hashes() -> None:
    text = (EXAMPLE / "requirements.txt").read_text()
    locked = re.findall(r"^(\S+)==\S+ .*\\\n    --hash=sha256:", text, re.MULTILINE)
    assert {"flask", "flask-wtf", "gunicorn", "psycopg"} <= set(locked)
    assert len(locked) == len(re.findall(r"^[a-z]", text, re.MULTILINE))
    assert "://" not in text
