"""Why a paper is there, in words, made from the same numbers that chose it.

Every reason is true of the paper as stored: keywords are there, votes are those observed, and the liked paper
that is named is the one from which most of the closeness comes (see :mod:`digest.ranking.likeness`). At most
two, the strongest first.
"""

from collections.abc import Iterator, KeysView, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from zoneinfo import ZoneInfo

from digest.ranking.authors import AuthorMatch
from digest.ranking.library import Library
from digest.ranking.likeness import Asking, Nearest, nearest_liked
from digest.ranking.parts import OF_TREND
from digest.ranking.people import liked_author
from digest.ranking.reader import Pick, Reader, Scored
from digest.ranking.tastes import Tastes
from digest.ranking.trend import Growth
from digest.types import Candidate, InterestSpec, Reason, Section

__all__ = ["MOST_REASONS", "categories_found", "explain", "since_when", "stands"]

MOST_REASONS = 2
# Keywords named in one reason.
MOST_TOLD = 2
TITLE_LENGTH = 60
# A trend below this is no reason for a paper that was chosen by taste.
NOTABLE_TREND = 0.5
LEAST_CLOSE = 0.3
# Of parts, as they are told.
DIGITS = 4
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_ORIGIN = {
    "example": "that you gave as an example",
    "more": "that you marked “more”",
    "saved": "that you saved",
    "less": "",
}

# A reason with its strength.
Weighed = tuple[float, Reason]


def explain(
    readers: Sequence[Reader],
    picks: Sequence[Sequence[Pick]],
    scored: Sequence[Sequence[Scored]],
    tastes: Tastes,
    library: Library,
) -> list[list[tuple[Reason, ...]]]:
    """Return the reasons of each reader's picks, in their order."""
    flat = [(pick, one) for each in zip(picks, scored, strict=True) for pick, one in zip(*each, strict=True)]
    close = _closest(flat, tastes, library)
    found = []
    first = 0
    for reader, own in zip(readers, picks, strict=True):
        zone, weight, last = ZoneInfo(reader.profile.zone), reader.weight, first + len(own)
        found.append(
            [
                _by_votes(pick.section, pick.row, zone, library)
                if pick.section in OF_TREND
                else _by_taste(pick, one, close.get(at), weight, zone, tastes, library)
                for at, (pick, one) in enumerate(flat[first:last], first)
            ]
        )
        first = last
    return found


def _by_taste(
    pick: Pick,
    scored: Scored,
    close: Reason | None,
    weight: float,
    zone: ZoneInfo,
    tastes: Tastes,
    library: Library,
) -> tuple[Reason, ...]:
    weighed = _liked(pick, scored.parts, tastes, library)
    if close is not None:
        weighed.append((scored.examples, close))
    trend = scored.parts["trend"]
    if weight > 0 and trend >= NOTABLE_TREND:
        # Votes as such stand beside each paper; that they grow is worth a word.
        weighed += [(weight * trend, one) for one in _by_votes(pick.section, pick.row, zone, library)]
    if pick.section is Section.DIFFERENT and pick.interest is not None:
        weighed.append((9.0, _different(tastes.interests[pick.interest])))
    if not weighed and pick.interest is not None:
        return (_fallback(tastes.interests[pick.interest]),)
    weighed.sort(key=itemgetter(0), reverse=True)
    return tuple([reason for _, reason in weighed[:MOST_REASONS]])


def _liked(pick: Pick, parts: Mapping[str, float], tastes: Tastes, library: Library) -> list[Weighed]:
    if pick.interest is None:
        return []
    interest = tastes.interests[pick.interest]
    weighed: list[Weighed] = []
    if pick.author is not None:
        weighed.append((9.0, _author(pick.author)))
    must = _musts(interest, pick.row, library)
    if must:
        weighed.append(
            (8.0, Reason("must", f"must-have {_keywords_text(must[:MOST_TOLD])}", {"keywords": must}))
        )
    asked = tastes.learned[pick.interest].asked
    strength = max(parts["keywords"], parts["words"])
    if strength > 0 and asked is not None:
        found = _keywords(asked.hits, pick.row, library, must)
        if found is not None:
            weighed.append((strength, found))
    if parts["category"] > 0:
        weighed.append((parts["category"], _category(interest, pick, library)))
    if parts["people"] > 0 and pick.author is None:
        weighed += _by_liked(pick, parts["people"], tastes, library)
    return weighed


