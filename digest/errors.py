"""Every error this program raises on purpose.

::

    DigestError                 something a person can be told in one sentence
    ├── UsageError              the person asked for something impossible (exit 2)
    ├── TooManyError            the same was asked for too often; says when it may be again
    ├── ConfigError             the settings are wrong; carries every fault at once (exit 2)
    ├── SourceError             a source did not give what it should
    │   ├── FetchError          no usable answer came; says which verdict that is
    │   └── ParseError          an answer came, but it is not the page we know
    ├── StorageError            the database cannot be used
    │   ├── DatabaseDamagedError what should be a database is damaged, or is none
    │   └── DatabaseTooNewError the database was written by a newer version
    └── DeliveryError           a mail did not leave; transient or not

Anything else that is raised is a bug, and stops the run loudly. The service logs it and takes its next step.
"""

from collections.abc import Sequence

from digest.types import Page, Verdict

__all__ = [
    "ConfigError",
    "DatabaseDamagedError",
    "DatabaseTooNewError",
    "DeliveryError",
    "DigestError",
    "FetchError",
    "ParseError",
    "SourceError",
    "StorageError",
    "TooManyError",
    "UsageError",
]


class DigestError(Exception):
    """Base of all errors that are not bugs. ``str(error)`` is one sentence for a person."""

    exit_code = 1


class UsageError(DigestError):
    """The command's words are off: a bad date, an unknown source, an address that is none."""

    exit_code = 2


class TooManyError(DigestError):
    """The same was asked for too often. It may be again in ``retry_after_s`` seconds."""

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ConfigError(DigestError):
    """Settings that are wrong, each fault with its mend."""

    exit_code = 2

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


class SourceError(DigestError):
    """A source did not give what it should. Recorded on that source; the others go on."""


class FetchError(SourceError):
    """No usable answer came.

    ``verdict`` is what that proves about the page: unreachable (no answer, 5xx), blocked (403, 429,
    a challenge) or broken (404, too large, not decodable). ``retry_after_s`` is set where the
    server asked to wait. ``page`` is the answer all the same, where one came: evidence, not to be believed.
    """

    def __init__(
        self,
        message: str,
        *,
        verdict: Verdict = Verdict.UNREACHABLE,
        retry_after_s: float | None = None,
        page: Page | None = None,
    ) -> None:
        super().__init__(message)
        self.verdict = verdict
        self.retry_after_s = retry_after_s
        self.page = page


class ParseError(SourceError):
    """An answer came, but it is not the page we know. The message says what was looked for."""

    verdict = Verdict.BROKEN


class StorageError(DigestError):
    """The database cannot be used."""


class DatabaseDamagedError(StorageError):
    """What should be a database is damaged, or is none."""


class DatabaseTooNewError(StorageError):
    """The database was written by a newer version of this program; nothing was touched."""


class DeliveryError(DigestError):
    """A mail did not leave.

    ``transient``: trying again later may help. ``code``: the server's reply code, if there was one, and
    ``enhanced`` its enhanced status code (RFC 3463: ``5.7.1``). ``stage``: session, sender, recipient or
    mail: what the server was told last.
    ``uncertain``: the data was sent completely, but no answer came. ``fatal``: not this mail but the
    way of sending is broken (log-in, TLS), so the run stops.
    """

    def __init__(
        self,
        message: str,
        *,
        transient: bool,
        code: int | None = None,
        enhanced: str | None = None,
        stage: str | None = None,
        uncertain: bool = False,
        fatal: bool = False,
    ) -> None:
        super().__init__(message)
        self.transient = transient
        self.code = code
        self.enhanced = enhanced
        self.stage = stage
        self.uncertain = uncertain
        self.fatal = fatal
