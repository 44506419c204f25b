"""A stored paper as identity sees it: all its ids at the source, and who it was told apart from."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from digest.identity.ids import Ids
from digest.types import Change, KnownPaper

__all__ = ["JoiningChange", "StoredJoin", "StoredPaper", "as_stored", "joined"]

# Fields of which a list or text that is empty was never told.
EMPTY: tuple[object, ...] = ("", (), [])


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPaper(KnownPaper):
    """What storage knows of a paper beyond :class:`~digest.types.KnownPaper`.

    ``source_refs`` are all ids that this source ever gave it, ``texts`` the fingerprints of texts it had
    before, or was told with. ``split_from`` are the papers that a person
    told it apart from. ``mine``: among sources of the kind whose text stands this one listed it first, so
    that two sources of equal trust do not take turns.
    """

    source_refs: tuple[str, ...] = ()
    texts: frozenset[str] = frozenset()
    split_from: frozenset[int] = frozenset()
    mine: bool = True

    @property
    def ids(self) -> Ids:
        """All its ids, those at this source among them."""
        ids = Ids.of_known(self)
        return Ids(ids.strong, ids.refs | frozenset(self.source_refs))


@dataclass(frozen=True, slots=True)
class StoredJoin:
    """Two stored papers that an entry's ids show to be one; the older id stays."""

    keep: int
    gone: int
    reason: str
    confidence: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JoiningChange(Change):
    """A change whose entry shows stored papers to be one: these are joined before it is applied."""

    joins: tuple[StoredJoin, ...]


def as_stored(paper: KnownPaper) -> StoredPaper:
    """The same with what was not looked up left at its defaults."""
    if isinstance(paper, StoredPaper):
        return paper
    return StoredPaper(
        paper_id=paper.paper_id,
        arxiv_id=paper.arxiv_id,
        doi=paper.doi,
        source_ref=paper.source_ref,
        fingerprint=paper.fingerprint,
        fields=paper.fields,
        other_ids=paper.other_ids,
        text_by=paper.text_by,
        listed=paper.listed,
    )


def joined(keep: StoredPaper, gone: StoredPaper, trust_of: Mapping[str, int]) -> StoredPaper:
    """Both as the one paper they are found to be, under the id of ``keep``.

    The text of the more trusted kind stands, of equal ones that of ``keep``; everything else is that of the
    paper whose text stands where it has it, else the other's.
    """
    best, other = keep, gone
    if trust_of.get(gone.text_by or "", 0) > trust_of.get(keep.text_by or "", 0):
        best, other = gone, keep
    fields = dict(best.fields)
    for name, value in other.fields.items():
        if fields.get(name) is None or fields.get(name) in EMPTY:
            fields[name] = value
    return replace(
        best,
        paper_id=keep.paper_id,
        arxiv_id=best.arxiv_id or other.arxiv_id,
        doi=best.doi or other.doi,
        source_ref=best.source_ref or other.source_ref,
        other_ids=tuple(sorted({**dict(other.other_ids), **dict(best.other_ids)}.items())),
        fields=MappingProxyType(fields),
        listed=MappingProxyType({**gone.listed, **keep.listed}),
        source_refs=tuple(dict.fromkeys((*best.source_refs, *other.source_refs))),
        texts=keep.texts | gone.texts | {keep.fingerprint, gone.fingerprint},
        split_from=keep.split_from | gone.split_from,
    )
