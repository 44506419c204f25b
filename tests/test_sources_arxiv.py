"""arXiv's announcement feeds: two shapes of one list, and every trap met in real ones."""

import json
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from digest.errors import ParseError
from digest.sources.arxiv import Arxiv, ArxivOptions, parse_announcements
from digest.sources.arxiv_fields import is_withdrawn, read_authors, read_id
from digest.types import PageRequest, ParsedPage
from tests import golden
from tests.hostile_text import hostile_text

DAY = date(2026, 3, 11)
MIRROR = "http://127.0.0.1:8000"
RSS = golden.read("arxiv/feed.rss.xml")
ATOM = golden.read("arxiv/feed.atom.xml")
SATURDAY = golden.read("arxiv/feed_saturday.rss.xml")


class Foreign(BaseModel):
    """Options of another kind."""


def options(*categories: str, **more: object) -> ArxivOptions:
    return ArxivOptions.model_validate({"categories": categories or ("cs.CL",), **more})


def first_request(chosen: ArxivOptions, url: str = MIRROR, way: int = 0) -> PageRequest:
    return Arxiv().day_requests(url, chosen, DAY)[way][1]


def parsed(body: bytes, chosen: ArxivOptions) -> ParsedPage:
    return Arxiv().parse(body, first_request(chosen), chosen)


def item(**parts: str) -> bytes:
    """A feed of one item; what is not said of it is as it should be."""
    told = {
        "title": "A Title",
        "guid": "oai:arXiv.org:2603.90001v1",
        "description": "arXiv:2603.90001v1 Announce Type: new \nAbstract: An abstract.",
        "arxiv:announce_type": "new",
        **parts,
    }
    inner = "".join(f"<{name}>{text}</{name}>" for name, text in told.items() if text is not None)
    return RSS.partition(b"<item>")[0] + f"<item>{inner}</item></channel></rss>".encode()


class TestGoldenFeeds:
    @pytest.mark.parametrize("name", ["feed.rss.xml", "feed.atom.xml", "feed_saturday.rss.xml"])
    def test_a_feed_gives_what_is_expected(self, name: str) -> None:
        page = parse_announcements(golden.read(f"arxiv/{name}"))
        assert golden.as_json(page) == golden.expected(f"arxiv/{name}")

    def test_rss_and_atom_give_the_same(self) -> None:
        assert parse_announcements(RSS) == parse_announcements(ATOM)

    @pytest.mark.parametrize("body", [RSS, ATOM])
    def test_new_papers_announce_and_replacements_only_update(self, body: bytes) -> None:
        announcing = [entry.announces for entry in parse_announcements(body).entries]
        assert announcing == [True, True, False, False, False]

    @pytest.mark.parametrize("body", [RSS, ATOM])
    def test_cross_listed_papers_announce_by_setting(self, body: bytes) -> None:
        announcing = [entry.announces for entry in parse_announcements(body, cross=True).entries]
        assert announcing == [True, True, True, False, False]

    def test_a_replacement_tells_its_version(self) -> None:
        replaced = parse_announcements(RSS).entries[3]
        assert (replaced.arxiv_id, replaced.version) == ("2511.90004", 3)

    def test_a_withdrawal_that_is_announced_marks_the_paper(self) -> None:
        assert [entry.withdrawn for entry in parse_announcements(RSS).entries] == [False] * 4 + [True]


