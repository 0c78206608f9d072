"""What no route ever sees: the gate in front of the application."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.guard import MAX_DEPTH, BadBody, parse

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(min_codepoint=32, max_codepoint=126)), inner)
    ),
)


@given(plain)
def test_plain_json_passes_as_it_is(value):
    assert parse(json.dumps(value).encode()) == value


@given(st.binary())
def test_any_bytes_are_parsed_or_refused_in_a_sentence(raw):
    refusal = _refusal(raw)
    assert refusal is None or refusal.endswith(".")


def _refusal(raw: bytes) -> str | None:
    try:
        parse(raw)
    except BadBody as why:
        return str(why)
    return None


def test_depth_is_counted_to_the_level():
    assert parse(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH) is not None
    with pytest.raises(BadBody, match="deeper than 32"):
        parse(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))


@pytest.mark.parametrize("text", ["9223372036854775808", "-9223372036854775808", "1" * 400])
def test_whole_numbers_beyond_64_bits_are_refused(text):
    with pytest.raises(BadBody, match="64 bits"):
        parse(text.encode())
