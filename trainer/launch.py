"""`lowtide-run`: the bundled trainer as a command, standard library only until it trains.

Signals are heard from the first moment on, before torch is loaded. Exit codes: 0 done, 2 the plan
or the command line cannot be obeyed, 4 the disk or another part of the world, 5 checkpoints exist
and none is valid, or a newer attempt has taken over, 75 stopped on purpose: start me again.

In a folder that holds a `trainer.py` of its own, `python -P -m trainer.launch` is the same command.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from .clock import Clock
from .errors import TrainerError
from .notice import SIGNALS, NoticeWatch
from .plan import Plan
from .report import process_born_at, report
from .runlog import Phase, RunLog, notice_path, phase_path, read_spool
from .start import refuse_start
from .torchrun import is_distributed, node_name

REGION, OUTER = ("region", "regions", "outer_url"), ("outer_every", "outer_patience_s", "outer_dtype")
BATCHES, HOW = ("global_batch", "micro_batch"), ("parallel", "precision", "device")
SIZE_NAMES = ("tiny", "nano", "small")

ON_TOKENS = ("data", *BATCHES, *REGION)  # What the plain loop does not know.


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line; argparse leaves with 2 where it cannot."""
    parser = argparse.ArgumentParser(
        prog="lowtide-run", description="Train the bundled model under a plan, and survive preemptions."
    )
    parser.add_argument("--plan", required=True, metavar="FILE", help="plan.json")
    parser.add_argument(
        "--spool", required=True, metavar="DIR", help="folder for run events and the phase word"
    )
    parser.add_argument("--clock", metavar="FILE", help="market clock; without it market time is wall time")
    parser.add_argument("--steps", type=_whole(1), default=300, help="steps in all (default: 300)")
    parser.add_argument(
        "--seed", type=_whole(0), default=0, help="seed of model, data and dropout (default: 0)"
    )
    parser.add_argument(
        "--size", choices=SIZE_NAMES, default="tiny", help="size of the model (default: tiny)"
    )
    parser.add_argument(
        "--node",
        "--node-name",  # torchrun takes --node for one of its own.
        help="name of this node in run events (default: 0; under torchrun the host's name)",
    )
    parser.add_argument("--threads", type=_whole(1, 1024), default=1, help="CPU threads (default: 1)")
    parser.add_argument(
        "--report", metavar="FILE", help="write measured seconds and the weights' hash as JSON"
    )
    parser.add_argument("--born-at", type=float, metavar="UNIX_S", help="when the start was ordered")
    _add_data(parser.add_argument_group("token data and several ranks"))
    _add_region(parser.add_argument_group("regions that train apart and meet"))
    return parser.parse_args(argv)


def _add_data(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--data", metavar="DIR", help="token data; see python -m trainer.tokens make")
    group.add_argument(
        "--global-batch",
        type=_whole(1),
        metavar="N",
        help="samples per step, over all ranks (default: by size)",
    )
    group.add_argument(
        "--micro-batch",
        type=_whole(1),
        metavar="N",
        help="samples a rank computes at once (default: by size)",
    )
    group.add_argument(
        "--parallel", choices=("auto", "ddp", "fsdp"), default="auto", help="how ranks share (default: ddp)"
    )
    group.add_argument(
        "--precision", choices=("fp32", "bf16"), default="fp32", help="of matrix products (default: fp32)"
    )
    group.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="(default: a GPU if there is one)"
    )


def _add_region(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--region", metavar="NAME", help="this region")
    group.add_argument("--regions", metavar="NAME,NAME", help="all of them, alike everywhere")
    group.add_argument("--outer-url", metavar="URL", help="bucket or folder in which they meet")
    group.add_argument(
        "--outer-every",
        type=_whole(1),
        default=500,
        metavar="N",
        help="steps between meetings (default: 500)",
    )
    group.add_argument(
        "--outer-patience-s", type=float, default=300.0, metavar="S", help="wait for others (default: 300)"
    )
    group.add_argument(
        "--outer-dtype", choices=("float32", "bfloat16"), default="float32", help="of what is exchanged"
    )


def _whole(least: int, most: int = 2**32 - 1) -> Callable[[str], int]:
    def whole_number(text: str) -> int:
        number = int(text)
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{text} is not between {least} and {most}")
        return number

    return whole_number


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    arguments = parse_arguments(argv)
    try:
        return run(arguments)
    except TrainerError as refusal:
        print(f"lowtide-run: {refusal}", file=sys.stderr)
        return refusal.exit_code
    except OSError as trouble:
        print(f"lowtide-run: {trouble}. Make room or give access, then start again.", file=sys.stderr)
        return 4


def run(arguments: argparse.Namespace) -> int:
    """Train as the arguments say; returns 0 or 75, raises TrainerError and OSError for the rest."""
    born_at = arguments.born_at or process_born_at()
    plan = Plan.read(arguments.plan)
    clock = Clock.read(arguments.clock) if arguments.clock else Clock()
    refuse_start(plan, clock)
    node = node_name(arguments.node)
    where = (arguments.spool, plan.attempt, node)
    notice = NoticeWatch(notice_path(*where))
    notice.listen((*SIGNALS, signal.SIGINT))
    log = RunLog(arguments.spool, plan.run_id, plan.attempt, node)
    try:
        code = _train(arguments, plan, log=log, clock=clock, notice=notice, phase=Phase(phase_path(*where)))
    finally:
        notice.close()
    if arguments.report:
        lines = json.dumps(report(read_spool(log.path), born_at=born_at), indent=2)
        Path(arguments.report).write_text(lines + "\n")
    return code


def _train(
    arguments: argparse.Namespace, plan: Plan, *, log: RunLog, clock: Clock, notice: NoticeWatch, phase: Phase
) -> int:
    options = {name: getattr(arguments, name) for name in ("size", "seed", "steps")}
    world = {"threads": arguments.threads, "log": log, "clock": clock, "notice": notice, "phase": phase}
    try:
        if is_distributed() or any(getattr(arguments, name) is not None for name in ON_TOKENS):
            from .regions import read_region_options  # Late: this is where torch is loaded.
            from .token_loop import Options, train_tokens

            more = {name: getattr(arguments, name) for name in (*BATCHES, *HOW, "data")}
            region = read_region_options({name: getattr(arguments, name) for name in (*REGION, *OUTER)})
            train_tokens(plan, Options(**options, **more, region=region), **world)
        else:
            from .loop import train

            train(plan, **options, **world)
    except SystemExit as stopped:
        return int(stopped.code or 0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
