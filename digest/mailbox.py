"""Where mail comes in: a Maildir, an IMAP box or one mail on a stream. Nothing is ever deleted."""

import contextlib
import imaplib
import itertools
import logging
import os
import re
import ssl
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, Protocol
from urllib.parse import unquote, urlsplit

from digest.errors import ConfigError, DigestError, UsageError
from digest.text import is_this_machine

__all__ = [
    "ImapMailbox",
    "ImapUrl",
    "Mailbox",
    "MailboxError",
    "MaildirMailbox",
    "StreamMailbox",
    "check_mailbox",
    "open_mailbox",
    "parse_imap_url",
]

_log = logging.getLogger(__name__)

MAX_BYTES = 1024 * 1024
TIMEOUT_S = 30.0


class MailboxError(DigestError):
    """A mailbox cannot be opened or read."""


class Mailbox(Protocol):
    """Unread mail, one at a time."""

    def mails(self) -> Iterator[tuple[str, bytes | None]]:
        """Each unread mail with a name for it, at most the first 1 MiB; ``None`` if it cannot be read.

        Raises ``MailboxError`` where none can be.
        """

    def mark_done(self, ref: str) -> None:
        """Mark a mail as read, so that it is not given again. Raises ``MailboxError``."""


@contextmanager
def open_mailbox(place: str, *, stream: BinaryIO | None = None) -> Iterator[Mailbox]:
    """The mailbox at ``place``: ``-`` (one mail from ``stream``), an ``imaps://`` address, or a Maildir.

    Raises ``ConfigError`` for an address that is none, ``UsageError`` for a path that is none, and
    ``MailboxError`` where it cannot be opened; none tells a password.
    """
    if place == "-":
        yield StreamMailbox(stream)
    elif "://" in place:
        box = ImapMailbox(parse_imap_url(place))
        try:
            yield box
        finally:
            box.close()
    else:
        yield MaildirMailbox(_read_path(place))


def check_mailbox(place: str) -> None:
    """Raise ``ConfigError`` or ``UsageError`` for a setting that names no mailbox. Opens nothing."""
    if "://" in place:
        parse_imap_url(place)
    else:
        _read_path(place)


def _read_path(place: str) -> Path:
    if "\0" in place:
        raise UsageError(f"{place!r} is no path: it contains a zero byte")
    try:
        return Path(place).expanduser()
    except RuntimeError:
        raise UsageError(f"{place!r} is no path: nobody here has that home") from None


class StreamMailbox:
    """One mail from a stream, as a mail server's pipe gives it. An empty stream holds none."""

    def __init__(self, stream: BinaryIO | None) -> None:
        self._stream = stream

    def mails(self) -> Iterator[tuple[str, bytes]]:
        """The one mail. The rest of a larger one is read too and dropped, or its writer would fail."""
        if self._stream is None:
            return
        try:
            raw = self._stream.read(MAX_BYTES)
            while self._stream.read(MAX_BYTES):
                pass
        except OSError as error:
            raise MailboxError(f"the mail cannot be read: {_words(error)}") from error
        if raw.strip():
            yield "-", raw

    def mark_done(self, ref: str) -> None:
        """A stream has nothing to mark."""


# --- Maildir ---------------------------------------------------------------------------------------


