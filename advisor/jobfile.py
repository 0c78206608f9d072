"""Job files: TOML in, a `JobSpec` out, or the article's worked example as its own named mode.

A file holds either `[job]` and its sections or `[article]` alone. Every refusal is one
sentence that names the field and what to write instead. Whether anyone sells the GPU is asked
of the catalogue by `refuse_unsold`, for the file alone cannot know.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import ValidationError

from model.article import ArticleCase
from model.errors import EnvironmentTrouble, ImpossibleInput

from .casefile import CaseFile
from .explain import sentences
from .wire import JobSpec, Positive, Strict, Usd

MAX_BYTES = 1 << 20
Shape = TypeVar("Shape", bound=Strict)


class ArticleSection(Strict):
    """The worked example: hours, two prices, lost hours, and at which price they are done again."""

    hours: Positive
    price_spot: Positive
    price_on_demand: Positive
    lost_hours: Usd
    rerun: Literal["on_demand", "spot"] = "on_demand"


class ArticleFile(Strict):
    """A job file in the accounting mode `article_simple`."""

    mode: Literal["article_simple"] = "article_simple"
    article: ArticleSection


def read(path: Path) -> JobSpec | ArticleCase | CaseFile:
    """Read a job file: a job, the worked example of an `[article]` section, or a case with its own pools.

    Raises:
        EnvironmentTrouble: The file cannot be read.
        ImpossibleInput: It is not TOML, or says something that cannot be.
    """
    content = _toml(_bytes(path), str(path))
    if "case" in content:
        return _checked(CaseFile, content, str(path))
    if "article" not in content:
        return _checked(JobSpec, content, str(path))
    article = _checked(ArticleFile, content, str(path)).article
    return ArticleCase(
        hours=Decimal(str(article.hours)),
        price_spot=Decimal(str(article.price_spot)),
        price_on_demand=Decimal(str(article.price_on_demand)),
        lost_hours=Decimal(str(article.lost_hours)),
        rerun=article.rerun,
    )


def read_spec(path: Path) -> JobSpec:
    """Read a job file that must hold a job; raises as `read` does."""
    found = read(path)
    if isinstance(found, JobSpec):
        return found
    if isinstance(found, CaseFile):
        raise ImpossibleInput(
            f"{path} is a worked case with pools of its own; no market is asked about it.",
            fix="Use it with lowtide estimate, or leave out [case] and [[pool]] to ask the market.",
        )
    raise ImpossibleInput(
        f"{path} is the worked example (article_simple); it names no GPUs to look for.",
        fix="Use it with lowtide estimate, or pass a job file with a [job] section.",
    )


def example(name: str) -> Path:
    """Return an example job file: beside this package in a checkout, inside it where it is installed."""
    inside = Path(__file__).parent / "examples" / name
    return inside if inside.exists() else Path(__file__).parents[1] / "examples" / name


def borrowing(spec: JobSpec, borrow: str | None) -> JobSpec:
    """Return the spec with another word on how far a hazard may be borrowed; None keeps its own."""
    if borrow is None:
        return spec
    return spec.model_copy(update={"constraints": spec.constraints.model_copy(update={"borrow": borrow})})


def refuse_unsold(spec: JobSpec, sold: Iterable[str]) -> None:
    """Refuse a job that names a GPU model nobody sells.

    Raises:
        ImpossibleInput: With the list of what is sold.
    """
    known = sorted(set(sold))
    unsold = [model for model in spec.job.throughput if model not in known]
    if unsold:
        near = get_close_matches(unsold[0], known, n=1, cutoff=0.4)
        meant = f" Did you mean {near[0]}?" if near else ""
        raise ImpossibleInput(
            f"Nobody we know sells the GPU model {unsold[0]!r} (job.throughput).{meant}",
            fix=f"Name one of: {', '.join(known)}." if known else "Collect market data first.",
        )


def _bytes(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():  # A device may never end.
            raise ImpossibleInput(f"{path} is no file.", fix="Pass the job file.")
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            raise ImpossibleInput(
                f"{path} is {path.stat().st_size} bytes; a job file is at most {MAX_BYTES}.",
                fix="Pass the job file, not the data.",
            )
        return raw
    except OSError as trouble:
        raise EnvironmentTrouble(
            f"The job file {path} cannot be read: {trouble.strerror}.", fix="Check the path."
        ) from None


def _toml(raw: bytes, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as wrong:
        raise ImpossibleInput(
            f"{name} is not UTF-8 text (byte {wrong.start}).", fix="Save the job file as UTF-8."
        ) from None
    except (ValueError, RecursionError) as wrong:
        raise ImpossibleInput(
            f"{name} is not TOML: {wrong}.", fix="Correct that line; examples/llm-30b.toml is a pattern."
        ) from None


def _checked(shape: type[Shape], content: dict[str, Any], name: str) -> Shape:
    try:
        return shape.model_validate(content)
    except ValidationError as wrong:
        found = sentences(wrong, shape)
        raise ImpossibleInput(
            f"{name}: {' '.join(found)}",
            fix="Correct the field; examples/llm-30b.toml shows every one.",
        ) from None
