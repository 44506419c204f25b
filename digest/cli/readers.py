"""Commands on readers: subscriber, interest, feedback."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digest.cli.importing import import_subscribers
from digest.cli.state import Json, note, parse_date, print_json, print_lines, state
from digest.errors import UsageError
from digest.translation import LANGUAGES

if TYPE_CHECKING:
    from digest.config import Settings
    from digest.pipeline.readers import Schedule

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The reader's address.")]
Words = list[str]

# What an interest is made of: the same words for a reader's and for a group's.
Called = Annotated[str, typer.Option("--name", help="What to call it.")]
Keywords = Annotated[Words | None, typer.Option("--keyword", help="A word or phrase; its^2 weighs twice.")]
Musts = Annotated[Words | None, typer.Option("--must", help="One of these must be in the paper.")]
Unwanted = Annotated[Words | None, typer.Option("--not-keyword", help="Keeps a paper out.")]
Authors = Annotated[Words | None, typer.Option("--author", help="An author, ORCID=Name, or group:Name.")]
Categories = Annotated[Words | None, typer.Option("--category", help="Such as cs.CL.")]
Examples = Annotated[Words | None, typer.Option("--example", help="A paper: id, link or title.")]
# When a digest comes, and in which language; the same words for a reader's and for a list's.
Cadence = Annotated[str | None, typer.Option("--cadence", help="daily, weekdays or weekly.")]
Weekday = Annotated[str | None, typer.Option("--weekday", help="For weekly: mon … sun.")]
Hour = Annotated[int | None, typer.Option("--hour", help="0 to 23, in the zone.")]
Zone = Annotated[str | None, typer.Option("--zone", metavar="Area/City", help="The zone of reader or list.")]
Language = Annotated[str | None, typer.Option("--language", help="en or de; default: that of the settings.")]
# Of a list in one line.
MOST_SHOWN = 10


def register(cli: typer.Typer) -> None:
    """Add this module's commands to the tree."""
    subscriber = typer.Typer(help="Who is served, and when.", no_args_is_help=True)
    subscriber.command("add")(add_subscriber)
    subscriber.command("list")(list_subscribers)
    subscriber.command("show")(show_subscriber)
    subscriber.command("change")(change_subscriber)
    subscriber.command("activate")(activate_subscriber)
    subscriber.command("pause")(pause_subscriber)
    subscriber.command("remove")(remove_subscriber)
    subscriber.command("import")(import_subscribers)
    cli.add_typer(subscriber, name="subscriber")
    interest = typer.Typer(help="What a reader cares about.", no_args_is_help=True)
    interest.command("add")(add_interest)
    interest.command("list")(list_interests)
    interest.command("remove")(remove_interest)
    cli.add_typer(interest, name="interest")
    feedback = typer.Typer(help="What a reader says of a paper.", no_args_is_help=True)
    feedback.command("add")(add_feedback)
    cli.add_typer(feedback, name="feedback")


def add_subscriber(
    context: typer.Context,
    email: Email,
    cadence: Cadence = None,
    weekday: Weekday = None,
    hour: Hour = None,
    zone: Zone = None,
    language: Language = None,
    active: Annotated[bool, typer.Option("--active", help="Serve at once, without a confirmation.")] = False,
    feed_only: Annotated[bool, typer.Option("--feed-only", help="No mail, only the private feed.")] = False,
    as_json: Json = False,
) -> None:
    """Add a reader. Without --active they are unconfirmed and get nothing until activated."""
    from digest.pipeline.readers import add_subscriber as add

    here = state(context)
    schedule = new_schedule(here.settings, cadence, weekday, hour, zone, language)
    row = add(here.app.database, email, schedule, active=active, now=here.app.now(), feed_only=feed_only)
    shown = _show(context, row.email or email)
    if as_json:
        print_json(shown)
    else:
        hint = "" if active else f"; digest subscriber activate {row.email} when they agreed"
        print_lines(f"{row.email}: {row.status}{hint}")


def new_schedule(
    settings: "Settings",
    cadence: str | None,
    weekday: str | None,
    hour: int | None,
    zone: str | None,
    language: str | None,
) -> "Schedule":
    """What is given of a schedule; the rest as the settings have it."""
    from digest.pipeline.readers import DEFAULT_LANGUAGE, Schedule

    return Schedule(
        cadence=cadence or "daily",
        weekday=weekday or "mon",
        hour=settings.hour if hour is None else hour,
        zone=zone or settings.zone,
        language=None if language == DEFAULT_LANGUAGE else language,
    )


def schedule_line(row: Mapping[str, Any]) -> str:
    """When somebody is served, in one line."""
    day = f" on {row['weekday']}" if row["cadence"] == "weekly" else ""
    spoken = f", in {LANGUAGES[row['language']]}" if row["language"] in LANGUAGES else ""
    return f"{row['cadence']}{day} at {row['hour']:02d}:00 {row['zone']}{spoken}"


def list_subscribers(context: typer.Context, as_json: Json = False) -> None:
    """List all readers."""
    from digest.pipeline.reports import list_subscribers as report

    rows = report(state(context).app.database)
    if as_json:
        print_json(rows)
    else:
        print_lines(*(f"{row['email'] or '(feed only)'}: {row['status']}" for row in rows))
    if not rows:
        place = state(context).app.database.place
        note(f"digest: no reader in {place}; digest init makes one, DIGEST_DATA_DIR names another place")


