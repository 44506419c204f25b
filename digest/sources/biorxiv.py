"""bioRxiv and medRxiv: what was posted on a day, from the API that both share.

``{url}/details/{server}/{day}/{day}/{cursor}`` (https://api.biorxiv.org) answers an object of two lists.
``messages`` has one object: ``status`` ("ok" or "no posts found"), ``interval``, ``cursor``, ``count``
(records of this answer), ``count_new_papers`` and ``total`` (records of the interval); numbers come as
numbers or as text. ``collection`` has the records, see ``digest.sources.biorxiv_records``. A record is a
*version* of a preprint: what is revised on a day stands beside what is new. An answer has held 100 records
and holds 30 now, so the next one is asked for after as many as came.

``total`` counts records, not new preprints, so the walk itself keeps count: each request carries how many
announcing entries there were so far, and the last page declares them, plus the records that ``total``
promised and that never came. That holds with a filter by category too: what it leaves out was read.
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from digest.errors import ParseError
from digest.sources.biorxiv_records import normal_category, read_records
from digest.sources.decoding import decode
from digest.sources.strict_json import describe, load_json
from digest.text import clean_text
from digest.types import PageRequest, ParsedPage

__all__ = ["BioRxiv", "BioRxivOptions", "MedRxiv"]

DEFAULT_URL = "https://api.biorxiv.org"
SPACING_S = 1.0
SOUGHT = "the API's answer (an object with the lists messages and collection)"
NUMBER = re.compile(r"[0-9]{1,9}")
INTERVAL = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[:/]([0-9]{4}-[0-9]{2}-[0-9]{2})")
NOTHING = re.compile(r"no (?:posts|articles|papers|results) found", re.IGNORECASE)


class BioRxivOptions(BaseModel):
    """What a source of these kinds may set.

    ``categories``: only preprints of these subjects, as the site names them ("cell biology", also
    written ``cell_biology``); none: all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    categories: tuple[
        Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=100)], ...
    ] = Field(default=(), max_length=60)


class BioRxiv:
    """The kind ``biorxiv``, and with another server's name ``medrxiv``. Makes no request itself."""

    kind = "biorxiv"
    label = "bioRxiv"
    default_url = DEFAULT_URL
    exact_url = False
    lookback_days = 3  # a day is filled while it lasts, and corrected afterwards
    trust = 80
    Options: type[BaseModel] = BioRxivOptions

    def is_dated(self, options: BaseModel) -> bool:  # noqa: ARG002
        """Each day has a list of its own, for ever."""
        return True

    def day_requests(self, url: str, options: BaseModel, day: date) -> tuple[tuple[str, PageRequest], ...]:
        """The one way to read a day. Raises ``TypeError`` for another kind's options."""
        _own(options)
        return (("api", self._request(url, day, 0, 0, None)),)

    def parse(
        self, body: bytes, request: PageRequest, options: BaseModel, *, content_type: str = ""
    ) -> ParsedPage:
        """The preprints of one answer: first versions announce, later ones update. Raises ``ParseError``."""
        answer = load_json(decode(body, content_type), sought=SOUGHT)
        message, records = _read_answer(answer)
        carried = dict(request.carry)
        cursor, announced = _number(carried.get("cursor")) or 0, _number(carried.get("announced")) or 0
        total = _number(message.get("total"))
        total = _number(carried.get("total")) if total is None else total
        wanted = frozenset(map(normal_category, _own(options).categories))
        entries, skipped = read_records(records, wanted)
        announced += sum(entry.announces for entry in entries)
        reached = cursor + len(records)
        following: tuple[PageRequest, ...] = ()
        declared = None if total is None else announced + max(total - reached, 0)
        if records and (total is None or reached < total):
            url = carried.get("base", self.default_url)
            following = (self._request(url, request.day, reached, announced, total),)
            # What is still to come is not known to be new, unless this answer itself was cut short.
            lacking = (_number(message.get("count")) or 0) - len(records)
            declared = announced + lacking if lacking > 0 else None
        return ParsedPage(
            entries,
            declared=declared,
            page_date=_page_date(message),
            next_requests=following,
            skipped=skipped,
        )

    def _request(
        self, url: str, day: date | None, cursor: int, announced: int, total: int | None
    ) -> PageRequest:
        name = day.isoformat() if day else ""
        carry = [("base", url), ("cursor", str(cursor)), ("announced", str(announced))]
        carry += [("total", str(total))] if total is not None else []
        return PageRequest(
            url=f"{url.rstrip('/')}/details/{quote(self.kind)}/{name}/{name}/{cursor}",
            day=day,
            role="details",
            carry=tuple(carry),
            turn="biorxiv",  # both servers' answers come from one host
            spacing_s=SPACING_S,
            documented=True,
        )


class MedRxiv(BioRxiv):
    """The kind ``medrxiv``: the same API, asked for the other server."""

    kind = "medrxiv"
    label = "medRxiv"


def _own(options: BaseModel) -> BioRxivOptions:
    if not isinstance(options, BioRxivOptions):
        raise TypeError(f"options of another kind: {type(options).__name__}")
    return options


def _read_answer(answer: object) -> tuple[Mapping[str, object], list[object]]:
    """(The message, the records); no records where the message says that there are none."""
    if not isinstance(answer, dict):
        raise ParseError(f"looked for {SOUGHT}, found {describe(answer)}")
    messages = answer.get("messages")
    message = messages[0] if isinstance(messages, list) and messages else None
    if not isinstance(message, dict):
        raise ParseError(f"looked for {SOUGHT}, found {describe(answer)} without a message")
    status = clean_text(message.get("status"), limit=200)
    records = answer.get("collection")
    if NOTHING.match(status) and not records:
        return message, []
    if status.lower() != "ok":
        raise ParseError(f"the API answered: {status or 'neither ok nor what else'}")
    if not isinstance(records, list):
        raise ParseError(f"looked for {SOUGHT}, found {describe(answer)} without a collection")
    return message, records


def _page_date(message: Mapping[str, object]) -> date | None:
    """The day of the interval that was answered, where it is a single one."""
    found = INTERVAL.fullmatch(clean_text(message.get("interval"), limit=40))
    if not found or found[1] != found[2]:
        return None
    try:
        return date.fromisoformat(found[1])
    except ValueError:
        return None


def _number(value: object) -> int | None:
    """A number that may be written as text."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return int(text) if NUMBER.fullmatch(text) else None
