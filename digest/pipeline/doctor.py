"""``digest doctor``: all checks side by side, each on its own, none longer than its deadline.

What a check says is its own business (see :mod:`digest.pipeline.doctor_checks`); here is what holds for all:
one that fails, hangs or has a bug is told as such, and keeps no other from looking.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from digest.errors import DigestError

__all__ = ["SETTINGS", "Check", "Diagnosis", "Finding", "Level", "examine"]

# The check whose faults are told by an exit code of their own.
SETTINGS = "settings"


class Level(StrEnum):
    """How a finding is meant; only ``wrong`` makes the exit code fail."""

    WELL = "well"
    NOTE = "note"
    """Worth knowing; it works without."""
    SKIPPED = "skipped"
    """Not looked at, and why."""
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence on one thing, and one on what mends it (not for what is well)."""

    check: str
    level: Level
    sentence: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """Something to look at. ``look`` gives its findings; it may raise, and may hang.

    ``late`` is what it means that it has not ended by its deadline.
    """

    name: str
    look: Callable[[], Iterable[Finding]]
    deadline_s: float = 10.0
    late: Level = Level.WRONG


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All findings, in the order of the checks. ``is_unfinished``: a check still hangs in its thread."""

    findings: Sequence[Finding]
    is_unfinished: bool = False

    @property
    def exit_code(self) -> int:
        """0 where nothing is wrong, 2 where the settings are, else 1."""
        wrong = [one.check for one in self.findings if one.level is Level.WRONG]
        return 2 if SETTINGS in wrong else int(bool(wrong))

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"ok": not self.exit_code, "findings": [asdict(one) for one in self.findings]}

    def lines(self) -> list[str]:
        """For a person."""
        width = max((len(one.check) for one in self.findings), default=0)
        lines = []
        for one in self.findings:
            lines.append(f"{one.level.upper():7}  {one.check:{width}}  {one.sentence}")
            if one.mend:
                lines.append(f"{'':{width + 9}}  → {one.mend}")
        wrong = sum(one.level is Level.WRONG for one in self.findings)
        return [*lines, f"{wrong} to mend" if wrong else "nothing to mend"]


class _Look:
    """One check in a thread of its own, which nobody has to wait for."""

    def __init__(self, check: Check) -> None:
        self.check = check
        self._found: list[Finding] | None = None
        self._thread = threading.Thread(target=self._work, name=f"doctor-{check.name}", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            self._found = list(self.check.look())
        except DigestError as error:
            self._found = [Finding(self.check.name, Level.WRONG, str(error), "mend what this says")]
        except PermissionError as error:
            sentence = f"this user may not look into {error.filename}"
            mend = "run this as the user that the data directory belongs to, or see folder"
            self._found = [Finding(self.check.name, Level.WRONG, sentence, mend)]
        except Exception as error:
            # A bug of one check must not hide what the others find.
            self._found = [
                Finding(
                    self.check.name,
                    Level.WRONG,
                    f"this check itself failed ({type(error).__name__}: {error})",
                    "report it as a bug of this program, with these words",
                )
            ]

    def wait(self, seconds: float) -> tuple[list[Finding], bool]:
        """What was found within so many seconds, and whether it came to its end."""
        self._thread.join(max(seconds, 0.0))
        if self._found is not None:
            return self._found, True
        sentence = f"no answer within {self.check.deadline_s:g} s"
        mend = "see what keeps it busy, a slow disk or network above all, and try again"
        return [Finding(self.check.name, self.check.late, sentence, mend)], False


def examine(checks: Sequence[Check]) -> Diagnosis:
    """Make all checks at once; what has not answered by its deadline is told as that and left behind."""
    began = time.monotonic()
    looks = [_Look(check) for check in checks]
    findings: list[Finding] = []
    is_unfinished = False
    for look in looks:
        found, ended = look.wait(began + look.check.deadline_s - time.monotonic())
        findings += found
        is_unfinished = is_unfinished or not ended
    return Diagnosis(findings, is_unfinished)
