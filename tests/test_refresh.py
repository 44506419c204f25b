"""Reading sources through fakes: what is asked of whom, what is filed, what is kept of it."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict
from sqlmodel import select

from digest.errors import FetchError, ParseError
from digest.models import Check, ListedEntry, Source, StoredPage
from digest.pipeline.filing import CheckRow
from digest.pipeline.pages import PageStore
from digest.pipeline.reading import MAX_PAGES, ConfiguredSource
from digest.pipeline.refresh import Refresher
from digest.storage.database import Database
from digest.types import Entry, Page, PageRequest, ParsedPage, Verdict
from tests.storage_rows import DAY, NOW, TODAY

pytest_plugins = ("tests.storage_fixtures",)

BASE = "https://kitchen.example.org"
Answer = Page | FetchError | bytes


class NoOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass
class Kitchen:
    """A kind whose pages say by themselves what the parser is to find: ``parsed`` maps bodies to pages."""

    parsed: dict[bytes, ParsedPage] = field(default_factory=dict)
    ways: tuple[str, ...] = ("menu",)
    dated: bool = True
    kind: str = "kitchen"
    label: str = "Kitchen"
    default_url: str = BASE
    exact_url: bool = False
    lookback_days: int = 1
    trust: int = 10
    Options: type[BaseModel] = NoOptions

    def is_dated(self, options: BaseModel) -> bool:
        return self.dated

    def day_requests(self, url: str, options: BaseModel, day: date) -> tuple[tuple[str, PageRequest], ...]:
        return tuple((way, PageRequest(f"{url}/{way}/{day}", day=day)) for way in self.ways)

    def parse(
        self, body: bytes, request: PageRequest, options: BaseModel, *, content_type: str = ""
    ) -> ParsedPage:
        if body not in self.parsed:
            raise ParseError(f"looked for a menu, found {body!r}")
        return self.parsed[body]


@dataclass
class Site:
    """Answers requests by their address; what it does not know is not reachable."""

    answers: dict[str, Answer | list[Answer]] = field(default_factory=dict)
    asked: list[tuple[PageRequest, dict[str, Any]]] = field(default_factory=list)
    before: Callable[[PageRequest], None] = lambda _: None

    def get(self, request: PageRequest, **given: Any) -> Page:
        self.before(request)
        self.asked.append((request, given))
        answer = self.answers.get(request.url)
        if isinstance(answer, list):
            answer = answer.pop(0)
        if answer is None:
            raise FetchError(f"{request.url} cannot be reached")
        if isinstance(answer, FetchError):
            raise answer
        return answer if isinstance(answer, Page) else page(answer, request.url)

    @property
    def urls(self) -> list[str]:
        return [request.url.removeprefix(BASE) for request, _ in self.asked]


def page(body: bytes, url: str = "", **given: Any) -> Page:
    return Page(**({"url": url, "status": 200, "body": body, "fetched_at": NOW} | given))


def dishes(*numbers: int, **given: Any) -> ParsedPage:
    entries = (
        Entry(title=f"Dish {n}", position=at, abstract=f"How dish {n} is cooked.", source_ref=f"d{n}")
        for at, n in enumerate(numbers, start=1)
    )
    return ParsedPage(tuple(entries), **given)


@dataclass
class Bench:
    """A database, a page store, one kind and one site."""

    database: Database
    pages: PageStore
    kitchen: Kitchen = field(default_factory=Kitchen)
    site: Site = field(default_factory=Site)

    def source(self, name: str = "kitchen", **given: Any) -> ConfiguredSource:
        return ConfiguredSource(
            **({"name": name, "kind": self.kitchen, "url": BASE, "options": NoOptions()} | given)
        )

    def parse(
        self, kind_name: str, options: BaseModel, body: bytes, request: PageRequest, *, content_type: str = ""
    ) -> ParsedPage:
        return self.kitchen.parse(body, request, options, content_type=content_type)

    def refresh(
        self,
        *sources: ConfiguredSource,
        days: Sequence[date] | None = (TODAY,),
        now: datetime = NOW,
        **given: Any,
    ) -> list[CheckRow]:
        refresher = Refresher(self.database, self.site, self.pages, self.parse)
        today = now.date()
        return list(refresher.refresh(sources or (self.source(),), days, today=today, now=now, **given))

    def rows(self, table: Any) -> list[Any]:
        with self.database.read() as session:
            return list(session.exec(select(table).order_by(table.id)))


@pytest.fixture
def bench(database: Database, tmp_path: Path) -> Bench:
    return Bench(database, PageStore(tmp_path / "pages"))


# --- what is asked ---------------------------------------------------------------------------------


def test_the_next_way_is_taken_where_the_first_gives_nothing(bench: Bench) -> None:
    """Not reachable or not readable, one after the other; both answers that came are kept."""
    bench.kitchen = Kitchen({b"good": dishes(1, 2)}, ways=("api", "menu", "never"))
    bench.site.answers = {f"{BASE}/api/{TODAY}": b"strange", f"{BASE}/menu/{TODAY}": b"good"}
    (row,) = bench.refresh()
    assert (row.verdict, row.entries, row.new) == (Verdict.FRESH, 2, 2)
    assert bench.site.urls == [f"/api/{TODAY}", f"/menu/{TODAY}"]
    assert [stored.url for stored in bench.rows(StoredPage)] == [
        f"{BASE}/api/{TODAY}",
        f"{BASE}/menu/{TODAY}",
    ]


def test_a_way_whose_page_was_not_understood_gives_way_to_the_next(bench: Bench) -> None:
    bench.kitchen = Kitchen({b"odd": dishes(1, skipped=5), b"good": dishes(1, 2)}, ways=("api", "menu"))
    bench.site.answers = {f"{BASE}/api/{TODAY}": b"odd", f"{BASE}/menu/{TODAY}": b"good"}
    assert bench.refresh()[0].verdict is Verdict.FRESH
    del bench.site.answers[f"{BASE}/menu/{TODAY}"]
    (row,) = bench.refresh()
    assert (row.verdict, row.error) == (Verdict.BROKEN, "5 of 6 entries lack what every entry has")


def test_where_no_way_gives_anything_all_errors_are_told(bench: Bench) -> None:
    bench.kitchen.ways = ("api", "menu")
    bench.site.answers = {
        f"{BASE}/api/{TODAY}": FetchError("no", verdict=Verdict.BLOCKED, retry_after_s=7200)
    }
    (row,) = bench.refresh()
    assert row.verdict is Verdict.BLOCKED
    assert row.error == f"api: no; menu: {BASE}/menu/{TODAY} cannot be reached"
    assert bench.rows(Source)[0].next_try_at == NOW + timedelta(hours=2)


def test_a_search_whose_papers_are_asked_for_next(bench: Bench) -> None:
    """The first page lists nothing itself; the second request is a POST."""
    post = PageRequest(f"{BASE}/fetch", method="POST", body=b"ids=1,2", role="fetch", carry=(("n", "2"),))
    bench.kitchen.parsed = {
        b"found": ParsedPage((), declared=2, next_requests=(post,)),
        b"papers": dishes(1, 2),
    }
    bench.site.answers = {f"{BASE}/menu/{TODAY}": b"found", post.url: b"papers"}
    (row,) = bench.refresh()
    assert (row.verdict, row.entries, row.declared) == (Verdict.FRESH, 2, 2)
    assert bench.site.asked[1][0] == post
    stored = bench.rows(StoredPage)[1]
    assert (stored.role, stored.carry) == ("fetch", [["n", "2"]])


def test_a_list_that_never_ends_is_left_and_called_partial(bench: Bench) -> None:
    for number in range(MAX_PAGES + 5):
        following = (PageRequest(f"{BASE}/{number + 1}"),)
        bench.kitchen.parsed[b"%d" % number] = dishes(number, next_requests=following)
        bench.site.answers[f"{BASE}/{number}"] = b"%d" % number
    bench.site.answers[f"{BASE}/menu/{TODAY}"] = b"0"
    (row,) = bench.refresh()
    assert (row.verdict, row.entries) == (Verdict.PARTIAL, MAX_PAGES)
    assert "goes on after 40 pages" in (row.error or "")


def test_a_page_that_continues_with_itself_is_asked_once(bench: Bench) -> None:
    again = PageRequest(f"{BASE}/menu/{TODAY}", day=TODAY)
    bench.kitchen.parsed = {b"x": dishes(1, next_requests=(again, again))}
    bench.site.answers = {again.url: b"x"}
    assert bench.refresh()[0].verdict is Verdict.FRESH
    assert len(bench.site.asked) == 1


def test_an_optional_request_may_fail(bench: Bench) -> None:
    beside = PageRequest(f"{BASE}/count", optional=True)
    bench.kitchen.parsed = {b"x": dishes(1, 2, next_requests=(beside,))}
    bench.site.answers = {f"{BASE}/menu/{TODAY}": b"x"}
    (row,) = bench.refresh()
    assert (row.verdict, row.error) == (Verdict.FRESH, None)


def test_a_page_that_only_counts_finds_what_is_missing(bench: Bench) -> None:
    """Its own entries are not filed."""
    beside = PageRequest(f"{BASE}/count", optional=True)
    bench.kitchen.parsed = {
        b"x": dishes(1, 2, next_requests=(beside,)),
        b"all": dishes(1, 2, 3, only_checks=True),
    }
    bench.site.answers = {f"{BASE}/menu/{TODAY}": b"x", beside.url: b"all"}
    (row,) = bench.refresh()
    assert (row.verdict, row.entries, row.declared, row.new) == (Verdict.PARTIAL, 2, 3, 2)


def test_fault_12_a_sources_headers_go_to_its_own_origin_only(bench: Bench) -> None:
    """And so does the permission to be on a private address."""
    elsewhere = PageRequest("https://evil.example/next", headers=(("x-key", "secret"), ("Accept", "a/b")))
    other_port = PageRequest(f"{BASE}:8443/next")
    bench.kitchen.parsed = {
        b"x": dishes(1, next_requests=(elsewhere, other_port, PageRequest(f"{BASE}/next")))
    }
    bench.site.answers = {f"{BASE}/menu/{TODAY}": b"x", elsewhere.url: b"x", other_port.url: b"x"}
    source = bench.source(headers=(("Authorization", "Bearer x"),), allow_private=True, timeout_s=3.0)
    bench.refresh(source)
    sent = {request.url: (request.headers, given) for request, given in bench.site.asked}
    assert sent[f"{BASE}/menu/{TODAY}"][0] == (("Authorization", "Bearer x"),)
    assert sent[f"{BASE}/menu/{TODAY}"][1]["allow_private"] is True
    assert sent[f"{BASE}/menu/{TODAY}"][1]["timeout_s"] == 3.0
    assert sent[elsewhere.url][0] == (("Accept", "a/b"),)
    assert sent[elsewhere.url][1]["allow_private"] is False
    assert sent[other_port.url][0] == ()
    assert sent[other_port.url][1]["allow_private"] is False


def test_a_kept_page_makes_the_next_request_conditional_for_a_week(bench: Bench) -> None:
    """After that it is asked without conditions once: some servers say "not modified" wrongly."""
    url = f"{BASE}/menu/{TODAY}"
    bench.kitchen.parsed = {b"x": dishes(1)}
    bench.site.answers = {
        url: [page(b"x", etag='"1"', last_modified="Mon, 03 Aug 2026 06:00:00 GMT")]
        + [page(b"", status=304, not_modified=True)] * 2
    }
    verdicts = [bench.refresh(now=NOW + back)[0].verdict for back in (0 * DAY, 6 * DAY)]
    assert verdicts == [Verdict.FRESH, Verdict.UNCHANGED]
    bench.site.answers[url] = b"x"
    bench.refresh(now=NOW + 8 * DAY)
    assert [given["etag"] for _, given in bench.site.asked] == [None, '"1"', None]
    assert bench.site.asked[1][1]["last_modified"] == "Mon, 03 Aug 2026 06:00:00 GMT"


# --- several sources -------------------------------------------------------------------------------


def test_sources_are_read_at_once_and_told_in_their_order(bench: Bench) -> None:
    """Two that wait for each other would never end if they were read one after the other."""
    together = threading.Barrier(2, timeout=10)
    bench.kitchen.parsed = {b"x": dishes(1)}
    bench.site.answers = {f"{BASE}/{name}/menu/{TODAY}": b"x" for name in "ab"}
    bench.site.before = lambda _: (together.wait(), None)[1]
    rows = bench.refresh(*(bench.source(name, url=f"{BASE}/{name}") for name in "ba"))
    assert [(row.name, row.verdict) for row in rows] == [("b", Verdict.FRESH), ("a", Verdict.FRESH)]
    assert [source.name for source in bench.rows(Source)] == ["b", "a"]


def test_a_source_that_fails_keeps_no_other_from_its_work(bench: Bench) -> None:
    bench.kitchen.parsed = {b"x": dishes(1)}
    bench.site.answers = {f"{BASE}/good/menu/{TODAY}": b"x", f"{BASE}/odd/menu/{TODAY}": b"?"}
    rows = bench.refresh(*(bench.source(name, url=f"{BASE}/{name}") for name in ("gone", "odd", "good")))
    assert [row.verdict for row in rows] == [Verdict.UNREACHABLE, Verdict.BROKEN, Verdict.FRESH]


def test_an_error_that_nobody_expected_is_loud_after_the_others_are_done(bench: Bench) -> None:
    """It is a fault of the program, and must not be taken for one of the site."""

    def bug(request: PageRequest) -> None:
        if "/odd/" in request.url:
            raise ZeroDivisionError

    bench.site.before = bug
    bench.kitchen.parsed = {b"x": dishes(1)}
    bench.site.answers = {f"{BASE}/good/menu/{TODAY}": b"x"}
    with pytest.raises(ZeroDivisionError):
        bench.refresh(*(bench.source(name, url=f"{BASE}/{name}") for name in ("odd", "good")))
    assert [check.verdict for check in bench.rows(Check)] == ["fresh"]


def test_a_kind_that_asks_for_nothing_is_broken(bench: Bench) -> None:
    bench.kitchen.ways = ()
    assert bench.refresh()[0].verdict is Verdict.BROKEN


def test_a_count_that_no_column_holds_is_still_a_count(bench: Bench) -> None:
    bench.kitchen.parsed = {b"x": dishes(1, declared=10**20)}
    bench.site.answers = {f"{BASE}/menu/{TODAY}": b"x"}
    assert bench.refresh()[0].verdict is Verdict.PARTIAL


def test_what_is_not_due_is_left_alone(bench: Bench) -> None:
    """In runs that nobody asked for by hand."""
    bench.kitchen.parsed = {b"x": dishes(1)}
    bench.site.answers = {f"{BASE}/menu/{TODAY}": b"x"}
    source = bench.source(every_minutes=60)
    assert len(bench.refresh(source, due_only=True)) == 1
    assert bench.refresh(source, due_only=True, now=NOW + timedelta(minutes=10)) == []
    assert len(bench.refresh(source, now=NOW + timedelta(minutes=10))) == 1
    assert len(bench.refresh(source, due_only=True, now=NOW + timedelta(minutes=75))) == 1


def test_one_run_counts_one_failure_however_many_days_it_reads(bench: Bench) -> None:
    """After the second day without an answer only the newest is asked for still."""
    rows = bench.refresh(days=[TODAY - ahead * DAY for ahead in (4, 3, 2, 1, 0)])
    assert bench.rows(Source)[0].failures_in_row == 1
    assert bench.site.urls == [f"/menu/{TODAY - ahead * DAY}" for ahead in (4, 3, 0)]
    assert (rows[2].error or "").startswith("not tried again: ")


def test_a_refusal_stays_one_on_the_days_that_were_not_tried(bench: Bench) -> None:
    """And the pause it asked for is kept."""
    refused = FetchError("no", verdict=Verdict.BLOCKED, retry_after_s=7200)
    days = [TODAY - ahead * DAY for ahead in (3, 2, 1, 0)]
    bench.site.answers = {f"{BASE}/menu/{day}": refused for day in days}
    rows = bench.refresh(days=days)
    assert {row.verdict for row in rows} == {Verdict.BLOCKED}
    assert bench.rows(Source)[0].next_try_at == NOW + timedelta(hours=2)


def test_days_that_were_missed_are_read_once_they_can_be(bench: Bench) -> None:
    """Also where days after them were read; what is still not whole is looked at once a day."""

    def asked_at(now: datetime) -> list[int]:
        bench.site.asked.clear()
        bench.refresh(days=None, now=now)
        return [(now.date() - (request.day or TODAY)).days for request, _ in bench.site.asked]

    bench.kitchen.parsed = {b"x": dishes(1)}
    for day in (TODAY, TODAY + 6 * DAY):
        bench.site.answers[f"{BASE}/menu/{day}"] = b"x"
    assert asked_at(NOW) == [0]
    assert asked_at(NOW + 6 * DAY) == [5, 4, 0], "the host gave no answer twice, then today's"
    bench.kitchen.parsed |= {b"%d" % n: dishes(n) for n in range(10, 16)}
    bench.site.answers |= {f"{BASE}/menu/{TODAY + n * DAY}": b"%d" % (10 + n) for n in range(1, 6)}
    assert asked_at(NOW + 6 * DAY + timedelta(hours=2)) == [0]
    assert asked_at(NOW + 7 * DAY) == [6, 5, 4, 3, 2, 0]
    assert asked_at(NOW + 7 * DAY + timedelta(hours=1)) == [0]


def test_an_old_day_read_again_says_nothing_of_today(bench: Bench) -> None:
    bench.refresh()
    bench.kitchen.parsed = {b"x": dishes(1)}
    bench.site.answers = {f"{BASE}/menu/{TODAY - 30 * DAY}": b"x"}
    assert bench.refresh(days=[TODAY - 30 * DAY])[0].verdict is Verdict.FRESH
    assert bench.rows(Source)[0].failures_in_row == 1


def test_a_day_that_had_papers_does_not_lose_them(bench: Bench) -> None:
    """An empty answer where thirty stood is no empty day."""
    url = f"{BASE}/menu/{TODAY}"
    bench.kitchen.parsed = {b"x": dishes(*range(30)), b"": dishes(), b"few": dishes(*range(5))}
    bench.site.answers = {url: [page(b"x"), page(b""), page(b"few"), page(b"x")]}
    verdicts = [bench.refresh(now=NOW + timedelta(hours=hour))[0].verdict for hour in range(4)]
    assert verdicts == [Verdict.FRESH, Verdict.PARTIAL, Verdict.PARTIAL, Verdict.UNCHANGED]


def test_pages_of_a_way_that_was_not_understood_are_suspect(bench: Bench) -> None:
    """Whatever the way taken after it gave: they make no later request conditional."""
    bench.kitchen = Kitchen({b"good": dishes(1, 2)}, ways=("api", "menu"))
    bench.site.answers = {
        f"{BASE}/api/{TODAY}": page(b"strange", etag='"1"'),
        f"{BASE}/menu/{TODAY}": b"good",
    }
    bench.refresh()
    bench.refresh()
    assert [given["etag"] for _, given in bench.site.asked] == [None] * 4
    assert [stored.verdict for stored in bench.rows(StoredPage)][:2] == ["broken", "fresh"]


def test_a_list_takes_only_so_much_memory(bench: Bench) -> None:
    """Pages that are each within their limit are too much together."""
    for number in range(10):
        following = (PageRequest(f"{BASE}/{number + 1}"),)
        body = b"%d" % number + bytes(4 * 2**20)
        bench.kitchen.parsed[body] = dishes(number, next_requests=following)
        bench.site.answers[f"{BASE}/{number}" if number else f"{BASE}/menu/{TODAY}"] = body
    (row,) = bench.refresh()
    assert row.verdict is Verdict.PARTIAL
    assert "more than" in (row.error or "")
    assert row.entries == 6


# --- what is filed ---------------------------------------------------------------------------------


def test_a_list_without_days_is_asked_once_and_filed_under_its_own_date(bench: Bench) -> None:
    """Entries that tell a day of their own are filed under that."""
    bench.kitchen.dated = False
    friday = TODAY - 3 * DAY
    old = replace(dishes(3).entries[0], listed_on=TODAY - 30 * DAY)
    bench.kitchen.parsed = {
        b"x": replace(dishes(1, 2), entries=(*dishes(1, 2).entries, old), page_date=friday)
    }
    bench.site.answers = {f"{BASE}/menu/{TODAY}": b"x"}
    (row,) = bench.refresh(days=[TODAY - DAY, TODAY])
    assert (row.date, row.verdict, row.entries) == (friday, Verdict.FRESH, 3)
    listed = {entry.source_ref: entry.listed_on for entry in bench.rows(ListedEntry)}
    assert listed == {"d1": friday, "d2": friday, "d3": TODAY - 30 * DAY}
    assert bench.refresh(now=NOW + timedelta(hours=1))[0].verdict is Verdict.UNCHANGED


def test_a_repeated_day_is_stale_files_nothing_and_is_kept_aside(bench: Bench) -> None:
    """With the answer's headers, for whoever mends it."""
    bench.kitchen.parsed = {b"fri": dishes(1, 2, 3)}
    friday, saturday = TODAY - 3 * DAY, TODAY - 2 * DAY
    bench.site.answers = {
        f"{BASE}/menu/{friday}": b"fri",
        f"{BASE}/menu/{saturday}": page(b"fri", headers=(("server", "old"),)),
    }
    rows = bench.refresh(days=[friday, saturday])
    assert [row.verdict for row in rows] == [Verdict.FRESH, Verdict.STALE]
    assert rows[1].evidence == {"declared": None, "parsed": 3, "overlap": 1.0, "usual": None}
    assert {entry.listed_on for entry in bench.rows(ListedEntry)} == {friday}
    stale = bench.rows(StoredPage)[1]
    assert (stale.verdict, stale.headers, stale.day) == ("stale", [["server", "old"]], saturday)
    assert stale.check_id == bench.rows(Check)[1].id


