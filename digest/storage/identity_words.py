"""How an entry's ``joined_by`` says which ids it brought and which paper it came from; a split reads it."""

import re
from collections.abc import Sequence

__all__ = ["brought", "came_with", "kinds_brought"]

# What a column of words is allowed to grow to, when papers are joined again and again.
MAX_WORDS = 500
BROUGHT = re.compile(r"; brought ([^;]+)")


def brought(reason: str | None, kinds: Sequence[str]) -> str | None:
    """A reason with the kinds of id that the entry brought to its paper: "same DOI; brought arXiv id"."""
    if reason is None or not kinds:
        return reason
    return f"{reason}; brought {', '.join(sorted(kinds))}"[:MAX_WORDS]


def kinds_brought(joined_by: str | None) -> set[str]:
    """Which kinds of id that was."""
    return {kind for found in BROUGHT.findall(joined_by or "") for kind in found.split(", ")}


def came_with(gone_id: int, reason: str = "", before: str | None = None) -> str:
    """A reason for an entry of a paper that was joined to another; alone the beginning of all of them."""
    words = f"as #{gone_id}: {reason}"
    return f"{words}; before: {before}"[:MAX_WORDS] if before else words
