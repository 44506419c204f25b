"""The main job end to end on invented days, and what goes wrong on the way."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.cli_runner import ok, run
from tests.daily_server import DailyServer, item, serving

ATOM = "{http://www.w3.org/2005/Atom}"


def configure(url: str, extra: str = "") -> None:
    """Settings for one source on loopback, data beside the test."""
    Path("digest.toml").write_text(
        f'data_dir = "{Path.cwd() / "data"}"\n{extra}\n'
        f'[[source]]\nname = "hf"\nkind = "huggingface"\nurl = "{url}"\nallow_private = true\n'
    )


@pytest.fixture
def server() -> Iterator[DailyServer]:
    """A site with one day of five papers, and settings that read it."""
    days = {"2026-01-12": [item(number, votes=10 * number) for number in range(1, 6)]}
    with serving(DailyServer(days, page_cap=2)) as site:
        configure(site.url)
        yield site


def mails() -> list[EmailMessage]:
    """What lies in the outbox, oldest name first."""
    paths = sorted(Path("data/outbox/new").iterdir()) if Path("data/outbox/new").is_dir() else []
    return [message_from_bytes(path.read_bytes(), policy=policy.default) for path in paths]


def body(message: EmailMessage, kind: str) -> str:
    """One part's text."""
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def abs_ids(text: str) -> list[str]:
    """arXiv ids linked in a text, each once, in order."""
    return list(dict.fromkeys(re.findall(r"arxiv\.org/abs/(\d{4}\.\d{5})", text)))


def test_pages_are_read_until_one_brings_nothing_new(server: DailyServer) -> None:
    """A server that caps below what is asked is still read whole."""
    row = ok("refresh", "--date", "2026-01-12", "--json").json["sources"][0]
    assert (row["entries"], row["new"], row["verdict"]) == (5, 5, "fresh")
    assert sum("p=3" in path for path in server.asked) == 1


def test_mail_text_and_feeds_show_the_same_papers_in_the_same_order(server: DailyServer) -> None:
    """One issue, five renderings, one order; and preview shows what was frozen."""
    server.days["2026-01-12"] += [
        item(number, title=f"Dense retrieval with method {number}", votes=number) for number in range(6, 20)
    ]
    ok("subscriber", "add", "reader@example.org", "--active")
    ok("interest", "add", "reader@example.org", "--name", "retrieval", "--keyword", "dense retrieval")
    assert ok("run", "--date", "2026-01-12", "--json").json["deliver"]["sent"] == 1
    (mail,) = mails()
    order = abs_ids(body(mail, "plain"))
    assert len(order) == 10
    assert abs_ids(body(mail, "html")) == order
    feeds = ok("subscriber", "show", "reader@example.org", "--json").json["feeds"]
    as_json = json.loads(Path(feeds["json"]).read_text())["items"]
    assert [abs_ids(one["url"])[0] for one in as_json] == order
    atom = ElementTree.parse(feeds["atom"]).getroot()
    assert [abs_ids(one.find(f"{ATOM}link").get("href"))[0] for one in atom.iter(f"{ATOM}entry")] == order  # type: ignore[union-attr,arg-type]
    rss = ElementTree.parse(feeds["rss"]).getroot()
    assert [abs_ids(one.findtext("link") or "")[0] for one in rss.iter("item")] == order
    shown = ok("preview", "reader@example.org", "--date", "2026-01-12", "--format", "json").json
    titles = [paper["title"] for section in shown["sections"] for paper in section["papers"]]
    assert titles == [one["title"] for one in as_json]


def test_growth_named_in_reasons_is_recomputed_from_the_observations(server: DailyServer) -> None:
    """Every "+N votes since …" equals the difference of two stored observations."""
    from sqlmodel import select

    from digest.app import make_app
    from digest.checking import read_settings
    from digest.models import Observation, StoredRecommendation

    server.days["2026-01-12"] = [item(number, votes=10 + number) for number in range(1, 12)]
    ok("--now", "2026-01-12T09:00:00Z", "refresh")
    server.days["2026-01-12"] = [item(number, votes=10 + number + 13 * number) for number in range(1, 12)]
    ok("--now", "2026-01-13T06:00:00Z", "refresh")
    ok("subscriber", "add", "reader@example.org", "--active", "--now", "2026-01-12T00:00:00Z")
    assert ok("compose", "--now", "2026-01-13T08:00:00Z", "--json").json["issues"] == 1
    found = 0
    with closing(make_app(read_settings()).database) as database, database.read() as session:
        for row in session.exec(select(StoredRecommendation)):
            for reason in row.reasons:
                match = re.search(r"\+(\d[\d,]*) votes? since", reason["text"])
                if match is None:
                    continue
                seen = session.exec(
                    select(Observation).where(Observation.paper_id == row.paper_id).order_by("observed_at")  # type: ignore[arg-type]
                ).all()
                votes = {one.observed_at: one.votes or 0 for one in seen}
                facts = reason["facts"]
                first, last = (votes[datetime.fromisoformat(facts[name])] for name in ("since", "until"))
                assert int(match[1].replace(",", "")) == last - first > 0
                assert "since Monday" in reason["text"]
                found += 1
    assert found > 0


