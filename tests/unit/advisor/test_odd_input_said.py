"""What is typed or found wrong is said in words: addresses, devices, damaged files, odd instants."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from advisor.client import Client, ServiceUnreachable
from advisor.clockfile import read_clock
from advisor.commands import _common
from advisor.jobfile import MAX_BYTES, read
from advisor.room import Room
from model.errors import EnvironmentTrouble, ImpossibleInput, LowtideError


@pytest.mark.parametrize("url", ["http://a..b", f"http://{'a' * 70}.b"])
def test_an_address_that_is_no_name_does_not_answer(url):
    with Client(url) as client, pytest.raises(ServiceUnreachable, match="does not answer"):
        client.status()


def test_a_device_is_no_job_file_however_long_it_is():
    with pytest.raises(ImpossibleInput, match="/dev/zero is no file"):
        read(Path("/dev/zero"))


def test_no_more_than_a_job_file_is_read_of_a_file(tmp_path):
    path = tmp_path / "job.toml"
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(ImpossibleInput, match="a job file is at most"):
        read(path)


def test_a_number_of_five_thousand_digits_is_refused_in_words(tmp_path):
    path = tmp_path / "job.toml"
    path.write_text(f"[job]\ngpus = {'9' * 5000}\n")
    with pytest.raises(ImpossibleInput):
        read(path)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"wall_origin_at": 3}', '{"wall_origin_at": "x"}'])
def test_a_damaged_clock_of_a_run_is_said(tmp_path, text):
    (tmp_path / "clock.json").write_text(text)
    with pytest.raises(LowtideError, match=r"clock\.json, cannot be read"):
        read_clock(tmp_path / "clock.json")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", json.dumps({"pool": {}}), "\x00"])
def test_a_damaged_plan_of_a_run_is_said(tmp_path, text):
    room = Room(tmp_path)
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans" / "attempt-1.json").write_text(text)
    with pytest.raises(EnvironmentTrouble, match=r"attempt-1\.json cannot be read"):
        room.offers()


@pytest.mark.parametrize("window", ["²d", "٣d", "d", "0d", "", "9999999999h"])
def test_a_window_that_is_no_number_is_refused_in_words(window):
    with pytest.raises(click.BadParameter, match="is not a window"):
        _common._hours(None, None, window)


def test_an_instant_before_the_calendar_is_refused_in_words():
    with pytest.raises(click.BadParameter, match="lies outside the calendar"):
        _common.instant_of("0001-01-01T00:00:00+23:59")
