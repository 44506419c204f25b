"""Why a paper is there, in words, made from the same numbers that chose it.

Every reason is true of the paper as stored: keywords are there, votes are those observed, and the liked paper
that is named is the one from which most of the closeness comes (see :mod:`digest.ranking.likeness`). At most
two, the strongest first.
"""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from digest.ranking.library import Library
from digest.ranking.likeness import Nearest, nearest_liked
from digest.ranking.parts import examples_of
from digest.ranking.people import liked_author
from digest.ranking.reader import Pick, Reader
from digest.ranking.tastes import Tastes
from digest.ranking.terms import feature_counts
from digest.ranking.trend import Growth
from digest.types import Candidate, InterestSpec, Reason, Section

__all__ = ["MOST_REASONS", "categories_found", "explain", "since_when", "stands"]

MOST_REASONS = 2
TITLE_LENGTH = 60
# A trend below this is no reason for a paper that was chosen by taste.
NOTABLE_TREND = 0.5
LEAST_CLOSE = 0.3
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
    reader: Reader, picks: Sequence[Pick], parts: Sequence[dict[str, float]], tastes: Tastes, library: Library
) -> list[tuple[Reason, ...]]:
    """Return the reasons of each pick, in the order of the picks; ``parts`` are those of its score."""
    zone = ZoneInfo(reader.profile.zone)
    closest = _closest(picks, parts, tastes, library)
    found = []
    for at, (pick, own) in enumerate(zip(picks, parts, strict=True)):
        if pick.section is Section.TRENDING:
            weighed = _grew(pick.row, library, zone) + _votes(pick, library)
        elif pick.section is Section.RISING:
            weighed = _grew(pick.row, library, zone) + _unusual(pick, library)
        else:
            weighed = _liked(pick, own, tastes, library) + closest.get(at, [])
            if reader.weight > 0 and own["trend"] >= NOTABLE_TREND:
                # Votes as such stand beside each paper; that they grow is worth a word.
                more = _grew(pick.row, library, zone)
                weighed += [(reader.weight * own["trend"], reason) for _, reason in more]
        if pick.section is Section.DIFFERENT and pick.interest is not None:
            weighed.append((9.0, _different(tastes.interests[pick.interest])))
        if not weighed and pick.interest is not None:
            weighed = [_fallback(tastes.interests[pick.interest])]
        weighed.sort(key=lambda item: -item[0])
        found.append(tuple(reason for _, reason in weighed[:MOST_REASONS]))
    return found


def _liked(pick: Pick, parts: dict[str, float], tastes: Tastes, library: Library) -> list[Weighed]:
    if pick.interest is None:
        return []
    interest = tastes.interests[pick.interest]
    weighed: list[Weighed] = []
    if pick.author is not None:
        weighed.append((9.0, _author(pick)))
    must = [word for word in sorted(set(interest.must_keywords)) if stands(word, pick.row, library)]
    if must:
        weighed.append((8.0, Reason("must", f"must-have {_keywords_text(must[:2])}", {"keywords": must})))
    weighed += _keywords(pick, parts, tastes, library, must)
    if parts["category"] > 0:
        weighed.append((parts["category"], _category(interest, pick, library)))
    if parts["people"] > 0 and pick.author is None:
        weighed += _by_liked(pick, parts["people"], tastes, library)
    return weighed


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


def _fallback(interest: InterestSpec) -> Weighed:
    return 0.0, Reason("keyword", f"close to your interest “{interest.name}”", {"interest": interest.name})


def _author(pick: Pick) -> Reason:
    assert pick.author is not None  # noqa: S101
    followed, listed = pick.author.followed.strip(), pick.author.listed
    facts = {"followed": followed, "listed": listed, "exact": pick.author.exact}
    if pick.author.exact:
        return Reason("author", f"followed author {followed}", facts)
    return Reason("author", f"author “{listed}” may be {followed}, whom you follow", facts)


def stands(keyword: str, row: int, library: Library) -> bool:
    """Return whether a keyword stands in a candidate as it is written."""
    place = library.place(keyword, row)
    return place is not None and bool(library.hits(keyword).exact[place])


def _keywords_text(words: Sequence[str]) -> str:
    quoted = " and ".join(f"“{word}”" for word in words)
    return f"keyword{'s' if len(words) > 1 else ''} {quoted}"


