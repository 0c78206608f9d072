"""Whatever the data, the seed and the history of world sizes: every sample once, in one order."""

from __future__ import annotations

import json
import tempfile

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.loader import BatchShare, Loader, SampleOrder
from trainer.permutation import MOST, Permutation
from trainer.tokens import TokenSamples, write_tokens

seeds = st.integers(0, 2**32 - 1)


@given(st.integers(1, 3000), seeds, st.integers(0, 10**6))
def test_a_permutation_of_all_numbers_holds_each_once(size, seed, epoch):
    order = Permutation(size, seed, epoch)(np.arange(size, dtype=np.int64))
    assert np.array_equal(np.sort(order), np.arange(size))


@given(st.integers(1, MOST), seeds, st.data())
def test_a_permutation_too_large_to_list_keeps_numbers_apart_and_in_range(size, seed, data):
    first = data.draw(st.integers(0, max(0, size - 500)))
    places = np.arange(first, min(size, first + 500), dtype=np.int64)
    order = Permutation(size, seed)
    found = order(places)
    assert 0 <= found.min() <= found.max() < size
    assert len(set(found.tolist())) == len(places)
    assert [order(places[i : i + 1])[0] for i in (0, -1 % len(places))] == [found[0], found[-1]]


@given(st.integers(1, 60), seeds, st.integers(0, 200), st.integers(0, 150))
def test_a_stretch_of_the_order_is_the_same_however_it_is_asked_for(samples, seed, first, count):
    order = SampleOrder(samples, seed)
    one_by_one = [int(order.at(number, 1)[0]) for number in range(first, first + count)]
    assert order.at(first, count).tolist() == one_by_one


@st.composite
def histories(draw):
    """Lives of one training: world size, micro-batch, steps done, and how many of them were saved."""
    lives = []
    for _ in range(draw(st.integers(1, 6))):
        world_size = draw(st.integers(1, 4))
        micro_batch = draw(st.sampled_from([1, 2]))
        steps = draw(st.integers(0, 7))
        lives.append((world_size, micro_batch, steps, draw(st.integers(0, steps))))
    return lives


@given(st.integers(1, 300), seeds, histories())
def test_no_sample_is_lost_or_repeated_by_any_history_of_world_sizes(samples, seed, lives):
    global_batch = 24  # Every world size up to 4 times every micro-batch up to 2 divides it.
    kept, state = [], None
    for world_size, micro_batch, steps, saved in lives:
        loaders = []
        for rank in range(world_size):
            share = BatchShare(
                global_batch=global_batch, micro_batch=micro_batch, rank=rank, world_size=world_size
            )
            loader = Loader(samples, seed=seed, share=share)
            if state is not None:
                loader.load_state_dict(json.loads(state))
            loaders.append(loader)
        state = json.dumps(loaders[-1].state_dict())
        for step in range(steps):
            batches = sorted((b for loader in loaders for b in loader.step()), key=lambda b: b.number)
            numbers = [batch.number for batch in batches]
            first = global_batch // micro_batch * (len(kept) // global_batch + max(0, step - saved))
            if step < saved:  # What was done after the last save is done again, and counts once.
                assert numbers == list(range(first, first + len(numbers)))
                kept += [int(sample) for batch in batches for sample in batch.samples]
                state = json.dumps(loaders[0].state_dict())
    assert kept == SampleOrder(samples, seed).at(0, len(kept)).tolist()
    whole = len(kept) // samples * samples
    counts = np.bincount(kept[:whole], minlength=samples)
    assert set(counts.tolist()) <= {len(kept) // samples}


@settings(max_examples=30)
@given(
    st.lists(st.lists(st.integers(0, 299), max_size=40), min_size=1, max_size=5).filter(any),
    st.integers(1, 9),
    st.integers(1, 50),
)
def test_samples_are_the_tokens_of_their_file_in_order(pieces, context, file_tokens):
    with tempfile.TemporaryDirectory() as folder:
        arrays = [np.array(piece, dtype=np.int64) for piece in pieces]
        write_tokens(folder, arrays, vocabulary=300, file_tokens=file_tokens)
        flat = [token for piece in pieces for token in piece]
        files = [flat[i : i + file_tokens] for i in range(0, len(flat), file_tokens)]
        expected = [
            file[i : i + context + 1]
            for file in files
            for i in range(0, len(file) - context, context)
        ]  # fmt: skip
        if expected:
            samples = TokenSamples(folder, context)
            assert len(samples) == len(expected)
            assert samples.read(range(len(samples))).tolist() == expected
