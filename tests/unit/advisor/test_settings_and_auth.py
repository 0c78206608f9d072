"""Settings: file, then environment, then flag. Keys: known by hash, and off loopback required."""

from __future__ import annotations

import hashlib

import pytest

from advisor.auth import Key, is_loopback, refuse_open_binding
from advisor.settings import load_settings
from model.errors import ImpossibleInput


@pytest.fixture
def room(tmp_path, monkeypatch):
    """An empty working directory without LOWTIDE_ variables."""
    monkeypatch.chdir(tmp_path)
    for name in ("STORE", "HOST", "PORT", "URL", "TOKEN", "KEY_HASHES", "CONFIG"):
        monkeypatch.delenv(f"LOWTIDE_{name}", raising=False)
    return tmp_path


def test_by_default_the_store_is_in_the_home_and_the_service_on_loopback(room):
    settings = load_settings()
    assert settings.place.is_absolute()
    assert settings.place.name == "store.duckdb"
    assert settings.service_url == "http://127.0.0.1:8787"


def test_file_gives_way_to_environment_and_environment_to_flag(room, monkeypatch):
    (room / "lowtide.toml").write_text("port = 1111\nhost = '::1'\n")
    assert load_settings().service_url == "http://[::1]:1111"
    monkeypatch.setenv("LOWTIDE_PORT", "2222")
    assert load_settings().port == 2222
    assert load_settings(port=3333).port == 3333
    assert load_settings(port=None).port == 2222


def test_the_store_is_named_by_the_environment(room, monkeypatch):
    monkeypatch.setenv("LOWTIDE_STORE", str(room / "mine.duckdb"))
    assert load_settings().place == room / "mine.duckdb"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("prot = 1\n", "the nearest known one is port"),
        ("port = 99999\n", "port must be less than or equal to 65535"),
        ("port = \n", "cannot be read"),
    ],
)
def test_a_bad_file_is_refused_in_a_sentence(room, text, words):
    (room / "lowtide.toml").write_text(text)
    with pytest.raises(ImpossibleInput, match=words):
        load_settings()


def test_a_bad_variable_is_refused_in_a_sentence(room, monkeypatch):
    monkeypatch.setenv("LOWTIDE_PORT", "many")
    with pytest.raises(ImpossibleInput, match="port must be a valid integer"):
        load_settings()


def test_a_key_is_its_hash_and_its_scopes(room):
    digest = hashlib.sha256(b"long random string").hexdigest()
    settings = load_settings(key_hashes=(f"{digest}:read,run",))
    assert settings.keys == (Key(digest, frozenset({"read", "run"})),)


@pytest.mark.parametrize("written", ["", "abc:read", "a" * 64, f"{'a' * 64}:", f"{'a' * 64}:fly"])
def test_a_key_of_another_form_is_refused_without_being_shown(written):
    with pytest.raises(ImpossibleInput) as refusal:
        Key.parse(written)
    assert "a" * 64 not in str(refusal.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.org"])
def test_off_loopback_without_keys_is_refused(host):
    with pytest.raises(ImpossibleInput, match="open to everybody"):
        refuse_open_binding(host, ())
    refuse_open_binding(host, (Key("a" * 64, frozenset({"read"})),))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_loopback_needs_no_keys(host):
    assert is_loopback(host)
    refuse_open_binding(host, ())
