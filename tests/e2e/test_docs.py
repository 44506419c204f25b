"""The documentation builds without a warning, and each link within it has its target."""

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from digest.cli.commands import make_cli
from digest.config import Settings

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("sphinx", "myst_parser", "furo")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages, as ``./run.sh docs`` builds them."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed (./run.sh e2e installs them)")
    folder = tmp_path_factory.mktemp("docs")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-E", "-q", "-d", folder / "trees"]
    done = subprocess.run(
        [*map(str, command), "docs", str(folder / "html")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "html"


class Links(HTMLParser):
    """What a page points to, what it loads, and the anchors it has."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = {"", "top"}
        self.feed(page.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = dict(attrs)
        self.anchors |= {own[name] or "" for name in ("id", "name") if name in own}
        if tag == "a" and own.get("href"):
            self.targets.append(str(own["href"]))
        if tag in ("script", "img", "link", "iframe") and (own.get("src") or own.get("href")):
            self.loaded.append(str(own.get("src") or own["href"]))


@pytest.fixture(scope="module")
def pages(built: Path) -> dict[Path, Links]:
    return {page: Links(page) for page in built.rglob("*.html")}


def test_every_link_within_has_its_target(built: Path, pages: dict[Path, Links]) -> None:
    """The page or file, and the anchor on it."""
    assert len(pages) > 15
    bad = [f"{page.relative_to(built)}: {target}" for page, target in broken(pages)]
    assert bad == []


def broken(pages: dict[Path, Links]) -> Iterator[tuple[Path, str]]:
    for page, links in pages.items():
        for target in [*links.targets, *links.loaded]:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            file = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            if not file.is_file() or (file in pages and unquote(parts.fragment) not in pages[file].anchors):
                yield page, target


def test_a_broken_link_would_be_seen(tmp_path: Path) -> None:
    """Else the test before would prove nothing."""
    page = tmp_path / "a.html"
    page.write_text('<p id="here"><a href="#here">1</a><a href="#gone">2</a><a href="b.html">3</a></p>')
    assert [target for _, target in broken({page: Links(page)})] == ["#gone", "b.html"]


def test_no_page_loads_anything_from_elsewhere(pages: dict[Path, Links]) -> None:
    """Reading the documentation tells nobody."""
    assert {one for links in pages.values() for one in links.loaded if urlsplit(one).netloc} == set()


def test_the_reference_has_every_setting_and_command(pages: dict[Path, Links]) -> None:
    """With an anchor for each, by which other pages link to it."""
    anchors = {page.stem: links.anchors for page, links in pages.items() if page.parent.name == "reference"}
    tables = {"source", "enricher"}
    wanted = {f"confval-{name}" for name in Settings.model_fields.keys() - tables}
    assert {one for one in wanted if one not in anchors["settings"]} == set()
    assert {f"digest-{name}" for name in ("run", "serve", "backup", "restore", "interest-add")} <= anchors[
        "commands"
    ]
    assert "cmdoption-digest-interest-add-name" in anchors["commands"]
    assert len([one for one in anchors["commands"] if one.startswith("digest-")]) > len(
        make_cli().registered_groups
    )