def test_the_answer_behind_an_error_is_kept_as_evidence(bench: Bench) -> None:
    url = f"{BASE}/menu/{TODAY}"
    shown = page(b"prove that you are a person", url, status=403)
    bench.site.answers = {url: FetchError("no", verdict=Verdict.BLOCKED, page=shown)}
    bench.refresh()
    (stored,) = bench.rows(StoredPage)
    assert (stored.verdict, stored.status) == ("blocked", 403)
    assert bench.pages.load(stored) == shown.body


def usual_days(bench: Bench, count: int) -> None:
    """Two weeks of weekdays with so many papers each."""
    for back in range(14, 0, -1):
        day = TODAY - back * DAY
        if day.weekday() < 5:
            body = f"{day}".encode()
            bench.kitchen.parsed[body] = dishes(*range(back * 100, back * 100 + count))
            bench.site.answers[f"{BASE}/menu/{day}"] = body
            bench.refresh(days=[day], now=NOW - back * DAY)


def test_a_third_of_the_usual_is_partial_once_the_day_is_over(bench: Bench) -> None:
    """What came is filed all the same; while the day lasts it may still grow."""
    usual_days(bench, 30)
    bench.kitchen.parsed[b"cut"] = dishes(*range(10))
    bench.site.answers[f"{BASE}/menu/{TODAY}"] = b"cut"
    assert bench.refresh()[0].verdict is Verdict.FRESH
    (row,) = bench.refresh(over_before=TODAY + DAY)
    assert (row.verdict, row.entries, row.evidence["usual"]) == (Verdict.PARTIAL, 10, 30.0)


