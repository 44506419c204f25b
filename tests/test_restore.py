"""Restoring: into an empty place, checked first; and a copy that does not mail until it is armed."""

import hashlib
import json
import os
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from digest.app import App, make_app
from digest.config import Settings
from digest.errors import DeliveryError, DigestError, StorageError, UsageError
from digest.keeping import run_arm, run_backup, run_restore
from digest.locks import use_case_lock
from digest.pipeline.arming import MARKER, read_restored
from digest.pipeline.backup import make_backup
from digest.pipeline.letters import make_test_letter
from digest.pipeline.moment import Moment
from digest.pipeline.restore import plan_restore, restore
from digest.pipeline.status import look_at_status
from digest.runs import run_compose, run_deliver, run_letter
from digest.storage import backing_up, deliveries, letters, papers, subscribers
from digest.storage.database import Database
from digest.upkeep import run_bounces
from tests.storage_rows import (
    DAY,
    HOUR,
    NOW,
    TODAY,
    add_issue,
    add_papers,
    add_reader,
    make_delivery,
    make_entry,
)


def settings_of(folder: Path) -> Settings:
    return Settings(data_dir=folder, hold_h=0)


@pytest.fixture
def app(tmp_path: Path) -> App:
    """One reader, served daily at seven in Berlin (05:00 UTC), and three papers of today."""
    app = make_app(settings_of(tmp_path / "data"), now=NOW)
    with app.database.write() as s:
        add_papers(s, [make_entry(number) for number in (1, 2, 3)])
        add_reader(s)
    app.secret_key()
    (app.data_dir / "pages").mkdir()
    (app.data_dir / "pages" / "page.gz").write_bytes(b"a page")
    yield app
    app.database.close()


def back_up(app: App, now: datetime = NOW) -> Path:
    return Path(run_backup(app, Moment.of(now)).counts["backup"])


@pytest.fixture
def copy(app: App, tmp_path: Path) -> App:
    """The same, restored from last night's backup."""
    folder = back_up(app, NOW - 4 * HOUR)
    run_restore(settings_of(tmp_path / "copy"), folder)
    restored = make_app(settings_of(tmp_path / "copy"), now=NOW)
    yield restored
    restored.database.close()


def files_in(folder: Path) -> set[str]:
    """What lies there, but for the locks, which stay and mean nothing."""
    paths = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return {path for path in paths if not path.startswith("locks/")}


def mails(app: App) -> int:
    folder = app.data_dir / "outbox" / "new"
    return len(list(folder.iterdir())) if folder.is_dir() else 0


# --- restoring -------------------------------------------------------------------------------------


def test_what_is_restored_is_what_was_backed_up(app: App, copy: App) -> None:
    """Rows, key, pages; and the file's mode, since the key is among them."""
    with app.database.read() as first, copy.database.read() as second:
        assert papers.count_papers(first) == papers.count_papers(second) == 3
        theirs, ours = (subscribers.list_subscribers(s) for s in (first, second))
    assert [one.feed_token for one in theirs] == [one.feed_token for one in ours]
    assert copy.secret_key() == app.secret_key()
    assert (copy.data_dir / "pages" / "page.gz").read_bytes() == b"a page"
    assert (copy.data_dir / "secret.key").stat().st_mode & 0o777 == 0o600


