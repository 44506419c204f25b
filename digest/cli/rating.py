"""The command that lists papers for a reader to rate."""

from typing import Annotated

import typer

from digest.cli.state import Json, note, print_json, print_lines, state
from digest.templating import wrap
from digest.text import truncate

TITLE, BEGINNING = 100, 190


def register(cli: typer.Typer) -> None:
    """Add this module's command to the tree."""
    cli.command("rate")(rate)


def rate(
    context: typer.Context,
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="The reader's address.")],
    number: Annotated[int, typer.Option("--n", min=1, max=100, help="So many papers.")] = 10,
    as_json: Json = False,
) -> None:
    """List the papers whose rating would say most of a reader's taste. Stores nothing."""
    from digest.pipeline.rate_ten import list_to_rate

    here = state(context)
    found = list_to_rate(here.app.composer(), email, here.moment(), most=number)
    if as_json:
        print_json(found)
        return
    for one in found:
        beginning = wrap(truncate(one["abstract"], BEGINNING), TITLE, indent="    ")
        print_lines(f"#{one['id']}  {truncate(one['title'], TITLE)}", *beginning)
    if found:
        note(f"Say of each: digest feedback add {email} ID more|less; what comes next depends on it.")
    else:
        note("Nothing to rate: no paper was listed lately that this reader has not had or judged.")
