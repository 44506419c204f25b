"""``digest init``: from nothing to the first digest in one conversation."""

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer

from digest.cli.state import State, note, print_lines, progress, state
from digest.errors import DeliveryError, DigestError, UsageError

if TYPE_CHECKING:
    from digest.app import App
    from digest.config import Settings
    from digest.mailer import SmtpUrl
    from digest.pipeline.moment import Moment
    from digest.runs import RefreshOutcome, RunOutcome

FIRST_DAYS = 7
# For so long a service that is reading or sending already is waited for.
PATIENCE_S = 600


@dataclass(frozen=True)
class Answers:
    """What init needs to know, checked. ``smtp_url`` and ``mail_from`` are what the settings lack."""

    email: str
    topics: tuple[str, ...]
    papers: tuple[str, ...]
    hour: int
    zone: str
    smtp_url: str | None
    mail_from: str | None


def init(
    context: typer.Context,
    email: Annotated[str | None, typer.Option("--email", help="Where the digest goes.")] = None,
    topic: Annotated[
        list[str] | None, typer.Option("--topic", help="A topic in a few words; may be repeated.")
    ] = None,
    paper: Annotated[
        list[str] | None, typer.Option("--paper", help="A paper you like: id, link or title.")
    ] = None,
    send: Annotated[
        str | None, typer.Option("--send", metavar="maildir|PROVIDER|URL", help="How mail leaves.")
    ] = None,
    user: Annotated[str | None, typer.Option("--user", help="The log-in name at the provider.")] = None,
    password_file: Annotated[
        Path | None, typer.Option("--password-file", help="A file with the password.")
    ] = None,
    region: Annotated[str, typer.Option("--region", help="The account's region, if it has one.")] = "",
    mail_from: Annotated[str | None, typer.Option("--from", help="The address mail comes from.")] = None,
    hour: Annotated[int, typer.Option("--hour", min=0, max=23, help="When it comes, in your zone.")] = 7,
    zone: Annotated[str | None, typer.Option("--zone", metavar="Area/City", help="Your time zone.")] = None,
) -> None:
    """Set up your own digest: asks what it needs, sends a test mail, then the first digest."""
    from digest.checking import read_settings
    from digest.pipeline.readers import Schedule, check_email

    asks = sys.stdin.isatty()
    topics, papers = _interests(topic or (), paper or (), asks=asks)
    email = check_email(email or _ask("Your mail address", "--email", asks=asks))
    schedule = Schedule(hour=hour, zone=zone or local_zone()).checked()
    settings = read_settings(may_be_missing=True)

    def make_url(way: str) -> str | None:
        return _smtp_url(way, user or email, password_file, region, asks=asks)

    smtp_url, sender = _way(settings, email, send, mail_from, make_url, asks=asks)
    answers = Answers(email, topics, papers, schedule.hour, schedule.zone, smtp_url, sender)
    here = state(context)
    here.settings = _complete(settings, answers)
    _start(here, answers)


