"""Mails made in a second process are the same mails, whatever becomes of that process."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from digest.errors import DeliveryError
from digest.mailer import Mail
from digest.models import Letter
from digest.pipeline import assembling_beside, deliver
from digest.pipeline.assemble import Envelope
from digest.pipeline.assembling import Made, Maker, Order
from digest.pipeline.assembling_beside import MakerBeside
from digest.pipeline.crew import Line
from digest.pipeline.deliver import Deliverer
from digest.pipeline.moment import Moment
from digest.storage import deliveries, letters, subscribers
from digest.storage.database import Database
from tests.storage_rows import DAY, NOW, add_issue, add_papers, add_reader, make_delivery, make_entry

pytest_plugins = ("tests.storage_fixtures",)

ENVELOPE = Envelope(
    sender="digest@example.org",
    list_name="Papers",
    unsubscribe_address="digest@example.org",
    bounce_address="digest@example.org",
    base_url="https://digest.example.org",
    secret=b"an invented key of 32 bytes long",
)
ROOT = Path(__file__).resolve().parents[1]
READERS = 40
AT = Moment(NOW, pinned=True)
NOBODY = "two..dots@example.org"  # no address that mail can be sent to
# Where much is tested at the same time a process is slow to start.
LONG_S = 30.0


@pytest.fixture
def orders(database: Database) -> list[Order]:
    """A mail for each of forty readers, with papers of their own, and a letter."""
    with database.write() as s:
        papers = add_papers(s, [make_entry(number) for number in range(1, READERS + 3)])
        for number in range(READERS):
            name = NOBODY if number == 7 else f"reader{number:02d}@example.org"
            _, subscription = add_reader(s, name)
            mail = make_delivery(f"<{number:032x}@example.org>", recipient=name)
            add_issue(s, subscription, paper_ids=papers[number : number + 3], delivery=mail)
        letter = Letter(
            kind="operator",
            recipient="operator@example.org",
            key="1",
            subject="Look",
            text=".\r\nHello.\n",
            created_at=NOW,
            expires_at=NOW + DAY,
        )
        letters.plan_letter(s, letter, message_id=f"<{'f' * 32}@example.org>", now=NOW)
    with database.read() as s:
        return [Order.of(one) for one in deliveries.list_waiting(s, deliveries.list_due(s, NOW))]


def plainly(made: Iterator[Made]) -> list[bytes | str | None]:
    """What was made; errors as their words."""
    return [str(one) if isinstance(one, DeliveryError) else one for one in made]


class Watched(MakerBeside):
    """One that knows its child, and which mails were made here."""

    def __init__(self, database: Database, envelope: Envelope = ENVELOPE) -> None:
        super().__init__(database, envelope)
        self.here: list[str] = []
        own = self._here.make

        def make(orders: Sequence[Order]) -> Iterator[Made]:
            self.here += [order.recipient for order in orders]
            return own(orders)

        self._here.make = make  # type: ignore[method-assign]

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child._program.pid

    def get_ready(self) -> "Watched":
        """Once the child waits for orders."""
        assert self._child is not None
        assert self._child._poll.poll(1000 * LONG_S)
        return self


@pytest.fixture
def beside(database: Database) -> Iterator[Watched]:
    with Watched(database) as maker:
        yield maker.get_ready()


def gone(pid: int) -> bool:
    """Whether a process is no more, or only waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def until(true: Callable[[], bool]) -> bool:
    end = time.monotonic() + LONG_S
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    return true()


# --- the same mails ---


def test_the_child_makes_the_same_bytes(database: Database, orders: list[Order], beside: Watched) -> None:
    """And what it cannot make, it leaves to its parent, which says why."""
    expected = plainly(Maker(database, ENVELOPE).make(orders))
    assert [type(one) for one in expected].count(bytes) == READERS
    assert plainly(beside.make(orders[:25])) + plainly(beside.make(orders[25:])) == expected
    assert beside.here == [NOBODY]


def test_what_was_deleted_meanwhile_is_not_made(
    database: Database, orders: list[Order], beside: Watched
) -> None:
    """Of a reader who is gone there is nothing to be sent; the others are not held up."""
    with database.write() as s:
        subscribers.delete_subscriber(s, subscribers.get_subscriber(s, orders[3].recipient))
    made = list(beside.make(orders[:6]))
    assert [one is None for one in made] == [False] * 3 + [True] + [False] * 2


