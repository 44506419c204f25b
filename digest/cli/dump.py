"""Commands that turn everything into plain files and back: dump, load."""

from pathlib import Path
from typing import Annotated

import typer

from digest.cli.backup import tell_left_out
from digest.cli.state import Json, minute, note, print_json, print_lines, progress, state


def register(cli: typer.Typer) -> None:
    """Add this module's commands to the tree."""
    cli.command("dump")(dump)
    cli.command("load")(load)


def dump(
    context: typer.Context,
    target: Annotated[
        Path, typer.Argument(metavar="FOLDER|FILE", help="A new folder, or a file such as all.tar.gz.")
    ],
    with_key: Annotated[
        bool, typer.Option("--with-key", help="With the secret key: links that were mailed stay valid.")
    ] = False,
    with_pages: Annotated[
        bool, typer.Option("--pages/--no-pages", help="With the pages that were read, or without.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Write everything as plain files: a line of JSON for each row, pages as they are."""
    from digest.keeping import run_dump

    app = state(context).app
    with progress("Dumping") as say:
        made = run_dump(app, target, with_key=with_key, with_pages=with_pages, progress=say)
    if with_key and not made.has_key:
        note("digest: there is no secret.key, as where secret_key is set: take that setting along yourself")
    if as_json:
        print_json({"dump": str(target)} | made.as_dict())
        return
    told = made.as_dict()
    print_lines(
        f"{target}: {sum(told['rows'].values())} rows of {len(told['rows'])} tables, {told['files']} files"
    )
    if not with_key:
        print_lines("  without the secret key: links in mail that was sent need it (--with-key)")


def load(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(metavar="FOLDER|FILE", help="What digest dump wrote.")],
    armed: Annotated[
        bool, typer.Option("--armed", help="It may mail at once: only where the other machine is gone.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Fill an empty database, SQLite or PostgreSQL, from a dump. It does not mail until it is armed."""
    from digest.keeping import run_load

    settings = state(context).settings
    with progress("Loading") as say:
        loaded = run_load(settings, source, armed=armed, progress=say)
    if as_json:
        print_json(loaded.as_dict() | {"armed": armed})
    else:
        rows = sum(number for number, _ in loaded.dump.tables.values())
        print_lines(f"{rows} rows and {loaded.brought} files of {minute(loaded.dump.made_at)} loaded")
        if not armed:
            print_lines("  it does not mail until you say so: digest arm")
    if loaded.dump.has_key and settings.secret_key is not None:
        note("digest: secret_key is set, so the dump's secret.key does not count: see secret_key_old")
    tell_left_out(loaded.left_out)
