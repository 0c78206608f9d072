"""Words that are safe to show, and that never turn an unknown into a zero."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard import words

MARKDOWN = r"\`*_{}[]()<>#+-.!|~$:&=@"


@pytest.mark.parametrize(
    "hostile",
    [
        "![x](http://example.org/x.png)",
        "$1 and $2",
        "**bold**",
        ":material/home:",
        "<b>x</b>",
        "a|b",
        "# title",
    ],
)
def test_others_text_loses_its_markdown(hostile: str) -> None:
    shown = words.plain(hostile)
    for place, letter in enumerate(shown):
        if letter in MARKDOWN and letter != "\\":
            assert shown[place - 1] == "\\", f"{letter!r} is still Markdown in {shown!r}"


@given(st.text())
def test_escaping_takes_nothing_from_a_text(text: str) -> None:
    unescaped = []
    letters = iter(words.plain(text))
    for letter in letters:
        unescaped.append(next(letters) if letter == "\\" else letter)
    assert "".join(unescaped) == " ".join(text.split())


def test_a_pool_keeps_its_account_zone_as_a_name() -> None:
    key = "aws/us-east-1/name:us-east-1a/p3.16xlarge/spot"
    assert words.pool_of_key(key) == "aws name:us-east-1a · p3.16xlarge · spot"


def test_a_pool_without_a_zone_is_named_by_its_region() -> None:
    assert (
        words.pool_of_key("aws/us-east-1/-/p5.48xlarge/on_demand")
        == "aws us-east-1 · p5.48xlarge · on-demand"
    )


def test_a_key_of_another_form_is_shown_as_it_is() -> None:
    assert words.pool_of_key("no pool") == "no pool"


def test_a_hazard_says_what_it_rests_on() -> None:
    seen = {"per_hour": 0.0262, "evidence": "probes", "preemptions": 16, "exposure_hours": 610.0}
    assert words.hazard({"hazard": seen}) == "0.0262/h, 16 in 610 h"
    assert words.hazard({"hazard": {**seen, "evidence": "borrowed"}}) == "0.0262/h, 16 in 610 h, borrowed"


def test_a_published_hazard_is_shown_with_both_its_ends() -> None:
    seen = {"per_hour": 0.0362, "p10_per_hour": 0.0000763, "p90_per_hour": 0.105, "evidence": "published",
            "preemptions": 0, "exposure_hours": 0.0}  # fmt: skip
    assert words.hazard({"hazard": seen}) == "0.0362/h (7.63e-05/h – 0.105/h), published band"


def test_a_hazard_nobody_saw_is_a_dash_and_no_zero() -> None:
    unseen = {"per_hour": None, "evidence": "none", "preemptions": 0, "exposure_hours": 0.0}
    assert words.hazard({"hazard": unseen}) == "– no time at risk was seen"


@pytest.mark.parametrize("unknown", [None, "", "n/a", float("nan"), float("inf")])
def test_what_is_no_amount_stays_unknown(unknown: object) -> None:
    assert words.amount(unknown) is None


def test_an_amount_keeps_its_cents_however_it_was_written() -> None:
    assert words.amount("318.47") == words.amount(318.47) == Decimal("318.47")


def test_a_missing_saving_says_why() -> None:
    assert words.saving(None) == "– no on-demand price known"
    assert words.saving(0.6748) == "67.5 %"
    assert words.chance(None, "no deadline stated") == "– no deadline stated"


def test_capacity_nobody_looked_for_is_not_called_missing() -> None:
    assert words.capacity_seen({"availability": {"now": None, "share": None}}) == "– never looked"
    assert (
        words.capacity_seen({"availability": {"now": False, "share": 0.76}})
        == "not obtainable; 76 % of the time"
    )
