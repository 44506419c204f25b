"""What benches compare with, where it is not installed: put into a folder for one run."""

import importlib
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path


def install(packages: list[str], modules: list[str], folder: Path) -> None:
    """Make the modules importable here, from ``folder`` where they are missing; leave where that fails."""
    if all(find_spec(module) for module in modules):
        return
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    print(f"installing {', '.join(packages)} into a temporary folder", flush=True)
    try:
        subprocess.run([*command, "--target", str(folder), *packages], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        sys.exit(f"they could not be installed; do it by hand: uv pip install {' '.join(packages)}")
    sys.path.append(str(folder))
    importlib.invalidate_caches()
