"""What lies in the data directory and nobody needs: copies made before upgrades, halves of files."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from digest.app import make_app
from digest.config import Settings
from digest.keeping import run_prune
from digest.pipeline.moment import Moment

DAY_S = 24 * 3600


def put(path: Path, *, days: float) -> Path:
    """A file that was written so many days ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"ada@example.org")
    os.utime(path, (time.time() - days * DAY_S,) * 2)
    return path


def test_a_copy_made_before_an_upgrade_goes_when_who_left_is_forgotten(tmp_path: Path) -> None:
    """Everybody who was a reader then is in it; also where the database lies elsewhere."""
    place = tmp_path / "db" / "x.db"
    settings = Settings(data_dir=tmp_path / "data", database_url=f"sqlite:///{place}", keep_left_days=10)
    app = make_app(settings)
    old, new = (put(Path(f"{place}.before-{name}"), days=days) for name, days in (("0001", 11), ("0002", 9)))
    other = put(tmp_path / "db" / "y.db.before-0001", days=99)
    would = run_prune(app, Moment.of(datetime.now(UTC)), dry_run=True).counts
    assert (would["copies_before"], old.exists()) == (1, True)
    assert run_prune(app, Moment.of(datetime.now(UTC))).counts["copies_before"] == 1
    assert [path.exists() for path in (old, new, other, place)] == [False, True, True, True]
    app.database.close()


def test_what_was_killed_half_way_is_cleared_away_after_a_day(tmp_path: Path) -> None:
    """An unpacked dump has the key and every address in it; what is being written now stays."""
    app = make_app(Settings(data_dir=tmp_path))
    unpacked = put(tmp_path / ".part-abc" / "tables" / "subscribers.jsonl", days=2).parents[1]
    os.utime(unpacked, (time.time() - 2 * DAY_S,) * 2)
    half, at_work = put(tmp_path / ".part-x", days=2), put(tmp_path / ".part-y", days=0.5)
    (tmp_path / ".part-link").symlink_to(at_work)
    moment = Moment.of(datetime.now(UTC) - timedelta(days=30))  # files have the machine's own time
    assert run_prune(app, moment, dry_run=True).counts["halves"] == 2
    assert run_prune(app, moment).counts["halves"] == 2
    assert [path.exists() for path in (unpacked, half, at_work)] == [False, False, True]
    app.database.close()
