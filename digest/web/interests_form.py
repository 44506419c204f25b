"""An interest as a form: what its fields say, and what is written into them. Knows no page."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any

from starlette.datastructures import FormData

from digest.errors import UsageError
from digest.pipeline.liked import LIKED, MAX_PAPERS, Liked, together
from digest.pipeline.wishes import (
    MAX_EXAMPLES,
    MAX_INTERESTS,
    ExamplePaper,
    InterestWish,
    Wishes,
    clean_interest,
)
from digest.translation import decimal
from digest.translation import gettext as _
from digest.web.carried import pack, unpack
from digest.web.forms import text_of, texts_of

__all__ = [
    "COUNT",
    "NOTHING",
    "WORDS",
    "FindPapers",
    "InterestFields",
    "InterestsReader",
    "Problems",
    "ShownExample",
    "number_of",
    "sentence",
    "sentences",
    "write_interest",
]

Problems = dict[str, str]
FindPapers = Callable[[str], Liked]

# The lists of words of an interest: the field's name, the wish's.
WORDS: Mapping[str, str] = {
    "keywords": "keywords",
    "must": "must_keywords",
    "unwanted": "not_keywords",
    "authors": "authors",
    "categories": "categories",
}
SHOWN_EXAMPLES = 20
# An author's name may hold a comma ("Doe, Jane"), so it parts no authors.
COMMAS = {"authors": ";"}
COUNT = "interests"
MOST_TOLD = 5
NOTHING = Liked()


@dataclass(frozen=True, slots=True)
class ShownExample:
    """An example paper in the list of an interest; ``key`` names it, ``dropped``: to be removed."""

    key: str
    title: str
    paper_id: int | None
    dropped: bool = False


@dataclass(frozen=True, slots=True)
class InterestFields:
    """One interest as typed. ``was`` is the stored name, empty for a new one; ``words`` (by the fields of
    ``WORDS``) stand one on a line.

    Of its example papers the first are shown, ``more`` are not; ``added`` is the text that adds some, and
    ``carried`` what a file added that is not saved yet.
    """

    was: str = ""
    name: str = ""
    about: str = ""
    words: Mapping[str, str] = field(default_factory=lambda: dict.fromkeys(WORDS, ""))
    removed: bool = False
    only_examples: bool = False
    examples: tuple[ShownExample, ...] = ()
    more: int = 0
    added: str = ""
    carried: tuple[str, ...] = ()
    n_carried: int = 0

    @property
    def is_detailed(self) -> bool:
        """Whether it says more than its name, what it is about, and keywords."""
        rest = (text for name, text in self.words.items() if name != "keywords")
        return bool(any(rest) or self.added or self.examples or self.carried or self.only_examples)


def sentence(error: UsageError) -> str:
    """An error as it stands beside a field."""
    return sentences([str(error)])


def sentences(texts: Sequence[str]) -> str:
    """Texts as sentences, the first few of them."""
    told = [f"{text[:1].upper()}{text[1:]}".rstrip(".") + "." for text in texts[:MOST_TOLD]]
    left = len(texts) - MOST_TOLD
    return " ".join([*told, _("And %(count)s more.", count=decimal(left))] if left > 0 else told)


def number_of(text: str) -> int:
    """The whole number that a text is, else one that is never right."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else -1


def write_interest(one: InterestWish) -> InterestFields:
    """The fields that say this interest, which is stored."""
    return InterestFields(
        was=one.name,
        name=one.name,
        about=one.about,
        words={name: "\n".join(getattr(one, wish)) for name, wish in WORDS.items()},
        only_examples=one.only_examples,
        examples=_shown(one.examples, frozenset()),
        more=max(0, len(one.examples) - SHOWN_EXAMPLES),
    )


