"""Why a digest came or did not, and what was looked at for it, in sentences a reader can act on.

Pure: what the pipeline collected in, words out. Knows neither tables nor clocks.
"""

from digest.why.coverage import notice_text, summarise_coverage
from digest.why.explain import explain
from digest.why.facts import (
    Cause,
    DeliveryFacts,
    Explanation,
    IssueFacts,
    RunFacts,
    SourceCheck,
    WhyFacts,
)
from digest.why.missed import MissedFacts, is_made_up, missed_reason, waited_sentence
from digest.why.nothing import empty_reason

__all__ = [
    "Cause",
    "DeliveryFacts",
    "Explanation",
    "IssueFacts",
    "MissedFacts",
    "RunFacts",
    "SourceCheck",
    "WhyFacts",
    "empty_reason",
    "explain",
    "is_made_up",
    "missed_reason",
    "notice_text",
    "summarise_coverage",
    "waited_sentence",
]
