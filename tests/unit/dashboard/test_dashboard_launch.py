"""How the pages are started: on loopback, asking nothing of the network, whoever's folder it is."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from dashboard import launch


def test_the_command_keeps_the_readers_folder_off_the_import_path() -> None:
    told = launch.command("http://127.0.0.1:8787", 8501)
    assert told[:5] == [sys.executable, "-P", "-m", "streamlit", "run"]
    assert Path(told[5]).is_absolute()
    assert told[-3:] == ["--", "--url", "http://127.0.0.1:8787"]


def test_the_pages_listen_on_loopback_and_report_to_nobody() -> None:
    told = launch.command("http://127.0.0.1:8787", 8501)
    assert "--server.address=127.0.0.1" in told
    assert "--server.port=8501" in told
    assert "--browser.gatherUsageStats=false" in told


def test_a_taken_port_is_a_sentence_with_another_port(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        assert launch.main(["--port", str(port)]) == 4
    told = capsys.readouterr().err
    assert f"Port {port} cannot be used" in told
    assert f"--port {port % 65535 + 1}" in told


def test_a_port_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert launch.main(["--port", "99999"]) == 4
    assert "Port 99999 does not exist" in capsys.readouterr().err


def test_a_missing_streamlit_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(launch.importlib.util, "find_spec", lambda name: None)
    assert launch.main([]) == 4
    assert "pip install 'lowtide[dashboard]'" in capsys.readouterr().err
