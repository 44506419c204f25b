"""The units as text: every line that tightens has its reason, and all units are as tight."""

import re
from pathlib import Path

import pytest

from digest.checking import read_settings

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
# What differs rightly: how much one may take, and the group that reads the journal.
OWN = {"MemoryMax", "TasksMax", "OOMPolicy", "PrivateUsers"}


def hardening(unit: Path) -> list[str]:
    """The lines below the headings of what it may touch and do, up to the next section."""
    text = unit.read_text(encoding="utf-8")
    return text[text.index("# --- what it may touch ---") :].partition("\n[")[0].splitlines()


def settings(unit: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in unit.read_text(encoding="utf-8").splitlines():
        name, mark, value = line.partition("=")
        if mark and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_each_hardening_line_has_its_reason(unit: Path) -> None:
    """A comment stands above it, or above the line it belongs with."""
    reason = False
    for line in hardening(unit):
        if not line or line.startswith("# ---"):
            reason = False
        elif line.startswith("#"):
            reason = True
        else:
            assert reason, f"{unit.name}: {line} has no reason"


def test_all_units_are_as_tight() -> None:
    """A line that is added to one is missing in none."""
    tight = {
        unit.name: [
            line
            for line in hardening(unit)
            if line and not line.startswith("#") and line.split("=")[0] not in OWN
        ]
        for unit in UNITS
    }
    assert len(tight) == 4
    first, *others = tight.values()
    assert len(first) > 25
    assert all(other == first for other in others)


@pytest.mark.parametrize("unit", [unit for unit in UNITS if "@" not in unit.name], ids=lambda unit: unit.name)
def test_a_unit_that_fails_is_told_and_its_secrets_are_credentials(unit: Path) -> None:
    """By the unit for that, which itself needs no credentials; nothing secret comes by the environment."""
    found = settings(unit)
    assert found["OnFailure"] == ["digest-failed@%N.service"]
    assert found["LoadCredential"] == ["digest:/etc/digest/secrets"]
    assert "EnvironmentFile" not in found
    told = settings(DEPLOY / "digest-failed@.service")
    assert (told["StartLimitIntervalSec"], told["StartLimitBurst"]) == (["1d"], ["1"])
    assert "OnFailure" not in told


def test_a_port_in_the_settings_file_makes_no_healthy_container_unhealthy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The image's port is the one that is listened on, shown, mapped, and asked by the health check."""
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    (port,) = re.findall(r"DIGEST_WEB_PORT=(\d+)", text)
    assert f"\nEXPOSE {port}\n" in text
    assert f':{port}"]' in (DEPLOY / "compose.yml").read_text(encoding="utf-8")
    assert "os.environ['DIGEST_WEB_PORT'] + '/healthz'" in text
    (tmp_path / "digest.toml").write_text("web_port = 9000\n")
    monkeypatch.setenv("DIGEST_CONFIG", str(tmp_path / "digest.toml"))
    assert read_settings().web_port == 9000
    monkeypatch.setenv("DIGEST_WEB_PORT", port)
    assert read_settings().web_port == int(port)


def test_the_service_tells_systemd_how_it_is_and_may_be_as_large_as_a_fit() -> None:
    """Ready and alive by its own word; the fit's 1.5 GB fit beside what it takes itself."""
    found = settings(DEPLOY / "digest.service")
    assert (found["Type"], found["NotifyAccess"]) == (["notify"], ["main"])
    assert found["WatchdogSec"]
    for name in ("digest.service", "digest-run.service"):
        (memory,) = settings(DEPLOY / name)["MemoryMax"]
        assert int(memory.removesuffix("M")) >= 1536 + 512
        assert settings(DEPLOY / name)["OOMPolicy"] == ["continue"]
