"""A model with what a text model adds, or without it. All else of a model stays what it is."""

from collections.abc import Iterable
from dataclasses import replace

from digest.ranking.encoding import Encoder, view_of
from digest.ranking.model import Model
from digest.ranking.saving import version_of
from digest.types import Candidate

__all__ = ["with_view", "without_view"]


def with_view(model: Model, encoder: Encoder, papers: Iterable[Candidate]) -> Model:
    """Add what an encoder makes of papers; ``papers`` are those the model was fitted on.

    Of these only the ones of the background are encoded.
    """
    fitted = replace(model.fitted, view=view_of(encoder, model.fitted.background_ids, papers))
    return Model(fitted, version_of(fitted), encoder)


def without_view(model: Model) -> Model:
    """Return the model as it is without a text model: to the last bit that which never had any."""
    if model.fitted.view is None:
        return model
    fitted = replace(model.fitted, view=None)
    return Model(fitted, version_of(fitted))
