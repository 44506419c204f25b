"""The same extraction from the same pages with BeautifulSoup and with lxml, as one would write it for speed.

Each gives records: the fields of an entry by name, text with its white space squeezed and nothing else done.
That is less than this program does (no LaTeX, no controls taken out, no addresses checked).
"""

import json
import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from bs4 import BeautifulSoup, Tag
from lxml import html as lxml_html

__all__ = ["CARDS", "JSON"]

Record = dict[str, Any]
PAPER = re.compile(r"/papers/([\w.-]+)$")
CONTAINER = "DailyPapers"


def _squeezed(text: str) -> str:
    return " ".join(text.split())


def from_props(props: str) -> list[Record]:
    """Records of the page's JSON."""
    page = json.loads(props)
    return [_of_item(item, page["date"][:10]) for item in page["dailyPapers"]]


def _of_item(item: Record, day: str) -> Record:
    paper = item["paper"]
    return {
        "source_ref": paper["id"],
        "title": _squeezed(paper["title"]),
        "abstract": _squeezed(paper["summary"]),
        "votes": paper["upvotes"],
        "comments": item["numComments"],
        "authors": tuple(_squeezed(one["name"]) for one in paper["authors"] if not one.get("hidden")),
        "submitter": item["submittedBy"]["name"],
        "published_on": paper["publishedAt"][:10],
        "listed_on": paper.get("submittedOnDailyAt", day)[:10],
        "thumbnail_url": item.get("thumbnail"),
        "media_urls": tuple(item.get("mediaUrls", ())),
    }


def _unique(cards: Iterable[Record]) -> list[Record]:
    found: dict[str, Record] = {}
    for card in cards:
        found.setdefault(card["source_ref"], card)
    return list(found.values())


# --- BeautifulSoup ---------------------------------------------------------------------------------


def soup_json(builder: str, text: str) -> list[Record]:
    """The page's JSON with BeautifulSoup."""
    container = BeautifulSoup(text, builder).find(attrs={"data-target": CONTAINER})
    assert isinstance(container, Tag)
    return from_props(str(container["data-props"]))


def soup_cards(builder: str, text: str) -> list[Record]:
    """The page's cards with BeautifulSoup."""
    container = BeautifulSoup(text, builder).find(attrs={"data-target": CONTAINER})
    assert isinstance(container, Tag)
    time = container.find("time")
    day = str(time["datetime"])[:10] if isinstance(time, Tag) else None
    return _unique(_soup_card(card, day) for card in container.find_all("article"))


def _soup_card(card: Tag, day: str | None) -> Record:
    links = [(str(link["href"]), link) for link in card.find_all("a", href=True)]
    comments = next(link for href, link in links if href.endswith("#community"))
    words = list(card.stripped_strings)
    sources = [str(node["src"]) for node in card.find_all(["img", "video", "source"], src=True)]
    media = tuple(str(node["src"]) for node in card.find_all(["video", "source"], src=True))
    return {
        "source_ref": next(found[1] for href, _ in links if (found := PAPER.match(href))),
        "title": _squeezed(card.h3.get_text()),
        "votes": int(card.find("input", type="checkbox").parent.get_text(strip=True)),
        "comments": int(comments.get_text(strip=True)),
        "submitter": words[words.index("Submitted by") + 1],
        "listed_on": day,
        "thumbnail_url": next((url for url in sources if "/social-thumbnails/" in url), None),
        "media_urls": media,
    }


# --- lxml ------------------------------------------------------------------------------------------


def lxml_json(text: str) -> list[Record]:
    """The page's JSON with lxml."""
    (props,) = lxml_html.fromstring(text).xpath("//*[@data-target=$name]/@data-props", name=CONTAINER)
    return from_props(props)


def lxml_cards(text: str) -> list[Record]:
    """The page's cards with lxml."""
    (container,) = lxml_html.fromstring(text).xpath("//*[@data-target=$name]", name=CONTAINER)
    time = container.find(".//time")
    day = time.get("datetime")[:10] if time is not None else None
    return _unique(_lxml_card(card, day) for card in container.iter("article"))


def _lxml_card(card: Any, day: str | None) -> Record:
    links = [(link.get("href"), link) for link in card.iter("a") if link.get("href")]
    comments = next(link for href, link in links if href.endswith("#community"))
    words = [word for piece in card.itertext() if (word := piece.strip())]
    media = tuple(node.get("src") for node in card.iter("video", "source") if node.get("src"))
    sources = (node.get("src", "") for node in card.iter("img"))
    return {
        "source_ref": next(found[1] for href, _ in links if (found := PAPER.match(href))),
        "title": _squeezed(card.find(".//h3").text_content()),
        "votes": int(card.find(".//input").getparent().text_content().strip()),
        "comments": int(comments.text_content().strip()),
        "submitter": words[words.index("Submitted by") + 1],
        "listed_on": day,
        "thumbnail_url": next((url for url in sources if "/social-thumbnails/" in url), None),
        "media_urls": media,
    }


Way = Callable[[str], list[Record]]
JSON: dict[str, Way] = {
    "BeautifulSoup(html.parser)": partial(soup_json, "html.parser"),
    "BeautifulSoup(lxml)": partial(soup_json, "lxml"),
    "lxml": lxml_json,
}
CARDS: dict[str, Way] = {
    "BeautifulSoup(html.parser)": partial(soup_cards, "html.parser"),
    "BeautifulSoup(lxml)": partial(soup_cards, "lxml"),
    "lxml": lxml_cards,
}
