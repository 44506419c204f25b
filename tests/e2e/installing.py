"""A Python for deploy/make-venv.sh whose environments need no package index: their pip takes what is here.

Everything else is real: the environment, the build of the project from its source, and who calls what.
"""

import sys
import sysconfig
from pathlib import Path

__all__ = ["ROOT", "make_offline_python"]

ROOT = Path(__file__).resolve().parents[2]

# Stands in for python3: "-m venv FOLDER" makes an environment with the pip below.
PYTHON = """#!/bin/sh
if [ "$1 $2" = "-m venv" ]; then
    "{python}" -m venv --without-pip "$3" || exit
    cp -r "{pip}" "$3"/lib/python*/site-packages/
    exit
fi
exec "{python}" "$@"
"""
# "install -r PINS" lets the environment see what is installed here, of which the project is no part (an
# editable install is not followed); "install PROJECT" is done by the real pip, offline.
PIP = """
import subprocess, sys, sysconfig
from pathlib import Path

words = sys.argv[1:]
with open({log!r}, "a") as log:
    print(*words, file=log)
if Path({broken!r}).exists():
    sys.exit("no index")
if "-r" in words and "--target" not in words:
    Path(sysconfig.get_path("purelib"), "offline.pth").write_text({packages!r} + "\\n")
elif "-r" in words:
    Path(words[words.index("--target") + 1]).mkdir()
else:
    pip = [{python!r}, "-m", "pip", "--python", sys.executable]
    sys.exit(subprocess.run([*pip, *words]).returncode)
"""


def make_offline_python(folder: Path) -> tuple[Path, Path, Path]:
    """A Python in that folder, a file that logs what pip was asked, and one that breaks pip if made."""
    pip, log, broken = folder / "pip", folder / "asked", folder / "broken"
    pip.mkdir(parents=True)
    (pip / "__init__.py").touch()
    packages = sysconfig.get_path("purelib")
    filled = PIP.format(log=str(log), broken=str(broken), packages=packages, python=sys.executable)
    (pip / "__main__.py").write_text(filled)
    python = folder / "python3"
    python.write_text(PYTHON.format(python=sys.executable, pip=pip))
    python.chmod(0o755)
    return python, log, broken
