"""Entries of one page held against each other and against stored papers: which are one."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from digest.identity.ids import REF_RANK, Ids, canonical, described, rank_of
from digest.identity.likely import likely_pairs
from digest.identity.stored import StoredJoin, StoredPaper, as_stored, joined
from digest.text import fingerprint
from digest.types import Entry, KnownPaper

__all__ = ["Found", "Recognised", "SameAs", "identify", "recognise"]

SAME_TEXT = "same title and abstract"
TITLE_ONLY = "same title"
# Two different papers of one title are rarer where neither has an abstract than elsewhere, but they exist.
TITLE_ONLY_SURE = 0.7
SAME_TEXT_SURE = 0.99
TOLD_TEXT = "a title and abstract it was told with before"
TOLD_TEXT_SURE = 0.97
NOBODY: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True)
class SameAs:
    """The entry repeats another of its page; ``index`` (from 0) is the first one of that paper."""

    index: int


@dataclass(frozen=True, slots=True)
class Found:
    """The entry is this stored paper: why, in words, and how sure that is, from 0 to 1."""

    paper_id: int
    reason: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Recognised:
    """One answer per entry (``None``: a new paper), and the stored papers found to be one on the way.

    ``papers`` are the stored papers as they are once those are joined, by id.
    """

    answers: tuple[Found | SameAs | None, ...]
    joins: tuple[StoredJoin, ...]
    papers: Mapping[int, StoredPaper]


@dataclass(slots=True)
class Group:
    """The entries of one page that are one paper, by their indexes."""

    ids: Ids
    title: str
    abstract: str
    members: list[int] = field(default_factory=list)
    found: Found | None = None

    def add(self, index: int, ids: Ids) -> None:
        """Make an entry one of them."""
        self.members.append(index)
        self.ids = self.ids.joined(ids)

    def may_be(self, ids: Ids) -> bool:
        """Whether equal texts make this one paper with something of those ids."""
        if self.ids.differ(ids):
            return False
        return bool(self.abstract) or not (self.ids or ids)


def identify(entries: Sequence[Entry], known: Sequence[KnownPaper]) -> list[int | SameAs | None]:
    """For each entry the stored paper's id, the entry of this page it repeats, or ``None``: new."""
    answers = recognise(entries, known).answers
    return [answer.paper_id if isinstance(answer, Found) else answer for answer in answers]


def recognise(
    entries: Sequence[Entry], known: Sequence[KnownPaper], trust_of: Mapping[str, int] = NOBODY
) -> Recognised:
    """Which stored paper, or which other entry of the page, each entry is.

    ``known`` are the stored papers that may be meant, as seen from the source of this page. Two entries of
    one page are one paper only if they share an id (or ids of one stored paper) or are identical in title
    and abstract; against stored papers texts count as equal by fingerprint, and as alike where this source
    never listed the paper. The order of ``entries`` and of ``known`` does not change which papers are new.
    """
    entries = [canonical(entry) for entry in entries]
    groups = _group(entries)
    stored = {one.paper_id: one for one in sorted(map(as_stored, known), key=lambda one: one.paper_id)}
    joins = _join_stored(groups, stored, trust_of)
    _match_ids(groups, stored)
    _match_texts(groups, stored, _exact_text, lambda paper: (_stored_text(paper),), SAME_TEXT, SAME_TEXT_SURE)
    _match_texts(groups, stored, _print, lambda paper: (paper.fingerprint,), SAME_TEXT, SAME_TEXT_SURE)
    _match_texts(groups, stored, _print, lambda paper: sorted(paper.texts), TOLD_TEXT, TOLD_TEXT_SURE)
    _match_likely(groups, stored)
    return Recognised(_answers(groups, len(entries)), tuple(joins), stored)


def _answers(groups: Sequence[Group], number: int) -> tuple[Found | SameAs | None, ...]:
    first: dict[Hashable, int] = {}
    for group in groups:
        key = _key(group)
        first[key] = min(first.get(key, number), *group.members)
    answers: list[Found | SameAs | None] = [None] * number
    for group in groups:
        leader = first[_key(group)]
        for index in group.members:
            answers[index] = group.found if index == leader else SameAs(leader)
    return tuple(answers)


def _key(group: Group) -> Hashable:
    return ("stored", group.found.paper_id) if group.found else id(group)


# --- within the page -------------------------------------------------------------------------------