class MaildirMailbox:
    """The unread mail of a Maildir (https://cr.yp.to/proto/maildir.html): in ``new``, or without flag S.

    Read and still there: a mail that is done moves to ``cur`` with flag S.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def mails(self) -> Iterator[tuple[str, bytes | None]]:
        """Unread mail by name, which is by age; a file that another program moved meanwhile is let be.

        What is no plain file, or may not be read, stands in nobody's way.
        """
        for ref in self._unread():
            raw = None
            try:
                raw = self._read(ref)
            except FileNotFoundError:
                continue
            except OSError as error:
                _log.warning("%s of the Maildir %s cannot be read: %s", ref, self._path, _words(error))
            yield ref, raw

    def mark_done(self, ref: str) -> None:
        """Move the file to ``cur`` with the flag S, beside the flags it has; never over another file."""
        name, _, flags = Path(ref).name.partition(":2,")
        flags = "".join(sorted({*flags, "S"}))
        try:
            (self._path / "cur").mkdir(mode=0o700, exist_ok=True)
            for number in itertools.count():
                free = f"{name}.{number}" if number else name
                if _move(self._path / ref, self._path / "cur" / f"{free}:2,{flags}"):
                    return
        except OSError as error:
            raise self._unusable(error) from error

    def _unread(self) -> list[str]:
        found = []
        try:
            for folder in ("new", "cur"):
                for name in [path.name for path in (self._path / folder).iterdir()]:
                    seen = folder == "cur" and "S" in name.partition(":2,")[2]
                    if not name.startswith(".") and not seen:
                        found.append(f"{folder}/{name}")
        except FileNotFoundError as error:
            # A Maildir that never got mail may lack its folders, but it is there.
            if not (self._path / "new").is_dir():
                raise MailboxError(f"{self._path} is no Maildir: it has no folder new") from error
        except OSError as error:
            raise self._unusable(error) from error
        return sorted(found, key=lambda ref: ref.partition("/")[2])

    def _read(self, ref: str) -> bytes:
        # No links, and no waiting for who writes to a pipe: only plain files are mail.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(self._path / ref, flags)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError("it is no plain file")
        with os.fdopen(descriptor, "rb") as file:
            return file.read(MAX_BYTES)

    def _unusable(self, error: OSError) -> MailboxError:
        return MailboxError(f"the Maildir {self._path} cannot be used: {error.strerror or error}")


def _move(source: Path, target: Path) -> bool:
    """Give a file a new name, if that is free; whether it was. A file that is gone is nobody's to move."""
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        if not _is_same(source, target):
            return False
        # A run died between the two steps: the file has both names already.
    except FileNotFoundError:
        return True
    except OSError:  # no hard links here, or none to another owner's file
        if os.path.lexists(target):
            return False
        with contextlib.suppress(FileNotFoundError):
            source.rename(target)
        return True
    source.unlink(missing_ok=True)
    return True


def _is_same(one: Path, other: Path) -> bool:
    try:
        return os.path.samestat(one.lstat(), other.lstat())
    except FileNotFoundError:
        return False


# --- IMAP ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ImapUrl:
    """Where an IMAP box is and who opens it. Without ``tls`` only on this machine."""

    host: str
    port: int
    tls: bool
    user: str
    password: str = field(repr=False)
    folder: str = "INBOX"

    @property
    def is_local(self) -> bool:
        """Whether the host is this machine."""
        return is_this_machine(self.host)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'imaps' if self.tls else 'imap'}://{host}:{self.port}/{self.folder}"


def parse_imap_url(text: str) -> ImapUrl:
    """Read ``imaps://user:password@host:993/INBOX``. Raises ``ConfigError``, never quoting ``text``.

    User, password and folder are percent-decoded; without a folder it is INBOX. ``imap://`` is for this
    machine alone.
    """
    if any(not letter.isprintable() or letter == " " for letter in text):
        _wrong("it contains a space or a control character")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        _wrong("host or port cannot be read")
    if parts.scheme not in ("imaps", "imap"):
        _wrong("it must begin with imaps://")
    if parts.query or parts.fragment:
        _wrong("nothing may follow the folder")
    if not re.fullmatch(r"[\w.-]+|[0-9a-f:.]+", host) or port == 0:
        _wrong("it names no host")
    if parts.scheme == "imap" and not is_this_machine(host):
        _wrong("without TLS (imap://) it may only be on this machine")
    words = [unquote(word or "") for word in (parts.username, parts.password, parts.path.removeprefix("/"))]
    if not words[0] or not words[1]:
        _wrong("it needs a user and a password")
    if not all(word.isascii() and word.isprintable() for word in [*words, " "] if word):
        _wrong("user, password or folder is not plain ASCII")
    tls = parts.scheme == "imaps"
    return ImapUrl(host, port or (993 if tls else 143), tls, words[0], words[1], words[2] or "INBOX")