class TestTraps:
    def test_trap_an_empty_saturday_is_a_valid_channel_without_items(self) -> None:
        page = parsed(SATURDAY, options("cs.IR"))
        assert (page.entries, page.skipped, page.page_date) == ((), 0, date(2026, 3, 14))
        assert page.next_requests == ()

    def test_an_empty_weekday_is_checked(self) -> None:
        monday = SATURDAY.replace(b"Sat, 14 Mar", b"Mon, 16 Mar")
        assert [request.role for request in parsed(monday, options("cs.IR")).next_requests] == ["check"]

    def test_trap_an_announcement_feed_tells_its_announce_type(self) -> None:
        """Beside the element, the description says it too: either is enough."""
        without = item(**{"arxiv:announce_type": ""})
        assert parse_announcements(without).entries[0].announces
        undescribed = item(description="Only an abstract.", **{"arxiv:announce_type": "replace"})
        (entry,) = parse_announcements(undescribed).entries
        assert (entry.announces, entry.abstract) == (False, "Only an abstract.")

    @pytest.mark.parametrize("kind", ["", "renewed", "REPLACEMENTS"])
    def test_an_announcement_of_unknown_type_is_skipped_and_counted(self, kind: str) -> None:
        """A new word for "new" must not silence the source."""
        page = parse_announcements(item(description="x", **{"arxiv:announce_type": kind}))
        assert (page.entries, page.skipped) == ((), 1)

    def test_trap_a_feed_seen_stale_is_held_against_the_listing_of_each_category(self) -> None:
        chosen = options("cs.CL", "cs.IR", cross=True)
        checks = parsed(RSS, chosen).next_requests
        assert [check.url for check in checks] == [
            f"{MIRROR}/list/cs.CL/new",
            f"{MIRROR}/list/cs.IR/new",
        ]
        assert all(check.optional and not check.documented for check in checks)
        assert all(("day", "2026-03-11") in check.carry for check in checks)

    def test_trap_one_request_per_three_seconds_over_all_hosts(self) -> None:
        chosen = options()
        requests = [request for _, request in Arxiv().day_requests("https://arxiv.org", chosen, DAY)]
        requests += Arxiv().parse(RSS, requests[0], chosen).next_requests
        requests.append(first_request(ArxivOptions(query="all:origami"), "https://arxiv.org"))
        assert {request.url.split("/")[2] for request in requests} == {
            "rss.arxiv.org",
            "arxiv.org",
            "export.arxiv.org",
        }
        assert {(request.turn, request.spacing_s) for request in requests} == {("arxiv", 3.0)}

    def test_a_paper_that_stands_twice_is_told_once_by_what_says_more(self) -> None:
        one = RSS.partition(b"<item>")[2].partition(b"</item>")[0]
        cross = one.replace(b"announce_type>new<", b"announce_type>cross<").replace(
            b"Type: new", b"Type: cross"
        )
        head, _, tail = RSS.partition(b"<item>")
        body = head + b"<item>" + cross + b"</item><item>" + tail
        assert parse_announcements(body) == parse_announcements(RSS)

    def test_a_feeds_day_is_new_yorks_whatever_the_clock_says(self) -> None:
        """Built at three in the morning UTC, an Atom feed is still of the evening before."""
        body = ATOM.replace(b"<updated>2026-03-11T04:00:19.866337", b"<updated>2026-03-12T03:00:00")
        assert parse_announcements(body).page_date == DAY

    def test_items_older_than_their_feed_keep_their_own_day(self) -> None:
        body = RSS.replace(b"<pubDate>Wed, 11 Mar", b"<pubDate>Thu, 12 Mar", 1)
        page = parse_announcements(body)
        assert page.page_date == date(2026, 3, 12)
        assert {entry.listed_on for entry in page.entries} == {DAY}

    def test_an_error_that_comes_as_a_feed_is_an_error(self) -> None:
        body = SATURDAY.replace(b"cs.IR updates on arXiv.org", b"Feed error for query: cs.XX", 1)
        with pytest.raises(ParseError, match=r"arXiv answered with an error: cs\.IR updates"):
            parse_announcements(body)


class TestMutations:
    @pytest.mark.parametrize(
        ("body", "name"), [(RSS, b"channel"), (RSS, b"rss"), (ATOM, b"feed"), (SATURDAY, b"channel")]
    )
    def test_without_its_container_a_feed_is_broken(self, body: bytes, name: bytes) -> None:
        renamed = body.replace(b"<" + name, b"<x" + name).replace(b"</" + name, b"</x" + name)
        with pytest.raises(ParseError, match="looked for arXiv's feed"):
            parse_announcements(renamed)

    @pytest.mark.parametrize(("body", "name"), [(RSS, b"item"), (ATOM, b"entry")])
    def test_items_under_another_name_are_not_an_empty_feed(self, body: bytes, name: bytes) -> None:
        renamed = body.replace(b"<" + name + b">", b"<one>").replace(b"</" + name + b">", b"</one>")
        assert parse_announcements(renamed).skipped == 5

    @pytest.mark.parametrize("name", [b"title", b"guid"])
    def test_items_without_what_is_required_are_skipped(self, name: bytes) -> None:
        head, mark, items = RSS.partition(b"<item>")
        renamed = items.replace(b"<" + name, b"<x" + name).replace(b"</" + name, b"</x" + name)
        page = parse_announcements(head + mark + renamed)
        # An id stands in three places, so it takes more to lose it.
        assert page.skipped == (5 if name == b"title" else 0)

    def test_half_a_feed_lacks_ids_that_the_listing_has(self) -> None:
        """A feed declares nothing: its completeness is proved by the ids of the page that only checks."""
        chosen = options("cs.CL")
        page = parsed(RSS, chosen)
        check = Arxiv().parse(golden.read("arxiv/list_new.html"), page.next_requests[0], chosen)
        listed = {entry.arxiv_id for entry in page.entries if entry.announces}
        assert {entry.arxiv_id for entry in check.entries} - listed == {"2603.90005"}


