"""Settings: environment (``DIGEST_…``) over credentials over ``.env`` over ``digest.toml`` over defaults.

A credential is a file in ``$CREDENTIALS_DIRECTORY`` that is named after a setting, as systemd's
``LoadCredential=`` and secrets of containers lay them out.

Read once, in ``app`` and ``cli``; everything below takes plain arguments. All faults are reported
together, each with what to do. Secrets are ``SecretStr`` and print as stars.
"""

import json
import os
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from platformdirs import user_data_path
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from digest.branding import parse_colour
from digest.errors import ConfigError
from digest.translation import LANGUAGES

__all__ = [
    "IMPORTS",
    "EnricherSettings",
    "Settings",
    "SourceSettings",
]

PREFIX = "DIGEST_"
ENV_FILE = Path(".env")
# The name that imported pages are filed under, so no configured source may have it.
IMPORTS = "saved"


def _check_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("is no time zone; use a name such as Europe/Berlin or UTC") from error
    return value


ZoneName = Annotated[str, AfterValidator(_check_zone)]


def _check_language(value: str) -> str:
    if value not in LANGUAGES:
        raise ValueError(f"is no language that is spoken here; use one of {', '.join(LANGUAGES)}")
    return value


# A token and printable characters (RFC 9110, 5.1 and 5.5).
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,80}")
HEADER_VALUE = re.compile(r"[\t\x20-\x7e]{0,4000}")
UNITS = {"m": 1, "h": 60, "d": 1440}


def _to_minutes(value: object) -> object:
    """Read ``30m``, ``2h`` or ``1d``."""
    found = re.fullmatch(r"([0-9]{1,5}) ?([mhd])", value.strip()) if isinstance(value, str) else None
    minutes = int(found[1]) * UNITS[found[2]] if found else 0
    if not 5 <= minutes <= 31 * 1440:
        raise ValueError("is no span of time from 5m to 31d; write it as 30m, 2h or 1d")
    return minutes


Minutes = Annotated[int, BeforeValidator(_to_minutes)]


WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def _to_weekday(value: object) -> object:
    """Read ``true`` (a Monday), ``false`` or a day's name, as a number from Monday = 0 or ``None``."""
    word = str(value).strip().lower()
    if word in ("true", "yes", "on", "1"):
        return 0
    if word in ("none", "false", "no", "off", "0"):
        return None
    if word not in WEEKDAYS:
        raise ValueError("is neither true nor false nor a day such as monday")
    return WEEKDAYS.index(word)


Weekday = Annotated[int | None, BeforeValidator(_to_weekday)]


