"""What an address asks for, read from its query, and the addresses that ask for something.

Whatever stands there: what cannot be understood is left out, and said in a sentence.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode

from digest.pipeline.browsing import FIRST_DAY, LAST_DAY, SearchQuery, Sort, Span, TrendQuery
from digest.text import clean_text
from digest.translation import gettext as _
from digest.translation import gettext_noop

__all__ = ["Asked", "asked_day", "asked_search", "asked_trend", "search_path", "trend_path"]

DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
NUMBER = re.compile(r"[0-9]{1,6}")
ID = re.compile(r"[0-9]{1,9}")
MAX_WORD = 100
MAX_TEXT = 500
NO_DATE = gettext_noop("That is no date we know (write it as 2026-03-16); it was left out.")

Query = TypeVar("Query", TrendQuery, SearchQuery)
Choice = TypeVar("Choice", bound=StrEnum)


class Asked(NamedTuple):
    """The query that was understood, and in sentences what was not."""

    query: Any
    page: int
    notes: tuple[str, ...]


def asked_day(text: str) -> date | None:
    """The day, written as ``2026-03-16``; ``None`` for what is none, or is beyond all that is shown."""
    if not DAY.fullmatch(text):
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if FIRST_DAY <= day <= LAST_DAY else None


def asked_trend(params: Mapping[str, str]) -> Asked:
    """A :class:`TrendQuery` from ``date``, ``period``, ``sort``, ``source``, ``category``, ``page``."""
    notes: list[str] = []
    page = _page(params, notes)
    query = TrendQuery(
        day=_day(
            params,
            "date",
            notes,
            _("That is no date we know (write it as 2026-03-16); the newest papers are shown."),
        ),
        span=_choice(params, "period", Span.DAY, notes),
        sort=_choice(params, "sort", Sort.VOTES, notes),
        source=_word(params, "source"),
        category=_word(params, "category"),
        page=page,
    )
    return Asked(query, page, tuple(notes))


def asked_search(params: Mapping[str, str]) -> Asked:
    """A :class:`SearchQuery` from ``q``, ``like`` and the filters, and its ``page``."""
    notes: list[str] = []
    like = params.get("like", "").strip()
    if like and not ID.fullmatch(like):
        notes.append(_("“Like” wants the number of a paper; it was left out."))
        like = ""
    query = SearchQuery(
        text=clean_text(params.get("q", ""), limit=MAX_TEXT),
        source=_word(params, "source"),
        category=_word(params, "category"),
        since=_day(params, "since", notes, _(NO_DATE)),
        until=_day(params, "until", notes, _(NO_DATE)),
        has_code=params.get("has", "") == "code",
        like=int(like) if like else None,
    )
    return Asked(query, _page(params, notes), tuple(notes))


def trend_path(query: TrendQuery, **changes: object) -> str:
    """The address of a trending list, ``/?date=…``, with changes of the query; what is usual is left out."""
    query = replace(query, **({"page": 1} | changes))  # type: ignore[arg-type]
    usual = TrendQuery()
    parts = {
        "date": query.day,
        "period": query.span if query.span != usual.span else None,
        "sort": query.sort if query.sort != usual.sort else None,
        "source": query.source,
        "category": query.category,
        "page": query.page if query.page > 1 else None,
    }
    return _path("/", parts)


def search_path(query: SearchQuery, page: int = 1) -> str:
    """The address of a search, ``/search?q=…``."""
    parts = {
        "q": query.text,
        "source": query.source,
        "category": query.category,
        "since": query.since,
        "until": query.until,
        "has": "code" if query.has_code else None,
        "like": query.like,
        "page": page if page > 1 else None,
    }
    return _path("/search", parts)


def _path(path: str, parts: Mapping[str, object]) -> str:
    given = urlencode([(name, str(value)) for name, value in parts.items() if value not in (None, "")])
    return f"{path}?{given}" if given else path


def _day(params: Mapping[str, str], name: str, notes: list[str], told: str) -> date | None:
    text = params.get(name, "").strip()
    day = asked_day(text)
    if text and day is None:
        notes.append(told)
    return day


def _choice(params: Mapping[str, str], name: str, usual: Choice, notes: list[str]) -> Choice:
    text = params.get(name, "").strip().lower()
    kind = type(usual)
    if text in list(kind):
        return kind(text)
    if text:
        notes.append(
            _(
                "“%(name)s” can be %(choices)s; it is %(usual)s now.",
                name=name.capitalize(),
                choices=", ".join(kind),
                usual=str(usual),
            )
        )
    return usual


def _word(params: Mapping[str, str], name: str) -> str | None:
    return clean_text(params.get(name, ""), limit=MAX_WORD) or None


def _page(params: Mapping[str, str], notes: list[str]) -> int:
    text = params.get("page", "").strip()
    if NUMBER.fullmatch(text) and int(text) > 0:
        return int(text)
    if text:
        notes.append(_("There is no such page; this is the first."))
    return 1
