"""The tables a screening looks up: quantiles of shifted gammas, nodes of beliefs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from model.screen_moments import NODES, hazard_nodes
from model.screen_quantiles import chance_from_least_N, chance_within_N, quantiles_PN


def test_the_table_of_quantiles_is_within_a_thousandth_of_a_standard_deviation():
    # A gamma of shape k has skewness 2 / sqrt(k) and, at mean k, standard deviation sqrt(k).
    shape = np.geomspace(1e-5, 1e7, 4321)
    found = quantiles_PN(shape, np.sqrt(shape), 2 / np.sqrt(shape))
    for place, p in enumerate((0.1, 0.5, 0.9)):
        exact = special.gammaincinv(shape, p)
        assert np.abs((found[place] - exact) / np.sqrt(shape)).max() < 1e-3


def test_a_mirrored_gamma_has_mirrored_quantiles_and_chances():
    mean, sd = np.array([5.0]), np.array([2.0])
    right, left = (quantiles_PN(mean, sd, np.array([skew])) for skew in (0.8, -0.8))
    assert left[::-1] - 5 == pytest.approx(5 - right)
    for skew, low in (
        (0.8, right[0, 0]),
        (-0.8, left[0, 0]),
        (0.0, quantiles_PN(mean, sd, np.zeros(1))[0, 0]),
    ):
        assert chance_within_N(low, mean, sd, np.array([skew])) == pytest.approx([0.1], abs=1e-3)
    assert chance_within_N(5.0, mean, np.zeros(1), np.zeros(1)) == [1.0]
    assert chance_within_N(4.9, mean, np.zeros(1), np.zeros(1)) == [0.0]


def test_what_goes_well_with_a_chance_of_its_own_is_within_the_limit_at_least_so_often():
    # Least 10; three in four times nothing happens, else exponential with mean 4: mean 11, and
    # P(<= 12) = .75 + .25 (1 - e^-.5) = .8484. Variance: .25 x 32 - 1 = 7.
    least, sure, mean, sd = (np.array([x]) for x in (10.0, 0.75, 11.0, np.sqrt(7.0)))
    assert chance_from_least_N(12.0, least, sure, mean, sd) == pytest.approx([0.84837], abs=1e-4)
    assert chance_from_least_N(10.0, least, sure, mean, sd) == pytest.approx([0.75])
    assert chance_from_least_N(9.9, least, sure, mean, sd) == [0.0]
    assert chance_from_least_N(10.0, least, np.ones(1), least, np.zeros(1)) == [1.0]


@pytest.mark.parametrize("shape", [0.1, 0.5, 3.0, 40.0, 1e4])
def test_nodes_of_a_belief_have_its_moments(shape):
    # Of a gamma with mean 2: E[h] = 2, E[h^2] = 4 (1 + 1/shape), E[e^(h s)] = (1 - 2 s / shape)^-shape.
    nodes = hazard_nodes(np.array([shape]), np.array([2.0]))
    assert nodes.hazard_QN.shape == (NODES, 1)
    assert nodes.mean_N(nodes.hazard_QN**0) == pytest.approx([1.0])
    assert nodes.mean_N(nodes.hazard_QN) == pytest.approx([2.0])
    assert nodes.mean_N(nodes.hazard_QN**2) == pytest.approx([4 * (1 + 1 / shape)], rel=0.01)
    s = 0.1 * min(shape, 5.0)
    assert nodes.mean_N(np.exp(nodes.hazard_QN * s)) == pytest.approx(
        [(1 - 2 * s / shape) ** -shape], rel=1e-3
    )
