"""`lowtide dashboard`: the pages, in a process of their own, reading the service over HTTP."""

from __future__ import annotations

import subprocess
import sys

import click

from ._common import answer_options, emit


@click.command("dashboard")
@click.option("--url", default=None, help="Address of the service to read.")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=8501, show_default=True, help="Port of the pages."
)
@answer_options
def command(url: str | None, port: int, as_json: bool) -> int:
    """Open the pages for a browser; they need a service to read (lowtide serve)."""
    from ..settings import load_settings

    service = load_settings(url=url).service_url
    # The pages stand above this room, so they are started by name and never imported here.
    words = [sys.executable, "-P", "-m", "dashboard.launch", "--url", service, "--port", str(port)]
    if as_json:
        emit({"pages": f"http://127.0.0.1:{port}", "service": service, "command": words})
        return 0
    try:
        return subprocess.call(words)
    except KeyboardInterrupt:
        return 0
