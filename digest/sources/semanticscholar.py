"""Semantic Scholar as a source: papers recommended from examples, or found by a standing query.

Recommendations: ``POST {url}/recommendations/v1/papers/?fields=…&limit=…`` with ``{"positivePaperIds": […],
"negativePaperIds": […]}`` answers ``{"recommendedPapers": […]}``, see
https://api.semanticscholar.org/api-docs/recommendations. Search: ``GET {url}/graph/v1/paper/search?query=…``
answers ``{"total", "offset", "next", "data": […]}``, see https://api.semanticscholar.org/api-docs/graph.
The papers of both have one shape (see ``semanticscholar_items``).
"""

import json
import re
from collections.abc import Mapping
from datetime import date, timedelta
from types import MappingProxyType
from typing import Annotated
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from digest.errors import ParseError
from digest.sources.decoding import decode
from digest.sources.doi_or_arxiv import read_doi
from digest.sources.semanticscholar_items import FIELDS, read_papers
from digest.sources.strict_json import describe, load_json
from digest.text import clean_text, parse_arxiv_id, truncate
from digest.types import PageRequest, ParsedPage

__all__ = ["SemanticScholar", "SemanticScholarOptions"]

RECOMMENDATIONS, SEARCH = "recommendations", "search"
RECOMMENDATIONS_PATH = "/recommendations/v1/papers/"
SEARCH_PATH = "/graph/v1/paper/search"
# The search knows the site's machine-made summary, the recommendations answer 400 to one who asks for it.
SEARCH_FIELDS = (*FIELDS, "tldr")
PAGE_SIZE = 100
# One request a second is what a key is given, and what the pool without a key bears.
SPACING_S = 1.0
# The site calls its total approximate, so a list that ends a little earlier is whole.
TOLERANCE = 0.1

PAPER_ID = re.compile(r"[0-9a-f]{40}")
NAMED_ID = re.compile(r"(?P<kind>CorpusId|MAG|PMID|PMCID|ACL):(?P<id>[A-Za-z0-9._-]{1,60})", re.IGNORECASE)
KINDS = {"corpusid": "CorpusId", "mag": "MAG", "pmid": "PMID", "pmcid": "PMCID", "acl": "ACL"}


def _paper_id(text: str) -> str:
    """An id in the form the site asks for. Raises ``ValueError`` for what is none."""
    text = text.strip()
    if PAPER_ID.fullmatch(text.lower()):
        return text.lower()
    if named := NAMED_ID.fullmatch(text):
        return f"{KINDS[named['kind'].lower()]}:{named['id']}"
    from_doi, doi = read_doi(text)
    if arxiv_id := from_doi or (None if doi else parse_arxiv_id(text)):
        return f"ARXIV:{arxiv_id}"
    if doi:
        return f"DOI:{doi}"
    raise ValueError(f"{text[:60]!r} is no arXiv id, DOI or Semantic Scholar id")


PaperId = Annotated[str, AfterValidator(_paper_id)]


class SemanticScholarOptions(BaseModel):
    """What a source of this kind may set: either ``examples`` or a ``query``.

    ``examples``: papers to find more of, and ``dislike``: papers to find none of, by arXiv id, DOI, address
    of either, or Semantic Scholar's own ids (40 hex digits, ``CorpusId:…``). ``limit``: papers at most.
    ``days``: how far back what a ``query`` finds may have been published. ``key``: an API key.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    examples: tuple[PaperId, ...] = Field(default=(), max_length=100)
    dislike: tuple[PaperId, ...] = Field(default=(), max_length=100)
    query: str = Field(default="", max_length=500)
    days: int = Field(default=30, ge=1, le=3650)
    limit: int = Field(default=100, ge=1, le=500)
    key: SecretStr | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "SemanticScholarOptions":
        if bool(self.examples) == bool(self.query.strip()):
            raise ValueError("set either examples (papers to find more of) or a query")
        if self.dislike and not self.examples:
            raise ValueError("dislike goes with examples, not with a query")
        return self


class SemanticScholar:
    """The kind ``semanticscholar``. Asked once per refresh; what it recommends today is listed today."""

    kind = "semanticscholar"
    label = "Semantic Scholar"
    default_url = "https://api.semanticscholar.org"
    exact_url = False
    lookback_days = 1
    trust = 60
    Options: type[BaseModel] = SemanticScholarOptions
    example_options: Mapping[str, object] = MappingProxyType({"query": "kettles"})

    def is_dated(self, options: BaseModel) -> bool:  # noqa: ARG002
        """What was recommended on another day cannot be asked for."""
        return False

    def day_requests(self, url: str, options: BaseModel, day: date) -> tuple[tuple[str, PageRequest], ...]:
        """The one request of the way that is set. Raises ``TypeError`` for another kind's options."""
        options = _own(options)
        base = url.rstrip("/")
        if not options.examples:
            return ((SEARCH, _search(base, options, day)),)
        query = urlencode({"fields": ",".join(FIELDS), "limit": options.limit})
        examples = {"positivePaperIds": options.examples, "negativePaperIds": options.dislike}
        request = PageRequest(
            url=f"{base}{RECOMMENDATIONS_PATH}?{query}",
            day=day,
            method="POST",
            headers=(("Content-Type", "application/json"), *_key(options)),
            body=json.dumps(examples).encode(),
            role=RECOMMENDATIONS,
            turn="semanticscholar",
            spacing_s=SPACING_S,
            documented=True,
        )
        return ((RECOMMENDATIONS, request),)

    def parse(
        self, body: bytes, request: PageRequest, options: BaseModel, *, content_type: str = ""
    ) -> ParsedPage:
        """What one answer lists. Raises ``ParseError``, with the site's own words where it sent an error."""
        options = _own(options)
        name = "data" if request.role == SEARCH else "recommendedPapers"
        sought = f"the list {name} that {request.role} answers"
        answer = load_json(decode(body, content_type), sought=sought)
        listed = answer.get(name) if isinstance(answer, dict) else None
        # A search that finds nothing leaves the list out.
        if isinstance(answer, dict) and name == "data" and name not in answer and answer.get("total") == 0:
            listed = []
        if not isinstance(answer, dict) or not isinstance(listed, list):
            raise _unusable(answer, sought)
        if request.role == SEARCH:
            return _search_page(answer, listed, request, options)
        entries, skipped = read_papers(listed[: options.limit])
        return ParsedPage(entries=entries, skipped=skipped)


