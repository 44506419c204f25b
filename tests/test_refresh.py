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


def test_an_error_that_nobody_expected_stops_the_run_loudly(bench: Bench) -> None:
    def bug(_: PageRequest) -> None:
        raise ZeroDivisionError

    bench.site.before = bug
    with pytest.raises(ZeroDivisionError):
        bench.refresh()


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
    """And the host is left alone after the second day without an answer."""
    bench.refresh(days=[TODAY - 2 * DAY, TODAY - DAY, TODAY])
    assert bench.rows(Source)[0].failures_in_row == 1
    assert len(bench.site.asked) == 2


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
