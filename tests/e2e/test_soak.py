"""The service over days: sites and a mail server that fail, a process that is killed; nobody misses a thing.

The real service with its real jobs and web runs as a process of its own, by a driven clock (see soaking.py).
Its world, and the log of its mail server, are here. Three days; ``--full`` does sixty (minutes).
"""

import random
import re
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from statistics import median

import pytest

from digest.app import App, make_app
from digest.checking import read_settings
from digest.models import Subscription
from digest.pipeline.explain import explain_day
from digest.pipeline.moment import Moment
from digest.schedule import SubscriptionRule, due_at, local_date, on_dates
from digest.storage import deliveries as delivery_rows
from digest.storage import issues as issue_rows
from digest.storage import subscribers
from digest.types import Cadence
from tests.e2e.soaking import DAY, Lived, MailServer, Span, World, live, surroundings

pytestmark = pytest.mark.e2e

# Eight weeks from here on the clocks change in New York.
START = datetime(2026, 1, 16, 21, tzinfo=UTC)
SEED = 20260116
HOUR = timedelta(hours=1)
WINDOW = 20 * HOUR
GROWTH_MB_A_DAY = 1.0
CLOSED = "refused the connection: 421 4.3.2 closed for today"


@dataclass(frozen=True)
class Reader:
    """Who is served when; ``status`` other than active: not at all."""

    email: str
    cadence: str = "daily"
    hour: int = 7
    zone: str = "UTC"
    weekday: int = 0
    status: str = "active"

    @property
    def rule(self) -> SubscriptionRule:
        return SubscriptionRule(Cadence(self.cadence), self.weekday, self.hour, self.zone, START)

    def due(self, end: datetime) -> dict[date, datetime]:
        """Each date that is due before the end, and when."""
        days = on_dates(self.rule, local_date(START, self.zone), local_date(end, self.zone))
        found = {day: due_at(self.rule, day) for day in days}
        return {day: at for day, at in found.items() if at is not None and START <= at < end}


READERS = (
    *(Reader(f"reader{n}@example.org", hour=6 + n % 4) for n in range(6)),
    Reader("ada@example.org", hour=7, zone="America/New_York"),
    Reader("bo@example.org", hour=6, zone="Pacific/Auckland"),
    Reader("cy@example.org", hour=12, zone="Europe/Berlin"),
    Reader("weekdays@example.org", "weekdays"),
    Reader("weekly@example.org", "weekly", weekday=6),
    Reader("paused@example.org", status="paused"),
)


@dataclass(frozen=True)
class Told:
    """The whole soak: when it ended, its lives, how often it was killed, and what arrived."""

    end: datetime
    world: World
    lives: Sequence[Lived]
    kills: int
    mails: Sequence[tuple[str, str, datetime]]


def outages(chance: random.Random, days: int, longest_h: int) -> list[Span]:
    """One a day, at any hour, of up to so many hours."""
    found = []
    for day in range(days):
        begins = START + day * DAY + chance.randrange(24) * HOUR
        found.append(Span(begins, begins + chance.randint(1, longest_h) * HOUR))
    return found


def moments_of_death(chance: random.Random, days: int) -> list[tuple[datetime, int]]:
    """One a day but the last: on some commit soon after an hour, which is often one at which mail is due."""
    found = []
    for day in range(days - 1):
        hours = chance.choice([10, 10, 10, 11, 12, chance.randrange(24)])  # START is at 21:00
        found.append((START + day * DAY + hours * HOUR, chance.randint(1, 60)))
    return found


@contextmanager
def opened(world: World) -> Iterator[App]:
    """The program, for a look at what the service left."""
    app = make_app(read_settings())
    with closing(app.database):
        yield app


def add_readers(app: App) -> None:
    with app.database.write() as session:
        for one in READERS:
            row = subscribers.add_subscriber(session, email=one.email, status=one.status, now=START)
            assert row.id is not None
            subscription = Subscription(
                subscriber_id=row.id,
                cadence=one.cadence,
                weekday=one.weekday,
                hour=one.hour,
                zone=one.zone,
                feed=False,
                created_at=START,
            )
            subscribers.add_subscription(session, subscription)


def soak(world: World, mail: MailServer, end: datetime, chance: random.Random, days: int) -> Told:
    """Live on after each death, some time later, until the end."""
    lives, kills, now = [], 0, START
    for die in [*moments_of_death(chance, days), None]:
        if die is not None and die[0] <= now:
            continue
        lived = live(world, now, end, die)
        lives.append(lived)
        if lived.code != -signal.SIGKILL:
            break
        kills += 1
        now = world.now + chance.randrange(180) * timedelta(minutes=1)
    return Told(end, world, lives, kills, tuple(mail.mails))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Told]:
    """The soak, done once; its folder is the current one, and its settings are those that hold."""
    days = 60 if request.config.getoption("--full", default=False) else 3
    chance = random.Random(SEED)
    folder = tmp_path_factory.mktemp("soak")
    # On the last day nothing fails, so that what waited can go. One outage is longer than an issue's life.
    mail_down = outages(chance, days - 1, 10)
    mail_down[0] = Span(START + 8 * HOUR, START + 8 * HOUR + WINDOW + 3 * HOUR)
    world = World(folder, START, outages(chance, days - 1, 14), mail_down)
    with pytest.MonkeyPatch.context() as patch, surroundings(world) as mail:
        patch.chdir(folder)
        patch.setenv("DIGEST_DATA_DIR", str(folder / "data"))
        with opened(world) as app:
            add_readers(app)
        yield soak(world, mail, START + days * DAY, chance, days)


