"""Mails of an installation that is served, and all that its database holds."""

import sqlite3
from email.message import EmailMessage

from digest.pipeline.moment import Moment
from digest.runs import run_compose
from tests.e2e.browsing import Served

__all__ = ["a_mail_to", "rows_of"]


def a_mail_to(served: Served, email: str) -> EmailMessage:
    """The next digest of one of the demonstration's readers, as mailed; the clock goes on until it comes."""
    for _ in range(5):
        served.pass_time(hours=24)
        run_compose(served.app, Moment(served.app.now()))
        mails = {str(mail["To"]): mail for mail in served.deliver()}
        if email in mails:
            return mails[email]
    raise AssertionError(f"no mail to {email}")


def rows_of(served: Served) -> dict[str, list[str]]:
    """Everything that the database holds, by table."""
    connection = sqlite3.connect(served.app.data_dir / "digest.db")
    try:
        query = "select name from sqlite_master where type = 'table' and name not like 'papers_fts%'"
        names = [name for (name,) in connection.execute(query)]
        return {name: sorted(map(repr, connection.execute(f'select * from "{name}"'))) for name in names}
    finally:
        connection.close()
