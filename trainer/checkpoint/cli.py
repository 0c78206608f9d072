"""`python -m trainer.checkpoint.cli`: what `lowtide ckpt` does, with nothing but the trainer installed.

Exit codes: 0 done, 2 usage, 4 store, network or disk, 5 a check failed. A refusal is one sentence and a next
step, as JSON with --json.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from ..errors import TrainerError

CHECK_FAILED = 5
STORE = "a folder, file://, s3://, gs:// or az:// address of one run's checkpoints"
KEY_REF = "the keyring: file:PATH or env:NAME"


def parser() -> argparse.ArgumentParser:
    """Return the grammar of the verbs."""
    top = argparse.ArgumentParser(
        prog="lowtide ckpt",
        description="Look after checkpoints in their stores.",
        epilog="Every verb takes --json.",
    )
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    made: dict[str, argparse.ArgumentParser] = {}
    for verb, words in WORDS.items():
        made[verb] = verbs.add_parser(verb, help=words, description=words)
        made[verb].add_argument("--json", action="store_true", help="print one JSON object instead of text")
        made[verb].add_argument("--key-ref", help=KEY_REF)
    made["ls"].add_argument("stores", nargs="+", metavar="STORE", help=STORE)
    made["verify"].add_argument("stores", nargs="+", metavar="STORE", help=STORE)
    made["verify"].add_argument("--generation", type=int, help="only this one")
    for verb in ("export", "gc", "pin", "rotate"):
        made[verb].add_argument("store", metavar="STORE", help=STORE)
    made["export"].add_argument("--hf", required=True, metavar="FOLDER", help="write safetensors here")
    made["export"].add_argument("--generation", type=int, help="which one; the newest by default")
    made["gc"].add_argument("--keep", type=int, required=True, help="how many of the newest stay")
    made["gc"].add_argument("--every", type=int, help="and each generation that this divides")
    made["gc"].add_argument("--grace-s", type=float, help="seconds between marking and removing (3600)")
    made["pin"].add_argument("generation", type=int)
    made["pin"].add_argument("--remove", action="store_true", help="let the policy decide again")
    made["migrate"].add_argument("source", metavar="FROM", help=STORE)
    made["migrate"].add_argument("destination", metavar="TO", help=STORE)
    made["migrate"].add_argument(
        "--generation", type=int, action="append", help="only this one; may be repeated"
    )
    made["collect"].add_argument("collection", metavar="TO", help="a store that keeps many runs")
    made["collect"].add_argument("sources", nargs="+", metavar="FROM", help=STORE)
    made["collect"].add_argument("--newest-only", action="store_true", help="the newest of each run alone")
    return top


WORDS = {
    "ls": "List checkpoints, and how each stands in each store.",
    "verify": "Read every block back; exit 5 where one is not right.",
    "export": "Write the weights for other tools.",
    "gc": "Remove what is not to be kept.",
    "migrate": "Copy a run's checkpoints into another store, only the blocks it lacks.",
    "collect": "Gather the checkpoints of many runs into one store.",
    "pin": "Keep one checkpoint whatever the policy.",
    "rotate": "Wrap the run's secret with the newest key of the keyring.",
}


def main(argv: list[str] | None = None) -> int:
    """Run one verb and return its exit code."""
    asked = parser().parse_args(argv)
    try:
        from . import verbs

        answer, lines, code = getattr(verbs, asked.verb)(asked)
    except ModuleNotFoundError as missing:
        seen = f"This verb needs {missing.name}, which is not installed."
        return _refuse("MissingExtra", seen, "Type: pip install 'lowtide[trainer]'", 4, asked.json)
    except TrainerError as trouble:
        name = type(trouble).__name__
        return _refuse(name, trouble.seen, trouble.fix, trouble.exit_code, asked.json)
    except OSError as trouble:
        seen = f"{trouble.filename or 'The disk'}: {trouble.strerror or trouble}."
        return _refuse("EnvironmentTrouble", seen, "Check the path and the free space.", 4, asked.json)
    print(json.dumps(answer) if asked.json else "\n".join(lines))
    return int(code)


def _refuse(name: str, seen: str, fix: str, code: int, as_json: bool) -> int:
    told: dict[str, Any] = {"error": name, "seen": seen, "fix": fix, "exit_code": code}
    print(json.dumps(told)) if as_json else print(f"{name}: {seen} {fix}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
