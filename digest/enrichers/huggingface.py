"""Hugging Face: summary, keywords, code and organisation of papers with an arXiv id, one request each.

Asked: ``GET {url}/api/papers/{arXiv id}`` (see ``digest.sources.huggingface_detail``). A paper that the site
does not know is answered with 404, which whoever asks takes for nothing known.
"""

from collections.abc import Sequence
from dataclasses import replace

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from digest.enrichers.findings import Allowance, Ask, Finding, PaperFacts, is_machine_made
from digest.sources.huggingface_detail import detail_request, parse_detail
from digest.types import PageRequest

__all__ = ["HuggingFaceEnricher", "HuggingFaceEnricherOptions"]


class HuggingFaceEnricherOptions(BaseModel):
    """What an enricher of this kind may set.

    ``days``: papers that were last listed longer ago than that are not asked about. A ``key`` is an access
    token; the site then allows more requests.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: SecretStr | None = None
    days: int = Field(default=3, ge=0, le=30)


class HuggingFaceEnricher:
    """The kind ``huggingface``."""

    kind = "huggingface"
    label = "Hugging Face"
    default_url = "https://huggingface.co"
    batch_size = 1
    order = 10
    tries = 2
    Options: type[BaseModel] = HuggingFaceEnricherOptions

    def allowance(self, options: BaseModel) -> Allowance:  # noqa: ARG002
        """Nothing here costs anything."""
        return Allowance()

    def wants(self, paper: PaperFacts, options: BaseModel) -> bool:
        """A paper of the last days with an arXiv id that lacks a source's summary, keywords or code."""
        if not paper.arxiv_id or paper.age_days > _own(options).days:
            return False
        lacks_summary = not paper.summary or is_machine_made(paper.summary_by)
        return lacks_summary or not paper.keywords or not paper.code_url

    def requests(self, url: str, options: BaseModel, papers: Sequence[PaperFacts]) -> tuple[Ask, ...]:
        """One request a paper. Raises ``TypeError`` for another kind's options."""
        key = _own(options).key
        headers = (("authorization", f"Bearer {key.get_secret_value()}"),) if key is not None else ()
        return tuple(
            Ask(
                replace(detail_request(url, paper.arxiv_id), headers=headers, optional=True),
                (paper.paper_id,),
            )
            for paper in papers
            if paper.arxiv_id
        )

    def parse(
        self,
        body: bytes,
        request: PageRequest,  # noqa: ARG002
        options: BaseModel,  # noqa: ARG002
        papers: Sequence[PaperFacts],
        *,
        content_type: str = "",
    ) -> tuple[Finding, ...]:
        """What the site tells of the paper; nothing where it tells of another. Raises ``ParseError``."""
        (paper,) = papers
        (entry,) = parse_detail(body, content_type=content_type).entries
        is_same = entry.arxiv_id == paper.arxiv_id
        return (Finding(paper.paper_id, replace(entry, announces=False) if is_same else None),)


def _own(options: BaseModel) -> HuggingFaceEnricherOptions:
    if not isinstance(options, HuggingFaceEnricherOptions):
        raise TypeError(f"options of another kind: {type(options).__name__}")
    return options
