"""Examples of interests, which are kept as JSON: those that wait for their papers to be read."""

from typing import Any

from sqlalchemy import Text, cast, or_
from sqlmodel import Session, col, select

from digest.models import Interest

__all__ = ["get_examples", "list_waiting", "set_examples"]

# As JSON is written by all who write it here: no paper yet, or one whose title was not known yet.
WAITING = ('%"paper_id": null%', '%"title": "arXiv:%', '%"title": "doi:%')


def list_waiting(s: Session) -> dict[int, list[dict[str, Any]]]:
    """By interest its examples, for interests of which some have no stored paper, or no title, yet."""
    text = cast(col(Interest.examples), Text)
    query = select(Interest.id, Interest.examples).where(or_(*map(text.like, WAITING)))
    return {number: list(examples) for number, examples in s.exec(query) if number is not None}


def get_examples(s: Session, interest_id: int) -> list[dict[str, Any]]:
    """An interest's examples as they are now; none for one that is gone."""
    found = s.exec(select(Interest.examples).where(Interest.id == interest_id)).first()
    return list(found or [])


def set_examples(s: Session, interest_id: int, examples: list[dict[str, Any]]) -> None:
    """Change an interest's examples."""
    row = s.get(Interest, interest_id)
    if row is not None:
        row.examples = examples
        s.add(row)
        s.flush()