def _interests(
    topics: Sequence[str], papers: Sequence[str], *, asks: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the digest is to be about; ``UsageError`` where that is nothing."""
    if not topics and not papers:
        text = _ask("What are you working on? A few topics, separated by commas", "--topic", asks=asks)
        topics = [part for part in text.split(",") if part.strip()]
    found = tuple(" ".join(one.split()) for one in topics), tuple(one.strip() for one in papers)
    if not any(found) or "" in found[0] + found[1]:
        raise UsageError("a topic or paper without a word says nothing: give one with --topic or --paper")
    return found


def _ask(question: str, option: str, default: str | None = None, *, asks: bool = True) -> str:
    if not asks:
        raise UsageError(f"nobody is there to answer {question!r}: give it with {option}")
    return str(typer.prompt(question, default=default, err=True))


def _smtp_url(send: str, user: str, password_file: Path | None, region: str, *, asks: bool) -> str | None:
    """The address of the mail server, password included, or ``None`` for the Maildir."""
    from digest.mailer import parse_smtp_url, presets

    if send == "maildir":
        return None
    if "://" in send:
        parse_smtp_url(send)
        return send
    preset = presets().get(send.casefold())
    if preset is None:
        raise UsageError(
            f"{send!r} is no way to send; use maildir, an smtp URL or one of {', '.join(presets())}"
        )
    note(f"digest: {preset.advice}")
    if password_file is not None:
        try:
            password = password_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise UsageError(f"{password_file} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise UsageError(f"{password_file} is not text in UTF-8") from error
    elif asks:
        password = str(typer.prompt("Password", hide_input=True, err=True))
    else:
        raise UsageError("nobody is there to type a password: give it with --password-file")
    return preset.smtp_url(user, password, region)


def _way(
    settings: "Settings",
    email: str,
    send: str | None,
    mail_from: str | None,
    make_url: Callable[[str], str | None],
    *,
    asks: bool,
) -> tuple[str | None, str | None]:
    """The mail server and sender that the settings lack; nothing where they have a way of sending.

    Raises ``UsageError`` where theirs is not the one asked for: a file that is there stays as it is.
    """
    from digest.checking import check_own_address
    from digest.loading import config_path

    is_set_up = config_path().is_file() or settings.smtp_url is not None
    if send is None and not is_set_up:
        question = "How to send: maildir, a provider (see README) or an smtp URL"
        send = _ask(question, "--send", "maildir") if asks else "maildir"
    smtp_url = make_url(send) if send is not None else None
    if mail_from is not None:
        check_own_address(mail_from)
    if not is_set_up:
        return smtp_url, mail_from or (email if smtp_url and not settings.mail_from else None)
    have, asked = _server(settings.smtp_url.get_secret_value() if settings.smtp_url else None), None
    if send is not None and have != (asked := _server(smtp_url)):
        _refuse("smtp_url", str(have or "nothing (a Maildir)"), str(asked or "a Maildir"))
    if mail_from not in (None, settings.mail_from):
        _refuse("mail_from", settings.sender, str(mail_from))
    return None, None


def _server(url: str | None) -> "SmtpUrl | None":
    from digest.mailer import parse_smtp_url

    return parse_smtp_url(url) if url else None


def _refuse(key: str, have: str, asked: str) -> NoReturn:
    from digest.loading import config_path

    where = path if (path := config_path()).is_file() else "the environment"
    but = f"not {asked}" if asked != have else "with another password"
    raise UsageError(
        f"{where} has {have} as {key}, {but}; settings that are there stay as they are. "
        "Edit them, then run this again without --send and --from"
    )


def _complete(settings: "Settings", answers: Answers) -> "Settings":
    """The settings as they are once the answers are written down."""
    from pydantic import SecretStr

    smtp_url = SecretStr(answers.smtp_url) if answers.smtp_url else settings.smtp_url
    mail_from = answers.mail_from or settings.mail_from
    return settings.model_copy(update={"smtp_url": smtp_url, "mail_from": mail_from})


def local_zone() -> str:
    """The machine's time zone by name, or UTC where it has none."""
    from tzlocal import get_localzone_name

    from digest.schedule import check_zone

    try:
        return check_zone(get_localzone_name() or "UTC")
    except (UsageError, OSError, LookupError):
        return "UTC"


def _write_settings(answers: Answers) -> None:
    """Make the settings file, readable by its owner alone; one that is there stays as it is.

    Raises ``UsageError`` where it cannot be written; then nothing is left of it.
    """
    from digest.loading import config_path

    path = config_path()
    if path.is_file():
        note(f"digest: {path} is there already and stays as it is")
        return
    values = {"zone": answers.zone, "hour": answers.hour}
    values |= {"smtp_url": answers.smtp_url} if answers.smtp_url else {}
    values |= {"mail_from": answers.mail_from} if answers.mail_from else {}
    # A string of JSON is one of TOML too, as long as nothing beyond the first plane is escaped.
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in values.items()]
    text = "# Made by digest init. Every key is explained in digest.example.toml.\n" + "".join(lines)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
        except OSError:
            path.unlink()
            raise
    except OSError as error:
        raise UsageError(f"the settings file {path} cannot be written: {error.strerror}") from error
    note(f"digest: settings written to {path}")


def _start(here: State, answers: Answers) -> None:
    """Test mail; then, since that left, settings and reader, the last days, the first digest."""
    from digest.pipeline.examples import check_examples
    from digest.pipeline.letters import make_test_letter
    from digest.pipeline.moment import Moment
    from digest.runs import run_compose, run_deliver, run_letter

    app = here.app
    check_examples(app.database, answers.papers)
    server = _server(app.settings.smtp_url.get_secret_value() if app.settings.smtp_url else None)
    key = f"init {app.settings.way} {server or ''} {app.settings.sender}"
    letter = make_test_letter(app.settings.list_name, answers.email, app.now(), key=key)
    try:
        answer = run_letter(app, letter, Moment.of(app.now()))
    except DeliveryError as error:
        raise DigestError(f"{str(error).removesuffix('.')}. {_nothing_done()}") from error
    print_lines(f"test mail: {answer}")
    _write_settings(answers)
    email = _add_reader(app, answers)
    refreshed = _when_free(lambda: _read_first_days(app, _today(app, answers)))
    moment = _today(app, answers)
    composed = _when_free(lambda: run_compose(app, moment, only=email, early=True))
    delivered = _when_free(lambda: run_deliver(app, moment))
    has_come = _print_first(app, email, moment, composed, delivered)
    _print_what_next(app, answers, moment)
    if not (has_come and refreshed.ok and composed.ok and delivered.ok):
        raise typer.Exit(1)


