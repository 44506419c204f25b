"""arXiv: abstract, authors, categories, version and withdrawal of papers with an arXiv id, a hundred at once.

Asked: the query API with ``id_list`` (see ``digest.sources.arxiv_requests``); answered: an Atom feed in any
order, without the ids it does not know.
"""

from collections.abc import Sequence
from dataclasses import replace

from pydantic import BaseModel, ConfigDict

from digest.enrichers.findings import Allowance, Ask, Finding, PaperFacts
from digest.sources.arxiv_atom import parse_atom
from digest.sources.arxiv_requests import DEFAULT_URL, PAGE, fill_in_requests
from digest.text import parse_arxiv_id
from digest.types import PageRequest

__all__ = ["ArxivEnricher", "ArxivEnricherOptions"]

ARXIV = "arxiv"


class ArxivEnricherOptions(BaseModel):
    """What an enricher of this kind may set: nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ArxivEnricher:
    """The kind ``arxiv``."""

    kind = ARXIV
    label = "arXiv"
    default_url = DEFAULT_URL
    batch_size = PAGE
    order = 0  # an abstract is what everything after it works with
    tries = 3
    Options: type[BaseModel] = ArxivEnricherOptions

    def allowance(self, options: BaseModel) -> Allowance:  # noqa: ARG002
        """Nothing here costs anything."""
        return Allowance()

    def wants(self, paper: PaperFacts, options: BaseModel) -> bool:  # noqa: ARG002
        """A paper with an arXiv id whose text is not arXiv's own, or that lacks what arXiv always has."""
        if not paper.arxiv_id or parse_arxiv_id(paper.arxiv_id) != paper.arxiv_id:
            return False
        has_all = bool(paper.abstract and paper.authors and paper.categories)
        return paper.text_by != ARXIV or not has_all

    def requests(self, url: str, options: BaseModel, papers: Sequence[PaperFacts]) -> tuple[Ask, ...]:
        """One request for each hundred papers."""
        asks = []
        for start in range(0, len(papers), PAGE):
            asked = {paper.arxiv_id: paper for paper in papers[start : start + PAGE]}
            ids = [arxiv_id for arxiv_id, paper in asked.items() if arxiv_id and self.wants(paper, options)]
            for request in fill_in_requests(url, ids):
                ask = Ask(replace(request, optional=True), tuple(asked[one].paper_id for one in ids))
                asks.append(ask)
        return tuple(asks)

    def parse(
        self,
        body: bytes,
        request: PageRequest,  # noqa: ARG002
        options: BaseModel,  # noqa: ARG002
        papers: Sequence[PaperFacts],
        *,
        content_type: str = "",  # noqa: ARG002
    ) -> tuple[Finding, ...]:
        """A finding for each paper; each is found by its id. Raises ``ParseError``."""
        told = {entry.arxiv_id: entry for entry in parse_atom(body).entries}
        found = ((paper, told.get(paper.arxiv_id)) for paper in papers)
        return tuple(
            Finding(paper.paper_id, replace(entry, announces=False) if entry else None)
            for paper, entry in found
        )
