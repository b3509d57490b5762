"""For `make site`: links that lead out of docs/ name their file; the site has no such pages."""

from __future__ import annotations

import posixpath
import re
from typing import Any

_LINK = re.compile(r"\[(?P<text>[^\]\[]+)\]\((?P<target>(?:\.\./)+[^)\s#]*|decisions/)[^)]*\)")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Called by MkDocs for every page; gives what is rendered."""

    def named(match: re.Match[str]) -> str:
        folder = posixpath.dirname(f"docs/{page.file.src_uri}")
        target = posixpath.normpath(posixpath.join(folder, match["target"]))
        if target.startswith("docs/") and not match["target"].endswith("/"):
            return match[0]
        return f"{match['text']} (`{target}`)"

    return _LINK.sub(named, markdown)
