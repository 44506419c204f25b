"""Commands about the way mail leaves: ``digest mail check``, ``test`` and ``operator``."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from digest.cli.state import Json, note, print_json, print_lines, state
from digest.errors import DeliveryError, StorageError, UsageError


def register(cli: typer.Typer) -> None:
    """Add this module's commands to the tree."""
    mail = typer.Typer(help="The way mail leaves, and what receivers look up about it.", no_args_is_help=True)
    mail.command("check")(check)
    mail.command("test")(send_test)
    mail.command("operator")(tell_operator)
    cli.add_typer(mail, name="mail")


def check(
    context: typer.Context,
    nameserver: Annotated[
        str | None,
        typer.Option("--nameserver", metavar="ADDRESS[:PORT]", help="Ask this name server."),
    ] = None,
    sends_from: Annotated[
        list[str] | None,
        typer.Option("--sends-from", metavar="IP", help="An address your relay sends from; may be repeated."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Look up SPF, DKIM, DMARC and MX of your domains, and say what is missing. Sends nothing."""
    from digest.domains import DnsResolver
    from digest.pipeline.mail_check import check_mail, nothing_to_check, setup_of
    from digest.pipeline.mail_probe import probe_server

    here = state(context)
    setup = setup_of(here.settings, tuple(sends_from or ()))
    now = here.fixed_now or datetime.now(UTC)
    # Where nothing is asked, it does not matter that this machine names no name server.
    resolver = None if nothing_to_check(setup) else DnsResolver(nameserver)
    result = check_mail(setup, resolver, lambda url: probe_server(url, now=now))
    print_json(result.as_dict()) if as_json else print_lines(*result.lines())
    if not result.ok:
        raise typer.Exit(1)


def send_test(
    context: typer.Context,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Where the test mail goes.")],
    as_json: Json = False,
) -> None:
    """Send a test mail the way digests go, and say what the server answered."""
    from digest.pipeline.letters import make_test_letter
    from digest.pipeline.readers import check_email
    from digest.runs import run_letter

    here = state(context)
    address = check_email(address)
    app, way = here.app, here.settings.way
    letter = make_test_letter(here.settings.list_name, address, app.now())
    try:
        reply = run_letter(app, letter, here.moment())
    except (DeliveryError, StorageError) as error:
        if as_json:
            print_json({"sent": False, "address": address, "channel": way, "error": str(error)})
        else:
            note(f"digest: {error}")
            note(f"digest: {_LOOK_HERE}")
        raise typer.Exit(1) from error
    if as_json:
        print_json({"sent": True, "address": address, "channel": way, "reply": reply})
    else:
        print_lines(f"{address}: {reply}", _STORED if way in ("maildir", "mbox") else _HANDED_OVER)


_LOOK_HERE = "the server's own words say what it minds; digest mail check says what is missing"
_HANDED_OVER = (
    "That is the answer to handing it over, not the reader's inbox. If nothing comes, look into the spam "
    "folder, then at what digest mail check says."
)
_STORED = "It goes no further than that; set smtp_url to send to other machines."


def tell_operator(
    context: typer.Context,
    subject: Annotated[str, typer.Option("--subject", help="What the mail is about.")],
) -> None:
    """Mail what standard input says to operator_address, at once; needs no database."""
    import sys

    from digest.app import channel_opener
    from digest.pipeline.operator_mail import OperatorMail, send_operator_mail

    here = state(context)
    settings = here.settings
    if settings.operator_address is None:
        raise UsageError("nobody is to be told: set operator_address")
    text = sys.stdin.read()
    if not text.strip():
        raise UsageError("there is nothing to send: give the text on standard input")
    mail = OperatorMail(settings.sender, settings.list_name, settings.operator_address, subject, text)
    now = here.fixed_now or datetime.now(UTC)
    reply = send_operator_mail(channel_opener(settings)(), mail, now)
    print_lines(f"{settings.operator_address}: {reply}")
