"""What changed? Pure: entries of one page and what is stored in, changes out.

Does not store anything and does not look at the clock. Diffing again what was stored of a diff
gives nothing but ``unchanged``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date
from types import MappingProxyType

from digest.identity import (
    REF,
    Found,
    Ids,
    JoiningChange,
    SameAs,
    StoredJoin,
    StoredPaper,
    canonical,
    recognise,
)
from digest.text import fingerprint
from digest.types import Change, ChangeKind, Entry, KnownPaper

__all__ = ["CONTENT_FIELDS", "COUNTS", "SourceFacts", "diff", "is_machine"]

# What an entry says of the work itself. The rest belongs to one listing of it.
CONTENT_FIELDS = (
    "abstract",
    "authors",
    "categories",
    "citations",
    "code_url",
    "keywords",
    "media_urls",
    "organisation",
    "project_url",
    "published_on",
    "summary",
    "thumbnail_url",
    "title",
    "url",
    "venue",
    "version",
    "withdrawn",
)
# Those that have a rule of their own.
RULED_FIELDS = frozenset({"citations", "summary", "version", "withdrawn"})
# In the order in which ``KnownPaper.listed`` holds them.
COUNTS = ("votes", "comments", "stars")
TEXT_FIELDS = frozenset({"title", "abstract"})
# Differs without being a change of the paper: whose text stands.
SILENT_FIELDS = frozenset({"text_by"})
MACHINE = "machine"
# Kinds whose pages anybody may write: what they say of ids finds papers, and changes none.
STRANGERS = frozenset({"feed", "page"})
LEARNT = frozenset({"arxiv_id", "doi", "other_ids", "url"})


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """Whose page it is. ``trust_of`` gives each kind's trust by its name; one that is not in it has 0.

    What a source tells replaces what is stored where its kind's trust is higher than that of the kind whose
    text stands, or equal and it is the one that told it first; else it only fills in what is empty.
    """

    kind: str = ""
    name: str = ""
    trust_of: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def trust(self) -> int:
        """This source's own."""
        return self.trust_of.get(self.kind, 0)


NOBODY = SourceFacts()


def is_machine(summary_by: object) -> bool:
    """Whether a summary was asked for by this program, and so gives way to any source's own."""
    return isinstance(summary_by, str) and summary_by.startswith(MACHINE)


def diff(
    entries: Sequence[Entry],
    known: Sequence[KnownPaper],
    *,
    listed_on: date | None,
    today: date,
    source: SourceFacts = NOBODY,
) -> list[Change]:
    """One change for each paper of a page, in the page's order; repeats of a paper yield none.

    Filed under ``listed_on`` where given, else the entry's own day, else ``today``. Modified means
    one or more of: a content field that is told, differs, and is the source's to tell (``title``,
    ``abstract``, … but texts of equal fingerprint are the same text), an id learnt (``arxiv_id``, ``doi``,
    ``other_ids``), a count that is told and differs from the one last seen on that day (``votes``,
    ``comments``, ``stars``), or ``listed_on`` where this source never listed the paper on that day. A
    position moves without being a change; what an entry does not tell never is one.

    An entry that does not announce yields a change for a stored paper only, and none of its listing. An id
    in a change's entry that another stored paper has means that both are one (see
    :func:`digest.identity.recognise`); ids that are only claimed are taken out. ``Change.fingerprint`` is
    the paper's once the change is applied.
    """
    entries = [canonical(entry) for entry in entries]
    if source.kind in STRANGERS:
        entries = [_with_one_id(entry) for entry in entries]
    seen = recognise(entries, known, source.trust_of)
    owners = {pair: paper_id for paper_id, paper in seen.papers.items() for pair in _ids(paper)}
    joined_here = _by_last(seen.joins)
    changes: list[Change] = []
    for entry, answer in zip(_with_ids_of_repeats(entries, seen.answers), seen.answers, strict=True):
        if isinstance(answer, SameAs) or (answer is None and not entry.announces):
            continue
        day = listed_on or entry.listed_on or today
        entry = _without_ids_of_others(entry, answer.paper_id if answer else None, owners)
        owners.update(dict.fromkeys(_ids(entry), answer.paper_id if answer else 0))
        if answer is None:
            changes.append(Change(ChangeKind.NEW, entry, day, fingerprint(entry.title, entry.abstract)))
        else:
            change = _known(entry, answer, seen.papers[answer.paper_id], day, source)
            joins = tuple(joined_here.pop(answer.paper_id, ()))
            changes.append(_joining(change, joins) if joins else change)
    return [_teaching_nothing(change) for change in changes] if source.kind in STRANGERS else changes


