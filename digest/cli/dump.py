"""Commands that turn everything into plain files and back: dump, load."""

from pathlib import Path
from typing import Annotated

import typer

from digest.cli.state import Json, minute, print_json, print_lines, progress, state


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
    from digest.pipeline.dump import write_dump

    app = state(context).app
    with progress("Dumping") as say:
        made = write_dump(
            app.database,
            app.data_dir,
            target.absolute(),
            app.now(),
            with_key=with_key,
            with_pages=with_pages,
            progress=say,
        )
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

    with progress("Loading") as say:
        loaded = run_load(state(context).settings, source, armed=armed, progress=say)
    if as_json:
        print_json(loaded.as_dict() | {"armed": armed})
        return
    told = loaded.as_dict()
    print_lines(
        f"{sum(told['rows'].values())} rows and {told['files']} files of {minute(loaded.made_at)} loaded"
    )
    if not armed:
        print_lines("  it does not mail until you say so: digest arm")
