"""The effective settings as an operator may see them: secrets as stars, and where each value comes from."""

import os
from typing import NamedTuple

from pydantic import SecretStr

from digest.config import PREFIX, Settings

__all__ = ["SettingLine", "list_settings"]

STARS = "********"
# Lists of tables, which are told by the names of what they set.
TABLES = frozenset({"source", "enricher"})


class SettingLine(NamedTuple):
    """One setting, its value in words, and its origin: ``environment``, ``file`` or ``default``."""

    name: str
    value: str
    origin: str


def list_settings(settings: Settings) -> list[SettingLine]:
    """All settings in the order in which they are documented. No value that may be secret is in it."""
    return [
        SettingLine(name, _words(name, getattr(settings, name)), _origin(settings, name))
        for name in type(settings).model_fields
    ]


def _origin(settings: Settings, name: str) -> str:
    if os.environ.get(PREFIX + name.upper()):
        return "environment"
    return "file" if name in settings.model_fields_set else "default"


def _words(name: str, value: object) -> str:
    if value is None:
        return "not set"
    if isinstance(value, SecretStr):
        return STARS
    if name in TABLES and isinstance(value, list):
        # Their own keys may hold passwords under any name, so only the names are told.
        return "; ".join(
            f"{one.name} ({one.kind}): {', '.join(sorted(one.model_fields_set - {'name', 'kind'}))}".rstrip(
                ": "
            )
            for one in value
        )
    if name == "sendmail_command":
        return str(value).split(" ")[0]
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
