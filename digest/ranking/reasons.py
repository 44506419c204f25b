"""Why a paper is there, in words, made from the same numbers that chose it.

Every reason is true of the paper as stored: keywords are there, shared words stand in both papers and are
those that made them close, votes are those observed. At most three, the strongest first.
"""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from digest.ranking.library import Library, chosen_examples, stack, wanted
from digest.ranking.selection import Pick, Reader
from digest.ranking.terms import feature_counts
from digest.ranking.trend import Growth
from digest.types import Example, InterestSpec, Reason, Section

__all__ = ["MOST_REASONS", "explain", "since_when"]

MOST_REASONS = 3
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


def explain(reader: Reader, picks: Sequence[Pick], library: Library) -> list[tuple[Reason, ...]]:
    """Return the reasons of each pick, in the order of the picks."""
    zone = ZoneInfo(reader.profile.zone)
    closest = _closest(reader, picks, library)
    found = []
    for pick in picks:
        if pick.section is Section.TRENDING:
            weighed = _growth(pick, library, zone) + _votes(pick, library)
        elif pick.section is Section.RISING:
            weighed = _growth(pick, library, zone) + _unusual(pick, library)
        else:
            weighed = _liked(reader, pick, library) + closest.get(pick.row, [])
            if reader.weight > 0 and pick.parts["trend"] >= NOTABLE_TREND:
                # Votes as such stand beside each paper; that they grow is worth a word.
                more = _growth(pick, library, zone)
                weighed += [(reader.weight * pick.parts["trend"], reason) for _, reason in more]
        if not weighed and pick.interest is not None:
            weighed = [_fallback(reader.interests[pick.interest])]
        weighed.sort(key=lambda item: -item[0])
        found.append(tuple(reason for _, reason in weighed[:MOST_REASONS]))
    return found


def _liked(reader: Reader, pick: Pick, library: Library) -> list[Weighed]:
    if pick.interest is None:
        return []
    interest = reader.interests[pick.interest]
    weighed: list[Weighed] = []
    if pick.author is not None:
        weighed.append((9.0, _author(pick)))
    must = [word for word in sorted(set(interest.must_keywords)) if _stands(word, pick.row, library)]
    if must:
        weighed.append((8.0, Reason("must", f"must-have {_keywords_text(must[:2])}", {"keywords": must})))
    weighed += _keywords(interest, pick, library, must)
    if pick.parts["category"] > 0:
        weighed.append((pick.parts["category"], _category(interest, pick, library)))
    return weighed


def _fallback(interest: InterestSpec) -> Weighed:
    return 0.0, Reason("keyword", f"close to your interest “{interest.name}”", {"interest": interest.name})


def _author(pick: Pick) -> Reason:
    assert pick.author is not None  # noqa: S101
    followed, listed = pick.author.followed.strip(), pick.author.listed
    facts = {"followed": followed, "listed": listed, "exact": pick.author.exact}
    if pick.author.exact:
        return Reason("author", f"followed author {followed}", facts)
    return Reason("author", f"author “{listed}” may be {followed}, whom you follow", facts)


def _stands(keyword: str, row: int, library: Library) -> bool:
    hits = library.hits(keyword)
    place = hits.at(row)
    return place is not None and bool(hits.exact[place])


def _keywords_text(words: Sequence[str]) -> str:
    quoted = " and ".join(f"“{word}”" for word in words)
    return f"keyword{'s' if len(words) > 1 else ''} {quoted}"


def _keywords(interest: InterestSpec, pick: Pick, library: Library, told: Sequence[str]) -> list[Weighed]:
    """Name the keywords found, at most two; else the words of a phrase that stand apart."""
    strength = max(pick.parts["keywords"], pick.parts["words"])
    if strength <= 0:
        return []
    exact: list[tuple[float, str, bool]] = []
    apart: list[tuple[float, str, bool]] = []
    for word in wanted(interest):
        hits = library.hits(word)
        place = hits.at(pick.row)
        if place is not None and word not in told:
            weight = float(hits.strength[place]) * library.query(word)[1]
            (exact if hits.exact[place] else apart).append((-weight, word, bool(hits.titled[place])))
    if exact:
        found = [word for _, word, _ in sorted(exact)]
        words = _different(found, library)[:2]
        titled = [word for _, word, in_title in sorted(exact) if in_title]
        facts: dict[str, object] = {"keywords": words, "in_title": titled, "all": found}
        return [(strength, Reason("keyword", _keywords_text(words), facts))]
    if told:
        return []
    asked = [word for _, word, _ in sorted(apart)[:1]] or list(wanted(interest))
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


def _different(keywords: Sequence[str], library: Library) -> list[str]:
    """Leave out keywords that an earlier one contains: "dense retrieval" says "retrieval" too."""
    kept: list[str] = []
    for word in keywords:
        if not any(library.terms(word) <= library.terms(other) for other in kept):
            kept.append(word)
    return kept


