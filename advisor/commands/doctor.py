"""`lowtide doctor`: what Lowtide needs here, and what to do where it is missing."""

from __future__ import annotations

import click

from ._common import emit, service_options

CHECK_FAILED = 5


@click.command("doctor")
@service_options
def command(url: str | None, store: str | None, as_json: bool) -> int:
    """Check this machine; exit 5 where a check fails."""
    from ..doctor import examine
    from ..settings import load_settings

    findings = list(examine(load_settings(url=url, store=store)))
    if as_json:
        emit([finding.as_dict() for finding in findings])
    else:
        for finding in findings:
            step = "" if finding.ok else f" → {finding.fix}"
            click.echo(f"{'ok ' if finding.ok else 'NO '} {finding.check}: {finding.seen}{step}")
    return 0 if all(finding.ok for finding in findings) else CHECK_FAILED
