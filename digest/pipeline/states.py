"""What was learnt of readers' interests: kept while they, and the model, stay what they were."""

from collections.abc import Sequence

from sqlmodel import Session

from digest.errors import StorageError
from digest.ranking import Learned, Model, fingerprint, learn, pack, unpack
from digest.storage.learned import list_states, set_states
from digest.types import InterestSpec, Profile

__all__ = ["States"]


class States:
    """The states of some readers, with what is new among them until it is stored."""

    def __init__(self) -> None:
        self._new: dict[int, dict[str, bytes]] = {}

    def learned(self, session: Session, profiles: Sequence[Profile], model: Model) -> list[list[Learned]]:
        """What was learnt of each profile's interests, in their order; what is not kept is learnt now."""
        kept = list_states(session, [one.subscriber_id for one in profiles])
        names = [[fingerprint(one, model) for one in profile.interests] for profile in profiles]
        found: dict[str, Learned] = {}
        missing: dict[str, InterestSpec] = {}
        for profile, own in zip(profiles, names, strict=True):
            for spec, name in zip(profile.interests, own, strict=True):
                state = _read(kept[profile.subscriber_id].get(name))
                if state is not None:
                    found[name] = state
                elif name not in found:
                    missing[name] = spec
        fresh = dict(zip(missing, learn(list(missing.values()), model), strict=True))
        packed = {name: pack(one) for name, one in fresh.items()}
        for profile, own in zip(profiles, names, strict=True):
            had = kept[profile.subscriber_id]
            if set(own) != had.keys() or packed.keys() & had.keys():
                both = {**had, **packed}
                self._new[profile.subscriber_id] = {name: both[name] for name in own}
        found |= fresh
        return [[found[name] for name in own] for own in names]

    def store(self, session: Session) -> None:
        """Keep what is new. Runs inside the caller's write transaction."""
        if self._new:
            set_states(session, self._new)
            self._new = {}


def _read(state: bytes | None) -> Learned | None:
    try:
        return None if state is None else unpack(state)
    except StorageError:
        return None  # of another version: it is learnt again
