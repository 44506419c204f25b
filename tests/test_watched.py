"""A watched folder: what is new in it is filed once, what is no page is told once, nothing else is opened."""

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from digest.errors import ParseError
from digest.pipeline import watched
from digest.pipeline.filing import CheckRow
from digest.pipeline.pages import PageStore
from digest.pipeline.reading import ConfiguredSource
from digest.pipeline.watched import read_folder
from digest.sources.saved_folder import SavedFolder, SavedFolderOptions
from digest.storage import sources as source_rows
from digest.storage.database import Database
from digest.types import ParsedPage, Verdict
from tests import golden

pytest_plugins = ("tests.storage_fixtures",)

NOW = datetime(2026, 3, 12, 9, tzinfo=UTC)
TODAY = date(2026, 3, 12)
WRITTEN = datetime(2026, 3, 10, 18, tzinfo=UTC).timestamp()
LATER = WRITTEN + 3600

Read = Callable[..., list[CheckRow]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pages-to-read").mkdir()
    return tmp_path / "pages-to-read"


@pytest.fixture
def read(database: Database, folder: Path, tmp_path: Path) -> Read:
    store = PageStore(tmp_path / "kept")

    def run(where: Path = folder, **more: Any) -> list[CheckRow]:
        source = ConfiguredSource(
            name="shelf",
            kind=SavedFolder(),
            url="saved:",
            options=SavedFolderOptions(folder=where),
            max_bytes=more.pop("max_bytes", None),
        )
        given = {"now": NOW, "today": TODAY, "clock": lambda: LATER} | more
        return read_folder(database, store, source, **given)

    return run


def put(folder: Path, name: str, body: bytes, written: float = WRITTEN) -> Path:
    path = folder / name
    path.write_bytes(body)
    os.utime(path, (written, written))
    return path


def page(*numbers: int, day: str | None = None) -> bytes:
    """An answer of the API with these papers."""
    told = {"submittedOnDailyAt": f"{day}T00:00:00Z"} if day else {}
    papers = [
        {"id": f"2603.{n:05d}", "title": f"Kettle {n}", "summary": f"Boils {n}.", **told} for n in numbers
    ]
    return json.dumps([{"paper": paper} for paper in papers]).encode()


def facts(rows: list[CheckRow]) -> list[tuple[date, str, int, int]]:
    return [(row.date, row.verdict.value, row.entries, row.new) for row in rows]


def health(database: Database) -> tuple[str | None, int]:
    with database.read() as session:
        source = source_rows.get_source(session, "shelf")
        assert source is not None
        return source.last_verdict, source.failures_in_row


def kept(database: Database) -> int:
    with database.write() as session:
        source = source_rows.get_source(session, "shelf")
        assert source is not None
        return len(watched._known(session, source))


class TestFiling:
    def test_what_is_new_is_filed_under_the_day_of_its_page_and_only_once(
        self, folder: Path, read: Read, database: Database
    ) -> None:
        put(folder, "monday.json", page(1, 2, day="2026-03-09"))
        assert facts(read()) == [(date(2026, 3, 9), "fresh", 2, 2)]
        assert facts(read()) == [(TODAY, "unchanged", 0, 0)]
        put(folder, "tuesday.json", page(2, 3, day="2026-03-10"))
        assert facts(read()) == [(date(2026, 3, 10), "fresh", 2, 1)]
        assert health(database) == ("fresh", 0)

    def test_pages_of_one_day_are_one_row(self, folder: Path, read: Read) -> None:
        put(folder, "a.json", page(1, 2, day="2026-03-09"))
        put(folder, "b.json", page(2, 3, day="2026-03-09"))
        put(folder, "c.json", page(4, day="2026-03-10"))
        assert facts(read()) == [(date(2026, 3, 9), "fresh", 3, 3), (date(2026, 3, 10), "fresh", 1, 1)]

    def test_a_page_without_a_day_is_of_the_day_its_file_was_written(self, folder: Path, read: Read) -> None:
        put(folder, "a.json", page(1))
        assert facts(read()) == [(date(2026, 3, 10), "fresh", 1, 1)]

    def test_a_page_is_of_no_day_to_come(self, folder: Path, read: Read) -> None:
        put(folder, "a.json", page(1), written=WRITTEN + 10 * 86_400)
        put(folder, "b.json", page(2), written=1e11)
        assert facts(read()) == [(TODAY, "fresh", 2, 2)]

    def test_every_kind_of_saved_page_is_read(self, folder: Path, read: Read) -> None:
        for name in ("blank_lines.txt", "windows.txt", "reader_linked.html", "save_as_cards.html"):
            put(folder, name, golden.read(f"saved/{name}"))
        assert {row.verdict for row in read()} == {Verdict.FRESH}

    def test_the_same_content_under_another_name_is_known(self, folder: Path, read: Read) -> None:
        path = put(folder, "a.json", page(1, day="2026-03-09"))
        read()
        path.rename(folder / "renamed.json")
        put(folder, "copy.json", page(1, day="2026-03-09"))
        assert facts(read()) == [(TODAY, "unchanged", 0, 0)]

    def test_a_file_that_was_written_again_is_read_again(self, folder: Path, read: Read) -> None:
        put(folder, "a.json", page(1, day="2026-03-09"))
        read()
        put(folder, "a.json", page(1, 2, day="2026-03-09"))
        assert facts(read()) == [(date(2026, 3, 9), "fresh", 2, 1)]

    def test_known_files_are_not_even_opened(
        self, folder: Path, read: Read, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put(folder, "a.json", page(1, day="2026-03-09"))
        read()
        monkeypatch.setattr(watched, "_read_whole", lambda _: pytest.fail("opened"))
        assert facts(read()) == [(TODAY, "unchanged", 0, 0)]

    def test_what_was_read_today_is_not_written_over_by_a_run_without_news(
        self, folder: Path, read: Read, database: Database
    ) -> None:
        put(folder, "a.json", page(1, day=TODAY.isoformat()))
        read()
        read()
        with database.read() as session:
            ((_, check),) = source_rows.list_checks(session, first_day=TODAY, last_day=TODAY)
        assert (check.verdict, check.entries) == ("fresh", 1)

    def test_the_bytes_are_kept_with_what_a_replay_needs(
        self, folder: Path, read: Read, database: Database, tmp_path: Path
    ) -> None:
        put(folder, "a.json", page(1, day="2026-03-09"))
        read()
        with database.read() as session:
            source = source_rows.get_source(session, "shelf")
            assert source is not None
            assert source.id is not None
            row = source_rows.latest_page(session, source.id, "saved:a.json")
        assert row is not None
        assert PageStore(tmp_path / "kept").load(row) == page(1, day="2026-03-09")
        assert (row.day, row.verdict, row.carry[0], row.check_id is None) == (
            date(2026, 3, 9),
            "fresh",
            ["name", "a.json"],
            False,
        )

    def test_a_parser_in_bounds_may_be_given(self, folder: Path, read: Read) -> None:
        asked: list[tuple[bytes, date, str]] = []

        def parse(body: bytes, *, today: date, name: str = "") -> ParsedPage:
            asked.append((body, today, name))
            raise ParseError("the parser took more than 5 s")

        put(folder, "a.json", b"x")
        assert [row.error for row in read(parse_saved=parse)] == ["the parser took more than 5 s"]
        assert asked == [(b"x", TODAY, "a.json")]


class TestWhatIsNoPage:
    def test_what_is_no_page_is_broken_and_told_once(
        self, folder: Path, read: Read, database: Database
    ) -> None:
        put(folder, "list.txt", golden.read("saved/shopping_list.txt"))
        put(folder, "a.json", page(1, day="2026-03-09"))
        rows = read()
        assert facts(rows) == [(TODAY, "broken", 0, 0), (date(2026, 3, 9), "fresh", 1, 1)]
        assert rows[0].error is not None
        assert rows[0].error.startswith("list.txt is not a page of trending papers")
        assert health(database) == ("broken", 1)
        assert facts(read()) == [(TODAY, "unchanged", 0, 0)]
        assert health(database) == ("unchanged", 0)

    def test_many_of_them_are_one_sentence(self, folder: Path, read: Read) -> None:
        for number in range(9):
            put(folder, f"{number}.pdf", b"%PDF-1.7 " + bytes([number]))
        (row,) = read()
        assert row.error is not None
        assert row.error.endswith("; and 4 files more")
        assert len(row.error) < 2000

    def test_a_good_page_of_the_same_day_stands_last(
        self, folder: Path, read: Read, database: Database
    ) -> None:
        put(folder, "list.txt", b"milk, bread")
        put(folder, "a.json", page(1, day=TODAY.isoformat()))
        assert [row.verdict.value for row in read()] == ["broken", "fresh"]
        with database.read() as session:
            ((_, check),) = source_rows.list_checks(session, first_day=TODAY, last_day=TODAY)
        assert check.verdict == "fresh"

    def test_a_page_whose_json_and_cards_disagree_hurts_no_other_of_its_day(
        self, folder: Path, read: Read
    ) -> None:
        html = golden.read("huggingface/page_2024.html")
        put(folder, "odd.html", html.replace(b'href="/papers/2408.90002', b'href="/papers/2408.90009'))
        put(folder, "a.json", page(1, day="2024-08-01"))
        rows = read()
        assert facts(rows) == [(TODAY, "broken", 0, 0), (date(2024, 8, 1), "fresh", 1, 1)]
        assert "different papers" in (rows[0].error or "")

    def test_a_file_beyond_the_limit_is_told_once_without_being_read(self, folder: Path, read: Read) -> None:
        put(folder, "huge.html", b"x" * 5000)
        (row,) = read(max_bytes=4096)
        assert row.error == "huge.html is larger than 4 KiB; that is no page"
        assert facts(read(max_bytes=4096)) == [(TODAY, "unchanged", 0, 0)]

    @pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
    def test_a_file_that_may_not_be_read_is_told_once_until_it_is_touched(
        self, folder: Path, read: Read
    ) -> None:
        path = put(folder, "a.json", page(1, day="2026-03-09"))
        path.chmod(0)
        assert "cannot be read" in (read()[0].error or "")
        assert facts(read()) == [(TODAY, "unchanged", 0, 0)]
        path.chmod(0o600)
        assert facts(read()) == [(date(2026, 3, 9), "fresh", 1, 1)]

    def test_a_read_error_is_told_with_its_reason(
        self, folder: Path, read: Read, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(_: object) -> bytes:
            raise PermissionError(13, "Permission denied")

        put(folder, "a.json", page(1))
        monkeypatch.setattr(watched, "_read_whole", fail)
        assert [row.error for row in read()] == ["a.json cannot be read: Permission denied"]


class TestWhichFiles:
    @pytest.mark.parametrize(
        "name",
        [".a.json", "a.json.part", "a.crdownload", "a.download", "A.TMP", "a.json~", ".part-x", "a.swp"],
    )
    def test_hidden_and_unfinished_files_are_left_alone(self, folder: Path, read: Read, name: str) -> None:
        put(folder, name, page(1))
        assert facts(read()) == [(TODAY, "empty", 0, 0)]

    def test_a_file_that_was_written_just_now_waits_for_the_next_run(self, folder: Path, read: Read) -> None:
        put(folder, "a.json", page(1), written=LATER - 1.5)
        assert facts(read()) == [(TODAY, "empty", 0, 0)]
        assert facts(read(clock=lambda: LATER + 10)) == [(date(2026, 3, 10), "fresh", 1, 1)]

    def test_a_file_that_grows_while_it_is_read_waits_for_the_next_run(
        self, folder: Path, read: Read, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = put(folder, "a.json", page(1))
        facts_of = os.fstat

        def grow(handle: int) -> os.stat_result:
            told = facts_of(handle)
            with path.open("ab") as file:
                file.write(b" ")
            return told

        monkeypatch.setattr(os, "fstat", grow)
        assert facts(read()) == [(TODAY, "unchanged", 0, 0)]

    def test_links_that_leave_the_folder_are_not_followed(
        self, folder: Path, read: Read, tmp_path: Path
    ) -> None:
        secret = put(tmp_path, "secret.json", page(1))
        (folder / "link.json").symlink_to(secret)
        (folder / "up.json").symlink_to("../secret.json")
        (folder / "loop.json").symlink_to("loop.json")
        (folder / "nowhere.json").symlink_to("gone.json")
        assert facts(read()) == [(TODAY, "empty", 0, 0)]

    def test_a_link_inside_the_folder_is_the_file_it_leads_to(self, folder: Path, read: Read) -> None:
        put(folder, "a.json", page(1, day="2026-03-09"))
        (folder / "again.json").symlink_to("a.json")
        assert facts(read()) == [(date(2026, 3, 9), "fresh", 1, 1)]

    def test_the_folder_itself_may_be_a_link(self, folder: Path, read: Read, tmp_path: Path) -> None:
        put(folder, "a.json", page(1, day="2026-03-09"))
        (tmp_path / "here").symlink_to(folder)
        assert facts(read(tmp_path / "here")) == [(date(2026, 3, 9), "fresh", 1, 1)]

    def test_pipes_folders_and_what_lies_in_them_are_left_alone(self, folder: Path, read: Read) -> None:
        os.mkfifo(folder / "pipe.json")
        (folder / "page_files").mkdir()
        put(folder / "page_files", "script.json", page(1))
        started = time.monotonic()
        assert facts(read()) == [(TODAY, "empty", 0, 0)]
        assert time.monotonic() - started < 5

    def test_a_pipe_put_in_the_place_of_a_file_does_not_hang(self, folder: Path) -> None:
        file = watched._look_at(folder, put(folder, "a.json", page(1)).name, LATER)
        assert file is not None
        file.path.unlink()
        os.mkfifo(file.path)
        assert watched._read_whole(file) is None
        file.path.unlink()
        file.path.symlink_to("/etc/hostname")
        with pytest.raises(OSError, match="symbolic link"):
            watched._read_whole(file)

    @pytest.mark.parametrize("name", ["caf\udce9.json", "new\nline.json", "\u202egnp.json", "x" * 240])
    def test_any_name_is_borne(self, folder: Path, read: Read, name: str) -> None:
        put(folder, name, b"no page")
        (row,) = read()
        assert row.error is not None
        assert row.error.isprintable()
        assert facts(read()) == [(TODAY, "unchanged", 0, 0)]

    def test_a_run_takes_in_so_many_files_and_the_next_one_the_rest(
        self, folder: Path, read: Read, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(watched, "MAX_FILES", 3)
        for number in range(5):
            put(folder, f"{number}.json", page(number + 1, day="2026-03-09"))
        assert [row.new for _ in range(3) for row in read()] == [3, 2, 0]

    def test_a_run_takes_in_so_many_bytes_and_the_next_one_the_rest(
        self, folder: Path, read: Read, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(watched, "MAX_TOTAL", 10)
        for number in range(3):
            put(folder, f"{number}.json", page(number + 1, day="2026-03-09"))
        assert [row.new for _ in range(4) for row in read()] == [1, 1, 1, 0]


class TestFolder:
    def test_an_empty_folder_is_empty(self, read: Read, database: Database) -> None:
        assert facts(read()) == [(TODAY, "empty", 0, 0)]
        assert health(database) == ("empty", 0)

    def test_a_folder_that_is_not_there_is_unreachable(
        self, folder: Path, read: Read, database: Database
    ) -> None:
        (row,) = read(folder / "gone")
        assert (row.verdict, row.date) == (Verdict.UNREACHABLE, TODAY)
        assert row.error == f"the folder {folder / 'gone'} cannot be read: No such file or directory"
        assert health(database) == ("unreachable", 1)

    def test_a_file_in_the_place_of_the_folder_is_unreachable(self, folder: Path, read: Read) -> None:
        (row,) = read(put(folder, "a.json", page(1)))
        assert (row.verdict, "Not a directory" in (row.error or "")) == (Verdict.UNREACHABLE, True)
