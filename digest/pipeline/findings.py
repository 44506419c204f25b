"""Filing what an enricher found: by the rules for what a source tells, but only of the paper asked about."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sqlmodel import Session

from digest.diff import SourceFacts, diff
from digest.enrichers import PaperFacts, is_machine_made
from digest.storage import enrichments as rows
from digest.storage import papers as paper_rows
from digest.storage.identity import IMPORTED
from digest.types import Change, Entry

__all__ = ["file_finding"]

# An enricher is no source: what it tells is on no list, and no id is its own.
NO_SOURCE = 0


def file_finding(
    session: Session,
    paper: PaperFacts,
    entry: Entry,
    *,
    kind: str,
    now: datetime,
    trust_of: Mapping[str, int],
) -> bool:
    """File an entry that an enricher of that kind gave for a paper; whether it changed anything.

    Whose text stands is decided by ``trust_of`` (by the name of a kind) as for sources, an enricher having
    that of the source kind of its name. An id that is learnt may join the paper with another. What is
    recognised as some other paper changes nothing. What a reader brought along stays theirs: whoever tells
    its text, nobody else is shown it before a source lists it. Runs inside the caller's write transaction.
    """
    entry = only_wanted(entry, paper)
    known = paper_rows.find_known(session, NO_SOURCE, [entry])
    source = SourceFacts(kind=kind, trust_of=trust_of)
    found = diff([entry], known, listed_on=None, today=now.date(), source=source)
    changes = [change for change in found if change.fields and _is_about(change, paper.paper_id)]
    paper_rows.apply_changes(session, NO_SOURCE, changes, now, trust_of=trust_of)
    for change in changes:
        if "text_by" in change.fields and change.paper_id is not None:
            is_brought = paper.text_by == IMPORTED and change.paper_id == paper.paper_id
            rows.set_text_by(session, change.paper_id, IMPORTED if is_brought else kind)
    return bool(changes)


def only_wanted(entry: Entry, paper: PaperFacts) -> Entry:
    """The entry as an enricher's: it lists nothing, and has no summary where one stands that is to stay.

    A source's own summary stays, whoever told it first; one that we had made gives way to a source's own.
    """
    entry = replace(entry, announces=False, source_ref=None, listed_on=None)
    gives_way = is_machine_made(paper.summary_by) and not is_machine_made(entry.summary_by)
    if paper.summary and not gives_way:
        return replace(entry, summary=None, summary_by=None)
    return entry


def _is_about(change: Change, paper_id: int) -> bool:
    """Whether a change is of that paper, or of the one that it is found to be."""
    return change.paper_id == paper_id or any(
        paper_id in (join.keep, join.gone) for join in getattr(change, "joins", ())
    )