@pytest.fixture
def app(told: Told, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """The program on what the soak left."""
    monkeypatch.chdir(told.world.folder)
    monkeypatch.setenv("DIGEST_DATA_DIR", str(told.world.folder / "data"))
    with opened(told.world) as app:
        yield app


def test_it_lives_to_the_end_and_is_killed_on_the_way(told: Told) -> None:
    assert told.kills >= 1
    assert [one.code for one in told.lives] == [-signal.SIGKILL] * told.kills + [0]


def test_the_log_has_no_unexpected_error(told: Told) -> None:
    """Outages of a site are results; one of the mail server is told once, and not by each try."""
    for one in told.lives:
        lines = one.log.splitlines()
        assert any(" run ended " in line for line in lines), one.log[:2000]
        bad = [line for line in lines if re.search(r" (WARNING|ERROR|CRITICAL) |Traceback|Exception", line)]
        unexpected = [line for line in bad if not line.endswith(CLOSED)]
        assert not unexpected, unexpected[:5]
        assert len(bad) <= len(told.world.mail_down)


def test_memory_threads_and_files_are_flat(told: Told) -> None:
    """From the first midnight of a life to its last; there has to be a life of two days."""
    spans = [one.vitals for one in told.lives if len(one.vitals) >= 2]
    assert spans
    for vitals in spans:
        assert len({one["threads"] for one in vitals}) == 1, vitals
        # Three files a connection to the database, and how many are open at that moment is chance.
        assert max(one["files"] for one in vitals) - min(one["files"] for one in vitals) <= 12, vitals
        half = len(vitals) // 2
        grown = median(one["rss_mb"] for one in vitals[half:]) - median(
            one["rss_mb"] for one in vitals[:half]
        )
        assert grown / max(half, 1) <= GROWTH_MB_A_DAY + 4 / max(half, 1), vitals


def test_every_reader_has_each_issue_once_or_a_true_reason(told: Told, app: App) -> None:
    """Doubled is at most one mail a kill; missing is only what the mail server did not take in time."""
    arrived = Counter(message_id for _, message_id, _ in told.mails)
    known: set[str] = set()
    missing = 0
    for reader in READERS:  # who comes in the evening still gets that day's issue, if there is one
        known.add(delivery_of(app, reader, local_date(START, reader.zone))[0] or "")
    for reader in READERS:
        for day, due in reader.due(told.end).items():
            message_id, status = delivery_of(app, reader, day)
            told_why = explain_day(app.composer(), reader.email, Moment(told.end, day=day, pinned=True))
            if message_id is not None:
                known.add(message_id)
            if message_id is not None and arrived[message_id]:
                assert told_why["cause"] == "sent", (reader, day, told_why, status)
                assert arrived[message_id] <= 2
                continue
            missing += 1
            assert_true(told, reader, due, told_why)
    assert set(arrived) <= known, "mail that nobody was due"
    doubled = [message_id for message_id, count in arrived.items() if count > 1]
    assert len(doubled) <= told.kills
    assert missing, "the long outage of the mail server kept nothing back"


def delivery_of(app: App, reader: Reader, day: date) -> tuple[str | None, str | None]:
    """The Message-ID of a reader's mail of that day and how it stands, if it was planned."""
    with app.database.read() as session:
        row = subscribers.get_subscriber(session, reader.email)
        assert row is not None
        assert row.id is not None
        number = subscribers.list_subscriptions(session, row.id)[0].id
        assert number is not None
        issue = issue_rows.get_issue(session, number, day)
        if issue is None or issue.id is None:
            return None, None
        delivery = delivery_rows.get_delivery(session, issue.id, "mail")
        return (delivery.message_id, delivery.status) if delivery else (None, issue.status)


def assert_true(told: Told, reader: Reader, due: datetime, why: dict[str, str]) -> None:
    """What is said of an issue that did not come is what the world knows."""
    match why["cause"]:
        case "expired":
            # The server took nothing from when it was due until so late that no try was left.
            assert any(
                span.begins <= due + HOUR * 3 and span.ends >= due + WINDOW - 6 * HOUR
                for span in told.world.mail_down
            ), (reader, due, why)
        case "paused":
            assert reader.status == "paused"
        case _:
            raise AssertionError((reader, due, why))