def test_a_small_day_that_two_ways_agree_on_is_complete(bench: Bench) -> None:
    """The one-paper day of July 2025, beside busy ones."""
    usual_days(bench, 30)
    bench.kitchen.ways = ("menu", "page")
    bench.kitchen.parsed |= {b"one": dishes(1), b"more": dishes(1, 2, 3)}
    bench.site.answers |= {f"{BASE}/menu/{TODAY}": b"one", f"{BASE}/page/{TODAY}": b"one"}
    assert bench.refresh(over_before=TODAY + DAY)[0].verdict is Verdict.FRESH
    bench.site.answers[f"{BASE}/page/{TODAY}"] = b"more"
    (row,) = bench.refresh(over_before=TODAY + DAY)
    assert (row.verdict, row.entries) == (Verdict.PARTIAL, 3)
    del bench.site.answers[f"{BASE}/page/{TODAY}"]
    assert bench.refresh(over_before=TODAY + DAY)[0].verdict is Verdict.PARTIAL


def test_a_permanent_redirect_is_noted_and_not_followed_up(bench: Bench) -> None:
    url = f"{BASE}/menu/{TODAY}"
    bench.kitchen.parsed = {b"x": dishes(1)}
    bench.site.answers = {url: [page(b"x", moved_to="https://new.example.org/menu"), page(b"x")]}
    bench.refresh()
    assert bench.rows(Source)[0].moved_to == "https://new.example.org/menu"
    assert bench.rows(Source)[0].url == BASE
    bench.refresh()
    assert bench.rows(Source)[0].moved_to is None


