"""Pages: templates of the panel's own into responses with headers that let nothing else in."""

from __future__ import annotations

from flask import Response, url_for
from jinja2 import Environment
from msgspec import Struct, field

from seeder.panel import words
from seeder.panel.outline import choices, choices_for, reason
from seeder.report.markup import environment
from seeder.report.words import telling

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Not `no-referrer`: browsers would then send `Origin: null` with the form.
    "Referrer-Policy": "same-origin",
}


def protect(response: Response) -> Response:
    """Add the headers that let nothing else in; a style sheet may still be asked after."""
    for name, content in _HEADERS.items():
        response.headers.setdefault(name, content)
    return response


def _environment() -> Environment:
    # Not the application's: its settings, globals and templates have no say here.
    made = environment("seeder.panel")
    made.globals.update(
        url_for=url_for, words=words, choices=choices, choices_for=choices_for, reason=reason
    )
    made.filters.update(telling=telling, duration=words.duration, counted=words.counted)
    return made


class Pages(Struct, frozen=True, kw_only=True):
    """Renders the pages of one panel."""

    title: str
    home: str | None
    """URL of the application, for the way back."""
    environment: Environment = field(default_factory=_environment)

    def page(self, template: str, *, status: int = 200, **content: object) -> Response:
        """Render a template."""
        text = self.environment.get_template(template).render(
            title=self.title, home=self.home, **content
        )
        return protect(Response(text, status=status, mimetype="text/html"))