def _musts(interest: InterestSpec, row: int, library: Library) -> list[str]:
    if not interest.must_keywords:
        return []
    return sorted({word for word in interest.must_keywords if stands(word, row, library)})


def _by_liked(pick: Pick, strength: float, tastes: Tastes, library: Library) -> list[Weighed]:
    people = tastes.learned[pick.interest or 0].people
    found = liked_author(people, library.prepared.candidates[pick.row].authors)
    if found is None:
        return []
    facts: dict[str, object] = {
        "name": found.name,
        "listed": found.listed,
        "exact": found.exact,
        "liked": found.liked,
    }
    who = f"by {found.name}" if found.exact else f"by “{found.listed}”, maybe {found.name}"
    return [(strength, Reason("people", f"{who}, of whom you liked {found.liked} papers", facts))]


def _different(interest: InterestSpec) -> Reason:
    text = "at the edge of this interest; “more” or “less” tells on which side"
    return Reason("different", text, {"interest": interest.name})


def _fallback(interest: InterestSpec) -> Reason:
    return Reason("keyword", f"close to your interest “{interest.name}”", {"interest": interest.name})


def _author(match: AuthorMatch) -> Reason:
    followed, listed = match.followed.strip(), match.listed
    facts = {"followed": followed, "listed": listed, "exact": match.exact}
    if match.exact:
        return Reason("author", f"followed author {followed}", facts)
    return Reason("author", f"author “{listed}” may be {followed}, whom you follow", facts)


def stands(keyword: str, row: int, library: Library) -> bool:
    """Return whether a keyword stands in a candidate as it is written."""
    found = library.found(keyword).get(row)
    return found is not None and found.exact


def _keywords_text(words: Sequence[str]) -> str:
    quoted = " and ".join(f"“{word}”" for word in words)
    return f"keyword{'s' if len(words) > 1 else ''} {quoted}"


def _keywords(hits: Mapping[str, float], row: int, library: Library, told: Sequence[str]) -> Reason | None:
    """Name the keywords found, at most two; else the words of a phrase that stand apart."""
    exact: list[tuple[float, str, bool]] = []
    apart: list[tuple[float, str]] = []
    for word, boost in hits.items():
        hit = library.found(word).get(row)
        if hit is not None and word not in told:
            if hit.exact:
                exact.append((-hit.strength * boost, word, hit.titled))
            else:
                apart.append((-hit.strength * boost, word))
    if exact:
        exact.sort()
        found = [word for _, word, _ in exact]
        words = _distinct(found, library)
        titled = [word for _, word, in_title in exact if in_title]
        facts: dict[str, object] = {"keywords": words, "in_title": titled, "all": found}
        return Reason("keyword", _keywords_text(words), facts)
    if told:
        return None
    asked = [min(apart)[1]] if apart else list(hits)
    written = library.written(row)
    present = list(
        dict.fromkeys(written[term] for word in asked for term in library.terms_of(word) if term in written)
    )
    if not present:
        return None
    of = f"“{asked[0]}”" if apart else "your keywords"
    text = f"word{'s' if len(present) > 1 else ''} of {of}: {', '.join(present[:4])}"
    return Reason("keyword", text, {"words": present, "keywords": asked})


def _distinct(keywords: Sequence[str], library: Library) -> list[str]:
    """Return the first two, without what an earlier one says too: "dense retrieval" says "retrieval"."""
    kept: list[str] = []
    told: list[KeysView[str]] = []
    for word in keywords:
        terms = library.terms_of(word)
        if not any(terms <= other for other in told):
            kept.append(word)
            told.append(terms)
            if len(kept) == MOST_TOLD:
                break
    return kept


def _category(interest: InterestSpec, pick: Pick, library: Library) -> Reason:
    found = categories_found(interest, library.prepared.candidates[pick.row])
    return Reason("category", f"category {found[0].strip()}", {"category": found[0].strip(), "all": found})


