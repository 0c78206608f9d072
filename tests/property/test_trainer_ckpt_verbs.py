"""`lowtide ckpt`: what each verb answers, and with which exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from checkpoint_stage import commit, saver

from advisor.commands.ckpt import VERBS as passed_on
from trainer.checkpoint.cli import WORDS, main
from trainer.checkpoint.crypt import Keyring
from trainer.checkpoint.layout import generations, manifest_key
from trainer.checkpoint.manifest import root_from_bytes
from trainer.checkpoint.saves import Save
from trainer.checkpoint.stores import open_store

OLD, NEW = "11" * 32, "22" * 32


@pytest.fixture
def run(tmp_path):
    """A folder with three checkpoints, sealed with the old key; return its path and the keyring's file."""
    keys = tmp_path / "keys"
    keys.write_text(OLD + "\n")
    store = open_store(str(tmp_path / "run"))
    writer = saver(store, keyring=Keyring.read(f"file:{keys}"))
    for step in (1, 2, 3):
        commit(writer, b"weights %d" % step * 100, step=step)
    return str(tmp_path / "run"), f"file:{keys}"


@pytest.fixture
def ask(capsys):
    """Run a verb with --json; return its exit code and its answer."""

    def asked(*words):
        code = main([*map(str, words), "--json"])
        return code, json.loads(capsys.readouterr().out)

    return asked


def damage(folder):
    blob = sorted(Path(folder, "blobs").iterdir())[0]
    content = bytearray(blob.read_bytes())
    content[10] ^= 1
    blob.write_bytes(bytes(content))


def test_ls_lists_without_a_key(ask, run, tmp_path):
    code, answer = ask("ls", run[0], tmp_path / "replica")
    assert code == 0
    assert [row["step"] for row in answer["checkpoints"]] == [3, 2, 1]
    assert [each["state"] for each in answer["checkpoints"][0]["stores"]] == ["committed", "absent"]


