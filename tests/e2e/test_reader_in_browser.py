"""What a person does on the web, in Chromium: from the first look at the list to leaving, and what they see.

Everything is done by what stands on the pages: names of fields and of buttons. ``--shots FOLDER`` says where
screenshots at three widths in both schemes are written (else into a temporary folder).
"""

import json
import re
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.e2e.browsing import PHONE, Served, chromium, served, serving, visiting
from tests.web_site import READER, demo_folder

__all__ = ["chromium", "demo_folder", "served"]

pytestmark = pytest.mark.e2e

NEW = "new.reader@example.org"
WIDTHS = {360: 780, 768: 1024, 1440: 900}
A_MOMENT = {"seconds": 10}  # more than a person needs at the least for a form


@pytest.fixture(scope="session")
def shots(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures go."""
    named = request.config.getoption("--shots", default=None)
    folder = Path(named) if named else tmp_path_factory.mktemp("shots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def link_in(mail: EmailMessage, part: str) -> str:
    """The path of the first link in the mail's HTML that holds ``part``."""
    body = mail.get_body(("html",))
    assert body is not None
    found = re.search(rf'href="(https?://[^"]*{re.escape(part)}[^"]*)"', str(body.get_content()))
    assert found, f"no link with {part}"
    return urlsplit(found[1]).path


def titles(page: Any) -> list[str]:
    """The papers on a page, in order."""
    return [str(one).strip() for one in page.locator(".paper-title").all_inner_texts()]


def subscribe(page: Any, served: Served) -> None:
    """From the list's line to an active subscription."""
    page.goto("/")
    page.get_by_label("Get trending papers in your email inbox once a day!").fill(NEW)
    page.get_by_role("button", name="Subscribe").click()
    assert page.get_by_label("Your mail address").input_value() == NEW
    page.get_by_label("What interests you").fill("Retrieval: dense retrieval, reranking")
    page.get_by_role("button", name="Show me today’s digest").click()
    assert "as it would be today" in page.inner_text("h1")
    assert any("Reranking" in title for title in titles(page))
    served.pass_time(**A_MOMENT)
    page.get_by_role("button", name="Subscribe by mail").first.click()
    assert page.inner_text("h1") == "Look into your mail"
    (mail,) = served.deliver()
    assert mail["To"] == NEW
    assert "dense retrieval" not in mail.as_string()
    page.goto(link_in(mail, "/confirm/"))
    assert "/confirm/" not in page.url
    page.get_by_role("button", name="Yes, subscribe me").click()
    assert page.inner_text("h1") == "You are subscribed"


def preview(page: Any) -> list[str]:
    """The papers that the preferences page says would come now."""
    page.goto("/preferences")
    page.get_by_role("button", name="Show the effect").first.click()
    return titles(page)


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_from_the_first_look_to_leaving(
    chromium: Any, served: Served, demo_folder: Path, tmp_path: Path, scripts: bool
) -> None:
    """Arrive, read, search, subscribe, confirm, change, rate, pause, move elsewhere, read why, leave."""
    with visiting(chromium, served, java_script_enabled=scripts) as page:
        page.goto("/")
        assert len(titles(page)) > 5
        page.goto("/search")
        page.get_by_role("searchbox").fill("reranking")
        page.get_by_role("searchbox").press("Enter")
        assert "Late Interaction on a Diet: Reranking With Eight Tokens per Passage" in titles(page)
        page.locator(".paper-title a").first.click()
        assert page.locator("h1").inner_text()

        subscribe(page, served)
        added = add_an_interest(page)
        rate_the_first(page)
        pause_and_go_on(page, served)
        export_and_import(page, chromium, demo_folder, tmp_path, scripts=scripts)
        why = read_a_digest_and_leave(page, served)
    assert added
    assert "unsubscribed" in why


def add_an_interest(page: Any) -> set[str]:
    """The preview changes with what is typed, before anything is saved; then it is saved."""
    before = preview(page)
    page.goto("/preferences")
    new = page.locator(".one-more")
    new.locator("summary").first.click()
    new.get_by_label("Name", exact=True).fill("Speech")
    new.get_by_label("Keywords").fill("speech recognition\nspeech separation\ntext-to-speech")
    page.get_by_role("button", name="Show the effect").first.click()
    assert page.inner_text("h1") == "What your change brings"
    after = titles(page)
    page.get_by_role("button", name="Save", exact=True).first.click()
    assert page.get_by_role("group", name="Speech").count() == 1
    assert preview(page) == after
    come = set(after) - set(before)
    assert come, "an interest in another field brings other papers"
    return come


def rate_the_first(page: Any) -> None:
    """What is rated down is not in tomorrow's digest, and what takes its place is told."""
    before = preview(page)
    unwanted = before[0]
    page.locator(".paper-title a").first.click()
    page.get_by_role("button", name=re.compile("^Less")).first.click()
    assert unwanted not in preview(page)


def pause_and_go_on(page: Any, served: Served) -> None:
    """A pause stands on the page, and ends by one click."""
    page.goto("/preferences")
    page.get_by_role("button", name="Pause").click()
    assert "Paused" in page.inner_text("main")
    page.get_by_role("button", name="Go on now").click()
    assert "Paused" not in page.inner_text(".message") if page.locator(".message").count() else True


def export_and_import(page: Any, chromium: Any, demo_folder: Path, tmp_path: Path, *, scripts: bool) -> None:
    """Taken to an installation that knows nobody, the profile gives the same digest."""
    expected = preview(page)
    answer = page.request.get("/export.json")
    assert answer.status == 200
    file = tmp_path / "profile.json"
    file.write_bytes(answer.body())
    assert json.loads(answer.body())["version"] == 1
    with serving(tmp_path / "elsewhere", demo_folder) as other:
        forget_everybody(other)
        with visiting(chromium, other, java_script_enabled=scripts) as there:
            there.goto("/subscribe")
            other.pass_time(**A_MOMENT)
            there.get_by_role("button", name="By feed only, no address").click()
            there.goto("/transfer")
            there.get_by_label("The file").set_input_files(file)
            there.get_by_role("button", name="Show what it changes").click()
            there.get_by_role("button", name="Yes, change this").click()
            assert there.inner_text("h1") == "Imported"
            assert preview(there) == expected


def forget_everybody(served: Served) -> None:
    """Remove the demonstration's readers: an installation that has papers only."""
    from digest.storage import subscribers as rows

    with served.app.database.write() as session:
        for reader in rows.list_subscribers(session):
            rows.delete_subscriber(session, reader)


def read_a_digest_and_leave(page: Any, served: Served) -> str:
    """The next morning's mail: opened in the browser, rated, and left by its foot. Why nothing comes then."""
    served.pass_time(hours=20)
    served.compose()
    mails = {str(mail["To"]): mail for mail in served.deliver()}
    mail = mails[NEW]
    page.goto(link_in(mail, "/i/"))
    assert titles(page)
    page.goto(link_in(mail, "/more"))
    assert page.inner_text("h1") == "More like this?"
    page.get_by_role("button", name="Yes, more like this").click()
    assert page.inner_text("h1") == "More like this"
    page.goto(link_in(mail, "/p/"))
    assert page.url.endswith("/preferences")
    page.goto("/preferences/why")
    assert page.locator("h1").count() == 1
    page.goto(link_in(mail, "/u/"))
    page.get_by_role("button", name="Unsubscribe").click()
    assert page.inner_text("h1") == "You are unsubscribed"
    served.pass_time(hours=24)
    page.goto("/preferences/why")
    why: str = page.inner_text("main")
    return why


def test_a_scanner_that_opens_every_link_changes_nothing(chromium: Any, served: Served) -> None:
    """As machines before a mailbox do: with scripts, every link of a mail, and wherever it leads."""
    from tests.e2e.mailed import a_mail_to, rows_of

    mail = a_mail_to(served, READER)
    body = mail.get_body(("html",))
    assert body is not None
    addresses = set(re.findall(r'href="(https?://[^"]+)"', str(body.get_content())))
    header = str(mail["List-Unsubscribe"])
    addresses |= set(re.findall(r"<(https?://[^>]+)>", header))
    own = sorted(one for one in addresses if one.startswith(served.url))
    assert {urlsplit(one).path.split("/")[1] for one in own} >= {"u", "p", "f", "i"}
    before = rows_of(served)
    with visiting(chromium, served) as page:
        for address in own:
            page.goto(address)
            page.wait_for_timeout(50)
            inside = [one.get_attribute("href") for one in page.locator("a[href]").all()]
            for path in {one for one in inside if one and one.startswith("/")}:
                assert page.request.get(path).status < 500, path
    assert rows_of(served) == before


def test_by_the_keyboard_alone(chromium: Any, served: Served) -> None:
    """Tab, Enter, and the keys of the list; what has the focus is seen."""
    with visiting(chromium, served) as page:
        page.goto("/")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "To the content"
        page.keyboard.press("j")
        first = page.evaluate("document.activeElement.textContent")
        page.keyboard.press("j")
        page.keyboard.press("j")
        page.keyboard.press("k")
        second = page.evaluate("document.activeElement.textContent")
        shown = titles(page)
        assert [first.strip(), second.strip()] == [shown[0], shown[1]]
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none"
        page.keyboard.press("Enter")
        page.wait_for_url("**/papers/*")
        page.keyboard.press("/")
        page.wait_for_url("**/search*")
        page.keyboard.press("Tab")
        page.get_by_role("searchbox").focus()
        page.keyboard.type("segmentation")
        page.keyboard.press("Enter")
        page.wait_for_url("**/search?*segmentation*")
        assert titles(page)


def test_the_key_s_saves(chromium: Any, served: Served) -> None:
    """With a session, the paper that has the focus is saved."""
    from tests.e2e.mailed import a_mail_to

    mail = a_mail_to(served, READER)
    with visiting(chromium, served) as page:
        page.goto(link_in(mail, "/p/"))
        page.goto("/")
        page.keyboard.press("j")
        title = titles(page)[0]
        with page.expect_navigation():
            page.keyboard.press("s")
        page.goto("/saved")
        assert title in titles(page)


PAGES = (
    "/",
    "/?period=week",
    "/search",
    "/search?q=retrieval",
    "/papers/1",
    "/archive",
    "/subscribe",
    "/feeds",
    "/api",
    "/nothing-here",
)
OWN_PAGES = (
    "/preferences",
    "/preferences/why",
    "/saved",
    "/issues",
    "/transfer",
    "/delete",
    "/rate?paper=1&kind=more",
)


@pytest.fixture(scope="module")
def looked_at(demo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One installation that is only looked at."""
    with serving(tmp_path_factory.mktemp("looked") / "data", demo_folder) as made:
        yield made


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pictures_at_three_widths_and_nothing_scrolls_sideways(
    chromium: Any, looked_at: Served, shots: Path, scheme: str
) -> None:
    """Written to a folder that can be looked at; no page is wider than its window."""
    from tests.e2e.mailed import a_mail_to

    link = link_in(a_mail_to(looked_at, READER), "/p/")
    for width, height in WIDTHS.items():
        options = {"viewport": {"width": width, "height": height}, "color_scheme": scheme}
        with visiting(chromium, looked_at, **options) as page:
            for address in (*PAGES[:-1], None, *OWN_PAGES):
                if address is None:
                    page.goto(link)
                    continue
                page.goto(address)
                name = re.sub(r"\W+", "-", address).strip("-") or "trending"
                page.screenshot(path=str(shots / f"{name}-{width}-{scheme}.png"), full_page=True)
                wide = page.evaluate("document.documentElement.scrollWidth")
                assert wide <= width, f"{address} is {wide} px wide at {width}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(chromium: Any, looked_at: Served, scheme: str) -> None:
    """On every page, for a stranger and for a reader."""
    from tests.e2e.mailed import a_mail_to
    from tests.e2e.test_mail_quality import from_npm

    axe = from_npm("axe-core/axe.min.js").read_text(encoding="utf-8")
    link = link_in(a_mail_to(looked_at, READER), "/p/")
    found: list[str] = []
    options = {"viewport": PHONE, "color_scheme": scheme, "bypass_csp": True}
    with visiting(chromium, looked_at, **options) as page:
        for address in (*PAGES[:-1], link, *OWN_PAGES):
            page.goto(address)
            page.evaluate(axe)
            said = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
            found += [
                f"{address}: {one['id']}: {node['html'][:160]}"
                for one in said["violations"]
                for node in one["nodes"]
            ]
    assert found == []


def test_the_first_screen_of_a_phone_shows_two_papers(chromium: Any, looked_at: Served) -> None:
    """Two whole titles with what is said of them; abstracts at three lines; targets of 44 px."""
    with visiting(chromium, looked_at, viewport=PHONE) as page:
        page.goto("/")
        for place in (0, 1):
            paper = page.locator(".paper").nth(place)
            for part in (".paper-title", ".story"):
                box = paper.locator(part).first.bounding_box()
                assert box["y"] + box["height"] <= PHONE["height"], f"{part} of paper {place + 1}"
        lines = page.evaluate(
            "(() => { const e = document.querySelector('.abstract .three');"
            " return e.clientHeight / parseFloat(getComputedStyle(e).lineHeight); })()"
        )
        assert round(lines) == 3
        small = page.evaluate(
            "[...document.querySelectorAll('a, button, input:not([type=hidden]), select, summary')]"
            ".filter(e => e.offsetParent && !e.closest('.trap, .skip') && !e.closest('p, li > span'))"
            ".map(e => [e, (e.closest('label') || e).getBoundingClientRect()])"
            ".filter(([e, b]) => b.width && (b.height < 43.5 || b.width < 43.5))"
            ".map(([e, b]) => e.outerHTML.slice(0, 90) + ' ' + b.width + 'x' + b.height)"
        )
        titled = [one for one in small if "/papers/" not in one]
        assert titled == []


def test_a_page_is_small_and_does_not_move(chromium: Any, looked_at: Served) -> None:
    """Below 60 KB in all as it travels, and no layout shift."""
    with visiting(chromium, looked_at) as page:
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        sizes: list[float] = []
        session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
        page.add_init_script(
            "window.__shift = 0; new PerformanceObserver(list => { for (const one of list.getEntries())"
            " window.__shift += one.value; }).observe({type: 'layout-shift', buffered: true});"
        )
        page.goto("/", wait_until="networkidle")
        assert 0 < sum(sizes) < 60_000
        assert page.evaluate("window.__shift") == 0
