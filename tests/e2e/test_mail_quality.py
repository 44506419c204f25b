"""The finished mail before those who judge mail: a spam filter, an HTML validator, a checker for people who
cannot see, and the size at which mail is cut.

SpamAssassin runs without a network and from folders of its own. The validator (npm ``vnu-jar``, wants Java)
and ``axe-core`` (npm, runs in Chromium) are looked for in ``NODE_MODULES``, else in ``.cache/node_modules``
of this checkout:

    npm install --prefix .cache --no-save --ignore-scripts axe-core vnu-jar

What is not installed is skipped with the reason.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from email import message_from_bytes, policy
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from digest.message import make_message_id
from digest.pipeline.assemble import Addressee, Assembler, Envelope
from digest.types import IssueView, Section
from tests.issue_samples import SUMMARY, issue, item, notice_issue, paper, sample_items

pytestmark = pytest.mark.e2e

NODE_MODULES = Path(
    os.environ.get("NODE_MODULES") or Path(__file__).resolve().parents[2] / ".cache" / "node_modules"
)
BY_MAIL = Envelope(
    sender="digest@example.org",
    list_name="Paper digest",
    unsubscribe_address="leave@example.org",
    bounce_address="bounces@example.org",
    base_url=None,
    secret=b"an invented key of 32 bytes long",
)
BY_WEB = replace(BY_MAIL, base_url="https://digest.example.org")
ENVELOPES = {"mail": BY_MAIL, "web": BY_WEB}
ARRIVED = (
    b"Return-Path: <bounces@example.org>\r\n"
    b"Received: from mail.example.org (mail.example.org [192.0.2.1])\r\n"
    b" by mx.example.net (Postfix) with ESMTPS id 4Xabcdefgh for <ada@example.net>;\r\n"
    b" Mon, 17 Mar 2031 06:00:02 +0000 (UTC)\r\n"
)
SPAM_RULES = re.compile(r"MISSING_DATE|MISSING_MID|MIME_HTML_ONLY|MIME_HEADER_CTYPE_ONLY|HTML_IMAGE_ONLY\w*")


def many_papers(count: int) -> IssueView:
    """An issue of that many papers with everything there is to show, in all sections."""
    sections = list(Section)
    return issue(
        [
            item(
                paper(place, summary=SUMMARY if place % 3 == 0 else None),
                sections[len(sections) * place // count],
                shown_id=place + 1,
            )
            for place in range(count)
        ]
    )


def away() -> IssueView:
    """What waited for a reader who was away, behind the rest."""
    missed = paper(9, title="A Paper of the Week You Missed")
    return issue([*sample_items(), item(missed, Section.AWAY, interest=None)])


ISSUES = {"25 papers": many_papers(25), "away": away(), "notice": notice_issue()}


def mail(shown: IssueView, envelope: Envelope) -> bytes:
    """The mail as it leaves."""
    message_id = make_message_id("subscription 3 on 2031-03-17", "example.org")
    return Assembler(envelope).message(shown, Addressee(12, 0), "ada@example.net", message_id)


def html_of(raw: bytes) -> str:
    """The HTML part as a mail program reads it."""
    part = message_from_bytes(raw, policy=policy.default).get_body(("html",))
    assert part is not None
    return str(part.get_content())


def pages(folder: Path) -> list[Path]:
    """Every sample's HTML part as a file."""
    made = []
    for name, shown in ISSUES.items():
        for way, envelope in ENVELOPES.items():
            made.append(folder / f"{name.replace(' ', '-')}-{way}.html")
            made[-1].write_text(html_of(mail(shown, envelope)), encoding="utf-8")
    return made


