"""Where torchrun starts us: our name there, and torchrun with our exit codes.

`python -m trainer.torchrun --nnodes=1:4 --nproc-per-node=2 … -- --plan plan.json …` is torchrun running
`lowtide-run`, but for its exit code: torchrun ends with 1 whatever its processes ended with, so that a job
that stopped on purpose (75) would look like one that failed. Here what the processes agree on is kept.

The functions are standard library only; they are asked before torch is loaded.
"""

from __future__ import annotations

import os
import socket
import sys

# With a shared store torch 2.13 tells a node that joins later no address, and it waits 60 s and fails.
ELASTIC = {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}


def is_distributed() -> bool:
    """Tell whether torchrun, or what behaves like it, started this process."""
    return "RANK" in os.environ and "WORLD_SIZE" in os.environ


def node_name(given: str | None) -> str:
    """Return this process's name in run events: the node's, and its own number where it is not the first.

    A node keeps its name when others come and go; the number that torchrun gives it does not last.
    """
    node = given or (socket.gethostname() if is_distributed() else "0")
    local = os.environ.get("LOCAL_RANK", "0") if is_distributed() else "0"
    return node if local == "0" else f"{node}.{local}"


def main(argv: list[str] | None = None) -> int:
    """Run torchrun over lowtide-run; return 0, what the processes ended with, or 1 where they disagree."""
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import main as run

    os.environ.update(ELASTIC)
    words = sys.argv[1:] if argv is None else argv
    cut = words.index("--") if "--" in words else len(words)
    try:
        run([*words[:cut], "-m", f"{__package__}.launch", *words[cut + 1 :]])
    except ChildFailedError as failed:
        codes = {failure.exitcode for failure in failed.failures.values()}
        return _agreed(codes)
    return 0


def _agreed(codes: set[int]) -> int:
    """Return the one code there is; a negative one is a signal that torchrun itself sent to the others."""
    real = {code for code in codes if code > 0}
    return real.pop() if len(real) == 1 else 1


if __name__ == "__main__":
    sys.exit(main())
