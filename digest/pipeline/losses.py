"""What this installation had and has no more, without which it goes on and is not what it was. Reads only."""

import os
from collections.abc import Iterator
from typing import NamedTuple

from digest.config import Settings
from digest.errors import DigestError
from digest.keys import KeyFile, name_file, name_keys, read_old_keys
from digest.storage import deliveries as delivery_rows
from digest.storage.database import Database

__all__ = ["Loss", "find_foreign", "find_losses"]


class Loss(NamedTuple):
    """What is gone, in a sentence, and what to do about it."""

    what: str
    mend: str


def find_losses(settings: Settings, database: Database | None) -> list[Loss]:
    """The way of sending and the key for signed links, where they were there and are gone.

    A way of sending is looked for in what was sent; without a ``database`` it is not.
    """
    return [*(_lost_way(settings, database) if database is not None else ()), *_lost_key(settings)]


def find_foreign(settings: Settings) -> list[Loss]:
    """A data directory that is another user's, or has files that are: it was given away, or is not ours."""
    folder = settings.data_dir
    try:
        refused = [one for one in (folder, *sorted(folder.iterdir())) if not os.access(one, os.W_OK)]
    except OSError:
        refused = [folder]
    # The database's side files come and go meanwhile.
    names = [str(one) for one in refused if os.path.lexists(one)]
    if not names:
        return []
    mend = f"Run this as the user that it belongs to, or give all of {folder} to this one (chown -R)."
    return [Loss(f"This user may not write {', '.join(names[:3])}", mend)]


def _lost_way(settings: Settings, database: Database) -> Iterator[Loss]:
    """No way of sending is set, while mail left by SMTP before: such settings were lost, or never found."""
    if settings.channel != "auto" or settings.smtp_url is not None:
        return
    with database.read() as session:
        went = delivery_rows.went_by_smtp(session)
    if went:
        yield Loss(
            "Mail reaches nobody: earlier mails left by SMTP, now no smtp_url is set, and mail is put into "
            f"{settings.data_dir / 'outbox'}",
            'Set smtp_url again (see that DIGEST_CONFIG names your settings), or channel = "maildir" if that '
            "is meant.",
        )


def _lost_key(settings: Settings) -> Iterator[Loss]:
    path = settings.data_dir / "secret.key"
    try:
        known = name_file(path).read_text("utf-8", "replace").strip()
        if settings.secret_key is None:
            names = name_keys(*KeyFile(path, makes=False).read())
        else:
            older = settings.secret_key_old.get_secret_value() if settings.secret_key_old else ""
            names = name_keys(settings.secret_key.get_secret_value().encode(), read_old_keys(older))
    except FileNotFoundError:
        return  # no key was ever used here
    except OSError as error:
        yield Loss(
            f"{name_file(path)} cannot be read: {error.strerror}", "Give it to the user that runs this."
        )
        return
    except DigestError as error:
        yield Loss(str(error), "Mend what this says.")
        return
    if known and known not in {str(one["key"]) for one in names}:
        yield Loss(
            f"Nobody can leave by a mail that was sent before: its links were signed with the key {known}, "
            f"which is gone; now it is {names[0]['key']} (digest key show)",
            f"Put that key back from a backup, or delete {name_file(path)} if it is lost for good.",
        )
