"""The public archive."""

import pytest

from tests.test_web_trending import open_page, texts
from tests.web_site import WebSite, demo_folder, site

__all__ = ["demo_folder", "site"]


def test_each_day_has_its_papers_and_its_top_one(site: WebSite) -> None:
    page = open_page(site.client, "/archive")
    assert texts(page, "h1") == ["January 2026"]
    days = [(node.attributes["href"], node.css_first(".muted").text()) for node in page.css("a.day")]
    assert days == [
        ("/?date=2026-01-16", "16 papers"),
        ("/?date=2026-01-14", "16 papers"),
        ("/?date=2026-01-13", "14 papers"),
        ("/?date=2026-01-12", "15 papers"),
    ]
    for day, top in zip(page.css("a.day"), page.css("a.top"), strict=True):
        first = open_page(site.client, day.attributes["href"] or "").css_first(".paper-title a")
        assert first.attributes["href"] == top.attributes["href"]


@pytest.mark.parametrize("month", ["2026-13", "x", "2026-1", "0000-00", "9999-12", "%00", "2026-01-01"])
def test_what_is_no_month_gives_the_newest_and_a_word(site: WebSite, month: str) -> None:
    page = open_page(site.client, f"/archive?month={month}")
    assert texts(page, "h1") == ["January 2026"]
    assert len(texts(page, ".message")) == 1


def test_a_month_without_papers_says_so(site: WebSite) -> None:
    page = open_page(site.client, "/archive?month=2025-07")
    assert texts(page, "h1") == ["July 2025"]
    assert page.css("a.day") == []
    assert [node.attributes["href"] for node in page.css(".months a")] == ["/archive?month=2026-01"]