def _today(app: "App", answers: Answers) -> "Moment":
    """The present, for the digest of the reader's today."""
    from digest.pipeline.moment import Moment

    now = app.now()
    return Moment(now, Moment.of(now).today_in(answers.zone), pinned=True)


Outcome = TypeVar("Outcome", "RefreshOutcome", "RunOutcome")


def _when_free(work: Callable[[], Outcome]) -> Outcome:
    """Do it as soon as nobody else is at the same, such as a service that has just started to read."""
    outcome = work()
    if outcome.locked:
        note("digest: another run is at work; waiting for its end")
    for _ in range(PATIENCE_S):
        if not outcome.locked:
            break
        sleep(1)
        outcome = work()
    return outcome


def _print_first(
    app: "App", email: str, moment: "Moment", composed: "RunOutcome", delivered: "RunOutcome"
) -> bool:
    """Say what became of the first digest, and return whether it came."""
    from digest.pipeline.explain import explain_day
    from digest.pipeline.preview import preview_as
    from digest.why import Cause

    if composed.locked or composed.counts["issues"]:
        print_lines(f"first digest: {', '.join((composed if composed.locked else delivered).lines())}")
        return not composed.locked
    told = explain_day(app.composer(), email, moment)
    shown, _ = preview_as(app.composer(), app.deliverer(), email, moment, "json")
    # Nothing is stored of a digest that would be empty now: it may still come at its hour.
    reason = shown["reason"] if isinstance(shown, dict) and not shown["stored"] else None
    print_lines(f"first digest: {'none yet: ' + reason if reason else told['sentence']}")
    return told["cause"] in (Cause.SENT, Cause.IN_FEED)


def _nothing_done() -> str:
    """What became of the set-up when the test mail did not leave, and what to do."""
    from digest.loading import config_path

    if config_path().is_file():
        return f"No reader was stored: correct {config_path()} if that is wrong, then run digest init again"
    return "No reader was stored and no settings were written: run digest init again with the right --send"


def _print_what_next(app: "App", answers: Answers, moment: "Moment") -> None:
    """Where things lie, and the commands that matter, as they work from anywhere."""
    from datetime import timedelta

    tomorrow = moment.today_in(answers.zone) + timedelta(days=1)
    mail = "" if app.settings.smtp_url else f"Mail lies in {app.data_dir / 'outbox'} (a Maildir). "
    print_lines(
        "",
        f"Your digest comes daily at {answers.hour:02d}:00 {answers.zone}, while digest serve runs as a "
        "service, or else with this line in your crontab:",
        f"  5 * * * * {_cron_command(app)}",
        f"{mail}Feeds lie in {app.feeds_dir}.",
        f"  digest preview {answers.email} --date {tomorrow}   shows the next one as it would be now",
        f"  digest why {answers.email}   says why nothing came",
    )


def _cron_command(app: "App") -> str:
    """``digest run`` with the program's whole path and these settings: cron knows neither."""
    import shlex
    import shutil

    from digest.loading import config_path

    program = Path(sys.executable).with_name("digest")
    digest = str(program) if program.exists() else shutil.which("digest") or "digest"
    settings = {"DIGEST_CONFIG": str(config_path().absolute()), "DIGEST_DATA_DIR": str(app.data_dir)}
    return shlex.join(
        ["env", *(f"{name}={value}" for name, value in settings.items()), digest, "run", "--quiet"]
    )


def _add_reader(app: "App", answers: Answers) -> str:
    """Add whoever is not there yet, and the interests; return the address as it is stored."""
    from digest.pipeline.readers import InterestWords, Schedule, add_interest, add_subscriber
    from digest.storage.subscribers import get_subscriber

    with app.database.read() as session:
        reader = get_subscriber(session, answers.email)
    if reader is None:
        schedule = Schedule(hour=answers.hour, zone=answers.zone)
        reader = add_subscriber(app.database, answers.email, schedule, active=True, now=app.now())
    for topic in answers.topics:
        add_interest(app.database, answers.email, topic, InterestWords(keywords=(topic,)), now=app.now())
    if answers.papers:
        words = InterestWords(examples=answers.papers)
        add_interest(app.database, answers.email, "Papers like these", words, now=app.now())
    return reader.email or answers.email


def _read_first_days(app: "App", moment: "Moment") -> "RefreshOutcome":
    from datetime import timedelta

    from digest.runs import run_refresh, summarise

    today = moment.today_in("UTC")
    days = [today - timedelta(days=back) for back in range(FIRST_DAYS - 1, -1, -1)]
    with progress("Reading the last seven days") as say:
        outcome = run_refresh(app, moment, days=days, progress=say)
    print_lines(*summarise([row.as_dict() for row in outcome.rows]))
    return outcome
