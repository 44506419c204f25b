"""Hugging Face's HTML page of papers: the JSON inside it, or its cards.

All papers stand inside ``[data-target="DailyPapers"]``. Its attribute ``data-props`` is
``{"date": "…T00:00:00.000Z", "dailyPapers": [items as of the API], …}``; its ``article`` elements are
the cards. A card carries no abstract and no authors' names; the lines of text on the cards of 2026
are the machine's summary or the abstract's beginning, and do not say which, so they are left alone.

The page of a day tells that day once for all; those of a week, a month, a search or what is trending do
not (``is_daily``), and only what an item says of itself is its day there.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from selectolax.lexbor import LexborHTMLParser, LexborNode

from digest.errors import ParseError
from digest.sources.huggingface_items import MAX_NAME, MAX_TITLE, THUMBNAIL, read_items, utc_day
from digest.sources.strict_json import describe, load_json
from digest.text import parse_arxiv_id, parse_count, parse_day, plain, safe_url
from digest.types import Entry, ParsedPage

__all__ = [
    "CONTAINER",
    "PAPER_LINK",
    "parse_daily_cards",
    "parse_daily_page",
    "parse_daily_props",
    "read_cards",
]

CONTAINER = '[data-target="DailyPapers"]'
SOUGHT = "Hugging Face's container of papers (an element with data-target=DailyPapers)"
# Browsers that save a page make its links absolute.
PAPER_LINK = re.compile(r"(?:https?://[^/?#]+)?/papers/([\w.-]{1,100})/?(?:[?#]|$)")
ACCOUNT_LINK = re.compile(r"(?:https?://huggingface\.co)?/(?!papers$|login$|join$)[\w.-]+$")
PUBLISHED = re.compile(r"(?:Published on )?([A-Z][a-z]{2,8} \d{1,2}, \d{4})")
SUBMITTER = re.compile(r"^Submitted by\n+(.+)$", re.MULTILINE)
# Both are made from one list at one time. One paper more or less may come of a list that grew between;
# beyond that, and beyond this share of all ids, one of the two is misread.
LAG = 1
MAX_DIFFERENT = 0.1


def parse_daily_page(html: str, *, is_daily: bool = True) -> ParsedPage:
    """The entries of the page: those of its JSON, else those of its cards. Raises ``ParseError``.

    Where both are there and name different papers, the page says so in its ``disagreement``.
    """
    return read_page(_container(html), is_daily=is_daily)


def parse_daily_props(html: str) -> ParsedPage:
    """The entries of the JSON inside the page. Raises ``ParseError``."""
    return _read_props(_container(html))


def parse_daily_cards(html: str) -> ParsedPage:
    """The entries of the page's cards, each paper once however often its card stands there.

    A container without cards is a page without papers. Raises ``ParseError`` without a container.
    """
    return read_cards(_container(html))


def read_page(container: LexborNode, *, is_daily: bool = True) -> ParsedPage:
    """The entries of a container: its JSON, else its cards. Raises ``ParseError``."""
    if "data-props" not in container.attributes:
        return read_cards(container, is_daily=is_daily)
    try:
        page = _read_props(container, is_daily=is_daily)
    except ParseError:
        cards = read_cards(container, is_daily=is_daily)
        if cards.entries:
            return cards
        raise
    if page.entries:
        # The JSON tells more, so it is what is handed on; whether it is to be believed is the caller's.
        return replace(page, disagreement=_disagreement(page, container))
    # "Nothing" beside cards is a list that has moved elsewhere, not an empty one.
    return max(page, read_cards(container, is_daily=is_daily), key=lambda way: len(way.entries))


def read_cards(root: LexborNode, *, is_daily: bool = True) -> ParsedPage:
    """The entries of all cards below ``root``."""
    page_date = _page_date(root) if is_daily else None
    entries: dict[str, Entry] = {}
    skipped = 0
    for card in root.css("article"):
        entry = _card(card, len(entries) + 1, page_date)
        if entry is None:
            skipped += 1
        else:
            # The markup of 2026 has every card twice, for wide and narrow screens.
            entries.setdefault(entry.source_ref or entry.title, entry)
    return ParsedPage(entries=tuple(entries.values()), page_date=page_date, skipped=skipped)


def _container(html: str) -> LexborNode:
    tree = LexborHTMLParser(html)
    container = tree.css_first(CONTAINER)
    if container is None:
        title = tree.css_first("title")
        name = plain(title.text(), limit=80) if title else ""
        raise ParseError(f"looked for {SOUGHT}, found " + (f"a page titled {name!r}" if name else "none"))
    return container


def _disagreement(page: ParsedPage, container: LexborNode) -> str | None:
    """Where the ids of the JSON and those the cards link to differ, in words; ``None`` without cards."""
    told = {entry.source_ref for entry in page.entries}
    links = container.css('article a[href*="/papers/"]')
    linked = {found[1] for link in links if (found := PAPER_LINK.match(link.attributes.get("href") or ""))}
    differing = len(told ^ linked)
    if not linked or differing <= max(LAG, MAX_DIFFERENT * len(told | linked)):
        return None
    return (
        f"the page's JSON and its cards list different papers: {len(told)} and {len(linked)},"
        f" {len(told & linked)} of them the same"
    )


def _read_props(container: LexborNode, *, is_daily: bool = True) -> ParsedPage:
    sought = "the JSON of papers in the page's data-props"
    props = load_json(container.attributes.get("data-props") or "", sought=sought)
    items = props.get("dailyPapers") if isinstance(props, dict) else None
    if not isinstance(props, dict) or not isinstance(items, list):
        raise ParseError(f"looked for {sought} (a list dailyPapers), found {describe(props)}")
    page_date = utc_day(props.get("date")) if is_daily else None
    entries, skipped = read_items(items, page_date=page_date)
    return ParsedPage(entries=entries, page_date=page_date, skipped=skipped)


def _card(card: LexborNode, position: int, page_date: date | None) -> Entry | None:
    parts = _parts(card)
    links = [(link.attributes.get("href") or "", link) for link in parts["a"]]
    ref = next((found[1] for href, _ in links if (found := PAPER_LINK.match(href))), None)
    title = plain(parts["h3"][0].text(), limit=MAX_TITLE) if parts["h3"] else ""
    if not ref or not title:
        return None
    code = next(((href, link) for href, link in links if href.startswith("https://github.com/")), None)
    community = next((link for href, link in links if href.endswith("#community")), None)
    submitter = SUBMITTER.search(card.text(separator="\n", strip=True))
    return Entry(
        title=title,
        position=position,
        arxiv_id=parse_arxiv_id(ref),
        source_ref=ref,
        listed_on=page_date,
        published_on=_published_on(parts["span"]),
        votes=_votes(card),
        comments=_last_count(community),
        stars=_last_count(code[1]) if code else None,
        submitter=plain(submitter[1], limit=MAX_NAME) if submitter else None,
        organisation=_organisation(links),
        code_url=safe_url(code[0]) if code else None,
        thumbnail_url=next(_sources(parts["img"], "a img", having=THUMBNAIL), None),
        media_urls=tuple(_sources(parts["video"], "video, video source")),
    )


def _parts(card: LexborNode) -> dict[str, list[LexborNode]]:
    """The elements of a card that tell something, by name, in the page's order; sources are with videos.

    One walk over a card takes as long as two searches by a selector.
    """
    parts: dict[str, list[LexborNode]] = {"a": [], "h3": [], "img": [], "span": [], "video": []}
    lists = {**parts, "source": parts["video"]}
    for node in card.traverse():
        if (found := lists.get(node.tag or "")) is not None:
            found.append(node)
    return parts


def _votes(card: LexborNode) -> int | None:
    box = card.css_first('input[type="checkbox"]')
    return _last_count(box.parent if box else card.css_first('[role="checkbox"]'))


def _last_count(node: LexborNode | None) -> int | None:
    """The number that ends an element's text, such as ``GitHub 90.1k``."""
    words = node.text(separator=" ", strip=True).split() if node else []
    return parse_count(words[-1]) if words else None


def _organisation(links: list[tuple[str, LexborNode]]) -> str | None:
    for href, link in links:
        if ACCOUNT_LINK.match(href) and (name := link.css_first("span")):
            return plain(name.text(), limit=MAX_NAME) or None
    return None


def _published_on(spans: list[LexborNode]) -> date | None:
    for span in spans:
        if found := PUBLISHED.fullmatch(span.text(strip=True)):
            return parse_day(found[1], not_after=date.max)
    return None


def _sources(nodes: list[LexborNode], selector: str, *, having: str = "") -> Iterator[str]:
    for node in nodes:
        source = node.attributes.get("src") or ""
        if having in source and node.css_matches(selector) and (url := safe_url(source)):
            yield url


def _page_date(root: LexborNode) -> date | None:
    time = root.css_first("time[datetime]")
    return utc_day(time.attributes.get("datetime")) if time else None
