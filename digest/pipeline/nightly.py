"""Which of the night's work is still to be done.

Decided from what was recorded, not from a timer: so a machine that slept through the night does it in the
morning, one whose clock was set does it once, and a command that cron starts knows as much as a service.
"""

from datetime import datetime, time, timedelta

from sqlmodel import Session

from digest.schedule import last_at
from digest.storage import runs as run_rows

__all__ = ["is_due_tonight"]

# What failed, or was killed, is tried again after this; what is still at work holds its own lock.
AFTER_A_FAILURE = timedelta(hours=4)


def is_due_tonight(session: Session, use_case: str, at: time, zone: str, now: datetime) -> bool:
    """Whether that use case did not run to a good end since that time of day last came in ``zone``.

    Never before the first night: where nothing ran yet there is nothing to look after. A run that is
    recorded later than ``now`` proves nothing, since the clock was set back since.
    """
    since = last_at(at, zone, now)
    if not run_rows.began_before(session, since):
        return False
    runs = run_rows.list_runs(session, use_case, first=since, last=now)
    return not any(run.ok or now - run.started_at < AFTER_A_FAILURE for run in runs)
