"""Enrichment: ask others for more about stored papers. Nothing waits for it, nothing fails with it.

Each enricher has a share of the run's time; what was not asked in time is asked in a later run. What is
asked is written down, with the most it can cost, before the request leaves: so a ceiling on cost holds even
where the program is killed in between.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any, Protocol

from pydantic import BaseModel

from digest.enrichers import Allowance, Ask, Finding, PaperFacts, get_kind
from digest.errors import SourceError
from digest.netguard import parse_target
from digest.pipeline.enricher_settings import ConfiguredEnricher, check_enricher, make_enrichers
from digest.pipeline.findings import file_finding
from digest.pipeline.masking import mask_page, secrets_of
from digest.pipeline.reading import Fetch
from digest.sources import TRUST
from digest.storage import enrichments as rows
from digest.storage.database import Database
from digest.storage.enrichments import FAILED, FOUND, NOTHING, Answered, Asking, Lacking, Spent
from digest.types import PageRequest, Verdict

__all__ = [
    "ConfiguredEnricher",
    "EnrichRow",
    "EnrichRules",
    "Enricher",
    "ParseAnswer",
    "check_enricher",
    "make_enrichers",
    "parse_here",
]

_log = logging.getLogger(__name__)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# After a failure: soon, then later, then once a day.
AFTER_FAILURE = (HOUR, 4 * HOUR, DAY)
# Papers are indexed in the course of weeks.
AFTER_NOTHING = timedelta(days=7)
# How long ago a paper may have been listed that is asked about again, where asking is free.
AGAIN_DAYS = 30
# Papers that readers brought along and nobody listed come after those, so many in a run.
MAX_UNREAD = 5000
# A host that gives no answer, or does not let us in, is left alone for the rest of the run; one whose
# answers cannot be used, after so many in a row.
NO_ANSWER = (Verdict.UNREACHABLE, Verdict.BLOCKED)
MAX_USELESS = 3
# What a request for one paper says where the service does not know it.
UNKNOWN = (404, 410)
# A request with less time than this left is not begun.
MIN_TIMEOUT_S = 1.0
TIMEOUT_S = 30.0
# Sums of floats differ in the last digits.
DUST = 1e-9


class ParseAnswer(Protocol):
    """Parses one answer by the kind of that name. Raises ``ParseError``."""

    def __call__(
        self,
        kind: str,
        options: BaseModel,
        body: bytes,
        request: PageRequest,
        papers: Sequence[PaperFacts],
        *,
        content_type: str = "",
    ) -> tuple[Finding, ...]:
        """What the answer tells of the papers that were asked about."""


def parse_here(
    kind: str,
    options: BaseModel,
    body: bytes,
    request: PageRequest,
    papers: Sequence[PaperFacts],
    *,
    content_type: str = "",
) -> tuple[Finding, ...]:
    """Parse in this process: JSON and XML of bounded size are read here in milliseconds."""
    return get_kind(kind).parse(body, request, options, papers, content_type=content_type)


@dataclass(frozen=True, slots=True)
class EnrichRules:
    """The bounds of one run. ``time_s`` is for all enrichers together, ``max_requests`` for each."""

    window_days: int = 7
    time_s: float = 60.0
    max_requests: int = 60


@dataclass(slots=True)
class EnrichRow:
    """One enricher's part in a run. ``note`` says why it stopped before everything was asked, if it did."""

    name: str
    requests: int = 0
    found: int = 0
    nothing: int = 0
    failed: int = 0
    cost: float = 0.0
    note: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "name": self.name,
            "requests": self.requests,
            "found": self.found,
            "nothing": self.nothing,
            "failed": self.failed,
            "cost": round(self.cost, 6),
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class Enricher:
    """The use case. Does not know what an answer means, nor which paper an entry is.

    ``trust_of`` is each source kind's trust by its name.
    """

    database: Database
    fetch: Fetch
    parse: ParseAnswer = parse_here
    rules: EnrichRules = EnrichRules()
    trust_of: Mapping[str, int] = field(default_factory=lambda: TRUST)
    clock: Callable[[], float] = time.monotonic

    def enrich(
        self,
        enrichers: Sequence[ConfiguredEnricher],
        *,
        now: datetime,
        progress: Callable[[str], None] = lambda _: None,
    ) -> list[EnrichRow]:
        """Ask each enricher about the papers that lack what it gives; a row for each, as configured.

        What goes wrong with an enricher is in its row and, once, in the log. Raises ``StorageError`` where
        the database cannot be used, as everything does.
        """
        end = self.clock() + self.rules.time_s
        made: dict[str, EnrichRow] = {}
        waiting = sorted(enrichers, key=lambda one: one.kind.order)
        for place, enricher in enumerate(waiting):
            progress(enricher.kind.label)
            share_s = (end - self.clock()) / (len(waiting) - place)
            run = _Run(self, enricher, now, self.clock() + share_s, self.trust_of)
            made[enricher.name] = run.row
            run.ask_all()
            if run.failure:
                _log.warning("enricher %s: %s", enricher.name, run.failure)
        return [made[enricher.name] for enricher in enrichers]


