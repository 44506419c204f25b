"""Replay: a mended parser recovers the days that were missed, and nothing newer is lost by it."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from digest.models import Check, ListedEntry, Observation, Paper, StoredPage
from digest.pipeline.canary import check_canaries
from digest.pipeline.filing import CheckRow
from digest.pipeline.replay import replay
from digest.storage.database import Database
from digest.types import PageRequest, ParsedPage, Verdict
from tests.kept_lists import MONDAY, World, broken, drops_last, lines, parse_with, read_lines

pytest_plugins = ("tests.storage_fixtures",)

NOW = datetime(2026, 8, 10, 7, tzinfo=UTC)
TUESDAY, WEDNESDAY = MONDAY + timedelta(days=1), MONDAY + timedelta(days=2)


def at(day: date) -> str:
    return f"/list?date={day}"


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    return World.of(database, tmp_path)


def run(world: World, read: Any = read_lines, **given: Any) -> list[CheckRow]:
    return list(replay(world.database, world.pages, world.source, parse_with(read), NOW, **given))


def told(rows: list[CheckRow]) -> list[tuple[date, Verdict, int]]:
    return [(row.date, row.verdict, row.new) for row in rows]


def stored(world: World, model: Any) -> list[Any]:
    with world.database.read() as session:
        return list(session.exec(select(model).order_by(model.id)))


class TestRecovering:
    def test_a_mended_parser_recovers_the_days_that_were_missed(self, world: World) -> None:
        world.refresh({at(MONDAY): lines(1, 2)}, MONDAY, read=broken)
        world.refresh({at(TUESDAY): lines(3)}, TUESDAY, read=broken)
        world.refresh({at(WEDNESDAY): lines(4)}, WEDNESDAY)
        rows = run(world)
        assert told(rows) == [(MONDAY, Verdict.FRESH, 2), (TUESDAY, Verdict.FRESH, 1)]
        listed = {(entry.source_ref, entry.listed_on) for entry in stored(world, ListedEntry)}
        assert listed == {("p1", MONDAY), ("p2", MONDAY), ("p3", TUESDAY), ("p4", WEDNESDAY)}

    def test_all_pages_of_a_list_are_read_again_together(self, world: World) -> None:
        pages = {at(MONDAY): lines(1, 2, more="next /more"), "/more": lines(3)}
        world.refresh(pages, read=_refuses_more)
        (row,) = run(world)
        assert (row.verdict, row.entries) == (Verdict.FRESH, 3)

    def test_a_page_that_came_with_an_error_is_left_alone(self, world: World) -> None:
        world.refresh({at(MONDAY): 403})
        assert run(world) == []

    def test_recovering_twice_files_once(self, world: World) -> None:
        world.refresh({at(MONDAY): lines(1)}, read=broken)
        assert len(run(world)) == 1
        assert run(world) == []
        assert len(stored(world, Check)) == 2

    def test_what_was_recovered_is_the_canarys_next_page(self, world: World) -> None:
        world.refresh({at(MONDAY): lines(1, 2)}, read=broken)
        run(world)
        assert {page.verdict for page in stored(world, StoredPage)} == {"fresh"}
        results = check_canaries(world.database, world.pages, [world.source], parse_with(drops_last), NOW)
        assert [result.ok for result in results] == [False]

    def test_the_check_says_when_it_became_known_and_the_page_when_it_was_seen(self, world: World) -> None:
        world.refresh({at(MONDAY): lines(1, votes=7)}, read=broken)
        run(world)
        seen = datetime(2026, 8, 3, 8, 0, 5, tzinfo=UTC)
        assert [check.checked_at for check in stored(world, Check)][-1] == NOW
        assert [(one.observed_at, one.votes) for one in stored(world, Observation)] == [(seen, 7)]

    def test_a_list_without_days_is_recovered_for_the_day_it_was_asked_on(
        self, database: Database, tmp_path: Path
    ) -> None:
        world = World.of(database, tmp_path, dated=False)
        world.refresh({"/list": lines(1)}, MONDAY, read=broken)
        world.refresh({"/list": lines(2)}, TUESDAY, read=broken)
        assert told(run(world)) == [(MONDAY, Verdict.FRESH, 1), (TUESDAY, Verdict.FRESH, 1)]

    def test_the_second_way_recovers_what_the_first_cannot(self, database: Database, tmp_path: Path) -> None:
        world = World.of(database, tmp_path, ways=("api", "page"))
        world.refresh({f"/api?date={MONDAY}": "<html>", f"/page?date={MONDAY}": lines(1)}, read=broken)
        assert told(run(world)) == [(MONDAY, Verdict.FRESH, 1)]

    def test_a_page_that_another_check_rests_on_stays_that_checks(
        self, database: Database, tmp_path: Path
    ) -> None:
        """The second page came as not modified: it was kept for the day before."""
        world = World.of(database, tmp_path, dated=False)
        world.refresh({"/list": lines(1, more="next /more"), "/more": lines(2)}, MONDAY)
        (first, second) = stored(world, StoredPage)
        site = {"/list": lines(3, more="next /more"), "/more": lines(2)}
        world.refresh(site, TUESDAY, read=_refuses_more, modified="/list")
        assert [(row.date, row.verdict, row.entries) for row in run(world)] == [(TUESDAY, Verdict.FRESH, 2)]
        checks = {page.id: page.check_id for page in stored(world, StoredPage)}
        assert checks[first.id] == checks[second.id] == first.check_id


class TestStillBad:
    def test_a_page_that_is_still_broken_changes_nothing(self, world: World) -> None:
        world.refresh({at(MONDAY): lines(1)}, read=broken)
        before = Path(world.database.place).read_bytes()
        (row,) = run(world, broken)
        assert (row.verdict, row.error) == (Verdict.BROKEN, "looked for lines, found none")
        assert Path(world.database.place).read_bytes() == before

    def test_a_list_that_is_as_partial_as_before_changes_nothing(self, world: World) -> None:
        world.refresh({at(MONDAY): lines(1, 2, more="declared 5")})
        assert told(run(world)) == [(MONDAY, Verdict.PARTIAL, 0)]
        assert len(stored(world, Check)) == 1

    def test_a_partial_list_that_became_longer_is_filed(self, world: World) -> None:
        def half(body: bytes, request: PageRequest) -> ParsedPage:
            page = read_lines(body, request)
            return ParsedPage(page.entries[:2], declared=page.declared)

        world.refresh({at(MONDAY): lines(1, 2, 3, more="declared 5")}, read=half)
        assert told(run(world)) == [(MONDAY, Verdict.PARTIAL, 1)]
        assert len(stored(world, Paper)) == 3

    def test_a_list_of_another_day_is_still_one(self, world: World) -> None:
        world.refresh({at(MONDAY): lines(1, 2, 3, 4)}, MONDAY)
        assert world.refresh({at(TUESDAY): lines(1, 2, 3, 4)}, TUESDAY)[0].verdict is Verdict.STALE
        assert told(run(world)) == [(TUESDAY, Verdict.STALE, 0)]
        assert {entry.listed_on for entry in stored(world, ListedEntry)} == {MONDAY}

    def test_that_a_later_day_repeats_a_list_is_not_held_against_it(self, world: World) -> None:
        """Friday's page was not understood, and the weekend repeated it."""
        friday, saturday = date(2026, 8, 7), date(2026, 8, 8)
        world.refresh({at(friday): lines(1, 2, 3, 4)}, friday, read=broken)
        world.refresh({at(saturday): lines(1, 2, 3, 4)}, saturday)
        assert told(run(world)) == [(friday, Verdict.FRESH, 0)]