def categories_found(interest: InterestSpec, paper: Candidate) -> list[str]:
    """Return those of a candidate's categories that an interest asks for."""
    asked = {category.strip().casefold() for category in interest.categories}
    return [
        one
        for one in paper.categories
        if {one.strip().casefold(), one.strip().casefold().partition(".")[0]} & asked
    ]


def _closest(flat: Sequence[tuple[Pick, Scored]], tastes: Tastes, library: Library) -> dict[int, Reason]:
    """Return for picks, by place, the liked paper each is closest to and the words that make it so."""
    by_interest: dict[int, list[int]] = {}
    for at, (pick, scored) in enumerate(flat):
        if scored.examples >= LEAST_CLOSE and pick.interest is not None:
            by_interest.setdefault(pick.interest, []).append(at)
    asking, places = [], []
    for interest, own in by_interest.items():
        liked = tastes.learned[interest].liked
        if liked is not None:
            asking.append(Asking(liked, [flat[at][0].row for at in own]))
            places += own
    nearest = nearest_liked(asking, library, DIGITS)
    return {at: _close(one, flat[at][0].row, library) for at, one in zip(places, nearest, strict=True)}


def _close(nearest: Nearest, row: int, library: Library) -> Reason:
    (paper_id, title, origin), part, parts = nearest
    written = library.written(row) if parts else {}
    words = {written.get(term, term): part for term, part in parts.items()}
    facts = {"paper_id": paper_id, "title": title, "origin": origin, "part": part, "words": words}
    by = f": {', '.join(words)}" if words else ""
    if origin == "about":
        return Reason("about", f"close to what you wrote{by}", facts)
    text = f"close to “{_shortened(title)}” {_ORIGIN[origin]}{by}"
    return Reason("example" if origin == "example" else "liked", text, facts)


def _shortened(title: str) -> str:
    if len(title) <= TITLE_LENGTH:
        return title
    return title[: TITLE_LENGTH - 1].rsplit(" ", 1)[0].rstrip(" ,;:") + "…"


def _facts(growth: Growth) -> dict[str, object]:
    return {"source": growth.source, growth.counted: growth.votes, "until": growth.until.isoformat()}


def _by_votes(section: Section, row: int, zone: ZoneInfo, library: Library) -> tuple[Reason, ...]:
    """What votes say of a candidate in a section, as readers of one zone are told it."""
    key = (section, row, zone.key)
    found = library.told.get(key)
    if found is None:
        growth = library.prepared.trend.growth[row]
        found = library.told[key] = (
            () if growth is None else tuple(_votes(section, row, growth, zone, library))
        )
    return found


def _votes(section: Section, row: int, growth: Growth, zone: ZoneInfo, library: Library) -> Iterator[Reason]:
    if growth.since is not None and growth.gain and growth.gain > 0:
        when = since_when(growth.since, library.prepared.now, zone)
        facts = _facts(growth) | {
            "from": growth.votes_then,
            "to": growth.votes,
            "since": growth.since.isoformat(),
        }
        yield Reason("growth", f"+{_count(growth.gain, growth)} since {when}", facts)
    if section is Section.TRENDING:
        yield Reason("votes", f"{_count(growth.votes, growth)} on {growth.source}", _facts(growth))
    elif section is Section.RISING and growth.per_day is not None:
        usual = float(library.prepared.trend.usual[row])
        text = f"{_rate(growth.per_day)} {growth.counted} a day, where {_rate(usual)} is usual at its age"
        yield Reason("growth", text, _facts(growth) | {"per_day": growth.per_day, "usual": usual})


def _rate(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0") if value < 10 else str(round(value))


def _count(number: int, growth: Growth) -> str:
    return f"{number} {growth.counted.removesuffix('s') if number == 1 else growth.counted}"


def since_when(since: datetime, now: datetime, zone: ZoneInfo) -> str:
    """Say when, for a reader in ``zone``: "08:15" today, "Tuesday" within six days, else "4 August"."""
    local, today = since.astimezone(zone), now.astimezone(zone).date()
    days = (today - local.date()).days
    if days <= 0:
        return f"{local:%H:%M}"
    return _DAYS[local.weekday()] if days <= 6 else f"{local.day} {_MONTHS[local.month - 1]}"
