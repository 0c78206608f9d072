"""`lowtide ckpt`: look after checkpoints, in a process of the trainer's own.

The trainer stands alone, and this verb needs its extra alone; so the words are passed on as they were typed.
"""

from __future__ import annotations

import subprocess
import sys

import click

# -P keeps the working directory off the path: a user's own trainer.py must not be started.
CHECKPOINTS = (sys.executable, "-P", "-m", "trainer.checkpoint.cli")


@click.command(
    "ckpt",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def command(words: tuple[str, ...]) -> int:
    """Look after checkpoints: ls, verify, export, gc, migrate, collect, pin, rotate."""
    return subprocess.run([*CHECKPOINTS, *(words or ("--help",))], check=False).returncode
