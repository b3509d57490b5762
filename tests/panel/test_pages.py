"""What the panel shows, through Flask's test client, on the documented database role."""

from __future__ import annotations

from tests.panel.conftest import Site


def test_status_says_what_waits_and_what_was(site: Site) -> None:
    text = site.text()
    assert "An update waits" in text
    assert "production" in text
    assert "run 1" in text
