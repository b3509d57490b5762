"""Who is signed in, and what they may do: the tables that seeder seeds, at work."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps

from flask import Blueprint, abort, g, redirect, render_template, request, session, url_for
from werkzeug.security import check_password_hash

from shop.database import close, query

pages = Blueprint("accounts", __name__)
pages.teardown_app_request(close)

# Checked where nobody has the address, so that the answer takes as long as for somebody's.
NOBODY = "scrypt:32768:8:1$nobody$" + "0" * 128


@dataclass(frozen=True)
class User:
    """Whoever is signed in."""

    id: int
    email: str
    name: str
    role: str
    organization_id: int
    organization: str
    permissions: frozenset[str]

    def may(self, permission: str) -> bool:
        """Whether their role, and their organization's tier, allow it."""
        return permission in self.permissions


def current() -> User | None:
    """Whoever sent this request, looked up once for each."""
    if "user" not in g:
        g.user = find(session["user_id"]) if "user_id" in session else None
    return g.user


def find(user_id: int) -> User | None:
    """Somebody who may sign in, with their permissions as they are now."""
    found = query(
        """
        SELECT u.id, u.email, u.name, r.label AS role, o.id AS organization_id,
               o.name AS organization
        FROM users u
        JOIN roles r ON r.id = u.role_id
        JOIN organizations o ON o.id = u.organization_id
        WHERE u.id = %(id)s AND u.is_active
        """,
        id=user_id,
    )
    if not found:
        return None
    # What both the role and the organization's tier allow; our own staff needs no tier.
    allowed = query(
        """
        SELECT p.name
        FROM users u
        JOIN roles r ON r.id = u.role_id AND r.is_active
        JOIN role_permissions rp ON rp.role_id = r.id
        JOIN permissions p ON p.id = rp.permission_id AND p.is_active
        JOIN organizations o ON o.id = u.organization_id
        WHERE u.id = %(id)s
          AND (r.is_system OR EXISTS (
              SELECT FROM tier_permissions tp
              WHERE tp.tier_id = o.tier_id AND tp.permission_id = p.id))
        """,
        id=user_id,
    )
    return User(**found[0], permissions=frozenset(row["name"] for row in allowed))


def needs(permission: str) -> Callable:
    """Let a page in only for people with a permission; others are sent to sign in, or get 403."""

    def decorate(page: Callable) -> Callable:
        @wraps(page)
        def guarded(*args, **kwargs):
            user = current()
            if user is None:
                return redirect(url_for("accounts.login", next=request.path))
            if not user.may(permission):
                abort(403)
            return page(*args, **kwargs)

        return guarded

    return decorate


@pages.app_context_processor
def for_templates() -> dict:
    """What every template knows."""
    return {"user": current()}


@pages.app_errorhandler(403)
def forbidden(_) -> tuple[str, int]:
    """Say it in the application's own words."""
    return render_template("forbidden.html"), 403


@pages.get("/login")
def login():
    """The form."""
    return render_template("login.html", failed=False)


@pages.post("/login")
def sign_in():
    """Check a password."""
    found = query(
        "SELECT id, password_hash FROM users WHERE email = %(email)s AND is_active",
        email=request.form.get("email", "").strip().lower(),
    )
    known = found[0]["password_hash"] if found and found[0]["password_hash"] else NOBODY
    if not check_password_hash(known, request.form.get("password", "")) or not found:
        return render_template("login.html", failed=True), 401
    session.clear()
    session["user_id"] = found[0]["id"]
    return redirect(own_page(request.args.get("next")), 303)


@pages.post("/logout")
def sign_out():
    """Forget who it was."""
    session.clear()
    return redirect(url_for("accounts.login"), 303)


def own_page(path: str | None) -> str:
    """A page of this application and no other: `//elsewhere` would be another site."""
    if path and re.fullmatch("/([a-z0-9_][a-z0-9_/-]*)?", path):
        return path
    return url_for("orders.all_orders")
