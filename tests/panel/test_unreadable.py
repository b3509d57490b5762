"""What the panel says where it cannot read the ledger, the plan, or the database."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.panel.conftest import Visit, panel_url, store, visible
from tests.support.shop import Shop


def test_a_plan_of_a_newer_format_is_named_and_cannot_be_approved(
    waiting: Shop, visit: Visit
) -> None:
    store(waiting, "f" * 64, {"format": 99, "chapters": []})
    site = visit(waiting)
    assert "An update waits that this panel cannot show" in visible(site.text())
    text = visible(site.text("/plan"))
    assert "format 99" in text
    assert "seeder plan --mode update" in text
    assert "Approve this plan" not in text


@pytest.mark.parametrize("document", [[], "plan", {"format": 1}, {"format": 1, "sets": 3}])
def test_a_plan_that_is_none_is_no_reason_to_fail(
    waiting: Shop, visit: Visit, document: Any
) -> None:
    store(waiting, "f" * 64, document)
    assert "cannot show the plan" in visible(visit(waiting).text("/plan"))


def test_a_ledger_of_a_newer_seeder_is_named(waiting: Shop, visit: Visit) -> None:
    waiting.database.execute("UPDATE seeder.meta SET format = 9, minimum_reader = 9")
    answer = visit(waiting).get()
    assert answer.status_code == 500
    assert "belongs to a newer seeder" in answer.text


@pytest.mark.parametrize("schema", ["elsewhere", 'else"where', "public"])
@pytest.mark.parametrize("path", ["/", "/plan", "/plan/sets/x", "/conflicts", "/runs", "/runs/1"])
def test_before_the_first_run_every_page_says_so(
    waiting: Shop, visit: Visit, schema: str, path: str
) -> None:
    assert "seeder has not run on this database yet" in visit(waiting, schema=schema).text(path)


def test_before_the_first_run_nothing_is_approved(waiting: Shop, visit: Visit) -> None:
    form = visit(waiting).form()
    site = visit(waiting, schema="elsewhere")
    with site.client.session_transaction() as session:
        session["_seeder_panel_token"] = form["seeder_token"]
    answer = site.approve(form)
    assert answer.status_code == 409
    assert "seeder has not run" in answer.text
    assert waiting.value("SELECT count(*) FROM seeder.requests") == 0


def test_a_role_without_the_grants_is_named(waiting: Shop, visit: Visit) -> None:
    url = panel_url(waiting)
    with psycopg.connect(url) as connection:
        role = connection.info.user
    waiting.database.execute(f'REVOKE SELECT ON seeder.bases FROM "{role}"')
    answer = visit(waiting).get()
    assert answer.status_code == 500
    assert "docs/panel.md has the grants" in answer.text


def test_a_database_that_does_not_answer_is_an_honest_503(
    waiting: Shop, visit: Visit, caplog: pytest.LogCaptureFixture
) -> None:
    url = "postgresql://somebody:hunter2@127.0.0.1:1/nowhere"
    answer = visit(waiting, connect=lambda: psycopg.connect(url)).get()
    assert answer.status_code == 503
    assert "does not answer" in answer.text
    assert "hunter2" not in answer.text
    assert "driver': 'OperationalError'" in caplog.text
    assert "hunter2" not in caplog.text


def test_a_ledger_that_somebody_holds_up_is_an_honest_503(waiting: Shop, visit: Visit) -> None:
    site = visit(waiting)
    with waiting.database.connect() as connection, connection.transaction():
        connection.execute("LOCK TABLE seeder.runs")
        answer = site.get("/runs")
    assert answer.status_code == 503
    assert "takes too long" in answer.text


def test_no_connection_is_left_open_whatever_happens(waiting: Shop, visit: Visit) -> None:
    made: list[psycopg.Connection[Any]] = []

    def connect() -> psycopg.Connection[Any]:
        made.append(psycopg.connect(panel_url(waiting)))
        return made[-1]

    site = visit(waiting, connect=connect)
    form = site.form()
    for path in ("/", "/plan", "/runs/99", "/plan/sets/nothing"):
        site.get(path)
    site.approve({**form, "plan_id": "another"})
    site.approve(form)
    waiting.database.execute("UPDATE seeder.meta SET minimum_reader = 9")
    assert site.get().status_code == 500
    waiting.database.execute("UPDATE seeder.meta SET minimum_reader = 1")
    store(waiting, "f" * 64, {"format": 1})
    site.get("/plan")
    assert len(made) >= 8
    assert all(connection.closed for connection in made)


def test_any_connection_of_the_application_will_do(waiting: Shop, visit: Visit) -> None:
    url = panel_url(waiting)
    for options in ({"autocommit": True}, {"row_factory": dict_row}, {"prepare_threshold": None}):
        site = visit(waiting, connect=lambda o=options: psycopg.connect(url, **o))
        assert "An update waits" in site.text()