class TestHostileFeeds:
    def test_a_control_character_does_not_cost_the_day(self) -> None:
        """XML forbids them, and expat refuses the whole feed; real abstracts have them all the same."""
        body = RSS.replace(b"We collect", b"We \x0c\x01collect").replace(b"of them", b"of&#x8; them")
        assert parse_announcements(body) == parse_announcements(RSS)

    @pytest.mark.parametrize(
        ("damage", "seen"),
        [
            (b"Tom & Jerry", "Tom & Jerry"),
            (b"caf\xe9 noir", "caf"),
            (b"a&nbsp;b", "a b"),
            (b"a&#xD800;b", "ab"),
            (b"x[[1]]>y", "x[[1"),
            (b"a&#99999999;b", "ab"),
        ],
    )
    def test_text_that_is_no_xml_is_mended(self, damage: bytes, seen: str) -> None:
        page = parse_announcements(RSS.replace(b"We collect", damage))
        assert len(page.entries) == 5
        assert page.entries[0].abstract.startswith(seen)

    def test_a_feed_in_another_encoding_is_mended_in_it(self) -> None:
        text = RSS.decode().replace("UTF-8", "windows-1252").replace("We collect", "Caf\xe9 \x02 people")
        page = parse_announcements(text.encode("windows-1252"))
        assert page.entries[0].abstract.startswith("Café people")

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"null",
            b"{}",
            b"<html><body><p>Sorry</p></body></html>",
            b"<!doctype html><title>Just a moment...</title>",
            RSS[: len(RSS) // 2],
            b'<!DOCTYPE a [<!ENTITY e "x">]><rss><channel><item><title>&e;</title></item></channel></rss>',
            b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><rss><channel>&e;</channel></rss>',
            b"<rss><channel>" + b"<a>" * 5000,
            b"<rss/>",
            b"<rdf/>",
            "ÿ".encode("utf-16"),
        ],
    )
    def test_fault_18_and_21_what_is_no_feed_is_refused(self, body: bytes) -> None:
        """Entity bombs, external entities, a cut-off feed, HTML, JSON, nothing at all."""
        with pytest.raises(ParseError):
            parse_announcements(body)

    def test_text_is_clean_and_bounded(self) -> None:
        title = "A&#x202E;B &lt;b&gt;bold&lt;/b&gt; " + "x" * 5000
        creator = ", ".join(f"Name {number}" for number in range(9000))
        (entry,) = parse_announcements(item(title=title, **{"dc:creator": creator})).entries
        assert entry.title.startswith("AB bold x")
        assert len(entry.title) <= 1000
        assert len(entry.authors) <= 5001

    @pytest.mark.parametrize("text", ["(" * 500_000, "arXiv:" * 170_000, "a, " * 330_000, "v1" * 500_000])
    def test_fault_15_a_megabyte_made_to_be_slow_is_read_soon(self, text: str) -> None:
        started = time.monotonic()
        parse_announcements(item(title=text, guid=text, description=text, **{"dc:creator": text}))
        assert time.monotonic() - started < 5

    @given(st.data())
    def test_a_damaged_feed_gives_a_page_or_a_parse_error(self, data: st.DataObject) -> None:
        body = bytearray(data.draw(st.sampled_from([RSS, ATOM])))
        for _ in range(data.draw(st.integers(1, 5))):
            place = data.draw(st.integers(0, len(body)))
            body[place : place + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=20))
        try:
            page = parse_announcements(bytes(body))
        except ParseError:
            return
        assert isinstance(page, ParsedPage)
        assert all(entry.arxiv_id and entry.title for entry in page.entries)

    @given(hostile_text, hostile_text)
    def test_hostile_text_in_any_field_is_only_text(self, one: str, other: str) -> None:
        text, more = (
            value.replace("&", "&amp;").replace("<", "&lt;").encode("utf-8", "replace").decode()
            for value in (one, other)
        )
        page = parse_announcements(
            item(title=text, description=more, category=text, **{"dc:creator": more, "arxiv:DOI": text})
        )
        for entry in page.entries:
            assert "\x00" not in entry.title + entry.abstract + "".join(entry.authors)


