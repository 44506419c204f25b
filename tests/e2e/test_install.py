"""The install script: into a folder, over itself, and away again; in a root of its own in the full run."""

import os
import shutil
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.e2e.installing import ROOT, make_offline_python

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(sys.platform != "linux", reason="installs a service of systemd"),
]

SCRIPT = ROOT / "deploy" / "install.sh"
DEBIAN = ("trixie", "bookworm")


def run(*command: str | Path, code: int = 0, cwd: Path | None = None, **environment: str) -> str:
    """What a command prints, errors too; it must end with that code."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("DIGEST_", "PYTHON"))}
    done = subprocess.run(
        list(map(str, command)),
        env=kept | environment,
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=900,
    )
    assert done.returncode == code, f"{command}\n{done.stdout}"
    return done.stdout


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def releases(root: Path) -> list[Path]:
    return sorted((root / "opt/digest/releases").iterdir())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder that becomes a machine's root, with users of its own."""
    folder = tmp_path / "root"
    (folder / "etc").mkdir(parents=True)
    (folder / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (folder / "etc/group").write_text("root:x:0:\n")
    return folder


def test_installing_twice_and_taking_it_away_again(root: Path, tmp_path: Path) -> None:
    """A service that works; an upgrade that keeps what is there; an end that keeps the data unless told."""
    if os.geteuid() != 0:
        (root / "etc/passwd").unlink()  # only root makes users
    python, asked, broken = make_offline_python(tmp_path / "offline")
    install = (SCRIPT, "--root", root, "--python", python)
    run(*install)

    # The program runs by itself, from its release, and its scripts name their place in that root.
    (first,) = releases(root)
    whose = run(
        root / "opt/digest/current/bin/python", "-c", "import digest; print(digest.__file__)", cwd=tmp_path
    )
    assert Path(whose.strip()).resolve().is_relative_to(first)
    script = (root / "opt/digest/current/bin/digest").read_text()
    # In its first line, or where the folder's name was too long for that, in what a shell is told there.
    assert f"/opt/digest/releases/{first.name}/bin/python" in "".join(script.splitlines()[:2])
    assert str(root) not in script
    assert str(root) not in (first / "pyvenv.cfg").read_text()
    pins = [line for line in asked.read_text().splitlines() if "-r " in line]
    assert len(pins) == 2
    assert all("--require-hashes" in line for line in pins)
    assert f"{ROOT}/requirements/run.txt" in pins[0]
    assert f"{ROOT}/requirements/build.txt" in pins[1]

    # Units, command and settings lie where they belong, secrets are for the service alone.
    units = {path.name for path in (root / "etc/systemd/system").iterdir()}
    assert units == {
        path.name for path in (ROOT / "deploy").iterdir() if path.suffix in (".service", ".timer")
    }
    for path, wanted in {
        "usr/local/bin/digest": 0o755,
        "opt/digest/tell-failure": 0o755,
        "etc/systemd/system/digest.service": 0o644,
        "etc/digest": 0o755,
        "etc/digest/digest.toml": 0o644,
        "etc/digest/secrets": 0o750,
        "var/lib/digest": 0o700,
    }.items():
        assert mode(root / path) == wanted, path
    settings = root / "etc/digest/digest.toml"
    assert tomllib.loads(settings.read_text()) == {}
    if os.geteuid() == 0:
        user = next(
            line for line in (root / "etc/passwd").read_text().splitlines() if line.startswith("digest:")
        )
        _, _, number, group, _, home, shell = user.split(":")
        assert (home, shell) == ("/var/lib/digest", "/usr/sbin/nologin")
        assert (root / "var/lib/digest").stat().st_uid == int(number)
        secrets = (root / "etc/digest/secrets").stat()
        assert (secrets.st_uid, secrets.st_gid) == (0, int(group))
    own = {
        "DIGEST_CONFIG": str(settings),
        "DIGEST_DATA_DIR": str(root / "var/lib/digest"),
        "CREDENTIALS_DIRECTORY": str(root / "etc/digest/secrets"),
    }
    command = (root / "opt/digest/current/bin/python", "-c", "from digest.cli import main; main()")
    run(*command, "subscriber", "add", "ada@example.org", cwd=tmp_path, **own)

    # Again: what a person wrote stays, the version of before is kept, older ones are not.
    settings.write_text('list_name = "Ours"\n')
    (root / "etc/digest/secrets/secret_key").write_text("k" * 40)
    broken.touch()
    told = run(*install, code=2)
    assert "package index" in told
    assert releases(root) == [first]
    broken.unlink()
    run(*install)
    run(*install)
    assert len(releases(root)) == 2
    assert first not in releases(root)
    assert (root / "opt/digest/current").resolve() == releases(root)[-1]
    assert settings.read_text() == 'list_name = "Ours"\n'
    assert "ada@example.org" in run(*command, "subscriber", "list", cwd=tmp_path, **own)

    # Away: the data stays, and with --purge nothing does.
    run(SCRIPT, "--root", root, "--uninstall")
    left = {str(path.relative_to(root)) for path in root.rglob("*") if "digest" in path.name}
    assert "var/lib/digest/digest.db" in left
    assert "etc/digest/digest.toml" in left
    assert not {path for path in left if path.startswith(("opt", "usr", "etc/systemd"))}
    run(SCRIPT, "--root", root, "--uninstall", "--purge")
    assert [path for path in root.rglob("*") if "digest" in path.name] == []
    assert "digest" not in ((root / "etc/passwd").read_text() if os.geteuid() == 0 else "")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--sideways"], "there is no option --sideways"),
        (["--root"], "--root needs a value"),
        (["--root", "/no/such/folder"], "is no folder"),
        (["--root", ".", "--purge"], "--purge goes with --uninstall only"),
        (["--root", ".", "--python", "/bin/false"], "is no Python 3.11 or newer"),
    ],
)
def test_wrong_words_change_nothing(words: list[str], told: str, tmp_path: Path) -> None:
    """One sentence, exit code 2, and the folder is as it was."""
    assert told in run(SCRIPT, *words, code=2, cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not here")
def test_shellcheck_finds_nothing() -> None:
    """In any of the scripts."""
    run("shellcheck", *sorted((ROOT / "deploy").glob("*.sh")))


def test_the_scripts_are_plain_sh() -> None:
    """Debian's sh reads them."""
    for script in sorted((ROOT / "deploy").glob("*.sh")):
        run("sh", "-n", script)


# This machine's root, with all that is written to it in memory and gone at the end.
THROWN_AWAY = """
set -e
mount -t tmpfs tmpfs "$ABOVE"
mkdir "$ABOVE/written" "$ABOVE/work" "$ABOVE/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$ABOVE/written,workdir=$ABOVE/work" "$ABOVE/root"
mount --rbind /dev "$ABOVE/root/dev"
mount -t proc proc "$ABOVE/root/proc"
mount -t tmpfs tmpfs "$ABOVE/root/run"
exec chroot "$ABOVE/root" "$@"
"""
AS_ROOT = """
set -ex
fails() { if "$@"; then exit 99; fi; }
install=$1 python=$2 place=$3
chmod o-x "$place"
fails "$install" --python "$python"
fails test -e /usr/local/bin/digest
# The Python of these tests may lie in a home.
while [ "$place" != / ]; do chmod o+x "$place"; place=$(dirname "$place"); done
cd /root
"$install" --python "$python"
digest subscriber add ada@example.org
digest subscriber list
ls -l /var/lib/digest
readlink /etc/systemd/system/multi-user.target.wants/digest.service
printf '%s' smtps://user:hunter2@mail.example.org >/etc/digest/secrets/smtp_url
fails digest status
printf 'mail_from = "digest@example.org"\n' >>/etc/digest/digest.toml
digest status >/dev/null
fails runuser -u nobody digest status
"$install" --python "$python"
digest subscriber list
"$install" --uninstall --purge
fails id digest
for left in /var/lib/digest /etc/digest /opt/digest; do fails test -e $left; done
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can lay a root over this machine's")
def test_the_service_lives_in_a_root_that_is_thrown_away(tmp_path: Path) -> None:
    """With a real user, the command that becomes it, and units switched on; wrong settings are told."""
    above = tmp_path / "above"
    above.mkdir()
    python, _, _ = make_offline_python(tmp_path / "offline")
    inside = ("unshare", "--mount", "--pid", "--fork", "sh", "-c", THROWN_AWAY, "sh")
    probe = [*inside, "test", "-x", str(SCRIPT), "-a", "-x", str(python)]
    if subprocess.run(probe, env=os.environ | {"ABOVE": str(above)}, capture_output=True).returncode:
        pytest.skip("this machine lets nobody lay one root over another")
    told = run(*inside, "sh", "-c", AS_ROOT, "sh", SCRIPT, python, sys.base_prefix, ABOVE=str(above))
    assert told.count("\nada@example.org") >= 2, told
    assert "name another with --python" in told
    assert "mail_from" in told
    assert "hunter2" not in told.replace("smtps://user:hunter2@", "", 1)
    assert "sudo digest" in told
    assert not Path("/opt/digest/current").exists()


@pytest.mark.parametrize("release", DEBIAN)
def test_a_bare_debian_becomes_a_service(release: str, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """In a root of its own, by the commands of deploy/README.md, with what the package index gives."""
    if not pytestconfig.getoption("--full"):
        pytest.skip("takes minutes; --full runs it")
    if shutil.which("debootstrap") is None:
        pytest.skip("debootstrap is not here")
    if os.geteuid() != 0:
        pytest.skip("only root can make a root of its own")
    root = tmp_path / "root"
    made = subprocess.run(
        [
            "debootstrap",
            "--variant=minbase",
            "--include=python3,python3-venv,ca-certificates,systemd",
            release,
            root,
        ],
        capture_output=True,
        text=True,
        timeout=1200,
    )
    if made.returncode != 0:
        pytest.skip(f"debootstrap could not make {release}: {made.stdout[-200:]}")
    shutil.copytree(
        ROOT, root / "srv/digest", ignore=shutil.ignore_patterns(".*", "__pycache__", "tests", "bench")
    )
    # The way to the package index, and whom this machine trusts on it.
    for name in ("etc/resolv.conf", "etc/pip.conf", "etc/ssl/certs/ca-certificates.crt"):
        if Path("/", name).is_file():
            shutil.copy(Path("/", name), root / name)
    inside = ("chroot", root)
    run(*inside, "/srv/digest/deploy/install.sh")
    assert "compose" in run(*inside, "/usr/local/bin/digest", "--help")
    run(*inside, "digest", "subscriber", "add", "ada@example.org")
    assert "ada@example.org" in run(*inside, "digest", "subscriber", "list")
    assert (root / "etc/systemd/system/multi-user.target.wants/digest.service").is_symlink()
    run(*inside, "/srv/digest/deploy/install.sh")
    assert "ada@example.org" in run(*inside, "digest", "subscriber", "list")
    run(*inside, "/srv/digest/deploy/install.sh", "--uninstall", "--purge")
    assert not (root / "var/lib/digest").exists()
