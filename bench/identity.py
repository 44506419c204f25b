"""How well papers are recognised across sources, and how long looking them up takes.

First, on real pages: texts of one paper as other sites write it (LaTeX mangled, accents lost, cut off, a
title that a journal changed) against the original have to join, and different papers must not. Then, beside
100,000 invented papers: one page of 300 new entries of another source.

usage: python bench/identity.py [--shared FOLDER] [--papers 100000] [--entries 300] [--database-url URL]
"""

import argparse
import random
import re
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

Text = tuple[str, str]
MACRO = re.compile(r"\\[A-Za-z]+\*?")


def real_texts(shared: Path) -> list[Text]:
    """Return the texts of all saved pages and of all kept days, each once."""
    from digest.sources.huggingface import parse_daily_api
    from digest.sources.saved import parse_saved

    entries = []
    for file in sorted((shared / "pages" / "seeds").glob("*.txt")):
        entries += parse_saved(file.read_bytes(), today=date(2026, 3, 20), name=file.name).entries
    for file in sorted((shared / "pages" / "huggingface" / "daily").glob("*.json")):
        entries += parse_daily_api(file.read_bytes()).entries
    return list(dict.fromkeys((entry.title, entry.abstract) for entry in entries))


# --- the same paper, as another site writes it -----------------------------------------------------


def stripped_latex(text: str, chance: random.Random) -> str:
    """Put LaTeX around words and symbols, and take its backslashes, braces and dollars away."""
    words = text.split(" ")
    for place in chance.sample(range(len(words)), min(3, len(words))):
        words[place] = chance.choice((r"\texttt{%s}", r"\emph{%s}", r"\textbf{%s}")) % words[place]
    text = " ".join(words).replace("×", r"$\times$").replace("~", r"$\sim$").replace("%", r"\%")
    return re.sub(r"[\\{}$]", "", text)


def dropped_latex(text: str, chance: random.Random) -> str:
    """Lose everything that is no letter of ASCII or plain punctuation, and one formula."""
    words = MACRO.sub("", text).split(" ")
    short = [place for place, word in enumerate(words) if not word.isalpha()]
    for place in chance.sample(short, min(2, len(short))):
        words[place] = ""
    return unicodedata.normalize("NFKD", " ".join(words)).encode("ascii", "ignore").decode()


def typeset(text: str, _: random.Random) -> str:
    """Write dashes, quotes and ligatures as typesetters do."""
    return text.replace("-", "‐").replace("'", "’").replace("fi", "ﬁ").replace(" - ", " — ")


def mangled(text: Text, chance: random.Random, change: Callable[[str, random.Random], str]) -> Text:
    """Return title and abstract changed alike."""
    return change(text[0], chance), change(text[1], chance)


def cut_off(text: Text, chance: random.Random) -> Text:
    """Keep the first 500 to 700 letters of the abstract, as feeds do."""
    return text[0], text[1][: chance.randrange(500, 700)] + "…"


def no_spaces(text: Text, _: random.Random) -> Text:
    """Lose the space after the title's colon, and write the title twice."""
    title = text[0].replace(": ", ":")
    return f"{title} {title}", text[1]


def journal_title(text: Text, chance: random.Random) -> Text:
    """Give the title as a journal might: subtitle first, or without it, in lower case."""
    first, _, rest = text[0].partition(": ")
    title = f"{rest} with {first}" if rest and chance.random() < 0.5 else rest or f"On {first}"
    return title.capitalize(), text[1]


