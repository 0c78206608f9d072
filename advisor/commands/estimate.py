"""`lowtide estimate`: the effective price of a job per pool, or the worked example of an article file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from ._common import as_of_option, emit, history_options, sample_option, service_options


@click.command("estimate")
@click.argument("job", type=click.Path(path_type=Path, dir_okay=False))
@as_of_option
@history_options
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Seed of the draws behind the intervals."
)
@click.option(
    "--top", type=click.IntRange(1), default=8, show_default=True, help="How many options to print."
)
@click.option(
    "--pool", "pools", multiple=True, metavar="KEY", help="Estimate this pool however many there are."
)
@sample_option
@service_options
def command(
    job: Path,
    as_of: datetime | None,
    window_hours: int,
    borrow: str | None,
    seed: int,
    top: int,
    pools: tuple[str, ...],
    sample: int | None,
    url: str | None,
    store: str | None,
    as_json: bool,
) -> None:
    """Print the effective price of JOB on every pool: USD per useful GPU-hour, with its parts and interval.

    JOB is a TOML file: a job (examples/llm-30b.toml), a worked example (examples/article.toml), or a case
    with pools of its own (examples/case-30b.toml).
    """
    from model.article import ArticleCase

    from ..case_tables import case_answer, print_case
    from ..casefile import CaseFile, solve
    from ..connect import connected, newest
    from ..jobfile import borrowing, read
    from ..tables import print_recommendation
    from ..tables_article import article_answer, print_article

    found = read(job)
    if isinstance(found, ArticleCase):
        emit(article_answer(found)) if as_json else print_article(found)
        return
    if isinstance(found, CaseFile):
        solved = solve(found, seed=seed)
        emit(case_answer(solved)) if as_json else print_case(solved)
        return
    with connected(url=url, store=store, sample=sample) as client:
        spec = borrowing(found, borrow)
        asked = newest(client) if as_of is None and sample is not None else as_of
        answer = client.recommend(spec, as_of=asked, window_hours=window_hours, seed=seed, pools=pools)
    if as_json:
        emit(answer)
    else:
        print_recommendation(answer, top=top)
