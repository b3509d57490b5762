"""Protection of the one form against being sent from elsewhere (CSRF).

Two checks, both needed: a random token that the session keeps and the form carries, and what
the browser itself says about where the request comes from. See docs/panel.md.
"""

from __future__ import annotations

import hmac
import secrets
from urllib.parse import urlsplit

from flask import Request, session

FIELD = "seeder_token"
_KEY = "_seeder_panel_token"


def token() -> str:
    """The session's token, drawn when it is first asked for."""
    if not isinstance(session.get(_KEY), str):
        session[_KEY] = secrets.token_urlsafe(32)
    return str(session[_KEY])


def is_own(request: Request) -> bool:
    """Whether the request was sent by a form of this session's own pages."""
    if not _comes_from_here(request):
        return False
    expected, given = session.get(_KEY), request.form.get(FIELD, "")
    return isinstance(expected, str) and hmac.compare_digest(expected.encode(), given.encode())


def _comes_from_here(request: Request) -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    # Browsers send Sec-Fetch-Site only to secure origins; Origin with every POST.
    origin = request.headers.get("Origin")
    # The host alone: behind a proxy that ends TLS the scheme differs.
    return origin is None or _host(origin) == request.host


def _host(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc or None
    except ValueError:  # such as "http://["
        return None
