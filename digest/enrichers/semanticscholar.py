"""Semantic Scholar: a short summary (TL;DR), citations, venue and DOI, for up to 500 papers at once.

Asked: ``POST {url}/graph/v1/paper/batch?fields=…`` with ``{"ids": ["ARXIV:2106.15928", "DOI:10.…"]}``.
Answered: a list as long as that of the ids and in its order, ``null`` for a paper it does not know
(https://api.semanticscholar.org/api-docs/graph#tag/Paper-Data/operation/post_graph_get_papers). A key is
optional and goes into the header ``x-api-key``; without one all who have none share one quota.
"""

import json
from collections.abc import Sequence
from dataclasses import replace

from pydantic import BaseModel, ConfigDict, SecretStr

from digest.enrichers.findings import Allowance, Ask, Finding, PaperFacts, is_machine_made
from digest.errors import ParseError
from digest.sources.decoding import decode
from digest.sources.semanticscholar_items import FIELDS, read_paper
from digest.sources.strict_json import describe, load_json
from digest.types import Entry, PageRequest

__all__ = ["SemanticScholarEnricher", "SemanticScholarOptions"]

BATCH = 500
SPACING_S = 1.0  # what the site asks of those who have a key; see docs/sources.md


class SemanticScholarOptions(BaseModel):
    """What an enricher of this kind may set: nothing but a key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: SecretStr | None = None


class SemanticScholarEnricher:
    """The kind ``semanticscholar``."""

    kind = "semanticscholar"
    label = "Semantic Scholar"
    default_url = "https://api.semanticscholar.org"
    batch_size = BATCH
    order = 20
    tries = 3  # new papers are indexed in the course of weeks
    Options: type[BaseModel] = SemanticScholarOptions

    def allowance(self, options: BaseModel) -> Allowance:  # noqa: ARG002
        """Nothing here costs anything."""
        return Allowance()

    def wants(self, paper: PaperFacts, options: BaseModel) -> bool:  # noqa: ARG002
        """A paper that can be named and lacks a summary of a source's, its citations, venue or DOI."""
        lacks_summary = not paper.summary or is_machine_made(paper.summary_by)
        lacks = lacks_summary or paper.citations is None or not paper.venue or not paper.doi
        return lacks and _name(paper) is not None

    def requests(self, url: str, options: BaseModel, papers: Sequence[PaperFacts]) -> tuple[Ask, ...]:
        """One request for all. Raises ``TypeError`` for another kind's options."""
        if not isinstance(options, SemanticScholarOptions):
            raise TypeError(f"options of another kind: {type(options).__name__}")
        named = [(paper.paper_id, name) for paper in papers if (name := _name(paper))]
        if not named:
            return ()
        headers = [("content-type", "application/json"), ("accept", "application/json")]
        if options.key is not None:
            headers.append(("x-api-key", options.key.get_secret_value()))
        request = PageRequest(
            url=f"{url.rstrip('/')}/graph/v1/paper/batch?fields={','.join((*FIELDS, 'tldr'))}",
            method="POST",
            headers=tuple(headers),
            body=json.dumps({"ids": [name for _, name in named]}).encode(),
            role="batch",
            optional=True,
            turn="semanticscholar",
            spacing_s=SPACING_S,
            documented=True,
        )
        return (Ask(request, tuple(paper_id for paper_id, _ in named)),)

    def parse(
        self,
        body: bytes,
        request: PageRequest,  # noqa: ARG002
        options: BaseModel,  # noqa: ARG002
        papers: Sequence[PaperFacts],
        *,
        content_type: str = "",
    ) -> tuple[Finding, ...]:
        """A finding for each paper, in order. Raises ``ParseError``, also for a list of another length:
        only the order says which item is which paper.
        """
        sought = f"a list of {len(papers)} papers"
        items = load_json(decode(body, content_type), sought=sought)
        if not isinstance(items, list) or len(items) != len(papers):
            raise ParseError(f"looked for {sought}, found {describe(items)}")
        pairs = zip(papers, items, strict=True)
        return tuple(Finding(paper.paper_id, _entry(paper, read_paper(item))) for paper, item in pairs)


def _name(paper: PaperFacts) -> str | None:
    """The paper's id as the site wants it."""
    if paper.arxiv_id:
        return f"ARXIV:{paper.arxiv_id}"
    return f"DOI:{paper.doi}" if paper.doi else None


def _entry(paper: PaperFacts, told: Entry | None) -> Entry | None:
    """What was told, if it is of that paper: an id that the site mixed up must not change another's paper."""
    if told is None:
        return None
    if paper.arxiv_id and told.arxiv_id:
        is_same = paper.arxiv_id == told.arxiv_id
    else:
        is_same = bool(paper.doi) and paper.doi == told.doi
    return replace(told, announces=False) if is_same else None
