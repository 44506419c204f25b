"""What every test may rely on: a closed network, no settings from outside, the shared data if present."""

import gc
import ipaddress
import os
import shutil
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from digest.fetcher import Fetcher
from digest.storage.database import Database

# The same commit gets the same verdict: examples are chosen from the test's own text. What nobody thought of
# is looked for by `./run.sh test --hypothesis-profile=search`, which takes others each time.
settings.register_profile(
    "default", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.register_profile("search", settings.get_profile("default"), derandomize=False, print_blob=True)
settings.load_profile("default")

# Loading and collecting make millions of objects that stay to the end; no walk over them finds anything.
gc.disable()


def pytest_collection_finish() -> None:
    """Leave all that alone from here on, and collect what tests leave behind."""
    gc.freeze()
    gc.enable()


SHARED = Path(os.environ.get("DIGEST_SHARED", Path(__file__).resolve().parents[2] / "shared"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real pages and corpora; not part of the project, so tests that need it may skip."""
    if not (SHARED / "pages").is_dir():
        pytest.skip("the shared data folder is not beside this checkout (set DIGEST_SHARED)")
    return SHARED


def _is_loopback(host: object) -> bool:
    try:
        return ipaddress.ip_address(str(host).split("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


@pytest.fixture(autouse=True)
def _closed_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may reach beyond loopback; one that tries fails."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
            raise AssertionError(f"a test tried to reach {address[0]}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """DIGEST_… variables and .env or digest.toml files of the developer do not reach tests."""
    for name in [name for name in os.environ if name.startswith("DIGEST_") and name != "DIGEST_SHARED"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg-config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg-data"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def _pauses_are_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it asks again, a fetcher that was given no clock of its own waits a hundredth of the time."""
    defaults = Fetcher.__init__.__kwdefaults__
    monkeypatch.setitem(defaults, "sleep", lambda seconds: time.sleep(seconds / 100))


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the newest schema, made once by the migrations."""
    path = tmp_path_factory.mktemp("migrated") / "digest.db"
    database = Database(f"sqlite:///{path}")
    database.upgrade()
    database.close()
    return path


@pytest.fixture(autouse=True)
def _new_databases_are_copies(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, migrated_file: Path
) -> None:
    """A new SQLite file is a copy of one that the migrations made: they take a quarter of a second.

    A test marked ``migrates`` has each made by the migrations.
    """
    if request.node.get_closest_marker("migrates"):
        return
    upgrade = Database.upgrade

    def copied(self: Database) -> bool:
        if self.path is None or self.path.exists():
            return upgrade(self)
        beside = self.path.with_name(f"{self.path.name}.new")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(migrated_file, beside)
            beside.chmod(0o600)
            beside.rename(self.path)
        except OSError:
            return upgrade(self)  # which says what is wrong
        upgrade(self)
        return True

    monkeypatch.setattr(Database, "upgrade", copied)
