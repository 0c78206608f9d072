"""`lowtide doctor`: what Lowtide needs here, and what to do where it is missing."""

from __future__ import annotations

import click

from ._common import emit, service_options

CHECK_FAILED = 5
MARKS = {True: "ok ", False: "NO ", None: "?? "}


@click.command("doctor")
@service_options
def command(url: str | None, store: str | None, as_json: bool) -> int:
    """Check this machine and the configured feeds; exit 5 where a check fails. `??` was not checked."""
    from ..doctor import examine
    from ..settings import load_settings

    findings = list(examine(load_settings(url=url, store=store)))
    if as_json:
        emit([finding.as_dict() for finding in findings])
    else:
        for finding in findings:
            step = f" → {finding.fix}" if finding.ok is False else ""
            click.echo(f"{MARKS[finding.ok]} {finding.check}: {finding.seen}{step}")
    return CHECK_FAILED if any(finding.ok is False for finding in findings) else 0
