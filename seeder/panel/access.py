"""Who may use the panel: the application's own check, asked before every page."""

from __future__ import annotations

from collections.abc import Callable

from flask import abort
from msgspec import Struct
from werkzeug.wrappers import Response

Check = Callable[[], bool | Response]
"""True: come in. False: 403. A response, such as a redirect to the login page: that one."""


class Access(Struct, frozen=True, kw_only=True):
    """The application's answers about whoever sent the current request."""

    authorize: Check
    actor: Callable[[], str]
    may_approve: Callable[[], bool] | None = None
    """None: whoever may look may approve."""

    def __post_init__(self) -> None:
        """Raise TypeError without a check: there is no open panel."""
        for name in ("authorize", "actor"):
            if not callable(getattr(self, name)):
                raise TypeError(f"panel() needs {name}=, a function of the application's own")
        if self.may_approve is not None and not callable(self.may_approve):
            raise TypeError("panel() needs a function as may_approve=, or nothing")

    def refusal(self) -> Response | None:
        """What to answer instead of a page; None lets the request in."""
        answer = self.authorize()
        if isinstance(answer, Response):
            return answer
        if not _is_yes(answer, of="authorize"):
            abort(403)
        return None

    def approves(self) -> bool:
        """Whether the request's sender may approve."""
        return self.may_approve is None or _is_yes(self.may_approve(), of="may_approve")

    def name(self) -> str:
        """Who it is, for the request row."""
        found = self.actor()
        if not isinstance(found, str) or not found.strip():
            raise TypeError("actor= must return the name of whoever is logged in")
        return found.strip()


def _is_yes(answer: object, *, of: str) -> bool:
    # A coroutine or a user object is true as well: only True itself opens the door.
    if not isinstance(answer, bool):
        raise TypeError(f"{of}= must return True or False, not {type(answer).__name__}")
    return answer
