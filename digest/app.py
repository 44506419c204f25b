"""The only place where objects meet: settings in, working program out."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from digest.config import EnricherSettings, Settings, SourceSettings, load_settings
from digest.errors import ConfigError, DeliveryError, FetchError, StorageError, UsageError
from digest.locks import use_case_lock
from digest.netguard import parse_target
from digest.sources import get_kind
from digest.storage.database import Database
from digest.text import safe_url
from digest.tokens import MIN_KEY_BYTES

if TYPE_CHECKING:  # heavy, and needed by few commands
    from digest.fetcher import Fetcher
    from digest.mailer import Channel
    from digest.parsing import Parsers
    from digest.pipeline.compose import Composer
    from digest.pipeline.crew import Line
    from digest.pipeline.deliver import Deliverer
    from digest.pipeline.enrich import Enricher
    from digest.pipeline.enricher_settings import ConfiguredEnricher
    from digest.pipeline.incidents import Operator
    from digest.pipeline.incoming import Incoming
    from digest.pipeline.pages import PageStore
    from digest.pipeline.publish import Publisher
    from digest.pipeline.reading import ConfiguredSource

_log = logging.getLogger(__name__)

__all__ = ["App", "check_own_address", "check_source", "make_app", "prepare_data_dir", "read_settings"]


def read_settings(*, may_be_missing: bool = False) -> Settings:
    """The settings of this process, checked by the rooms that use them. Raises ``ConfigError``.

    ``may_be_missing``: the file that ``DIGEST_CONFIG`` names need not be there yet.
    """
    checks = {
        "base_url": _check_base_url,
        "bounce_address": check_own_address,
        "bounce_mailbox": _check_mailbox,
        "connection_rate": _check_rate,
        "database_url": lambda url: Database(url).close(),
        "mail_from": check_own_address,
        "mail_rate": _check_rate,
        "operator_address": check_own_address,
        "secret_key": _check_key,
        "sendmail_command": _check_command,
        "smtp_url": _check_smtp_url,
        "unsubscribe_address": check_own_address,
        "zone": _check_zone,
    }
    return load_settings(check_source, _check_enricher, checks, may_be_missing=may_be_missing)


def check_source(source: SourceSettings) -> Sequence[str]:
    """What the kind of a source finds wrong with its table, each fault one sentence."""
    try:
        kind = get_kind(source.kind)
    except UsageError as error:
        return [str(error)]
    faults = []
    if not kind.exact_url and ("?" in source.url or "#" in source.url):
        faults.append("url: is the address that paths are added to, so it has no ? and no #")
    if source.url:
        try:
            parse_target(source.url)
        except FetchError as error:
            faults.append(f"url: {error}")
    if not (source.url or kind.default_url):
        faults.append(f"url: is needed, since a source of the kind {source.kind} can be anywhere")
    try:
        kind.Options.model_validate(source.options)
    except ValidationError as error:
        faults += [
            _fault(detail["loc"], detail["msg"], kind.Options.model_fields) for detail in error.errors()
        ]
    return faults


def _check_enricher(enricher: EnricherSettings) -> Sequence[str]:
    from digest.pipeline.enricher_settings import check_enricher

    return check_enricher(enricher)


def check_own_address(address: str) -> None:
    """Raise ``UsageError`` for an address that cannot stand as it is in every mail."""
    from digest.mailer import check_address
    from digest.message import encode_address

    try:
        written = encode_address(check_address(address))
    except DeliveryError as error:
        raise UsageError(str(error)) from error
    if written != address:
        raise UsageError(f"{address!r} has a domain that is not ASCII; write it as {written}")


def _check_base_url(url: str) -> None:
    parse_target(url)
    if not url.isascii() or safe_url(url) is None or "?" in url or "#" in url:
        raise UsageError("is no plain web address in ASCII; use one such as https://digest.example.org")


def _check_zone(zone: str) -> None:
    from digest.schedule import check_zone

    check_zone(zone)


def _check_key(key: str) -> None:
    if len(key.encode()) < MIN_KEY_BYTES:
        raise UsageError(
            f"is too short: a key has at least {MIN_KEY_BYTES} bytes; make one with "
            "python -c 'import secrets; print(secrets.token_hex(32))'"
        )


def _check_smtp_url(url: str) -> None:
    from digest.mailer import parse_smtp_url

    parse_smtp_url(url)


def _check_rate(rate: str) -> None:
    from digest.mailer import parse_rate

    parse_rate(rate)


def _check_command(command: str) -> None:
    import shlex

    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"cannot be read as a command: {error}") from error
    if not words:
        raise UsageError("is empty; name a program that takes mail as sendmail does")


def _check_mailbox(place: str) -> None:
    from digest.mailbox import check_mailbox

    check_mailbox(place)


def _fault(where: Sequence[object], what: str, known: object) -> str:
    name = ".".join(str(part) for part in where)
    hint = f" (this kind knows {', '.join(known)})" if "Extra" in what and isinstance(known, dict) else ""
    return f"{name}: {what}{hint}"


@dataclass(frozen=True)
class App:
    """Everything one command needs, made when it is first asked for.

    ``fixed_now`` replaces the clock. Does not decide anything.
    """

    settings: Settings
    database: Database
    fixed_now: datetime | None = None

    def now(self) -> datetime:
        """The one clock (aware, UTC)."""
        return self.fixed_now or datetime.now(UTC)

    @property
    def data_dir(self) -> Path:
        """Where everything the program writes lies."""
        return self.settings.data_dir

    @property
    def feeds_dir(self) -> Path:
        """Where published feeds lie."""
        return self.data_dir / "feeds"

    @contextmanager
    def lock(self, use_case: str) -> Iterator[bool]:
        """The lock of a use case: whoever comes second is told ``False``.

        Held in the data directory, and in the database too where several machines may share that.
        """
        with use_case_lock(self.data_dir, use_case) as mine:
            if not mine:
                yield False
                return
            with self.database.try_lock(use_case) as ours:
                yield ours

    @cached_property
    def pages(self) -> "PageStore":
        """Where the bytes of read pages lie."""
        from digest.pipeline.pages import PageStore

        return PageStore(self.data_dir / "pages")

    def sources(self, name: str | None = None) -> list["ConfiguredSource"]:
        """The configured sources, or the one of that name (``UsageError`` where there is none)."""
        from digest.pipeline.reading import ConfiguredSource

        found = []
        for source in self.settings.source:
            kind = get_kind(source.kind)
            url = source.url or kind.default_url
            found.append(
                ConfiguredSource(
                    name=source.name,
                    kind=kind,
                    url=url if kind.exact_url else url.rstrip("/"),
                    options=kind.Options.model_validate(source.options),
                    allow_private=source.allow_private,
                    every_minutes=source.every,
                    lookback_days=source.lookback_days or kind.lookback_days,
                    headers=tuple(source.headers.items()),
                    timeout_s=source.timeout_s,
                    max_bytes=source.max_bytes,
                )
            )
        if name is None:
            return found
        chosen = [source for source in found if source.name == name]
        if not chosen:
            names = ", ".join(source.name for source in found)
            raise UsageError(f"there is no source named {name!r}; there is: {names}")
        return chosen

    def enrichers(self) -> "list[ConfiguredEnricher]":
        """Who is asked for more about stored papers."""
        from digest.pipeline.enricher_settings import make_enrichers

        return make_enrichers(self.settings.enricher)

    def enricher(self, fetch: "Fetcher") -> "Enricher":
        """The use case that asks them."""
        from digest.pipeline.enrich import Enricher, EnrichRules

        return Enricher(self.database, fetch, rules=EnrichRules(window_days=self.settings.window_days))

    def operator(self) -> "Operator | None":
        """Who is told of incidents, if anybody."""
        from digest.pipeline.incidents import Operator

        settings = self.settings
        if settings.operator_address is None:
            return None
        return Operator(settings.operator_address, settings.list_name, settings.sender.rpartition("@")[2])

    def parsers(self) -> "Parsers":
        """What parses pages, in child processes; close it by using it as a context manager."""
        from digest.parsing import Parsers

        return Parsers()

    def fetcher(self) -> "Fetcher":
        """A polite, bounded client; close it by using it as a context manager."""
        from digest.fetcher import Fetcher, make_user_agent
        from digest.pipeline.robots_store import DatabaseRobots

        return Fetcher(
            make_user_agent(self.settings.contact),
            robots=DatabaseRobots(self.database),
            timeout_s=self.settings.timeout_s,
            max_bytes=self.settings.max_bytes,
        )

    def line(self) -> "Line":
        """The way mail leaves, as ``channel`` says: SMTP, a Maildir or an mbox here, or a command."""
        from digest.pipeline.crew import Line

        settings = self.settings
        open_channel = self._channels()
        return Line(
            open_channel=open_channel,
            name=settings.way,
            idempotent=open_channel().idempotent,
            connections=settings.smtp_connections if settings.way == "smtp" else 1,
            rate=settings.mail_rate,
            connection_rate=settings.connection_rate,
        )

    def _channels(self) -> Callable[[], "Channel"]:
        """What opens one connection of the configured way."""
        import shlex

        from digest.mailer import CommandChannel, MaildirChannel, MboxChannel, SmtpChannel, parse_smtp_url

        settings = self.settings
        match settings.way:
            case "maildir":
                return lambda: MaildirChannel(self.data_dir / "outbox")
            case "mbox":
                return lambda: MboxChannel(self.data_dir / "outbox.mbox")
            case "command":
                words = shlex.split(settings.sendmail_command)
                return lambda: CommandChannel(words)
        assert settings.smtp_url is not None  # noqa: S101 - the settings were checked
        url = parse_smtp_url(settings.smtp_url.get_secret_value())
        return lambda: SmtpChannel(url, max_mails=settings.mails_per_connection)

    def composer(self) -> "Composer":
        """The use case that makes issues."""
        from digest.pipeline.compose import Composer, ComposeRules

        settings = self.settings
        rules = ComposeRules(
            window_days=settings.window_days,
            papers=settings.papers,
            trend_weight=settings.trend_weight,
            when_empty=settings.when_empty,
            silent_days=settings.silent_days,
            issue_window_h=settings.issue_window_h,
            mail_domain=settings.sender.rpartition("@")[2],
            hold_h=settings.hold_h,
            sources=tuple(source.name for source in settings.source),
        )
        return Composer(self.database, rules, self.data_dir / "models")

    def deliverer(self) -> "Deliverer":
        """The use case that sends what was composed."""
        from digest.pipeline.assemble import Envelope
        from digest.pipeline.deliver import Deliverer

        settings = self.settings
        envelope = Envelope(
            sender=settings.sender,
            list_name=settings.list_name,
            unsubscribe_address=settings.unsubscribe_address or settings.sender,
            bounce_address=settings.bounce_address or settings.sender,
            base_url=settings.base_url,
            secret=self.secret_key(),
            address_tags=settings.address_tags,
        )
        return Deliverer(self.database, envelope, uncertain=settings.uncertain)

    def incoming(self) -> "Incoming":
        """The use case that reads what comes back: bounces, complaints, commands by mail."""
        from digest.pipeline.incoming import Incoming, IncomingRules

        rules = IncomingRules(
            hard_bounces=self.settings.hard_bounces, soft_bounces=self.settings.soft_bounces
        )
        return Incoming(self.database, self.secret_key(), rules)

    def publisher(self) -> "Publisher":
        """The use case that writes feeds."""
        from digest.pipeline.publish import Publisher

        settings = self.settings
        return Publisher(
            database=self.database,
            composer=self.composer(),
            folder=self.feeds_dir,
            base_url=settings.base_url,
            list_name=settings.list_name,
            domain=settings.sender.rpartition("@")[2],
        )

    def secret_key(self) -> bytes:
        """The key for signed links: as set, else a file of its own, made on first use (mode 0600)."""
        if self.settings.secret_key is not None:
            return self.settings.secret_key.get_secret_value().encode()
        return _secret_file(self.data_dir / "secret.key")


def make_app(settings: Settings, *, now: datetime | None = None) -> App:
    """Put the program together: data directory made, database opened and brought up to date.

    Raises ``StorageError`` where the data directory or the database cannot be used.
    """
    prepare_data_dir(settings)
    _warn_of_a_lost_database(settings)
    database = Database(settings.effective_database_url)
    try:
        database.upgrade()
    except BaseException:
        database.close()
        raise
    return App(settings=settings, database=database, fixed_now=now)


def _warn_of_a_lost_database(settings: Settings) -> None:
    data_dir = settings.data_dir
    is_lost = not (data_dir / "digest.db").exists() and (data_dir / "outbox").exists()
    if settings.database_url is None and is_lost:
        _log.warning("%s holds sent mail but no digest.db: an empty one is made", data_dir)


def prepare_data_dir(settings: Settings) -> None:
    """Make the data directory, for its owner alone. Raises ``StorageError``."""
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StorageError(
            f"the data directory {settings.data_dir} cannot be made: {error.strerror}"
        ) from error


def _secret_file(path: Path) -> bytes:
    import os
    import secrets

    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        try:
            key = path.read_bytes().strip()
        except OSError as error:
            raise ConfigError([f"the key {path} cannot be read: {error.strerror}"]) from error
        if len(key) < 32:
            raise ConfigError(
                [f"{path} is too short to be a key: restore it from a backup or delete it"]
            ) from None
        return key
    with os.fdopen(handle, "wb") as file:
        file.write(secrets.token_hex(32).encode() + b"\n")
    return path.read_bytes().strip()
