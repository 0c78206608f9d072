"""`lowtide ckpt`: look after checkpoints, in a process of the trainer's own.

The trainer stands alone, and these verbs need its extra alone; so the words are passed on as they were typed.
"""

from __future__ import annotations

import subprocess
import sys

import click

# -P keeps the working directory off the path: a user's own trainer.py must not be started.
CHECKPOINTS = (sys.executable, "-P", "-m", "trainer.checkpoint.cli")
VERBS = {
    "ls": "List checkpoints, and how each stands in each store.",
    "verify": "Read every block back; exit 5 where one is not right.",
    "export": "Write the weights for other tools.",
    "gc": "Remove what is not to be kept.",
    "migrate": "Copy a run's checkpoints into another store, only the blocks it lacks.",
    "collect": "Gather the checkpoints of many runs into one store.",
    "pin": "Keep one checkpoint whatever the policy.",
    "rotate": "Wrap the run's secret with the newest key of the keyring.",
}


@click.group("ckpt")
def command() -> None:
    """Look after checkpoints: ls, verify, export, gc, migrate, collect, pin, rotate."""


def _verb(name: str, words: str) -> click.Command:
    def run(arguments: tuple[str, ...]) -> int:
        return subprocess.run([*CHECKPOINTS, name, *arguments], check=False).returncode

    return click.Command(
        name,
        callback=run,
        params=[click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)],
        help=words,
        add_help_option=False,  # Its own help knows its options.
        context_settings={"ignore_unknown_options": True},
    )


for _name, _words in VERBS.items():
    command.add_command(_verb(_name, _words))
