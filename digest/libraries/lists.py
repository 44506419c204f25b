"""Plain lists: an arXiv id, a DOI, a link or a title a line, or an id beside a title."""

import re
from typing import Final

from digest.libraries.paper import OTHER_IDS, Collector, RawPaper
from digest.text import parse_arxiv_id, parse_doi, plain, safe_url, truncate

__all__ = ["read_list"]

MAX_LINE: Final = 4000
MAX_LINES: Final = 100_000
MAX_TOKENS: Final = 60
MAX_TOLD: Final = 40

_BULLET: Final = re.compile(r"\s{0,20}(?:[-*•‣–]\s|\[?[0-9]{1,4}[.)\]]\s)\s{0,20}")
_NAMED: Final = re.compile(r"(?i)\b(arxiv|doi|pmid|pmcid)\s?:\s{1,3}(?=\S)")
# What parts two ids that stand without a space between them.
_GLUE: Final = re.compile(r"(?i)[,;|](?=10\.[0-9]{4}|(?:arxiv|doi|https?):|[0-9]{4}\.[0-9]{4,5})")
_PMC: Final = re.compile(r"PMC[0-9]{4,9}")
_BEFORE: Final = "()[]<>{},;\"'“”"
_AFTER: Final = "[]<>{},;\"'“”.:"
_WRITTEN: Final = re.compile(r"\w")
_LETTER: Final = re.compile(r"[^\W\d_]")


def read_list(text: str, found: Collector) -> None:
    """Every line is a paper, or several where it has nothing but ids of several.

    Empty lines and those that begin with ``#`` are none; what follows ``#`` after an id is a remark.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        if number > MAX_LINES:
            found.tell(
                f"line {number}", f"and what follows were not read: that is more than {MAX_LINES:,} lines"
            )
            return
        stripped = line.strip()
        if not stripped or stripped.startswith(("#", "%", "//")):
            continue
        if not _WRITTEN.search(stripped):
            found.tell(f"line {number}", "holds no words")
            continue
        for raw in _each(_read_line(stripped[:MAX_LINE], number)):
            if found.must_stop():
                return
            if raw.title and not (_LETTER.search(raw.title) or raw.ids or raw.urls or raw.others):
                found.tell(
                    f"line {number}:", f"“{truncate(raw.title, MAX_TOLD)}” is neither an id nor a title"
                )
            else:
                found.add(raw, f"line {number}")


def _each(raw: RawPaper) -> list[RawPaper]:
    """The papers of a line: one with all that it tells, or one for each id where only such stand there."""
    told = [*raw.ids, *raw.urls]
    several = (len({parse(one) for one in told} - {None}) > 1 for parse in (parse_arxiv_id, parse_doi))
    if raw.title or not any(several):
        return [raw]
    return [RawPaper(ids=[one], urls=[one], line=raw.line) for one in dict.fromkeys(told)]


def _bare(token: str) -> str:
    """A word without the marks around it; a bracket that it opens itself is its own."""
    token = token.lstrip(_BEFORE).rstrip(_AFTER)
    while token.endswith(")") and token.count("(") < token.count(")"):
        token = token[:-1].rstrip(_AFTER)
    return token


def _read_line(line: str, number: int) -> RawPaper:
    raw = RawPaper(line=number)
    words: list[str] = []
    ids: list[str] = []
    urls: list[str] = []
    others: dict[str, str] = {}
    line = _GLUE.sub(" ", _NAMED.sub(r"\1:", _BULLET.sub("", line, count=1)))
    tokens = line.split()
    for place, token in enumerate(tokens):
        bare = _bare(token)
        kind, _, value = ("pmcid", "", bare) if _PMC.fullmatch(bare) else bare.partition(":")
        pattern = OTHER_IDS.get(kind.lower())
        if token.startswith("#") and (ids or urls or others) and not words:
            break
        if place >= MAX_TOKENS:
            words.append(token)
        elif pattern is not None and pattern.fullmatch(value):
            others[kind.lower()] = value
        elif bare.startswith(("http://", "https://", "www.")):
            urls.append(bare if "://" in bare else f"https://{bare}")
        elif parse_arxiv_id(bare) or (parse_doi(bare) and bare.lower().startswith(("10.", "doi:"))):
            ids.append(bare)
        else:
            words.append(token)
    raw.ids, raw.urls, raw.others = ids, [url for url in urls if safe_url(url)], others
    raw.title = plain(" ".join(words)).strip(" -–—,;:|()[]")
    return raw
