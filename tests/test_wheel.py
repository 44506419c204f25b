"""What is shipped: the wheel holds all it needs, and works in an empty environment and in a checkout."""

import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

LOAD_TEMPLATE = "import digest, digest.templating as t; t.environment().get_template('mail/issue.html')"
ROOT = Path(__file__).resolve().parents[1]
# As it is before tests change it: pip needs the machine's own settings to find its index and cache.
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("DIGEST_", "COV_", "COVERAGE_", "PYTEST_")) and name != "PYTHONPATH"
}


def run(*command: str | Path, cwd: Path, **more: str) -> str:
    """What a command prints; a failure shows all of it."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=ENVIRONMENT | more,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=600,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def shipped_files() -> Iterator[str]:
    """What the checkout holds and the wheel must hold, by the names it has there."""
    for folder, prefix in (("digest", "digest"), ("templates", "digest/templates")):
        for file in (ROOT / folder).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                yield f"{prefix}/{file.relative_to(ROOT / folder).as_posix()}"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution by the environment's own hatchling, offline."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-d", folder / "source", "-t", "sdist", cwd=ROOT)
    (archive,) = (folder / "source").glob("*.tar.gz")
    offline = ("--no-index", "--no-deps", "--no-build-isolation", "--quiet", "--disable-pip-version-check")
    run(sys.executable, "-m", "pip", "wheel", *offline, "-w", folder, archive, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs' folder of an empty environment with the pinned requirements and the wheel."""
    place = tmp_path_factory.mktemp("an empty environment")
    venv.create(place, with_pip=True)
    programs = place / ("Scripts" if os.name == "nt" else "bin")
    install = (programs / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    run(*install, "--no-compile", "--require-hashes", "-r", ROOT / "requirements" / "run.txt", cwd=place)
    run(*install, "--no-deps", "--no-index", wheel, cwd=place)
    return programs


@pytest.mark.wheel
def test_the_wheel_holds_every_file(wheel: Path) -> None:
    """Modules, templates, migrations and the demonstration's data are inside; tests and benches are not."""
    names = set(zipfile.ZipFile(wheel).namelist())
    assert sorted(set(shipped_files()) - names) == []
    assert {name.split("/")[0] for name in names} == {"digest", f"{wheel.name.split('-py3')[0]}.dist-info"}
    for kind in ("templates/mail/", "templates/feed/", "storage/migrations/versions/", "demo/"):
        assert any(name.startswith(f"digest/{kind}") for name in names), kind
    assert any(name.endswith("licenses/LICENSE") for name in names)


@pytest.mark.wheel
def test_the_wheel_works_in_an_empty_environment(installed: Path, tmp_path: Path) -> None:
    """The pinned runtime requirements suffice; the command finds its templates, migrations and demo."""
    own = {
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "DIGEST_DATA_DIR": str(tmp_path / "digest"),
    }
    run(installed / "python", "-m", "pip", "check", cwd=tmp_path)
    assert "compose" in run(installed / "digest", "--help", cwd=tmp_path, **own)
    run(installed / "digest", "db", "upgrade", cwd=tmp_path, **own)
    assert (tmp_path / "digest" / "digest.db").is_file()
    code = f"{LOAD_TEMPLATE}; print(t.templates_folder())"
    found = run(installed / "python", "-c", code, cwd=tmp_path)
    assert installed.parent.resolve() in Path(found.strip()).resolve().parents
    run(installed / "digest", "demo", cwd=tmp_path, **own)
    assert list((tmp_path / "demo-data").rglob("outbox/new/*"))


def test_a_checkout_finds_its_templates(tmp_path: Path) -> None:
    """In an editable install the templates lie beside the package, from whatever folder it is started."""
    code = f"{LOAD_TEMPLATE}; print(digest.__file__); print(t.templates_folder())"
    printed = run(sys.executable, "-c", code, cwd=tmp_path, PYTHONPATH=str(ROOT))
    package, templates = printed.splitlines()
    assert Path(package) == ROOT / "digest" / "__init__.py"
    assert Path(templates) == ROOT / "templates"
