"""A store that many processes write at once: DuckLake, Parquet under a catalogue in PostgreSQL.

    ducklake:postgres:dbname=lowtide host=db.internal?data=s3://bucket/lowtide/&region=eu-west-1

Before the question mark stand PostgreSQL's own keywords, after it where the Parquet goes. Passwords
stand in neither: PostgreSQL's are found by libpq (PGPASSWORD, ~/.pgpass), S3's by boto3's own
chain. Extensions are loaded from installed packages, by path, so nothing is downloaded.

A lake has no keys, and two writers who merge the same facts at the same moment would both
commit them. So every write holds an advisory lock of the catalogue, by what it writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from model.errors import EnvironmentTrouble, ImpossibleInput

if TYPE_CHECKING:  # A setting is read before anyone knows whether a store is opened.
    import duckdb

SCHEME: Final = "ducklake:"
LOCK: Final = Path(__file__).parent / "sql" / "lake" / "lock.sql"
NAME: Final = "lake"
EXTENSIONS: Final = ("httpfs", "postgres_scanner", "ducklake")  # In the order they need one another.
OPTIONS: Final = ("data", "endpoint", "region", "ssl")
COMMIT_TRIES: Final = 50  # Of DuckLake, where another commit came in between.
INSTALL: Final = "Type: pip install 'lowtide[lake]'"


class LakeUnreachable(EnvironmentTrouble):
    """The catalogue, the object store or an extension of a lake cannot be had."""

    slug = "lake-unreachable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lake:
    """Where a lake is. Build it with `parse`."""

    catalog: str  # libpq keywords: dbname=… host=…
    data: str  # A folder, or s3://bucket/prefix/.
    endpoint: str | None = None  # host:port of an S3-compatible store; None: Amazon's.
    region: str | None = None
    ssl: bool = True

    def __str__(self) -> str:
        """What errors and answers may show: no keyword but the database and its host."""
        shown = re.findall(r"\b(?:dbname|host|port)=\S+", self.catalog)
        return f"{SCHEME}postgres:{' '.join(shown)}?data={self.data}"

    @classmethod
    def parse(cls, written: str) -> Lake:
        """Read a setting that begins with `ducklake:`.

        Raises:
            ImpossibleInput: It names another catalogue than PostgreSQL, a password, no place for
                the data, or an unknown option.
        """
        catalog, _, query = written.removeprefix(SCHEME).partition("?")
        options = dict(parse_qsl(query))
        strange = sorted(set(options) - set(OPTIONS))
        if not catalog.startswith("postgres:") or "data" not in options or strange:
            odd = f"the option {strange[0]!r}" if strange else "no PostgreSQL catalogue, or no data"
            raise ImpossibleInput(
                f"The store {SCHEME}… names {odd}.",
                fix="Write ducklake:postgres:dbname=NAME host=HOST?data=s3://BUCKET/PREFIX/ "
                "(options: endpoint, region, ssl=false).",
            )
        if re.search(r"\bpassword\s*=", catalog):
            raise ImpossibleInput(
                "The store's setting holds a password.",
                fix="Leave it to PostgreSQL's own ways: PGPASSWORD or ~/.pgpass.",
            )
        return cls(
            catalog=catalog.removeprefix("postgres:"),
            data=options["data"].rstrip("/") + "/",
            endpoint=options.get("endpoint"),
            region=options.get("region"),
            ssl=options.get("ssl", "true").lower() != "false",
        )

    def attach(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Load the extensions, give S3 its credentials, and attach the lake under its name.

        Raises:
            LakeUnreachable: A package is missing, or the catalogue or the data cannot be reached.
        """
        import duckdb

        try:
            for extension in EXTENSIONS:
                connection.execute(f"LOAD '{extension_file(extension)}'")
            connection.execute(f"SET GLOBAL ducklake_max_retry_count = {COMMIT_TRIES}")
            if self.data.startswith("s3://"):
                self._credentials(connection)
            at, data = quoted(self.catalog), quoted(self.data)
            connection.execute(f"ATTACH 'ducklake:postgres:{at}' AS {NAME} (DATA_PATH '{data}')")
        except duckdb.Error as trouble:
            raise LakeUnreachable(
                f"{self} cannot be attached ({type(trouble).__name__}: {_first_line(trouble)}).",
                fix="Check that PostgreSQL and the object store answer, and the rights of both credentials.",
            ) from None

    def _credentials(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Hand boto3's credentials to this process's database, in memory only."""
        import boto3

        found = boto3.Session().get_credentials()
        if found is None:
            raise LakeUnreachable(
                f"There is no AWS credential for {self.data}.",
                fix="Give one to boto3's chain: AWS_PROFILE, AWS_ACCESS_KEY_ID with its secret, or a role.",
            )
        frozen = found.get_frozen_credentials()
        fields: dict[str, Any] = {
            "KEY_ID": frozen.access_key, "SECRET": frozen.secret_key, "SESSION_TOKEN": frozen.token,
            "REGION": self.region, "ENDPOINT": self.endpoint,
        }  # fmt: skip
        given = [
            f"{name} '{str(value).replace(chr(39), chr(39) * 2)}'" for name, value in fields.items() if value
        ]
        if self.endpoint:
            given += ["URL_STYLE 'path'", f"USE_SSL {str(self.ssl).lower()}"]
        connection.execute(f"CREATE OR REPLACE SECRET lake_data (TYPE s3, {', '.join(given)})")

    @contextmanager
    def locked(self, key: str) -> Iterator[None]:
        """Hold the catalogue's advisory lock of that name; it dies with the process that holds it.

        Raises:
            LakeUnreachable: The catalogue cannot be reached, or psycopg is missing.
        """
        try:
            import psycopg
        except ModuleNotFoundError:
            raise LakeUnreachable(
                "A lake's locks need psycopg, which is not installed.", fix=INSTALL
            ) from None
        try:
            with psycopg.connect(self.catalog, autocommit=True) as holder:
                holder.execute("SET lock_timeout = '10min'")
                holder.execute(LOCK.read_bytes(), (f"lowtide:{key}",))
                yield
        except psycopg.Error as trouble:
            raise LakeUnreachable(
                f"The lock {key!r} of {self} cannot be had ({type(trouble).__name__}).",
                fix="Check that PostgreSQL answers; nothing of this batch was written.",
            ) from None


def quoted(text: str) -> str:
    """A text as it stands between single quotes; ATTACH and SECRET take no parameters."""
    return text.replace("'", "''")


def extension_file(name: str) -> Path:
    """The file of an extension, from the package that brings it for this very DuckDB.

    Raises:
        LakeUnreachable: The package is missing, or is for another version.
    """
    import duckdb

    package = find_spec(f"duckdb_extension_{name}")
    file = None
    if package is not None and package.submodule_search_locations:
        folder = Path(next(iter(package.submodule_search_locations)))
        file = folder / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
    if file is None or not file.is_file():
        raise LakeUnreachable(
            f"DuckDB {duckdb.__version__} finds no extension {name} for itself.", fix=INSTALL
        )
    return file


def _first_line(trouble: Exception) -> str:
    """What the database said, without what may follow a connection string."""
    return re.sub(r"password=\S+", "password=…", str(trouble).splitlines()[0])[:200]