def test_a_dry_run_says_what_would_come_and_writes_nothing(app: App, tmp_path: Path) -> None:
    """The backup is checked as for the real thing."""
    plan = run_restore(settings_of(tmp_path / "copy"), back_up(app), dry_run=True)
    told = plan.as_dict()
    assert (told["papers"], told["readers"], told["issues"]) == (3, 1, 0)
    assert told["to"] == str(tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_backup_is_found_by_its_name(app: App) -> None:
    """Where backups are kept they need no path."""
    folder = back_up(app)
    plan = run_restore(app.settings, Path(folder.name), to=Path("elsewhere"), dry_run=True)
    assert plan.backup.folder == folder


@pytest.mark.parametrize("there", ["digest.db", "digest.db-wal", "secret.key", "pages/x"])
def test_a_place_that_is_taken_is_left_alone(app: App, tmp_path: Path, there: str) -> None:
    """Nothing is ever written over, not even a log that SQLite would take for the copy's."""
    path = tmp_path / "copy" / there
    path.parent.mkdir(parents=True)
    path.write_bytes(b"mine")
    with pytest.raises(UsageError, match="is there already"):
        run_restore(settings_of(tmp_path / "copy"), back_up(app))
    assert [one for one in (tmp_path / "copy").rglob("*") if one.is_file()] == [path]


def test_a_damaged_database_or_key_is_not_restored(app: App, tmp_path: Path) -> None:
    """It is told which file, before anything is written."""
    for name in ("digest.db", "secret.key"):
        folder = back_up(app)
        with (folder / name).open("r+b") as file:
            file.seek(20)
            file.write(b"x")
        with pytest.raises(StorageError, match=f"{name} is damaged, so this backup cannot be restored"):
            run_restore(settings_of(tmp_path / "copy"), folder)
    assert not (tmp_path / "copy").exists()


def test_a_damaged_page_is_left_out(app: App, tmp_path: Path) -> None:
    """After a disaster the rest is worth more than a page that can be read again."""
    folder = back_up(app)
    (folder / "pages" / "page.gz").write_bytes(b"a bage")
    plan = run_restore(settings_of(tmp_path / "copy"), folder)
    assert plan.left_out == {"pages/page.gz": "is damaged"}
    assert (tmp_path / "copy" / "digest.db").exists()
    assert not (tmp_path / "copy" / "pages" / "page.gz").exists()


def test_a_backup_of_a_newer_version_is_refused(app: App, tmp_path: Path) -> None:
    """An older program must not write into it."""
    with app.database.write() as s:
        s.connection().exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StorageError, match=r"made by a newer version .* 9999"):
        run_restore(settings_of(tmp_path / "copy"), back_up(app))


