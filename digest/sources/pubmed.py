"""PubMed: a standing query, read through NCBI's E-utilities.

``{url}/esearch.fcgi`` answers the ids of what was taken in during the last days, ``{url}/efetch.fcgi`` the
articles to at most 200 ids at once (see https://www.ncbi.nlm.nih.gov/books/NBK25499/). Both are asked by
POST, so that neither a long query nor the key stands in an address.
"""

import re
from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from digest.errors import ParseError
from digest.sources.decoding import decode
from digest.sources.pubmed_articles import read_articles
from digest.sources.strict_json import describe, load_json
from digest.sources.strict_xml import load_xml
from digest.text import clean_text, parse_count, truncate
from digest.types import PageRequest, ParsedPage

__all__ = ["PubMed", "PubMedOptions"]

SEARCH, ARTICLES = "search", "articles"
SEARCH_PATH, ARTICLES_PATH = "/esearch.fcgi", "/efetch.fcgi"
TOOL = "paper-digest"
BATCH = 200
# NCBI asks for three requests a second at most, ten with a key; the slower pace serves both.
SPACING_S = 0.34
PMID = re.compile(r"[0-9]{1,9}")
# A failed search is told in JSON with line breaks inside a text, which is none by the standard.
ERROR = re.compile(r'"ERROR"\s*:\s*"([^"]{1,400})')
POSTED = (("Content-Type", "application/x-www-form-urlencoded"),)


