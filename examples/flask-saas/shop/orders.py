"""Orders: what somebody sees and may do here depends on their permissions."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from flask import Blueprint, abort, redirect, render_template, request, url_for

from shop.accounts import current, needs
from shop.database import query

pages = Blueprint("orders", __name__)


@pages.get("/")
@needs("orders.view")
def all_orders():
    """The organization's orders, newest first."""
    found = query(
        "SELECT * FROM orders WHERE organization_id = %(organization)s ORDER BY id DESC LIMIT 100",
        organization=current().organization_id,
    )
    return render_template("orders.html", orders=found)


@pages.post("/orders")
@needs("orders.create")
def enter():
    """Enter an order."""
    customer = request.form.get("customer", "").strip()
    try:
        total = Decimal(request.form.get("total", ""))
    except InvalidOperation:
        abort(400)
    if not customer or not 0 <= total < 100_000_000:
        abort(400)
    query(
        "INSERT INTO orders (organization_id, customer, total)"
        " VALUES (%(organization)s, %(customer)s, %(total)s)",
        organization=current().organization_id,
        customer=customer,
        total=total,
    )
    return redirect(url_for("orders.all_orders"), 303)


@pages.post("/orders/<int:number>/ship")
@needs("orders.ship")
def ship(number: int):
    """Mark an order as shipped."""
    query(
        "UPDATE orders SET shipped_at = now() WHERE id = %(number)s AND shipped_at IS NULL"
        " AND organization_id = %(organization)s",
        number=number,
        organization=current().organization_id,
    )
    return redirect(url_for("orders.all_orders"), 303)


# Shipped with the first release already; the permission comes with the second.
@pages.post("/orders/<int:number>/invoice")
@needs("orders.invoice")
def invoice(number: int):
    """Send an invoice."""
    query(
        "UPDATE orders SET invoiced_at = now() WHERE id = %(number)s AND invoiced_at IS NULL"
        " AND organization_id = %(organization)s",
        number=number,
        organization=current().organization_id,
    )
    return redirect(url_for("orders.all_orders"), 303)
