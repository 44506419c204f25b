"""How large the database becomes: 300 readers, 10 sources, three years, pruned every simulated night.

The rows are written straight into a database, in the shape and number that real runs write them: papers and
their counts every two hours, checks, issues with their recommendations, mails, runs, feedback, readers who
come and leave. Then `digest prune` does its work, night by night, with the settings' defaults. Prints the
size by table at the end of each year. All of it is invented.

usage: python bench/growth.py [--scale 1.0] [--years 3] [--readers 300] [--no-prune]

With ``--scale 0.1`` there is a tenth of readers and papers, and the sizes that are printed are those measured
times ten.
"""

import argparse
import json
import random
import shutil
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sqlalchemy import event

from bench.generated import name, texts
from digest.config import Settings
from digest.pipeline.prune import KeptDays, prune
from digest.storage.database import Database

DAY = timedelta(days=1)
FIRST = date(2027, 1, 1)
LIMIT_BYTES = 3e9
# Papers a day of each of the ten sources, looks at each paper, and whether they tell votes: three lists that
# are voted on, read every two hours for three days; five arXiv categories, bioRxiv and a PubMed search.
SOURCES = (
    *((("hf", 50, 36, True), ("hf-week", 15, 36, True), ("feed", 20, 36, True))),
    *((f"arxiv-{number}", 80, 3, False) for number in range(5)),
    *((("biorxiv", 150, 3, False), ("pubmed", 60, 3, False))),
)
CHECKS_A_DAY = 20  # of each source: every two hours, for one or two days
RUNS_A_DAY = 2 * 288 + 12  # compose and deliver every five minutes, refresh every two hours
SHOWN_SHARE = 0.2  # how many of an issue's papers nobody else was shown in just that state
JUDGED_SHARE = 0.01  # how many papers are saved or judged
STATE_BYTES = 20_000  # what is learnt of a reader
REASONS = [
    {"kind": "keyword", "text": "keyword “retrieval” in the title", "facts": {"keyword": "retrieval"}},
    {"kind": "votes", "text": "120 votes, 40 of them since yesterday", "facts": {"votes": 120, "gained": 40}},
]
PARTS = dict.fromkeys(("taste", "keywords", "authors", "trend", "rising", "fresh"), 0.123456789)
CHOSEN = {
    "section": "For you",
    "score": 0.98765,
    "interest": "dense retrieval of long documents",
    "reasons": json.dumps(REASONS),
    "parts": json.dumps(PARTS),
}
SENT = {
    "channel": "mail",
    "status": "sent",
    "attempts": 1,
    "may_have_arrived": 0,
    "reply": "250 2.0.0 Ok: queued as 4XyZ",
}