class InterestsReader:
    """Reads the interests of a form.

    ``typed`` are all of them, ``meant`` those that stay, ``renamed`` stored names by the new ones.
    """

    def __init__(self, form: FormData, stored: Wishes, find: FindPapers, problems: Problems) -> None:
        self._form, self._find, self._problems = form, find, problems
        self._stored = {one.name: one for one in stored.interests}
        self.typed: list[InterestFields] = []
        self.meant: list[InterestWish] = []
        self.renamed: dict[str, str] = {}

    def read(self, upload: Liked) -> None:
        """Read them all; the papers of ``upload`` go where the form says."""
        count = max(number_of(text_of(self._form, COUNT)), 0)
        if count > MAX_INTERESTS + 1:  # one of them is blank
            self._problems["interests"] = _(
                "At most %(most)s interests are kept; join some of them.", most=MAX_INTERESTS
            )
        count = min(count, MAX_INTERESTS + 1)
        target = self._target(count) if upload.papers else -1
        for place in range(max(count, target + 1)):
            self._read_one(place, upload.papers if place == target else ())

    def _target(self, count: int) -> int:
        """Which interest a file is for."""
        place = number_of(text_of(self._form, "library_into"))
        if 0 <= place < count:
            return place
        names = [text_of(self._form, f"i{n}_name") for n in range(count)]
        return names.index(LIKED) if LIKED in names else count

    def _read_one(self, place: int, more: Sequence[ExamplePaper]) -> None:
        was = text_of(self._form, f"i{place}_was")
        name = text_of(self._form, f"i{place}_name") or (LIKED if more else "")
        # A form that was sent once already has stored the new name.
        known = self._stored.get(was) or self._stored.get(name)
        typed = self._typed(place, name, known, more)
        at = f"i{len(self.typed)}"
        added = self._find(typed.added) if typed.added else NOTHING
        wish = self._meant(typed, known, added, unpack(typed.carried))
        if known is None and wish.is_empty and not (wish.name or wish.not_keywords or typed.added):
            return  # left blank
        self.typed.append(typed)
        if typed.removed:
            return
        if added.problems:
            self._problems[f"{at}_added"] = sentences(added.problems)
        if len(wish.examples) > MAX_EXAMPLES:
            self._problems[f"{at}_added"] = _(
                "An interest keeps %(most)s papers; remove some.", most=decimal(MAX_EXAMPLES)
            )
        if wish.is_empty and not added.problems:
            self._problems[f"{at}_about"] = _("Say what it is about, or remove it.")
        if not wish.name:
            self._problems[f"{at}_name"] = _("Give it a name.")
        elif wish.name in (other.name for other in self.meant):
            self._problems[f"{at}_name"] = _("Another interest is called so; give each its own name.")
        self.meant.append(wish)
        if known is not None and known.name != wish.name:
            self.renamed[wish.name] = known.name

    def _typed(
        self, place: int, name: str, known: InterestWish | None, more: Sequence[ExamplePaper]
    ) -> InterestFields:
        def said(what: str) -> str:
            return text_of(self._form, f"i{place}_{what}")

        dropped = frozenset(texts_of(self._form, f"i{place}_drop"))
        carried = texts_of(self._form, f"i{place}_carried")
        brought = unpack(carried)
        if more:
            brought = together(brought, more)[:MAX_PAPERS]
            carried = list(pack(brought))
        stored = known.examples if known else ()
        return InterestFields(
            was=known.name if known else "",
            name=name,
            about=said("about"),
            words={field_name: said(field_name) for field_name in WORDS},
            removed=bool(said("removed")) and not more,
            only_examples=bool(said("only_examples")),
            examples=_shown(stored, dropped),
            more=max(0, len(stored) - SHOWN_EXAMPLES),
            added=said("added"),
            carried=tuple(carried) if brought else (),
            n_carried=len(brought),
        )

    def _meant(
        self,
        typed: InterestFields,
        known: InterestWish | None,
        added: Liked,
        brought: Sequence[ExamplePaper],
    ) -> InterestWish:
        stored = known or InterestWish(name="")
        dropped = {one.key for one in typed.examples if one.dropped}
        kept = tuple(one for one in stored.examples if not dropped or _key(one) not in dropped)
        # What is stored stays as it is where nothing was added.
        examples = together(kept, added.papers, brought) if added.papers or brought else kept
        words: dict[str, Any] = {
            wish: _words(typed.words[name], getattr(stored, wish), COMMAS.get(name, ",;"))
            for name, wish in WORDS.items()
        }
        clean = clean_interest(InterestWish(name=typed.name, about=typed.about, **words))
        return replace(clean, examples=examples, only_examples=typed.only_examples)


def _words(text: str, stored: Sequence[str], parted_by: str) -> tuple[str, ...]:
    """Words one a line or between commas; a line that is stored as one word stays one."""
    found: list[str] = []
    for line in map(str.strip, text.splitlines()):
        if line in stored:
            found.append(line)
            continue
        for mark in parted_by[1:]:
            line = line.replace(mark, parted_by[0])
        found += [word.strip() for word in line.split(parted_by[0])]
    return tuple(dict.fromkeys(filter(None, found)))


def _shown(examples: Sequence[ExamplePaper], dropped: frozenset[str]) -> tuple[ShownExample, ...]:
    return tuple(
        ShownExample(key, one["title"], one["paper_id"], key in dropped)
        for one in examples[:SHOWN_EXAMPLES]
        if (key := _key(one))
    )


def _key(one: ExamplePaper) -> str:
    """Names an example in a form."""
    return blake2b(f"{one['paper_id']} {one['title']}".encode(), digest_size=6).hexdigest()
