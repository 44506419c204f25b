"""Plain lists: an arXiv id, a DOI, a link or a title a line, or an id beside a title."""

import re
from typing import Final

from digest.libraries.paper import OTHER_IDS, Collector, RawPaper
from digest.text import parse_arxiv_id, parse_doi, plain, safe_url

__all__ = ["read_list"]

MAX_LINE: Final = 4000
MAX_LINES: Final = 100_000
MAX_TOKENS: Final = 60

_BULLET: Final = re.compile(r"\s{0,20}(?:[-*•‣–]\s|\[?[0-9]{1,4}[.)\]]\s)\s{0,20}")
_NAMED: Final = re.compile(r"(?i)\b(arxiv|doi|pmid|pmcid)\s?:\s{1,3}(?=\S)")
_AROUND: Final = "()[]<>{},;\"'“”"
_LETTER: Final = re.compile(r"\w")


def read_list(text: str, found: Collector) -> None:
    """Every line is a paper; empty lines and those that begin with ``#`` are not."""
    for number, line in enumerate(text.split("\n"), start=1):
        if number > MAX_LINES:
            found.tell(
                f"line {number}", f"and what follows were not read: that is more than {MAX_LINES:,} lines"
            )
            return
        stripped = line.strip()
        if not stripped or stripped.startswith(("#", "%", "//")):
            continue
        if found.must_stop():
            return
        if not _LETTER.search(stripped):
            found.tell(f"line {number}", "holds no words")
            continue
        found.add(_read_line(stripped[:MAX_LINE], number), f"line {number}")


def _read_line(line: str, number: int) -> RawPaper:
    raw, words, others = RawPaper(line=number), [], {}
    ids: list[str] = []
    urls: list[str] = []
    line = _NAMED.sub(r"\1:", _BULLET.sub("", line, count=1))
    tokens = line.split()
    for token in tokens[:MAX_TOKENS]:
        bare = token.strip(_AROUND).rstrip(".:")
        kind, _, value = bare.partition(":")
        pattern = OTHER_IDS.get(kind.lower())
        if pattern is not None and pattern.fullmatch(value):
            others[kind.lower()] = value
        elif bare.startswith(("http://", "https://", "www.")):
            urls.append(bare if "://" in bare else f"https://{bare}")
        elif parse_arxiv_id(bare) or (parse_doi(bare) and bare.lower().startswith(("10.", "doi:"))):
            ids.append(bare)
        else:
            words.append(token)
    words += tokens[MAX_TOKENS:]
    raw.ids, raw.urls, raw.others = ids, [url for url in urls if safe_url(url)], others
    raw.title = plain(" ".join(words)).strip(" -–—,;:|()[]")
    return raw
