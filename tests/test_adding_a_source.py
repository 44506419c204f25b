"""docs/adding-a-source.md is true: its kind runs and keeps the contract, its tables are read."""

import json
import re
import sys
import tomllib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from digest import sources
from digest.errors import UsageError
from digest.sources.contract import Sample, check_kind
from digest.sources.page import PageOptions
from digest.sources.page_options import FIELDS
from digest.types import PageRequest, Verdict
from digest.verdict import judge
from tests import cli_runner, golden
from tests.test_sources_page import TRENDING

DOCS = Path(__file__).resolve().parents[1] / "docs" / "adding-a-source.md"
COMMON = {"name", "kind", "url"}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", DOCS.read_text("utf-8"), re.DOTALL | re.MULTILINE)


Run = Callable[[str], dict[str, Any]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs Python as the module that the docs write; its options are pickled, so it can be imported."""

    def as_module(source: str) -> dict[str, Any]:
        module = ModuleType("paper_kettles")
        monkeypatch.setitem(sys.modules, "paper_kettles", module)
        exec(compile(source, str(DOCS), "exec"), module.__dict__)
        return module.__dict__

    return as_module


@pytest.fixture
def module(run: Run) -> dict[str, Any]:
    """What the Python blocks define."""
    return run("\n".join(blocks("python")))


def test_the_example_keeps_the_contract(module: dict[str, Any]) -> None:
    module["test_the_contract"]()


@pytest.mark.parametrize(
    ("taken", "instead", "fault"),
    [
        ("", "", None),
        ('plain(report.get("title"), limit=1000)', 'str(report.get("title"))', "title is not clean text"),
        ("limit=1000)", "limit=90_000)", "characters long; cap it"),
        ("if isinstance(report, dict) else", "if report else", "AttributeError"),
        ("or not isinstance(reports, list):", "or reports == 0:", "makes the parser give TypeError"),
        ("raise ParseError(", "raise ValueError(", "makes the parser give ValueError"),
        ('safe_url(report.get("link"))', 'report.get("link")', "url is no safe address"),
        ("position=len(entries) + 1", "position=len(entries)", "positions do not count from 1"),
        (
            "votes if type(votes) is int",
            "votes if type(votes) is bool or type(votes) is int",
            "votes is no count",
        ),
        ("/api/reports?", "/..\\\\evil?", "no address of http or https"),
        ("{url.rstrip('/')}/api", "https://elsewhere.example.net/api", "which is not below"),
        ("day=day, documented", "day=date(2020, 1, 1), documented", "says it is for 2020-01-01"),
        ('extra="forbid", ', "", "does not forbid unknown keys"),
        (", frozen=True", "", "can be changed after it was checked"),
        ("lookback_days = 2", "lookback_days = 0", "lookback_days is not a number from 1 to 30"),
        ("trust = 30", "trust = True", "trust is not a number"),
        ("        return True\n", "        return 1\n", "is_dated gives neither"),
    ],
)
def test_the_check_finds_what_is_taken_out_of_the_example(
    run: Run, taken: str, instead: str, fault: str | None
) -> None:
    source = blocks("python")[0]
    assert taken in source
    kind = run(source.replace(taken, instead) if taken else source)["Kettles"]()
    items = [{"title": "A <b>x</b>\0 " + "y" * 9000, "link": "javascript:1", "votes": True}, "no report"]
    body = json.dumps({"total": 2, "reports": items}).encode()
    faults = check_kind(kind, [Sample(body, "https://kettles.example.org/api/reports")])
    if fault is None:
        assert faults == []
    else:
        assert any(fault in told for told in faults), faults


def test_the_example_reads_its_sample(module: dict[str, Any]) -> None:
    kind = module["Kettles"]()
    body = json.dumps({"total": 3, "reports": [{"title": "T", "link": "https://arxiv.org/abs/2603.90001"}]})
    page = kind.parse(body.encode(), PageRequest("https://x"), kind.Options())
    assert (page.entries[0].arxiv_id, page.declared) == ("2603.90001", 3)
    assert judge(page, (), day=date(2026, 3, 11), error=None) is Verdict.PARTIAL


def test_its_package_is_found_by_its_entry_point(
    module: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    (project,) = [table for block in blocks("toml") if "project" in (table := tomllib.loads(block))]
    ((group, points),) = project["project"]["entry-points"].items()
    assert group == sources.GROUP
    ((name, value),) = points.items()
    point = SimpleNamespace(name=name, value=value, load=lambda: module[value.partition(":")[2]])
    monkeypatch.setattr(sources, "_entry_points", lambda: (point,))
    assert sources.get_kind("kettles").label == "Kettles"
    assert name in sources.known_kinds()


def test_a_kind_that_lacks_something_is_told_what(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    source = blocks("python")[0].replace("def is_dated", "def dated").replace("trust = 30", "trusted = 30")
    kind = run(source)["Kettles"]
    point = SimpleNamespace(name="kettles", value="paper_kettles:Kettles", load=lambda: kind)
    monkeypatch.setattr(sources, "_entry_points", lambda: (point,))
    with pytest.raises(UsageError, match=r"is no SourceKind: it lacks trust, is_dated$"):
        sources.get_kind("kettles")


def test_a_check_without_a_page_says_so_and_a_page_that_is_missing_is_told(tmp_path: Path) -> None:
    page = tmp_path / "page.json"
    ran = cli_runner.run("sources", "check", "huggingface")
    assert (ran.code, "give one by --page" in ran.out) == (0, True)
    ran = cli_runner.run("sources", "check", "huggingface", "--page", str(page))
    assert (ran.code, "Traceback" in ran.err) == (2, False)
    assert f"the page {page} cannot be read: No such file or directory" in ran.err
    page.write_bytes(golden.read("huggingface/daily_2026.json"))
    url = "https://huggingface.co/api/daily_papers?date=2026-03-09&limit=100&p=0"
    ran = cli_runner.run("sources", "check", "huggingface", "--page", str(page), "--url", url)
    assert ran.out == "huggingface keeps the contract\n"


def test_its_tables_are_read() -> None:
    tables = [table for block in blocks("toml") for table in tomllib.loads(block).get("source", [])]
    assert [table["kind"] for table in tables] == ["page", "page"]
    for table in tables:
        PageOptions.model_validate({key: value for key, value in table.items() if key not in COMMON})
    github = {key: value for key, value in tables[0].items() if key not in COMMON}
    assert github == TRENDING


def test_every_key_of_a_described_page_is_explained() -> None:
    text = DOCS.read_text("utf-8").split("## Writing a kind")[0]
    keys = {field.alias or name for name, field in PageOptions.model_fields.items()}
    assert set(FIELDS) <= keys
    assert {key for key in keys if f"`{key}`" not in text} == set()
