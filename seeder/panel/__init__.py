"""The admin panel: a Flask blueprint that shows the ledger and takes approvals.

Needs the extra `panel`. See docs/panel.md.
"""

from __future__ import annotations

from seeder.panel.blueprint import panel

__all__ = ["panel"]
