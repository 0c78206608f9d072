"""The codec is chosen by what was measured: where the store or the uplink is slow, and not otherwise."""

from __future__ import annotations

import json
import time
from pathlib import Path

import jsonschema
import pytest
import torch

from trainer.checkpoint.capture import TrainingState
from trainer.checkpoint.choosing import BELIEVED_FOR, Chooser, Pace, Sampled, sample_of, try_out
from trainer.checkpoint.keeper import Keeper
from trainer.checkpoint.layout import generations
from trainer.checkpoint.local_store import FileUpload, LocalStore
from trainer.checkpoint.manifest import rank_from_bytes, root_from_bytes
from trainer.checkpoint.ranks import Alone
from trainer.checkpoint.restore import restore
from trainer.checkpoint.stores import open_store
from trainer.plan import Plan, PlanError
from trainer.runlog import RunLog, event_schema, read_spool

GB, MB = 10**9, 10**6
# By hand, per gigabyte: hashing at 1 GB/s takes 1 s, coding at 200 MB/s takes 5 s more.
SAMPLED = {"s4z": Sampled(ratio=1.25, code_s=5e-9), "s2z": Sampled(ratio=1.1, code_s=5e-9)}


def raw_save(*, write_bytes_per_s: float) -> Pace:
    """A gigabyte as it is: hashed at 1 GB/s beside the writing, which takes longer."""
    seconds = GB / write_bytes_per_s
    return Pace(plain_bytes=GB, stored_bytes=GB, hashing_s=1.0, writing_s=seconds - 1, seconds=seconds)


def coded_save(*, seconds: float) -> Pace:
    return Pace(
        plain_bytes=GB, stored_bytes=GB * 4 // 5, hashing_s=1.0, coding_s=5.0, writing_s=1.0, seconds=seconds
    )


def after(*saves: tuple[str, Pace]) -> Chooser:
    chooser = Chooser()
    for codec, pace in saves:
        chooser.note(codec, pace)
    return chooser


def test_a_fast_disk_and_no_copy_leave_it_raw():
    # Raw 2 s at 500 MB/s; coded max(1 + 5, 2 / 1.25) = 6 s.
    told = after(("raw", raw_save(write_bytes_per_s=500 * MB))).decide(SAMPLED, None)
    assert told.codec == "raw"
    assert "2.00 s" in told.reason
    assert "6.00 s" in told.reason


def test_a_slow_uplink_pays_for_the_codec():
    # Raw 2 + 1000 / 25 = 42 s; coded 6 + 40 / 1.25 = 38 s, which is more than nine tenths of 42 (37.8): stay.
    chooser = after(("raw", raw_save(write_bytes_per_s=500 * MB)))
    assert chooser.decide(SAMPLED, 25 * MB).codec == "raw"
    # At 20 MB/s raw takes 52 s, coded 6 + 50 / 1.25 = 46 s: under 46.8.
    told = chooser.decide(SAMPLED, 20 * MB)
    assert (told.codec, told.ratio) == ("s4z", 1.25)
    assert "uplink 20 MB/s" in told.reason


def test_a_slow_store_pays_for_the_codec():
    # Raw 20 s at 50 MB/s; coded max(6, 20 / 1.25) = 16 s.
    assert after(("raw", raw_save(write_bytes_per_s=50 * MB))).decide(SAMPLED, None).codec == "s4z"


def test_the_codec_that_shrinks_more_is_taken():
    sampled = {"s4z": Sampled(ratio=1.3, code_s=5e-9), "s2z": Sampled(ratio=2.0, code_s=5e-9)}
    assert after(("raw", raw_save(write_bytes_per_s=50 * MB))).decide(sampled, None).codec == "s2z"


def test_noise_does_not_change_it_back_and_forth():
    # In use is s4z at 6 s. Raw was measured at 5.5 s: better, and not by a tenth.
    chooser = after(("raw", raw_save(write_bytes_per_s=GB / 5.5)), ("s4z", coded_save(seconds=6.0)))
    assert chooser.decide(SAMPLED, None).codec == "s4z"
    chooser = after(("raw", raw_save(write_bytes_per_s=GB / 5.3)), ("s4z", coded_save(seconds=6.0)))
    assert chooser.decide(SAMPLED, None).codec == "raw"


