"""One paper as Hugging Face's API tells it alone: ``{url}/api/papers/{arXiv id}``.

The answer is what an item of a list has in its ``paper``: ``{id, title, summary, authors, upvotes,
publishedAt, ai_summary?, ai_keywords?, githubRepo?, githubStars?, projectPage?, organization?, …}``. A paper
that the site does not know is answered with status 404 and ``{"error": "…"}``.
"""

from dataclasses import replace
from urllib.parse import quote

from digest.errors import ParseError
from digest.sources.decoding import decode
from digest.sources.huggingface_items import read_items
from digest.sources.strict_json import describe, load_json
from digest.types import PageRequest, ParsedPage

__all__ = ["DETAIL_PATH", "detail_request", "parse_detail"]

DETAIL_PATH = "/api/papers/"


def detail_request(base_url: str, arxiv_id: str) -> PageRequest:
    """The request for one paper; ``carry`` has its ``arxiv_id``."""
    return PageRequest(
        url=f"{base_url.rstrip('/')}{DETAIL_PATH}{quote(arxiv_id, safe='', errors='replace')}",
        role="detail",
        carry=(("arxiv_id", arxiv_id),),
        documented=True,
    )


def parse_detail(body: bytes, *, content_type: str = "") -> ParsedPage:
    """The one paper of such an answer, as an entry that lists it nowhere (``announces`` is false).

    Raises ``ParseError`` for anything that is not one paper with an id and a title.
    """
    sought = "the paper that /api/papers answers"
    told = load_json(decode(body, content_type), sought=sought)
    entries, _ = read_items([{**told, "paper": told}]) if isinstance(told, dict) else ((), 0)
    if not entries:
        raise ParseError(f"looked for {sought}, found {describe(told)}")
    return ParsedPage(entries=(replace(entries[0], listed_on=None, announces=False),))