def _group(entries: Sequence[Entry]) -> list[Group]:
    """Entries that are one paper, together. Works in an order of its own, not in the page's."""
    groups: list[Group] = []
    by_id: dict[tuple[str, str], list[Group]] = {}
    by_text: dict[tuple[str, str], list[Group]] = {}
    for index in sorted(range(len(entries)), key=lambda index: _order(entries[index])):
        entry = entries[index]
        ids, text = Ids.of(entry), (entry.title, entry.abstract)
        group = _of_same_id(ids, by_id) or next(
            (same for same in by_text.get(text, ()) if same.may_be(ids)), None
        )
        if group is None:
            group = Group(ids, *text)
            groups.append(group)
            by_text.setdefault(text, []).append(group)
        group.add(index, ids)
        for pair in ids:
            by_id.setdefault(pair, []).append(group)
    return groups


def _order(entry: Entry) -> tuple[object, ...]:
    """Entries with strong ids first: they decide what the weaker ones can be."""
    ids = (entry.arxiv_id, entry.doi, entry.source_ref)
    known = (*(value is None for value in ids), *(value or "" for value in ids))
    return (*known, not entry.other_ids, entry.other_ids, entry.title, entry.abstract)


def _of_same_id(ids: Ids, by_id: Mapping[tuple[str, str], list[Group]]) -> Group | None:
    for kind, value in ids:
        for group in by_id.get((kind, value), ()):
            if not group.ids.differ(ids, rank_of(kind)):
                return group
    return None


# --- by ids ----------------------------------------------------------------------------------------


def _by_id(stored: Mapping[int, StoredPaper]) -> dict[tuple[str, str], list[int]]:
    found: dict[tuple[str, str], list[int]] = {}
    for paper in stored.values():
        for pair in paper.ids:
            found.setdefault(pair, []).append(paper.paper_id)
    return found


def _join_stored(
    groups: Sequence[Group], stored: dict[int, StoredPaper], trust_of: Mapping[str, int]
) -> list[StoredJoin]:
    """Make one paper of those in ``stored`` that one group's ids lead to, unless their own ids differ.

    At least one of the ids has to be more than the source's own, and no other group of the page may have a
    better claim to either. Papers told apart by a person stay two.
    """
    joins: list[StoredJoin] = []
    for group, hits in _led_to(groups, stored):
        (_, base), *others = hits
        for kind, paper_id in others:
            if not _may_be_one(stored[base], stored[paper_id]):
                continue
            keep, gone = sorted((base, paper_id))
            if group.ids.differ(joined(stored[keep], stored[gone], trust_of).ids, rank_of(hits[0][0])):
                continue
            joins.append(StoredJoin(keep, gone, f"same {described(kind)}"))
            stored[keep] = joined(stored[keep], stored.pop(gone), trust_of)
            base = keep
    return joins


def _led_to(
    groups: Sequence[Group], stored: Mapping[int, StoredPaper]
) -> list[tuple[Group, list[tuple[str, int]]]]:
    """For each group that ids lead to several papers: the kinds of id and the papers, the strongest first.

    A paper that several groups lead to is that of the strongest id.
    """
    by_id = _by_id(stored)
    best: dict[int, tuple[int, int, str]] = {}
    for number, group in enumerate(groups):
        for kind, value in group.ids:
            for paper_id in by_id.get((kind, value), ()):
                claim = (rank_of(kind), number, kind)
                if not group.ids.differ(stored[paper_id].ids, claim[0]) and claim < best.get(
                    paper_id, (9, 0, "")
                ):
                    best[paper_id] = claim
    hits: dict[int, list[tuple[int, str, int]]] = {}
    for paper_id, (rank, number, kind) in best.items():
        hits.setdefault(number, []).append((rank, kind, paper_id))
    return [
        (groups[number], [(kind, paper_id) for _, kind, paper_id in sorted(found)])
        for number, found in sorted(hits.items())
        if len(found) > 1 and min(found)[0] < REF_RANK
    ]


def _may_be_one(one: StoredPaper, other: StoredPaper) -> bool:
    return not one.ids.differ(other.ids, REF_RANK) and not (
        other.paper_id in one.split_from or one.paper_id in other.split_from
    )