def test_mail_is_ascii_with_intact_headers_and_no_link_to_us(server: DailyServer) -> None:
    """Only ASCII on the wire; List headers hold no encoded words; leaving is by mail."""
    server.days["2026-01-12"].append(item(9, title="Überraschung: ∇²-Netze für 検索", votes=999))
    ok("subscriber", "add", "reader@example.org", "--active")
    ok("run", "--date", "2026-01-12")
    (raw,) = (path.read_bytes() for path in Path("data/outbox/new").iterdir())
    assert raw.isascii()
    head = raw.split(b"\n\n", 1)[0].replace(b"\n ", b" ").decode()
    headers = dict(line.split(": ", 1) for line in head.split("\n"))
    for name in ("List-Id", "List-Unsubscribe", "Message-ID"):
        assert "=?" not in headers[name]
    assert headers["List-Unsubscribe"].startswith("<mailto:")
    assert "List-Unsubscribe-Post" not in headers
    assert {"Date", "Auto-Submitted", "Precedence", "MIME-Version"} <= set(headers)
    (mail,) = mails()
    assert str(mail["Subject"]).startswith("Überraschung: ∇²-Netze für 検索")
    assert not re.search(r"https?://(?!arxiv\.org|huggingface\.co)", body(mail, "plain"))


def test_one_click_is_offered_where_there_is_a_web(server: DailyServer) -> None:
    """With a base URL the mail offers RFC 8058 one-click, https first and mailto too."""
    configure(server.url, 'base_url = "https://digest.example.org"')
    ok("subscriber", "add", "reader@example.org", "--active")
    ok("run", "--date", "2026-01-12")
    (mail,) = mails()
    assert str(mail["List-Unsubscribe"]).startswith("<https://digest.example.org/u/")
    assert "mailto:" in str(mail["List-Unsubscribe"])
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_running_again_mails_nobody_twice(server: DailyServer) -> None:
    """compose, deliver and run are safe to repeat; the next day brings only what is new."""
    ok("subscriber", "add", "reader@example.org", "--active")
    assert ok("run", "--date", "2026-01-12", "--json").json["deliver"]["sent"] == 1
    again = ok("run", "--date", "2026-01-12", "--json").json
    assert again["compose"] == {"issues": 0, "empty": 0, "skipped": 1}
    assert again["deliver"]["sent"] == 0
    assert "compose: 1 not due" in ok("run", "--date", "2026-01-12").out
    assert ok("run", "--date", "2026-01-12", "--quiet").out == ""  # cron would mail it
    server.days["2026-01-13"] = [item(3, votes=500), item(77, title="Something else", votes=3)]
    ok("run", "--date", "2026-01-13")
    first, second = sorted(mails(), key=lambda mail: len(abs_ids(body(mail, "plain"))), reverse=True)
    assert abs_ids(body(second, "plain")) == ["2601.90077"]
    assert "2601.90077" not in abs_ids(body(first, "plain"))


def test_a_source_that_is_down_does_not_stop_the_others(server: DailyServer) -> None:
    """One source failing gives exit 1 and its verdict; the other is read and mail leaves."""
    text = Path("digest.toml").read_text()
    Path("digest.toml").write_text(
        text
        + '[[source]]\nname = "gone"\nkind = "huggingface"\n'
        + 'url = "http://127.0.0.1:9"\nallow_private = true\n'
    )
    ran = run("refresh", "--date", "2026-01-12", "--json")
    rows = {row["name"]: row for row in ran.json["sources"]}
    assert ran.code == 1
    assert (rows["hf"]["verdict"], rows["hf"]["new"]) == ("fresh", 5)
    assert (rows["gone"]["verdict"], rows["gone"]["entries"]) == ("unreachable", 0)
    assert rows["gone"]["error"]


def test_a_private_address_is_refused_unless_allowed(server: DailyServer) -> None:
    """Loopback is reached only by a source that says it may."""
    Path("digest.toml").write_text(Path("digest.toml").read_text().replace("allow_private = true", ""))
    ran = run("refresh", "--date", "2026-01-12", "--json")
    assert ran.code == 1
    assert ran.json["sources"][0]["verdict"] == "unreachable"
    assert server.asked == []


