"""Is this page to be believed? Pure: what was parsed, what changed and what was before in, a verdict out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from statistics import median
from types import MappingProxyType

from digest.errors import FetchError, ParseError, SourceError
from digest.types import Change, ChangeKind, Entry, ParsedPage, Verdict

__all__ = [
    "Evidence",
    "History",
    "ids_hash",
    "is_readable",
    "judge",
    "key_of",
    "look_short",
    "usual_number",
    "weigh",
]

# Required fields may be missing in so large a share of what looks like entries.
MAX_SKIPPED = 0.1
# A list with so large a share of another day's ids is that day's.
SAME_LIST = 0.8
# Smaller lists repeat a paper by chance (one comes back now and then): those have to be the same wholly.
FEW = 3
# Fewer than so large a share of the usual number, on a day that is over, is not the whole day.
SHORT = 0.4
# So many days make a number the usual one; from so many on a weekday has a number of its own.
MIN_DAYS = 3
OWN_WEEKDAY = 3
# A page's own date may be so many announcement days (Monday to Friday) behind today.
MAX_DAYS_BEHIND = 1
MAX_DAYS_AHEAD = 3
SATURDAY = 5


@dataclass(frozen=True, slots=True)
class History:
    """What a source showed before this page.

    ``usual`` is the median number of entries of its good days of this weekday, or of this sort of day.
    ``days`` has the ids (see :func:`key_of`) that it listed on the days around this one.
    """

    usual: float | None = None
    days: Mapping[date, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a verdict rests on.

    ``declared`` is the number of papers the list should have, by its own word or by a second page that
    counts them (``None``: nothing tells); ``parsed`` how many it has. ``overlap`` is the share (0 to 1) of
    its ids that stood on the other day most like it, ``None`` where there is none; ``usual`` is the
    usual number. ``missing`` ids are on the page that counts and not on this one. ``proven``: a second way
    of reading gave the same list. ``before`` is how many stood under this very day before.
    """

    declared: int | None = None
    parsed: int = 0
    overlap: float | None = None
    usual: float | None = None
    missing: int = 0
    proven: bool = False
    before: int = 0

    def as_dict(self) -> dict[str, object]:
        """JSON-ready, what the interface names: declared, parsed, overlap, usual; shares to two places."""
        overlap = None if self.overlap is None else round(self.overlap, 2)
        return {
            "declared": self.declared,
            "parsed": self.parsed,
            "overlap": overlap,
            "usual": self.usual,
        }


def key_of(entry: Entry) -> str:
    """What tells one entry of a source from another: its strongest id, else its title and abstract."""
    own = entry.arxiv_id or entry.doi or entry.source_ref
    return own or f"{entry.title}\n{entry.abstract}"


def ids_hash(entries: Sequence[Entry]) -> str:
    """A hash of which papers a list has, whatever their order."""
    keys = sorted({key_of(entry) for entry in entries})
    return sha256("\0".join(keys).encode("utf-8", "surrogatepass")).hexdigest()


def usual_number(counts: Mapping[date, int], day: date) -> float | None:
    """How many entries such a day usually has: the median of its weekday, else of its sort of day.

    ``counts`` are those of days that were read well. ``None`` where there are too few.
    """
    same = [number for own, number in counts.items() if own.weekday() == day.weekday()]
    if len(same) >= OWN_WEEKDAY:
        return float(median(same))
    is_weekend = day.weekday() >= SATURDAY
    alike = [number for own, number in counts.items() if (own.weekday() >= SATURDAY) is is_weekend]
    return float(median(alike)) if len(alike) >= MIN_DAYS else None


def is_readable(parsed: ParsedPage) -> bool:
    """Whether the parser understood the page: few things lacked what is required, and no two ways differ."""
    things = len(parsed.entries) + parsed.skipped
    if parsed.disagreement or (parsed.skipped and not parsed.entries):
        return False
    return parsed.skipped <= MAX_SKIPPED * things


def weigh(
    parsed: ParsedPage | None,
    history: History,
    *,
    day: date,
    check: frozenset[str] | None = None,
    proven: bool = False,
) -> Evidence:
    """The evidence about the list of ``day``.

    ``check`` are the ids that a page which only counts says the list has.
    """
    entries = [entry for entry in parsed.entries if entry.announces] if parsed else []
    ids = {key_of(entry) for entry in entries}
    declared = parsed.declared if parsed else None
    if declared is None and check is not None:
        declared = len(check)
    others = [other for own, other in history.days.items() if own != day]
    shares = [len(ids & other) / len(ids) for other in others] if ids else []
    return Evidence(
        declared=declared,
        parsed=len(entries),
        overlap=max(shares, default=None),
        usual=history.usual,
        missing=len(check - ids) if check else 0,
        proven=proven,
        before=len(history.days.get(day, ())),
    )


