"""Enrichers as the settings name them: what is wrong with a table, and what it makes."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError

from digest.config import EnricherSettings, Settings
from digest.enrichers import EnricherKind, get_kind
from digest.errors import FetchError, UsageError
from digest.netguard import parse_target
from digest.refusals import refused_options

# An answer about papers that are known is short.
MAX_BYTES = 4 * 2**20

__all__ = ["ConfiguredEnricher", "check_enricher", "make_enrichers"]


@dataclass(frozen=True, slots=True)
class ConfiguredEnricher:
    """An enricher as the settings name it, its options already checked by its kind."""

    name: str
    kind: EnricherKind
    url: str
    options: BaseModel
    allow_private: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    timeout_s: float | None = None
    max_bytes: int | None = None


def check_enricher(settings: EnricherSettings) -> list[str]:
    """What the kind of an enricher finds wrong with its table, each fault one sentence."""
    try:
        kind = get_kind(settings.kind)
    except UsageError as error:
        return [str(error)]
    faults = []
    if "?" in settings.url or "#" in settings.url:
        faults.append("url: is the address that paths are added to, so it has no ? and no #")
    elif settings.url:
        try:
            parse_target(settings.url)
        except FetchError as error:
            faults.append(f"url: {error}")
    elif not kind.default_url:
        faults.append(f"url: is needed, since an enricher of the kind {settings.kind} can be anywhere")
    try:
        kind.Options.model_validate(settings.options)
    except ValidationError as error:
        faults += refused_options(error, kind.Options, EnricherSettings.model_fields, Settings.model_fields)
    return faults


def make_enrichers(settings: Sequence[EnricherSettings]) -> list[ConfiguredEnricher]:
    """The configured enrichers. Their tables were checked before (``check_enricher``)."""
    made = []
    for one in settings:
        kind = get_kind(one.kind)
        made.append(
            ConfiguredEnricher(
                name=one.name,
                kind=kind,
                url=(one.url or kind.default_url).rstrip("/"),
                options=kind.Options.model_validate(one.options),
                allow_private=one.allow_private,
                headers=tuple(one.headers.items()),
                timeout_s=one.timeout_s,
                max_bytes=one.max_bytes or MAX_BYTES,
            )
        )
    return made