class TestChoosing:
    def test_a_day_that_was_read_well_since_is_left_alone(self, world: World) -> None:
        world.refresh({at(MONDAY): lines(1, votes=1)}, read=broken, hour=8)
        world.refresh({at(MONDAY): lines(1, votes=9)}, hour=12)
        assert run(world) == []
        assert [entry.votes for entry in stored(world, ListedEntry)] == [9]

    def test_everything_reads_good_days_too_and_the_newer_counts_stay(self, world: World) -> None:
        world.refresh({at(MONDAY): lines(1, votes=1)}, hour=8)
        world.refresh({at(MONDAY): lines(1, votes=9)}, hour=12)
        assert [row.verdict for row in run(world, everything=True)] == [Verdict.FRESH, Verdict.UNCHANGED]
        assert [entry.votes for entry in stored(world, ListedEntry)] == [9]
        assert len(stored(world, Observation)) == 4

    def test_days_choose(self, world: World) -> None:
        for day in (MONDAY, TUESDAY, WEDNESDAY):
            world.refresh({at(day): lines(day.day)}, day, read=broken)
        assert [row.date for row in run(world, days=[TUESDAY])] == [TUESDAY]

    def test_rows_are_filed_one_by_one(self, world: World) -> None:
        for day in (MONDAY, TUESDAY):
            world.refresh({at(day): lines(day.day)}, day, read=broken)
        rows = replay(world.database, world.pages, world.source, parse_with(read_lines), NOW)
        next(rows)
        rows.close()
        assert [paper.title for paper in stored(world, Paper)] == ["Paper number 3"]

    def test_an_unknown_source_has_nothing_to_replay(self, world: World) -> None:
        assert run(world) == []


def _refuses_more(body: bytes, request: PageRequest) -> ParsedPage:
    return broken(body, request) if request.role == "next" else read_lines(body, request)
