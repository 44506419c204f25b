"""Runs the command line in this process, as a person would from a shell."""

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any

from digest.cli import main


@dataclass(frozen=True)
class Ran:
    """What one command did."""

    code: int
    out: str
    err: str
    raw: bytes

    @property
    def json(self) -> Any:
        """Its stdout as JSON."""
        return json.loads(self.out)


def run(*words: str) -> Ran:
    """Run ``digest WORDS`` with the settings of the current directory and environment."""
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="utf-8", write_through=True)
    err = io.StringIO()
    code = 0
    with redirect_stdout(out), redirect_stderr(err):
        try:
            main(list(words))
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
    out.flush()
    return Ran(code, raw.getvalue().decode("utf-8"), err.getvalue(), raw.getvalue())


def ok(*words: str) -> Ran:
    """The same for a command that must succeed."""
    ran = run(*words)
    assert ran.code == 0, f"digest {' '.join(words)} exited {ran.code}: {ran.err or ran.out}"
    return ran
