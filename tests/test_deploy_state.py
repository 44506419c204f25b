"""``deploy/state.sh``: what it keeps in the branch where the answer to a push is lost."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

GIT = shutil.which("git")

pytestmark = [
    pytest.mark.skipif(shutil.which("gpg") is None, reason="gpg is not here"),
    pytest.mark.skipif(GIT is None, reason="git is not here"),
]

SCRIPT = Path(__file__).parents[1] / "deploy" / "state.sh"
BRANCH = "refs/heads/digest-state"
# In the place of git: the first push ends as if the connection broke, whatever it did.
LOSING = f"""#!/bin/sh
case $1-$(ls lost 2>&1) in
push-lost | [!p]*) exec {GIT} "$@" ;;
esac
: >lost
DOES
exit 128
"""
ARRIVES = f'{GIT} "$@" 2>&1'
ANOTHER = f'{GIT} push --quiet "$4" "$({GIT} commit-tree -m x "$({GIT} mktree </dev/null)"):{BRANCH}"'

State = Callable[[str], subprocess.CompletedProcess[str]]


@pytest.fixture
def state(tmp_path: Path, request: pytest.FixtureRequest) -> State:
    """Calls the script on a machine whose git does that at the first push; the remote is ``remote.git``."""
    machine = tmp_path / "machine"
    (machine / "bin").mkdir(parents=True)
    (machine / "bin/git").write_text(LOSING.replace("DOES", request.param))
    (machine / "bin/git").chmod(0o755)
    own = {
        "PATH": f"{machine / 'bin'}:{os.environ['PATH']}",
        "HOME": str(machine),
        "GIT_CONFIG_SYSTEM": os.devnull,
        **{f"GIT_{who}_NAME": "ada" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "ada@example.org" for who in ("AUTHOR", "COMMITTER")},
        "DIGEST_DATA_DIR": str(machine / "data"),
        "STATE_WORK": str(machine / "work"),
        "STATE_PASSPHRASE": "an invented passphrase",
    }

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(words, cwd=machine, env=own, capture_output=True, text=True, timeout=60)

    for words in (
        ("init", "--quiet", "--bare", "../remote.git"),
        ("init", "--quiet"),
        ("remote", "add", "origin", "../remote.git"),
    ):
        assert call("git", *words).returncode == 0
    assert call("sh", str(SCRIPT), "restore").returncode == 0
    (machine / "data/digest.db").write_text("all there is")
    return lambda word: call("sh", str(SCRIPT), word)


@pytest.mark.parametrize("state", [ARRIVES], indirect=True)
def test_a_push_whose_answer_is_lost_has_arrived(state: State) -> None:
    """Else nothing would be sent: the next run finds a claim in the branch, and holds what it names."""
    first = state("save")
    assert (first.returncode, first.stderr) == (0, "")
    assert state("save").returncode == 0


@pytest.mark.parametrize("state", [ANOTHER], indirect=True)
def test_where_another_kept_its_data_meanwhile_nothing_is_kept(state: State) -> None:
    first = state("save")
    assert first.returncode == 1
    assert "another run has kept its data meanwhile" in first.stderr
    assert state("save").returncode == 1
