"""A paper as it was shown, frozen as JSON and stored once for all issues that show the same."""

import json
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import date, datetime
from hashlib import blake2b
from typing import Any

from sqlmodel import Session, col, select

from digest.models import ShownPaper
from digest.storage.bulk import in_batches, upsert
from digest.types import PaperView

__all__ = ["ShownPapers", "add_shown", "shown_from_dict", "shown_to_dict"]

KEPT = 4096

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


def add_shown(s: Session, views: Iterable[PaperView]) -> dict[int, int]:
    """Store what is shown of these papers where it is not stored yet; its number by paper id."""
    digests: dict[int, str] = {}
    rows: dict[str, dict[str, Any]] = {}
    for view in views:
        shown = shown_to_dict(view)
        written = json.dumps(shown, sort_keys=True, separators=(",", ":"))
        digest = blake2b(written.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        digests[view.paper_id] = digest
        rows[digest] = {"digest": digest, "shown": shown}
    upsert(s, "shown_papers", list(rows.values()), unique=["digest"])
    ids: dict[str, int] = {}
    for batch in in_batches(rows):
        found = s.exec(select(ShownPaper.digest, ShownPaper.id).where(col(ShownPaper.digest).in_(batch)))
        ids |= {digest: number for digest, number in found if number is not None}
    return {paper_id: ids[digest] for paper_id, digest in digests.items()}


class ShownPapers:
    """Gives what is shown of papers by its number; keeps those used last, since many issues share them."""

    def __init__(self, size: int = KEPT) -> None:
        self._size = size
        self._views: OrderedDict[int, PaperView] = OrderedDict()

    def get(self, s: Session, numbers: Iterable[int]) -> dict[int, PaperView]:
        """The papers of these numbers; those that are not stored are missing."""
        found: dict[int, PaperView] = {}
        missing = []
        for number in dict.fromkeys(numbers):
            if number in self._views:
                self._views.move_to_end(number)
                found[number] = self._views[number]
            else:
                missing.append(number)
        for batch in in_batches(missing):
            rows = s.exec(select(ShownPaper.id, ShownPaper.shown).where(col(ShownPaper.id).in_(batch)))
            for known, shown in rows:
                if known is not None:
                    found[known] = self._views[known] = shown_from_dict(shown)
        while len(self._views) > self._size:
            self._views.popitem(last=False)
        return found