class _SiteSettings(BaseModel):
    """What tables about sites have in common."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")
    kind: str
    url: str = ""
    allow_private: bool = False
    timeout_s: float | None = Field(default=None, gt=0, le=600)
    max_bytes: int | None = Field(default=None, ge=1024, le=2**30)
    headers: dict[str, str] = Field(default_factory=dict)
    key: SecretStr | None = None

    @field_validator("headers")
    @classmethod
    def _check_headers(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if not HEADER_NAME.fullmatch(name) or not HEADER_VALUE.fullmatch(text):
                raise ValueError(f"{name[:80]!r} is no header that can be sent, or its value is none")
        return value

    @property
    def options(self) -> dict[str, Any]:
        """The keys that belong to the kind, and ``key`` where one is set."""
        own = {"key": self.key} if self.key is not None else {}
        return dict(self.model_extra or {}) | own


class SourceSettings(_SiteSettings):
    """One ``[[source]]`` table. What its kind needs besides is in ``options``, checked by that kind.

    ``every`` is how often it is read, such as ``2h``; ``lookback_days`` how many days each time.
    """

    every: Minutes | None = None
    lookback_days: int | None = Field(default=None, ge=1, le=30)

    @field_validator("name")
    @classmethod
    def _check_name(cls, value: str) -> str:
        if value == IMPORTS:
            raise ValueError(f"{IMPORTS!r} is the name of imported pages; give the source another")
        return value


class EnricherSettings(_SiteSettings):
    """One ``[[enricher]]`` table: who is asked for more about papers that are stored."""


def _default_sources() -> list[SourceSettings]:
    return [SourceSettings(name="huggingface", kind="huggingface")]


class Settings(BaseSettings):
    """Everything that can be set. ``.env.example`` and ``digest.example.toml`` list the same keys."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", env_ignore_empty=True, frozen=True)

    data_dir: Path = Field(default_factory=lambda: user_data_path("paper-digest"))
    database_url: SecretStr | None = None
    secret_key: SecretStr | None = None
    secret_key_old: SecretStr | None = None
    base_url: str | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "warning"
    log_format: Literal["auto", "console", "json"] = "auto"

    list_name: str = Field(default="Paper digest", min_length=1, max_length=80)
    language: Annotated[str, AfterValidator(_check_language)] = "en"
    accent_color: Annotated[str, AfterValidator(parse_colour)] | None = None
    logo: Path | None = None
    footer_text: str | None = Field(default=None, max_length=1000)
    template_dir: Path | None = None
    smtp_url: SecretStr | None = None
    mail_from: str | None = Field(default=None, validate_default=True)
    unsubscribe_address: str | None = None
    bounce_address: str | None = None
    address_tags: bool = True
    uncertain: Literal["resend", "hold"] = "resend"
    channel: Literal["auto", "smtp", "maildir", "mbox", "command"] = Field(
        default="auto", validate_default=True
    )
    sendmail_command: str = "/usr/sbin/sendmail"
    smtp_connections: int = Field(default=4, ge=1, le=50)
    mails_per_connection: int = Field(default=100, ge=1, le=10_000)
    mail_rate: str | None = None
    connection_rate: str | None = None
    hold_h: float = Field(default=2.0, ge=0, le=48)
    bounce_mailbox: SecretStr | None = None
    hard_bounces: int = Field(default=1, ge=1, le=20)
    soft_bounces: int = Field(default=3, ge=1, le=50)
    dkim_selector: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")

    hour: int = Field(default=7, ge=0, le=23)
    zone: ZoneName = "UTC"
    papers: int = Field(default=10, ge=1, le=50)
    trend_weight: float = Field(default=0.3, ge=0, le=1)
    when_empty: Literal["skip", "mail"] = "skip"
    silent_days: int = Field(default=3, ge=1, le=60)
    window_days: int = Field(default=7, ge=1, le=60)
    issue_window_h: int = Field(default=20, ge=1, le=168)
    likes_half_life_days: int = Field(default=365, ge=0, le=36_500)
    embeddings: str | None = Field(default=None, max_length=1000)

    contact: str | None = Field(default=None, max_length=200)
    timeout_s: float = Field(default=30.0, gt=0, le=600)
    max_bytes: int = Field(default=8 * 1024 * 1024, ge=1024, le=2**30)
    refresh_minutes: int = Field(default=120, ge=10, le=1440)
    keep_pages_days: int = Field(default=30, ge=1, le=3650)
    keep_observations_days: int = Field(default=90, ge=60, le=36_500)
    keep_records_days: int = Field(default=180, ge=60, le=36_500)
    keep_issues_days: int = Field(default=180, ge=60, le=36_500)
    keep_left_days: int = Field(default=30, ge=1, le=36_500)
    keep_papers_days: int = Field(default=365, ge=60, le=36_500)
    backup_keep: int = Field(default=7, ge=0, le=1000)
    backup_dir: Path | None = None
    zotero_url: str = "https://api.zotero.org"
    zotero_key: SecretStr | None = None
    orcid_url: str = "https://pub.orcid.org"
    library_allow_private: bool = False

    operator_address: str | None = None
    operator_weekly: Weekday = None
    ping_url: SecretStr | None = None
    metrics_token: SecretStr | None = None

    web_host: str = "127.0.0.1"
    web_port: int = Field(default=8000, ge=0, le=65535)
    trusted_proxies: str = "127.0.0.1,::1"
    sign_ups: Literal["open", "closed"] = "open"
    sign_ups_per_network: str = "20 per hour"
    sign_ups_in_all: str = "500 per hour"
    admin_password_hash: SecretStr | None = None
    admin_proxy_header: str | None = Field(default=None, pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$")

    source: Annotated[list[SourceSettings], NoDecode] = Field(default_factory=_default_sources)
    enricher: Annotated[list[EnricherSettings], NoDecode] = Field(default_factory=list)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The file's values arrive as arguments, so they come after the environment."""
        credentials = InitSettingsSource(settings_cls, _read_credentials())
        return env_settings, credentials, dotenv_settings, init_settings

    @field_validator("base_url")
    @classmethod
    def _plain_address(cls, value: str | None) -> str | None:
        # Links are compared as text later, so what may be written in either case is written in one.
        scheme, mark, rest = (value or "").strip().rstrip("/").partition("://")
        host, slash, path = rest.partition("/")
        return f"{scheme.lower()}{mark}{host.lower()}{slash}{path}" or None

    @field_validator("data_dir", "backup_dir", "logo", "template_dir")
    @classmethod
    def _expand_folder(cls, value: Path | None) -> Path | None:
        if value is None:
            return None
        if not str(value).isprintable():
            raise ValueError("has a character that no folder's name should have")
        try:
            return value.expanduser().absolute()
        except RuntimeError as error:
            raise ValueError("names the home of a user that there is not") from error

    @field_validator("source", "enricher", mode="before")
    @classmethod
    def _decode_tables(cls, value: object) -> object:
        # Here and not by pydantic-settings, whose error would hide all other faults.
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except (ValueError, RecursionError) as error:
            raise ValueError("is no JSON list; it is easier set as tables in digest.toml") from error

    @field_validator("source", "enricher")
    @classmethod
    def _check_names(cls, value: list[_SiteSettings], info: ValidationInfo) -> list[_SiteSettings]:
        names = [site.name for site in value]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"has the name {twice[0]!r} twice; give each {info.field_name} its own name")
        if not value and info.field_name == "source":
            raise ValueError("is empty; leave it out for the default source or name at least one")
        return value

    @field_validator("mail_from")
    @classmethod
    def _needed_by_smtp(cls, value: str | None, info: ValidationInfo) -> str | None:
        # On the field and not on the model, so that it is told together with all other faults. An
        # smtp_url that is given but wrong is not in the data.
        if value is None and info.data.get("smtp_url", "wrong") is not None:
            raise ValueError("is needed where smtp_url is set: give the address that mail is sent from")
        return value

    @field_validator("operator_weekly")
    @classmethod
    def _has_its_reader(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and info.data.get("operator_address", "wrong") is None:
            raise ValueError("is a mail to the operator: set operator_address too")
        return value

    @field_validator("channel")
    @classmethod
    def _has_its_server(cls, value: str, info: ValidationInfo) -> str:
        if value == "smtp" and info.data.get("smtp_url", "wrong") is None:
            raise ValueError("is smtp, so smtp_url is needed: give the address of the mail server")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _check_networks(cls, value: str) -> str:
        for part in filter(None, map(str.strip, value.split(","))):
            try:
                ip_network(part, strict=False)
            except ValueError as error:
                raise ValueError(
                    f"{part!r} is no address or network; write 127.0.0.1 or 10.0.0.0/8"
                ) from error
        return value

    @property
    def way(self) -> Literal["smtp", "maildir", "mbox", "command"]:
        """How mail leaves: as ``channel`` says, else by SMTP where that is set, else into a Maildir."""
        if self.channel == "auto":
            return "smtp" if self.smtp_url is not None else "maildir"
        return self.channel

    @property
    def sender(self) -> str:
        """The From address; without a setting one that only a local Maildir accepts."""
        return self.mail_from or "digest@localhost"

    @property
    def backups(self) -> Path:
        """Where backups are kept: as set, else in the data directory."""
        return self.backup_dir or self.data_dir / "backups"

    @property
    def effective_database_url(self) -> str:
        """The database's address: as set, else SQLite in the data directory."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        # Quoted, since "?" and "%" mean something in an address.
        return f"sqlite:///{quote(str(self.data_dir / 'digest.db'))}"


def _read_credentials() -> dict[str, str]:
    """What ``$CREDENTIALS_DIRECTORY`` holds for us: ``smtp_url`` or ``digest_smtp_url`` is that setting.

    Line ends at the end of a file are no part of it, and an empty one sets nothing. Files of other names
    are other programs'. Raises ``ConfigError`` for a file of ours that cannot be read as text.
    """
    folder = Path(os.environ.get("CREDENTIALS_DIRECTORY") or os.devnull)
    values = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        name = path.name.lower().removeprefix(PREFIX.lower())
        if name not in Settings.model_fields or not path.is_file():
            continue
        try:
            values[name] = path.read_text(encoding="utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise ConfigError([f"{path} is not text in UTF-8: save it as that"]) from error
        except OSError as error:
            raise ConfigError([f"{path} cannot be read: {error.strerror}"]) from error
    return {name: value for name, value in values.items() if value}
