"""Parsing beside BeautifulSoup and plain lxml: the same fields from the same pages, in one run, in turn.

Two pages: the complete one of 1 August 2024 (of the shared data, where it is there) and an invented one of
300 papers; each by its JSON and by its cards. Every way gives the same entries, which is checked first. The
times are CPU time from the page's text on; medians of rounds in which all take their turn.

extraction      the parser with its cleaning of text switched off: what the rivals do, white space squeezed
whole           the parser as it is: LaTeX as Unicode, controls and markup taken out, addresses checked. The
                rivals do nothing of the kind
child           the whole page from its bytes on, in the child process in which a refresh parses (wall time)

The rivals are the dependency group "bench": uv pip install beautifulsoup4 lxml. Where they are not there they
are installed into a temporary folder, for this run only.

usage: python bench/parse.py [--papers 300] [--rounds 15]
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
SHARED = Path(os.environ.get("DIGEST_SHARED", ROOT.parent / "shared"))
REAL = SHARED / "pages" / "huggingface" / "papers_2024-08-01_daily_full.html"

DAY = date(2024, 8, 1)
AIM = 20.0
OURS, BARE = "this parser, whole", "this parser, extraction"
CHILD_PAGES = 40
STARTS = 5


def add_rivals(stack: ExitStack) -> None:
    """Make bs4 and lxml importable, if need be from a folder that is gone afterwards."""
    from bench.rivals import install

    install(["beautifulsoup4", "lxml"], ["bs4", "lxml"], Path(stack.enter_context(TemporaryDirectory())))


@contextmanager
def without_cleaning() -> Iterator[None]:
    """Let our parser give texts and addresses as they stand, white space squeezed, as the rivals do."""

    def squeezed(value: object, **_: object) -> str:
        return " ".join(value.split()) if isinstance(value, str) else ""

    def item_text(value: object, _limit: int = 0) -> str:
        return squeezed(value)

    def as_it_is(value: object) -> object:
        return value or None

    items, page = "digest.sources.huggingface_items", "digest.sources.huggingface_page"
    with (
        patch(f"{items}._plain", item_text),
        patch(f"{items}.clean_text", squeezed),
        patch(f"{items}.safe_url", as_it_is),
        patch(f"{page}.plain", squeezed),
        patch(f"{page}.safe_url", as_it_is),
    ):
        yield


def check_same(name: str, records: Sequence[dict[str, Any]], entries: Sequence[Any]) -> None:
    """Leave unless a rival found what we found; its texts are cleaned for that, outside of the clock."""
    from digest.text import plain

    def cleaned(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(cleaned, value))
        return plain(value) if isinstance(value, str) and not value.startswith("http") else value

    if len(records) != len(entries):
        sys.exit(f"{name} found {len(records)} papers, this parser {len(entries)}")
    for record, entry in zip(records, entries, strict=True):
        for field, value in record.items():
            ours = getattr(entry, field)
            ours = ours.isoformat() if isinstance(ours, date) else ours
            if cleaned(value) != ours:
                sys.exit(f"{name} has {value!r} as {field} of {entry.source_ref}, this parser {ours!r}")


def measure(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The median CPU milliseconds of each way, all in turn, forward and back."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        for name in list(ways) if number % 2 == 0 else reversed(list(ways)):
            with without_cleaning() if name == BARE else nullcontext():
                began = time.process_time()
                ways[name]()
                times[name].append(1000 * (time.process_time() - began))
    return {name: statistics.median(own) for name, own in times.items()}


def compare(title: str, body: bytes, rounds: int) -> list[dict[str, float]]:
    """Both ways of one page; how many times the extraction's time each rival takes."""
    from bench import rival_parsers
    from digest.sources.huggingface_page import parse_daily_cards, parse_daily_props

    text = body.decode()
    ratios = []
    for kind, ours, rivals in (
        ("JSON", parse_daily_props, rival_parsers.JSON),
        ("cards", parse_daily_cards, rival_parsers.CARDS),
    ):
        entries = ours(text).entries
        # The position is counted through all cards, of which a paper may have two.
        entries = tuple(replace(entry, position=0) for entry in entries)
        for name, way in rivals.items():
            check_same(name, way(text), entries)
        print(f"\n{title}, its {kind}: {len(body) / 1000:.0f} kB, {len(entries)} papers")
        ways: dict[str, Callable[[], object]] = {
            OURS: lambda ours=ours: ours(text),  # type: ignore[misc]
            BARE: lambda ours=ours: ours(text),  # type: ignore[misc]
        }
        ways |= {name: lambda way=way: way(text) for name, way in rivals.items()}  # type: ignore[misc]
        took = measure(ways, rounds)
        for name, ms in took.items():
            times = f"{ms / took[BARE]:6.1f} x extraction {ms / took[OURS]:6.1f} x whole"
            print(f"  {name:<28} {ms:8.2f} ms  {times}")
        ratios.append({name: took[name] / took[BARE] for name in rivals})
    return ratios


def measure_child(title: str, body: bytes) -> None:
    """What the child process costs: its start, and each page more than here (wall time)."""
    from digest.parsing import Parsers
    from digest.sources import get_kind
    from digest.types import PageRequest

    request = PageRequest(url="https://huggingface.co/papers?date=2024-08-01", day=DAY)
    kind = get_kind("huggingface")
    options = kind.Options()

    def milliseconds(parse: Callable[[], object]) -> float:
        began = time.perf_counter()
        parse()
        return 1000 * (time.perf_counter() - began)

    def in_child() -> object:
        return parsers.parse("huggingface", options, body, request)

    first = []
    for _ in range(STARTS):
        parsers = Parsers()
        first.append(milliseconds(in_child))
        parsers.close()
    here, there = [], []
    with Parsers() as parsers:
        in_child()
        for _ in range(CHILD_PAGES):
            here.append(milliseconds(lambda: kind.parse(body, request, options)))
            there.append(milliseconds(in_child))
    plain, child = statistics.median(here), statistics.median(there)
    print(
        f"\n{title}, in a child: {child:.1f} ms a page, {child - plain:+.1f} ms beside here; "
        f"the first one with the child's start {statistics.median(first):.0f} ms"
    )


def main() -> None:
    """Compare, then measure the child."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--papers", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    from bench import pages

    bodies = {
        f"an invented page of {options.papers}": pages.daily_page(pages.daily_items(options.papers, DAY), DAY)
    }
    if REAL.exists():
        bodies = {"the page of 1 Aug 2024": REAL.read_bytes(), **bodies}
    else:
        print(f"the real page is left out: {REAL} is not there (set DIGEST_SHARED)")
    with ExitStack() as stack:
        add_rivals(stack)
        ratios = [one for title, body in bodies.items() for one in compare(title, body, options.rounds)]
    for title, body in bodies.items():
        measure_child(title, body)
    print(f"\nextraction at least {AIM:.0f} times faster than")
    for name in (name for name in ratios[0] if name.startswith("BeautifulSoup")):
        told = [one[name] for one in ratios]
        answer = "yes" if min(told) >= AIM else "NO"
        print(f"  {name}: {answer} ({', '.join(f'{ratio:.1f}' for ratio in told)} in the order above)")


if __name__ == "__main__":
    main()
