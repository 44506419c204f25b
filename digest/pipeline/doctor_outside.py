"""What ``digest doctor`` asks others: the sources, the mail server, and the DNS of the sender's domain.

Sends no mail and stores nothing, not even what robots.txt says.
"""

import shlex
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from urllib.parse import urlsplit

from digest.config import Settings
from digest.domains import DnsResolver
from digest.domains import Level as Judged
from digest.errors import UsageError
from digest.fetcher import Fetcher, make_user_agent
from digest.fetcher.manners import parse_http_date
from digest.files import is_full
from digest.mailer import parse_smtp_url
from digest.parsing import Parsers
from digest.pipeline.doctor import Check, Finding, Level
from digest.pipeline.mail_check import check_mail, nothing_to_check, setup_of
from digest.pipeline.mail_probe import probe_server
from digest.pipeline.readiness import can_write
from digest.pipeline.reading import ConfiguredSource, Fetch, Reader
from digest.pipeline.trying import try_source
from digest.types import Page, PageRequest

__all__ = ["make_outside_checks"]

# Connecting and all pages of one list; a source may set its own timeout for each of them. Sources that are
# asked in turn have so long each, and wait for one another.
SOURCE_S = 60.0
MAIL_S = 20.0
DNS_S = 60.0
# A server's clock is right to the second, and an answer may be on its way for some.
CLOCK_S = 120.0
_LEVELS = {
    Judged.WELL: Level.WELL,
    Judged.NOTE: Level.NOTE,
    Judged.WRONG: Level.WRONG,
    Judged.FAILED: Level.WRONG,
}


def make_outside_checks(
    settings: Settings | None, sources: Sequence[ConfiguredSource], now: datetime, *, offline: bool
) -> list[Check]:
    """One check for each source, one for the mail server, one for DNS."""
    names = [*(f"source {one.name}" for one in sources), "mail", "dns"]
    if settings is None or offline:
        why = (
            "is not asked with --offline" if settings is not None else "is asked once the settings are right"
        )
        skipped = {name: Finding(name, Level.SKIPPED, why) for name in names}
        checks = [Check(name, partial(_one, finding)) for name, finding in skipped.items()]
        if settings is not None and settings.way != "smtp":
            checks[-2] = Check("mail", partial(_mail, settings, now))
        return checks
    # One for all, so that they take turns; it keeps no connections, so nobody has to close it.
    fetcher = Fetcher(
        make_user_agent(settings.contact), timeout_s=settings.timeout_s, max_bytes=settings.max_bytes
    )
    turns = [_turn(one, now) for one in sources]
    return [
        *(
            Check(
                f"source {one.name}",
                partial(_source, one, fetcher, now, turns.count(turn)),
                SOURCE_S * turns.count(turn),
            )
            for one, turn in zip(sources, turns, strict=True)
        ),
        Check("mail", partial(_mail, settings, now), MAIL_S),
        Check("dns", partial(_dns, settings), DNS_S),
    ]


def _one(finding: Finding) -> Iterator[Finding]:
    yield finding


# --- sources -----------------------------------------------------------------------------------------


