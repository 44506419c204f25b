"""Rate ten: a reader is asked about ten papers, one at a time, and shown what comes of it.

The address says which papers were asked about in this round; what was said of them is stored feedback, sent
to ``/rate`` like any other. Opening a page of it stores nothing, so passing over a paper is a link.
"""

from collections.abc import Sequence
from dataclasses import replace

from fastapi import APIRouter, Request
from fastapi.responses import Response

from digest.cards import make_card
from digest.pipeline.rate_ten import TEN
from digest.pipeline.rating import PATIENCE_S
from digest.types import PaperView
from digest.web.pages import show
from digest.web.previews import show_issue
from digest.web.session import Owner
from digest.web.site import SiteDep

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

PATH = "/rate/ten"
# Enough of an abstract to judge a paper by.
EXCERPT = 600


@router.get(PATH)
def ask(request: Request, site: SiteDep, owner: Owner, asked: str = "") -> Response:
    """The next paper of the round; after the last, the next digest as it would be now."""
    moment = site.moment()
    stand = site.rate_ten.look(owner, moment, _numbers(asked))
    numbers = [one.paper.paper_id for one in stand.asked]
    if stand.paper is not None:
        return show(
            request,
            "web/rate_ten.html",
            stand=stand,
            card=make_card(_in_its_own_words(stand.paper), excerpt_limit=EXCERPT),
            marks=[one.taste or "passed" for one in stand.asked],
            to_come=stand.size - len(numbers) - 1,
            before=_path(numbers[:-1]),
            then=_path([*numbers, stand.paper.paper_id]),
        )
    issue = site.foresight.look(owner, moment, patience_s=PATIENCE_S) if stand.asked else None
    return show(
        request,
        "web/rated_ten.html",
        stand=stand,
        here=_path(numbers),
        preview=show_issue(issue) if issue is not None else None,
    )


def _in_its_own_words(paper: PaperView) -> PaperView:
    """Without a summary by others where there is an abstract: it is the paper that is judged."""
    return replace(paper, summary=None) if paper.abstract.strip() else paper


def _numbers(text: str) -> list[int]:
    """The papers that the address names, each once; what is no number is left out."""
    words = text.split(".", TEN)[:TEN]
    found = (int(word) for word in words if word.isascii() and word.isdecimal() and len(word) <= 10)
    return list(dict.fromkeys(found))


def _path(numbers: Sequence[int]) -> str:
    """The address of the round after these papers."""
    return f"{PATH}?asked={'.'.join(map(str, numbers))}" if numbers else PATH
