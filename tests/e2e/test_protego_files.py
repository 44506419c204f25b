"""Three thousand real robots.txt files: those in the source archive of protego.

The archive is not ours to ship, so it is downloaded from the configured package index.
"""

import io
import subprocess
import sys
import tarfile
import time
from importlib.metadata import version
from pathlib import Path, PurePosixPath

import pytest
from protego import Protego

from digest.fetcher.robots import MAX_ROBOTS_BYTES, MAX_WILDCARDS, TOKEN, RobotsRules, our_rules

pytestmark = pytest.mark.e2e

VERSION = version("protego")
MAX_MEMBER = 4 * 1024 * 1024
PATHS = (
    "/",
    "/papers",
    "/api/daily_papers?date=2026-01-12&limit=100&p=0",
    "/search?q=a%20b",
    "/a.pdf",
    "//x",
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files by the name of the host that each is from."""
    folder = tmp_path_factory.mktemp("protego")
    words = (
        "download",
        "--quiet",
        "--no-binary",
        ":all:",
        "--no-deps",
        "--no-build-isolation",
        "--dest",
        str(folder),
    )
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *words]
    try:
        ran = subprocess.run(
            [*command, f"protego=={VERSION}"], capture_output=True, text=True, timeout=180, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip("the package index does not answer")
    archives = list(folder.glob("*.tar.gz"))
    if len(archives) != 1:
        last = (ran.stderr.strip().splitlines() or ["no reason given"])[-1]
        pytest.skip(f"the source archive of protego {VERSION} could not be downloaded: {last}")
    found = unpack(archives[0])
    assert len(found) >= 1000
    return found


def unpack(archive: Path) -> dict[str, bytes]:
    """The plain files of the tests' data, read in memory: nothing is written where a member says."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(archive.read_bytes()), mode="r:gz") as members:
        for member in members:
            path = PurePosixPath(member.name)
            if path.parts[-3:-1] == ("tests", "test_data") and member.isreg():
                assert member.size <= MAX_MEMBER
                file = members.extractfile(member)
                assert file is not None
                found[path.name] = file.read()
    return found


def test_every_real_file_is_read_without_a_crash(files: dict[str, bytes]) -> None:
    """Whole, and cut anywhere; none has more wildcards than are read."""
    begun = time.process_time()
    for name, raw in files.items():
        for body in (raw, raw[: len(raw) // 2], raw[1::2], raw[::-1]):
            rules = RobotsRules(our_rules(body))
            answers = [rules.allows(path) for path in PATHS]
            assert all(isinstance(one, bool) for one in answers), name
            assert 0 <= rules.crawl_delay_s() <= 60, name
        assert sum("*" in line or "$" in line for line in our_rules(raw).splitlines()) < MAX_WILDCARDS, name
    assert time.process_time() - begun < 120


def test_the_rules_for_us_are_what_the_library_finds(files: dict[str, bytes]) -> None:
    """Leaving out the groups that are not for us changes no answer."""
    differing = {}
    for name, raw in files.items():
        whole = Protego.parse(raw[:MAX_ROBOTS_BYTES].decode("utf-8-sig", "replace").replace("\0", ""))
        rules = RobotsRules(our_rules(raw))
        theirs = [whole.can_fetch(f"http://host.invalid{path}", TOKEN) for path in PATHS]
        ours = [rules.allows(path) for path in PATHS]
        delay = min(float(whole.crawl_delay(TOKEN) or 0), 60.0)
        if (ours, rules.crawl_delay_s()) != (theirs, delay):
            differing[name] = (ours, theirs)
    assert differing == {}
