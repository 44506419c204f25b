"""The only place where objects meet: settings in, working program out."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from digest.config import Settings
from digest.errors import ConfigError, DeliveryError, StorageError, UsageError
from digest.locks import use_case_lock
from digest.sources import get_kind
from digest.storage.database import Database

if TYPE_CHECKING:  # heavy, and needed by few commands
    from digest.branding import Look
    from digest.fetcher import Fetcher
    from digest.keys import KeyFile
    from digest.mailer import Channel
    from digest.parsing import Parsers
    from digest.pipeline.arming import Restored
    from digest.pipeline.compose import Composer
    from digest.pipeline.crew import Line
    from digest.pipeline.deliver import Deliverer
    from digest.pipeline.enrich import Enricher
    from digest.pipeline.enricher_settings import ConfiguredEnricher
    from digest.pipeline.incidents import Operator
    from digest.pipeline.incoming import Incoming
    from digest.pipeline.limiting import SignUpLimits
    from digest.pipeline.losses import Loss
    from digest.pipeline.pages import PageStore
    from digest.pipeline.publish import Publisher
    from digest.pipeline.reading import ConfiguredSource
    from digest.pipeline.vector_store import KeptEncoder
    from digest.tokens import Keys

_log = logging.getLogger(__name__)

__all__ = ["App", "channel_opener", "make_app", "prepare_data_dir"]


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
    def models_dir(self) -> Path:
        """Where what was learnt of all papers is kept."""
        return self.data_dir / "models"

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

    def restored(self) -> "Restored | None":
        """What this is a copy of, if it is one that does not mail (see :mod:`digest.pipeline.arming`)."""
        from digest.pipeline.arming import read_restored

        return read_restored(self.data_dir)

    def line(self) -> "Line":
        """The way mail leaves, as ``channel`` says: SMTP, a Maildir or an mbox here, or a command.

        Raises ``DeliveryError`` in a copy that does not mail.
        """
        from digest.pipeline.crew import Line

        if (restored := self.restored()) is not None:
            raise DeliveryError(str(restored), transient=True, fatal=True)
        settings = self.settings
        open_channel = channel_opener(settings)
        return Line(
            open_channel=open_channel,
            name=settings.way,
            idempotent=open_channel().idempotent,
            connections=settings.smtp_connections if settings.way == "smtp" else 1,
            rate=settings.mail_rate,
            connection_rate=settings.connection_rate,
        )

    @cached_property
    def look(self) -> "Look":
        """How mails and pages look."""
        from digest.branding import make_look

        settings = self.settings
        try:
            return make_look(
                settings.accent_color, settings.logo, settings.footer_text, settings.template_dir
            )
        except ValueError as error:
            raise ConfigError([f"logo: {error}"]) from error

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
            likes_half_life_days=settings.likes_half_life_days,
            language=settings.language,
        )
        return Composer(self.database, rules, self.models_dir, self.text_model)

    @cached_property
    def text_model(self) -> "KeptEncoder | None":
        """The operator's sentence-embedding model, if one is set; loaded when it is first needed."""
        from digest.pipeline.text_model import TextModel
        from digest.pipeline.vector_store import KeptEncoder

        setting = self.settings.embeddings
        return None if setting is None else KeptEncoder(TextModel(setting), self.models_dir)

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
            look=self.look,
            language=settings.language,
        )
        return Deliverer(self.database, envelope, uncertain=settings.uncertain)

    @cached_property
    def sign_up_limits(self) -> "SignUpLimits":
        """How often strangers may ask for mail, as far as this process has seen."""
        from digest.mailer import parse_rate
        from digest.pipeline.limiting import SignUpLimits

        settings = self.settings
        return SignUpLimits(parse_rate(settings.sign_ups_per_network), parse_rate(settings.sign_ups_in_all))

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
            language=settings.language,
        )

    @cached_property
    def key_file(self) -> "KeyFile":
        """The file with the keys for signed links, where they are not set."""
        from digest.keys import KeyFile

        return KeyFile(self.data_dir / "secret.key")

    def secret_key(self) -> "Keys":
        """The keys for signed links, as they count now: as set, else from a file, made on first use."""
        from digest.keys import keep_name, keys_at, read_old_keys

        settings = self.settings
        if settings.secret_key is None:
            keys = self.key_file.at(self.now())
        else:
            older = settings.secret_key_old.get_secret_value() if settings.secret_key_old is not None else ""
            key = settings.secret_key.get_secret_value().encode()
            keys = keys_at(key, read_old_keys(older), self.now())
        keep_name(self.key_file.path, keys)
        return keys

    def losses(self) -> "list[Loss]":
        """What was there and is gone, or is another user's (see :mod:`digest.pipeline.losses`)."""
        from digest.pipeline.losses import find_foreign, find_losses

        return [*find_foreign(self.settings), *find_losses(self.settings, self.database)]

    def rotate_key(self, *, days: int) -> date | None:
        """Sign with a new key from now on (see :func:`digest.keys.rotate_keys`).

        Raises ``UsageError`` where the key is a setting.
        """
        from digest.keys import is_plain, rotate_keys

        if (key := self.settings.secret_key) is not None:
            plain = is_plain(key.get_secret_value().encode())
            form = "" if plain else " (this one as “hex:” and its bytes in hexadecimal, as it is not plain)"
            raise UsageError(
                f"the key is set as secret_key: put it{form} into secret_key_old, before what is there and a "
                "comma, put a new one into secret_key, and start the program again"
            )
        return rotate_keys(self.key_file, self.now(), days=days)

    def key_names(self) -> list[dict[str, object]]:
        """Which keys there are, newest first, by names that tell nothing of them; JSON-ready."""
        from digest.keys import name_keys, read_old_keys

        settings = self.settings
        if settings.secret_key is None:
            return name_keys(*self.key_file.read())
        older = settings.secret_key_old.get_secret_value() if settings.secret_key_old is not None else ""
        return name_keys(settings.secret_key.get_secret_value().encode(), read_old_keys(older))


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
    if not os.access(settings.data_dir, os.R_OK | os.X_OK):
        raise StorageError(
            f"the data directory {settings.data_dir} is closed to this user: run this as the user that it "
            "belongs to, or give all of it to this one (chown -R)"
        )


def channel_opener(settings: Settings) -> Callable[[], "Channel"]:
    """What opens one connection of the configured way of sending; needs no database."""
    import shlex

    from digest.mailer import CommandChannel, MaildirChannel, MboxChannel, SmtpChannel, parse_smtp_url

    match settings.way:
        case "maildir":
            return lambda: MaildirChannel(settings.data_dir / "outbox")
        case "mbox":
            return lambda: MboxChannel(settings.data_dir / "outbox.mbox")
        case "command":
            words = shlex.split(settings.sendmail_command)
            return lambda: CommandChannel(words)
    assert settings.smtp_url is not None  # noqa: S101 - the settings were checked
    url = parse_smtp_url(settings.smtp_url.get_secret_value())
    return lambda: SmtpChannel(url, max_mails=settings.mails_per_connection)