class _Run:
    """One enricher's part in a run, while it lasts."""

    def __init__(
        self,
        use_case: Enricher,
        enricher: ConfiguredEnricher,
        now: datetime,
        end: float,
        trust_of: Mapping[str, int],
    ) -> None:
        self.row = EnrichRow(enricher.name)
        self.failure: str | None = None
        self._case = use_case
        self._enricher = enricher
        self._now = now
        self._end = end
        self._trust_of = trust_of
        self._useless = 0
        self._before: dict[int, Lacking] = {}
        self._allowance = enricher.kind.allowance(enricher.options)
        self._spent = Spent()

    def ask_all(self) -> None:
        """Ask about what is wanted until it is done, the time is up, or the enricher is left alone."""
        too_dear = False
        for asks, facts in self._asks():
            for ask in asks:
                if self.row.note is None:
                    self.row.note = self._reason_to_stop()
                if self.row.note is not None:
                    return
                if _affords(self._allowance, self._spent, ask):
                    self._ask(ask, [facts[paper_id] for paper_id in ask.paper_ids])
                else:  # another paper may have a shorter abstract
                    too_dear = True
        if too_dear and self.row.note is None:
            self.row.note = "the ceiling on cost is reached for today"

    def _asks(self) -> Iterator[tuple[Sequence[Ask], dict[int, PaperFacts]]]:
        """The requests, made batch by batch, each with its papers."""
        enricher = self._enricher
        wanted = iter(self._wanted())
        while batch := list(islice(wanted, max(enricher.kind.batch_size, 1))):
            facts = {paper.paper_id: paper for paper in batch}
            yield enricher.kind.requests(enricher.url, enricher.options, batch), facts

    def _wanted(self) -> list[PaperFacts]:
        today = self._now.date()
        since = today - timedelta(days=self._case.rules.window_days)
        # A paper that no digest will show any more is not worth money.
        is_free = self._allowance.cost_per_day is None and self._allowance.papers_per_day is None
        again_since = today - timedelta(days=AGAIN_DAYS) if is_free else since
        midnight = datetime(today.year, today.month, today.day, tzinfo=UTC)
        enricher = self._enricher
        with self._case.database.read() as session:
            self._spent = rows.spent_since(session, enricher.name, midnight)
            found = rows.list_askable(
                session,
                enricher.name,
                since=since,
                again_since=min(again_since, since),
                until=today + DAY,  # where the day has begun already
                now=self._now,
            )
            if is_free:
                found += rows.list_unread(session, enricher.name, now=self._now, limit=MAX_UNREAD)
            facts = [(_facts(one, today), one) for one in found]
        wanted = [pair for pair in facts if enricher.kind.wants(pair[0], enricher.options)]
        self._before = {paper.paper_id: one for paper, one in wanted}
        return [paper for paper, _ in wanted]

    def _reason_to_stop(self) -> str | None:
        if self._case.clock() + MIN_TIMEOUT_S > self._end:
            return "the time of this run is up"
        if self.row.requests >= self._case.rules.max_requests:
            return f"{self.row.requests} requests are enough for one run"
        papers = self._allowance.papers_per_day
        if papers is not None and self._spent.papers >= papers:
            return f"{papers} papers are enough for one day"
        return None

    def _ask(self, ask: Ask, papers: Sequence[PaperFacts]) -> None:
        """One request: written down, made, and what came of it filed."""
        self._claim(ask)
        self.row.requests += 1
        enricher = self._enricher
        try:
            page = self._case.fetch.get(
                _with_headers(enricher, ask.request),
                allow_private=enricher.allow_private and _is_own_origin(enricher, ask.request),
                timeout_s=min(enricher.timeout_s or TIMEOUT_S, self._end - self._case.clock()),
                max_bytes=enricher.max_bytes,
            )
            page = mask_page(page, secrets_of(enricher.options, enricher.headers))
            findings = self._case.parse(
                enricher.kind.kind,
                enricher.options,
                page.body,
                ask.request,
                papers,
                content_type=page.content_type,
            )
        except SourceError as error:
            self._settle_failure(ask, error)
        else:
            self._useless = 0
            self._settle(ask, {one.paper_id: one for one in findings}, papers)

    def _claim(self, ask: Ask) -> None:
        share = ask.worst_cost / len(ask.paper_ids)
        asking = [Asking(paper_id, share, self._now + HOUR) for paper_id in ask.paper_ids]
        with self._case.database.write() as session:
            rows.claim(session, self._enricher.name, asking, self._now)

    def _settle(self, ask: Ask, findings: dict[int, Finding], papers: Sequence[PaperFacts]) -> None:
        answered = []
        kind = self._enricher.kind.kind
        with self._case.database.write() as session:
            for paper in papers:
                finding = findings.get(paper.paper_id, Finding(paper.paper_id, None))
                if finding.entry is not None:
                    file_finding(
                        session, paper, finding.entry, kind=kind, now=self._now, trust_of=self._trust_of
                    )
                outcome = FOUND if finding.entry is not None else NOTHING
                answered.append(self._answered(ask, paper.paper_id, outcome, cost=_cost(finding, ask)))
            rows.settle(session, self._enricher.name, answered)
        self._count(answered)

    def _settle_failure(self, ask: Ask, error: SourceError) -> None:
        """Record a failure: nothing is lost by it, and the papers are asked about again."""
        is_unknown = _status(error) in UNKNOWN and ask.request.method == "GET" and len(ask.paper_ids) == 1
        outcome = NOTHING if is_unknown else FAILED
        # An answer with an error is not charged for. Where none came, or one that cannot be read, it may be.
        share = 0.0 if _status(error) is not None else ask.worst_cost / len(ask.paper_ids)
        words = None if is_unknown else str(error)
        answered = [self._answered(ask, one, outcome, cost=share, error=words) for one in ask.paper_ids]
        with self._case.database.write() as session:
            rows.settle(session, self._enricher.name, answered)
        self._count(answered)
        if is_unknown:
            return
        self.failure = self.failure or str(error)
        self._useless += 1
        if getattr(error, "verdict", None) in NO_ANSWER or self._useless >= MAX_USELESS:
            self.row.note = str(error)

    def _answered(
        self, ask: Ask, paper_id: int, outcome: str, *, cost: float, error: str | None = None
    ) -> Answered:
        before = self._before[paper_id]
        attempts = before.attempts + 1 if before.outcome == outcome else 1
        again_at = next_try(outcome, attempts, self._enricher.kind.tries, self._now)
        claimed = ask.worst_cost / len(ask.paper_ids)
        return Answered(paper_id, outcome, attempts, again_at, claimed=claimed, cost=cost, error=error)

    def _count(self, answered: Sequence[Answered]) -> None:
        for one in answered:
            setattr(self.row, one.outcome, getattr(self.row, one.outcome) + 1)
        cost = sum(one.cost for one in answered)
        self.row.cost += cost
        self._spent = Spent(self._spent.cost + cost, self._spent.papers + len(answered))