class PubMedOptions(BaseModel):
    """What a source of this kind may set.

    ``query``: in PubMed's own search language. ``days``: how many days back an article may have been taken
    in. ``max_results``: of more than that only the newest are read. ``key``: an NCBI API key.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    query: str = Field(min_length=1, max_length=4000)
    days: int = Field(default=3, ge=1, le=365)
    max_results: int = Field(default=200, ge=1, le=5000)
    key: SecretStr | None = None

    @field_validator("query")
    @classmethod
    def _says_something(cls, query: str) -> str:
        if not query.strip():
            raise ValueError("the query is empty")
        return query.strip()


class PubMed:
    """The kind ``pubmed``. Asked once per refresh; articles belong to the day on which PubMed took them in.

    That day, and not today, because every refresh lists the last days again: so an article stays on one
    day however often it is seen.
    """

    kind = "pubmed"
    label = "PubMed"
    default_url = "https://eutils.ncbi.nlm.nih.gov/entrez/eutils"
    exact_url = False
    lookback_days = 1
    trust = 80
    Options: type[BaseModel] = PubMedOptions
    example_options: Mapping[str, object] = MappingProxyType({"query": "kettles"})

    def is_dated(self, options: BaseModel) -> bool:  # noqa: ARG002
        """One search covers the last days."""
        return False

    def day_requests(self, url: str, options: BaseModel, day: date) -> tuple[tuple[str, PageRequest], ...]:
        """The search. Raises ``TypeError`` for another kind's options.

        No order is asked for: without one the newest ids come first, and "date" is answered by a warning
        that it is not known.
        """
        options = _own(options)
        form = {
            "term": options.query,
            "retmode": "json",
            "datetype": "edat",
            "reldate": str(options.days),
            "retstart": "0",
            "retmax": str(options.max_results),
        }
        return (("search", _request(url.rstrip("/") + SEARCH_PATH, SEARCH, options, day, form)),)

    def parse(
        self, body: bytes, request: PageRequest, options: BaseModel, *, content_type: str = ""
    ) -> ParsedPage:
        """What one answer lists. Raises ``ParseError``.

        A search lists nothing itself: it declares how many articles there are (of more than ``max_results``
        that many) and asks for them in batches.
        """
        if request.role == ARTICLES:
            return _parse_articles(body, request)
        return _parse_search(decode(body, content_type), request, _own(options))


def _own(options: BaseModel) -> PubMedOptions:
    if not isinstance(options, PubMedOptions):
        raise TypeError(f"options of another kind: {type(options).__name__}")
    return options


def _request(
    url: str, role: str, options: PubMedOptions, day: date | None, form: dict[str, str], *, first: int = 0
) -> PageRequest:
    fields = {"db": "pubmed", "tool": TOOL, **form}
    if options.key is not None:
        fields["api_key"] = options.key.get_secret_value()
    return PageRequest(
        url=url,
        day=day,
        method="POST",
        headers=POSTED,
        body=urlencode(fields).encode(),
        role=role,
        carry=(("first", str(first)), ("asked", str(form.get("id", "").count(",") + 1))),
        turn="ncbi",
        spacing_s=SPACING_S,
        documented=True,
    )


def _parse_search(text: str, request: PageRequest, options: PubMedOptions) -> ParsedPage:
    sought = "the ids that esearch answers"
    result = _result(text, sought)
    told = result.get("count")
    count = parse_count(told) if isinstance(told, str) else told if type(told) is int else None
    listed = result.get("idlist")
    if count is None or not isinstance(listed, list):
        raise ParseError(f"looked for {sought}, found {describe(result)}")
    _check_query(result, count)
    ids = list(dict.fromkeys(one for one in listed if isinstance(one, str) and PMID.fullmatch(one)))
    ids = ids[: options.max_results]
    declared = min(count, options.max_results)
    if declared and not ids:
        raise ParseError(f"looked for {declared} ids of articles, found none that is one")
    url = request.url.removesuffix(SEARCH_PATH) + ARTICLES_PATH
    batches = tuple(
        _request(
            url, ARTICLES, options, request.day,
            {"retmode": "xml", "id": ",".join(ids[first : first + BATCH])}, first=first,
        )
        for first in range(0, len(ids), BATCH)
    )  # fmt: skip
    return ParsedPage(
        entries=(),
        declared=declared,
        next_requests=batches,
        skipped=len(listed[: options.max_results]) - len(ids),
    )


def _result(text: str, sought: str) -> dict[str, object]:
    """What was found, or a ``ParseError`` with the words in which the site says why nothing was."""
    try:
        answer = load_json(text, sought=sought)
    except ParseError:
        if failed := ERROR.search(text[:10_000]):
            raise _refused(failed[1]) from None
        raise
    fields = answer if isinstance(answer, dict) else {}
    result = fields.get("esearchresult")
    for told in (result.get("ERROR") if isinstance(result, dict) else None, fields.get("error")):
        if told:
            raise _refused(told)
    if not isinstance(result, dict):
        raise ParseError(f"looked for {sought}, found {describe(answer)}")
    return result


def _check_query(result: dict[str, object], count: int) -> None:
    """A search of which PubMed left parts out is another search: its result is not what was asked for.

    Words that PubMed does not know are left out too, and that matters only where nothing is found: a
    query may name words that nobody has used yet beside others.
    """
    errors = result.get("errorlist")
    told = errors if isinstance(errors, dict) else {}
    fields, phrases = told.get("fieldsnotfound") or [], told.get("phrasesnotfound") or []
    if fields:
        raise _refused(f"it does not know the field {_named(fields)}")
    if phrases and not count:
        raise _refused(f"it does not know {_named(phrases)}")


def _named(values: object) -> str:
    names = [clean_text(one, limit=60) for one in values[:5]] if isinstance(values, list) else []
    return ", ".join(repr(name) for name in names if name) or "a part of it"


def _refused(words: object) -> ParseError:
    return ParseError(f"PubMed did not answer the query: {truncate(clean_text(words, limit=400), 200)}")


def _parse_articles(body: bytes, request: PageRequest) -> ParsedPage:
    asked = dict(request.carry).get("asked", "some")
    sought = "the articles that efetch answers"
    if body.lstrip()[:1] == b"{":
        _result(decode(body), sought)
    root = load_xml(body, sought=sought)
    if root.tag != "PubmedArticleSet":
        failed = root if root.tag == "ERROR" else root.find(".//ERROR")
        if failed is not None:
            raise _refused("".join(failed.itertext()))
        raise ParseError(f"looked for {sought}, found XML that begins with {clean_text(root.tag, limit=60)}")
    entries, skipped = read_articles(root, not_after=request.day)
    if not entries and not skipped:
        raise ParseError(f"looked for {asked} articles that were found, got none")
    return ParsedPage(entries=entries, skipped=skipped)
