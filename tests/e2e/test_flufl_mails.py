"""Real bounces of thirty kinds of mail server: those in the source archive of flufl.bounce.

The archive is not ours to ship, so it is downloaded from the configured package index.
"""

import io
import subprocess
import sys
import tarfile
import time
from email import message_from_bytes
from pathlib import Path, PurePosixPath

import pytest
from flufl.bounce import all_failures

from digest.bounces import ReportKind, parse_command, parse_report

pytestmark = pytest.mark.e2e

VERSION = "6.0.0"
FAILING = (ReportKind.HARD, ReportKind.SOFT, ReportKind.POLICY, ReportKind.DELAYED)
MAX_MEMBER = 2 * 1024 * 1024


@pytest.fixture(scope="module")
def mails(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The mails by file name."""
    folder = tmp_path_factory.mktemp("flufl")
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
            [*command, f"flufl.bounce=={VERSION}"], capture_output=True, text=True, timeout=180, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip("the package index does not answer")
    archives = list(folder.glob("*.tar.gz"))
    if len(archives) != 1:
        last = (ran.stderr.strip().splitlines() or ["no reason given"])[-1]
        pytest.skip(f"the source archive of flufl.bounce {VERSION} could not be downloaded: {last}")
    found = unpack(archives[0])
    assert len(found) >= 110
    return found


def unpack(archive: Path) -> dict[str, bytes]:
    """The plain files of the tests' data, read in memory: nothing is written where a member says."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(archive.read_bytes()), mode="r:gz") as members:
        for member in members:
            path = PurePosixPath(member.name)
            if path.parts[-3:-1] == ("tests", "data") and path.suffix == ".txt" and member.isreg():
                assert member.size <= MAX_MEMBER
                file = members.extractfile(member)
                assert file is not None
                found[path.name] = file.read()
    return found


def theirs(raw: bytes) -> tuple[set[str], set[str]]:
    """What flufl.bounce itself finds: delayed and failed addresses."""
    delayed, failed = all_failures(message_from_bytes(raw))
    return {one.decode().strip() for one in delayed}, {one.decode().strip() for one in failed}


def ours(raw: bytes) -> tuple[set[str], set[str]]:
    """The same of our reading."""
    delayed, failed = set(), set()
    for one in parse_report(raw).recipients:
        if one.kind in FAILING:
            (delayed if one.kind is ReportKind.DELAYED else failed).update(one.spellings)
    return delayed, failed


def test_no_real_bounce_is_read_worse_than_by_the_library(mails: dict[str, bytes]) -> None:
    """With a status part or without: every address it finds is found, delayed as delayed."""
    worse = {}
    for name, raw in mails.items():
        wanted, found = theirs(raw), ours(raw)
        if any(not want <= have for want, have in zip(wanted, found, strict=True)):
            worse[name] = (wanted, found)
    assert worse == {}


def test_every_recipient_of_a_status_part_has_a_code(mails: dict[str, bytes]) -> None:
    """Where the mail server gave one."""
    structured = {name: parse_report(raw) for name, raw in mails.items()}
    structured = {name: report for name, report in structured.items() if report.is_structured}
    assert len(structured) >= 15
    assert [name for name, report in structured.items() if report.code is None] == []


def test_no_real_bounce_crashes_is_slow_or_leaves(mails: dict[str, bytes]) -> None:
    """Whole, cut anywhere, and never taken for a command of a reader."""
    begun = time.process_time()
    for raw in mails.values():
        for cut in range(0, len(raw), max(len(raw) // 20, 1)):
            parse_report(raw[:cut])
        command = parse_command(raw)
        assert command is None or command.token is None
    assert time.process_time() - begun < 60
