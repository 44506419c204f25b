"""What reading a page of papers skips for speed changes nothing: the short way beside the long one."""

import re
import sys
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from digest.sources import huggingface_items as items
from digest.sources.huggingface import parse_daily_cards, parse_daily_page
from digest.text import addresses, cleaning, latex, parse_arxiv_id, plain, safe_url

PIECES = [
    "A",
    "b",
    "Ada",
    " ",
    "-",
    ".",
    "\n",
    "é",
    "<b>",
    "&amp;",
    "\\",
    "$",
    "times",
    "\ud800",
    "\u200b",
    "9",
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)
IDS = st.text(st.sampled_from("0123456789.v\n /٣th-"), max_size=12) | st.from_regex(items.ARXIV_ID)


def card(inner: str) -> str:
    return (
        '<main><a><div data-target="DailyPapers"><article>'
        f'<h3><a href="/papers/2603.90001">T</a></h3>{inner}</article></div></a></main>'
    )


class TestNames:
    @given(st.lists(TEXTS | st.none() | st.integers(), max_size=50))
    @example(["Ada\nBo", "Cy"])
    @example(["Ada"] * 19 + ["Zoë", "", "Bo"] + ["Cy"] * 30)
    def test_many_at_once_are_what_they_are_one_by_one(self, names: list[Any]) -> None:
        one_by_one = tuple(
            name if items.CLEAN_NAME.fullmatch(name) else plain(name, limit=items.MAX_NAME)
            for name in names
            if isinstance(name, str)
        )
        assert items._names(names) == tuple(filter(None, one_by_one))

    @pytest.mark.parametrize("value", [None, "Ada", {"name": "Ada"}, 3, []])
    def test_what_is_no_list_has_none(self, value: object) -> None:
        assert items._names(value) == items._authors(value) == ()

    def test_authors_that_are_none_are_left_out(self) -> None:
        assert items._authors(["Ada", None, {}, {"name": 3}, {"name": "Bo"}]) == ("Bo",)


class TestValues:
    @given(IDS)
    def test_an_id_that_is_taken_as_it_stands_would_come_out_the_same(self, ref: str) -> None:
        if items.ARXIV_ID.fullmatch(ref):
            assert (plain(ref), parse_arxiv_id(ref)) == (ref, ref)

    @given(st.datetimes(timezones=st.timezones() | st.none()))
    @example(datetime(2026, 3, 9, 23, 59, tzinfo=UTC))
    def test_the_day_of_a_time_is_its_day_in_utc(self, moment: datetime) -> None:
        try:
            day = moment.astimezone(UTC).date() if moment.tzinfo else moment.date()
        except OverflowError:
            day = None
        assert items.utc_day(moment.isoformat()) == day

    @pytest.mark.parametrize(
        ("fields", "urls"),
        [
            ({"mediaUrl": "https://a.example/1"}, ("https://a.example/1",)),
            ({"mediaUrls": [], "mediaUrl": "https://a.example/1"}, ("https://a.example/1",)),
            ({"mediaUrls": "https://a.example/1", "mediaUrl": "https://a.example/2"}, ()),
            ({"mediaUrls": [None, "javascript:1", "https://a.example/1"]}, ("https://a.example/1",)),
            ({"mediaUrl": ["https://a.example/1"]}, ()),
            ({}, ()),
        ],
    )
    def test_media_are_listed_or_single(self, fields: dict[str, object], urls: tuple[str, ...]) -> None:
        assert items._media(fields) == urls


class TestTexts:
    def test_whatever_is_taken_out_as_invisible_is_not_printable(self) -> None:
        """So that printable text need not be searched for it."""
        letters = map(chr, range(sys.maxunicode + 1))
        hidden = [x for x in letters if cleaning._INVISIBLE.match(x) or cleaning._SURROGATE.match(x)]
        assert len(hidden) > 2000
        assert not any(letter.isprintable() for letter in hidden)

    @given(st.from_regex(addresses._USUAL, fullmatch=True))
    def test_a_usual_address_would_come_out_as_it_is(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname
        assert (addresses._UNSAFE.search(url), parts.port, parts.geturl()) == (None, None, url)
        assert safe_url(url) == url

    @given(st.text(st.sampled_from("\\$^_{}~`'htemboscpadirxf/:.0A %k("), max_size=30) | TEXTS)
    @example(
        "https://a.example texttt{x} emph{y} boldsymbol{z} operatorname{w} mathrm{v} 5times 4 XcdotY sim5k"
    )
    def test_the_first_look_for_latex_misses_no_token(self, text: str) -> None:
        look, _, rest = latex._TOKEN.pattern.partition(")(?:")
        assert look.startswith("(?=")
        every = re.compile("(?:" + rest)
        found = [(match.lastgroup, match.span()) for match in latex._TOKEN.finditer(text)]
        assert found == [(match.lastgroup, match.span()) for match in every.finditer(text)]


class TestCards:
    @pytest.mark.parametrize(
        ("inner", "media"),
        [
            ('<video src="https://a.example/1"><source src="https://a.example/2"></video>', (1, 2)),
            ('<source src="https://a.example/1">', ()),
            ('<video><p><source src="https://a.example/1"></p></video><video src="/x">', (1,)),
            ('<template><video src="https://a.example/1"></video></template>', ()),
        ],
    )
    def test_sources_count_within_a_video_only(self, inner: str, media: tuple[int, ...]) -> None:
        (entry,) = parse_daily_cards(card(inner)).entries
        assert entry.media_urls == tuple(f"https://a.example/{n}" for n in media)

    @pytest.mark.parametrize(("around", "is_found"), [("<a>{}</a>", True), ("<p>{}</p>", False)])
    def test_a_thumbnail_stands_in_a_link(self, around: str, is_found: bool) -> None:
        url = "https://a.example/social-thumbnails/1.png"
        html = card(around.format(f'<img src="/other.png"><img><img src="{url}">'))
        (entry,) = parse_daily_cards(html.replace("<main><a>", "<main>")).entries
        assert entry.thumbnail_url == (url if is_found else None)

    @pytest.mark.parametrize(
        ("opening", "closing"),
        [
            ("<!--", "-->"),
            ("<script>", "</script>"),
            ("<template>", "</template>"),
            ("<textarea>", "</textarea>"),
            ("<i title='", "'></i>"),
        ],
    )
    def test_a_container_that_is_no_element_of_the_page_is_not_read(self, opening: str, closing: str) -> None:
        other = card("").replace('"DailyPapers"', '"DailyPapers" data-props="{}"')
        page = parse_daily_page(f"{opening}{other}{closing}" + card("<time datetime='2026-03-09'></time>"))
        assert ([entry.arxiv_id for entry in page.entries], page.page_date) == (
            ["2603.90001"],
            date(2026, 3, 9),
        )
