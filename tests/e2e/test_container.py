"""The container's recipe: small, not root's, without secrets; and its steps make a program that works.

No engine is needed: the steps are run by a shell, each path of the image mapped into a folder of its stage.
"""

import fnmatch
import http.server
import json
import os
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.installing import ROOT, make_offline_python

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed (./run.sh e2e)")

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(sys.platform != "linux", reason="the image is Linux's")]

TAG = re.compile(r"docker\.io/[a-z0-9./-]+:v?\d+\.\d+[a-z0-9.-]*")
SECRET = re.compile(r"(?i)(password|passwd|secret_key|token|smtp_url|://[^/\s]+:[^/\s]+@)")
# What a build outside a container may not do: users are the machine's.
OUTSIDE = """
set -eu
useradd() { :; }
install() { for last; do :; done; mkdir -p "$last"; }
"""


class Step(NamedTuple):
    """One instruction, its line ends and comments gone."""

    verb: str
    words: str


def read_steps() -> list[Step]:
    text = (ROOT / "deploy/Containerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [
        Step(verb, words)
        for verb, _, words in (one.strip().partition(" ") for one in joined.splitlines() if one.strip())
    ]


def stages() -> list[list[Step]]:
    found: list[list[Step]] = []
    for step in read_steps():
        if step.verb == "FROM":
            found.append([])
        found[-1].append(step)
    return found


def of(steps: list[Step], verb: str) -> list[str]:
    return [step.words for step in steps if step.verb == verb]


