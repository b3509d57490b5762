"""A real browser, and an application served to it.

Debian's chromium, driven by Playwright, which brings no browser of its own. Without one these
tests are reported as not run; with REQUIRE_BROWSER set, as in CI, its absence is a failure.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A running chromium, one per worker."""
    if not CHROMIUM.exists():
        if os.environ.get("REQUIRE_BROWSER"):
            pytest.fail(f"there is no {CHROMIUM}, and REQUIRE_BROWSER is set")
        pytest.skip(f"not run: there is no {CHROMIUM}")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=list(ARGUMENTS), timeout=120_000
        )
        yield running
        running.close()


@contextmanager
def served(application: Any) -> Iterator[str]:
    """Serve a WSGI application on a free port; gives its URL."""
    from werkzeug.serving import make_server

    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def serve() -> Iterator[Callable[[Any], str]]:
    """Serve WSGI applications until the test ends."""
    with ExitStack() as stack:
        yield lambda application: stack.enter_context(served(application))
