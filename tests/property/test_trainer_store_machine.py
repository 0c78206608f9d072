"""Writers, zombies, sweeps and transfers in any order: what is visible is whole, what was acknowledged stays.

What must hold after every step: each root that a store shows can be read to its last byte and says what was
committed; the newest acknowledged checkpoint is there; no attempt commits after a newer one has.
"""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from checkpoint_stage import KEYRING, commit, payload_of, saver, written
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from trainer.checkpoint.layout import generations, manifest_key
from trainer.checkpoint.lease import take
from trainer.checkpoint.manifest import root_from_bytes
from trainer.checkpoint.retention import Retention, pin, sweep
from trainer.checkpoint.stores import open_store
from trainer.checkpoint.transfer import copy_checkpoint
from trainer.errors import FencedOut

BASE = random.Random(6).randbytes(4000)  # A delta from it is worth making.
payloads = st.binary(min_size=1, max_size=40)


class Clocked:
    """A store in memory whose objects are as old as the machine's clock says."""

    def __init__(self, machine):
        self._store = open_store(f"memory://{uuid4().hex}", patience_s=1)
        self._machine, self._made = machine, {}

    def __getattr__(self, name):
        return getattr(self._store, name)

    def create(self, key, data):
        self._made[key] = self._machine.now
        return self._store.create(key, data)

    def begin(self, key):
        self._made[key] = self._machine.now
        return self._store.begin(key)

    def list(self, prefix):
        found = self._store.list(prefix)
        return (replace(each, modified_at=self._made.get(each.key, self._machine.now)) for each in found)


class Stores(RuleBasedStateMachine):
    """One run's life over a primary store and a replica."""

    @initialize()
    def start(self):
        self.now = datetime.now(UTC)
        self.here, self.there = Clocked(self), Clocked(self)
        self.committed = {}  # Payload by generation, of what was acknowledged.
        self.epochs = {}
        self.pending, self.zombies, self.tiers = [], [], set()
        self.epoch, self.writer = 0, None
        self.restart()

    @rule()
    def restart(self):
        """A new attempt: the old writer becomes a zombie, and does not know."""
        if self.writer is not None:
            self.zombies.append((self.epoch, self.writer))
        self.epoch += 1
        take(self.here, self.epoch)
        self.writer = saver(self.here, epoch=self.epoch)
        if newest := max(generations(self.here), default=None):
            self.writer.adopt(newest)

    def acknowledge(self, done, payload, epoch):
        self.committed[done.manifest.generation] = payload
        self.epochs[done.manifest.generation] = epoch

    @rule(tail=payloads, tier=st.sampled_from("FFW"))
    def save(self, tail, tier):
        payload = BASE + tail if tier == "F" else BASE + b"ww"
        self.acknowledge(commit(self.writer, payload, tier=tier), payload, self.epoch)
        self.tiers.add(tier)

    @rule(tail=payloads)
    def write_without_committing(self, tail):
        self.pending.append((self.epoch, self.writer, *written(self.writer, BASE + tail), BASE + tail))

    @precondition(lambda self: self.pending)
    @rule(data=st.data())
    def commit_what_was_written(self, data):
        place = data.draw(st.integers(0, len(self.pending) - 1))
        epoch, writer, save, entry, payload = self.pending.pop(place)
        try:
            done = writer.commit(save.save_id, (entry,))
        except FencedOut:
            assert epoch < self.epoch
        else:
            assert epoch == self.epoch
            self.acknowledge(done, payload, epoch)
            self.tiers.add("F")

    @precondition(lambda self: self.zombies)
    @rule(data=st.data(), tail=payloads)
    def a_zombie_saves(self, data, tail):
        _, zombie = data.draw(st.sampled_from(self.zombies))
        before = generations(self.here)
        try:
            commit(zombie, BASE + tail)
        except FencedOut:
            assert generations(self.here) == before
        else:
            raise AssertionError("a zombie committed")

    @rule(newest=st.integers(1, 3), every=st.none() | st.integers(2, 3))
    def the_writer_sweeps(self, newest, every):
        policy = Retention(newest=newest, every=every)
        swept = sweep(self.here, policy, keyring=KEYRING, grace_s=0, now=self.now)
        assert swept.refused is None or not self.committed

    @rule(newest=st.integers(1, 3), where=st.sampled_from(["here", "there"]), hours=st.integers(0, 4))
    def someone_sweeps_with_grace(self, newest, where, hours):
        # Nobody's save takes longer than the grace: what is written and not committed by now never will be.
        self.now += timedelta(hours=hours)
        if hours:
            self.pending = []
        store = getattr(self, where)
        swept = sweep(store, Retention(newest=newest), keyring=KEYRING, now=self.now)
        assert swept.refused is None or not generations(store)

    @precondition(lambda self: self.committed)
    @rule(data=st.data(), keyed=st.booleans())
    def replicate(self, data, keyed):
        shown = generations(self.here)
        number = data.draw(st.sampled_from(shown))
        copy_checkpoint(self.here, self.there, number, keyring=KEYRING if keyed else None)

    @precondition(lambda self: self.committed)
    @rule(data=st.data())
    def pin_one(self, data):
        pin(self.here, data.draw(st.sampled_from(generations(self.here))))

    @invariant()
    def every_visible_checkpoint_is_whole_and_what_was_committed(self):
        for store in (self.here, self.there):
            for number in generations(store):
                assert payload_of(store, number) == self.committed[number]

    @invariant()
    def the_newest_acknowledged_and_the_newest_exact_one_are_there(self):
        shown = generations(self.here)
        if self.committed:
            assert shown[0] == max(self.committed)
            bodies = [root_from_bytes(self.here.read(manifest_key(n))).manifest for n in shown]
            assert any(body.exact for body in bodies) or not self.has_exact()

    def has_exact(self):
        return any(
            not payload.startswith(BASE + b"w") or len(payload) > len(BASE) + 2
            for payload in self.committed.values()
        )

    @invariant()
    def epochs_never_go_back(self):
        epochs = [self.epochs[number] for number in sorted(self.epochs)]
        assert epochs == sorted(epochs)


TestStores = Stores.TestCase
TestStores.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