class Writer:
    """Writes what a day leaves."""

    def __init__(self, path: Path, readers: int, scale: float) -> None:
        self.plain = sqlite3.connect(path, isolation_level=None)
        for pragma in ("synchronous=OFF", "cache_size=-200000", "foreign_keys=ON"):
            self.plain.execute(f"PRAGMA {pragma}")
        self.chance = random.Random(7)
        self.scale = scale
        self.papers = 0
        self.texts = list(texts(2_000))
        self.names = [name(self.chance) for _ in range(500)]
        self.readers: list[int] = []
        self.wanted = readers
        self.begin()

    def begin(self) -> None:
        """The sources."""
        self.add(
            "sources",
            [
                {
                    "id": number,
                    "name": one[0],
                    "kind": "feed",
                    "url": "https://papers.example",
                    "created_at": at(FIRST),
                    "failures_in_row": 0,
                }
                for number, one in enumerate(SOURCES, 1)
            ],
        )

    def add(self, table: str, rows: Sequence[Mapping[str, Any]]) -> int:
        """Insert rows that have the same columns; the number of the last."""
        if not rows:
            return 0
        columns = ", ".join(rows[0])
        marks = ", ".join(f":{name}" for name in rows[0])
        self.plain.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)
        return int(self.plain.execute("SELECT last_insert_rowid()").fetchone()[0])

    def some(self, number: float) -> int:
        """So many at this scale, the rest by chance."""
        exact = number * self.scale
        return int(exact) + (self.chance.random() < exact - int(exact))

    def day(self, day: date) -> None:
        """All that one day leaves."""
        self.plain.execute("BEGIN IMMEDIATE")
        fresh = self.read(day)
        self.watch(day)
        self.serve(day, fresh)
        self.come_and_go(day)
        self.plain.execute("COMMIT")

    def read(self, day: date) -> list[int]:
        """New papers with what sources said of them; returns their numbers."""
        fresh: list[int] = []
        for source, (_, papers, looks, counted) in enumerate(SOURCES, 1):
            entries, observations = [], []
            for place in range(1, self.some(papers) + 1):
                seen = {"source_id": source, "paper_id": self.paper(day), "position": place}
                votes = self.chance.randrange(40) if counted else None
                listed = {"listed_on": f"{day}", "source_ref": f"ref-{place}", "votes": votes}
                entries.append(seen | listed | {"first_seen_at": at(day), "seen_at": at(day, 23)})
                for look in range(looks):
                    when = at(day + look // 12 * DAY, 2 * (look % 12) + 1)
                    told = votes + look if votes is not None else None
                    observations.append(seen | {"observed_at": when, "votes": told})
                fresh.append(self.papers)
            self.add("entries", entries)
            self.add("observations", observations)
        return fresh

    def paper(self, day: date) -> int:
        """One new paper."""
        self.papers += 1
        title, abstract = self.texts[self.papers % len(self.texts)]
        authors = self.chance.sample(self.names, 5)
        row = {
            "id": self.papers,
            "arxiv_id": f"{self.papers:09d}",
            "fingerprint": f"{self.papers:032x}",
            "title": f"{title} {self.papers}",
            "abstract": abstract,
            "authors": json.dumps(authors),
            "authors_text": ", ".join(authors),
            "keywords": "[]",
            "categories": '["cs.IR"]',
            "media_urls": "[]",
            "published_on": f"{day}",
            "first_seen_at": at(day),
            "updated_at": at(day),
            "text_by": "arxiv",
        }
        return self.add("papers", [row])

    def watch(self, day: date) -> None:
        """Checks and runs."""
        checked = {
            "day": f"{day}",
            "verdict": "unchanged",
            "entries": 80,
            "declared": 80,
            "new": 0,
            "modified": 0,
            "unchanged": 80,
            "evidence": json.dumps({"declared": 80, "parsed": 80, "overlap": 0.97, "usual": 78.5}),
            "ids": f"{0:032x}",
        }
        checks = [
            checked | {"source_id": source, "checked_at": at(day, number)}
            for source in range(1, len(SOURCES) + 1)
            for number in range(self.some(CHECKS_A_DAY))
        ]
        self.add("checks", checks)
        outcome = json.dumps({"issues": 0, "empty": 0, "skipped": 300})
        hours = (at(day, number) for number in range(self.some(RUNS_A_DAY)))
        run = {"use_case": "compose", "ok": 1, "outcome": outcome}
        self.add("runs", [run | {"started_at": hour, "finished_at": hour} for hour in hours])

    def serve(self, day: date, fresh: list[int]) -> None:
        """An issue for every reader, its papers, its mail, and what some say of them."""
        known: dict[int, int] = {}
        chosen: list[dict[str, Any]] = []
        mails: list[dict[str, Any]] = []
        said: list[dict[str, Any]] = []
        best = fresh[: max(len(fresh) // 3, 10)]
        for reader in self.readers:
            issue = self.issue(reader, day)
            for position, paper in enumerate(self.chance.sample(best, min(10, len(best))), 1):
                if paper not in known or self.chance.random() < SHOWN_SHARE:
                    known[paper] = self.shown(paper, day)
                place = {"issue_id": issue, "paper_id": paper, "position": position, "shown_id": known[paper]}
                chosen.append(place | CHOSEN)
                if self.chance.random() < JUDGED_SHARE:
                    word = {"kind": self.chance.choice(("more", "less", "saved")), "note": ""}
                    said.append({"subscriber_id": reader, "paper_id": paper, "created_at": at(day)} | word)
            message = f"<{issue:032x}.{reader}@digest.example.org>"
            times = dict.fromkeys(("planned_at", "sending_at", "sent_at"), at(day, 7))
            whom = {"issue_id": issue, "recipient": f"reader{reader}@example.org", "message_id": message}
            mails.append(whom | times | SENT)
        self.add("recommendations", chosen)
        self.add("deliveries", mails)
        self.add("feedback", said)

    def issue(self, reader: int, day: date) -> int:
        """One issue."""
        row = {
            "subscription_id": reader,
            "local_date": f"{day}",
            "status": "composed",
            "subject": "Ten papers, among them one on long documents",
            "coverage": "Read today: " + ", ".join(one[0] for one in SOURCES) + "; all were good at 06:00.",
            "interests": '["retrieval"]',
            "zone": "UTC",
            "composed_at": at(day, 7),
            "expires_at": at(day + DAY, 3),
        }
        return self.add("issues", [row])

    def shown(self, paper: int, day: date) -> int:
        """What is shown of a paper in one state."""
        title, abstract = self.texts[paper % len(self.texts)]
        whole = {
            "paper_id": paper,
            "title": f"{title} {paper}",
            "abstract": abstract,
            "authors": self.names[:5],
            "url": f"https://arxiv.org/abs/{paper}",
            "keywords": [],
            "votes": 12,
            "votes_history": [[f"{day}T{hour:02d}:00:00+00:00", hour] for hour in range(0, 24, 2)],
        }
        digest = f"{self.chance.getrandbits(128):032x}"
        return self.add("shown_papers", [{"digest": digest, "shown": json.dumps(whole)}])

    def come_and_go(self, day: date) -> None:
        """As many readers as are wanted; one of a hundred leaves each week, and another comes."""
        while len(self.readers) < self.wanted:
            self.come(day)
        if day.weekday() == 0:
            for _ in range(self.some(self.wanted / self.scale / 100)):
                gone = self.readers.pop(self.chance.randrange(len(self.readers)))
                self.plain.execute("UPDATE subscribers SET status = 'unsubscribed' WHERE id = ?", (gone,))
                note = {"reason": "unsubscribed", "detail": "by its link", "created_at": at(day)}
                self.add("suppressions", [{"email_key": f"reader{gone}@example.org"} | note])

    def come(self, day: date) -> None:
        """One new reader."""
        token = f"{self.chance.getrandbits(256):064x}"
        row = {"status": "active", "feed_token": token, "token_version": 1, "created_at": at(day)}
        number = self.add("subscribers", [row])
        address = f"reader{number}@example.org"
        self.plain.execute(
            "UPDATE subscribers SET email = ?, email_key = ? WHERE id = ?", (address, address, number)
        )
        when = {"cadence": "daily", "weekday": 0, "hour": 7, "zone": "UTC", "mail": 1, "feed": 1}
        served = {"id": number, "subscriber_id": number, "hidden_sections": "[]", "created_at": at(day)}
        self.add("subscriptions", [served | when])
        state = {"subscriber_id": number, "fingerprint": "fp", "state": self.chance.randbytes(STATE_BYTES)}
        self.add("learned_states", [state])
        self.readers.append(number)


def at(day: date, hour: int = 6) -> str:
    """A time as SQLite keeps it."""
    return f"{day} {hour % 24:02d}:00:00.000000"


def sizes(path: Path) -> dict[str, tuple[int, int]]:
    """Bytes (with indexes) and rows of each table, the largest first; those of the search index have none."""
    query = """
        SELECT m.tbl_name, sum(d.pgsize) FROM dbstat d JOIN sqlite_master m ON m.name = d.name
        GROUP BY m.tbl_name
    """
    found: Counter[str] = Counter()
    with closing(sqlite3.connect(path)) as plain:
        for table, size in plain.execute(query):
            found["papers_fts" if table.startswith("papers_fts") else table] += size
        rows = {
            table: plain.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in found
            if table != "papers_fts"
        }
        (free,) = plain.execute("PRAGMA freelist_count").fetchone()
        (page,) = plain.execute("PRAGMA page_size").fetchone()
    return {table: (size, rows.get(table, 0)) for table, size in found.most_common()} | {
        "free": (free * page, 0)
    }


def days(years: int) -> Iterator[date]:
    """Every day of so many years."""
    for number in range(365 * years):
        yield FIRST + number * DAY


def main() -> None:
    """Let the years pass."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--years", type=int, default=3)
    parser.add_argument("--readers", type=int, default=300)
    parser.add_argument("--no-prune", action="store_true", help="what it would be without")
    given = parser.parse_args()
    folder = Path(mkdtemp(prefix="digest-growth-"))
    try:
        grow(folder, given)
    finally:
        shutil.rmtree(folder)


def grow(folder: Path, given: argparse.Namespace) -> None:
    """Write the days, prune the nights, and print what there is after each year."""
    database = Database(f"sqlite:///{folder / 'digest.db'}")
    database.upgrade()
    # Nothing here has to survive a power cut.
    event.listen(database._engine, "connect", lambda driver, _: driver.execute("PRAGMA synchronous=OFF"))
    database.close()
    assert database.path is not None
    kept = KeptDays(
        *(Settings.model_fields[f"keep_{name}_days"].default for name in KeptDays.__annotations__)
    )
    writer = Writer(database.path, round(given.readers * given.scale), given.scale)
    began, pruning, worst, peak = time.monotonic(), 0.0, 0.0, 0
    for number, day in enumerate(days(given.years), 1):
        writer.day(day)
        if not given.no_prune:
            started = time.monotonic()
            night = datetime(day.year, day.month, day.day, 23, 30, tzinfo=UTC)
            prune(database, kept, night, folder / "feeds")
            took = time.monotonic() - started
            pruning, worst = pruning + took, max(worst, took)
        peak = max(peak, database.path.stat().st_size)
        if number % 365 == 0:
            tell(database.path, number // 365, given.scale)
    minutes = (time.monotonic() - began) / 60
    print(
        f"\n{minutes:.1f} minutes; a night's pruning took {pruning / (365 * given.years):.2f} s, "
        f"at most {worst:.2f} s"
    )
    whole = peak / given.scale
    verdict = "below" if whole < LIMIT_BYTES else "ABOVE"
    print(f"the file was never larger than {whole / 1e9:.2f} GB: {verdict} {LIMIT_BYTES / 1e9:.0f} GB")
    writer.plain.close()
    database.close()
    sys.exit(whole >= LIMIT_BYTES)


def tell(path: Path, year: int, scale: float) -> None:
    """Print the sizes at the end of a year."""
    scaled = "" if scale == 1 else f" (measured at {scale:g}, times {1 / scale:g})"
    print(f"\nafter year {year}{scaled}: {path.stat().st_size / scale / 1e6:,.0f} MB")
    for table, (size, rows) in sizes(path).items():
        if size / scale > 1e6:
            print(f"  {table:16} {size / scale / 1e6:9,.0f} MB {rows / scale:14,.0f} rows")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