def test_while_the_child_starts_mails_are_made_here(database: Database, orders: list[Order]) -> None:
    """Nobody waits for it."""
    with Watched(database) as maker:
        os.kill(maker.pid, signal.SIGSTOP)
        began = time.monotonic()
        assert plainly(maker.make(orders[:2])) == plainly(Maker(database, ENVELOPE).make(orders[:2]))
        assert time.monotonic() - began < assembling_beside.PATIENCE_S
        assert maker.here == [order.recipient for order in orders[:2]]
        os.kill(maker.pid, signal.SIGCONT)
        maker.get_ready()
        list(maker.make(orders[2:4]))
        assert len(maker.here) == 2


def test_whoever_leaves_answers_untaken_gets_nobody_elses(
    database: Database, orders: list[Order], beside: Watched
) -> None:
    """What is still in the pipe is no answer to the next question."""
    next(beside.make(orders[:5]))
    assert plainly(beside.make(orders[8:12])) == plainly(Maker(database, ENVELOPE).make(orders[8:12]))
    assert beside.here == [order.recipient for order in orders[8:12]]


# --- a child that fails ---


def check_all_made(database: Database, orders: list[Order], maker: Watched, many: int) -> None:
    made = maker.make(orders)
    first = [next(made) for _ in range(many)]
    os.kill(maker.pid, signal.SIGKILL)
    assert first + plainly(made) == plainly(Maker(database, ENVELOPE).make(orders))


@pytest.mark.parametrize("many", [1, 5])
def test_a_child_that_is_killed_costs_no_mail(
    database: Database, orders: list[Order], beside: Watched, many: int, caplog: pytest.LogCaptureFixture
) -> None:
    """All are made, in their order; what follows is made here, and that is told once."""
    orders = [order for order in orders if order.recipient != NOBODY]
    check_all_made(database, orders, beside, many)
    assert all(beside.make(orders))
    assert beside.here[-len(orders) :] == [order.recipient for order in orders]
    assert len(caplog.records) <= 1