def _match_ids(groups: Sequence[Group], stored: Mapping[int, StoredPaper]) -> None:
    """Find the stored paper that shares an id with each group, the strongest ids of all groups first.

    A stored paper learns the ids of the groups it is found for, so that groups whose ids differ never meet
    in it.
    """
    by_id = _by_id(stored)
    ids = {paper_id: paper.ids for paper_id, paper in stored.items()}
    for rank in range(REF_RANK + 1):
        for group in groups:
            if group.found is not None:
                continue
            for kind, value in group.ids:
                if rank_of(kind) != rank:
                    continue
                hits = by_id.get((kind, value), ())
                hit = next((one for one in hits if not group.ids.differ(ids[one], rank)), None)
                if hit is not None:
                    chosen = _as_told_apart(group, stored[hit], stored)
                    group.found = Found(chosen, f"same {described(kind)}", 1.0)
                    ids[chosen] = ids[chosen].joined(group.ids)
                    break


def _as_told_apart(group: Group, hit: StoredPaper, stored: Mapping[int, StoredPaper]) -> int:
    """The paper that a person made of what this source lists, where ids still lead to the one it was.

    That the source claims the id is what the person said is wrong.
    """
    if hit.listed:
        return hit.paper_id
    for paper_id in sorted(hit.split_from & stored.keys()):
        apart = stored[paper_id].ids
        if stored[paper_id].listed and not group.ids.differ(apart):
            return paper_id
    return hit.paper_id


# --- by texts --------------------------------------------------------------------------------------


def _claimed(groups: Sequence[Group]) -> set[int]:
    return {group.found.paper_id for group in groups if group.found}


def _match_texts(
    groups: Sequence[Group],
    stored: Mapping[int, StoredPaper],
    group_key: Callable[[Group], Hashable],
    paper_keys: Callable[[StoredPaper], Iterable[Hashable]],
    reason: str,
    sure: float,
) -> None:
    """Find a stored paper nobody has yet that has the same key as a group; what the source listed first.

    A stored paper found by an id is not given to another group for its text: entries of one page that
    share neither are two papers.
    """
    claimed = _claimed(groups)
    free: dict[Hashable, list[StoredPaper]] = {}
    for paper in sorted(stored.values(), key=lambda paper: (not paper.listed, paper.paper_id)):
        if paper.paper_id not in claimed:
            for key in paper_keys(paper):
                free.setdefault(key, []).append(paper)
    for group in groups if free else ():
        candidates = free.get(group_key(group), []) if group.found is None else []
        fitting = (paper for paper in candidates if paper.paper_id not in claimed)
        chosen = next((paper for paper in fitting if group.may_be(paper.ids)), None)
        if chosen is not None:
            words = (reason, sure) if group.abstract else (TITLE_ONLY, TITLE_ONLY_SURE)
            group.found = Found(chosen.paper_id, *words)
            claimed.add(chosen.paper_id)


def _exact_text(group: Group) -> Hashable:
    return group.title, group.abstract


def _print(group: Group) -> str:
    return fingerprint(group.title, group.abstract)


def _match_likely(groups: Sequence[Group], stored: Mapping[int, StoredPaper]) -> None:
    """Find, for what is left, the paper of other sources whose text is most alike."""
    claimed = _claimed(groups)
    left = [group for group in groups if group.found is None]
    free = [
        paper
        for paper in stored.values()
        if paper.paper_id not in claimed
        and not paper.listed
        # What this source lists was told apart from it: a text that is merely alike is not enough.
        and not any(stored[apart].listed for apart in paper.split_from & stored.keys())
    ]
    texts = [(group.title, group.abstract) for group in left]
    pairs = likely_pairs(texts, [_text(paper) for paper in free])
    taken: set[int] = set()
    for pair in sorted(pairs, key=lambda pair: (-pair.confidence, free[pair.paper].paper_id, pair.text)):
        group, paper = left[pair.text], free[pair.paper]
        if group.found is None and paper.paper_id not in taken and not group.ids.differ(paper.ids):
            sure = min(round(pair.confidence, 2), SAME_TEXT_SURE)
            group.found = Found(paper.paper_id, f"{pair.reason} ({sure:.2f})", sure)
            taken.add(paper.paper_id)


def _text(paper: StoredPaper) -> tuple[str, str]:
    title, abstract = _stored_text(paper)
    return title if isinstance(title, str) else "", abstract if isinstance(abstract, str) else ""


def _stored_text(paper: StoredPaper) -> tuple[object, object]:
    return paper.fields.get("title"), paper.fields.get("abstract")
