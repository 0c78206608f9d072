"""The command on a lake: two processes collect at once, and a third asks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

LOWTIDE = Path(sys.executable).with_name("lowtide")
POOL = "aws/us-east-1/use1-az{}/p5.48xlarge/spot"
PRICES = "pool,effective_at,price_usd_per_hour\n"
MARKET = {
    "format": "lowtide-market", "version": 1, "synthetic": False, "licence": "none", "statement": "a test's",
    "skus": [{"provider": "aws", "name": "p5.48xlarge", "gpu_model": "H100-80GB", "gpu_count": 8}],
}  # fmt: skip


def market(folder: Path, name: str, rows: int) -> Path:
    """A folder of Lowtide's own format with so many prices."""
    folder.mkdir()
    (folder / "market.json").write_text(json.dumps({**MARKET, "name": name}))
    lines = [
        f"{POOL.format(i % 6)},2026-01-01T{i // 60:02d}:{i % 60:02d}:00Z,{i % 50 + 1}.25\n"
        for i in range(rows)
    ]
    (folder / "prices.csv").write_text(PRICES + "".join(lines))
    return folder


def command(setting: str, *words: object) -> subprocess.Popen:
    environ = {**os.environ, "LOWTIDE_STORE": setting, "LOWTIDE_PORT": "1"}  # No service answers there.
    return subprocess.Popen(
        [LOWTIDE, *map(str, words), "--json"],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def answered(process: subprocess.Popen) -> list | dict:
    out, err = process.communicate(timeout=180)
    assert process.returncode == 0, err + out
    return json.loads(out)


def test_two_commands_collect_into_one_lake_at_once_and_a_third_finds_all_of_it(setting, tmp_path):
    folders = [market(tmp_path / name, name, 300) for name in ("one", "two")]
    for reports in [
        answered(process) for process in [command(setting, "collect", "recorded", f) for f in folders]
    ]:
        assert reports[0]["rows_new"] == 300
    assert answered(command(setting, "store", "verify"))["problems"] == []
    again = answered(command(setting, "collect", "recorded", folders[0]))
    assert (again[0]["rows_new"], again[0]["rows_duplicate"]) == (0, 300)


def test_a_lake_that_does_not_answer_is_refused_with_a_sentence(tmp_path):
    process = command(f"ducklake:postgres:dbname=none host={tmp_path}?data={tmp_path}/x", "store", "verify")
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 4
    assert json.loads(out)["error"] == "LakeUnreachable"
