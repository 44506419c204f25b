"""What the outbox promises: nothing lost, nothing doubled but what may have arrived, an end when asked."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from sqlmodel import Session, select

from digest.errors import DeliveryError, StorageError
from digest.mailer import Mail
from digest.models import Delivery, Suppression
from digest.pipeline import crew as crew_room
from digest.pipeline.assemble import Envelope
from digest.pipeline.crew import Line
from digest.pipeline.deliver import Deliverer
from digest.pipeline.moment import Moment
from digest.storage import deliveries, pace, subscribers
from digest.storage.database import Database
from digest.storage.deliveries import Decision
from digest.types import DeliveryStatus
from tests.storage_rows import DAY, HOUR, NOW, add_issue, add_papers, add_reader, make_delivery, make_entry

pytest_plugins = ("tests.storage_fixtures",)

ENVELOPE = Envelope(
    sender="digest@example.org",
    list_name="Papers",
    unsubscribe_address="digest@example.org",
    bounce_address="digest@example.org",
    base_url=None,
    secret=b"an invented key of 32 bytes long",
)
Answer = Callable[[Mail], str]


class Server:
    """Takes what is sent over its channels, unless ``answer`` raises; its log is the judge."""

    def __init__(
        self, answer: Answer = lambda _: "250 Ok", after: Callable[[Mail], None] | None = None
    ) -> None:
        self.answer = answer
        self.after = after
        self.taken: list[Mail] = []
        self.begun: list[str] = []
        self.channels = 0
        self.lock = threading.Lock()

    def line(self, connections: int = 1, **given: object) -> Line:
        return Line(lambda: Channel(self), connections=connections, **given)

    @property
    def recipients(self) -> list[str]:
        return sorted(mail.recipient for mail in self.taken)


class Channel:
    name = "fake"
    idempotent = False

    def __init__(self, server: Server) -> None:
        self.server = server
        server.channels += 1

    def send(self, mail: Mail, before_end: Callable[[], None]) -> str:
        with self.server.lock:
            self.server.begun.append(mail.recipient)
        reply = self.server.answer(mail)
        before_end()
        with self.server.lock:
            self.server.taken.append(mail)
        if self.server.after is not None:
            self.server.after(mail)
        return reply

    def close(self) -> None:
        pass


@pytest.fixture
def names(database: Database) -> list[str]:
    """Forty readers, each with one issue of one paper that is to be sent."""
    names = [f"reader{number:02d}@{('one', 'two')[number % 2]}.example" for number in range(40)]
    with database.write() as s:
        (paper,) = add_papers(s, [make_entry(1)])
        for number, name in enumerate(names):
            _, subscription = add_reader(s, name)
            mail = make_delivery(f"<{number:032x}@example.org>", recipient=name)
            add_issue(s, subscription, paper_ids=[paper], delivery=mail)
    return names


@pytest.fixture
def deliverer(database: Database) -> Deliverer:
    return Deliverer(database, ENVELOPE)


def rows(database: Database) -> dict[str, Delivery]:
    """The deliveries by recipient."""
    with database.read() as s:
        return {row.recipient: row for row, _, _ in deliveries.list_deliveries(s)}


def statuses(database: Database) -> dict[str, int]:
    with database.read() as s:
        return deliveries.count_by_status(s)


def at(hours: float = 0) -> Moment:
    return Moment(NOW + hours * HOUR, pinned=True)


def test_each_gets_one_over_many_connections(
    database: Database, deliverer: Deliverer, names: list[str]
) -> None:
    """Nobody twice, nobody left out; a second run sends nothing."""
    server = Server()
    assert deliverer.deliver(server.line(4), at())["sent"] == 40
    assert server.recipients == names
    assert len({mail.message_id for mail in server.taken}) == 40
    assert server.channels <= 4
    assert deliverer.deliver(server.line(4), at())["sent"] == 0
    assert statuses(database) == {"sent": 40}
    assert {row.reply for row in rows(database).values()} == {"250 Ok"}


def read_row(database: Database, recipient: str) -> tuple[str, datetime | None]:
    """Status and data mark as another transaction sees them: what is committed."""
    with database.read() as s:
        query = select(Delivery.status, Delivery.data_at).where(Delivery.recipient == recipient)
        return tuple(s.exec(query).one())


@pytest.mark.usefixtures("names")
def test_what_leaves_was_written_down_before(database: Database, deliverer: Deliverer) -> None:
    """``sending`` before the first byte, the mark before the end; the mail before is ``sent`` by then."""
    seen: list[tuple[tuple[str, datetime | None], tuple[str, datetime | None]]] = []
    before: dict[str, tuple[str, datetime | None]] = {}
    ended: list[str] = []

    def begin(mail: Mail) -> str:
        before[mail.recipient] = read_row(database, mail.recipient)
        return "250 Ok"

    def end(mail: Mail) -> None:
        seen.append((before[mail.recipient], read_row(database, mail.recipient)))
        ended.append(mail.recipient)
        assert all(read_row(database, one)[0] == "sent" for one in ended[:-1])

    deliverer.deliver(Server(begin, end).line(), at())
    assert len(seen) == 40
    for (status, mark), (later, later_mark) in seen:
        assert (status, mark) == ("sending", None)
        assert later == "sending"
        assert later_mark is not None


@pytest.mark.usefixtures("names")
def test_where_nothing_can_be_written_nothing_ends(
    database: Database, deliverer: Deliverer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the first failed commit on no mail is completed; the next run sends what is left, once."""
    server = Server()
    whole = Database.write
    commits = 0

    @contextmanager
    def failing(self: Database) -> Iterator[Session]:
        nonlocal commits
        commits += 1
        if commits > 8:
            raise StorageError("the disk is full")
        with whole(self) as session:
            yield session

    with monkeypatch.context() as patch:
        patch.setattr(Database, "write", failing)
        with pytest.raises(StorageError, match="disk is full"):
            deliverer.deliver(server.line(3), at())
    at_the_end = len(server.taken)
    assert at_the_end < 40
    marked = [row for row in rows(database).values() if row.status == "sending" and row.data_at is not None]
    assert len(marked) <= 3, "no more than there are connections"
    deliverer.deliver(server.line(3), at())
    extra = len(server.taken) - 40
    assert 0 <= extra <= len(marked)
    assert len({mail.recipient for mail in server.taken}) == 40


