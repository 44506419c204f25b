"""Invented papers of a few fields, and votes for them, for the tests of the ranking room."""

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from digest.types import Candidate, Sighting

NOW = datetime(2026, 8, 20, 6, 0, tzinfo=UTC)  # a Thursday

FIELDS = {
    "retrieval": "retrieval passage query document index dense sparse ranking reranker corpus search recall "
    "encoder question answering relevance lexical",
    "clouds": "point cloud segmentation lidar voxel scan scene 3d mesh geometry indoor outdoor driving "
    "instance semantic depth",
    "proteins": "protein folding residue structure sequence amino binding ligand enzyme molecular docking "
    "mutation antibody backbone",
    "speech": "speech audio acoustic phoneme speaker recognition waveform vocoder transcription utterance "
    "prosody microphone noise",
}
COMMON = """we propose a method that improves results on several benchmarks and show experiments with models
trained on large data which is efficient and simple to use for many tasks in practice""".split()  # noqa: SIM905


def paper(paper_id: int, field: str, **more: object) -> Candidate:
    """Return a paper of a field; the same id gives the same paper."""
    chance = random.Random(f"{field}{paper_id}")
    words = FIELDS[field].split()
    title = " ".join(["Invented", *chance.sample(words, 4), f"number{paper_id}"])
    text = chance.choices(words, k=30) + chance.choices(COMMON, k=30)
    chance.shuffle(text)
    values: dict[str, object] = {"title": title, "abstract": " ".join(text), "listed_on": date(2026, 8, 18)}
    return Candidate(paper_id, **(values | more))  # type: ignore[arg-type]


def papers(each: int = 12) -> list[Candidate]:
    """Return papers of all fields, ids from 1, field after field."""
    return [
        paper(1 + number * each + place, field)
        for number, field in enumerate(FIELDS)
        for place in range(each)
    ]


def field_of(paper_id: int, each: int = 12) -> str:
    """Return the field of one of :func:`papers`."""
    return list(FIELDS)[(paper_id - 1) // each]


def looks(paper_id: int, votes: Sequence[int], source: str = "example", position: int = 1) -> list[Sighting]:
    """Return one observation a day with these votes, the last an hour before now."""
    return [
        Sighting(
            paper_id,
            source,
            NOW - timedelta(days=len(votes) - 1 - number, hours=1),
            votes=count,
            position=position,
        )
        for number, count in enumerate(votes)
    ]