def is_sent(path: str) -> bool:
    """Whether .containerignore lets that file or folder into the build."""
    sent = True
    for line in (ROOT / ".containerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.strip().removeprefix("!")
        if pattern and not pattern.startswith("#") and (fnmatch.fnmatch(path, pattern) or path == pattern):
            sent = line.startswith("!")
    return sent


def test_the_bases_are_pinned_and_the_user_is_not_root() -> None:
    """By tag; the last word on the user is a number, so that orchestrators can tell."""
    for stage in stages():
        assert TAG.fullmatch(stage[0].words.split(" AS ")[0]), stage[0]
    last = stages()[-1]
    assert of(last, "USER") == ["10001:10001"]
    after = [step.verb for step in last[last.index(Step("USER", "10001:10001")) :]]
    assert not {"RUN", "COPY", "ADD"} & set(after)
    assert of(last, "VOLUME") == ["/data"]
    assert of(last, "ENTRYPOINT") == ['["digest"]']


def test_nothing_is_fetched_that_no_hash_vouches_for() -> None:
    """No ADD at all; the only thing that installs is the script that takes hashed requirements."""
    assert of(read_steps(), "ADD") == []
    for command in of(read_steps(), "RUN"):
        assert not re.search(r"curl|wget|apt|pip |git ", command), command
    script = (ROOT / "deploy/make-venv.sh").read_text(encoding="utf-8")
    for line in re.findall(r"^.*\binstall .*-r .*$", script, re.MULTILINE):
        assert "--require-hashes" in line, line


def test_no_secret_is_baked_in() -> None:
    """Neither a value nor a name that invites one."""
    for words in of(read_steps(), "ENV") + of(read_steps(), "ARG"):
        assert not SECRET.search(words), words


def test_no_build_tool_is_in_the_last_stage() -> None:
    """Of the stage before, the environment alone is taken."""
    copies = of(stages()[-1], "COPY")
    assert copies == ["--from=builder /opt/digest /opt/digest"]


def test_what_is_copied_is_there_and_nothing_else_is_sent() -> None:
    """Each source exists and passes .containerignore; settings, secrets and data do not."""
    for words in of(stages()[0], "COPY"):
        for source in shlex.split(words)[:-1]:
            assert (ROOT / source).exists(), source
            assert is_sent(source), source
    for name in (".env", "digest.toml", "secret.key", ".git", "tests", "deploy/secrets"):
        assert not is_sent(name), name


def run_stage(stage: list[Step], folder: Path, python: Path, others: dict[str, Path]) -> dict[str, str]:
    """Do a stage's steps in a folder that is its root; returns the environment it sets."""
    environment = {"PATH": os.environ["PATH"], "PYTHON": str(python), "HOME": str(folder)}
    set_here: dict[str, str] = {}
    workdir = folder
    folder.mkdir()
    for step in stage:
        match step.verb:
            case "WORKDIR":
                workdir = folder / step.words.lstrip("/")
                workdir.mkdir(parents=True, exist_ok=True)
            case "ARG":
                name, _, value = step.words.partition("=")
                environment[name] = value
            case "ENV":
                set_here |= dict(word.split("=", 1) for word in shlex.split(step.words))
            case "COPY":
                words = shlex.split(step.words)
                origin = others[words.pop(0).partition("=")[2]] if words[0].startswith("--from") else ROOT
                target = f"{folder if words[-1].startswith('/') else workdir}/{words[-1]}"
                if target.endswith("/") or len(words) > 2:
                    Path(target).mkdir(parents=True, exist_ok=True)
                Path(target).parent.mkdir(parents=True, exist_ok=True)
                sources = [str(origin / one.lstrip("/")) for one in words[:-1]]
                subprocess.run(["cp", "-r", *sources, target], check=True)
            case "RUN":
                mapped = re.sub(r"(?<=\s)/(?=(?:opt|data)\b)", f"{folder}/", step.words)
                done = subprocess.run(
                    ["sh", "-c", OUTSIDE + mapped],
                    cwd=workdir,
                    env=environment,
                    capture_output=True,
                    text=True,
                )
                assert done.returncode == 0, f"{mapped}\n{done.stdout}{done.stderr}"
    return set_here


class Health(http.server.BaseHTTPRequestHandler):
    """/healthz as the program answers it, well or not."""

    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing is to be read."""


@pytest.fixture
def health() -> Iterator[type[Health]]:
    class Here(Health):
        pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Here) as server:
        Here.port = server.server_port  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Here
        server.shutdown()


def test_the_steps_make_a_program_that_works(tmp_path: Path, health: type[Health]) -> None:
    """It starts from its own folder alone, keeps its data where it is told, and its health check can fail."""
    python, asked, _ = make_offline_python(tmp_path / "offline")
    builder, image = tmp_path / "builder", tmp_path / "image"
    first, last = stages()
    run_stage(first, builder, python, {})
    environment = run_stage(last, image, python, {"builder": builder})
    assert "--require-hashes -r" in asked.read_text()

    # What the environment's scripts call is where the builder laid it; in an image both are /opt/digest.
    for script in (image / "opt/digest/bin").iterdir():
        if script.is_file() and script.read_bytes().startswith(b"#!"):
            script.write_text(script.read_text().replace(str(builder), str(image)))
    mapped = {
        name: value.replace("/opt", f"{image}/opt")
        .replace("/data", f"{image}/data")
        .replace("$PATH", os.environ["PATH"])
        for name, value in environment.items()
    }
    (entry,) = of(last, "ENTRYPOINT")

    def start(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words, cwd=image / "data", env=mapped | more, capture_output=True, text=True, timeout=60
        )

    assert re.fullmatch(r"\d+\.\d+.*\n", start(*json.loads(entry), "--version").stdout)
    assert "compose" in start(*json.loads(entry), "--help").stdout
    assert start(*json.loads(entry), "db", "upgrade").returncode == 0
    assert (image / "data/digest.db").is_file()
    whose = start("python", "-c", "import digest; print(digest.__file__)").stdout.strip()
    assert Path(whose).is_relative_to(image), whose

    (check,) = of(last, "HEALTHCHECK")
    command = json.loads(check[check.index("[") :])
    port = {"DIGEST_WEB_PORT": str(health.port)}  # type: ignore[attr-defined]
    assert start(*command, **port).returncode == 0
    health.status = 503
    assert start(*command, **port).returncode != 0


def test_the_compose_file_confines_the_service() -> None:
    """Read-only, without rights, reached by this machine only; the mail relay by the service only."""
    compose = yaml.safe_load((ROOT / "deploy/compose.yml").read_text(encoding="utf-8"))
    service, relay = compose["services"]["digest"], compose["services"]["relay"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["volumes"] == ["data:/data"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert (ROOT / "deploy" / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
    assert "ports" not in relay
    assert TAG.fullmatch(relay["image"])
    assert not SECRET.search(json.dumps(service["environment"]))