def test_an_empty_folder_has_no_checkpoint_yet_and_that_is_no_failure(ask, tmp_path, capsys):
    assert ask("ls", tmp_path) == (0, {"checkpoints": []})
    assert ask("verify", tmp_path)[0] == 5
    assert main(["ls", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "No checkpoint yet.\n"


def test_a_folder_that_is_not_there_is_named_and_not_taken_for_a_run_without_checkpoints(tmp_path, capsys):
    assert main(["ls", str(tmp_path / "mistyped")]) == 2
    assert f"There is no folder {tmp_path}/mistyped." in capsys.readouterr().err


def test_verify_says_5_where_a_block_is_wrong(ask, run):
    assert ask("verify", run[0], "--key-ref", run[1])[0] == 0
    damage(run[0])
    code, answer = ask("verify", run[0], "--key-ref", run[1])
    assert (code, answer["valid"]) == (5, False)
    assert sum(each["stores"][0]["state"] == "damaged" for each in answer["checkpoints"]) == 1


def test_gc_keeps_pins_and_says_what_it_did(ask, run):
    assert ask("pin", run[0], 1)[0] == 0
    code, answer = ask("gc", run[0], "--keep", 1, "--key-ref", run[1])
    assert (code, answer["kept"], answer["dropped"]) == (0, [1, 3], [2])
    assert ask("pin", run[0], 1, "--remove")[0] == 0
    assert ask("gc", run[0], "--keep", 1)[0] == 5  # Without the key the newest cannot be verified.
    assert ask("gc", run[0], "--keep", 0)[0] == 2
    assert ask("pin", run[0], 77)[0] == 2


def test_migrate_counts_its_bytes_and_refuses_what_is_damaged(ask, run, tmp_path):
    there = tmp_path / "there"
    code, answer = ask("migrate", run[0], there, "--key-ref", run[1])
    assert code == 0
    assert answer["copied_bytes"] == sum(path.stat().st_size for path in (there / "blobs").iterdir())
    assert ask("migrate", run[0], there)[1]["copied_bytes"] == 0
    damage(run[0])
    assert ask("migrate", run[0], tmp_path / "third", "--key-ref", run[1])[0] == 5
    assert ask("migrate", tmp_path / "empty", there)[0] == 2


def test_collect_gathers_runs_by_name(ask, run, tmp_path):
    code, answer = ask("collect", tmp_path / "collection", run[0], "--newest-only", "--key-ref", run[1])
    assert code == 0
    assert [each["generation"] for each in answer["moved"]] == [3]
    assert ask("verify", f"{tmp_path}/collection#run-1", "--key-ref", run[1])[0] == 0


def test_rotating_wraps_anew_and_the_old_key_is_needed_no_more(ask, run, tmp_path):
    store = open_store(run[0])
    names = {n: root_from_bytes(store.read(manifest_key(n))).sha256 for n in generations(store)}
    both, new = tmp_path / "both", tmp_path / "new"
    both.write_text(f"{OLD}\n{NEW}\n")
    new.write_text(f"{NEW}\n")
    assert ask("verify", run[0], "--key-ref", f"file:{new}")[0] == 5
    code, answer = ask("rotate", run[0], "--key-ref", f"file:{both}")
    assert (code, answer["rotated"]) == (0, [1, 2, 3])
    assert ask("verify", run[0], "--key-ref", f"file:{new}")[0] == 0
    assert {n: root_from_bytes(store.read(manifest_key(n))).sha256 for n in generations(store)} == names
    assert ask("rotate", run[0], "--key-ref", f"file:{both}")[1]["rotated"] == []
    assert ask("rotate", run[0])[0] == 2


@pytest.mark.parametrize("words", [["ls"], ["gc", "x"], ["no-such-verb"], ["export", "x"]])
def test_wrong_words_are_usage(words):
    with pytest.raises(SystemExit) as left:
        main(words)
    assert left.value.code == 2


def test_troubles_have_a_next_step_and_a_code(ask, run):
    code, answer = ask("ls", "ftp://somewhere")
    assert (code, answer["error"], answer["exit_code"]) == (2, "BadStoreUrl", 2)
    code, answer = ask("verify", run[0], "--key-ref", "env:NO_SUCH_KEYRING")
    assert code != 0
    assert answer["fix"]


@pytest.mark.parametrize("number", [0, 99])
@pytest.mark.parametrize("verb", ["export", "migrate"])
def test_a_generation_that_is_not_there_is_a_slip_of_the_pen(ask, run, tmp_path, verb, number):
    where = ["--hf", tmp_path / "out"] if verb == "export" else [tmp_path / "out"]
    code, answer = ask(verb, run[0], *where, "--generation", number, "--key-ref", run[1])
    assert (code, answer["error"]) == (2, "NoSuchCheckpoint")
    assert f"holds no generation {number}" in answer["seen"]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("verb", ["export", "migrate", "rotate"])
def test_a_torn_root_fails_the_check(ask, run, tmp_path, verb):
    root = Path(run[0], manifest_key(3))
    root.write_bytes(root.read_bytes()[:-9])
    where = {"export": ["--hf", tmp_path / "out"], "migrate": [tmp_path / "out"], "rotate": []}[verb]
    code, answer = ask(verb, run[0], *where, "--key-ref", run[1])
    assert (code, answer["error"]) == (5, "CheckFailed")


def test_lowtide_ckpt_passes_words_and_code_on(run):
    lowtide = [sys.executable, "-m", "advisor.cli", "ckpt"]
    listed = subprocess.run([*lowtide, "ls", run[0], "--json"], capture_output=True, check=False)
    assert (listed.returncode, len(json.loads(listed.stdout)["checkpoints"])) == (0, 3)
    assert subprocess.run([*lowtide, "verify", run[0]], capture_output=True, check=False).returncode == 5
    helped = subprocess.run([*lowtide, "migrate", "--help"], capture_output=True, check=False)
    assert (helped.returncode, b"--generation" in helped.stdout) == (0, True)


def test_both_commands_know_the_same_verbs_by_the_same_words():
    assert passed_on == WORDS


def exported(path):
    """Read a safetensors file by the letter of its description: no holes, no overlaps."""
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header, data = json.loads(raw[8 : 8 + length]), raw[8 + length :]
    header.pop("__metadata__")
    ends = sorted(each["data_offsets"] for each in header.values())
    assert [0, *(end for _, end in ends)] == [
        *(start for start, _ in ends),
        len(data),
    ]
    return {name: (each, data[slice(*each["data_offsets"])]) for name, each in header.items()}


def save_tensors(store, ranks):
    """Commit hand-made headers: by rank, the slots with their arrays, and the model's names."""
    entries, writers = [], []
    for rank, (slots, model) in enumerate(ranks):
        payload, tensors = b"", []
        for slot, array in slots:
            tensors.append({"offset_bytes": None, "global_shape": None, "starts": None, **slot})
            if array is not None:
                tensors[-1] |= {"offset_bytes": len(payload), "shape": list(array.shape)}
                payload += array.tobytes()
        header = json.dumps({"tensors": tensors, "state": {"model": model}}).encode()
        save = Save(
            save_id="save", step=1, tier="F", exact=True, config_digest="c",
            payload_bytes=len(payload), header_bytes=len(header),
        )  # fmt: skip
        writer = saver(store, keyring=None)
        writer._rank, writer._world_size = rank, len(ranks)
        entries.append(writer.write(save, memoryview(payload + header)))
        writers.append(writer)
    writers[0].commit("save", tuple(entries))


def test_weights_are_exported_whole_from_shards_and_tied_ones_under_both_names(ask, tmp_path):
    whole = np.arange(5 * 3, dtype="<f4").reshape(5, 3)
    bias = np.arange(4, dtype="<i8")
    shard = {"name": "model.w", "dtype": "float32", "global_shape": [5, 3]}
    own = {"name": "model.b", "dtype": "int64", "shape": [4]}
    model = {"w": {"$tensor": 0}, "b": {"$tensor": 1}, "tied": {"$tensor": 1}, "extra": 3}
    first = [({**shard, "starts": [0, 0]}, whole[:3]), (own, bias)]
    second = [({**shard, "starts": [3, 0]}, whole[3:]), (own, None)]
    save_tensors(open_store(str(tmp_path / "run")), [(first, model), (second, model)])
    code, answer = ask("export", tmp_path / "run", "--hf", tmp_path / "hf")
    assert (code, answer["tensors"], answer["bytes"]) == (0, 3, 60 + 32 + 32)
    index = json.loads((tmp_path / "hf" / "model.safetensors.index.json").read_text())
    assert index["weight_map"] == dict.fromkeys(["b", "tied", "w"], "model.safetensors")
    assert index["metadata"]["total_size"] == 124
    tensors = exported(tmp_path / "hf" / "model.safetensors")
    assert (tensors["w"][0]["dtype"], tensors["w"][0]["shape"]) == ("F32", [5, 3])
    assert tensors["w"][1] == whole.tobytes()
    assert tensors["b"][1] == tensors["tied"][1] == bias.tobytes()


def test_an_export_of_what_is_damaged_fails_and_writes_no_index(ask, tmp_path):
    array = np.arange(10, dtype="<f4")
    slot = {"name": "model.w", "dtype": "float32", "shape": [10]}
    save_tensors(open_store(str(tmp_path / "run")), [([(slot, array)], {"w": {"$tensor": 0}})])
    blob = next((tmp_path / "run" / "blobs").iterdir())
    content = bytearray(blob.read_bytes())
    content[-5] ^= 1
    blob.write_bytes(bytes(content))
    assert ask("export", tmp_path / "run", "--hf", tmp_path / "hf")[0] == 5
    assert not (tmp_path / "hf" / "model.safetensors.index.json").exists()
