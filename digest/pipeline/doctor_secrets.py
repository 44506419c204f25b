"""What ``digest doctor`` looks at of secrets: that nobody can guess them, and nobody else can read them."""

import json
import stat
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, get_args
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from digest.config import Settings
from digest.loading import read_files
from digest.pipeline.doctor import Finding, Level
from digest.pipeline.masking import PLAIN_HEADERS

if TYPE_CHECKING:
    from digest.pipeline.doctor_checks import Patient

__all__ = ["look_at_secrets"]

KEY_CHARS = 32
# Of random hexadecimal digits so many are nearly always different ones, of words and repeats they are not.
KEY_LETTERS = 10
# As .env.example shows them: everybody knows these.
EXAMPLES = ("at-least-32-characters-of-randomness", "some-long-random-token")
# Addresses of servers, which are secret only with a password in them.
ADDRESSES = ("database_url", "smtp_url", "bounce_mailbox")


def look_at_secrets(settings: Settings, patient: "Patient") -> Iterator[Finding]:
    """What is wrong with any of them, or that nothing is."""
    faults = [*_weak_keys(settings), *_open_files(settings), *_open_database_file(patient)]
    yield from faults
    if not faults:
        yield Finding("secrets", Level.WELL, "strong, and in nobody else's reach")


def _weak_keys(settings: Settings) -> Iterator[Finding]:
    mend = "make one with: python3 -c 'import secrets; print(secrets.token_hex(32))'"
    path = settings.data_dir / "secret.key"
    if settings.secret_key is not None:
        if _is_weak(settings.secret_key.get_secret_value()):
            yield Finding(
                "secrets", Level.WRONG, "secret_key can be guessed, and so can everybody's links", mend
            )
    elif path.exists() and _is_weak(path.read_text("utf-8", "replace").strip()):
        restore = "restore it from a backup, or delete it: then links in mails that were sent stop to work"
        yield Finding("secrets", Level.WRONG, f"{path} is too short or no random key", restore)
    token = settings.metrics_token
    if token is not None and (token.get_secret_value() in EXAMPLES or len(set(token.get_secret_value())) < 8):
        yield Finding("secrets", Level.WRONG, "metrics_token can be guessed", mend)


def _is_weak(key: str) -> bool:
    return key in EXAMPLES or len(key) < KEY_CHARS or len(set(key)) < KEY_LETTERS


def _open_files(settings: Settings) -> Iterator[Finding]:
    """Files with secrets that others on this machine may read."""
    places = [settings.data_dir / "secret.key"]
    places += [path.absolute() for path, values in read_files().items() if _holds_secret(values)]
    for path in places:
        if path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o007:
            sentence = f"{path} holds secrets, and everybody on this machine may read it"
            yield Finding("secrets", Level.WRONG, sentence, f"chmod o-rwx {path}")


def _open_database_file(patient: "Patient") -> Iterator[Finding]:
    """The database as others on this machine may read it, where its folder does not keep them out."""
    path = patient.database.path if patient.database is not None else None
    if path is None or not path.is_file():
        return
    if stat.S_IMODE(path.stat().st_mode) & 0o007 and stat.S_IMODE(path.parent.stat().st_mode) & 0o001:
        sentence = f"{path} holds readers' addresses, and everybody on this machine may read it"
        yield Finding("secrets", Level.WRONG, sentence, f"chmod o-rwx {path}*")


def _holds_secret(values: Mapping[str, Any]) -> bool:
    """Whether these values of a file set a secret, also one that the environment takes the place of."""
    tables = [*_tables(values.get("source")), *_tables(values.get("enricher"))]
    return any(map(_is_secret, values, values.values())) or any(
        table.get("key") or set(map(str.lower, table.get("headers") or ())) - PLAIN_HEADERS
        for table in tables
    )


def _is_secret(name: str, value: object) -> bool:
    setting = Settings.model_fields.get(name)
    if not value or setting is None or SecretStr not in get_args(setting.annotation):
        return False
    if name not in ADDRESSES:
        return True
    parts = urlsplit(str(value))
    return parts.password is not None or "password" in parse_qs(parts.query)


def _tables(value: object) -> list[dict[str, Any]]:
    """Tables of sites as TOML has them, or as JSON in a variable; these settings are valid."""
    tables = json.loads(value) if isinstance(value, str) else value
    return [one for one in tables if isinstance(one, dict)] if isinstance(tables, list) else []
