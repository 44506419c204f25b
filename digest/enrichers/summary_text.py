"""What a model wrote, as a summary that can be shown, or nothing where it is none.

Anything that could lead a reader away or pass for more than one or two sentences of prose is refused whole:
text that carries a link was not written to the instruction, so the rest of it is not believed either.
"""

import re

from digest.text import clean_text, normalise, truncate

__all__ = ["MAX_SUMMARY", "read_summary"]

MAX_SUMMARY = 600
MIN_SUMMARY = 20
MAX_SENTENCES = 2
# What is looked at of an answer: a model that thinks aloud needs room before it comes to the point.
MAX_ANSWER = 20_000

THOUGHT = re.compile(r"\s*<think(?:ing)?>[^<]*</think(?:ing)?>", re.IGNORECASE)
MARKUP = re.compile(
    r"</?[A-Za-z!][^<>\n]{0,200}>?"  # HTML, and tags that were never closed
    r"|&(?:[A-Za-z]{2,10}|#[0-9xX][0-9A-Fa-f]{0,6});"
    r"|\]\(|\]\[|^\[[^\]]{0,200}\]:|```|`"  # links, references and code
    r"|^\s{0,3}(?:#{1,6}\s|[-*+•]\s|>\s|[0-9]{1,2}[.)]\s|\|)",  # headings, lists, quotations, tables
    re.MULTILINE,
)
LINK = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]{1,20}://|\bwww\.|\bmailto:|\bjavascript:|[\w.+-]{1,64}@[\w-]{1,63}\.[A-Za-z]"
    r"|\b[A-Za-z0-9-]{1,63}\.(?:com|org|net|io|ai|co|dev|app|info|biz|xyz|me|ly|gg|to|ru|cn|de|uk|eu)\b(?![-\w])",
    re.IGNORECASE,
)
EMPHASIS = re.compile(r"(?<![\w*])(\*\*|__|\*)(?=\S)([^*_\n]{1,200})(?<=\S)\1(?![\w*])")
PREFACE = re.compile(
    r"(?:(?:here is|here's)[^:.\n]{0,60}|(?:tl;?dr|summary|abstract|answer)\s?):\s*", re.IGNORECASE
)
QUOTES = ("\"\"", "“”", "''", "‘’", "«»", "„“", "「」")  # fmt: skip
REFUSAL = re.compile(
    r"(?:(?:i['’]?m |i am )?sorry|i can(?:['’]t|not)|(?:i['’]?m|i am) (?:unable|not able)|as an ai"
    r"|i won['’]t|unfortunately, i)\b",
    re.IGNORECASE,
)
SENTENCE_END = re.compile(r"[.!?][\"”’)\]]{0,2}(?=\s|$)|[。！？][」』”）]{0,2}")
ABBREVIATION = re.compile(
    r"(?:\b(?:al|etc|fig|eq|resp|approx|vs|cf|no)|\b[A-Za-z]|\.[A-Za-z])$", re.IGNORECASE
)


def read_summary(answer: str, *, title: str, is_whole: bool = True) -> str | None:
    """One or two sentences of plain text, at most 600 characters, or ``None``.

    Emphasis, quotation marks around the whole, a preface ("Summary:") and thinking aloud are taken away.
    ``None`` for what is empty, says only the title, refuses, or holds links, HTML or Markdown. An answer
    that was cut off (not ``is_whole``) gives the sentences that came to their end.
    """
    text = _bare(answer[:MAX_ANSWER])
    if MARKUP.search(text) or LINK.search(text):
        return None
    text = clean_text(text, limit=MAX_ANSWER)
    # Once more: what was hidden by invisible characters shows only now.
    if MARKUP.search(text) or LINK.search(text) or REFUSAL.match(text):
        return None
    summary = _sentences(text, is_whole=is_whole)
    if len(summary) < MIN_SUMMARY or _says_only(summary, title):
        return None
    return summary


def _bare(answer: str) -> str:
    """The text without what models like to put around it."""
    text = EMPHASIS.sub(r"\2", THOUGHT.sub("", answer, count=1)).strip()
    if preface := PREFACE.match(text):
        text = text[preface.end() :]
    if len(text) > 2 and f"{text[0]}{text[-1]}" in QUOTES:
        text = text[1:-1].strip()
    return text


def _sentences(text: str, *, is_whole: bool) -> str:
    """The first sentences, as many as are wanted and fit; a first one that is too long is cut."""
    ends = [found.end() for found in SENTENCE_END.finditer(text) if not _abbreviates(text, found)]
    if is_whole:
        ends.append(len(text))
    fitting = [end for end in ends[:MAX_SENTENCES] if end <= MAX_SUMMARY]
    if fitting:
        return text[: fitting[-1]]
    return truncate(text, MAX_SUMMARY) if ends else ""


def _abbreviates(text: str, end: re.Match[str]) -> bool:
    before = text[max(0, end.start() - 12) : end.start()]
    return end[0][0] == "." and end.end() < len(text) and ABBREVIATION.search(before) is not None


def _says_only(summary: str, title: str) -> bool:
    told, known = normalise(summary), normalise(title)
    return not told or told in known or (known in told and len(told) - len(known) < MIN_SUMMARY)
