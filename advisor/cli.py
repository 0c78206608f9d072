"""The `lowtide` command: one group of lazily loaded verbs, one place where errors become exit codes.

Nothing heavy is imported here: `lowtide --help` must answer at once, so a verb's module is
loaded when the verb is typed. A refusal is printed as one sentence and its next step; a
fault of ours is written to a file, and the file is named, so that no input shows a traceback.

Exit codes: 0 done, 1 our fault, 2 usage, 3 the data cannot support an answer, 4 environment,
5 a check failed, 75 stopped on purpose: start me again.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
import traceback
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click

VERBS = {
    "demo": "The whole loop, offline: market, ranking, plan, training under preemptions, report.",
    "serve": "Run the service: feeds by the clock, the store and the HTTP API in one process.",
    "collect": "Read a feed or recorded history into the store, once; or say how each feed stands.",
    "estimate": "Effective price of a job per pool, with parts and interval.",
    "plan": "Choose a pool for a job and write plan.json.",
    "run": "Start a job, survive its losses, go on until done.",
    "drill": "Kill your own training again and again, and say whether anything was lost.",
    "profile": "Measure what saving and restarting cost your own training, for a job file.",
    "backtest": "Score forecasts, estimates and choices against recorded history.",
    "dashboard": "Open the pages for the finance lead and the ML lead.",
    "doctor": "Check what Lowtide needs here, and say what to do.",
    "ckpt": "Look after checkpoints: ls, verify, export, gc, migrate, collect, pin, rotate.",
    "store": "Look after the store: snapshot, backup, restore, verify.",
}
EXTRAS = {  # Top-level module that may be missing -> the extra that brings it.
    "duckdb": "server", "pyarrow": "server", "numpy": "server", "scipy": "server", "pandas": "server",
    "pydantic": "server", "pydantic_settings": "server", "fastapi": "server", "uvicorn": "server",
    "httpx": "server", "starlette": "server", "apscheduler": "server", "prometheus_client": "server",
    "boto3": "server", "botocore": "server", "google": "server", "requests": "server",
    "streamlit": "dashboard", "altair": "dashboard", "torch": "trainer", "blake3": "trainer", "ray": "ray",
}  # fmt: skip
OUR_FAULT, USAGE, ENVIRONMENT, INTERRUPTED = 1, 2, 4, 130


class LazyGroup(click.Group):
    """A group that knows its verbs by name and one line, and imports one when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"advisor.commands.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


def our_version() -> str:
    """Return the installed version, or `0+source` from an uninstalled tree."""
    try:
        return version("lowtide")
    except PackageNotFoundError:
        return "0+source"


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(our_version(), prog_name="lowtide")
def lowtide() -> None:
    """Where to rent GPUs, how much of it on spot, how often to checkpoint,
    what it will cost, when it will be done, and how sure we are."""


def main(argv: list[str] | None = None) -> None:
    """Run the command and leave with its exit code."""
    code = run(sys.argv[1:] if argv is None else argv)
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:  # The reader had seen enough: lowtide … | head.
        code = code or OUR_FAULT
    # Everything is closed by now, and native threads may abort an interpreter that takes itself down.
    os._exit(code)


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code; print refusals, never a traceback."""
    as_json = "--json" in arguments
    try:
        result = lowtide.main(args=arguments, prog_name="lowtide", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _refuse(
            "Interrupted", "Stopped by hand.", "Type the command again to start over.", INTERRUPTED, as_json
        )
    except click.ClickException as wrong:
        return _refuse("Usage", wrong.format_message(), "Type lowtide --help.", wrong.exit_code, as_json)
    except ModuleNotFoundError as missing:
        return _missing(missing, as_json)
    except Exception as error:
        return _failed(error, as_json)


def _missing(missing: ModuleNotFoundError, as_json: bool) -> int:
    extra = EXTRAS.get((missing.name or "").split(".")[0])
    if extra is None:
        return _failed(missing, as_json)
    seen = f"This verb needs {missing.name}, which is not installed."
    return _refuse("MissingExtra", seen, f"Type: pip install 'lowtide[{extra}]'", ENVIRONMENT, as_json)


def _failed(error: Exception, as_json: bool) -> int:
    """A refusal carries `seen`, `fix` and `exit_code`, whichever room raised it; the rest is our fault."""
    seen, fix, code = (getattr(error, name, None) for name in ("seen", "fix", "exit_code"))
    if isinstance(seen, str) and isinstance(fix, str) and isinstance(code, int):
        return _refuse(_named(error), seen, fix, code, as_json)
    if isinstance(error, OSError) and error.filename:
        fix = "Check the path, its permissions and the free space."
        return _refuse(
            "EnvironmentTrouble", f"{error.filename}: {error.strerror}.", fix, ENVIRONMENT, as_json
        )
    with tempfile.NamedTemporaryFile("w", prefix="lowtide-fault-", suffix=".txt", delete=False) as file:
        file.write("".join(traceback.format_exception(error)))
    fix = f"The details are in {Path(file.name)}; please send them with the command you typed."
    return _refuse("OurFault", f"{type(error).__name__}: {error}.", fix, OUR_FAULT, as_json)


def _named(error: Exception) -> str:
    """Return a refusal's kind; one that came over HTTP is named by what the service called it."""
    slug = getattr(error, "slug", None)
    return "".join(part.capitalize() for part in slug.split("-")) if slug else type(error).__name__


def _refuse(name: str, seen: str, fix: str, code: int, as_json: bool) -> int:
    if as_json:
        click.echo(json.dumps({"error": name, "seen": seen, "fix": fix, "exit_code": code}))
    else:
        click.echo(f"{name}: {seen} {fix}", err=True)
    return code


if __name__ == "__main__":
    main()