class TestFields:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("oai:arXiv.org:2508.13426v1", ("2508.13426", 1)),
            ("oai:arXiv.org:hep-th/9901001v12", ("hep-th/9901001", 12)),
            ("http://arxiv.org/abs/2605.08083v3", ("2605.08083", 3)),
            ("https://arxiv.org/abs/2605.08083", ("2605.08083", None)),
            ("oai:arXiv.org:nothing", (None, None)),
        ],
    )
    def test_ids_and_versions(self, text: str, expected: tuple[str | None, int | None]) -> None:
        assert read_id(text) == expected

    def test_authors_are_parted_by_commas_but_not_within_affiliations(self) -> None:
        told = r"J\"org M\"uller (Kiel, Germany), Ann Doe, Jr., Bo Lee III"
        assert read_authors([told]) == ("Jörg Müller", "Ann Doe Jr.", "Bo Lee III")

    @pytest.mark.parametrize(
        "comment",
        [
            "This paper has been withdrawn by the author due to a crucial error",
            "withdrawn",
            "Withdrawn because of overlap with arXiv:2601.00001",
            "Paper withdrawn; see v2",
            "12 pages. This submission has been withdrawn by arXiv administrators",
            "This article is withdrawn.",
            "The paper was withdrawn by its author. Withdrawn by the authors",
        ],
    )
    def test_trap_withdrawn_is_a_version_with_the_reason_in_the_comment(self, comment: str) -> None:
        assert is_withdrawn(comment)

    @pytest.mark.parametrize(
        "comment",
        [
            "",
            "12 pages, 3 figures",
            "Withdrawn from ICLR 2026, now at a workshop",
            "On withdrawn drugs",
            "A study of 40 withdrawn papers",
            "This paper is about withdrawn papers",
            "The drug has been withdrawn",
        ],
    )
    def test_a_comment_that_only_speaks_of_withdrawals_withdraws_nothing(self, comment: str) -> None:
        assert not is_withdrawn(comment)

    @pytest.mark.parametrize(
        ("abstract", "expected"),
        [
            ("This paper has been withdrawn by the authors.", True),
            ("The manuscript is withdrawn.", True),
            ("Withdrawn by the author.", True),
            ("Withdrawn drugs are common. This paper has been withdrawn from nothing.", False),
            ("We study why this paper has been withdrawn.", False),
        ],
    )
    def test_an_abstract_withdraws_only_with_its_first_words(self, abstract: str, expected: bool) -> None:
        assert is_withdrawn("", abstract) is expected


