"""The mail in a real browser: no sideways scrolling on the narrowest phone, and both colour schemes apply.

Each sample stands in a frame as wide as a screen; a script writes what was measured into the page. Chromium
runs from a profile of its own and loads nothing. Where it is not installed, these tests skip.
"""

import json
import re
import shutil
import subprocess
from html import escape, unescape
from pathlib import Path
from typing import Any

import pytest

from digest.render import render_html
from tests.issue_samples import MAIL_ONLY, issue, item, notice_issue, paper, with_mail_feedback

pytestmark = pytest.mark.e2e

WIDTHS = (320, 360, 640, 1200)
HARD = issue(
    [
        item(paper(1, title="W" * 300, authors=("X" * 300,) * 3, organisation="Y" * 200)),
        item(
            paper(2, title="שיטה חדשה לאחזור מידע צפוף ללא בנייה מחדש", abstract="ملخص طويل بعض الشيء " * 30)
        ),
        item(
            paper(
                3,
                title="在不重建索引的情况下保持稠密检索的新鲜度" * 4,
                authors=(),
                abstract="私たちは架空の" * 90,
            )
        ),
        item(paper(4, title="https://example.org/" + "a" * 280, summary="z" * 400), reasons=("k" * 160,) * 5),
        item(paper(5, title="", authors=(), abstract="", organisation=None, votes_history=()), reasons=()),
    ],
    coverage="c" * 400,
)
MEASURE = """
const rows = [...document.querySelectorAll("iframe")].map(frame => {
  const page = frame.contentDocument, body = frame.contentWindow.getComputedStyle(page.body);
  return {name: frame.id, width: page.documentElement.clientWidth, wide: page.documentElement.scrollWidth,
          ground: body.backgroundColor, text: body.color};
});
document.getElementById("measured").textContent = JSON.stringify(rows);
"""


@pytest.fixture(scope="module")
def chromium() -> str:
    """The browser's path."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("chromium is not installed (Debian package chromium)")
    return path


def measured(chromium: str, folder: Path, *, dark: bool) -> list[dict[str, Any]]:
    """What the browser says of every sample at every width."""
    samples = {
        "sample": render_html(issue(), with_mail_feedback(issue())),
        "hard": render_html(HARD, with_mail_feedback(HARD)),
        "notice": render_html(notice_issue(), MAIL_ONLY),
    }
    frames = [
        f'<iframe id="{name}-{width}" style="width:{width}px;border:0" srcdoc="{escape(html)}"></iframe>'
        for name, html in samples.items()
        for width in WIDTHS
    ]
    page = folder / "page.html"
    script = f"<script>addEventListener('load', () => {{ {MEASURE} }})</script>"
    scheme = "<meta name='color-scheme' content='light dark'>"
    page.write_text(
        f"<!DOCTYPE html>{scheme}<pre id=measured></pre>{''.join(frames)}{script}", encoding="utf-8"
    )
    command = [
        chromium,
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"),
        *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars"),
        f"--user-data-dir={folder / 'profile'}",
        f"--blink-settings=preferredColorScheme={0 if dark else 1}",
        "--dump-dom",
        page.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    found = re.search(r'<pre id="measured">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stderr[-2000:]
    rows: list[dict[str, Any]] = json.loads(unescape(found[1]))
    assert len(rows) == len(frames)
    return rows


@pytest.mark.parametrize(
    ("dark", "ground", "text"),
    [(False, "rgb(251, 249, 245)", "rgb(36, 33, 29)"), (True, "rgb(24, 22, 19)", "rgb(236, 231, 223)")],
)
def test_nothing_scrolls_sideways_in_either_scheme(
    chromium: str, tmp_path: Path, dark: bool, ground: str, text: str
) -> None:
    rows = measured(chromium, tmp_path, dark=dark)
    assert [row["name"] for row in rows if row["wide"] > row["width"]] == []
    assert {(row["ground"], row["text"]) for row in rows} == {(ground, text)}
