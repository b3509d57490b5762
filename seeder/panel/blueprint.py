"""The blueprint: its address, its guard, its pages, and the one thing that it writes."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, abort, current_app, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from seeder.database.ledger.past import history, run_history
from seeder.database.ledger.runs import requests
from seeder.errors import DatabaseUnavailable, SeederError
from seeder.panel import forgery
from seeder.panel.access import Access, Check
from seeder.panel.ledger import Connect, Ledger, LedgerMissing, Look, PendingPlan
from seeder.panel.outline import is_loud, outline
from seeder.panel.pages import Pages, protect
from seeder.report.words import groups

_RUNS = 25
_ROWS = 200
_SAID = 50
"""Runs, rows and approvals on a page."""


def panel(
    *,
    connect: Connect,
    authorize: Check,
    actor: Callable[[], str],
    may_approve: Callable[[], bool] | None = None,
    schema: str = "seeder",
    project: str | None = None,
    title: str = "Seeder",
    home: str | None = None,
    name: str = "seeder",
) -> Blueprint:
    """The admin panel, to be registered with a `url_prefix`.

    Args:
        connect: hands out a connection as a context manager, with no transaction open:
            `lambda: psycopg.connect(url)`, or the `connection` method of a pool.
        authorize: asked before every page whether whoever sends the request may see it: True,
            False (403), or a response to send instead, such as a redirect to the login page.
        actor: the name of whoever is logged in, for the record of an approval.
        may_approve: whether they may approve as well; None: whoever may look may.
        schema: the ledger's.
        project: the identity in seeder.toml, where several projects share the ledger.
        title: the heading of every page.
        home: URL of the application, for a link back.
        name: of the blueprint, where an application has several.

    Raises:
        TypeError: a function is missing; there is no default that lets everybody in.
    """
    access = Access(authorize=authorize, actor=actor, may_approve=may_approve)
    if not callable(connect):
        raise TypeError("panel() needs connect=, a function that hands out a connection")
    ledger = Ledger(connect=connect, schema=schema, project=project)
    pages = Pages(title=title, home=home)
    made = Blueprint(name, __name__, static_folder="static", static_url_path="/static")
    made.before_request(access.refusal)
    _add_pages(made, ledger, pages, access)
    _add_approval(made, ledger, pages, access)

    @made.after_request
    def protected(response: Response) -> Response:
        # The application's own answers, such as its page for 403, keep what it gave them.
        return protect(response) if request.endpoint == f"{request.blueprint}.static" else response

    @made.errorhandler(LedgerMissing)
    def without_ledger(_: LedgerMissing) -> Response:
        return pages.page("no_ledger.html", status=409 if request.method == "POST" else 200)

    @made.errorhandler(SeederError)
    def failed(error: SeederError) -> Response:
        current_app.logger.error("seeder.panel: %s %s", error.message, error.facts or "")
        status = 503 if isinstance(error, DatabaseUnavailable) else 500
        return pages.page("failed.html", status=status, error=error)

    return made


def _add_pages(made: Blueprint, ledger: Ledger, pages: Pages, access: Access) -> None:
    @made.get("/")
    def status() -> Response:
        with ledger.look() as look:
            _, conflicts = look.conflicts(limit=0)
            return pages.page(
                "status.html",
                marker=look.ledger.meta(look.cursor),
                releases=history.releases(*look),
                pending=look.pending(),
                request=requests.open_request(*look),
                runs=run_history.read_runs(*look, limit=5),
                conflicts=conflicts,
            )

    @made.get("/plan")
    def plan() -> Response:
        with ledger.look() as look:
            return _plan_page(pages, look, access, look.pending())

    @made.get("/plan/sets/<path:name>")
    def one_set(name: str) -> Response:
        start = _number("start") or 0
        with ledger.look() as look:
            pending = look.pending()
        sets = () if pending is None or pending.plan is None else pending.plan.sets
        found = next((each for each in sets if each.name == name), None)
        if found is None:
            return pages.page("no_set.html", status=404)
        shown = found.rows[start : start + _ROWS]
        if start and not shown:
            return pages.page("no_set.html", status=404)
        return pages.page(
            "set.html",
            set=found,
            conflicts=[row for row in shown if is_loud(row)],
            groups=groups(row for row in shown if not is_loud(row)),
            start=start,
            end=start + len(shown),
            step=_ROWS,
        )

    @made.get("/conflicts")
    def conflicts() -> Response:
        with ledger.look() as look:
            found, rows = look.conflicts(limit=_ROWS)
            pending = look.pending()
            waiting = pending.plan.conflicts if pending and pending.plan else 0
            cut = len(found) == _ROWS
            return pages.page(
                "conflicts.html", conflicts=found, rows=rows, waiting=waiting, cut=cut
            )

    @made.get("/approvals")
    def approvals() -> Response:
        with ledger.look() as look:
            pending = look.pending()
            found = requests.last_requests(*look, limit=_SAID + 1, before=_number("before"))
            return pages.page(
                "approvals.html",
                requests=found[:_SAID],
                more=len(found) > _SAID,
                pending=pending,
            )

    @made.get("/runs")
    def runs() -> Response:
        with ledger.look() as look:
            found = run_history.read_runs(*look, limit=_RUNS + 1, before=_number("before"))
            return pages.page("runs.html", runs=found[:_RUNS], more=len(found) > _RUNS)

    @made.get("/runs/<int(max=9223372036854775807):number>")
    def one_run(number: int) -> Response:
        with ledger.look() as look:
            found = run_history.read_run(*look, number)
            if found is None:
                return pages.page("no_run.html", status=404, number=number)
            start = _number("start") or 0
            rows, total = run_history.read_written(*look, number, start=start, limit=_ROWS)
            return pages.page(
                "run.html", run=found, rows=rows, total=total, start=start, step=_ROWS
            )


def _add_approval(made: Blueprint, ledger: Ledger, pages: Pages, access: Access) -> None:
    @made.post("/plan")
    def approve() -> AnyResponse:
        if not access.approves():
            abort(403)
        if not forgery.is_own(request):
            return pages.page("forged.html", status=400)
        done = ledger.approve(request.form.get("plan_id", ""), actor=access.name())
        if done.request is None:
            return pages.page("stale.html", status=409, pending=done.pending)
        return redirect(url_for(".plan"), 303)


def _plan_page(pages: Pages, look: Look, access: Access, pending: PendingPlan | None) -> Response:
    request_here = None if pending is None else requests.open_request(*look, pending.id)
    said = requests.last_requests(*look, limit=1)
    may_approve = access.approves()
    asks = may_approve and pending and pending.approvable and not request_here
    return pages.page(
        "plan.html",
        pending=pending,
        outline=outline(pending.plan, start=_number("start") or 0)
        if pending and pending.plan
        else None,
        request=request_here,
        last=said[0] if said else None,
        may_approve=may_approve,
        field=forgery.FIELD,
        token=forgery.token() if asks else None,
    )


def _number(name: str) -> int | None:
    """A number of the query string; anything else counts as absent."""
    text = request.args.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
