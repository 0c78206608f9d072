"""The figures of bench/model.py, in order. Another kind of figure is another file and a line here.

Each takes the bench and the sets of recorded series found under --data, and prints its figures.
"""

from __future__ import annotations

import sys

import model_finish
import model_forecast
import model_interval
import model_light
import model_lives
import model_portfolio
import model_price
import model_refine
import model_screen
import model_simulator
import model_wait
import model_whole_jobs
from harness import start
from model_data import recorded_sets

FIGURES = (
    model_forecast.figures,
    model_lives.figures,
    model_finish.figures,
    model_price.figures,
    model_interval.figures,
    model_whole_jobs.figures,
    model_simulator.figures,
    model_light.figures,
    model_screen.figures,
    model_wait.figures,
    model_portfolio.figures,
    model_refine.figures,
)


def main() -> None:
    bench = start("model", "How well the cost model forecasts recorded markets.")
    if bench.options.data is None:
        print("bench/model.py needs --data DIR, laid out like spot-traces/: no figures.", file=sys.stderr)
        bench.finish()
    sets = recorded_sets(bench.options.data)
    if not sets:
        print(f"{bench.options.data} holds no availability or preemption series.", file=sys.stderr)
    for figures in FIGURES:
        figures(bench, sets)
    bench.finish()
