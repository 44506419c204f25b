"""The stored nouns. Tables only: no queries, no rules, no relationships.

SQLModel tables validate nothing on construction; values are checked where they enter the program.
"""

from digest.models.base import UtcDateTime, metadata
from digest.models.groups import Consent, Group, Membership
from digest.models.readers import (
    Feedback,
    Interest,
    LearnedState,
    SignUp,
    Subscriber,
    Subscription,
)
from digest.models.reading import (
    Check,
    Enrichment,
    ListedEntry,
    Observation,
    Paper,
    PaperId,
    PaperJoin,
    PaperSplit,
    PaperVersion,
    Robots,
    Source,
    StoredPage,
)
from digest.models.sending import (
    Bounce,
    Delivery,
    DomainPace,
    Issue,
    Letter,
    Run,
    ShownPaper,
    StoredRecommendation,
    Suppression,
)

__all__ = [
    "Bounce",
    "Check",
    "Consent",
    "Delivery",
    "DomainPace",
    "Enrichment",
    "Feedback",
    "Group",
    "Interest",
    "Issue",
    "LearnedState",
    "Letter",
    "ListedEntry",
    "Membership",
    "Observation",
    "Paper",
    "PaperId",
    "PaperJoin",
    "PaperSplit",
    "PaperVersion",
    "Robots",
    "Run",
    "ShownPaper",
    "SignUp",
    "Source",
    "StoredPage",
    "StoredRecommendation",
    "Subscriber",
    "Subscription",
    "Suppression",
    "UtcDateTime",
    "metadata",
]