def next_try(outcome: str, attempts: int, tries: int, now: datetime) -> datetime | None:
    """When to ask again after so many askings that ended alike; ``None``: never.

    What was found is asked for again too, as often as nothing: only if the paper then still lacks something.
    """
    if outcome == FAILED:
        return now + AFTER_FAILURE[min(attempts, len(AFTER_FAILURE)) - 1]
    return now + AFTER_NOTHING if attempts < tries else None


def _affords(allowance: Allowance, spent: Spent, ask: Ask) -> bool:
    """Whether the request can be made without passing a ceiling, whatever its answer costs."""
    papers, cost = allowance.papers_per_day, allowance.cost_per_day
    if papers is not None and spent.papers + len(ask.paper_ids) > papers:
        return False
    return cost is None or spent.cost + ask.worst_cost <= cost + DUST


def _cost(finding: Finding, ask: Ask) -> float:
    """What a kind says its finding cost; what cannot be counts as the worst."""
    if math.isfinite(finding.cost) and finding.cost >= 0:
        return finding.cost
    return ask.worst_cost / len(ask.paper_ids)


def _facts(one: Lacking, today: date) -> PaperFacts:
    paper = one.paper
    assert paper.id is not None  # noqa: S101 - a stored row has its id
    return PaperFacts(
        paper_id=paper.id,
        title=paper.title,
        abstract=paper.abstract,
        authors=tuple(paper.authors),
        arxiv_id=paper.arxiv_id,
        doi=paper.doi,
        summary=paper.summary,
        summary_by=paper.summary_by,
        keywords=tuple(paper.keywords),
        categories=tuple(paper.categories),
        code_url=paper.code_url,
        venue=paper.venue,
        citations=paper.citations,
        version=paper.version,
        text_by=paper.text_by,
        listed_on=one.listed_on,
        age_days=max((today - one.listed_on).days, 0),
        votes=one.votes,
    )


def _status(error: SourceError) -> int | None:
    """The status of the answer, where one came that says it is none."""
    page = getattr(error, "page", None)
    return page.status if page is not None and page.status >= 400 else None


def _is_own_origin(enricher: ConfiguredEnricher, request: PageRequest) -> bool:
    return parse_target(request.url).origin == parse_target(enricher.url).origin


def _with_headers(enricher: ConfiguredEnricher, request: PageRequest) -> PageRequest:
    """The request with the enricher's own headers (credentials, perhaps), if it is to its own origin."""
    if not enricher.headers or not _is_own_origin(enricher, request):
        return request
    return replace(request, headers=(*request.headers, *enricher.headers))
