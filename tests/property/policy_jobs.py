"""Jobs whose deadline on-demand can keep, for properties of policies."""

from __future__ import annotations

from hypothesis import strategies as st

from model.spot_safety import Promise


def jobs(*lag_hours: float) -> st.SearchStrategy[Promise]:
    """Of minutes to hours of work, in ticks of minutes to an hour; a preemption loses one of `lag_hours`."""
    return st.builds(
        Promise,
        task_hours=st.floats(0.3, 6.0),
        deadline_hours=st.floats(1.0, 14.0),
        overhead_hours=st.sampled_from([0.0, 0.05, 0.2, 0.7]),
        tick_hours=st.sampled_from([0.1, 0.25, 1.0]),
        lag_hours=st.sampled_from(lag_hours),
    ).filter(lambda job: job.least_hours() <= job.ticks * job.tick_hours)
