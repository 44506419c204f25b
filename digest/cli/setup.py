"""Commands that start and look after the program: init, demo, db."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from digest.cli.state import Json, print_json, print_lines, state


def register(cli: typer.Typer) -> None:
    """Add this module's commands to the tree."""
    from digest.cli.init import init

    cli.command("init")(init)
    cli.command("demo")(demo)
    database = typer.Typer(help="The database.", no_args_is_help=True)
    database.command("upgrade")(upgrade)
    cli.add_typer(database, name="db")


def demo(
    data_dir: Annotated[Path, typer.Option("--data-dir", help="Where the demo keeps its data.")] = Path(
        "demo-data"
    ),
) -> None:
    """Run the main job over five invented days, on this machine alone."""
    from digest.demo.run import run_demo

    run_demo(data_dir)


def upgrade(context: typer.Context, as_json: Json = False) -> None:
    """Bring the database up to date; nothing happens where it is."""
    from digest.app import prepare_data_dir
    from digest.storage.database import Database

    settings = state(context).settings
    prepare_data_dir(settings)
    with closing(Database(settings.effective_database_url)) as database:
        changed = database.upgrade()
    if as_json:
        print_json({"upgraded": changed})
    else:
        print_lines("the database was upgraded" if changed else "the database is up to date")