def _wrong(fault: str) -> NoReturn:
    raise ConfigError(
        [
            f"the address of the mailbox is not usable: {fault}. It is a Maildir's path, or looks like "
            "imaps://user:password@mail.example/INBOX, with the signs / # ? % @ : of user and password "
            "percent-encoded (%2F for /)."
        ]
    )


class ImapMailbox:
    """The unread mail of an IMAP folder, by UID (RFC 3501). Nothing is deleted or expunged.

    Certificates are checked, except on this machine. Raises ``MailboxError`` without the password, and
    without what the server says at log-in, which may repeat it.
    """

    def __init__(self, url: ImapUrl, *, timeout_s: float = TIMEOUT_S) -> None:
        self._url = url
        try:
            self._client = _connect(url, timeout_s)
        except (OSError, imaplib.IMAP4.error) as error:
            raise MailboxError(f"{url} cannot be reached: {_words(error)}") from None
        try:
            self._log_in()
        except BaseException:
            self.close()
            raise

    def _log_in(self) -> None:
        try:
            self._client.login(self._url.user, self._url.password)
        except (OSError, imaplib.IMAP4.error):
            raise MailboxError(f"{self._url} refused the user or the password") from None
        folder = self._url.folder.replace("\\", "\\\\").replace('"', '\\"')
        self._ask("has no such folder", self._client.select, f'"{folder}"')

    def mails(self) -> Iterator[tuple[str, bytes]]:
        """Unread mail, oldest first. Fetching marks nothing, whatever happens later."""
        found = self._ask("cannot search for mail", self._client.uid, "SEARCH", "UNSEEN")
        uids = b" ".join(part for part in found if isinstance(part, bytes)).decode("ascii", "replace")
        for uid in uids.split():
            wanted = f"(UID BODY.PEEK[]<0.{MAX_BYTES}>)"
            told = self._ask("does not give a mail", self._client.uid, "FETCH", uid, wanted)
            raw = next((part[1] for part in told if isinstance(part, tuple)), None)
            if raw is not None:
                yield uid, raw[:MAX_BYTES]

    def mark_done(self, ref: str) -> None:
        r"""Set the flag ``\Seen``."""
        self._ask("cannot mark a mail as read", self._client.uid, "STORE", ref, "+FLAGS.SILENT", r"(\Seen)")

    def close(self) -> None:
        """Log out. No CLOSE before it: that would expunge what others marked as deleted."""
        try:
            self._client.logout()
        except (OSError, imaplib.IMAP4.error):
            with contextlib.suppress(OSError):
                self._client.shutdown()  # a log-out that fails leaves the connection open

    def _ask(self, fault: str, command: Any, *words: str) -> list[Any]:
        try:
            kind, told = command(*words)
        except (OSError, imaplib.IMAP4.error) as error:
            raise MailboxError(f"{self._url} {fault}: {_words(error)}") from None
        if kind != "OK":
            raise MailboxError(f"{self._url} {fault}")
        return list(told)


class _Bounded:
    """Refuses answers larger than any mail asked for: the server says how much is to be read."""

    def read(self, size: int) -> bytes:
        if size > MAX_BYTES + 1024:
            raise imaplib.IMAP4.abort("an answer is larger than what was asked for")
        return bytes(super().read(size))  # type: ignore[misc]


class _Plain(_Bounded, imaplib.IMAP4):
    pass


class _Tls(_Bounded, imaplib.IMAP4_SSL):
    pass


def _connect(url: ImapUrl, timeout_s: float) -> imaplib.IMAP4:
    if not url.tls:
        return _Plain(url.host, url.port, timeout=timeout_s)
    context = ssl.create_default_context()
    if url.is_local:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return _Tls(url.host, url.port, ssl_context=context, timeout=timeout_s)


def _words(error: Exception) -> str:
    """An error in a few printable words."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return "".join(letter if letter.isprintable() else " " for letter in str(text))[:200]
