"""The three invented readers of the demonstration, and how they are registered."""

from dataclasses import dataclass
from datetime import datetime

from digest.errors import UsageError
from digest.models import Subscriber
from digest.pipeline.readers import InterestWords, Schedule, add_interest, add_subscriber, get_subscriber
from digest.storage.database import Database
from digest.storage.subscribers import list_subscriptions
from digest.types import Cadence

__all__ = ["READERS", "DemoReader", "register_readers"]


@dataclass(frozen=True, slots=True)
class DemoReader:
    """One reader: address, hour of the digest, and interests by name.

    ``trend_weight`` is how much trends count; ``None`` leaves that to the settings.
    """

    email: str
    schedule: Schedule
    interests: tuple[tuple[str, InterestWords], ...]
    trend_weight: float | None = None


READERS = (
    DemoReader(
        email="retrieval@example.org",
        schedule=Schedule(cadence=Cadence.DAILY, hour=7, zone="Europe/Berlin"),
        interests=(
            (
                "Retrieval",
                InterestWords(
                    keywords=("dense retrieval", "RAG", "reranking", "question answering"),
                    authors=("Ada Example",),
                    examples=("Retrieval-Augmented Generation With Passages That Explain Themselves",),
                ),
            ),
        ),
    ),
    DemoReader(
        email="segmentation@example.org",
        schedule=Schedule(cadence=Cadence.WEEKDAYS, hour=8, zone="America/New_York"),
        interests=(
            (
                "3D segmentation",
                InterestWords(
                    keywords=("3D segmentation", "point cloud", "semantic segmentation"),
                    authors=("Cy Specimen",),
                    examples=("Segmenting Indoor Point Clouds From a Handful of Labels",),
                ),
            ),
            (
                "Medical imaging",
                InterestWords(keywords=("medical image segmentation", "radiology", "abdominal scans")),
            ),
        ),
    ),
    DemoReader(
        email="speech@example.org",
        schedule=Schedule(cadence=Cadence.DAILY, hour=18, zone="Asia/Tokyo"),
        # Taste alone: on a day without speech papers this reader gets nothing, and is told why.
        trend_weight=0.0,
        interests=(
            (
                "Speech",
                InterestWords(
                    keywords=(
                        "speech recognition",
                        "speech separation",
                        "text-to-speech",
                        "keyword spotting",
                        "audio",
                    ),
                    authors=("Fay Mockup",),
                    examples=("Recognising Spontaneous Speech With Fillers and Restarts",),
                ),
            ),
        ),
    ),
)


def register_readers(database: Database, *, now: datetime) -> int:
    """Register whoever is not registered yet, active from ``now`` on; return how many that were."""
    added = 0
    for reader in READERS:
        if _is_registered(database, reader.email):
            continue
        subscriber = add_subscriber(database, reader.email, reader.schedule, active=True, now=now)
        _set_trend_weight(database, subscriber, reader.trend_weight)
        for name, words in reader.interests:
            add_interest(database, reader.email, name, words, now=now)
        added += 1
    return added


def _set_trend_weight(database: Database, subscriber: Subscriber, weight: float | None) -> None:
    assert subscriber.id is not None  # noqa: S101 - stored rows have ids
    with database.write() as session:
        for subscription in list_subscriptions(session, subscriber.id):
            subscription.trend_weight = weight
            session.add(subscription)


def _is_registered(database: Database, email: str) -> bool:
    with database.read() as session:
        try:
            get_subscriber(session, email)
        except UsageError:
            return False
        return True