def test_a_restore_that_fails_takes_its_files_away(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that it can be begun again."""
    folder = back_up(app)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(StorageError, match="taken away again"):
            run_restore(settings_of(tmp_path / "copy"), folder)
    assert files_in(tmp_path / "copy") == set()
    assert run_restore(settings_of(tmp_path / "copy"), folder).left_out == {}


def test_of_two_restores_at_once_one_is_refused_and_harms_nothing(app: App, tmp_path: Path) -> None:
    """Both found the place empty; the second neither begins beside the first nor after it."""
    folder, to = back_up(app), tmp_path / "copy"
    to.mkdir()
    with use_case_lock(to, "restore"), pytest.raises(UsageError, match="see that one's end first"):
        run_restore(settings_of(to), folder)
    assert files_in(to) == set()
    first, second = (plan_restore(folder, to, None) for _ in range(2))
    restore(first)
    with pytest.raises(UsageError, match="is there already"):
        restore(second)
    assert files_in(to) == {MARKER, "digest.db", "secret.key", "pages/page.gz"}


@pytest.mark.parametrize("name", ["secret.key", "digest.db"])
def test_what_appears_while_a_restore_works_is_neither_replaced_nor_deleted(
    app: App, tmp_path: Path, name: str
) -> None:
    """Somebody starts the program there; the restore fails and takes only its own away."""
    (app.data_dir / "pages" / "ab").mkdir()
    (app.data_dir / "pages" / "ab" / "page.gz").write_bytes(b"a page")
    folder, there = back_up(app), tmp_path / "copy" / name

    def appear(step: str) -> None:
        if step.startswith("0 of") and (tmp_path / "copy" / MARKER).exists():
            there.write_bytes(b"mine")

    with pytest.raises(StorageError, match=f"{name} cannot be written: File exists"):
        run_restore(settings_of(tmp_path / "copy"), folder, progress=appear)
    assert files_in(tmp_path / "copy") == {name}
    assert there.read_bytes() == b"mine"
    there.unlink()
    assert run_restore(settings_of(tmp_path / "copy"), folder).left_out == {}


def test_what_a_killed_restore_left_of_the_database_is_in_nobodys_way(app: App, tmp_path: Path) -> None:
    """Half a database has another name."""
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / ".part-digest.db").write_bytes(b"half")
    run_restore(settings_of(tmp_path / "copy"), back_up(app))
    assert (tmp_path / "copy" / "digest.db").exists()
    assert not (tmp_path / "copy" / ".part-digest.db").exists()


def test_a_log_that_would_spoil_the_database_is_not_restored_beside_it(app: App, tmp_path: Path) -> None:
    """A backup put together by hand has the raw files of a database that is named otherwise."""
    folder = back_up(app)
    told = json.loads((folder / "manifest.json").read_bytes())
    (folder / "x.db-wal").write_bytes(b"a log")
    told["files"]["x.db-wal"] = (5, hashlib.sha256(b"a log").hexdigest())
    (folder / "manifest.json").write_text(json.dumps(told))
    to = tmp_path / "copy"
    with pytest.raises(StorageError, match=r"x\.db-wal, which would spoil the database"):
        run_restore(Settings(data_dir=to, database_url=f"sqlite:///{to / 'x.db'}"), folder)
    assert not to.exists()


def test_a_link_or_a_pipe_in_a_backup_is_not_followed(app: App, tmp_path: Path) -> None:
    """What is restored was in the backup, and a pipe would be waited on for ever."""
    folder = back_up(app)
    (tmp_path / "elsewhere").write_bytes((folder / "secret.key").read_bytes())
    for make in (lambda path: path.symlink_to(tmp_path / "elsewhere"), os.mkfifo):
        (folder / "secret.key").unlink()
        make(folder / "secret.key")
        with pytest.raises(StorageError, match=r"secret\.key is no plain file"):
            run_restore(settings_of(tmp_path / "copy"), folder)


def test_a_restore_that_is_stopped_by_a_signal_takes_its_files_away(app: App, tmp_path: Path) -> None:
    """As it does when it fails."""
    folder = back_up(app)

    def stop(step: str) -> None:
        if step == "the database":
            raise DigestError("stopped")

    with pytest.raises(DigestError, match="stopped"):
        run_restore(settings_of(tmp_path / "copy"), folder, progress=stop)
    assert files_in(tmp_path / "copy") == set()


def test_without_a_database_the_rest_is_backed_up_and_restored(app: App, tmp_path: Path) -> None:
    """A server keeps the database then; the copy does not mail all the same."""
    server = Database("postgresql://nobody@127.0.0.1:9/nowhere")
    backup = make_backup(server, app.data_dir, tmp_path / "backups", NOW)
    assert backup.revision is None
    assert "digest.db" not in backup.files
    plan = run_restore(settings_of(tmp_path / "copy"), backup.folder)
    assert plan.inside is None
    assert read_restored(tmp_path / "copy") is not None
    assert (tmp_path / "copy" / "secret.key").exists()


def test_a_database_elsewhere_is_restored_to_its_place(app: App, tmp_path: Path) -> None:
    """As the settings have it; beside --to it goes into that folder."""
    settings = Settings(data_dir=tmp_path / "copy", database_url=f"sqlite:///{tmp_path / 'db' / 'x.db'}")
    run_restore(settings, back_up(app))
    assert (tmp_path / "db" / "x.db").exists()
    run_restore(settings, back_up(app), to=tmp_path / "other")
    assert (tmp_path / "other" / "digest.db").exists()


def test_a_server_is_not_restored_to(app: App, tmp_path: Path) -> None:
    """The sentence says how to get there."""
    settings = Settings(data_dir=tmp_path / "copy", database_url="postgresql://nobody@127.0.0.1:9/nowhere")
    with pytest.raises(UsageError, match="digest load"):
        run_restore(settings, back_up(app))


# --- arming ----------------------------------------------------------------------------------------


def test_a_copy_sends_nothing_and_says_so(copy: App) -> None:
    """Neither issues nor letters; what is due is composed, counted and kept."""
    run_compose(copy, Moment.of(NOW))
    outcome = run_deliver(copy, Moment.of(NOW))
    assert (outcome.ok, outcome.counts["sent"], outcome.counts["held"]) == (False, 0, 1)
    assert "does not mail" in outcome.lines()[-1]
    letter = make_test_letter("Digest", "ada@example.org", NOW)
    with pytest.raises(DeliveryError, match="digest arm"):
        run_letter(copy, letter, Moment.of(NOW))
    assert mails(copy) == 0


def test_a_backup_copied_by_hand_does_not_mail_either(app: App, tmp_path: Path) -> None:
    """The mark is in the backup itself."""
    shutil.copytree(back_up(app), tmp_path / "by-hand")
    assert read_restored(tmp_path / "by-hand") is not None


def test_a_copy_takes_no_mail_from_the_mailbox_unless_told_to(app: App, tmp_path: Path) -> None:
    """The other machine reads it: what the copy marks as read would be lost to it. A command may."""
    new = tmp_path / "box" / "new"
    new.mkdir(parents=True)
    (new / "1").write_bytes(b"From: ada@example.org\nSubject: unsubscribe\n\n")
    settings = Settings(data_dir=tmp_path / "copy", bounce_mailbox=str(tmp_path / "box"))
    run_restore(settings, back_up(app))
    copy = make_app(settings, now=NOW)
    assert run_bounces(copy, Moment.of(NOW)).counts == {}
    assert run_bounces(copy, Moment.of(NOW), str(tmp_path / "box")).counts["read"] == 1
    (new / "2").write_bytes(b"From: ada@example.org\nSubject: unsubscribe\n\n")
    assert run_arm(copy, Moment.of(NOW), send=True).ok
    assert run_bounces(copy, Moment.of(NOW)).counts["read"] == 1
    copy.database.close()


def test_a_mark_that_cannot_be_read_still_counts(copy: App) -> None:
    """Rather too careful than mail sent twice."""
    (copy.data_dir / MARKER).write_bytes(b"\xff")
    assert not run_deliver(copy, Moment.of(NOW)).ok


def test_how_things_stand_says_first_that_a_copy_does_not_mail(app: App, copy: App) -> None:
    """And what to do; the machine that it was copied from says nothing of it."""
    found = look_at_status(copy.database, [], NOW, copy.restored())
    assert "this is a copy" in found.front.troubles[0].what
    assert "digest arm" in found.front.troubles[0].mend
    assert not found.ok
    assert "copy" not in str(look_at_status(app.database, [], NOW, app.restored()).front.troubles)


def test_arming_asks_what_becomes_of_mail_that_waits(copy: App) -> None:
    """Today's issue is due here, and was probably sent by the machine that was lost."""
    with pytest.raises(UsageError, match=r"send 1 issue more.* --skip-until now .* --send"):
        run_arm(copy, Moment.of(NOW))
    assert read_restored(copy.data_dir) is not None


def test_what_was_due_can_count_as_sent(copy: App) -> None:
    """Nothing is mailed, its papers do not come again, and tomorrow's issue goes out."""
    outcome = run_arm(copy, Moment.of(NOW), skip_until=NOW)
    assert (outcome.counts["armed"], outcome.counts["skipped"]) == (True, 1)
    assert run_deliver(copy, Moment.of(NOW)).counts["sent"] == 0
    with copy.database.read() as s:
        ((delivery, issue, _),) = deliveries.list_deliveries(s)
    assert (delivery.status, issue.status) == ("skipped", "composed")
    with copy.database.write() as s:
        add_papers(s, [make_entry(9)], now=NOW + DAY, day=TODAY + DAY)
    run_compose(copy, Moment.of(NOW + DAY))
    assert run_deliver(copy, Moment.of(NOW + DAY)).counts["sent"] == 1


def test_what_waits_can_be_sent(copy: App) -> None:
    """Where the other machine did not get to it."""
    assert run_arm(copy, Moment.of(NOW), send=True).ok
    run_compose(copy, Moment.of(NOW))
    assert run_deliver(copy, Moment.of(NOW)).counts["sent"] == 1


def test_what_was_due_after_the_other_machine_was_lost_is_sent(copy: App) -> None:
    """It died at half past four UTC; the issue of five was not sent by anybody."""
    lost = NOW - timedelta(hours=2)
    assert run_arm(copy, Moment.of(NOW), skip_until=lost).counts["skipped"] == 0
    assert run_deliver(copy, Moment.of(NOW)).counts["sent"] == 1


def test_mail_half_sent_when_the_backup_was_made_counts_too(app: App, tmp_path: Path) -> None:
    """What was being sent then was sent."""
    with app.database.write() as s:
        reader, subscription = add_reader(s, "bo@example.org")
        delivery = make_delivery("<1@example.org>", recipient=reader.email, status="sending")
        add_issue(s, subscription, paper_ids=[1], delivery=delivery)
    run_restore(settings_of(tmp_path / "copy"), back_up(app))
    copy = make_app(settings_of(tmp_path / "copy"), now=NOW)
    assert run_arm(copy, Moment.of(NOW), skip_until=NOW).counts["skipped"] == 2
    assert run_deliver(copy, Moment.of(NOW)).counts["sent"] == 0
    copy.database.close()


def test_a_letter_that_the_copy_planned_itself_is_never_taken_as_sent(app: App, tmp_path: Path) -> None:
    """Who signs up at the copy gets their confirmation; a letter from before the backup does not go twice."""
    plan_a_letter(app, 1, NOW - 5 * HOUR)
    run_restore(settings_of(tmp_path / "copy"), back_up(app, NOW - 4 * HOUR))
    copy = make_app(settings_of(tmp_path / "copy"), now=NOW)
    plan_a_letter(copy, 2, NOW - HOUR)
    with pytest.raises(UsageError, match="but for letters that this copy planned"):
        run_arm(copy, Moment.of(NOW))
    assert run_arm(copy, Moment.of(NOW), skip_until=NOW).counts["skipped"] == 2
    assert run_deliver(copy, Moment.of(NOW)).counts["sent"] == 1
    with copy.database.read() as s:
        statuses = {one.recipient: one.status for one, _, _ in deliveries.list_deliveries(s)}
    assert (statuses["1@example.org"], statuses["2@example.org"]) == ("skipped", "sent")
    copy.database.close()


def plan_a_letter(app: App, number: int, now: datetime) -> None:
    with app.database.write() as s:
        letter = make_test_letter("Digest", f"{number}@example.org", now)
        letters.plan_letter(s, letter, message_id=f"<{number:016x}@example.org>", now=now)


def test_where_nothing_waits_arming_asks_nothing(copy: App) -> None:
    """At night nothing is due; and who is armed stays so."""
    night = Moment.of(NOW - 4 * HOUR)
    assert run_arm(copy, night).ok
    assert run_arm(copy, night).counts == {"armed": True}


def test_a_time_to_come_cannot_be_skipped(copy: App) -> None:
    """What is due later is not lost by a typing error."""
    with pytest.raises(UsageError, match="a time that is over"):
        run_arm(copy, Moment.of(NOW), skip_until=NOW + DAY)
    with pytest.raises(UsageError, match="choose one"):
        run_arm(copy, Moment.of(NOW), skip_until=NOW, send=True)


def test_armed_from_the_start(app: App, tmp_path: Path) -> None:
    """For a machine that is moved, not copied."""
    run_restore(settings_of(tmp_path / "copy"), back_up(app), armed=True)
    assert read_restored(tmp_path / "copy") is None


def test_the_way_back_after_an_upgrade_sends_nothing_twice(app: App) -> None:
    """The copy made before it, and a mark that may be an empty file: as docs/backup.md has it."""
    place = app.data_dir / "digest.db"
    before = backing_up.keep_copy_before(place, "0009")
    run_compose(app, Moment.of(NOW))
    assert run_deliver(app, Moment.of(NOW)).counts["sent"] == 1
    app.database.close()
    shutil.copy(before, place)
    for end in ("-wal", "-shm"):
        place.with_name(f"{place.name}{end}").unlink(missing_ok=True)
    (app.data_dir / MARKER).touch()
    again = make_app(settings_of(app.data_dir), now=NOW)
    assert run_deliver(again, Moment.of(NOW)).counts["sent"] == 0
    assert run_arm(again, Moment.of(NOW), skip_until=NOW).counts["skipped"] == 1
    assert run_deliver(again, Moment.of(NOW)).counts["sent"] == 0
    assert mails(app) == 1
    again.database.close()
