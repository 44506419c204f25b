"""Reading the settings: from where they are kept to one checked object, with every fault in our words."""

import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from platformdirs import user_config_path
from pydantic import SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import DotEnvSettingsSource

from digest.config import ENV_FILE, PREFIX, EnricherSettings, Settings, SourceSettings
from digest.errors import ConfigError, DigestError
from digest.refusals import did_you_mean, refusal

__all__ = ["SPECIAL", "Check", "config_path", "load_settings", "read_files"]

# Read by the command line itself; they are no settings of the file.
SPECIAL = frozenset({"DIGEST_CONFIG", "DIGEST_NOW", "DIGEST_SHARED"})

Site = TypeVar("Site", SourceSettings, EnricherSettings)
# What a room above knows of a value: raises a ``DigestError`` that does not quote secrets.
Check = Callable[[str], object]


def config_path(environ: Mapping[str, str] | None = None) -> Path:
    """Where the settings file is: ``DIGEST_CONFIG``, else ``./digest.toml``, else the user's folder.

    Raises ``ConfigError`` for the home of a user that there is not.
    """
    environ = os.environ if environ is None else environ
    if named := environ.get("DIGEST_CONFIG"):
        try:
            return Path(named).expanduser()
        except RuntimeError as error:
            raise ConfigError([f"DIGEST_CONFIG is {named}, but there is no such user"]) from error
    here = Path("digest.toml")
    return here if here.is_file() else user_config_path("paper-digest") / "digest.toml"


def load_settings(
    check_source: Callable[[SourceSettings], Sequence[str]] = lambda _: (),
    check_enricher: Callable[[EnricherSettings], Sequence[str]] = lambda _: (),
    checks: Mapping[str, Check] = MappingProxyType({}),
    *,
    may_be_missing: bool = False,
) -> Settings:
    """Read and validate all settings.

    Rooms above this one know more: ``check_source`` and ``check_enricher`` tell what a table's own kind
    finds wrong with it, ``checks`` has the check of a setting by its name. ``may_be_missing``: the file that
    ``DIGEST_CONFIG`` names need not be there yet. Raises ``ConfigError`` with every fault at once.
    """
    path = config_path()
    values = _read_toml(path, may_be_missing=may_be_missing)
    faults = _unknown_variables(values)
    settings = None
    try:
        settings = _checked(checks)(_env_file=ENV_FILE, **values)  # type: ignore[call-arg]
    except ValidationError as error:
        faults += [_sentence(detail, path) for detail in error.errors()]
    except UnicodeDecodeError:
        faults.append(f"{ENV_FILE} is not text in UTF-8: save it as that")
    except OSError as error:
        faults.append(f"{ENV_FILE} cannot be read: {error.strerror}")
    for source in settings.source if settings else _readable(SourceSettings, values.get("source")):
        faults += [f"source {source.name!r} ({path}): {fault}" for fault in check_source(source)]
    for enricher in settings.enricher if settings else _readable(EnricherSettings, values.get("enricher")):
        faults += [f"enricher {enricher.name!r} ({path}): {fault}" for fault in check_enricher(enricher)]
    if faults or settings is None:
        raise ConfigError(faults)
    return settings


def read_files() -> dict[Path, dict[str, Any]]:
    """What each settings file sets, as written there, be it overruled or not; nothing for one not there."""
    env = DotEnvSettingsSource(Settings, env_file=ENV_FILE)()
    return {ENV_FILE: env, config_path(): _read_toml(config_path(), may_be_missing=True)}


def _checked(checks: Mapping[str, Check]) -> type[Settings]:
    """The settings with the checks among their validators: each sees its value wherever it was set."""

    class Checked(Settings):
        @field_validator(*Settings.model_fields)
        @classmethod
        def _check(cls, value: object, info: ValidationInfo) -> object:
            check = checks.get(info.field_name or "")
            text = value.get_secret_value() if isinstance(value, SecretStr) else value
            if check is not None and isinstance(text, str | Path):
                try:
                    check(str(text))
                except DigestError as error:
                    raise ValueError(str(error)) from error
            return value

    return Checked


def _read_toml(path: Path, *, may_be_missing: bool) -> dict[str, Any]:
    if not path.is_file():
        if "DIGEST_CONFIG" in os.environ and not may_be_missing:
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
        f"{name} is no setting of this program: correct or unset it (see .env.example)"
        + did_you_mean(name, known)
        for name in unknown
    ]
    if "now" in values:
        faults.append("now is no setting: use --now or DIGEST_NOW for one command")
    return faults


def _readable(kind: type[Site], tables: object) -> list[Site]:
    """Those tables that are valid, where others are not."""
    found = []
    for table in tables if isinstance(tables, list) else []:
        try:
            found.append(kind.model_validate(table))
        except ValidationError:  # told already, as a fault of its own
            continue
    return found


def _sentence(detail: ErrorDetails, path: Path) -> str:
    """One fault in words, without the value: it may be a secret."""
    where = ".".join(str(part) for part in detail["loc"])
    field = where.split(".")[0].lower().removeprefix(PREFIX.lower())
    if detail["type"] == "extra_forbidden":
        near = did_you_mean(field, Settings.model_fields)
        return f"{where} is no setting of this program: correct or remove it (in .env or {path}){near}"
    return f"{where} ({PREFIX}{field.upper()} or {path}): {refusal(detail)}"
