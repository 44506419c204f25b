"""Identity in people's hands: why a paper's entries are that paper, and taking a wrong join apart."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session

from digest.errors import UsageError
from digest.models import Paper
from digest.storage import identity_splitting as splits
from digest.storage import papers as paper_rows
from digest.storage.database import Database
from digest.storage.identity_splitting import Listing

__all__ = ["identity_report", "split_paper"]


def split_paper(database: Database, text: str, *, source: str | None, now: datetime) -> dict[str, Any]:
    """Take the entries of ``source``, else those of the last join, away from a paper into one of their own.

    Both stay two for ever. Gives both papers' ids, and the sources of each. Raises ``UsageError`` where no
    paper is ``text``, it has nothing of that source, or nothing would stay.
    """
    with database.write() as session:
        paper = _find(session, text)
        assert paper.id is not None  # noqa: S101 - stored rows have ids
        listings = splits.list_listings(session, paper.id)
        moved = _of_source(paper.id, listings, source) if source else splits.last_join(session, paper.id)
        if not moved:
            raise UsageError(f"#{paper.id} was never joined with anything: there is nothing to split")
        new = splits.split_off(session, paper, moved, now)
        assert new.id is not None  # noqa: S101
        return {
            "paper": _brief(session, paper),
            "new_paper": _brief(session, new),
            "entries_moved": len(moved),
        }


def _of_source(paper_id: int, listings: Sequence[Listing], source: str) -> list[Listing]:
    names = sorted({one.source for one in listings})
    moved = [one for one in listings if one.source == source]
    if not moved:
        raise UsageError(
            f"#{paper_id} has nothing of {source!r}; its sources are: {', '.join(names) or 'none'}"
        )
    if len(moved) == len(listings):
        raise UsageError(f"#{paper_id} is known from {source!r} only: there is nothing to split")
    return moved


def _brief(session: Session, paper: Paper) -> dict[str, Any]:
    listings = splits.list_listings(session, paper.id or 0)
    return {
        "id": paper.id,
        "arxiv_id": paper.arxiv_id,
        "doi": paper.doi,
        "title": paper.title,
        "sources": sorted({one.source for one in listings}),
    }


def _find(session: Session, text: str) -> Paper:
    paper = paper_rows.find_paper(session, text)
    if paper is None:
        raise UsageError(f"no stored paper is {text!r} (digest papers search WORDS)")
    return paper


def identity_report(database: Database, text: str) -> dict[str, Any]:
    """How a paper came together: its sources with reason and confidence, joined papers, versions, other ids.

    Raises ``UsageError`` where no paper is ``text``.
    """
    with database.read() as session:
        paper = _find(session, text)
        assert paper.id is not None  # noqa: S101 - stored rows have ids
        return {
            "url": paper_rows.address_of(paper),
            "venue": paper.venue,
            "citations": paper.citations,
            "version": paper.version,
            "withdrawn_at": paper.withdrawn_at.isoformat() if paper.withdrawn_at else None,
            "text_by": paper.text_by,
            "summary_by": paper.summary_by,
            "other_ids": [
                {"kind": kind, "value": value} for kind, value in splits.list_other_ids(session, paper.id)
            ],
            "sources": _sources(splits.list_listings(session, paper.id)),
            "joins": [
                {
                    "paper": join.gone_id,
                    "reason": join.reason,
                    "confidence": join.confidence,
                    "joined_at": join.joined_at.isoformat(),
                }
                for join in splits.list_joins(session, paper.id)
            ],
            "split_from": splits.list_apart(session, paper.id),
            "versions": [
                {
                    "version": one.version,
                    "title": one.title,
                    "abstract": one.abstract,
                    "text_by": one.text_by,
                    "seen_at": one.seen_at.isoformat(),
                }
                for one in splits.list_versions(session, paper.id)
            ],
        }


def _sources(listings: Sequence[Listing]) -> list[dict[str, Any]]:
    """One row for each source, by when it first listed the paper; why its first entry is this paper."""
    rows: dict[str, dict[str, Any]] = {}
    for one in listings:
        row = rows.setdefault(
            one.source,
            {
                "source": one.source,
                "kind": one.kind,
                "refs": [],
                "joined_by": one.joined_by,
                "confidence": one.confidence,
                "entries": 0,
                "first_seen_at": one.first_seen_at.isoformat(),
                "seen_at": one.seen_at.isoformat(),
            },
        )
        row["entries"] += 1
        row["seen_at"] = max(row["seen_at"], one.seen_at.isoformat())
        if one.source_ref and one.source_ref not in row["refs"]:
            row["refs"].append(one.source_ref)
    return list(rows.values())
