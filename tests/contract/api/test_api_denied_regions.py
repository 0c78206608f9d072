"""A denied region is a name or a pattern, and one that nobody knows is refused: it would deny nothing."""

from __future__ import annotations

import pytest


def asked(http, spec, **constraints):
    told = {**spec, "constraints": constraints}
    return http.post("/v1/recommendations", json={"spec": told, "draws": 100, "simulate": False})


@pytest.mark.parametrize("denied", ["us-east-1", "us-e*", "aws/us-east-*"])
def test_a_name_or_a_pattern_denies_what_it_matches(http, spec, denied):
    answer = asked(http, spec, deny_regions=[denied]).json()
    assert {each["region"] for each in answer["options"]} == {"us-west-2"}
    assert {each["rule"] for each in answer["rejected"] if "/us-east-1/" in each["pool_id"]} == {"region"}


def test_allowed_regions_may_be_patterns_as_well(http, spec):
    answer = asked(http, spec, regions=["us-w*"]).json()
    assert {each["region"] for each in answer["options"]} == {"us-west-2"}


@pytest.mark.parametrize("denied", ["us-eest-1", "US-EAST-1", "eu-*"])
def test_a_denied_region_that_nobody_knows_is_refused_with_those_that_are_known(http, spec, denied):
    refused = asked(http, spec, deny_regions=["us-west-2", denied])
    assert refused.status_code == 422
    assert f"denies the region {denied!r}" in refused.json()["detail"]
    assert "aws/us-east-1, aws/us-west-2" in refused.json()["fix"]


def test_the_nearest_name_is_told(http, spec):
    assert "Did you mean us-east-1?" in asked(http, spec, deny_regions=["us-eest-1"]).json()["detail"]


def test_where_no_pool_is_known_no_name_can_be_wrong(http_of, empty, spec):
    with http_of(empty) as client:
        assert "knows no pool" in asked(client, spec, deny_regions=["eu-*"]).json()["detail"]
