"""Settings: environment (``DIGEST_…``) over ``.env`` over ``digest.toml`` over defaults.

Read once, in ``app`` and ``cli``; everything below takes plain arguments. All faults are reported
together, each with what to do. Secrets are ``SecretStr`` and print as stars.
"""

import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from platformdirs import user_config_path, user_data_path
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from digest.errors import ConfigError

__all__ = ["Settings", "SourceSettings", "config_path", "load_settings"]

PREFIX = "DIGEST_"
# Read by the command line itself; they are no settings of the file.
SPECIAL = frozenset({"DIGEST_CONFIG", "DIGEST_NOW", "DIGEST_SHARED"})


def _check_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("is no time zone; use a name such as Europe/Berlin or UTC") from error
    return value


def _check_address(value: str) -> str:
    # One @ and no control characters is all a From header needs; readers' addresses are checked fully.
    local, _, domain = value.rpartition("@")
    if not local or not domain or any(c.isspace() or c in '<>",' for c in value) or not value.isascii():
        raise ValueError("is no mail address; use one such as digest@example.org")
    return value


ZoneName = Annotated[str, AfterValidator(_check_zone)]
Address = Annotated[str, AfterValidator(_check_address)]


class SourceSettings(BaseModel):
    """One ``[[source]]`` table. What its kind needs besides is in ``options``, checked by that kind."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")
    kind: str
    url: str = ""
    allow_private: bool = False

    @property
    def options(self) -> dict[str, Any]:
        """The keys that belong to the kind."""
        return dict(self.model_extra or {})


def _default_sources() -> list[SourceSettings]:
    return [SourceSettings(name="huggingface", kind="huggingface")]


class Settings(BaseSettings):
    """Everything that can be set. ``.env.example`` and ``digest.example.toml`` list the same keys."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", env_ignore_empty=True, frozen=True)

    data_dir: Path = Field(default_factory=lambda: user_data_path("paper-digest"))
    database_url: SecretStr | None = None
    secret_key: SecretStr | None = None
    base_url: str | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "warning"

    list_name: str = Field(default="Paper digest", min_length=1, max_length=80)
    smtp_url: SecretStr | None = None
    mail_from: Address | None = Field(default=None, validate_default=True)
    unsubscribe_address: Address | None = None
    uncertain: Literal["resend", "hold"] = "resend"

    hour: int = Field(default=7, ge=0, le=23)
    zone: ZoneName = "UTC"
    papers: int = Field(default=10, ge=1, le=50)
    trend_weight: float = Field(default=0.3, ge=0, le=1)
    when_empty: Literal["skip", "mail"] = "skip"
    silent_days: int = Field(default=3, ge=1, le=60)
    window_days: int = Field(default=7, ge=1, le=60)
    issue_window_h: int = Field(default=20, ge=1, le=168)

    contact: str | None = Field(default=None, max_length=200)
    timeout_s: float = Field(default=30.0, gt=0, le=600)
    max_bytes: int = Field(default=8 * 1024 * 1024, ge=1024)
    refresh_minutes: int = Field(default=120, ge=10, le=1440)
    keep_pages_days: int = Field(default=30, ge=1)

    source: list[SourceSettings] = Field(default_factory=_default_sources)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The file's values arrive as arguments, so they come after the environment."""
        return env_settings, dotenv_settings, init_settings

    @field_validator("base_url")
    @classmethod
    def _check_base_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("is no web address; use one such as https://digest.example.org")
        return value.rstrip("/")

    @field_validator("data_dir")
    @classmethod
    def _expand_data_dir(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("source")
    @classmethod
    def _check_names(cls, value: list[SourceSettings]) -> list[SourceSettings]:
        names = [source.name for source in value]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"has the name {twice[0]!r} twice; give each source its own name")
        if not value:
            raise ValueError("is empty; leave it out for the default source or name at least one")
        return value

    @field_validator("mail_from")
    @classmethod
    def _needed_by_smtp(cls, value: str | None, info: ValidationInfo) -> str | None:
        # On the field and not on the model, so that it is told together with all other faults.
        if value is None and info.data.get("smtp_url") is not None:
            raise ValueError("is needed where smtp_url is set: give the address that mail is sent from")
        return value

    @property
    def sender(self) -> str:
        """The From address; without a setting one that only a local Maildir accepts."""
        return self.mail_from or "digest@localhost"

    @property
    def effective_database_url(self) -> str:
        """The database's address: as set, else SQLite in the data directory."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data_dir / 'digest.db'}"


def config_path(environ: Mapping[str, str] | None = None) -> Path:
    """Where the settings file is: ``DIGEST_CONFIG``, else ``./digest.toml``, else the user's folder."""
    environ = os.environ if environ is None else environ
    if named := environ.get("DIGEST_CONFIG"):
        return Path(named).expanduser()
    here = Path("digest.toml")
    return here if here.is_file() else user_config_path("paper-digest") / "digest.toml"


