"""Commands on groups: ``digest group``."""

from dataclasses import asdict
from typing import Annotated

import typer

from digest.cli.readers import (
    Authors,
    Cadence,
    Called,
    Categories,
    Email,
    Examples,
    Hour,
    Keywords,
    Language,
    Musts,
    Unwanted,
    Weekday,
    Zone,
    interest_line,
    new_schedule,
    print_interest,
    schedule_line,
)
from digest.cli.state import Json, print_json, print_lines, state
from digest.errors import UsageError

Name = Annotated[str, typer.Argument(metavar="NAME", help="The group.")]
ListAddress = Annotated[
    str | None, typer.Option("--list", metavar="ADDRESS", help="A mailing list that gets one shared digest.")
]


def register(cli: typer.Typer) -> None:
    """Add this module's commands to the tree."""
    group = typer.Typer(help="Readers who share interests, and mailing lists.", no_args_is_help=True)
    group.command("add")(add_group)
    group.command("list")(list_groups)
    group.command("show")(show_group)
    group.command("change")(change_group)
    group.command("delete")(delete_group)
    group.command("join")(join_group)
    group.command("leave")(leave_group)
    interest = typer.Typer(help="What a group cares about.", no_args_is_help=True)
    interest.command("add")(add_interest)
    interest.command("list")(list_interests)
    interest.command("remove")(remove_interest)
    group.add_typer(interest, name="interest")
    cli.add_typer(group, name="group")


def add_group(
    context: typer.Context,
    name: Name,
    list_address: ListAddress = None,
    cadence: Cadence = None,
    weekday: Weekday = None,
    hour: Hour = None,
    zone: Zone = None,
    language: Language = None,
) -> None:
    """Make a group. Its interests join those of its members; with --list one digest goes to all."""
    from digest.pipeline.groups import add_group as add

    here = state(context)
    schedule = new_schedule(here.settings, cadence, weekday, hour, zone, language)
    made = add(here.app.database, name, schedule, list_address=list_address, now=here.app.now())
    print_lines(f"{made}: a group; say what it cares about: digest group interest add")


def list_groups(context: typer.Context, as_json: Json = False) -> None:
    """List all groups."""
    from digest.pipeline.groups import list_groups as report

    rows = report(state(context).app.database)
    if as_json:
        print_json(rows)
        return
    for row in rows:
        shared = f", one digest to {row['list']} ({row['status']})" if row["list"] else ""
        print_lines(f"{row['name']}: {row['members']} members, {row['interests']} interests{shared}")


def show_group(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """Show one group: its list, its interests, its members."""
    from digest.pipeline.groups import show_group as show

    shown = show(state(context).app.database, name)
    if as_json:
        print_json(shown)
        return
    print_lines(
        f"{shown['name']}: " + (f"{shown['list']}, {shown['status']}" if shown["list"] else "no list")
    )
    print_lines(*(f"  {schedule_line(row)}" for row in shown["subscriptions"] if shown["list"]))
    print_lines(*(f"  {interest_line(row)}" for row in shown["interests"]))
    print_lines(*(f"  {row['email'] or '(feed only)'}: {row['status']}" for row in shown["members"]))


def change_group(
    context: typer.Context,
    name: Name,
    list_address: ListAddress = None,
    no_list: Annotated[bool, typer.Option("--no-list", help="No shared digest any more.")] = False,
    cadence: Cadence = None,
    weekday: Weekday = None,
    hour: Hour = None,
    zone: Zone = None,
    language: Language = None,
) -> None:
    """Change a group's list address, and when and in which language its digest is made."""
    from digest.pipeline.groups import move_list, reschedule_group

    app = state(context).app
    if list_address is not None and no_list:
        raise UsageError("say --list or --no-list, not both")
    if list_address is not None or no_list:
        move_list(app.database, name, list_address, now=app.now())
    changed = reschedule_group(
        app.database, name, cadence=cadence, weekday=weekday, hour=hour, zone=zone, language=language
    )
    print_lines(f"{name}: {schedule_line(asdict(changed))}")


def delete_group(context: typer.Context, name: Name) -> None:
    """Delete a group and its interests; its members stay readers."""
    from digest.pipeline.groups import delete_group as delete

    delete(state(context).app.database, name)
    print_lines(f"{name}: deleted")


def join_group(
    context: typer.Context,
    name: Name,
    email: Annotated[list[str], typer.Argument(metavar="EMAIL…", help="The readers' addresses.")],
) -> None:
    """Let readers belong to a group."""
    from digest.pipeline.groups import join_group as join

    app = state(context).app
    print_lines(f"{name}: {join(app.database, name, email, app.now())} joined")


def leave_group(context: typer.Context, name: Name, email: Email) -> None:
    """Let a reader belong to a group no more."""
    from digest.pipeline.groups import leave_group as leave

    leave(state(context).app.database, name, email)
    print_lines(f"{name}: {email} left")


def add_interest(
    context: typer.Context,
    group: Name,
    name: Called,
    keyword: Keywords = None,
    must: Musts = None,
    not_keyword: Unwanted = None,
    author: Authors = None,
    category: Categories = None,
    example: Examples = None,
    as_json: Json = False,
) -> None:
    """Add an interest to a group, or add to the one of that name. Options may be repeated."""
    from digest.pipeline.groups import add_group_interest
    from digest.pipeline.readers import InterestWords

    app = state(context).app
    words = InterestWords(
        keywords=tuple(keyword or ()),
        must_keywords=tuple(must or ()),
        not_keywords=tuple(not_keyword or ()),
        authors=tuple(author or ()),
        categories=tuple(category or ()),
        examples=tuple(example or ()),
    )
    row, unmatched = add_group_interest(app.database, group, name, words, now=app.now())
    print_interest(group, row.name, unmatched, as_json=as_json)


def list_interests(context: typer.Context, group: Name, as_json: Json = False) -> None:
    """List a group's interests."""
    from digest.pipeline.groups import show_group as show

    rows = show(state(context).app.database, group)["interests"]
    if as_json:
        print_json(rows)
    else:
        print_lines(*map(interest_line, rows))


def remove_interest(
    context: typer.Context, group: Name, name: Annotated[str, typer.Option("--name", help="The interest.")]
) -> None:
    """Delete one of a group's interests."""
    from digest.pipeline.groups import remove_group_interest

    remove_group_interest(state(context).app.database, group, name)
    print_lines(f"{group}: {name} removed")
