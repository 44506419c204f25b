"""The command that looks for what is wrong with an installation: ``digest doctor``."""

from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli.state import Json, State, leave, print_json, print_lines, state
from digest.errors import ConfigError, DigestError

if TYPE_CHECKING:
    from digest.pipeline.doctor_checks import Patient


def register(cli: typer.Typer) -> None:
    """Add this module's commands to the tree."""
    cli.command("doctor")(doctor)


def doctor(
    context: typer.Context,
    offline: Annotated[
        bool, typer.Option("--offline", help="Leave out what asks the network: sources, mail server, DNS.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Look for what is wrong, and say how to mend it. Changes and sends nothing.

    Exit code 0: all is well; 1: something is wrong; 2: the settings are.
    """
    from digest.cli.state import progress
    from digest.pipeline.doctor import examine
    from digest.pipeline.doctor_checks import make_checks

    patient = _patient(state(context), offline=offline)
    with progress("Looking"):
        diagnosis = examine(make_checks(patient))
    print_json(diagnosis.as_dict()) if as_json else print_lines(*diagnosis.lines())
    if diagnosis.is_unfinished:
        leave(diagnosis.exit_code)  # a check that hangs would be waited for
    if diagnosis.exit_code:
        raise typer.Exit(diagnosis.exit_code)


def _patient(here: State, *, offline: bool) -> "Patient":
    """The installation as far as it can be put together; nothing is made, opened or upgraded."""
    from datetime import UTC, datetime

    from digest.app import App
    from digest.logs import set_up_logging
    from digest.pipeline.doctor_checks import Patient
    from digest.storage.database import Database

    now = here.fixed_now or datetime.now(UTC)
    try:
        settings = here.settings
        set_up_logging(settings.log_level, form=settings.log_format)
        app = App(settings, Database(settings.effective_database_url), here.fixed_now)
        return Patient(now, settings, app.database, tuple(app.sources()), offline=offline)
    except ConfigError as error:
        return Patient(now, faults=error.faults, offline=offline)
    except DigestError as error:
        return Patient(now, faults=(str(error),), offline=offline)