def load_settings(
    check_source: Callable[[SourceSettings], Sequence[str]] = lambda _: (),
    check_smtp_url: Callable[[str], Sequence[str]] = lambda _: (),
) -> Settings:
    """Read and validate all settings.

    ``check_source`` tells what a source's own kind finds wrong with it, ``check_smtp_url`` what the
    mailer does with the address of the mail server: rooms above this one know that.
    Raises ``ConfigError`` with every fault at once.
    """
    path = config_path()
    values = _read_toml(path)
    faults = _unknown_variables(values)
    settings = None
    try:
        settings = Settings(_env_file=Path(".env"), **values)  # type: ignore[call-arg]
    except ValidationError as error:
        faults += [_sentence(detail, path) for detail in error.errors()]
    for source in settings.source if settings else _readable_sources(values):
        faults += [f"source {source.name!r} ({path}): {fault}" for fault in check_source(source)]
    if smtp_url := _smtp_url(settings, values):
        faults += check_smtp_url(smtp_url)
    if faults or settings is None:
        raise ConfigError(faults)
    return settings


def _read_toml(path: Path) -> dict[str, Any]:
    if not path.is_file():
        if "DIGEST_CONFIG" in os.environ:
            raise ConfigError([f"DIGEST_CONFIG names {path}, which is no file: make it or correct the name"])
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path} is not valid TOML: {error}"]) from error
    except OSError as error:
        raise ConfigError([f"{path} cannot be read: {error.strerror}"]) from error


def _unknown_variables(values: Mapping[str, Any]) -> list[str]:
    # pydantic-settings ignores unknown variables of the environment; a typo there must not pass.
    known = {PREFIX + name.upper() for name in Settings.model_fields} | SPECIAL
    unknown = sorted(
        name for name in os.environ if name.upper().startswith(PREFIX) and name.upper() not in known
    )
    faults = [
        f"{name} is no setting of this program: correct or unset it (see .env.example)" for name in unknown
    ]
    if "now" in values:
        faults.append("now is no setting: use --now or DIGEST_NOW for one command")
    return faults


def _readable_sources(values: Mapping[str, Any]) -> list[SourceSettings]:
    sources = []
    tables = values.get("source", [])
    for table in tables if isinstance(tables, list) else []:
        try:
            sources.append(SourceSettings.model_validate(table))
        except ValidationError:  # told already, as a fault of its own
            continue
    return sources


def _smtp_url(settings: Settings | None, values: Mapping[str, Any]) -> str | None:
    if settings is not None:
        return settings.smtp_url.get_secret_value() if settings.smtp_url else None
    found = os.environ.get(f"{PREFIX}SMTP_URL") or values.get("smtp_url")
    return found if isinstance(found, str) else None


def _sentence(detail: ErrorDetails, path: Path) -> str:
    """One fault in words, without the value: it may be a secret."""
    where = ".".join(str(part) for part in detail["loc"])
    field = where.split(".")[0].lower().removeprefix(PREFIX.lower())
    what = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        return f"{where} is no setting of this program: correct or remove it (in .env or {path})"
    return f"{where} ({PREFIX}{field.upper()} or {path}): {what}"