def program(name: str, package: str) -> str:
    """The program's path, or a skip that says what to install."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed (Debian package {package})")
    return path


def from_npm(path: str) -> Path:
    """A file of an npm package, or a skip that says what to install."""
    if not (NODE_MODULES / path).is_file():
        pytest.skip(f"{path} is not in {NODE_MODULES} (npm package {path.partition('/')[0]})")
    return NODE_MODULES / path


# --- the spam filter -------------------------------------------------------------------------------


def fired(spamassassin: str, raw: bytes, folder: Path) -> set[str]:
    """The names of all rules that this mail fires."""
    preferences = folder / "preferences"
    preferences.write_text("use_bayes 0\n")
    command = [spamassassin, "--test-mode", "--local", "--prefspath", str(preferences)]
    # The report is part of the answer, below the words of the rules' own scores.
    done = subprocess.run(
        command,
        input=raw,
        capture_output=True,
        timeout=120,
        check=True,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8"},
    )
    status = re.search(rb"^X-Spam-Status: .*?tests=(.*?)\s+autolearn", done.stdout, re.DOTALL | re.MULTILINE)
    assert status, done.stdout[:2000] + done.stderr[:2000]
    return set(re.findall(r"[A-Z][A-Z0-9_]+", status[1].decode()))


class TestSpamFilter:
    @pytest.mark.parametrize("name", ISSUES)
    @pytest.mark.parametrize("way", ENVELOPES)
    def test_no_rule_fires_on_how_the_mail_is_made(self, tmp_path: Path, name: str, way: str) -> None:
        rules = fired(
            program("spamassassin", "spamassassin"), ARRIVED + mail(ISSUES[name], ENVELOPES[way]), tmp_path
        )
        assert "HTML_MESSAGE" in rules
        assert {rule for rule in rules if SPAM_RULES.fullmatch(rule)} == set()

    def test_a_badly_made_mail_fires_them(self, tmp_path: Path) -> None:
        """So that the test above is one."""
        bad = b"From: d@example.org\r\nTo: a@example.net\r\nContent-Type: text/html\r\n\r\n<p>x</p>\r\n"
        rules = fired(program("spamassassin", "spamassassin"), ARRIVED + bad, tmp_path)
        assert {"MISSING_DATE", "MISSING_MID", "MIME_HTML_ONLY"} <= rules


# --- the validator ---------------------------------------------------------------------------------


def complaints(files: Sequence[Path]) -> list[dict[str, Any]]:
    """What the Nu validator says of these pages: errors and warnings."""
    jar = from_npm("vnu-jar/build/dist/vnu.jar")
    java = program("java", "default-jre-headless")
    command = [java, "-jar", str(jar), "--format", "json", "--exit-zero-always", *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True)
    found: list[dict[str, Any]] = json.loads(done.stdout or done.stderr)["messages"]
    return found


class TestValidity:
    def test_the_html_is_valid(self, tmp_path: Path) -> None:
        assert complaints(pages(tmp_path)) == []

    def test_what_is_not_is_found(self, tmp_path: Path) -> None:
        """So that the test above is one."""
        bad = tmp_path / "bad.html"
        bad.write_text("<!DOCTYPE html><html lang=en><title>x</title><td>x</p>")
        assert complaints([bad])


# --- for people who cannot see, or not well --------------------------------------------------------

RUN_AXE = """
addEventListener("load", () => axe.run(document, {resultTypes: ["violations"]}).then(found => {
  const rows = found.violations.map(one => ({rule: one.id, impact: one.impact, at: one.nodes[0].html}));
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const said = document.createElement("pre");
  said.id = "axe";
  said.textContent = JSON.stringify({dark, passed: found.passes.length, rows});
  document.body.append(said);
}));
"""


def seen_by_axe(html: str, folder: Path, *, dark: bool) -> dict[str, Any]:
    """What axe finds in this page, in one of the colour schemes."""
    axe = from_npm("axe-core/axe.min.js")
    chromium = shutil.which("chromium") or program("chromium-browser", "chromium")
    page = folder / "page.html"
    scripts = f'<script src="{axe.as_uri()}"></script><script>{RUN_AXE}</script>'
    page.write_text(html.replace("</head>", f"{scripts}</head>"), encoding="utf-8")
    command = [
        chromium,
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        *("--disable-dev-shm-usage", "--virtual-time-budget=20000"),
        f"--user-data-dir={folder / 'profile'}",
        f"--blink-settings=preferredColorScheme={0 if dark else 1}",
        "--dump-dom",
        page.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    said = re.search(r'<pre id="axe">(.*?)</pre>', done.stdout, re.DOTALL)
    assert said, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(unescape(said[1]))
    assert found["dark"] is dark
    return found


def serious(found: dict[str, Any]) -> list[dict[str, str]]:
    """What keeps somebody out."""
    return [row for row in found["rows"] if row["impact"] in ("serious", "critical")]


class TestAccess:
    @pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
    @pytest.mark.parametrize("name", ["away", "notice"])
    def test_nothing_keeps_anybody_out(self, tmp_path: Path, name: str, dark: bool) -> None:
        found = seen_by_axe(html_of(mail(ISSUES[name], BY_MAIL)), tmp_path, dark=dark)
        assert found["passed"] > 5
        assert serious(found) == []

    def test_faint_text_is_found(self, tmp_path: Path) -> None:
        """So that the test above is one."""
        faint = html_of(mail(ISSUES["notice"], BY_MAIL)).replace("#6e675d", "#e0ddd6")
        assert "color-contrast" in {row["rule"] for row in serious(seen_by_axe(faint, tmp_path, dark=False))}


# --- size ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ENVELOPES)
def test_25_papers_stay_below_80_kb(way: str) -> None:
    """Gmail cuts at 102 KB, and the way to leave with it."""
    html = html_of(mail(many_papers(25), ENVELOPES[way]))
    assert html.count("<h3") == 25
    assert len(html.encode()) < 80_000
