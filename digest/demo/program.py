"""The real program as the demonstration runs it: own data directory, and one name that leads to the site."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from digest.app import App, make_app
from digest.config import Settings, SourceSettings
from digest.demo.site import DemoSite
from digest.errors import UsageError
from digest.fetcher import Fetcher, make_user_agent
from digest.types import Page, PageRequest

__all__ = ["SITE_URL", "DemoApp", "make_demo_app"]

# The site's port is another one on every run, so what is stored names this address and no port.
SITE_URL = "http://papers.example.org"
MARK = "demo.txt"
MARK_TEXT = "Made by the demonstration; everything in this folder is invented and may be deleted.\n"


class DemoSettings(Settings):
    """Settings that nothing outside can change: a demonstration must not send through a real mail server."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments only."""
        return (init_settings,)


class SiteFetcher(Fetcher):
    """The real fetcher, which finds the site where it really is, as a line in a hosts file would do.

    Pages are dated by the site's clock, and a failed request is made again without a pause.
    """

    def __init__(self, site: DemoSite) -> None:
        super().__init__(make_user_agent(None), now=lambda: site.now, sleep=lambda _: None)
        self._site = site

    def get(
        self,
        request: PageRequest,
        *,
        etag: str | None = None,
        last_modified: str | None = None,
        allow_private: bool = False,
        timeout_s: float | None = None,
        max_bytes: int | None = None,
    ) -> Page:
        """Fetch from the site; what comes back names the address that was asked for."""
        page = super().get(
            replace(request, url=self._site.url + request.url.removeprefix(SITE_URL)),
            etag=etag,
            last_modified=last_modified,
            allow_private=allow_private,
            timeout_s=timeout_s,
            max_bytes=max_bytes,
        )
        return replace(page, url=request.url)


@dataclass(frozen=True)
class DemoApp(App):
    """The program as it is, but for where its one source is found."""

    site: DemoSite = field(kw_only=True)

    def fetcher(self) -> Fetcher:
        """The fetcher that knows the site."""
        return SiteFetcher(self.site)


def make_demo_app(data_dir: Path, site: DemoSite) -> DemoApp:
    """Put the program together in ``data_dir``, and mark that folder as the demonstration's.

    Raises ``UsageError`` where the folder holds somebody's real data, ``StorageError`` where it cannot
    be used.
    """
    data_dir = data_dir.expanduser().absolute()
    mark = data_dir / MARK
    if (data_dir / "digest.db").exists() and not mark.exists():
        raise UsageError(f"{data_dir} holds the data of a real digest; name another folder for the demo")
    source = SourceSettings(name="huggingface", kind="huggingface", url=SITE_URL, allow_private=True)
    app = make_app(DemoSettings(data_dir=data_dir, list_name="Paper digest (demo)", source=[source]))
    if not mark.exists():
        mark.write_text(MARK_TEXT, encoding="utf-8")
    return DemoApp(app.settings, app.database, site=site)
