"""The settings of a process, checked by the rooms that know what each value means.

Everything heavy is imported where it is needed: most commands need little of it.
"""

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from digest.branding import read_logo
from digest.config import HEADER_VALUE, EnricherSettings, Settings, SourceSettings
from digest.errors import DeliveryError, FetchError, UsageError
from digest.keys import read_old_keys
from digest.loading import load_settings
from digest.netguard import parse_target
from digest.refusals import refused_options
from digest.sources import get_kind
from digest.storage.database import Database
from digest.text import safe_url
from digest.tokens import MIN_KEY_BYTES

MIN_METRICS_TOKEN = 16

__all__ = ["check_own_address", "check_source", "read_settings"]


def read_settings(*, may_be_missing: bool = False) -> Settings:
    """The settings of this process, checked by the rooms that use them. Raises ``ConfigError``.

    ``may_be_missing``: the file that ``DIGEST_CONFIG`` names need not be there yet.
    """
    checks = {
        "admin_password_hash": _check_password_hash,
        "base_url": _check_base_url,
        "bounce_address": check_own_address,
        "bounce_mailbox": _check_mailbox,
        "connection_rate": _check_rate,
        "database_url": lambda url: Database(url).close(),
        "logo": _check_logo,
        "mail_from": check_own_address,
        "mail_rate": _check_rate,
        "metrics_token": _check_metrics_token,
        "operator_address": check_own_address,
        "orcid_url": _check_place,
        "ping_url": _check_place,
        "secret_key": _check_key,
        "secret_key_old": read_old_keys,
        "sendmail_command": _check_command,
        "sign_ups_in_all": _check_rate,
        "sign_ups_per_network": _check_rate,
        "smtp_url": _check_smtp_url,
        "template_dir": _check_template_dir,
        "unsubscribe_address": check_own_address,
        "zone": _check_zone,
        "zotero_key": _check_header,
        "zotero_url": _check_place,
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
        faults += refused_options(error, kind.Options, SourceSettings.model_fields, Settings.model_fields)
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


def _check_logo(path: str) -> None:
    try:
        read_logo(Path(path))
    except ValueError as error:
        raise UsageError(f"cannot be shown: {error}") from error


def _check_template_dir(path: str) -> None:
    if not Path(path).is_dir():
        raise UsageError("is no folder; make it, with mail/ and web/ in it, or leave the setting out")


def _check_place(url: str) -> None:
    parse_target(url)
    if "?" in url or "#" in url:
        raise UsageError("is the address that paths are added to, so it has no ? and no #")


def _check_header(text: str) -> None:
    if not HEADER_VALUE.fullmatch(text):
        raise UsageError("is no key: it has a character that cannot be sent")


def _check_zone(zone: str) -> None:
    from digest.schedule import check_zone

    check_zone(zone)


def _check_key(key: str) -> None:
    if len(key.encode()) < MIN_KEY_BYTES:
        raise UsageError(
            f"is too short: a key has at least {MIN_KEY_BYTES} bytes; make one with "
            "python -c 'import secrets; print(secrets.token_hex(32))'"
        )


def _check_metrics_token(token: str) -> None:
    if len(token) < MIN_METRICS_TOKEN or not HEADER_VALUE.fullmatch(token) or " " in token:
        raise UsageError(f"has to be {MIN_METRICS_TOKEN} printable characters or more, without blanks")


def _check_password_hash(text: str) -> None:
    from digest.pipeline.passwords import check_hash

    check_hash(text)


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
