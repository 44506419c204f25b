"""Invented papers, readers and votes for benches: topics with words of their own over a Zipf background."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from digest.types import Candidate, Example, InterestSpec, Profile, Sighting

NOW = datetime(2026, 8, 18, 6, tzinfo=UTC)
TOPICS = 300
_SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]


def _word(number: int) -> str:
    parts = []
    number += len(_SYLLABLES)
    while number:
        number, rest = divmod(number, len(_SYLLABLES))
        parts.append(_SYLLABLES[rest])
    return "".join(parts)


GENERAL = [_word(number) for number in range(60_000)]
_WEIGHTS = list(accumulate(1 / (rank + 5) for rank in range(len(GENERAL))))


def name(chance: random.Random) -> str:
    """Return one of 100,000 invented names."""
    return f"{_word(chance.randrange(100)).title()} {_word(chance.randrange(5000, 6000)).title()}"


def topic_words(topic: int) -> list[str]:
    """Return the 40 words of a topic, the most typical first."""
    return [_word(100_000 + 40 * topic + number) for number in range(40)]


_TOPICAL = [topic_words(topic) for topic in range(TOPICS)]
_TOPICAL_WEIGHTS = list(accumulate(1 / (rank + 2) for rank in range(40)))


def texts(number: int, seed: int = 0) -> Iterator[tuple[str, str]]:
    """Yield titles of about ten words and abstracts of about 160."""
    chance = random.Random(seed)
    for _ in range(number):
        topic = _TOPICAL[chance.randrange(TOPICS)]
        words = chance.choices(GENERAL, cum_weights=_WEIGHTS, k=130)
        words += chance.choices(topic, cum_weights=_TOPICAL_WEIGHTS, k=30)
        chance.shuffle(words)
        title = chance.choices(topic, cum_weights=_TOPICAL_WEIGHTS, k=3) + words[:6]
        yield " ".join(title).capitalize(), " ".join(words).capitalize() + "."


def candidates(number: int, seed: int = 0) -> Iterator[Candidate]:
    """Yield papers with authors, categories and the days of the last week."""
    chance = random.Random(seed + 1)
    for paper_id, (title, abstract) in enumerate(texts(number, seed), 1):
        authors = tuple(name(chance) for _ in range(4))
        listed = (NOW - timedelta(days=chance.randrange(7))).date()
        category = f"cs.{chance.choice('ACLV')}{chance.choice('ILRV')}"
        yield Candidate(paper_id, title, abstract, authors, (category,), listed_on=listed)


def sightings(number: int, seed: int = 0) -> Iterator[Sighting]:
    """Yield four looks at the votes of each paper."""
    chance = random.Random(seed + 2)
    for paper_id in range(1, number + 1):
        most = int(chance.paretovariate(1.2) * 4)
        for look in range(4):
            seen = NOW - timedelta(days=3 - look, minutes=5)
            yield Sighting(paper_id, "example", seen, most * (look + 1) // 4, paper_id)


def readers(number: int, interests: int = 3, examples: int = 5, seed: int = 0) -> list[Profile]:
    """Return readers of some topics each, with keywords, a phrase, a followed author and examples."""
    chance = random.Random(seed + 3)
    pool = [Example(title, abstract) for title, abstract in texts(2_000, seed + 4)]
    profiles = []
    for reader in range(1, number + 1):
        specs = []
        for place in range(interests):
            words = chance.choice(_TOPICAL)
            specs.append(
                InterestSpec(
                    f"topic {place}",
                    place,
                    keywords=(*chance.sample(words[:12], 3), f"{words[0]} {words[1]}"),
                    authors=(name(chance),),
                    examples=tuple(chance.sample(pool, examples)),
                )
            )
        profiles.append(Profile(reader, tuple(specs)))
    return profiles