def look_short(evidence: Evidence, *, is_over: bool) -> bool:
    """Whether nothing proves that the list is whole, and it is far below the usual of a day that is over."""
    if not is_over or evidence.declared is not None or evidence.proven or evidence.usual is None:
        return False
    return 0 < evidence.parsed < SHORT * evidence.usual


def judge(
    parsed: ParsedPage | None,
    changes: Sequence[Change],
    *,
    day: date,
    error: SourceError | None,
    evidence: Evidence | None = None,
    history: History | None = None,
    is_dated: bool = True,
    is_over: bool = False,
) -> Verdict:
    """What a refresh proved about the page of ``day``.

    In this order: without a page the error is what it says it is. A page is **broken** where the parser
    did not understand it (:func:`is_readable`), **empty** without entries, **stale** when it is another
    day's: most entries that give a day of their own give another, or its ids are those of another day, or
    its own date is too far behind; **partial** when its list broke off (``error``), has fewer entries than
    declared, or far fewer than stood there before, or is far below the usual of a day that is over and
    nothing proves it whole; **unchanged**
    when nothing differs from what was filed before, else **fresh**. How many entries a page has proves
    nothing by itself: a day of one paper is a day.

    A source that is not dated (``is_dated``) shows what it showed before as a matter of course, unless its
    page claims a date of its own. ``is_over``: the day has ended.
    """
    if parsed is None:
        return error.verdict if isinstance(error, FetchError | ParseError) else Verdict.BROKEN
    history = history or History()
    own = day if is_dated else parsed.page_date or day
    evidence = evidence or weigh(parsed, history, day=own)
    if not is_readable(parsed):
        return Verdict.BROKEN
    if not evidence.parsed:
        return _without_entries(evidence, error, is_dated=is_dated)
    dated = is_dated or parsed.page_date is not None
    behind = _is_other_day(parsed, day) if is_dated else _is_behind(parsed, day)
    if behind or (dated and _is_repeated(parsed, evidence, history, own)) or _is_another_list(evidence):
        return Verdict.STALE
    short = evidence.declared is not None and evidence.parsed < evidence.declared
    short = short or (is_dated and evidence.parsed < SHORT * evidence.before)
    if error is not None or short or evidence.missing or look_short(evidence, is_over=is_over):
        return Verdict.PARTIAL
    if changes and all(change.kind is ChangeKind.UNCHANGED for change in changes):
        return Verdict.UNCHANGED
    return Verdict.FRESH


def _without_entries(evidence: Evidence, error: SourceError | None, *, is_dated: bool) -> Verdict:
    # A day that had papers does not lose them all.
    if evidence.declared or (is_dated and evidence.before):
        return Verdict.PARTIAL
    return Verdict.PARTIAL if error is not None else Verdict.EMPTY


def _is_other_day(parsed: ParsedPage, day: date) -> bool:
    """Whether most entries that give a day of their own, else the page itself, give another."""
    days = [entry.listed_on for entry in parsed.entries if entry.announces and entry.listed_on is not None]
    if not days:
        return parsed.page_date is not None and parsed.page_date != day
    return sum(own != day for own in days) * 2 > len(days)


def _is_repeated(parsed: ParsedPage, evidence: Evidence, history: History, day: date) -> bool:
    """Whether its ids are those that stood under another day, whatever date it claims."""
    if evidence.parsed >= FEW:
        return (evidence.overlap or 0.0) >= SAME_LIST
    ids = {key_of(entry) for entry in parsed.entries if entry.announces}
    before = max((other for other in history.days if other < day), default=None)
    return before is not None and (day - before).days < FEW and history.days[before] == ids


def _is_another_list(evidence: Evidence) -> bool:
    """Whether the page that counts knows hardly anything of this list: one of the two is old."""
    return bool(evidence.declared) and evidence.missing > SAME_LIST * (evidence.declared or 0)


def _is_behind(parsed: ParsedPage, today: date) -> bool:
    """Whether the page's own date lies back further than a list that is announced on weekdays may.

    Or so far ahead that no zone's calendar explains it.
    """
    if parsed.page_date is None:
        return False
    behind = (today - parsed.page_date).days
    if behind < -MAX_DAYS_AHEAD:
        return True
    later = (parsed.page_date.toordinal() + ahead for ahead in range(1, min(behind, 10) + 1))
    return sum(date.fromordinal(ordinal).weekday() < SATURDAY for ordinal in later) > MAX_DAYS_BEHIND