def edited(text: Text, chance: random.Random) -> Text:
    """Change one word in a hundred, as the next version does."""
    words = text[1].split(" ")
    for place in chance.sample(range(len(words)), len(words) // 100):
        words[place] = "another"
    return text[0], " ".join(words)


SAME: dict[str, Callable[[Text, random.Random], Text]] = {
    "LaTeX stripped of its signs": lambda text, chance: mangled(text, chance, stripped_latex),
    "LaTeX and accents dropped": lambda text, chance: mangled(text, chance, dropped_latex),
    "typeset": lambda text, chance: mangled(text, chance, typeset),
    "abstract cut off": cut_off,
    "title twice, no space after colon": no_spaces,
    "a journal's title": journal_title,
    "one word in a hundred edited": edited,
}


def joins(texts: Sequence[Text]) -> Iterator[tuple[str, int, int]]:
    """Yield, for each way to write a paper otherwise: how many join, of how many."""
    from digest.identity.likely import likely_pairs
    from digest.identity.texts import words_of

    for name, change in SAME.items():
        chance = random.Random(name)
        wanted = [text for text in texts if len(words_of(*text).abstract) >= 60]
        other = [change(text, chance) for text in wanted]
        found = {(pair.text, pair.paper) for pair in likely_pairs(other, wanted)}
        yield name, sum((number, number) in found for number in range(len(wanted))), len(wanted)


def wrong_joins(texts: Sequence[Text]) -> list[tuple[Text, Text, str, float]]:
    """Return all pairs of different texts that are held to be one paper, of all pairs there are."""
    from digest.identity.likeness import likeness
    from digest.identity.texts import words_of

    words = [words_of(*text) for text in texts]
    return [
        (texts[one], texts[other], *alike)
        for one in range(len(texts))
        for other in range(one)
        if words[one].numbers == words[other].numbers
        if (alike := likeness(words[one], words[other])) is not None
    ]


# --- how long it takes -----------------------------------------------------------------------------


def time_page(papers: int, entries: int, url: str | None) -> None:
    """Store papers of one source, then look up and file a page of another that has none of them."""
    from bench import generated
    from digest.diff import SourceFacts, diff
    from digest.storage import papers as rows
    from digest.storage import sources
    from digest.storage.database import Database
    from digest.types import Entry

    def make(number: int, title: str, abstract: str, **ids: str) -> Entry:
        return Entry(title, number, abstract, authors=("Ada Example",), **ids)  # type: ignore[arg-type]

    with TemporaryDirectory() as folder:
        database = Database(url or f"sqlite:///{folder}/digest.db")
        database.upgrade()
        texts = enumerate(generated.texts(papers), 1)
        with database.write() as s:
            first = sources.ensure_source(s, "first", "saved", "", generated.NOW).id
            second = sources.ensure_source(s, "second", "arxiv", "", generated.NOW).id
        assert first is not None
        assert second is not None
        today = generated.NOW.date()
        while batch := [
            make(n, *text, source_ref=str(n))
            for n, text in (next(texts, (0, ("", ""))) for _ in range(2000))
            if n
        ]:
            with database.write() as s:
                changes = diff(batch, [], listed_on=today, today=today)
                rows.apply_changes(s, first, changes, generated.NOW)
        new = [
            make(n, *text, arxiv_id=f"2608.{n:05d}")
            for n, text in enumerate(generated.texts(entries, seed=5), 1)
        ]
        known = [
            make(n, mangled_title, abstract, arxiv_id=f"2609.{n:05d}")
            for n, (mangled_title, abstract) in enumerate(
                (stripped_latex(title, random.Random(1)), abstract)
                for title, abstract in generated.texts(entries)
            )
        ]
        facts = SourceFacts("arxiv", "second", {"arxiv": 90, "saved": 10})
        for name, page in (("all new", new), ("all known by their texts", known)):
            times = [time.perf_counter()]
            with database.write() as s:
                found = rows.find_known(s, second, page)
                times.append(time.perf_counter())
                changes = diff(page, found, listed_on=today + timedelta(1), today=today, source=facts)
                times.append(time.perf_counter())
                rows.apply_changes(s, second, changes, generated.NOW, trust_of=facts.trust_of)
                times.append(time.perf_counter())
            joined = sum(change.paper_id is not None for change in changes)
            look, hold, file = (after - before for before, after in pairwise(times))
            print(
                f"{len(page)} entries beside {papers} papers, {name}: "
                f"look up {look:.2f} s, compare {hold:.2f} s, "
                f"file {file:.2f} s; {len(found)} candidates, {joined} joined"
            )
        database.close()


def main() -> None:
    """Measure, print; a wrong join or a slow page fails."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--papers", type=int, default=100_000)
    parser.add_argument("--entries", type=int, default=300)
    parser.add_argument("--database-url")
    options = parser.parse_args()
    if (options.shared / "pages").is_dir():
        texts = real_texts(options.shared)
        for name, right, of in joins(texts):
            print(f"one paper, {name:<36} {right:4} of {of} joined")
        wrong = wrong_joins(texts)
        print(f"different papers: {len(wrong)} of {len(texts) * (len(texts) - 1) // 2} pairs joined")
        for one, other, reason, sure in wrong:
            print(f"  {reason} ({sure:.2f}): {one[0]!r} and {other[0]!r}")
    if options.papers:
        time_page(options.papers, options.entries, options.database_url)


if __name__ == "__main__":
    main()
