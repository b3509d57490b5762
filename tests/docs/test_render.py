"""The shell of docs/render.md that starts a one-off job, against a server with Render's API."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.docs.pages import DOCS, blocks

SERVICE, KEY, JOB = "crn-c24q2tmcie6so2aq3n90", "rnd_of-a-test", "job-c3rfdgg6n88pa7t3a6ag"
JOBS = f"/v1/services/{SERVICE}/jobs"
COMMAND = "/opt/seeder/bin/seeder run"
CREATED = {
    "id": JOB,
    "serviceId": SERVICE,
    "startCommand": COMMAND,
    "planId": "plan-crn-002",
    "createdAt": "2026-07-20T12:16:02.544199Z",
}
"""As documented, a job that waits: no startedAt, finishedAt or status."""

LOST = 0
"""Instead of a status code: the connection ends without an answer."""

Answer = tuple[int, object]


def job(**changes: object) -> Answer:
    return (200, {**CREATED, **changes})


@dataclass
class Api:
    """Answers in turn, and remembers what it was asked."""

    create: list[Answer]
    retrieve: list[Answer]
    """The last one stays."""
    asked: list[str] = field(default_factory=list)
    bodies: list[object] = field(default_factory=list)
    keys: set[str | None] = field(default_factory=set)
    url: str = ""

    def answer(self, request: str) -> Answer:
        self.asked.append(request)
        if request == f"POST {JOBS}":
            return self.create.pop(0)
        if request == f"GET {JOBS}/{JOB}":
            return self.retrieve.pop(0) if len(self.retrieve) > 1 else self.retrieve[0]
        if request == f"POST {JOBS}/{JOB}/cancel":
            return job(status="canceled")
        return (404, {"message": "not found"})


@contextmanager
def serve(api: Api) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._respond()

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if raw:
                assert self.headers["Content-Type"] == "application/json"
                api.bodies.append(json.loads(raw))
            self._respond()

        def _respond(self) -> None:
            api.keys.add(self.headers["Authorization"])
            code, body = api.answer(f"{self.command} {self.path}")
            if code == LOST:
                return
            text = body if isinstance(body, str) else json.dumps(body)
            self.send_response(code)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    api.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def script(url: str, *, patience: int) -> str:
    """The page's shell, with the test's address and less waiting."""
    (text,) = [block.text for block in blocks(DOCS / "render.md") if "api.render.com" in block.text]
    for written, meant in {
        "https://api.render.com": url,
        "patience=2700": f"patience={patience}",
        "pause=5": "pause=0.05",
        "--retry 8": "--retry 1",
    }.items():
        assert text.count(written) == 1, written
        text = text.replace(written, meant)
    return text


@pytest.fixture(params=["bash", "sh"])
def shell(request: pytest.FixtureRequest) -> str:
    for program in ("curl", "jq", request.param):
        if shutil.which(program) is None:
            pytest.skip(f"not run: there is no {program} here")
    return str(request.param)


def run(
    shell: str, create: Iterable[Answer], retrieve: Iterable[Answer] = (), *, patience: int = 30
) -> tuple[subprocess.CompletedProcess[str], Api]:
    api = Api(list(create), list(retrieve))
    with serve(api):
        done = subprocess.run(
            [shell, "-c", script(api.url, patience=patience)],
            env={
                "PATH": os.environ["PATH"],
                "RENDER_SERVICE_ID": SERVICE,
                "RENDER_API_KEY": KEY,
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert KEY not in done.stdout + done.stderr
    assert api.keys == {f"Bearer {KEY}"}
    return done, api


ACCEPTED: Answer = (201, CREATED)
START, LOOK = f"POST {JOBS}", f"GET {JOBS}/{JOB}"


def test_a_job_that_succeeds_is_waited_for(shell: str) -> None:
    progress = [
        job(),
        job(status=None, startedAt=None),
        job(status="pending"),
        job(status="running", startedAt="2026-07-20T12:17:12Z"),
        job(status="succeeded", finishedAt="2026-07-20T12:18:12Z"),
    ]
    done, api = run(shell, [ACCEPTED], progress)
    assert done.returncode == 0, done.stderr
    assert api.asked == [START, *[LOOK] * 5]
    assert api.bodies == [{"startCommand": COMMAND}]
    assert JOB in done.stdout


@pytest.mark.parametrize("status", ["failed", "canceled"])
def test_a_job_that_does_not_succeed_fails_the_step(shell: str, status: str) -> None:
    done, api = run(shell, [ACCEPTED], [job(), job(status=status)])
    assert done.returncode == 1
    assert status in done.stderr
    assert api.asked == [START, LOOK, LOOK]


@pytest.mark.parametrize("code", [400, 401, 404])
def test_a_refusal_ends_the_step_at_once(shell: str, code: int) -> None:
    done, api = run(shell, [(code, {"message": "no"})])
    assert done.returncode != 0
    assert str(code) in done.stderr
    assert api.asked == [START]


@pytest.mark.parametrize("code", [429, 500, 502, 503])
def test_a_busy_api_is_asked_again_for_the_job(shell: str, code: int) -> None:
    done, api = run(shell, [(code, "<html>busy</html>"), ACCEPTED], [job(status="succeeded")])
    assert done.returncode == 0, done.stderr
    assert api.asked == [START, START, LOOK]


@pytest.mark.parametrize("code", [429, 502, LOST])
def test_an_answer_that_fails_in_between_does_not_fail_the_job(shell: str, code: int) -> None:
    progress = [job(), (code, "<html>busy</html>"), job(status="succeeded")]
    done, api = run(shell, [ACCEPTED], progress)
    assert done.returncode == 0, done.stderr
    assert api.asked == [START, LOOK, LOOK, LOOK]


@pytest.mark.parametrize("code", [401, 502])
def test_an_api_that_stays_away_fails_the_step(shell: str, code: int) -> None:
    done, api = run(shell, [ACCEPTED], [(code, "")])
    assert done.returncode != 0
    assert str(code) in done.stderr
    assert api.asked == [START, *[LOOK] * 2]


@pytest.mark.parametrize("body", ["", "<html></html>", {}, {"id": None}])
def test_an_answer_that_names_no_job_fails_the_step(shell: str, body: object) -> None:
    done, api = run(shell, [(201, body)])
    assert done.returncode != 0
    assert api.asked == [START]


def test_a_job_without_end_is_cancelled_and_fails_the_step(shell: str) -> None:
    done, api = run(shell, [ACCEPTED], [job(status="running")], patience=2)
    assert done.returncode == 1
    assert "2 seconds" in done.stderr
    assert api.asked[-1] == f"POST {JOBS}/{JOB}/cancel"
    assert set(api.asked[1:-1]) == {LOOK}
