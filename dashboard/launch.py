"""Start the pages: the command line of their own process, and nothing of what they show.

The pages must find our packages wherever the reader stands. `-P` keeps the reader's folder
off the import path, so that a `model.py` or an `app.py` of theirs cannot stand in for ours,
and the process runs in this folder, so that their `.streamlit` settings stay theirs.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

HERE = Path(__file__).resolve().parent
LOOPBACK = "127.0.0.1"  # The pages ask no password, so nobody else may reach them.
DEFAULT_URL = "http://127.0.0.1:8787"
DEFAULT_PORT = 8501
ENVIRONMENT_TROUBLE = 4

SETTINGS = {
    "server.headless": "true",
    "server.fileWatcherType": "none",
    "browser.gatherUsageStats": "false",  # No request leaves this machine.
    "client.toolbarMode": "viewer",
    "client.showErrorDetails": "none",
    "theme.baseRadius": "medium",
    "theme.showWidgetBorder": "true",
    "theme.paddingTop": "2.5rem",
    "theme.headingFontSizes": "2rem,1.35rem,1.1rem",
    "theme.metricValueFontSize": "1.9rem",
    "theme.light.primaryColor": "#0072B2",
    "theme.light.backgroundColor": "#FFFFFF",
    "theme.light.secondaryBackgroundColor": "#F4F6F8",
    "theme.light.textColor": "#1B1F24",
    "theme.dark.primaryColor": "#4AA8DC",
    "theme.dark.backgroundColor": "#0E1117",
    "theme.dark.secondaryBackgroundColor": "#181D26",
    "theme.dark.textColor": "#E6E9EE",
}


def command(url: str, port: int) -> list[str]:
    """Return the argument list that starts the pages on loopback, reading the service at `url`."""
    settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
    settings += [f"--server.address={LOOPBACK}", f"--server.port={port}"]
    return [
        sys.executable,
        "-P",
        "-m",
        "streamlit",
        "run",
        str(HERE / "app.py"),
        *settings,
        "--",
        "--url",
        url,
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Become the pages until stopped by hand; return an exit code only where they cannot start."""
    parser = argparse.ArgumentParser(prog="lowtide dashboard", description=__doc__.splitlines()[0])
    parser.add_argument("--url", default=DEFAULT_URL, help="address of the Lowtide service")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="port of the pages, on loopback only")
    arguments = parser.parse_args(argv)
    trouble = _trouble(arguments.port)
    if trouble is None:
        _become_the_pages(arguments.url, arguments.port)
    print(trouble, file=sys.stderr)
    return ENVIRONMENT_TROUBLE


def _become_the_pages(url: str, port: int) -> NoReturn:
    """Replace this process: with none in between, a signal to it stops the pages."""
    print(f"The pages are at http://{LOOPBACK}:{port}, reading {url}. Stop with Ctrl-C.", flush=True)
    told = command(url, port)
    os.chdir(HERE)
    os.execv(told[0], told)


def _trouble(port: int) -> str | None:
    """Return why the pages cannot start here, in one sentence with its fix, or None."""
    if importlib.util.find_spec("streamlit") is None:
        return "The pages need streamlit, which is not installed. Type: pip install 'lowtide[dashboard]'"
    if not 0 < port < 65536:
        return f"Port {port} does not exist. Give one from 1 to 65535, such as --port {DEFAULT_PORT}."
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # A closed server's port counts as free.
        try:
            trial.bind((LOOPBACK, port))
        except OSError as error:
            other = port % 65535 + 1
            return f"Port {port} cannot be used ({error.strerror}). Give another, such as --port {other}."
    return None


if __name__ == "__main__":
    sys.exit(main())
