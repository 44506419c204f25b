"""Text that attacks, wherever text from outside is shown: it stays text.

6,613 payloads of the shared corpus, as title, abstract, author, keyword, search and address. Each page is
held against the same page with harmless text: the same elements with the same attributes, whatever was
shown. Those that show what is stored are opened in Chromium with scripts too; there nothing runs, nothing is
asked for from elsewhere, and the policy has nothing to refuse. Skips where the corpus is absent.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import feedparser
import pytest
from selectolax.lexbor import LexborHTMLParser
from starlette.testclient import TestClient

from digest.feeds import FeedView, feed_from_papers, render_atom, render_rss
from digest.render import render_html
from digest.types import Entry, FeedLinks, PaperView
from digest.web import make_web
from tests.e2e.browsing import Served, chromium, serving, visiting
from tests.issue_samples import issue, item, paper, with_mail_feedback
from tests.storage_rows import add_papers
from tests.web_site import demo_folder, last_moment

__all__ = ["chromium", "demo_folder"]

pytestmark = pytest.mark.e2e

PER_PAPER = 60
HARMLESS = "harmless words"
# What a script of a payload would leave behind, were it to run.
SNARE = """
window.__ran = [];
for (const name of ["alert", "confirm", "prompt", "print"])
  window[name] = (...given) => { window.__ran.push(name + ": " + given); };
"""


@pytest.fixture(scope="module")
def payloads(shared: Path) -> list[str]:
    """The lines of the corpus that hold anything, each once."""
    text = (shared / "corpora" / "xss-payload-list.txt").read_text(encoding="utf-8", errors="replace")
    return list(dict.fromkeys(line for line in text.splitlines() if line.strip()))


@pytest.fixture(scope="module")
def attacked(
    payloads: list[str], demo_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """Every payload is one paper's title, abstract, only author and keyword; and of some others a part.

    They are stored as they stand: what parsers take away is not relied upon.
    """
    with serving(tmp_path_factory.mktemp("attacked") / "data", demo_folder) as served:
        now = last_moment(served.app)
        entries = [
            Entry(
                title=payload,
                abstract=payload,
                authors=(payload,),
                keywords=(payload,),
                categories=(payload[:40],),
                organisation=payload,
                summary=payload,
                summary_by=payload,
                venue=payload,
                submitter=payload,
                code_url=payload,
                project_url=f"javascript:alert({number})",
                url=payload,
                position=number,
                source_ref=f"attack-{number}",
                votes=1,
            )
            for number, payload in enumerate(payloads, start=1)
        ]
        entries += [
            Entry(
                title=f"Many at once {first}",
                abstract=" ".join(payloads[first : first + PER_PAPER]),
                authors=tuple(payloads[first : first + PER_PAPER]),
                keywords=tuple(payloads[first : first + PER_PAPER]),
                position=1,
                source_ref=f"many-{first}",
            )
            for first in range(0, len(payloads), PER_PAPER)
        ]
        with served.app.database.write() as session:
            add_papers(session, entries, now=now, day=now.date())
        yield served


def client_of(served: Served) -> TestClient:
    """A visitor that is not a browser, and so quick."""
    return TestClient(make_web(served.app), base_url=served.url, headers={"Sec-Fetch-Site": "same-origin"})


def structure(html: str) -> Counter[tuple[str, tuple[str, ...]]]:
    """How often each element stands there, by its name and its attributes' names."""
    root = LexborHTMLParser(html).root
    assert root is not None
    found: Counter[tuple[str, tuple[str, ...]]] = Counter()
    for node in root.traverse(include_text=False):
        found[node.tag or "", tuple(sorted(node.attributes))] += 1
    return found


def marks(html: str, **places: str) -> set[str]:
    """Elements and attributes that no page of ours has."""
    allowed = re.compile(r"on[a-z]+|style|srcdoc|formaction|background|xlink:href")
    root = LexborHTMLParser(html).root
    assert root is not None
    found = set()
    for node in root.traverse(include_text=False):
        for name, value in node.attributes.items():
            if allowed.fullmatch(name):
                found.add(f"<{node.tag} {name}>")
            if name in ("href", "src", "action") and not re.match(
                r"(https?|mailto|webcal|feed):|/|\?|#|$", (value or "").strip()
            ):
                found.add(f"<{node.tag} {name}={value}>")
        if node.tag in ("iframe", "object", "embed", "base", "marquee", "img", "video", "audio", "math"):
            found.add(f"<{node.tag}>")
        if node.tag == "script" and "keys.js" not in (node.attributes.get("src") or ""):
            found.add("<script>")
    return found