def _with_one_id(entry: Entry) -> Entry:
    """The entry of a stranger with its strongest id alone: two would claim that two papers are one."""
    return replace(entry, doi=None if entry.arxiv_id else entry.doi, other_ids=())


def _teaching_nothing(change: Change) -> Change:
    """A stranger's change: a stored paper learns no id or address from it and is joined with no other."""
    if change.paper_id is None:
        return change
    entry = replace(change.entry, arxiv_id=None, doi=None, other_ids=(), url=None)
    names = tuple(name for name in change.fields if name not in LEARNT)
    kind = ChangeKind.UNCHANGED if SILENT_FIELDS.issuperset(names) else ChangeKind.MODIFIED
    return Change(
        kind,
        entry,
        change.listed_on,
        change.fingerprint,
        change.paper_id,
        names,
        joined_by=change.joined_by,
        confidence=change.confidence,
    )


def _by_last(joins: Sequence[StoredJoin]) -> dict[int, list[StoredJoin]]:
    """The joins, in their order, by the paper that all of them end in."""
    found: dict[int, list[StoredJoin]] = {}
    for join in joins:
        found[join.keep] = [*found.pop(join.gone, []), *found.pop(join.keep, []), join]
    return found


def _joining(change: Change, joins: tuple[StoredJoin, ...]) -> JoiningChange:
    told = {one.name: getattr(change, one.name) for one in fields(change)}
    return JoiningChange(**(told | {"kind": ChangeKind.MODIFIED}), joins=joins)


def _known(entry: Entry, found: Found, paper: StoredPaper, day: date, source: SourceFacts) -> Change:
    names = _content_changes(entry, paper, source) + _learnt_ids(entry, paper)
    if entry.announces:
        names += _listing_changes(entry, paper, day)
    kind = ChangeKind.UNCHANGED if SILENT_FIELDS.issuperset(names) else ChangeKind.MODIFIED
    after = fingerprint(
        *(
            _after(entry, paper, name) if name in names else _stored_text(paper, name)
            for name in ("title", "abstract")
        )
    )
    return Change(
        kind,
        entry,
        day,
        after,
        paper.paper_id,
        tuple(sorted(names)),
        joined_by=found.reason,
        confidence=found.confidence,
    )


# --- what the paper takes over ---------------------------------------------------------------------


def _content_changes(entry: Entry, paper: StoredPaper, source: SourceFacts) -> list[str]:
    above = source.trust - source.trust_of.get(paper.text_by or "", 0)
    may_replace = above > 0 or (above == 0 and paper.mine)
    names = []
    for name in CONTENT_FIELDS:
        told, stored = getattr(entry, name), paper.fields.get(name)
        if name in RULED_FIELDS or not _differs(told, stored):
            continue
        if not _is_told(stored) or (may_replace and not _is_older(entry, paper, name)):
            names.append(name)
    if above <= 0 and _same_text(entry, paper, names):
        # Another dash or capital: sources that write them differently would take turns for ever.
        names = [name for name in names if name not in TEXT_FIELDS]
    if above > 0 and entry.title and entry.abstract and not _is_older(entry, paper, "title"):
        names.append("text_by")
    return names + [name for name in sorted(RULED_FIELDS) if _takes(name, entry, paper, may_replace)]


def _is_more(told: object, stored: object) -> bool:
    return isinstance(told, int) and told > (stored if isinstance(stored, int) else -1)


def _is_older(entry: Entry, paper: StoredPaper, name: str) -> bool:
    """Whether the entry tells the text of a version before the one that is stored."""
    return name in (*TEXT_FIELDS, "authors") and _is_more(paper.fields.get("version"), entry.version or 2**31)


def _same_text(entry: Entry, paper: StoredPaper, names: Sequence[str]) -> bool:
    if TEXT_FIELDS.isdisjoint(names):
        return False
    after = fingerprint(*(_after(entry, paper, name) for name in ("title", "abstract")))
    return after == paper.fingerprint


