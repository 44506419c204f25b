"""The kind of a watched folder: nobody is asked, and what is kept of it can be parsed again."""

from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from digest.errors import ParseError
from digest.sources.saved_folder import SavedFolder, SavedFolderOptions
from digest.types import PageRequest
from tests import golden

OPTIONS = SavedFolderOptions(folder=Path("/home/me/papers"))


def test_nobody_is_asked() -> None:
    kind = SavedFolder()
    assert kind.day_requests("saved:", OPTIONS, date(2026, 3, 12)) == ()
    assert not kind.is_dated(OPTIONS)
    assert kind.default_url, "without an address of its own the settings would ask for one"


def test_a_kept_page_is_parsed_again_by_its_day_and_name() -> None:
    """A replay has the row of the page: its address, its day, what was carried."""
    body = golden.read("saved/blank_lines.txt")
    request = PageRequest("saved:a.txt", day=date(2026, 3, 12), carry=(("name", "a.txt"), ("stamp", "x")))
    page = SavedFolder().parse(body, request, OPTIONS)
    assert (len(page.entries), page.page_date) == (6, date(2026, 3, 11))
    with pytest.raises(ParseError, match=r"^a\.txt is not a page of trending papers"):
        SavedFolder().parse(b"milk, bread", request, OPTIONS)


def test_without_a_day_a_day_without_a_year_is_none() -> None:
    page = SavedFolder().parse(golden.read("saved/blank_lines.txt"), PageRequest("saved:a.txt"), OPTIONS)
    assert page.page_date is None


def test_a_home_is_filled_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert SavedFolderOptions.model_validate({"folder": "~/papers"}).folder == tmp_path / "papers"


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({}, "required"),
        ({"folder": "papers"}, "is not a whole path; write one such as"),
        ({"folder": "~nobody-at-all/papers"}, "a user that there is not"),
        ({"folder": "/a\x00b"}, "character that no folder"),
        ({"folder": "/a", "recursive": True}, "Extra inputs"),
    ],
)
def test_wrong_folders_are_told(table: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        SavedFolderOptions.model_validate(table)