def show_subscriber(context: typer.Context, email: Email, as_json: Json = False) -> None:
    """Show one reader: schedule, interests, groups, private feeds, and how they agreed."""
    from digest.pipeline.consent import consent_line

    shown = _show(context, email)
    if as_json:
        print_json(shown)
        return
    print_lines(f"{shown['email']}: {shown['status']}")
    print_lines(*(f"  {schedule_line(row)}" for row in shown["subscriptions"]))
    print_lines(*(f"  {interest_line(row)}" for row in shown["interests"]))
    print_lines(*(f"  belongs to {name}" for name in shown["groups"]))
    print_lines(*(f"  agreed {consent_line(row)}" for row in shown["consents"]))
    print_lines(*(f"  {kind}: {where}" for kind, where in shown["feeds"].items()))


def _show(context: typer.Context, email: str) -> dict[str, Any]:
    from digest.pipeline.readers import get_subscriber
    from digest.pipeline.readers import show_subscriber as show

    app = state(context).app
    with app.database.read() as session:
        found = get_subscriber(session, email)
        return show(session, found, base_url=app.settings.base_url, feeds_dir=app.feeds_dir)


def change_subscriber(
    context: typer.Context,
    email: Email,
    cadence: Cadence = None,
    weekday: Weekday = None,
    hour: Hour = None,
    zone: Zone = None,
    language: Language = None,
) -> None:
    """Change when a reader is served, and in which language (or default)."""
    from digest.pipeline.readers import change_schedule

    database = state(context).app.database
    changed = change_schedule(
        database, email, cadence=cadence, weekday=weekday, hour=hour, zone=zone, language=language
    )
    print_lines(f"{email}: {schedule_line(asdict(changed))}")


def activate_subscriber(context: typer.Context, email: Email) -> None:
    """Serve a reader who was unconfirmed or paused."""
    from digest.pipeline.readers import activate_subscriber as activate

    app = state(context).app
    row = activate(app.database, email, now=app.now())
    print_lines(f"{row.email}: {row.status}")


def pause_subscriber(
    context: typer.Context,
    email: Email,
    until: Annotated[
        str | None, typer.Option("--until", metavar="YYYY-MM-DD", help="The first day to serve again.")
    ] = None,
) -> None:
    """Send nothing, until a day or until activated again."""
    from digest.pipeline.readers import pause_subscriber as pause

    app = state(context).app
    row = pause(app.database, email, until=parse_date(until) if until else None, now=app.now())
    print_lines(f"{row.email}: {row.status}" + (f" until {until}" if until else ""))


def remove_subscriber(context: typer.Context, email: Email) -> None:
    """Delete a reader and everything stored about them."""
    from digest.pipeline.readers import remove_subscriber as remove

    app = state(context).app
    remove(app.database, email, app.feeds_dir)
    print_lines(f"{email}: removed")


def add_interest(
    context: typer.Context,
    email: Email,
    name: Called,
    keyword: Keywords = None,
    must: Musts = None,
    not_keyword: Unwanted = None,
    author: Authors = None,
    category: Categories = None,
    example: Examples = None,
    only_examples: Annotated[
        bool, typer.Option("--only-examples", help="Learn from these papers alone: no feedback joins them.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Add an interest, or add to the one of that name. Options may be repeated."""
    from digest.pipeline.readers import InterestWords
    from digest.pipeline.readers import add_interest as add

    app = state(context).app
    words = InterestWords(
        keywords=tuple(keyword or ()),
        must_keywords=tuple(must or ()),
        not_keywords=tuple(not_keyword or ()),
        authors=tuple(author or ()),
        categories=tuple(category or ()),
        examples=tuple(example or ()),
        only_examples=only_examples,
    )
    row, unmatched = add(app.database, email, name, words, now=app.now())
    print_interest(email, row.name, unmatched, as_json=as_json)


def print_interest(whose: str, name: str, unmatched: list[str], *, as_json: bool) -> None:
    """Say what an interest is called, and which of its examples match no stored paper."""
    for text in unmatched:
        note(f"digest: {text!r} matches no stored paper yet; its words count, and the paper once it is read")
    if as_json:
        print_json({"name": name, "unmatched": unmatched})
    else:
        print_lines(f"{whose}: {name}")


def list_interests(context: typer.Context, email: Email, as_json: Json = False) -> None:
    """List a reader's interests."""
    rows = _show(context, email)["interests"]
    if as_json:
        print_json(rows)
        return
    print_lines(*map(interest_line, rows))


def interest_line(row: dict[str, Any]) -> str:
    """An interest in one line; of a library only the beginning."""
    parts = [
        f"{name} {', '.join(value[:MOST_SHOWN])}"
        + (f" and {len(value) - MOST_SHOWN:,} more" if len(value) > MOST_SHOWN else "")
        for name, value in row.items()
        if isinstance(value, list) and value
    ]
    return f"{row['name']}: " + "; ".join([*parts, *(["only examples"] if row["only_examples"] else [])])


def remove_interest(
    context: typer.Context,
    email: Email,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The interest.")] = None,
    name_option: Annotated[str | None, typer.Option("--name", help="The interest.")] = None,
) -> None:
    """Delete one of a reader's interests."""
    from digest.pipeline.readers import remove_interest as remove

    chosen = name or name_option
    if chosen is None:
        raise UsageError("say which interest to remove (digest interest list EMAIL)")
    remove(state(context).app.database, email, chosen)
    print_lines(f"{email}: {chosen} removed")


def add_feedback(
    context: typer.Context,
    email: Email,
    paper: Annotated[str, typer.Argument(metavar="PAPER", help="Id, arXiv id, DOI or exact title.")],
    kind: Annotated[str, typer.Argument(metavar="more|less|saved|seen", help="What they say of it.")],
    interest: Annotated[str | None, typer.Option("--interest", help="The interest it speaks for.")] = None,
) -> None:
    """Record what a reader says of a paper."""
    from digest.pipeline.readers import add_feedback as add

    app = state(context).app
    row = add(app.database, email, paper, kind, interest=interest, now=app.now())
    print_lines(f"{email}: {kind}: {row.title}")
