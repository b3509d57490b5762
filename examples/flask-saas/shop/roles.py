"""Roles: a page where a person changes what seeder has seeded."""

from __future__ import annotations

from flask import Blueprint, abort, redirect, render_template, request, url_for

from shop.accounts import needs
from shop.database import query

pages = Blueprint("roles", __name__)


@pages.get("/roles")
@needs("users.edit")
def all_roles():
    """The shared roles, and how much each allows."""
    found = query(
        """
        SELECT r.id, r.name, r.label, count(rp.permission_id) AS permissions
        FROM roles r LEFT JOIN role_permissions rp ON rp.role_id = r.id
        WHERE r.organization_id IS NULL AND NOT r.is_system
        GROUP BY r.id ORDER BY r.id
        """
    )
    return render_template("roles.html", roles=found)


@pages.post("/roles/<int:number>")
@needs("users.edit")
def rename(number: int):
    """Call a role something else. seeder will never call it back."""
    label = request.form.get("label", "").strip()
    if not label:
        abort(400)
    query(
        "UPDATE roles SET label = %(label)s WHERE id = %(number)s AND NOT is_system",
        number=number,
        label=label,
    )
    return redirect(url_for("roles.all_roles"), 303)
