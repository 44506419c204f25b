"""The settings that composing goes by."""

from dataclasses import dataclass

from digest.translation import ENGLISH

__all__ = ["ComposeRules"]


@dataclass(frozen=True, slots=True)
class ComposeRules:
    """The settings that composing goes by.

    ``sources`` names those that are configured; an issue waits for them ``hold_h`` at most. ``language`` is
    that of readers who chose none.
    """

    window_days: int = 7
    papers: int = 10
    trend_weight: float = 0.3
    when_empty: str = "skip"
    silent_days: int = 3
    issue_window_h: int = 20
    mail_domain: str = "localhost"
    hold_h: float = 2.0
    sources: tuple[str, ...] = ()
    likes_half_life_days: int = 365
    language: str = ENGLISH
