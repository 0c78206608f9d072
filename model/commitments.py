"""What is bought ahead, priced beside spot and on-demand in one objective: marginal USD per useful GPU-hour.

Money that is owed whatever one does is sunk: within capacity that is already bought, a job adds
nothing to the bill, and the report says what it uses of what was paid. A commitment not yet bought
is marginal with its idle hours, since it is bought for this job. Discounts lower a price and promise
no capacity; blocks and reservations promise it. What is not known is refused, never zero.

Floats inside; the sums of a `Priced` are Decimal, to a billionth of a dollar.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from .errors import ImpossibleInput, InsufficientHistory
from .validity import quantity, share

BILLIONTH = Decimal("0.000000001")


class CommitmentKind(StrEnum):
    """What kind of promise it is."""

    RESERVATION = "reservation"  # Capacity held and billed, used or not; more than held is on-demand.
    CAPACITY_BLOCK = "capacity_block"  # A fixed stretch of held capacity; the job must fit in.
    FLEX_START = "flex_start"  # Queued; billed for what is used; the job must fit in.
    DISCOUNT = "discount"  # Committed use or a savings plan: a price, no capacity.


@dataclass(frozen=True, slots=True, kw_only=True)
class Commitment:
    """One commitment, bought or on offer, of machines of one SKU."""

    name: str
    kind: CommitmentKind
    usd_per_hour: float  # Committed per hour, all its instances together.
    instances: float  # Covered at once; of a savings plan: USD per hour over the discounted rate.
    hours: float  # Of the term, or what is left of one that is bought.
    upfront_usd: float = 0.0  # On top of the hourly rate, for those hours.
    used_share: float = 0.0  # Of the committed instance-hours: what other work uses, and answers for.
    minimum_hours: float = 0.0  # A cancellable one is billed at least this long.
    bought: bool = False  # Owed already.
    billed_idle: bool = True  # False: only hours used are billed.
    cancellable: bool = False  # True: given back, and paid no longer, when the job is done.
    ends_early_hours: float = 0.0  # Machines stop this long before the term does.
    start_hours: tuple[float, float] = (0.0, 0.0)  # Soonest and latest start from now.

    def __post_init__(self) -> None:
        quantity("Committed price", self.usd_per_hour, "USD/h")
        quantity("Covered instances", self.instances, "instances", above_zero=True)
        quantity("Term", self.hours, "h", above_zero=True)
        quantity("Upfront payment", self.upfront_usd, "USD")
        quantity("Minimum term", self.minimum_hours, "h")
        quantity("Early end", self.ends_early_hours, "h")
        quantity("Start", self.start_hours, "h")
        share("Share used by others", self.used_share)
        if self.start_hours[0] > self.start_hours[1] or self.ends_early_hours >= self.hours:
            raise ImpossibleInput(
                f"{self.name!r} starts {self.start_hours[0]:g} to {self.start_hours[1]:g} h from now "
                f"and ends {self.ends_early_hours:g} h before its {self.hours:g} h are over.",
                fix="State the soonest start first, and a term longer than its early end.",
            )

    def later(self, hours: float, *, taken: bool = False) -> Commitment | None:
        """Return what is left of it some hours on; None once its machines have stopped.

        It is taken to have started at the soonest. An offer neither bought nor taken (a run is on it) keeps
        its upfront payment, and its term unless it is a block, whose hours pass whoever has them.
        """
        held = self.bought or taken
        soonest, latest = (max(start - hours, 0.0) for start in self.start_hours)
        if not held and self.kind is not CommitmentKind.CAPACITY_BLOCK:
            return replace(self, start_hours=(soonest, latest))
        gone = max(hours - self.start_hours[0], 0.0)
        if gone >= self.usable_hours:
            return None
        share, used = (1.0 - gone / self.hours, gone) if held else (1.0, 0.0)
        return replace(
            self, hours=self.hours - gone, upfront_usd=self.upfront_usd * share,
            minimum_hours=max(self.minimum_hours - used, 0.0), start_hours=(soonest, latest),
        )  # fmt: skip

    @property
    def guaranteed(self) -> bool:
        """Whether capacity is promised at a known time."""
        return self.kind in (CommitmentKind.RESERVATION, CommitmentKind.CAPACITY_BLOCK)

    @property
    def free_instances(self) -> float:
        """Covered instances that no other work uses."""
        return self.instances * (1.0 - self.used_share)

    @property
    def usable_hours(self) -> float:
        """Hours of the term in which machines run."""
        return self.hours - self.ends_early_hours

    @property
    def usd_per_instance_hour(self) -> float:
        """What one committed instance-hour costs, upfront payment spread over the term."""
        return (self.usd_per_hour + self.upfront_usd / self.hours) / self.instances


@dataclass(frozen=True, slots=True, kw_only=True)
class JobHours:
    """What a job asks of machines: nodes at once, billed hours of each, and what comes of it."""

    nodes: int
    billed_hours: float  # Per node, wall hours without waits; of this capacity, losses in it.
    useful_gpu_hours: float

    def __post_init__(self) -> None:
        quantity("Node count", self.nodes, "nodes", above_zero=True)
        quantity("Billed hours", self.billed_hours, "h", above_zero=True)
        quantity("Useful GPU-hours", self.useful_gpu_hours, "GPU-hours", above_zero=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """A way to run a job, in money that is still to be decided on and money that is not."""

    name: str
    used_usd: Decimal  # Committed hours that the job uses.
    idle_usd: Decimal  # Committed hours that nobody uses.
    beyond_usd: Decimal  # Machines and hours beyond the commitment; all of spot and on-demand.
    sunk: bool  # Whether used and idle are owed anyway.
    guaranteed: bool  # Whether capacity is promised.
    latest_finish_hours: float  # From now, if it starts as late as it may.
    useful_gpu_hours: float

    @property
    def marginal_usd(self) -> Decimal:
        """What choosing it adds to the bill."""
        return self.beyond_usd if self.sunk else self.used_usd + self.idle_usd + self.beyond_usd

    @property
    def sunk_usd(self) -> Decimal:
        """What is owed anyway, used or idle."""
        return self.used_usd + self.idle_usd if self.sunk else Decimal(0)

    @property
    def marginal_usd_per_gpu_hour(self) -> float:
        """The objective: USD that can still be saved, per useful GPU-hour."""
        return float(self.marginal_usd) / self.useful_gpu_hours

    @property
    def full_usd_per_gpu_hour(self) -> float:
        """The same with the paid hours that the job uses, for a report; not to choose by."""
        return float(self.used_usd + self.beyond_usd) / self.useful_gpu_hours + (
            0.0 if self.sunk else float(self.idle_usd) / self.useful_gpu_hours
        )


def priced_by_use(name: str, job: JobHours, usd_per_instance_hour: float) -> Priced:
    """Return spot or on-demand: every billed hour at its price, nothing committed, nothing promised.

    Raises:
        ImpossibleInput: The price is negative or not finite.
    """
    price, zero = float(quantity("Price", usd_per_instance_hour, "USD/h")), Decimal(0)
    return Priced(
        name=name,
        used_usd=zero,
        idle_usd=zero,
        beyond_usd=usd(job.nodes * job.billed_hours * price),
        sunk=False,
        guaranteed=False,
        latest_finish_hours=job.billed_hours,
        useful_gpu_hours=job.useful_gpu_hours,
    )


def priced_by_commitment(
    job: JobHours, commitment: Commitment, *, on_demand_usd_per_hour: float | None = None
) -> Priced:
    """Return what a job costs on a commitment.

    Args:
        job: Its billed hours on that capacity.
        commitment: Bought, or to be bought for this job.
        on_demand_usd_per_hour: For nodes and hours beyond it; None where it is not known.

    Raises:
        ImpossibleInput: The job does not fit a block or a queued start.
        InsufficientHistory: Something lies beyond the commitment, and no on-demand price is known.
    """
    nodes = min(float(job.nodes), commitment.free_instances)
    hours = min(job.billed_hours, commitment.usable_hours)
    used, beyond = nodes * hours, job.nodes * job.billed_hours - nodes * hours
    if beyond > 1e-9 * used and commitment.kind in (CommitmentKind.CAPACITY_BLOCK, CommitmentKind.FLEX_START):
        raise ImpossibleInput(
            f"{commitment.name!r} has {commitment.free_instances:g} free instances for "
            f"{commitment.usable_hours:g} h; the job asks for {job.nodes} for {job.billed_hours:g} h.",
            fix="Take a longer or larger one, or run the job elsewhere.",
        )
    if beyond > 1e-9 * used and on_demand_usd_per_hour is None:
        raise InsufficientHistory(
            f"{beyond:g} instance-hours lie beyond {commitment.name!r}, and 0 on-demand prices are known.",
            fix="Give the on-demand price of the machine.",
        )
    listed = float(quantity("On-demand price", on_demand_usd_per_hour or 0.0, "USD/h"))
    paid = _paid_hours(commitment, job) * commitment.free_instances
    rate = commitment.usd_per_instance_hour
    return Priced(
        name=commitment.name,
        used_usd=usd(used * rate),
        idle_usd=usd(max(paid - used, 0.0) * rate) if commitment.billed_idle else Decimal(0),
        beyond_usd=usd(beyond * listed),
        sunk=commitment.bought and commitment.billed_idle,
        guaranteed=commitment.guaranteed and beyond <= 1e-9 * used,
        latest_finish_hours=commitment.start_hours[1] + job.billed_hours,
        useful_gpu_hours=job.useful_gpu_hours,
    )


def _paid_hours(commitment: Commitment, job: JobHours) -> float:
    """Return hours the commitment is paid for: its term, or until it is given back."""
    if commitment.cancellable and not commitment.bought:
        return min(max(job.billed_hours, commitment.minimum_hours), commitment.hours)
    return commitment.hours


def breakeven_utilisation(
    commitment: Commitment, usd_per_useful_instance_hour: float, billed_per_useful: float = 1.0
) -> float:
    """Return the share of its committed hours that must be used to cost no more than the alternative.

    Above 1 it never pays. Spot as the alternative: its effective price per useful instance-hour.

    Args:
        commitment: Not yet bought, or the break-even is past deciding.
        usd_per_useful_instance_hour: Of the alternative, losses included.
        billed_per_useful: Hours on the commitment to get a useful one; 1 where nothing is lost.

    Raises:
        ImpossibleInput: A price is not above 0, or less than an hour is billed for a useful one.
    """
    price = float(
        quantity("Price of the alternative", usd_per_useful_instance_hour, "USD/h", above_zero=True)
    )
    overhead = float(quantity("Billed per useful hour", billed_per_useful, "h/h", above_zero=True))
    if not commitment.billed_idle:  # Only used hours are paid: it pays at any use, or at none.
        return 0.0 if commitment.usd_per_instance_hour * overhead <= price else float("inf")
    return commitment.usd_per_instance_hour * overhead * commitment.hours / (price * commitment.usable_hours)


def usd(amount: float) -> Decimal:
    """Return money to a billionth, as the store keeps it."""
    return Decimal(amount).quantize(BILLIONTH)