def test_what_a_codec_took_itself_is_believed_for_a_while_and_then_worked_out_anew():
    # Coded saves, held up by the sealer: the store took 1 s of 6 for 0.8 GB. So raw is worked out to take
    # max(1, 1 / 0.8) = 1.25 s; but a raw save took 20 s not long ago.
    slow, coded = ("raw", raw_save(write_bytes_per_s=50 * MB)), ("s4z", coded_save(seconds=6.0))
    assert after(slow, *[coded] * (BELIEVED_FOR - 1)).decide(SAMPLED, None).codec == "s4z"
    assert after(slow, *[coded] * BELIEVED_FOR).decide(SAMPLED, None).codec == "raw"


def test_a_small_save_and_the_first_one_are_raw_and_say_why():
    assert "latency" in Chooser().choose([memoryview(bytes(100))], None).reason
    assert "measured yet" in Chooser().choose([memoryview(bytes(2 * MB))], None).reason


def test_a_sample_is_of_all_over_and_of_whole_numbers():
    piece = memoryview(bytes(range(256)) * (1 << 14))  # 4 MiB.
    sample = sample_of([piece])
    assert len(sample) == 8 * (32 << 10)
    assert bytes(sample[:4]) == bytes((0, 1, 2, 3))
    assert try_out("s4z", sample).ratio > 10  # The same 256 bytes again and again.


class SlowUpload(FileUpload):
    def write(self, data):
        time.sleep(len(data) / (8 * MB))
        super().write(data)


class SlowStore(LocalStore):
    def begin(self, key):
        return SlowUpload(self.path(key), direct=False)


def codecs_in(store, number):
    root = root_from_bytes(store.read(f"manifests/{number:09d}.json"))
    [entry] = root.manifest.ranks
    payload = rank_from_bytes(store.read(entry.key), entry.sha256).payload
    return {block.codec for block in payload if block.bytes > MB}  # Without the random generators.


def training():
    """A million weights of few bits, as after a cast: they shrink to less than half."""
    torch.manual_seed(0)
    model = torch.nn.Linear(1024, 1024, bias=False)
    with torch.no_grad():
        model.weight.copy_(model.weight.bfloat16())
    return model, TrainingState(model=model, parts={}, config={})


def test_beside_a_slow_store_the_second_save_is_coded_the_log_says_why_and_it_comes_back(
    tmp_path, make_plan, monkeypatch
):
    monkeypatch.setattr("trainer.checkpoint.shelf.open_store", lambda url: SlowStore(open_store(url).root))
    model, state = training()
    plan = make_plan(codec="auto", retention=9)
    log = RunLog(tmp_path / "spool", plan.run_id, 1, "0")
    keeper = Keeper(plan, state, log)
    keeper.restore()
    for step in (1, 2):
        with torch.no_grad():
            model.weight.mul_(2.0)
        keeper.save(step)
    keeper.close()
    coded = [event for event in read_spool(log.path) if event["event"] == "coded"]
    assert (coded[0]["step"], coded[0]["codec"]) == (1, "raw")
    assert coded[1]["codec"] in ("s2z", "s4z")
    assert coded[1]["ratio"] > 1.5
    assert "times smaller" in coded[1]["reason"]
    jsonschema.validate(coded[1], event_schema())
    store = open_store(str(tmp_path / "checkpoints"))
    newest, first = generations(store)
    assert codecs_in(store, first) == {"raw"}
    assert codecs_in(store, newest) == {coded[1]["codec"]}
    again, its_state = training()
    restore([store], its_state, Alone(), run_id=plan.run_id, keyring=None)
    assert torch.equal(again.weight, model.weight)


@pytest.mark.parametrize(("word", "stored"), [("none", "raw"), ("s2z", "s2z"), ("s4z", "s4z")])
def test_a_codec_that_the_plan_names_is_used_by_the_writer_process(tmp_path, make_plan, word, stored):
    _, state = training()
    plan = make_plan(codec=word, asynchronous=True)
    log = RunLog(tmp_path / "spool", plan.run_id, 1, "0")
    keeper = Keeper(plan, state, log)
    keeper.restore()
    keeper.save(1)
    keeper.close()
    store = open_store(str(tmp_path / "checkpoints"))
    assert codecs_in(store, generations(store)[0]) == {stored}
    assert "coded" not in [event["event"] for event in read_spool(log.path)]


def test_a_plan_takes_the_codecs_there_are_and_no_other(example):
    for word in ("none", "auto", "s2z", "s4z"):
        example["checkpoint"]["codec"] = word
        assert Plan.from_dict(example).checkpoint.codec == word
    schema = json.loads((Path(__file__).parents[3] / "trainer" / "plan.schema.json").read_text())
    jsonschema.validate(example, schema)
    for word in ("d2z", "zip", None):
        example["checkpoint"]["codec"] = word
        with pytest.raises(PlanError, match="codec"):
            Plan.from_dict(example)
