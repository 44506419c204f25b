"""``digest init``: from nothing to the first digest in one conversation."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli.state import State, note, print_lines, progress, state
from digest.errors import UsageError

if TYPE_CHECKING:
    from digest.app import App
    from digest.pipeline.moment import Moment

FIRST_DAYS = 7


@dataclass(frozen=True)
class Answers:
    """What init needs to know."""

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
    asks = sys.stdin.isatty()
    topics, papers = tuple(topic or ()), tuple(paper or ())
    if not topics and not papers:
        text = _ask("What are you working on? A few topics, separated by commas", "--topic", asks=asks)
        topics = tuple(part.strip() for part in text.split(",") if part.strip())
    email = email or _ask("Your mail address", "--email", asks=asks)
    if send is None:
        question = "How to send: maildir, a provider (see README) or an smtp URL"
        send = _ask(question, "--send", "maildir") if asks else "maildir"
    smtp_url = _smtp_url(send, user or email, password_file, region, asks=asks)
    sender = mail_from or (email if smtp_url else None)
    answers = Answers(email, topics, papers, hour, zone or local_zone(), smtp_url, sender)
    _check(answers)
    _write_settings(answers)
    _start(state(context), answers)


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
    elif asks:
        password = str(typer.prompt("Password", hide_input=True, err=True))
    else:
        raise UsageError("nobody is there to type a password: give it with --password-file")
    return preset.smtp_url(user, password, region)


def _check(answers: Answers) -> None:
    from digest.pipeline.readers import Schedule, check_email

    check_email(answers.email)
    Schedule(hour=answers.hour, zone=answers.zone).checked()


def local_zone() -> str:
    """The machine's time zone by name, or UTC where it has none."""
    from tzlocal import get_localzone_name

    from digest.schedule import check_zone

    try:
        return check_zone(get_localzone_name() or "UTC")
    except (UsageError, OSError, LookupError):
        return "UTC"


def _write_settings(answers: Answers) -> None:
    """Make the settings file, readable by its owner alone; one that is there stays as it is."""
    from digest.config import config_path

    path = config_path()
    lines = [f"zone = {json.dumps(answers.zone)}", f"hour = {answers.hour}"]
    if answers.smtp_url:
        lines += [
            f"smtp_url = {json.dumps(answers.smtp_url)}",
            f"mail_from = {json.dumps(answers.mail_from)}",
        ]
    if path.exists():
        note(f"digest: {path} is there already and stays as it is")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(
            "# Made by digest init. Every key is explained in digest.example.toml.\n"
            + "\n".join(lines)
            + "\n"
        )
    note(f"digest: settings written to {path}")


def _start(here: State, answers: Answers) -> None:
    """Reader, test mail, the last days, the first digest."""
    from digest.pipeline.moment import Moment
    from digest.runs import run_deliver

    app = here.app
    _add_reader(app, answers)
    channel = app.channel()
    try:
        reply = app.deliverer().send_test(channel, answers.email, app.now())
    finally:
        channel.close()
    print_lines(f"test mail: {reply}")
    moment = Moment(app.now(), Moment.of(app.now()).today_in(answers.zone), pinned=True)
    _read_first_days(app, moment)
    composer = app.composer()
    counts = composer.compose(moment, only=answers.email)
    app.publisher().write(moment)
    delivered = run_deliver(app, moment)
    if counts["issues"]:
        print_lines(f"first digest: {', '.join(delivered.lines())}")
    else:
        from digest.pipeline.explain import explain_day

        print_lines(f"first digest: {explain_day(composer, answers.email, moment)['sentence']}")
    where = "" if answers.smtp_url else f"  mail lies in {app.data_dir / 'outbox'} (a Maildir)\n"
    print_lines(
        "",
        f"{where}  feeds lie in {app.feeds_dir}",
        "  every hour, from cron:     5 * * * * digest run",
        f"  see the next one:          digest preview {answers.email}",
        f"  if nothing comes:          digest why {answers.email}",
    )


def _add_reader(app: "App", answers: Answers) -> None:
    from digest.pipeline.readers import InterestWords, Schedule, add_interest, add_subscriber
    from digest.storage.subscribers import get_subscriber

    with app.database.read() as session:
        known = get_subscriber(session, answers.email)
    if known is None:
        schedule = Schedule(hour=answers.hour, zone=answers.zone)
        add_subscriber(app.database, answers.email, schedule, active=True, now=app.now())
    for topic in answers.topics:
        add_interest(app.database, answers.email, topic, InterestWords(keywords=(topic,)), now=app.now())
    if answers.papers:
        words = InterestWords(examples=answers.papers)
        add_interest(app.database, answers.email, "Papers like these", words, now=app.now())


def _read_first_days(app: "App", moment: "Moment") -> None:
    from datetime import timedelta

    from digest.runs import run_refresh

    today = moment.today_in("UTC")
    days = [today - timedelta(days=back) for back in range(FIRST_DAYS - 1, -1, -1)]
    with progress("Reading the last seven days") as say:
        outcome = run_refresh(app, moment, days=days, progress=say)
    print_lines(*outcome.lines())
