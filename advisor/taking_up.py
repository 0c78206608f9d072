"""What a launcher that died left behind: how each attempt ended, read from its room.

The trainer on this machine dies with its launcher (`executor`), so an attempt whose end nobody wrote
down ended at its last sign of life; that is written down first, for a bill that never ends is wrong.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from model.errors import ImpossibleInput
from trainer.runlog import RunLog, read_spool, spool_path

from .attempts import LAUNCHER, AttemptEnd, Offer, struck
from .executor import NODE
from .room import Room


def left_off(room: Room) -> list[AttemptEnd]:
    """Return how every attempt of a room ended, the last one too.

    Raises:
        ImpossibleInput: Nothing was begun in it, or it has been moved since.
    """
    offers = room.offers()
    if not offers:
        raise ImpossibleInput(
            f"{room.folder} holds no run that was begun.",
            fix="Run the job without --resume.",
        )
    kept_at = offers[-1].plan["stores"]["local_dir"]
    if kept_at != str(room.checkpoints):
        raise ImpossibleInput(
            f"The checkpoints of this run are to be in {kept_at}; its folder is now {room.folder.resolve()}.",
            fix="Move the folder back to where it was.",
        )
    return [_end(room, offer) for offer in offers]


def _end(room: Room, offer: Offer) -> AttemptEnd:
    said, done = (read_spool(spool_path(room.spool, offer.attempt, who)) for who in (LAUNCHER, NODE))
    return AttemptEnd.recorded(offer, said, done) or _cut_off(room, offer, said, done)


def _cut_off(
    room: Room, offer: Offer, said: Sequence[Mapping[str, Any]], done: Sequence[Mapping[str, Any]]
) -> AttemptEnd:
    """End an attempt whose launcher could not; one that was never started has nothing to end."""
    codes = [event["exit_code"] for event in done if event["event"] == "ended"]
    end = AttemptEnd.of(offer, codes[-1] if codes else -signal.SIGKILL, struck(said), done)
    if any(event["event"] == "started" for event in said):
        newest_at = datetime.fromisoformat(said[-1]["at"])
        at = max(newest_at, room.last_seen(offer.attempt, NODE))
        log = RunLog(room.spool, offer.plan["run_id"], offer.attempt, LAUNCHER, clock=lambda: at)
        end.write_end(log)
        log.close()
    return end
