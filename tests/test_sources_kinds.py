"""The registry of source kinds: those of this program and those of other packages."""

from datetime import date
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest
from pydantic import BaseModel

from digest import sources
from digest.errors import UsageError
from digest.sources import KINDS, SourceKind, get_kind, known_kinds
from digest.types import PageRequest, ParsedPage


class Kitchen:
    """A kind as another package would write it."""

    kind = "kitchen"
    label = "Kitchen"
    default_url = "https://kitchen.example.org"
    exact_url = False
    lookback_days = 1
    trust = 10
    Options: type[BaseModel] = BaseModel

    def is_dated(self, options: BaseModel) -> bool:
        return True

    def day_requests(self, url: str, options: BaseModel, day: date) -> tuple[tuple[str, PageRequest], ...]:
        return (("page", PageRequest(url, day)),)

    def parse(
        self, body: bytes, request: PageRequest, options: BaseModel, *, content_type: str = ""
    ) -> ParsedPage:
        return ParsedPage(())


def install(monkeypatch: pytest.MonkeyPatch, value: str, name: str = "kitchen") -> None:
    point = EntryPoint(name, value, sources.GROUP)
    monkeypatch.setattr(sources, "_entry_points", lambda: (point,))


def test_every_kind_of_ours_keeps_the_contract() -> None:
    for name, kind in KINDS.items():
        assert isinstance(kind, SourceKind)
        assert kind.kind == name
        assert get_kind(name) is kind
        assert kind.Options.model_config["extra"] == "forbid"


def test_an_unknown_kind_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"'hugingface' is no kind of source; known are: .*huggingface"):
        get_kind("hugingface")


def test_another_packages_kind_is_found_by_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, f"{__name__}:Kitchen")
    assert "kitchen" in known_kinds()
    assert get_kind("kitchen").label == "Kitchen"


def test_another_packages_kind_does_not_replace_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, f"{__name__}:Kitchen", name="huggingface")
    assert get_kind("huggingface").label == "Hugging Face"


@pytest.mark.parametrize("value", ["no_such_package_at_all:Kind", f"{__name__}:Missing"])
def test_a_kind_that_cannot_be_loaded_is_told_and_hurts_no_other(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    install(monkeypatch, value)
    assert get_kind("huggingface")
    with pytest.raises(UsageError, match="cannot be loaded"):
        get_kind("kitchen")


def test_an_object_that_is_no_kind_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_entry_points", lambda: (_point(SimpleNamespace(kind="kitchen")),))
    with pytest.raises(UsageError, match="is no SourceKind"):
        get_kind("kitchen")


def _point(value: object) -> object:
    return SimpleNamespace(name="kitchen", value="kitchen:thing", load=lambda: value)
