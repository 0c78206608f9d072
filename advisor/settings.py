"""Settings: `lowtide.toml` < environment `LOWTIDE_*` < flags. The only reader of the environment here.

`lowtide.toml` is taken from the working directory, or from where LOWTIDE_CONFIG says.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError
from pydantic_settings.sources import TomlConfigSettingsSource

from collector.lake import SCHEME, Lake
from model.errors import ImpossibleInput

from .auth import Key
from .collect_settings import CollectTable
from .explain import sentences

PREFIX = "LOWTIDE_"
DEFAULT_STORE = "~/.local/share/lowtide/store.duckdb"


class Settings(BaseSettings):
    """Where the store is, where the service listens or is found, and whose keys it takes."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="forbid", frozen=True, env_nested_delimiter="__"
    )

    store: Annotated[str, Field(min_length=1)] = DEFAULT_STORE
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8787
    url: str | None = None  # Of a service elsewhere; by default the one at host and port.
    token: str | None = None  # What this command sends to the service.
    tariffs: Annotated[str, Field(min_length=1)] | None = None  # A file of one's own; see docs/tariffs.md.
    key_hashes: tuple[str, ...] = ()  # What the service accepts: sha256:scope,scope.
    collect: CollectTable = CollectTable()  # Which live feeds are read, and how.

    @property
    def place(self) -> Path | Lake:
        """The store's file, or the lake."""
        return Lake.parse(self.store) if self.store.startswith(SCHEME) else Path(self.store).expanduser()

    @property
    def service_url(self) -> str:
        """Where the service is looked for."""
        return self.url or f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def keys(self) -> tuple[Key, ...]:
        """The keys in force."""
        return tuple(Key.parse(written) for written in self.key_hashes)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags before environment before file."""
        file = Path(os.environ.get(f"{PREFIX}CONFIG", "lowtide.toml"))
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, file)


def credentials() -> Mapping[str, str]:
    """Where credentials of feeds are looked up by name, as they are at that moment."""
    return os.environ


def load_settings(**flags: Any) -> Settings:
    """Read the settings; a flag that is None was not given.

    Raises:
        ImpossibleInput: A setting is unknown or impossible; the sentence names it.
    """
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as wrong:
        told = " ".join(sentences(wrong, Settings))
    except (SettingsError, ValueError) as wrong:  # Not JSON in a variable, not TOML in the file.
        told = str(wrong)
    raise ImpossibleInput(
        f"The settings cannot be read. {told}", fix="Correct lowtide.toml or the LOWTIDE_ variables."
    )