def _keywords(
    pick: Pick, parts: dict[str, float], tastes: Tastes, library: Library, told: Sequence[str]
) -> list[Weighed]:
    """Name the keywords found, at most two; else the words of a phrase that stand apart."""
    strength = max(parts["keywords"], parts["words"])
    asked_for = tastes.learned[pick.interest or 0].asked
    if strength <= 0 or asked_for is None:
        return []
    exact: list[tuple[float, str, bool]] = []
    apart: list[tuple[float, str, bool]] = []
    for word, boost in asked_for.hits.items():
        place = library.place(word, pick.row)
        if place is not None and word not in told:
            hits = library.hits(word)
            weight = float(hits.strength[place]) * boost
            (exact if hits.exact[place] else apart).append((-weight, word, bool(hits.titled[place])))
    if exact:
        found = [word for _, word, _ in sorted(exact)]
        words = _distinct(found, library)[:2]
        titled = [word for _, word, in_title in sorted(exact) if in_title]
        facts: dict[str, object] = {"keywords": words, "in_title": titled, "all": found}
        return [(strength, Reason("keyword", _keywords_text(words), facts))]
    if told:
        return []
    asked = [word for _, word, _ in sorted(apart)[:1]] or list(asked_for.hits)
    present = dict.fromkeys(
        library.written(pick.row, term)
        for word in asked
        for term in feature_counts(word)
        if library.has(pick.row, term)
    )
    of = f"“{asked[0]}”" if apart else "your keywords"
    text = f"word{'s' if len(present) > 1 else ''} of {of}: {', '.join(list(present)[:4])}"
    reason = Reason("keyword", text, {"words": list(present), "keywords": asked})
    return [(strength, reason)] if present else []


def _distinct(keywords: Sequence[str], library: Library) -> list[str]:
    """Leave out keywords that an earlier one contains: "dense retrieval" says "retrieval" too."""
    kept: list[str] = []
    for word in keywords:
        if not any(library.terms(word) <= library.terms(other) for other in kept):
            kept.append(word)
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


def _closest(
    picks: Sequence[Pick], parts: Sequence[dict[str, float]], tastes: Tastes, library: Library
) -> dict[int, list[Weighed]]:
    """Return for each pick, by its place, the liked paper it is closest to and the words that make it so."""
    by_interest: dict[int, list[int]] = {}
    strength = []
    for at, (pick, own) in enumerate(zip(picks, parts, strict=True)):
        close = 0.0 if pick.interest is None else examples_of(own)
        strength.append(close)
        if pick.interest is not None and close >= LEAST_CLOSE:
            by_interest.setdefault(pick.interest, []).append(at)
    found: dict[int, list[Weighed]] = {}
    for interest, places in by_interest.items():
        liked = tastes.learned[interest].liked
        if liked is not None:
            nearest = nearest_liked(liked, [picks[at].row for at in places], library)
            for at, one in zip(places, nearest, strict=True):
                found[at] = [(strength[at], _close(one, picks[at].row, library))]
    return found


def _close(nearest: Nearest, row: int, library: Library) -> Reason:
    words = {library.written(row, term): round(part, 4) for term, part in nearest.words.items()}
    facts = {
        "paper_id": nearest.paper.paper_id,
        "title": nearest.paper.title,
        "origin": nearest.paper.origin,
        "part": round(nearest.part, 4),
        "words": words,
    }
    by = f": {', '.join(words)}" if words else ""
    if nearest.paper.origin == "about":
        return Reason("about", f"close to what you wrote{by}", facts)
    origin = _ORIGIN[nearest.paper.origin]
    text = f"close to “{_shortened(nearest.paper.title)}” {origin}{by}"
    return Reason("example" if nearest.paper.origin == "example" else "liked", text, facts)


def _shortened(title: str) -> str:
    if len(title) <= TITLE_LENGTH:
        return title
    return title[: TITLE_LENGTH - 1].rsplit(" ", 1)[0].rstrip(" ,;:") + "…"


def _facts(growth: Growth) -> dict[str, object]:
    return {"source": growth.source, growth.counted: growth.votes, "until": growth.until.isoformat()}


def _grew(row: int, library: Library, zone: ZoneInfo) -> list[Weighed]:
    """Its growth as readers of one zone are told it; a new list, for others to add to."""
    key = (row, zone.key)
    if key not in library.growth:
        library.growth[key] = _growth(library.prepared.trend.growth[row], library, zone)
    return list(library.growth[key])


def _growth(growth: Growth | None, library: Library, zone: ZoneInfo) -> list[Weighed]:
    if growth is None or growth.since is None or not growth.gain or growth.gain < 0:
        return []
    when = since_when(growth.since, library.prepared.now, zone)
    facts = _facts(growth) | {
        "from": growth.votes_then,
        "to": growth.votes,
        "since": growth.since.isoformat(),
    }
    return [(2.0, Reason("growth", f"+{_count(growth.gain, growth)} since {when}", facts))]


def _votes(pick: Pick, library: Library) -> list[Weighed]:
    growth = library.prepared.trend.growth[pick.row]
    if growth is None:
        return []
    return [(1.0, Reason("votes", f"{_count(growth.votes, growth)} on {growth.source}", _facts(growth)))]


def _unusual(pick: Pick, library: Library) -> list[Weighed]:
    growth = library.prepared.trend.growth[pick.row]
    if growth is None or growth.per_day is None:
        return []
    usual = float(library.prepared.trend.usual[pick.row])
    text = f"{_rate(growth.per_day)} {growth.counted} a day, where {_rate(usual)} is usual at its age"
    facts = _facts(growth) | {"per_day": growth.per_day, "usual": usual}
    return [(1.0, Reason("growth", text, facts))]


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