class TestTheKind:
    @pytest.mark.parametrize(
        "name",
        [
            "cs.CL",
            "hep-th",
            "q-bio.NC",
            "stat.ML",
            "cs",
            "astro-ph.CO",
            "cond-mat.mtrl-sci",
            "physics.acc-ph",
        ],
    )
    def test_names_of_categories_are_accepted(self, name: str) -> None:
        assert options(name).categories == (name,)

    @pytest.mark.parametrize(
        "name", ["", "cs.cl", "cs.CL ", "cs/CL", "cs.CL+cs.AI", "../x", "cs.CLX", "cs.CL\n"]
    )
    def test_what_is_no_category_is_refused(self, name: str) -> None:
        with pytest.raises(ValidationError, match="categories"):
            options(name)

    @pytest.mark.parametrize(
        ("wrong", "sentence"),
        [
            ({}, "query\n.*is needed where no categories are set"),
            ({"query": "  "}, "query"),
            ({"query": "a\x00b"}, "cannot be printed"),
            ({"query": "x" * 1001}, "query"),
            ({"query": "all:x", "cross": True}, "cross and via do not go with it"),
            ({"query": "all:x", "via": "list"}, "cross and via do not go with it"),
            ({"categories": ["cs.CL"], "max_results": 2001}, "max_results"),
            ({"categories": ["cs.CL"], "via": "html"}, "via"),
            ({"categories": ["cs.CL"], "limit": 3}, "limit"),
            ({"categories": ["cs.CL"] * 13}, "categories"),
        ],
    )
    def test_wrong_options_are_refused(self, wrong: dict[str, object], sentence: str) -> None:
        with pytest.raises(ValidationError, match=sentence):
            ArxivOptions.model_validate(wrong)

    def test_the_best_way_comes_first(self) -> None:
        ways = Arxiv().day_requests(MIRROR, options("cs.CL", "cs.IR", "cs.CL"), DAY)
        assert [(name, request.url) for name, request in ways] == [
            ("rss", f"{MIRROR}/rss/cs.CL+cs.IR"),
            ("atom", f"{MIRROR}/atom/cs.CL+cs.IR"),
            ("list", f"{MIRROR}/list/cs.CL/new"),
        ]
        assert [request.documented for _, request in ways] == [True, True, False]

    @pytest.mark.parametrize("via", ["rss", "atom", "list"])
    def test_one_way_can_be_asked_for(self, via: str) -> None:
        ((name, _),) = Arxiv().day_requests(MIRROR, options(via=via), DAY)
        assert name == via

    @pytest.mark.parametrize("url", ["https://arxiv.org", "https://arxiv.org/", "https://export.arxiv.org"])
    def test_arxivs_own_address_means_its_three_hosts(self, url: str) -> None:
        ways = Arxiv().day_requests(url, options(), DAY)
        assert [request.url for _, request in ways] == [
            "https://rss.arxiv.org/rss/cs.CL",
            "https://rss.arxiv.org/atom/cs.CL",
            "https://arxiv.org/list/cs.CL/new",
        ]

    def test_a_mirror_is_asked_for_everything(self) -> None:
        chosen = options()
        request = first_request(chosen, "https://mirror.example/arxiv")
        assert request.url == "https://mirror.example/arxiv/rss/cs.CL"
        (check,) = Arxiv().parse(RSS, request, chosen).next_requests
        assert check.url == "https://mirror.example/arxiv/list/cs.CL/new"

    def test_a_category_of_two_names_is_asked_for_by_the_one_in_use(self) -> None:
        assert first_request(options("math.MP", "math-ph", "cs.NA")).url == f"{MIRROR}/rss/math-ph+math.NA"

    def test_no_day_of_its_own_can_be_asked_for(self) -> None:
        assert not Arxiv().is_dated(options())

    def test_options_of_another_kind_are_a_mistake_of_the_caller(self) -> None:
        with pytest.raises(TypeError, match="Foreign"):
            Arxiv().day_requests(MIRROR, Foreign(), DAY)

    def test_requests_hold_no_secret_and_can_be_kept_as_json(self) -> None:
        for request in parsed(RSS, options()).next_requests:
            assert json.loads(json.dumps(request.carry))


class TestRealFeeds:
    """The real samples, where the shared folder stands beside this checkout."""

    @pytest.fixture
    def real(self, shared: Path) -> Callable[[str], bytes]:
        return lambda name: (shared / "pages" / "arxiv" / name).read_bytes()

    def test_trap_the_real_empty_saturday_is_an_empty_page(self, real: Callable[[str], bytes]) -> None:
        page = parse_announcements(real("rss_cs.CL_2026-08-01_saturday_empty.xml"))
        assert page == ParsedPage((), page_date=date(2026, 8, 1))

    def test_trap_the_real_announcement_feed_has_types(self, real: Callable[[str], bytes]) -> None:
        page = parse_announcements(real("atom_feed_cs.AI_2025-08-20_trimmed.xml"))
        assert (len(page.entries), page.skipped, page.page_date) == (7, 0, date(2025, 8, 20))
        assert [entry.arxiv_id for entry in page.entries if entry.announces] == ["2508.14001", "2508.14002"]
        assert all(
            entry.abstract and not entry.abstract.startswith(("arXiv", "Abstract")) for entry in page.entries
        )
        assert page.entries[2].authors == ("Paulo André Lima de Castro",)
        assert page.entries[2].categories == ("q-fin.CP", "cs.AI")
        assert "1.13×" in page.entries[3].abstract