def test_as_a_search_a_payload_changes_no_element(attacked: Served, payloads: list[str]) -> None:
    """Asked for on a page that finds nothing, so that all that differs is the words."""
    client = client_of(attacked)
    odd = "zzzyyyxxx"
    expected = structure(client.get("/search", params={"q": odd, "until": "2000-01-01"}).text)
    for payload in payloads:
        answer = client.get("/search", params={"q": payload, "until": "2000-01-01"})
        assert answer.status_code < 500, payload
        assert not marks(answer.text), payload
        if answer.status_code == 200:
            differs = structure(answer.text) - expected
            assert not {name for name, _ in differs} - {"p", "span", "mark", "b", "em", "a", "li"}, payload


def test_as_an_address_a_payload_changes_no_element(
    attacked: Served, payloads: list[str], request: pytest.FixtureRequest
) -> None:
    """The form comes back with what was typed, as text. One in seven; all with ``--full``."""
    client = client_of(attacked)
    for payload in payloads[:: 1 if request.config.getoption("--full", default=False) else 7]:
        for action in ("start", "subscribe"):
            answer = client.post("/subscribe", data={"email": payload, "action": action})
            assert answer.status_code < 500, payload
            assert not marks(answer.text), payload


def test_as_papers_they_are_text_on_every_page(
    attacked: Served, payloads: list[str], chromium: Any, request: pytest.FixtureRequest
) -> None:
    """Every list page in a browser with scripts, and the pages of papers that hold sixty payloads each."""
    day = attacked.app.now().date()
    pages = -(-len(payloads) // 50) + 3
    with attacked.app.database.read() as session:
        from digest.storage.papers import list_papers

        many = [paper.id for paper in list_papers(session, limit=20_000) if "Many at once" in paper.title]
    addresses = [f"/?date={day}&page={page}" for page in range(1, pages + 1)]
    addresses += [f"/papers/{number}" for number in many]
    addresses += ["/archive", "/search?q=alert", "/search?q=script", "/search?q=onerror", "/feeds"]
    if not request.config.getoption("--full", default=False):
        addresses = addresses[:60:3] + addresses[60::4]
    with visiting(chromium, attacked) as page:
        page.add_init_script(SNARE)
        page.on("dialog", lambda dialog: page.troubles.append(f"dialog: {dialog.message}"))
        for address in addresses:
            answer = page.goto(address)
            assert answer.status == 200, address
            assert page.evaluate("window.__ran") == [], address
            assert not marks(page.content()), address


def views(payloads: list[str]) -> list[PaperView]:
    """A paper of each."""
    return [
        paper(
            number,
            title=payload,
            abstract=payload,
            authors=(payload,),
            organisation=payload,
            keywords=(payload,),
            summary=payload if number % 2 else None,
            code_url=payload,
        )
        for number, payload in enumerate(payloads, start=1)
    ]


def test_no_mail_breaks(payloads: list[str]) -> None:
    """Twenty papers a mail: no element that no mail of ours has, and all that was meant as text is there."""
    allowed = re.compile(r"<\w+ style>")
    for first in range(0, len(payloads), 20):
        shown = [
            item(one, interest=one.title, reasons=(one.title,)) for one in views(payloads[first : first + 20])
        ]
        digest = issue(shown, subject=payloads[first], coverage=payloads[first])
        html = render_html(digest, with_mail_feedback(digest))
        assert not {one for one in marks(html) if not allowed.match(one)}, payloads[first]
        assert html.count('role="presentation"') == html.count("<table")


@pytest.mark.parametrize("render", [render_rss, render_atom])
def test_every_payload_is_text_in_a_feed(payloads: list[str], render: Callable[[FeedView], str]) -> None:
    """Well-formed with all of them, and each item's title is the payload as one line."""
    links = FeedLinks("https://d.example/f.rss", "https://d.example/f.atom", "https://d.example/f.json")
    papers = views(payloads)
    feed = feed_from_papers(papers, authority="d.example", scope="x", title="x", description="x", links=links)
    root = ET.fromstring(render(feed).encode())
    titles = [one.text for one in root.iter() if one.tag.rpartition("}")[2] == "title"]
    assert len(titles) >= len(papers)
    assert [one.title for one in feed.items] == titles[-len(papers) :]


@pytest.mark.parametrize("kind", ["rss", "atom", "json"])
def test_no_feed_breaks(attacked: Served, payloads: list[str], kind: str) -> None:
    """Well-formed, and each title comes back as its text."""
    client = client_of(attacked)
    for payload in payloads[::50]:
        answer = client.get(f"/feeds/search.{kind}", params={"q": payload})
        assert answer.status_code in (200, 400, 404), payload
        if answer.status_code != 200:
            continue
        if kind == "json":
            assert answer.json()["version"]
        else:
            ET.fromstring(answer.content)
            assert not feedparser.parse(answer.content).bozo, payload


def test_harmless_text_is_what_the_structure_is_held_against(attacked: Served) -> None:
    """The check itself can fail."""
    client = client_of(attacked)
    page = client.get("/search", params={"q": HARMLESS}).text
    assert not marks(page)
    assert marks(page.replace("</main>", "<img src=x onerror=alert(1)></main>"))
    assert structure(page) != structure(page.replace("</main>", "<b>x</b></main>"))
