"""Which paper is this entry? Pure: entries and what is stored in, one answer per entry out.

An entry is a stored paper by arXiv id, else DOI, else the source's own id, else title and abstract.
Ids that differ (of one kind) make two papers, whatever the texts say. A title alone proves nothing
beside an id: different papers share titles, and sites mangle them.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from digest.text import fingerprint
from digest.types import Entry, KnownPaper

__all__ = ["SameAs", "identify"]


@dataclass(frozen=True, slots=True)
class SameAs:
    """The entry repeats another of its page; ``index`` (from 0) is the first one of that paper."""

    index: int


class _Ids(NamedTuple):
    """Ids, the stronger first. All source refs met here are of one source, so they compare too."""

    arxiv_id: str | None
    doi: str | None
    source_ref: str | None

    def joined(self, other: "_Ids") -> "_Ids":
        """These ids, and the other's where these are not known."""
        return _Ids(*(mine or theirs for mine, theirs in zip(self, other, strict=True)))

    def differ(self, other: "_Ids", ranks: int = 3) -> bool:
        """Whether any of the first ``ranks`` kinds of id is known of both and not the same."""
        return any(a and b and a != b for a, b in zip(self[:ranks], other[:ranks], strict=True))


@dataclass(slots=True)
class _Group:
    """The entries of one page that are one paper, by their indexes."""

    ids: _Ids
    title: str
    abstract: str
    members: list[int] = field(default_factory=list)

    def add(self, index: int, ids: _Ids) -> None:
        self.members.append(index)
        self.ids = self.ids.joined(ids)

    def may_be(self, ids: _Ids) -> bool:
        """Whether equal texts make this one paper with something of those ids."""
        if self.ids.differ(ids):
            return False
        return bool(self.abstract) or not (any(self.ids) or any(ids))


def identify(entries: Sequence[Entry], known: Sequence[KnownPaper]) -> list[int | SameAs | None]:
    """For each entry the stored paper's id, the entry of this page it repeats, or ``None``: new.

    ``known`` are the stored papers that may be meant, as seen from the source of this page. Two
    entries of one page are one paper only if they share an id (or ids of one stored paper) or are
    identical in title and abstract; against stored papers texts count as equal by fingerprint. The
    order of ``entries`` and of ``known`` does not change which papers are new.
    """
    groups = _group(entries)
    papers = _match(groups, sorted(known, key=lambda paper: paper.paper_id))
    first: dict[Hashable, int] = {}
    for group, paper in zip(groups, papers, strict=True):
        key = id(group) if paper is None else ("stored", paper)
        first[key] = min(first.get(key, len(entries)), *group.members)
    answers: list[int | SameAs | None] = [None] * len(entries)
    for group, paper in zip(groups, papers, strict=True):
        leader = first[id(group) if paper is None else ("stored", paper)]
        for index in group.members:
            answers[index] = paper if index == leader else SameAs(leader)
    return answers


def _group(entries: Sequence[Entry]) -> list[_Group]:
    """Entries that are one paper, together. Works in an order of its own, not in the page's."""
    groups: list[_Group] = []
    by_id: tuple[dict[str, list[_Group]], ...] = ({}, {}, {})
    by_text: dict[tuple[str, str], list[_Group]] = {}
    for index in sorted(range(len(entries)), key=lambda index: _rank(entries[index])):
        entry = entries[index]
        ids = _Ids(entry.arxiv_id, entry.doi, entry.source_ref)
        text = (entry.title, entry.abstract)
        group = _of_same_id(ids, by_id) or next(
            (same for same in by_text.get(text, ()) if same.may_be(ids)), None
        )
        if group is None:
            group = _Group(ids, *text)
            groups.append(group)
            by_text.setdefault(text, []).append(group)
        group.add(index, ids)
        for table, value in zip(by_id, ids, strict=True):
            if value:
                table.setdefault(value, []).append(group)
    return groups


def _rank(entry: Entry) -> tuple[object, ...]:
    """Entries with strong ids first: they decide what the weaker ones can be."""
    ids = (entry.arxiv_id, entry.doi, entry.source_ref)
    return (*(value is None for value in ids), *(value or "" for value in ids), entry.title, entry.abstract)


def _of_same_id(ids: _Ids, by_id: Sequence[dict[str, list[_Group]]]) -> _Group | None:
    for rank, (table, value) in enumerate(zip(by_id, ids, strict=True)):
        for group in table.get(value, ()) if value else ():
            if not group.ids.differ(ids, rank):
                return group
    return None


def _match(groups: Sequence[_Group], known: Sequence[KnownPaper]) -> list[int | None]:
    """The stored paper of each group: by id, and what is left by exact text, then by fingerprint.

    A stored paper found by an id is not given to another group for its text: entries of one page
    that share neither are two papers.
    """
    found = _match_ids(groups, known)
    _match_texts(groups, known, found, lambda group: (group.title, group.abstract), _stored_text)
    _match_texts(
        groups,
        known,
        found,
        lambda group: fingerprint(group.title, group.abstract),
        lambda paper: paper.fingerprint,
    )
    return found


def _match_ids(groups: Sequence[_Group], known: Sequence[KnownPaper]) -> list[int | None]:
    """The stored paper that shares an id with each group, the strongest ids of all groups first.

    A stored paper learns the ids of the groups it is found for, so that groups whose ids differ
    never meet in it.
    """
    found: list[int | None] = [None] * len(groups)
    ids = {paper.paper_id: _ids(paper) for paper in known}
    for rank in range(len(_Ids._fields)):
        by_id: dict[str, list[int]] = {}
        for paper in known:
            if value := _ids(paper)[rank]:
                by_id.setdefault(value, []).append(paper.paper_id)
        for number, group in enumerate(groups):
            if found[number] is not None:
                continue
            for paper_id in by_id.get(group.ids[rank] or "", ()):
                if not group.ids.differ(ids[paper_id], rank):
                    found[number] = paper_id
                    ids[paper_id] = ids[paper_id].joined(group.ids)
                    break
    return found


def _match_texts(
    groups: Sequence[_Group],
    known: Sequence[KnownPaper],
    found: list[int | None],
    group_key: Callable[[_Group], Hashable],
    paper_key: Callable[[KnownPaper], Hashable],
) -> None:
    """Fill in ``found`` where a stored paper nobody has yet has the same key as a group."""
    claimed = set(found)
    free: dict[Hashable, list[KnownPaper]] = {}
    for paper in known:
        if paper.paper_id not in claimed:
            free.setdefault(paper_key(paper), []).append(paper)
    if not free:
        return
    for number, group in enumerate(groups):
        candidates = free.get(group_key(group), []) if found[number] is None else []
        chosen = next((paper for paper in candidates if group.may_be(_ids(paper))), None)
        if chosen is not None:
            found[number] = chosen.paper_id
            candidates.remove(chosen)


def _ids(paper: KnownPaper) -> _Ids:
    return _Ids(paper.arxiv_id, paper.doi, paper.source_ref)


def _stored_text(paper: KnownPaper) -> Hashable:
    return paper.fields.get("title"), paper.fields.get("abstract")
