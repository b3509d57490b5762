"""An application with the panel in it, on a database role that may do what docs/panel.md grants.

`waiting` is a shop whose catalog has changed, so that a plan waits; `site` an application on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask, redirect, request, session
from flask.testing import FlaskClient
from psycopg import sql
from psycopg.types.json import Jsonb

from seeder.panel import panel
from tests.support.postgres import Database
from tests.support.shop import Done, Shop

DOCUMENT = Path(__file__).parents[2] / "docs" / "panel.md"
ROLE = "seeder_panel"
BEFORE = """
    table: roles
    key: code
    rows:
      - {code: owner, level: 3}
      - {code: editor, level: 2}
      - {code: viewer, level: 1}
"""
AFTER = """
    table: roles
    key: code
    rows:
      - {code: owner, level: 30}
      - {code: editor, level: 20}
      - {code: viewer, level: 1}
      - {code: auditor, level: 5}
"""


def grants() -> str:
    """The statements of docs/panel.md."""
    (found,) = re.findall(r"```sql\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    return str(found)


def grant(database: Database) -> str:
    """Make the role on this database, as documented; returns its URL."""
    role = f"{ROLE}_{database.name}"
    database.execute(grants().replace(ROLE, role))
    return database.server.url(database.name, user=role)


def drop_role(database: Database) -> None:
    role = sql.Identifier(f"{ROLE}_{database.name}")
    with database.connect() as connection:
        connection.execute(sql.SQL("DROP OWNED BY {}").format(role))
        connection.execute(sql.SQL("DROP ROLE {}").format(role))


@pytest.fixture
def launched(shop: Shop) -> Iterator[Shop]:
    """The shop after its first run, and the panel's role."""
    shop.seed("roles", BEFORE)
    assert shop.run().exit_code == 0
    grant(shop.database)
    yield shop
    drop_role(shop.database)


@pytest.fixture
def waiting(launched: Shop) -> Shop:
    """The shop with a plan that waits: one row to insert, one to update, one in conflict."""
    launched.database.execute("UPDATE roles SET level = 7 WHERE code = 'editor'")
    launched.seed("roles", AFTER)
    assert run(launched).exit_code == 0
    return launched


def run(shop: Shop, *arguments: str) -> Done:
    """Run the job, which must succeed."""
    done = shop.run(*arguments)
    assert done.exit_code == 0, done.stderr
    return done


def panel_url(shop: Shop) -> str:
    """The URL of the panel's role."""
    return shop.database.server.url(shop.database.name, user=f"{ROLE}_{shop.database.name}")


def application(url: str, **options: Any) -> Flask:
    """An application with a login: `jo` may approve, `lee` may look, `mo` neither."""
    app = Flask("tests.panel.application")
    app.secret_key = "for tests"

    @app.get("/login")
    def login() -> str:
        session["user"] = request.args.get("as", "")
        return "logged in"

    def authorize() -> Any:
        if not session.get("user"):
            return redirect("/login")
        return session["user"] in ("jo", "lee")

    known: dict[str, Any] = {
        "connect": lambda: psycopg.connect(url),
        "authorize": authorize,
        "actor": lambda: f"{session['user']}@example.test",
        "may_approve": lambda: session["user"] == "jo",
        "home": "/",
    }
    app.register_blueprint(panel(**(known | options)), url_prefix="/admin/seeder")
    return app


@dataclass
class Site:
    """A visitor of the application."""

    app: Flask
    client: FlaskClient

    def login(self, user: str) -> Site:
        self.client.get("/login", query_string={"as": user})
        return self

    def get(self, path: str = "/", **options: Any) -> Any:
        return self.client.get(f"/admin/seeder{path}", **options)

    def text(self, path: str = "/") -> str:
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return str(answer.text)

    def form(self) -> dict[str, str]:
        """The fields of the form on the page of the plan."""
        return dict(re.findall(r'name="(\w+)" value="([^"]*)"', self.text("/plan")))

    def approve(self, form: dict[str, str] | None = None, **options: Any) -> Any:
        return self.client.post(
            "/admin/seeder/plan", data=self.form() if form is None else form, **options
        )


Visit = Callable[..., Site]


def visible(html: str) -> str:
    """A page's text, tags and runs of space taken out."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))


def store(shop: Shop, plan_id: str, document: dict[str, object]) -> None:
    """Put a document in the place of the pending plan."""
    shop.database.execute(
        "UPDATE seeder.pending_plan SET plan_id = %s, document = %s", plan_id, Jsonb(document)
    )


@pytest.fixture
def visit() -> Visit:
    """Visit an application on this shop's database: `visit(shop, "jo")`."""

    def visit(shop: Shop, user: str | None = "jo", **options: Any) -> Site:
        app = application(panel_url(shop), **options)
        site = Site(app, app.test_client())
        return site.login(user) if user else site

    return visit


@pytest.fixture
def site(waiting: Shop, visit: Visit) -> Site:
    """Jo, logged in, while a plan waits."""
    return visit(waiting)
