"""The pictures of the documentation are made here: few, small, and of invented papers.

To renew them: ``./run.sh e2e -k pictures_of_the_documentation --shots docs``, then look at them.
"""

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from digest.pipeline.moment import Moment
from digest.pipeline.preview import preview_as
from tests.e2e.browsing import Served, chromium, served, visiting
from tests.e2e.mailed import a_mail_to
from tests.web_site import READER, demo_folder

__all__ = ["chromium", "demo_folder", "served"]

pytestmark = pytest.mark.e2e

DOCS = Path(__file__).resolve().parents[2] / "docs"
MAIL, FRONT, PREFERENCES = PICTURES = ("digest.png", "web.png", "preferences.png")
MOST_BYTES = 300_000
GOOD_DAY = date(2026, 1, 14)  # of the demonstration's: one with papers in most sections


def test_pictures_of_the_documentation(
    request: pytest.FixtureRequest, chromium: Any, served: Served, tmp_path: Path
) -> None:
    """A mail, the front page and a reader's preferences."""
    named = request.config.getoption("--shots", default=None)
    folder = Path(named) if named else tmp_path / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    app = served.app
    shown, _ = preview_as(app.composer(), app.deliverer(), READER, Moment(app.now(), GOOD_DAY), "html")
    with visiting(chromium, served, viewport={"width": 680, "height": 900}) as page:
        page.set_content(str(shown))
        page.screenshot(path=str(folder / MAIL))
    body = a_mail_to(served, READER).get_body(("html",))
    assert body is not None
    with visiting(chromium, served, viewport={"width": 860, "height": 520}) as page:
        page.goto("/?period=month")
        assert page.locator(".paper-title").count() > 3
        page.screenshot(path=str(folder / FRONT))
        link = re.search(r'href="(http[^"]*/p/[^"]*)"', str(body.get_content()))
        assert link
        page.goto(link[1])
        assert page.locator("textarea").count() > 2
        page.screenshot(path=str(folder / PREFERENCES))
    sizes = [(folder / name).stat().st_size for name in PICTURES]
    assert min(sizes) > 0
    assert sum(sizes) < MOST_BYTES, sizes


def test_the_pictures_in_the_repository_are_these() -> None:
    """And each is shown somewhere."""
    kept = sorted(DOCS.glob("*.png"))
    assert [one.name for one in kept] == sorted(PICTURES)
    assert sum(one.stat().st_size for one in kept) < MOST_BYTES
    text = "".join(page.read_text("utf-8") for page in DOCS.glob("*.md"))
    assert [one.name for one in kept if f"({one.name})" not in text] == []
