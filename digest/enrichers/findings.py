"""What passes between an enricher and whoever runs it: papers in, questions out, findings back."""

from dataclasses import dataclass
from datetime import date

from digest.types import Entry, PageRequest

__all__ = ["Allowance", "Ask", "Finding", "PaperFacts", "is_machine_made", "made_by_machine"]

MACHINE = "machine ("


@dataclass(frozen=True, slots=True)
class PaperFacts:
    """What is stored of a paper, as far as an enricher may want to know it.

    ``listed_on`` is the last day a source listed it on, ``age_days`` how long ago that is. ``text_by`` is
    the kind of source whose title and abstract stand, ``summary_by`` who wrote the summary.
    """

    paper_id: int
    title: str
    abstract: str = ""
    authors: tuple[str, ...] = ()
    arxiv_id: str | None = None
    doi: str | None = None
    summary: str | None = None
    summary_by: str | None = None
    keywords: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    code_url: str | None = None
    venue: str | None = None
    citations: int | None = None
    version: int | None = None
    text_by: str | None = None
    listed_on: date | None = None
    age_days: int = 0
    votes: int | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """One request and the papers it asks about. ``worst_cost`` is the most that its answer can cost."""

    request: PageRequest
    paper_ids: tuple[int, ...]
    worst_cost: float = 0.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What an answer tells of one paper: an entry that does not announce, or ``None``: nothing.

    ``cost`` is what this paper's share of the answer cost, in the currency the operator counts in.
    """

    paper_id: int
    entry: Entry | None
    cost: float = 0.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """What may be used up on one day (UTC). ``None``: as much as it takes."""

    cost_per_day: float | None = None
    papers_per_day: int | None = None


def made_by_machine(model: str) -> str:
    """How a summary that we asked a model for is signed."""
    return f"{MACHINE}{model})"


def is_machine_made(summary_by: str | None) -> bool:
    """Whether a summary is one that we asked a model for; a source's own is preferred to it."""
    return summary_by is not None and summary_by.startswith(MACHINE)
