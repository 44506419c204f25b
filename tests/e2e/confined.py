"""Runs a command as a unit of systemd would confine it, where no systemd is at work.

Started as a program, it takes the unit's file and a command: no capability, only the system calls of its
SystemCallFilter=, no memory that is written and then executed. ``namespaced`` puts the unit's view of /proc
around it.
"""

import ctypes
import errno
import os
import subprocess
import sys
from ctypes.util import find_library
from pathlib import Path

__all__ = ["LIBRARY", "allowed_calls", "namespaced", "values"]

LIBRARY = find_library("seccomp")
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
PR_CAPBSET_DROP, PR_SET_MDWE, MDWE_REFUSE_EXEC_GAIN = 24, 65, 1
CAPABILITIES = 41


def values(unit: Path, name: str) -> list[str]:
    """What the unit sets under that name, in order."""
    lines = (line.partition("=") for line in unit.read_text(encoding="utf-8").splitlines())
    return [value.strip() for key, _, value in lines if key == name]


def _sets() -> dict[str, set[str]]:
    """The groups of system calls as systemd knows them."""
    listed = subprocess.run(
        ["systemd-analyze", "--no-pager", "syscall-filter"], capture_output=True, text=True, check=True
    )
    found: dict[str, set[str]] = {}
    name = ""
    for line in listed.stdout.splitlines():
        if line.startswith("@"):
            name = line.strip()
            found[name] = set()
        elif line.startswith("    ") and not line.strip().startswith("#") and name:
            found[name].add(line.strip())
    return found


def allowed_calls(unit: Path) -> set[str]:
    """The names of the system calls that the unit may make."""
    sets = _sets()

    def resolve(word: str) -> set[str]:
        return set().union(*map(resolve, sets[word])) if word.startswith("@") else {word}

    allowed = resolve("@default")
    for line in values(unit, "SystemCallFilter"):
        named = set().union(*map(resolve, line.removeprefix("~").split()))
        allowed = allowed - named if line.startswith("~") else allowed | named
    return allowed


def namespaced(command: list[str]) -> list[str]:
    """The command in mounts and processes of its own, with /proc as ProcSubset=pid shows it."""
    mount = 'mount -t proc -o subset=pid proc /proc && exec "$@"'
    return ["unshare", "--mount", "--pid", "--fork", "sh", "-c", mount, "sh", *command]


def _confine(calls: set[str]) -> None:
    library = ctypes.CDLL(LIBRARY)
    library.seccomp_init.restype = ctypes.c_void_p
    rule = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(REFUSE)))
    for name in calls:
        number = library.seccomp_syscall_resolve_name(name.encode())
        # Negative: calls of other architectures.
        if number >= 0 and library.seccomp_rule_add(rule, ctypes.c_uint32(ALLOW), number, 0) != 0:
            raise OSError(f"no rule for {name}")
    libc = ctypes.CDLL(None, use_errno=True)
    for number in range(CAPABILITIES):
        libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)
    # Kernels before 6.3 do not know it.
    libc.prctl(PR_SET_MDWE, MDWE_REFUSE_EXEC_GAIN, 0, 0, 0)
    if library.seccomp_load(rule) != 0:
        raise OSError("the filter could not be loaded")


if __name__ == "__main__":
    _confine(allowed_calls(Path(sys.argv[1])))
    os.execv(sys.argv[2], sys.argv[2:])
