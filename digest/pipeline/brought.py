"""What a reader brings along: files of any kind a library comes in, read into papers and interests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from digest.errors import UsageError
from digest.libraries import LibraryPaper, read_library
from digest.libraries.opml import Outline, is_opml, read_opml
from digest.libraries.paper import RawPaper, make_paper
from digest.pipeline.interest_wish import MAX_EXAMPLES, InterestWish
from digest.pipeline.profile_document import FORMAT, ProfileDocument, load_json, read_profile
from digest.pipeline.remote_libraries import RemoteLibrary
from digest.text import parse_arxiv_id, truncate

__all__ = ["MAX_FILE", "Brought", "read_brought", "take_remote"]

MAX_FILE = 64 * 2**20
# Of one file; an interest keeps half of that, so a library that large has to be split.
MAX_PAPERS = 2 * MAX_EXAMPLES
MAX_PROBLEMS = 10_000
HEAD = 2000
MAX_TOLD = 100
# What an outline holds besides keywords, by its type.
TYPES: Mapping[str, str] = {
    "must": "must_keywords",
    "not": "not_keywords",
    "author": "authors",
    "category": "categories",
}
ABOUT = "about"
PAPER = "paper"
PAPERS = ("link", PAPER)


@dataclass(slots=True)
class Brought:
    """Everything that was brought, put together.

    ``where`` says of each paper where it was (``refs.bib, line 3``); ``collections`` hold the places of
    papers that somebody had put together already. ``unmatched`` is what could not be read or told, in words.
    """

    papers: list[LibraryPaper] = field(default_factory=list)
    where: list[str] = field(default_factory=list)
    collections: dict[str, list[int]] = field(default_factory=dict)
    interests: list[InterestWish] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)
    profile: ProfileDocument | None = None

    def add(self, papers: Sequence[LibraryPaper], name: str) -> None:
        """Take papers from the file or place of that name."""
        self.papers += papers
        self.where += [f"{name}, line {one.line}" if one.line else name for one in papers]


def read_brought(brought: Brought, name: str, data: bytes) -> None:
    """Read a file: a library, an OPML, or a profile of ours (``UsageError`` for one that is none)."""
    if is_opml(data):
        _read_opml(brought, name, data)
    elif data[:HEAD].lstrip(b" \t\r\n\xef\xbb\xbf").startswith(b"{") and FORMAT.encode() in data:
        if brought.profile is not None:
            raise UsageError("a profile replaces the one before; import one at a time")
        brought.profile = read_profile(load_json(data))
        brought.unmatched += [f"{name}: {one}" for one in brought.profile.problems]
    else:
        library = read_library(
            name, data, max_papers=MAX_PAPERS, max_bytes=MAX_FILE, max_problems=MAX_PROBLEMS
        )
        brought.add(library.papers, name)
        brought.unmatched += [f"{name}, {one}" for one in library.problems]


def take_remote(brought: Brought, library: RemoteLibrary, name: str, *, collections: bool) -> None:
    """Take a library that was read elsewhere; ``collections``: those of it stay together."""
    first = len(brought.papers)
    brought.add(library.papers, name)
    brought.unmatched += library.problems
    if collections:
        for title, places in library.collections.items():
            brought.collections.setdefault(title, []).extend(first + place for place in places)


# --- OPML ------------------------------------------------------------------------------------------


def _read_opml(brought: Brought, name: str, data: bytes) -> None:
    outlines, problem = read_opml(data)
    if problem:
        brought.unmatched.append(f"{name}, {problem}")
    # One outline that holds all others, each with something in it, is a heading.
    if len(outlines) == 1 and outlines[0].children and all(one.children for one in outlines[0].children):
        outlines = outlines[0].children
    for outline in outlines:
        if _is_interest(outline):
            _read_interest(brought, name, outline)
        elif outline.is_feed or not _read_paper(brought, name, outline, None):
            _tell(brought, name, outline)


def _is_interest(outline: Outline) -> bool:
    return bool(outline.children or (outline.text and not outline.url))


def _tell(brought: Brought, name: str, outline: Outline) -> None:
    what = "the feed" if outline.is_feed else "the link"
    told = outline.text or outline.url or "without words"
    where = f" ({outline.url})" if outline.url and outline.text else ""
    brought.unmatched.append(f"{name}: {what} “{truncate(told, MAX_TOLD)}”{where}")


def _read_interest(brought: Brought, name: str, outline: Outline) -> None:
    """One outline with all that is in it, however deep."""
    words: dict[str, list[str]] = {"keywords": [], **{field_name: [] for field_name in TYPES.values()}}
    about: list[str] = []
    title = outline.text or "Interest"
    waiting = list(outline.children)
    while waiting:
        one = waiting.pop(0)
        waiting = [*one.children, *waiting]
        if one.kind in PAPERS or (one.url and not one.is_feed):
            if not _read_paper(brought, name, one, title):
                _tell(brought, name, one)
        elif one.is_feed:
            _tell(brought, name, one)
        elif one.kind == ABOUT:
            about.append(one.text)
        elif one.text:
            words[TYPES.get(one.kind, "keywords")].append(one.text)
    has_papers = title in brought.collections
    if not any(words.values()) and not about and not has_papers and outline.text:
        words["keywords"].append(outline.text)
    lists: dict[str, Any] = {key: tuple(dict.fromkeys(found)) for key, found in words.items()}
    brought.interests.append(InterestWish(name=title, about=" ".join(about), **lists))


def _read_paper(brought: Brought, name: str, outline: Outline, interest: str | None) -> bool:
    """Take an outline that is a paper: one of ours, or a link that tells an id. It may be of no interest."""
    paper = make_paper(RawPaper(title=outline.text, urls=[outline.url], arxiv=outline.text))
    is_told = outline.kind == PAPER or (paper is not None and (paper.arxiv_id or paper.doi))
    if paper is None or not is_told:
        return False
    if parse_arxiv_id(outline.text):
        paper = make_paper(RawPaper(urls=[outline.url], arxiv=outline.text)) or paper
    if interest is not None:
        brought.collections.setdefault(interest, []).append(len(brought.papers))
    brought.add([paper], name)
    return True
