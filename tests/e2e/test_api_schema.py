"""The interface keeps what its schema says, whatever is sent: every operation, with a token and without.

schemathesis makes requests of the schema: examples, the edges of each field, what a field must not be, other
methods, random values, and chains of operations. All its checks are on.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from hypothesis import strategies as st

from digest.schedule import reader_zones
from digest.text import clean_text
from tests.web_site import WebSite, demo_folder, serving_web

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed (./run.sh e2e)")
engine = pytest.importorskip("schemathesis.engine")

__all__ = ["demo_folder"]
# schemathesis' own deprecations, and Hypothesis' words on slow data, are nothing of ours.
pytestmark = [pytest.mark.e2e, pytest.mark.filterwarnings("default")]

PLAN = {
    "seed": 5,
    "phases": {"stateful": {"generation": {"max-examples": 20}}},
    "continue-on-failure": True,
    "checks": {
        "max_response_time": 20,
        # 20,001 papers of an interest are too large to be read at all.
        "negative_data_rejection": {
            "expected-statuses": [400, 401, 403, 404, 406, 413, 422, 428],
        },
    },
}


@pytest.fixture
def served(tmp_path_factory: pytest.TempPathFactory, demo_folder: Any) -> Iterator[WebSite]:
    """One installation."""
    with serving_web(tmp_path_factory.mktemp("api") / "data", demo_folder, base_url=None) as made:
        yield made


@pytest.fixture(scope="module", autouse=True)
def _what_a_schema_cannot_say() -> Iterator[None]:
    """Zones are drawn from those there are; names that are alike once they are clean are not sent."""
    schemathesis.openapi.format("iana-time-zone", st.sampled_from(reader_zones()))

    @schemathesis.hook
    def filter_body(context: Any, body: Any) -> bool:
        try:
            names = [clean_text(one["name"]) for one in body["wishes"]["interests"]]
        except (TypeError, KeyError):
            return True
        return all(names) and len(set(names)) == len(names)

    yield
    schemathesis.hooks.unregister_all()


class Outcome(NamedTuple):
    """What does not hold, and which operations were answered with which statuses."""

    faults: list[str]
    statuses: dict[str, set[int]]


def attack(web: Any, *, examples: int, **plan: Any) -> Outcome:
    """Send ``examples`` of each operation in each phase, and more for their edges."""
    generation = {"max-examples": examples, "deterministic": True, "database": "none"}
    config = schemathesis.Config.from_dict(PLAN | {"generation": generation} | plan)
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", web, config=config)
    outcome = Outcome([], defaultdict(set))
    for event in engine.from_schema(schema).execute():
        name = type(event).__name__
        if name in ("NonFatalError", "FatalError"):
            outcome.faults.append(f"{name}: {getattr(event, 'value', None) or event.exception!r}")
        if name == "ScenarioFinished":
            note(event.recorder, outcome)
    return outcome


def note(recorder: Any, outcome: Outcome) -> None:
    """Take what a scenario showed into the outcome."""
    for number, node in recorder.cases.items():
        case, interaction = node.value, recorder.interactions.get(number)
        if interaction is not None and interaction.response is not None:
            outcome.statuses[f"{case.method} {case.path}"].add(interaction.response.status_code)
        for one in recorder.checks.get(number, ()):
            if one.failure_info is not None:
                asked = f"{case.method} {case.formatted_path} {case.query} {case.body!r}"
                outcome.faults.append(f"{asked}: {one.name}: {one.failure_info.failure}")


def declared(web: WebSite) -> set[str]:
    """The operations of the schema."""
    paths = web.client.get("/api/openapi.json").json()["paths"]
    return {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}


def test_with_a_token_all_checks_hold(served: WebSite) -> None:
    shown = {"Authorization": f"Bearer {served.token('api')}"}
    outcome = attack(served.web, examples=50, headers=shown)
    assert outcome.faults == []
    done = {operation for operation, statuses in outcome.statuses.items() if statuses & {200, 204}}
    # Nobody guesses a paper that they said something of.
    assert done | {"DELETE /api/me/feedback/{paper}/{kind}"} == declared(served)


def test_without_one_all_checks_hold(served: WebSite) -> None:
    # What is public was tried with a token too; what matters here is what a chain would not reach.
    outcome = attack(served.web, examples=10, phases={"stateful": {"enabled": False}})
    assert outcome.faults == []
    for operation in declared(served):
        is_own = "/api/me" in operation
        assert bool(outcome.statuses[operation] & {200, 204}) is not is_own, operation
