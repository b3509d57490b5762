"""The Workshop: a small web application that takes orders, with seeder's panel in it."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
from flask import Flask, redirect, request, url_for
from flask_wtf.csrf import CSRFProtect

from seeder.panel import panel
from shop import accounts, orders, roles


def create_app() -> Flask:
    """The application, set up from files that the environment names."""
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=from_file("SECRET_KEY_FILE"),
        DATABASE_URL=from_file("DATABASE_URL_FILE"),
        SESSION_COOKIE_SAMESITE="Lax",
        # Over TLS, which this example leaves out: SESSION_COOKIE_SECURE=True
    )
    app.register_blueprint(accounts.pages)
    app.register_blueprint(orders.pages)
    app.register_blueprint(roles.pages)

    shown = the_panel(from_file("PANEL_DATABASE_URL_FILE"))
    app.register_blueprint(shown, url_prefix="/admin/seeder")
    CSRFProtect(app).exempt(shown)  # it has a protection of its own
    return app


def the_panel(url: str):
    """seeder's panel behind this application's login, on a database role of its own."""

    def authorize():
        user = accounts.current()
        if user is None:
            return redirect(url_for("accounts.login", next=request.path))
        return user.may("system.audit")

    return panel(
        connect=lambda: psycopg.connect(url, connect_timeout=3),
        authorize=authorize,
        actor=lambda: accounts.current().email,
        may_approve=lambda: accounts.current().may("system.organizations"),
        title="The Workshop: seed data",
        home="/",
    )


def from_file(variable: str) -> str:
    """The contents of the file that an environment variable names."""
    return Path(os.environ[variable]).read_text().strip()