def _takes(name: str, entry: Entry, paper: StoredPaper, may_replace: bool) -> bool:
    stored = paper.fields.get(name)
    if name in ("citations", "version"):
        # Each source counts what it knows of, so the most is nearest to the truth and none takes turns.
        return _is_more(getattr(entry, name), stored)
    if name == "withdrawn":
        return _withdrawal_changes(entry, paper, may_replace)
    if not _differs(entry.summary, stored):
        return False
    by = paper.fields.get("summary_by")
    if not stored or is_machine(by):
        return not stored or not is_machine(entry.summary_by) or by == entry.summary_by
    return not is_machine(entry.summary_by) and may_replace


def _withdrawal_changes(entry: Entry, paper: StoredPaper, may_replace: bool) -> bool:
    stored = bool(paper.fields.get("withdrawn"))
    if entry.withdrawn:
        return not stored and not _is_older(entry, paper, "title")
    version = paper.fields.get("version")
    return stored and may_replace and isinstance(version, int) and _is_more(entry.version, version)


def _listing_changes(entry: Entry, paper: KnownPaper, day: date) -> list[str]:
    if day not in paper.listed:
        return ["listed_on"]
    seen = zip(COUNTS, paper.listed[day], strict=True)
    return [name for name, last in seen if getattr(entry, name) not in (None, last)]


def _is_told(value: object) -> bool:
    return value is not None and value not in ("", (), [])


def _differs(told: object, stored: object) -> bool:
    if not _is_told(told):
        return False
    # Lists come back from storage as lists.
    return told != (tuple(stored) if isinstance(stored, list) else stored)


def _after(entry: Entry, paper: KnownPaper, name: str) -> str:
    """The title or abstract once the entry's is taken over; what it does not tell stays."""
    return str(getattr(entry, name) or "") or _stored_text(paper, name)


def _stored_text(paper: KnownPaper, name: str) -> str:
    stored = paper.fields.get(name)
    return stored if isinstance(stored, str) else ""


# --- ids -------------------------------------------------------------------------------------------


def _learnt_ids(entry: Entry, paper: StoredPaper) -> list[str]:
    names = [name for name in ("arxiv_id", "doi") if getattr(entry, name) and not getattr(paper, name)]
    has = {kind for kind, _ in paper.other_ids}
    refs = {entry.source_ref, *(value for kind, value in entry.other_ids if kind == REF)} - {None}
    new_refs = bool(paper.ids.refs) and not refs <= paper.ids.refs
    new_ids = any(kind not in has for kind, _ in entry.other_ids if kind != REF)
    return names + (["other_ids"] if new_ids or new_refs else [])


def _with_ids_of_repeats(entries: Sequence[Entry], answers: Sequence[Found | SameAs | None]) -> list[Entry]:
    """Entries that know the ids that their repeats on the page tell, and announce if one of those does."""
    complete = list(entries)
    for entry, answer in zip(entries, answers, strict=True):
        if isinstance(answer, SameAs):
            first = complete[answer.index]
            complete[answer.index] = replace(
                first,
                arxiv_id=first.arxiv_id or entry.arxiv_id,
                doi=first.doi or entry.doi,
                source_ref=first.source_ref or entry.source_ref,
                other_ids=_other_ids_of_both(first, entry),
                announces=first.announces or entry.announces,
            )
    return complete


def _other_ids_of_both(first: Entry, entry: Entry) -> tuple[tuple[str, str], ...]:
    """One of each kind, and every further id that the source gave the paper, as kind ``ref``."""
    strong = {**dict(entry.other_ids), **dict(first.other_ids)}
    strong.pop(REF, None)
    refs = {value for kind, value in first.other_ids if kind == REF}
    if entry.source_ref and first.source_ref not in (None, entry.source_ref):
        refs.add(entry.source_ref)
    return (*sorted(strong.items()), *((REF, ref) for ref in sorted(refs)))


def _without_ids_of_others(
    entry: Entry, paper_id: int | None, owners: Mapping[tuple[str, str], int]
) -> Entry:
    """An entry without ids that are another paper's: an id names one paper only."""
    foreign = {pair for pair in _ids(entry) if pair in owners and owners[pair] != paper_id}
    if not foreign:
        return entry
    return replace(
        entry,
        arxiv_id=None if ("arxiv", entry.arxiv_id) in foreign else entry.arxiv_id,
        doi=None if ("doi", entry.doi) in foreign else entry.doi,
        other_ids=tuple(pair for pair in entry.other_ids if pair not in foreign),
    )


def _ids(thing: Entry | StoredPaper) -> list[tuple[str, str]]:
    ids = Ids.of(thing) if isinstance(thing, Entry) else thing.ids
    return list(ids.strong.items())