def _category(interest: InterestSpec, pick: Pick, library: Library) -> Reason:
    asked = {category.strip().casefold() for category in interest.categories}
    listed = library.prepared.candidates[pick.row].categories
    found = [
        one for one in listed if {one.strip().casefold(), one.strip().casefold().partition(".")[0]} & asked
    ]
    return Reason("category", f"category {found[0].strip()}", {"category": found[0].strip(), "all": found})


def _closest(reader: Reader, picks: Sequence[Pick], library: Library) -> dict[int, list[Weighed]]:
    """Return for each pick the example it is closest to, with the words that make it so."""
    found: dict[int, list[Weighed]] = {}
    matrix = library.prepared.matrix
    for place, interest in enumerate(reader.interests):
        rows = [one.row for one in picks if one.interest == place and one.parts["examples"] >= LEAST_CLOSE]
        examples = chosen_examples(interest, liked=True) if rows else []
        if not examples:
            continue
        vectors = stack([library.example(one) for one in examples], matrix.shape[1])
        weight = np.array([[one.weight] for one in examples])
        close = (vectors @ matrix[rows].T).toarray() * np.minimum(weight, 1)
        for number, row in enumerate(rows):
            best = int(np.argmax(close[:, number]))
            reason = _close(row, examples[best], library)
            if reason is not None:
                found[row] = [(float(reader.tastes["examples"][place, row]), reason)]
    return found


def _close(row: int, example: Example, library: Library) -> Reason | None:
    matrix = library.prepared.matrix
    own = slice(matrix.indptr[row], matrix.indptr[row + 1])
    columns, weights = library.example(example)
    _, mine, theirs = np.intersect1d(matrix.indices[own], columns, assume_unique=True, return_indices=True)
    shared = matrix.data[own][mine].astype(np.float64) * weights[theirs]
    best = np.argsort(-shared, kind="stable")[:3]
    words = {
        library.written(row, library.term(int(columns[theirs[at]]))): round(float(shared[at]), 4)
        for at in best
        if shared[at] > 0
    }
    if not words:
        return None
    facts = {
        "paper_id": example.paper_id,
        "title": example.title,
        "origin": example.origin,
        "similarity": round(float(shared.sum()), 4),
        "words": words,
    }
    if example.origin == "about":
        return Reason("about", f"close to what you wrote: {', '.join(words)}", facts)
    text = f"close to “{_shortened(example.title)}” {_ORIGIN[example.origin]}: {', '.join(words)}"
    return Reason("example" if example.origin == "example" else "liked", text, facts)


def _shortened(title: str) -> str:
    if len(title) <= TITLE_LENGTH:
        return title
    return title[: TITLE_LENGTH - 1].rsplit(" ", 1)[0].rstrip(" ,;:") + "…"


def _facts(growth: Growth) -> dict[str, object]:
    return {"source": growth.source, "votes": growth.votes, "until": growth.until.isoformat()}


def _growth(pick: Pick, library: Library, zone: ZoneInfo) -> list[Weighed]:
    growth = library.prepared.trend.growth[pick.row]
    if growth is None or growth.since is None or not growth.gain or growth.gain < 0:
        return []
    when = since_when(growth.since, library.prepared.now, zone)
    facts = _facts(growth) | {
        "from": growth.votes_then,
        "to": growth.votes,
        "since": growth.since.isoformat(),
    }
    return [(2.0, Reason("growth", f"+{_count(growth.gain)} since {when}", facts))]


def _votes(pick: Pick, library: Library) -> list[Weighed]:
    growth = library.prepared.trend.growth[pick.row]
    if growth is None:
        return []
    return [(1.0, Reason("votes", f"{_count(growth.votes)} on {growth.source}", _facts(growth)))]


def _unusual(pick: Pick, library: Library) -> list[Weighed]:
    growth = library.prepared.trend.growth[pick.row]
    if growth is None or growth.per_day is None:
        return []
    usual = float(library.prepared.trend.usual[pick.row])
    text = f"{_rate(growth.per_day)} votes a day, where {_rate(usual)} is usual at its age"
    facts = _facts(growth) | {"per_day": growth.per_day, "usual": usual}
    return [(1.0, Reason("growth", text, facts))]


def _rate(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0") if value < 10 else str(round(value))


def _count(votes: int) -> str:
    return f"{votes} vote{'' if votes == 1 else 's'}"


def since_when(since: datetime, now: datetime, zone: ZoneInfo) -> str:
    """Say when, for a reader in ``zone``: "08:15" today, "Tuesday" within six days, else "4 August"."""
    local, today = since.astimezone(zone), now.astimezone(zone).date()
    days = (today - local.date()).days
    if days <= 0:
        return f"{local:%H:%M}"
    return _DAYS[local.weekday()] if days <= 6 else f"{local.day} {_MONTHS[local.month - 1]}"