@pytest.mark.usefixtures("names")
def test_asked_to_stop_it_brings_to_an_end_what_it_began(database: Database, deliverer: Deliverer) -> None:
    """The rest waits as if it had not been touched."""
    server = Server()
    counts = deliverer.deliver(server.line(2), at(), stop=lambda: len(server.taken) >= 5)
    assert 5 <= counts["sent"] == len(server.taken) <= 7
    assert counts["waiting"] == 40 - counts["sent"]
    waiting = [row for row in rows(database).values() if row.status == "planned"]
    assert len(waiting) == 40 - counts["sent"]
    assert {(row.attempts, row.lease) for row in waiting} == {(0, None)}
    deliverer.deliver(server.line(2), at())
    assert len(server.taken) == 40


@pytest.mark.usefixtures("names")
def test_a_server_that_hangs_does_not_keep_it_from_stopping(
    database: Database, deliverer: Deliverer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What hangs is left as being sent; since its end had not left, the next run sends it, even on hold."""
    monkeypatch.setattr(crew_room, "GRACE_S", 0.3)
    hung, go_on = threading.Event(), threading.Event()

    def hang(_: Mail) -> str:
        hung.set()
        go_on.wait(20)
        raise DeliveryError("it hung", transient=True)

    deliverer.deliver(Server(hang).line(), at(), stop=hung.is_set)
    assert statuses(database) == {"planned": 39, "sending": 1}
    server = Server()
    Deliverer(database, ENVELOPE, uncertain="hold").deliver(server.line(), at())
    go_on.set()
    assert len(server.taken) == 40


def refuse(code: int, enhanced: str, domain: str, *, transient: bool) -> Answer:
    def answer(mail: Mail) -> str:
        if mail.recipient.endswith(domain):
            raise DeliveryError(
                f"{code} {enhanced} no", transient=transient, code=code, enhanced=enhanced, stage="recipient"
            )
        return "250 Ok"

    return answer


@pytest.mark.usefixtures("names")
def test_refused_in_numbers_for_policy_stops_the_run(database: Database, deliverer: Deliverer) -> None:
    """Then it is not the readers: none is refused, all are tried again, and the operator is told."""
    server = Server(refuse(550, "5.7.1", ".example", transient=False))
    with pytest.raises(DeliveryError, match="in a row were refused for reasons of policy") as told:
        deliverer.deliver(server.line(), at())
    assert told.value.fatal
    assert len(server.begun) == 3
    assert statuses(database) == {"deferred": 3, "planned": 37}
    server.answer = lambda _: "250 Ok"
    assert deliverer.deliver(server.line(), at(2))["sent"] == 40


def test_one_refused_for_policy_is_one(database: Database, deliverer: Deliverer, names: list[str]) -> None:
    """Between others that were taken it is that mail's own fate, and the reader stays a reader."""
    server = Server(refuse(550, "5.7.1", names[7], transient=False))
    counts = deliverer.deliver(server.line(), at())
    assert (counts["sent"], counts["refused"]) == (39, 1)
    with database.read() as s:
        assert subscribers.get_subscriber(s, names[7]).status == "active"


def test_however_few_refused_for_policy_alone_are_about_us(database: Database, deliverer: Deliverer) -> None:
    """Two readers, both refused and nobody taken: neither loses the issue, and the operator is told."""
    plan_for(database, 2)
    server = Server(refuse(550, "5.7.26", ".example", transient=False))
    with pytest.raises(DeliveryError, match="not the readers but how mail is sent"):
        deliverer.deliver(server.line(), at())
    assert statuses(database) == {"deferred": 2}
    server.answer = lambda _: "250 Ok"
    assert deliverer.deliver(server.line(), at(2))["sent"] == 2


def plan_for(database: Database, count: int) -> list[str]:
    """So many readers, each with one issue that is to be sent."""
    names = [f"r{number}@{('one', 'two')[number % 2]}.example" for number in range(count)]
    with database.write() as s:
        (paper,) = add_papers(s, [make_entry(1)])
        for number, name in enumerate(names):
            _, subscription = add_reader(s, name)
            mail = make_delivery(f"<{number:032x}@example.org>", recipient=name)
            add_issue(s, subscription, paper_ids=[paper], delivery=mail)
    return names


@pytest.mark.usefixtures("names")
def test_a_server_with_room_for_fewer_connections_gets_fewer(
    database: Database, deliverer: Deliverer
) -> None:
    """Those turned away leave their mail to the others, and the run goes on."""
    server = Server()
    open_ones: set[threading.Thread] = set()

    def answer(mail: Mail) -> str:
        with server.lock:
            if len(open_ones | {threading.current_thread()}) > 1:
                raise DeliveryError("421 too many", transient=True, fatal=True, code=421, stage="session")
            open_ones.add(threading.current_thread())
        return "250 Ok"

    server.answer = answer
    assert deliverer.deliver(server.line(4), at())["sent"] == 40
    assert len(server.taken) == 40
    assert statuses(database) == {"sent": 40}


def test_a_server_with_no_room_at_all_stops_the_run(database: Database, deliverer: Deliverer) -> None:
    """Everything stays due."""
    plan_for(database, 5)

    def full(_: Mail) -> str:
        raise DeliveryError("421 too many", transient=True, fatal=True, code=421, stage="session")

    with pytest.raises(DeliveryError, match="421"):
        deliverer.deliver(Server(full).line(3), at())
    assert statuses(database) == {"planned": 5}


def test_what_is_never_answered_is_sent_twice_at_most(database: Database, deliverer: Deliverer) -> None:
    """Then it is held: a server that takes mail and says nothing would be given it again and again."""
    (name,) = plan_for(database, 1)
    server = Server()

    def silent(_: Mail) -> None:
        raise DeliveryError("no answer", transient=True, uncertain=True, stage="mail")

    server.after = silent
    for hours in range(0, 18, 2):
        deliverer.deliver(server.line(), at(hours))
    assert len(server.taken) == 2
    assert rows(database)[name].status == "uncertain"


@pytest.mark.usefixtures("names")
def test_a_server_that_answers_nobody_stops_the_run(database: Database, deliverer: Deliverer) -> None:
    """After five mails, not after everybody's."""
    server = Server()

    def silent(_: Mail) -> None:
        raise DeliveryError("no answer", transient=True, uncertain=True, stage="mail")

    server.after = silent
    with pytest.raises(DeliveryError, match="handed over whole and not answered"):
        deliverer.deliver(server.line(), at())
    assert len(server.taken) == 5


def test_greylisting_is_about_one_mail(database: Database, deliverer: Deliverer) -> None:
    """Each is tried, put off and taken at its second try; the domain is not left alone."""
    plan_for(database, 8)
    tried: set[str] = set()

    def grey(mail: Mail) -> str:
        if mail.recipient not in tried:
            tried.add(mail.recipient)
            raise DeliveryError(
                "451 4.7.1 Greylisting in action",
                transient=True,
                code=451,
                enhanced="4.7.1",
                stage="recipient",
            )
        return "250 Ok"

    server = Server(grey)
    assert deliverer.deliver(server.line(), at())["deferred"] == 8
    assert deliverer.deliver(server.line(), at(1))["sent"] == 8


def test_a_clock_that_was_ahead_silences_no_domain(database: Database, deliverer: Deliverer) -> None:
    """A pause that ends in years is none, for the domain and for the mail."""
    (name,) = plan_for(database, 1)
    years = NOW + 1500 * DAY
    with database.write() as s:
        pace.set_pace(s, "one.example", pace.Pace(3, years), NOW)
        number = deliveries.list_due(s, NOW)[0]
        deliveries.decide(s, [Decision(number, DeliveryStatus.DEFERRED, retry_at=years)])
    assert deliverer.deliver(Server().line(), at())["sent"] == 1
    assert rows(database)[name].status == "sent"


def test_what_waits_too_long_is_seen_to_when_it_is_too_late(database: Database, deliverer: Deliverer) -> None:
    """A pause ends with the issue's time at the latest: then it is skipped, and its papers may come again."""
    plan_for(database, 1)
    server = Server(refuse(451, "4.7.28", ".example", transient=True))
    deliverer.deliver(server.line(), at(23.99))
    assert rows(database)["r0@one.example"].retry_at == NOW + DAY
    assert deliverer.deliver(server.line(), at(24))["expired"] == 1
    row = rows(database)["r0@one.example"]
    assert (row.status, row.attempts) == ("skipped", 1)


@pytest.mark.usefixtures("names")
def test_a_reader_deleted_after_the_claim_stops_nobody_elses_mail(
    database: Database, deliverer: Deliverer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was to be sent is gone; the others get theirs."""
    whole = deliveries.claim

    def claim_and_delete(s: Session, *args: object, **given: object) -> None:
        whole(s, *args, **given)
        subscribers.delete_subscriber(s, subscribers.get_subscriber(s, "reader05@two.example"))

    with monkeypatch.context() as patch:
        patch.setattr(deliveries, "claim", claim_and_delete)
        counts = deliverer.deliver(Server().line(), at())
    assert (counts["sent"], counts["withdrawn"]) == (39, 1)
    assert statuses(database) == {"sent": 39}


def test_a_domain_that_asks_for_it_is_gone_slowly_with(database: Database, deliverer: Deliverer) -> None:
    """After one 4.7.x its other readers wait, without an attempt; other domains go on; later all goes."""
    plan_for(database, 12)
    server = Server(refuse(451, "4.7.28", "one.example", transient=True))
    counts = deliverer.deliver(server.line(), at())
    assert (counts["sent"], counts["deferred"], counts["waiting"]) == (6, 1, 5)
    assert sum(one.endswith("one.example") for one in server.begun) == 1
    left = [row for row in rows(database).values() if row.status == "deferred"]
    assert sorted(row.attempts for row in left) == [0, 0, 0, 0, 0, 1]
    assert len({row.retry_at for row in left}) == 1
    # Still slow a minute later, whoever asks, and that is no attempt.
    with database.write() as s:
        s.connection().exec_driver_sql("UPDATE deliveries SET retry_at = NULL WHERE status = 'deferred'")
    later = deliverer.deliver(server.line(), Moment(NOW + timedelta(minutes=1), pinned=True))
    assert (later["sent"], later["waiting"]) == (0, 6)
    assert min(row.attempts for row in rows(database).values()) == 0
    server.answer = lambda _: "250 Ok"
    assert deliverer.deliver(server.line(), at(2))["sent"] == 6
    with database.read() as s:
        assert pace.list_paces(s) == {}


def test_a_domain_that_puts_off_again_and_again_is_asked_less_often(
    database: Database, deliverer: Deliverer, names: list[str]
) -> None:
    """Each time the wait grows, for the whole domain; another domain's mail goes at once."""
    with database.write() as s:
        s.connection().exec_driver_sql("UPDATE issues SET expires_at = '2030-01-01 00:00:00'")
    server = Server(refuse(450, "4.2.0", "one.example", transient=True))
    waits = []
    moment = at()
    for _ in range(4):
        deliverer.deliver(server.line(), moment)
        row = rows(database)[names[0]]
        waits.append(row.retry_at - moment.now)
        moment = Moment(row.retry_at, pinned=True)
    assert waits == sorted(waits)
    assert timedelta(minutes=5) <= waits[0] < timedelta(minutes=7)
    assert timedelta(minutes=40) <= waits[3] < timedelta(minutes=51)
    assert sum(name.endswith("two.example") for name in server.recipients) == 20


def test_a_suppressed_address_gets_nothing(
    database: Database, deliverer: Deliverer, names: list[str]
) -> None:
    """Asked again when the mail is claimed, whatever was planned."""
    with database.write() as s:
        s.add(Suppression(email_key=names[3], reason="complained", created_at=NOW))
    server = Server()
    deliverer.deliver(server.line(), at())
    assert names[3] not in server.recipients
    row = rows(database)[names[3]]
    assert (row.status, row.attempts) == ("skipped", 0)
    assert "complained" in row.reason


def test_a_reader_who_leaves_meanwhile_is_held_back(
    database: Database, deliverer: Deliverer, names: list[str]
) -> None:
    """Even when their mail was claimed already, as long as its end has not left."""

    def leave(mail: Mail) -> None:
        if len(server.taken) == 1:
            with database.write() as s:
                for name in (mail.recipient, names[1], names[30]):
                    reader = subscribers.get_subscriber(s, name)
                    subscribers.set_status(s, reader, "unsubscribed", now=NOW)

    server = Server(after=leave)
    counts = deliverer.deliver(server.line(), at())
    assert server.recipients == sorted({*names} - {names[1], names[30]})
    assert (counts["sent"], counts["withdrawn"]) == (38, 2)
    deliverer.deliver(server.line(), at())
    assert statuses(database) == {"sent": 38, "skipped": 2}


@pytest.mark.usefixtures("names")
def test_a_rate_holds_from_run_to_run(database: Database, deliverer: Deliverer) -> None:
    """Five a day are five in any day; what is left waits."""
    server = Server()
    line = server.line(2, rate="5 per day")
    assert deliverer.deliver(line, at()) | {"waiting": 0} == {
        "sent": 5,
        "deferred": 0,
        "refused": 0,
        "uncertain": 0,
        "expired": 0,
        "waiting": 0,
    }
    assert deliverer.deliver(line, at(1))["sent"] == 0
    with database.write() as s:
        # The issues last another day.
        s.connection().exec_driver_sql("UPDATE issues SET expires_at = '2030-01-01 00:00:00'")
    assert deliverer.deliver(line, Moment(NOW + DAY + HOUR, pinned=True))["sent"] == 5


@pytest.mark.usefixtures("names")
def test_two_runs_at_once_share_the_work(database: Database, deliverer: Deliverer) -> None:
    """Should the lock fail, the lease holds: nobody gets two."""
    server = Server()
    started = [
        threading.Thread(target=deliverer._send, args=(server.line(2), at(), due, lambda: False, print))
        for due in [list_due(database)] * 2
    ]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    assert len(server.taken) == 40
    assert len(set(server.recipients)) == 40


def list_due(database: Database) -> list[int]:
    with database.read() as s:
        return list(deliveries.list_due(s, NOW))