def test_a_child_that_hangs_is_not_waited_for(
    database: Database, orders: list[Order], beside: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is ended by force, and its mails are made here."""
    monkeypatch.setattr(assembling_beside, "PATIENCE_S", 0.2)
    monkeypatch.setattr(assembling_beside, "END_S", 0.2)
    pid = beside.pid
    os.kill(pid, signal.SIGSTOP)
    assert plainly(beside.make(orders)) == plainly(Maker(database, ENVELOPE).make(orders))
    assert gone(pid)


def test_where_no_process_can_be_started_mails_are_made_here(
    database: Database, orders: list[Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No memory, too many processes."""

    def refuse(*_: object, **__: object) -> None:
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with MakerBeside(database, ENVELOPE) as maker:
        assert plainly(maker.make(orders)) == plainly(Maker(database, ENVELOPE).make(orders))


def test_a_fault_in_the_child_is_the_parents_to_tell(
    database: Database, orders: list[Order], beside: Watched
) -> None:
    """It ends, with its traceback on stderr, and the parent meets the same fault."""
    broken = [orders[0], orders[1]._replace(message_id=None)]  # type: ignore[arg-type]
    made = beside.make(broken)
    assert isinstance(next(made), bytes)
    with pytest.raises((TypeError, AttributeError)):
        next(made)


# --- how it ends, and what it has ---


def test_it_ends_with_its_parent(database: Database, tmp_path: Path) -> None:
    """Also where the parent is killed, and cannot see to it."""
    program = (
        "import sys, time\n"
        "from digest.pipeline.assembling_beside import MakerBeside\n"
        "from digest.storage.database import Database\n"
        "from tests.test_assembling import ENVELOPE, Watched\n"
        f"maker = Watched(Database({str(database.url)!r})).get_ready()\n"
        "print(maker.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert not gone(pid)
        parent.kill()
    assert until(lambda: gone(pid))


@pytest.mark.parametrize("is_busy", [False, True])
def test_it_ends_when_it_is_closed_even_with_its_hands_full(
    database: Database,
    orders: list[Order],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    is_busy: bool,
) -> None:
    """Nobody takes what it makes; it does not wait for that, and says nothing of it."""
    monkeypatch.setattr(assembling_beside, "PIPE", 4096)
    with Watched(database) as maker:
        maker.get_ready()
        if is_busy:
            assert next(maker.make(orders))
            assert maker.here == []
        pid = maker.pid
        began = time.monotonic()
    assert gone(pid)
    assert time.monotonic() - began < assembling_beside.END_S
    maker.close()
    assert capfd.readouterr().err == ""


def test_signals_for_the_whole_program_are_the_parents(orders: list[Order], beside: Watched) -> None:
    """Who is asked to stop brings to an end what it began, and needs its child for that."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(beside.pid, number)
    assert all(beside.make(orders[:3]))
    assert beside.here == []


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files can be seen on Linux only")
def test_it_inherits_nothing_and_shows_no_secret(
    database: Database, orders: list[Order], tmp_path: Path
) -> None:
    """No connection of its parent's, no open file; the key and the database's address are in no argument."""
    with database.read(), (tmp_path / "open").open("w"), Watched(database) as maker:
        maker.get_ready()
        opened = {str(one.readlink()) for one in Path(f"/proc/{maker.pid}/fd").iterdir()}
        assert not [one for one in opened if one.startswith("socket:") or str(tmp_path) in one]
        shown = (
            Path(f"/proc/{maker.pid}/cmdline").read_bytes() + Path(f"/proc/{maker.pid}/environ").read_bytes()
        )
        assert ENVELOPE.secret not in shown
        assert b"sqlite:" not in shown


# --- sending what it makes ---


class Channel:
    """Takes everything."""

    name = "fake"
    idempotent = False

    def __init__(self, taken: list[Mail]) -> None:
        self.taken = taken
        self.lock = threading.Lock()

    def send(self, mail: Mail, before_end: Callable[[], None]) -> str:
        before_end()
        with self.lock:
            self.taken.append(mail)
        return "250 Ok"

    def close(self) -> None:
        pass


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Every run is one of many mails; the children it starts are ready, and told."""
    pids: list[int] = []

    def start(database: Database, envelope: Envelope) -> Watched:
        maker = Watched(database, envelope).get_ready()
        pids.append(maker.pid)
        return maker

    monkeypatch.setattr(deliver, "MANY", 1)
    monkeypatch.setattr(deliver, "_processors", lambda: 2)
    monkeypatch.setattr(deliver, "MakerBeside", start)
    return pids


def test_each_reader_gets_their_own_mail_and_the_child_is_gone(
    database: Database, orders: list[Order], children: list[int]
) -> None:
    """Through the whole of sending: who cannot be written to is refused, everybody else has their mail."""
    taken: list[Mail] = []
    counts = Deliverer(database, ENVELOPE).deliver(Line(lambda: Channel(taken), connections=4), AT)
    assert (counts["sent"], counts["refused"]) == (READERS, 1)
    made = dict(zip((one.recipient for one in orders), Maker(database, ENVELOPE).make(orders), strict=True))
    assert {mail.recipient: mail.message for mail in taken} == {
        name: one for name, one in made.items() if name != NOBODY
    }
    assert all(mail.is_canonical for mail in taken)
    (pid,) = children
    assert gone(pid)


def test_however_a_run_ends_its_child_is_gone(
    database: Database, orders: list[Order], children: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked to stop, broken by the server, or by a fault of ours."""
    taken: list[Mail] = []
    line = Line(lambda: Channel(taken), connections=2)
    Deliverer(database, ENVELOPE).deliver(line, AT, stop=lambda: len(taken) >= 3)
    assert 3 <= len(taken) <= 5

    def fail(*_: object) -> str:
        raise DeliveryError("no", transient=False, stage="session", fatal=True)

    with monkeypatch.context() as patch:
        patch.setattr(Channel, "send", fail)
        with pytest.raises(DeliveryError):
            Deliverer(database, ENVELOPE).deliver(line, AT)
        patch.setattr(Channel, "send", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            Deliverer(database, ENVELOPE).deliver(line, AT)
    assert len(children) == 3
    assert all(map(gone, children))


@pytest.mark.parametrize("slow", [{"rate": "100 per second"}, {"connection_rate": "100 per second"}])
def test_a_run_that_is_not_to_hurry_needs_none(
    database: Database, orders: list[Order], children: list[int], slow: dict[str, str]
) -> None:
    taken: list[Mail] = []
    line = Line(lambda: Channel(taken), connections=4, **slow)
    assert Deliverer(database, ENVELOPE).deliver(line, AT)["sent"] == READERS
    assert children == []


@pytest.mark.parametrize(("many", "processors"), [(READERS + 2, 2), (1, 1)])
def test_neither_does_a_small_run_nor_one_processor(
    database: Database,
    orders: list[Order],
    children: list[int],
    monkeypatch: pytest.MonkeyPatch,
    many: int,
    processors: int,
) -> None:
    monkeypatch.setattr(deliver, "MANY", many)
    monkeypatch.setattr(deliver, "_processors", lambda: processors)
    taken: list[Mail] = []
    assert Deliverer(database, ENVELOPE).deliver(Line(lambda: Channel(taken)), AT)["sent"] == READERS
    assert children == []
