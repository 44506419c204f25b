"""What tells the operator that a unit failed: by the program, else by this machine's own mail."""

import importlib.util
import io
import os
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

from tests.cli_runner import ok, run
from tests.smtp_server import SmtpServer

SCRIPT = Path(__file__).resolve().parents[1] / "deploy" / "tell-failure"


def program(path: Path, lines: str) -> Path:
    path.write_text(f"#!/bin/sh\n{lines}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The script, with a journal that shows two lines, and none of its ways but those a test opens."""
    loader = SourceFileLoader("tell_failure", str(SCRIPT))
    spec = importlib.util.spec_from_loader("tell_failure", loader)
    assert spec is not None
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    shown = program(tmp_path / "journalctl", 'echo "$1: settings are wrong"; echo "ended with 2"')
    monkeypatch.setenv("PATH", f"{shown.parent}:{os.environ['PATH']}")
    for name in ("DIGEST", "SENDMAIL"):
        monkeypatch.setattr(module, name, str(tmp_path / "is not there"))
    monkeypatch.setattr(module, "LOCAL", ("127.0.0.1", 1))
    return module


def test_the_program_itself_is_asked_first(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With the unit and its last lines; then nobody else is."""
    digest = program(tmp_path / "digest", f'echo "$@" >{tmp_path}/words; cat >{tmp_path}/text')
    monkeypatch.setattr(script, "DIGEST", str(digest))
    monkeypatch.setattr(script, "by_local_server", None)
    assert script.main("digest-run") == 0
    assert (tmp_path / "words").read_text().startswith("mail operator --subject digest-run failed on ")
    text = (tmp_path / "text").read_text()
    assert "--unit=digest-run: settings are wrong\nended with 2" in text
    assert "digest doctor" in text


def test_where_the_program_fails_the_machines_mail_server_tells_root(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Broken settings are no reason for silence; why the program did not send it is in the journal."""
    monkeypatch.setattr(script, "DIGEST", str(program(tmp_path / "digest", "echo broken >&2; exit 2")))
    with SmtpServer() as relay:
        monkeypatch.setattr(script, "LOCAL", ("127.0.0.1", relay.port))
        assert script.main("digest") == 0
    (mail,) = relay.mails
    assert "root@localhost" in mail.recipient
    assert b"settings are wrong" in mail.data
    assert "by_digest: broken" in capsys.readouterr().err


def test_sendmail_is_the_last_way_and_then_it_fails(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Exit code 1 when nobody could be told."""
    assert script.main("digest") == 1
    sendmail = program(tmp_path / "sendmail", f'echo "$@" >{tmp_path}/words; cat >{tmp_path}/text')
    monkeypatch.setattr(script, "SENDMAIL", str(sendmail))
    assert script.main("digest") == 0
    assert (tmp_path / "words").read_text() == "-i root\n"
    assert "Subject: digest failed on" in (tmp_path / "text").read_text()


def test_a_journal_that_cannot_be_read_is_told_too(script: ModuleType, tmp_path: Path) -> None:
    """The mail goes all the same."""
    program(tmp_path / "journalctl", "echo no rights >&2; exit 1")
    assert "no rights" in script.journal("digest")


def test_the_program_mails_the_operator_without_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is on its input, as it is; nothing is opened but the way of sending."""
    monkeypatch.setenv("DIGEST_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.setenv("DIGEST_OPERATOR_ADDRESS", "ada@example.org")
    monkeypatch.setenv("DIGEST_MAIL_FROM", "digest@example.org")
    monkeypatch.setattr(sys, "stdin", io.StringIO("one <b>line\nanother\n"))
    with SmtpServer() as relay:
        monkeypatch.setenv("DIGEST_SMTP_URL", f"smtp://127.0.0.1:{relay.port}")
        told = ok("mail", "operator", "--subject", "It <failed>").out
    assert told.startswith("ada@example.org: ")
    (mail,) = relay.mails
    assert b"Subject: It <failed>" in mail.data
    assert b"one <b>line\r\nanother\r\n" in mail.data
    assert b"one &lt;b&gt;line" in mail.data


@pytest.mark.parametrize(("address", "text"), [("", "something"), ("ada@example.org", " \n")])
def test_nobody_to_tell_or_nothing_to_say_is_wrong_usage(
    address: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence with what to do."""
    if address:
        monkeypatch.setenv("DIGEST_OPERATOR_ADDRESS", address)
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    told = run("mail", "operator", "--subject", "x")
    assert told.code == 2
    assert ("standard input" if address else "operator_address") in told.err