def test_fault_52_a_key_that_the_site_repeats_is_not_kept(bench: Bench) -> None:
    """Neither in the page, nor in its headers, nor in the error it leads to."""
    url = f"{BASE}/menu/{TODAY}"
    told = page(b"wrong key: hunter22", headers=(("x-echo", "hunter22"),))
    bench.site.answers = {url: told}
    (row,) = bench.refresh(bench.source(headers=(("x-api-key", "hunter22"),)))
    assert (row.verdict, row.error) == (Verdict.BROKEN, "looked for a menu, found b'wrong key: ********'")
    (stored,) = bench.rows(StoredPage)
    assert bench.pages.load(stored) == b"wrong key: ********"
    assert stored.headers == [["x-echo", "********"]]


def test_papers_are_filed_where_pages_cannot_be_kept(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "pages").write_text("a file where a folder should be")
    bench.kitchen.parsed = {b"x": dishes(1)}
    bench.site.answers = {f"{BASE}/menu/{TODAY}": b"x"}
    assert bench.refresh()[0].verdict is Verdict.FRESH
    assert bench.rows(StoredPage) == []


def test_a_list_of_too_many_entries_is_cut_and_partial(bench: Bench) -> None:
    """Whoever else writes does not wait for all of it."""
    following = (PageRequest(f"{BASE}/more"),)
    bench.kitchen.parsed = {b"x": dishes(*range(5001), next_requests=following), b"y": dishes(9999)}
    bench.site.answers = {f"{BASE}/menu/{TODAY}": b"x", f"{BASE}/more": b"y"}
    (row,) = bench.refresh()
    assert row.verdict is Verdict.PARTIAL
    assert "more than 5,000 entries" in (row.error or "")


def test_days_that_no_list_can_mean_are_not_believed(bench: Bench) -> None:
    bench.kitchen.dated = False
    strange = [replace(dishes(n).entries[0], listed_on=day) for n, day in enumerate((date.min, date.max))]
    bench.kitchen.parsed = {b"x": ParsedPage(tuple(strange))}
    bench.site.answers = {f"{BASE}/menu/{TODAY}": b"x"}
    bench.refresh()
    assert {entry.listed_on for entry in bench.rows(ListedEntry)} == {TODAY}