class _Dated:
    """A fetcher that notes what time servers say it is."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self.drift_s: float | None = None

    def get(
        self,
        request: PageRequest,
        *,
        etag: str | None = None,
        last_modified: str | None = None,
        allow_private: bool = False,
        timeout_s: float | None = None,
        max_bytes: int | None = None,
    ) -> Page:
        """See :meth:`digest.fetcher.Fetcher.get`."""
        page = self._fetcher.get(
            request,
            etag=etag,
            last_modified=last_modified,
            allow_private=allow_private,
            timeout_s=timeout_s,
            max_bytes=max_bytes,
        )
        headers = dict(page.headers)
        told = parse_http_date(headers.get("date", ""))
        # What a cache keeps has the date of when it was made.
        if told is not None and "age" not in headers:
            self.drift_s = (page.fetched_at - told).total_seconds()
        return page


def _turn(source: ConfiguredSource, now: datetime) -> str:
    """What the source shares with those that are asked in turn with it: a named turn, or its host."""
    try:
        requests = source.kind.day_requests(source.url, source.options, now.astimezone(UTC).date())
        return next((one.turn or urlsplit(one.url).netloc for _, one in requests), source.name)
    except Exception:
        return source.name  # its own check says what is wrong with it, and keeps no other from looking


def _source(source: ConfiguredSource, fetcher: Fetcher, now: datetime, in_turn: int) -> Iterator[Finding]:
    """``in_turn``: how many sources share its turn, so that it waits for them."""
    name = f"source {source.name}"
    with Parsers() as parsers:
        fetch = _Dated(fetcher)
        asking: Fetch = fetch
        reader = Reader(asking, parsers.parse, max_s=SOURCE_S / 2 * in_turn)
        try:
            trial = try_source(reader, source, now.astimezone(UTC).date(), now)
        except UsageError:
            yield Finding(name, Level.WELL, "asks no site")
            return
    verdict, entries = trial.facts["verdict"], trial.facts["entries"]
    if trial.ok:
        yield Finding(name, Level.WELL, f"{verdict}, {entries} entries")
    else:
        why = trial.facts["error"] or f"its page is {verdict}"
        mend = f"see what it gives with: digest sources try {source.name}"
        yield Finding(name, Level.WRONG, str(why), mend)
    drift = fetch.drift_s
    if drift is not None and abs(drift) > CLOCK_S:
        way = "ahead of" if drift > 0 else "behind"
        sentence = f"this machine's clock is {abs(drift):,.0f} s {way} that of {source.name}"
        yield Finding("clock", Level.WRONG, sentence, "set it by NTP, such as: timedatectl set-ntp true")


# --- mail --------------------------------------------------------------------------------------------


def _mail(settings: Settings, now: datetime) -> Iterator[Finding]:
    if settings.way == "smtp" and settings.smtp_url is not None:
        url = parse_smtp_url(settings.smtp_url.get_secret_value())
        found = probe_server(url, now=now, timeout_s=MAIL_S - 5)
        level = _LEVELS.get(found.level, Level.NOTE)
        yield Finding("mail", level, found.sentence, "" if level is Level.WELL else found.mend)
    elif settings.way == "command":
        program = (shlex.split(settings.sendmail_command) or [""])[0]
        if shutil.which(program) is None:
            mend = "install it, or set sendmail_command to one that takes mail as sendmail does"
            yield Finding("mail", Level.WRONG, f"there is no program {program}", mend)
        else:
            yield Finding("mail", Level.WELL, f"{program} takes it")
    else:
        folder = settings.data_dir / ("outbox" if settings.way == "maildir" else "")
        place = folder if folder.exists() else settings.data_dir
        if place.exists() and not can_write(place):
            mend = "make room" if is_full(place) else "give it to the user that runs this (chown -R)"
            yield Finding(
                "mail", Level.WRONG, f"{place} cannot be written, so no mail can be put there", mend
            )
        else:
            sentence = f"it is stored on this machine only ({settings.way})"
            yield Finding("mail", Level.NOTE, sentence, "set smtp_url to send it to readers")


def _dns(settings: Settings) -> Iterator[Finding]:
    setup = setup_of(settings)
    if nothing := nothing_to_check(setup):
        yield Finding("dns", Level.WELL, f"nothing to check: {nothing}")
        return
    bad = [one for one in check_mail(setup, DnsResolver()).findings if one.is_bad]
    for one in bad:
        mend = f"{one.mend} ({one.record})" if one.record is not None else one.mend
        yield Finding("dns", Level.WRONG, one.sentence, mend or "see: digest mail check")
    if not bad:
        yield Finding(
            "dns", Level.WELL, "nothing is missing at the sender's domain (digest mail check says more)"
        )