def _own(options: BaseModel) -> SemanticScholarOptions:
    if not isinstance(options, SemanticScholarOptions):
        raise TypeError(f"options of another kind: {type(options).__name__}")
    return options


def _key(options: SemanticScholarOptions) -> tuple[tuple[str, str], ...]:
    return (("x-api-key", options.key.get_secret_value()),) if options.key is not None else ()


def _search(base: str, options: SemanticScholarOptions, day: date) -> PageRequest:
    first = day - timedelta(days=options.days) if day.toordinal() > options.days else date.min
    query = {
        "query": options.query.strip(),
        "fields": ",".join(SEARCH_FIELDS),
        "publicationDateOrYear": f"{first.isoformat()}:",
        "offset": 0,
        "limit": min(options.limit, PAGE_SIZE),
    }
    return PageRequest(
        url=f"{base}{SEARCH_PATH}?{urlencode(query)}",
        day=day,
        headers=_key(options),
        role=SEARCH,
        turn="semanticscholar",
        spacing_s=SPACING_S,
        documented=True,
    )


def _search_page(
    answer: dict[str, object], listed: list[object], request: PageRequest, options: SemanticScholarOptions
) -> ParsedPage:
    """A page of a search. ``next`` is where the next one begins, so this one has to reach up to there."""
    offset = _number(dict(parse_qsl(urlsplit(request.url).query)).get("offset"))
    total = _number(answer.get("total"))
    following = _number(answer.get("next"))
    wanted = min(total, options.limit)
    reached = offset + len(listed)
    entries, skipped = read_papers(listed[: max(options.limit - offset, 0)])
    if following > offset:
        lacks = min(following, options.limit) - reached
        declared = wanted if lacks > 0 else None
        more = (_next(request, following, options.limit - following),) if following < options.limit else ()
        return ParsedPage(entries=entries, declared=declared, next_requests=more, skipped=skipped)
    if reached < wanted * (1 - TOLERANCE):
        return ParsedPage(entries=entries, declared=wanted, skipped=skipped)
    repeated = len(entries) - len({entry.source_ref for entry in entries})
    whole = None if offset else min(reached - repeated, wanted)
    return ParsedPage(entries=entries, declared=whole, skipped=skipped)


def _next(request: PageRequest, offset: int, left: int) -> PageRequest:
    parts = urlsplit(request.url)
    query = dict(parse_qsl(parts.query)) | {"offset": str(offset), "limit": str(min(left, PAGE_SIZE))}
    return PageRequest(
        url=urlunsplit(parts._replace(query=urlencode(query))),
        day=request.day,
        headers=request.headers,
        role=request.role,
        turn=request.turn,
        spacing_s=request.spacing_s,
        documented=request.documented,
    )


def _number(value: object) -> int:
    """A whole number that cannot be negative, 0 for anything else; also as text, as in an address."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 9:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _unusable(answer: object, sought: str) -> ParseError:
    fields = answer if isinstance(answer, dict) else {}
    for name in ("error", "message"):
        words = clean_text(fields.get(name), limit=400)
        if words:
            return ParseError(f"Semantic Scholar did not answer: {truncate(words, 200)}")
    return ParseError(f"looked for {sought}, found {describe(answer)}")
