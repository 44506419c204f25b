"""A folder into which people save pages of trending papers (see ``saved``), read like a site.

Nothing is fetched: what is new in the folder is filed by ``digest.pipeline.watched``.
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict, field_validator

from digest.sources.saved import parse_saved
from digest.types import PageRequest, ParsedPage

__all__ = ["SavedFolder", "SavedFolderOptions"]


class SavedFolderOptions(BaseModel):
    """What a source of this kind may set. ``folder`` is watched; the folders in it are not."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: Path

    @field_validator("folder")
    @classmethod
    def _check_folder(cls, value: Path) -> Path:
        if not str(value).isprintable():
            raise ValueError("has a character that no folder's name should have")
        try:
            expanded = value.expanduser()
        except RuntimeError as error:
            raise ValueError("names the home of a user that there is not") from error
        if not expanded.is_absolute():
            raise ValueError("is not a whole path; write one such as /home/me/papers or ~/papers")
        return expanded


class SavedFolder:
    """The kind ``saved``. Makes no requests; parses a page that is kept from the folder."""

    kind = "saved"
    label = "Saved pages"
    # Nobody is asked there, but every source has an address.
    default_url = "saved:"
    exact_url = True
    lookback_days = 1
    trust = 10
    Options: type[BaseModel] = SavedFolderOptions
    example_options: Mapping[str, object] = MappingProxyType({"folder": "~/papers"})

    def is_dated(self, options: BaseModel) -> bool:  # noqa: ARG002
        """What lies in the folder is read as it is now."""
        return False

    def day_requests(
        self,
        url: str,  # noqa: ARG002
        options: BaseModel,  # noqa: ARG002
        day: date,  # noqa: ARG002
    ) -> tuple[tuple[str, PageRequest], ...]:
        """None: there is nobody to ask."""
        return ()

    def parse(
        self,
        body: bytes,
        request: PageRequest,
        options: BaseModel,  # noqa: ARG002
        *,
        content_type: str = "",  # noqa: ARG002
    ) -> ParsedPage:
        """What a page from the folder lists; ``carry`` may have the ``name`` of its file.

        A day without a year is the latest such day that is not after the request's. Raises ``ParseError``.
        """
        return parse_saved(body, today=request.day or date.min, name=dict(request.carry).get("name", ""))