def test_hostile_titles_pass_through_everything(shared: Path) -> None:
    """Every naughty string and odd separator as a title: stored, mailed and published, no paper lost."""
    strings = json.loads((shared / "corpora" / "blns.json").read_text())
    strings += ["a\u2028b", "a\u0085b", "a\x00b", "a\ud800b", "\u202eabc", "x" * 30_000]
    titled = [text for text in strings if text.strip()]
    items = [item(number, title=text, votes=number) for number, text in enumerate(titled)]
    good = [item(9000 + number, title=f"Good paper {number}", votes=10_000 + number) for number in range(5)]
    with serving(DailyServer({"2026-01-12": items + good}, page_cap=100)) as site:
        configure(site.url, "papers = 50")
        ok("subscriber", "add", "reader@example.org", "--active")
        row = ok("refresh", "--date", "2026-01-12", "--json").json["sources"][0]
        # A title of nothing but tags or control characters gives way to the paper's id.
        assert row["entries"] == len(good) + len(titled)
        ok("compose", "--date", "2026-01-12")
        ok("deliver")
        ok("feeds", "write")
    (mail,) = mails()
    for number in range(5):
        assert f"Good paper {number}" in body(mail, "plain")
    for kind in ("rss", "atom"):
        ElementTree.parse(Path("data/feeds") / f"trending.{kind}")
    assert len(json.loads(Path("data/feeds/trending.json").read_text())["items"]) == 50


def test_feeds_keep_their_bytes_when_nothing_changes(server: DailyServer) -> None:
    """Written twice, a feed is the same file."""
    ok("subscriber", "add", "reader@example.org", "--active")
    ok("run", "--date", "2026-01-12")
    before = {path.name: path.read_bytes() for path in Path("data/feeds").iterdir()}
    assert len(before) == 6
    ok("feeds", "write", "--now", "2026-01-12T23:59:59Z")
    assert {path.name: path.read_bytes() for path in Path("data/feeds").iterdir()} == before


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["import", "missing.html"], 1, "missing.html"),
        (["import", "list.txt"], 1, "looked for"),
        (["import", "empty.html"], 1, "no papers"),
        (["refresh", "--date", "2026-13-01"], 2, "2026-13-01"),
        (["refresh", "--since", "2026-02-01", "--until", "2026-01-01"], 2, "after"),
        (["refresh", "--source", "nowhere"], 2, "nowhere"),
        (["subscriber", "add", "not an address"], 2, "address"),
        (["subscriber", "add", "a@example.org", "--zone", "Mars/Olympus"], 2, "Mars/Olympus"),
        (["subscriber", "add", "a@example.org", "--cadence", "hourly"], 2, "hourly"),
        (["subscriber", "show", "nobody@example.org"], 2, "nobody@example.org"),
        (["preview", "nobody@example.org"], 2, "nobody@example.org"),
        (["why", "nobody@example.org"], 2, "nobody@example.org"),
        (["papers", "show", "no such paper"], 2, "no such paper"),
        (["compose", "--now", "yesterday"], 2, "yesterday"),
        (["frobnicate"], 2, "frobnicate"),
    ],
)
def test_wrong_input_is_one_clear_sentence(
    words: list[str], code: int, said: str, server: DailyServer
) -> None:
    """Exit 1 or 2, the word that was wrong, and no traceback."""
    Path("list.txt").write_text("milk\nbread\neggs\n")
    Path("empty.html").write_text(
        '<html><div data-target="DailyPapers" data-props="{&quot;dailyPapers&quot;:[]}"></div></html>'
    )
    ran = run(*words)
    assert ran.code == code
    assert said in ran.err
    assert "Traceback" not in ran.err


def test_a_database_from_a_newer_version_is_refused(server: DailyServer) -> None:
    """It is told in a sentence, and not touched."""
    import sqlite3

    ok("db", "upgrade")
    with sqlite3.connect("data/digest.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'ffff'")
    connection.close()
    ran = run("status")
    assert ran.code == 1
    assert "newer" in ran.err


def test_one_refresh_at_a_time(server: DailyServer) -> None:
    """Who comes second leaves at once, with exit 0 and locked."""
    from digest.locks import use_case_lock

    ok("db", "upgrade")
    with use_case_lock(Path("data").absolute(), "refresh") as mine:
        assert mine
        assert ok("refresh", "--json").json == {"sources": [], "locked": True}
    with use_case_lock(Path("data").absolute(), "deliver"):
        assert ok("deliver", "--json").json["locked"] is True
