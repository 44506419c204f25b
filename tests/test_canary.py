"""The canary: a list that was read well must still be read as it was."""

import gzip
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from digest.errors import ParseError
from digest.pipeline.canary import CanaryResult, check_canaries
from digest.storage.database import Database
from digest.types import Entry, PageRequest, ParsedPage
from tests.kept_lists import MONDAY, World, broken, drops_last, lines, parse_with, read_lines

pytest_plugins = ("tests.storage_fixtures",)

NOW = datetime(2026, 8, 10, 7, tzinfo=UTC)
LIST = f"/list?date={MONDAY}"


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    return World.of(database, tmp_path)


def check(world: World, read: object = read_lines) -> list[CanaryResult]:
    return check_canaries(world.database, world.pages, [world.source], parse_with(read), NOW)


class TestUnchanged:
    def test_the_same_parser_gives_the_same(self, world: World) -> None:
        world.refresh({LIST: lines(1, 2, 3)})
        assert check(world) == [CanaryResult("lists", MONDAY)]
        assert check(world)[0].ok

    def test_all_pages_of_a_list_count(self, world: World) -> None:
        world.refresh({LIST: lines(1, 2, more="next /more"), "/more": lines(3)})
        assert check(world)[0].ok

    def test_votes_and_order_are_not_what_is_compared(self, world: World) -> None:
        world.refresh({LIST: lines(1, 2)})

        def reordered(body: bytes, request: PageRequest) -> ParsedPage:
            return ParsedPage(tuple(reversed(read_lines(body, request).entries)))

        assert check(world, reordered)[0].ok

    def test_a_page_that_came_as_not_modified_is_read_from_where_it_is_kept(self, world: World) -> None:
        world.refresh({LIST: lines(1, 2)})
        world.refresh({LIST: lines(1, 2)}, hour=9, not_modified=True)
        assert check(world)[0].ok
        assert not check(world, drops_last)[0].ok

    def test_the_way_that_was_taken_is_the_one_that_counts(self, database: Database, tmp_path: Path) -> None:
        """The first way answered yesterday and failed today: its old page is not held against today."""
        world = World.of(database, tmp_path, ways=("api", "page"), dated=False)
        world.refresh({"/api": lines(1, 2)})
        world.refresh({"/api": 500, "/page": lines(2, 3, 4)}, date(2026, 8, 4))
        assert check(world) == [CanaryResult("lists", date(2026, 8, 4))]


class TestChanged:
    def test_a_lost_entry_is_told(self, world: World) -> None:
        world.refresh({LIST: lines(1, 2, 3)})
        assert check(world, drops_last) == [
            CanaryResult(
                "lists",
                MONDAY,
                "lists: the list of Mon 3 Aug 2026 gave 3 papers when it was read, and gives 2 papers now",
            )
        ]

    def test_other_ids_in_the_same_number_are_told(self, world: World) -> None:
        world.refresh({LIST: lines(1, 2)})

        def other_ids(body: bytes, request: PageRequest) -> ParsedPage:
            return ParsedPage((Entry("A", 1, source_ref="x"), Entry("B", 2, source_ref="y")))

        assert check(world, other_ids)[0].fault == (
            "lists: the list of Mon 3 Aug 2026 gives 2 papers as it did when it was read, "
            "but not the same ones"
        )

    def test_a_page_that_cannot_be_read_any_more_is_told(self, world: World) -> None:
        world.refresh({LIST: lines(1)})
        assert check(world, broken)[0].fault == (
            "lists: the list of Mon 3 Aug 2026, which was read well, cannot be read any more: "
            "looked for lines, found none"
        )

    def test_a_list_that_became_empty_is_told(self, world: World) -> None:
        world.refresh({LIST: lines(1)})
        fault = check(world, lambda body, request: ParsedPage(()))[0].fault
        assert fault is not None
        assert fault.endswith("gave 1 paper when it was read, and gives no papers now")

    def test_a_later_page_that_is_refused_is_told(self, world: World) -> None:
        world.refresh({LIST: lines(1, 2, more="next /more"), "/more": lines(3)})

        def refuses_more(body: bytes, request: PageRequest) -> ParsedPage:
            if request.role == "next":
                raise ParseError("no second page")
            return read_lines(body, request)

        assert "no second page" in (check(world, refuses_more)[0].fault or "")


class TestBounds:
    def test_only_the_newest_good_list_is_read(self, world: World) -> None:
        tuesday = date(2026, 8, 4)
        world.refresh({LIST: lines(1, 2, 3)})
        world.refresh({f"/list?date={tuesday}": lines(4, 5)}, tuesday)
        asked: list[bytes] = []

        def noted(body: bytes, request: PageRequest) -> ParsedPage:
            asked.append(body)
            return read_lines(body, request)

        assert check(world, noted) == [CanaryResult("lists", tuesday)]
        assert asked == [lines(4, 5).encode()]

    def test_a_bad_list_is_passed_over_for_the_last_good_one(self, world: World) -> None:
        wednesday = date(2026, 8, 5)
        world.refresh({LIST: lines(1, 2, 3)})
        world.refresh({f"/list?date={wednesday}": "<html>"}, wednesday)
        assert check(world) == [CanaryResult("lists", MONDAY)]

    def test_without_a_kept_page_nothing_is_said(self, world: World) -> None:
        assert check(world) == []
        world.refresh({LIST: lines(1)})
        for file in world.pages.folder.glob("*/*.gz"):
            file.unlink()
        assert check(world, broken) == []

    def test_a_list_of_which_a_page_is_gone_is_no_fault(self, world: World) -> None:
        world.refresh({LIST: lines(1, 2, more="next /more"), "/more": lines(3)})
        (second,) = [
            file
            for file in world.pages.folder.glob("*/*.gz")
            if b"next" not in gzip.decompress(file.read_bytes())
        ]
        second.unlink()
        assert check(world) == []

    def test_looking_changes_nothing(self, world: World) -> None:
        world.refresh({LIST: lines(1, 2)})
        before = world.database.place and Path(world.database.place).read_bytes()
        check(world, drops_last)
        assert Path(world.database.place).read_bytes() == before
