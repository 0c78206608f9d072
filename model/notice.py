"""What a warning before the loss is worth: billed time and interval of a job that saves on notice.

The hazard is constant to the notice. A save that does not commit in time falls back to the
last regular one, so a share of saves in time of 0 is the job without notice.
"""

from __future__ import annotations

import numpy as np
from scipy import optimize, special

from .goodput import NEVER_ENDS, Cadence
from .validity import quantity, share


def saved_in_time(
    save_s: float, log_sd: float, notice_s: float, *, delivered_share: float, nodes: int = 1
) -> float:
    """Return the chance that an emergency save commits within the notice (F7p).

    The time it takes is lognormal: bytes over a bandwidth that varies, with what detecting takes
    in its median. All nodes must commit, each by its own luck; one notice is for all.

    Args:
        save_s: Median seconds from notice to commit.
        log_sd: Of the log of that time, 0 where it never varies.
        notice_s: From notice to loss.
        delivered_share: Of preemptions that come with a notice at all.
        nodes: That have to commit.

    Raises:
        ImpossibleInput: An input is outside its range.
    """
    median = float(quantity("Emergency save", save_s, "s", above_zero=True))
    spread = float(quantity("Spread of the emergency save", log_sd, "(log)"))
    window = float(quantity("Notice", notice_s, "s"))
    count = float(quantity("Node count", nodes, "nodes", above_zero=True))
    told = float(share("Share of preemptions with notice", delivered_share))
    if window == 0:
        return 0.0
    if spread == 0:
        return told if median <= window else 0.0
    return float(told * special.ndtr(np.log(window / median) / spread) ** count)


def notice_billed_per_useful(
    cadence: Cadence, hazard_per_hour: float, saved_share: float, notice_hours: float
) -> float:
    """Return billed hours per useful hour of a long job that saves on notice (F7).

    Args:
        cadence: Its lag counts where the emergency save fails and the last regular one is taken.
        hazard_per_hour: To the notice, above 0.
        saved_share: Chance that the emergency save commits in time, 0 to 1.
        notice_hours: Billed window from notice to loss, no training in it.

    Raises:
        ImpossibleInput: An input is outside its range.

    Source: renewal reward with a failed save falling back to the last commit. A test holds
    it within 0.5 % of simulated lives.
    """
    hazard = float(quantity("Hazard", hazard_per_hour, "per hour", above_zero=True))
    saved = float(share("Share of saves in time", saved_share))
    window = float(quantity("Notice", notice_hours, "h"))
    tau, hours = cadence.interval_hours, cadence.interval_hours + cadence.pause_hours
    begun = np.exp(-hazard * cadence.restart_hours)
    kept = begun / hazard * np.expm1(-hazard * tau) / np.expm1(-hazard * hours)
    durable = begun * np.exp(-hazard * cadence.save_lag_hours)
    fallback = tau * durable / np.expm1(min(hazard * hours, 2 * NEVER_ENDS))
    return float((1.0 / hazard + window) / (saved * kept + (1.0 - saved) * fallback))


def notice_interval_hours(
    cadence: Cadence,
    hazard_per_hour: float,
    saved_share: float,
    notice_hours: float,
    *,
    longest_hours: float = 1000.0,
) -> float:
    """Return the interval that minimises F7, by search from sqrt(2 C M / (1 - p)) (F7o).

    Args:
        cadence: What saving costs; its own interval is ignored.
        hazard_per_hour: To the notice, above 0.
        saved_share: Chance that the emergency save commits in time.
        notice_hours: Billed window from notice to loss.
        longest_hours: Cap: as the share nears 1 the optimum grows without end.

    Raises:
        ImpossibleInput: An input is outside its range.

    Source: Aupy, Robert and Vivien (2013), recall taken as the share.
    """
    hazard = float(quantity("Hazard", hazard_per_hour, "per hour", above_zero=True))
    longest = float(quantity("Longest interval", longest_hours, "h", above_zero=True))
    unsaved = max(1.0 - float(share("Share of saves in time", saved_share)), 1e-12)
    start = float(np.sqrt(2 * cadence.pause_hours / hazard / unsaved))
    if start == 0:  # A save that costs nothing is made all the time.
        return 0.0

    def billed(log_hours: float) -> float:
        tried = Cadence(
            interval_hours=float(np.exp(log_hours)),
            pause_hours=cadence.pause_hours,
            restart_hours=cadence.restart_hours,
            save_lag_hours=cadence.save_lag_hours,
        )
        return notice_billed_per_useful(tried, hazard_per_hour, saved_share, notice_hours)

    bounds = (np.log(min(start, longest) / 100), np.log(min(start * 100, longest)))
    found = optimize.minimize_scalar(billed, bounds=bounds, method="bounded", options={"xatol": 1e-9})
    return float(np.exp(found.x))
