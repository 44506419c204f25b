"""A paper as it was shown, frozen as JSON."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import date, datetime
from typing import Any

from digest.types import PaperView

__all__ = ["shown_from_dict", "shown_to_dict"]

TUPLES = ("authors", "keywords")
DATES = ("listed_on", "published_on")


def shown_to_dict(view: PaperView) -> dict[str, Any]:
    """JSON-ready: lists for tuples, ISO 8601 for dates and times."""
    shown: dict[str, Any] = {one.name: getattr(view, one.name) for one in fields(view)}
    for name in TUPLES:
        shown[name] = list(shown[name])
    for name in (*DATES, "first_seen_at"):
        shown[name] = shown[name].isoformat() if shown[name] is not None else None
    shown["votes_history"] = [[when.isoformat(), votes] for when, votes in view.votes_history]
    return shown


def shown_from_dict(shown: Mapping[str, Any]) -> PaperView:
    """The paper that :func:`shown_to_dict` wrote down.

    Keys that this version does not know are left out, those it misses take their defaults, so that issues
    outlive changes of what is shown.
    """
    known = {one.name: shown[one.name] for one in fields(PaperView) if one.name in shown}
    for name in TUPLES:
        known[name] = tuple(known.get(name, ()))
    for name in DATES:
        known[name] = date.fromisoformat(known[name]) if known.get(name) else None
    seen = known.get("first_seen_at")
    known["first_seen_at"] = datetime.fromisoformat(seen) if seen else None
    history = known.get("votes_history", ())
    known["votes_history"] = tuple((datetime.fromisoformat(when), votes) for when, votes in history)
    return PaperView(**known)
