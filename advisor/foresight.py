"""What is known of a pool beyond its record: its provider's terms, its price to come, its first wait.

One path for every estimate, of a recommendation and of a run that lives, so that what a run is told
on the way is reckoned as the recommendation it came from was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from collector.tariffs import Tariffs
from model.billing import EVERY_SECOND, BillingRule
from model.estimate import PoolStatistics
from model.market import Evidence
from model.price_outlook import PriceOutlook

Outlook = Callable[[PoolStatistics], PriceOutlook | None]
Waits = Callable[[PoolStatistics], float | None]
Reads = Callable[[Sequence[PoolStatistics]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Foresight:
    """Adds to statistics what an estimate needs besides them.

    Args:
        tariffs: Notices and refunds.
        outlook: Tells of a pool's price to come; None foretells it by its window's mean and spread.
        waits: Tells of the first wait of a pool without capacity; None takes its mean gap.
        read: Reads what the outlook needs of many pools at once; it answers the same without, later.
    """

    tariffs: Tariffs
    outlook: Outlook | None = None
    waits: Waits | None = None
    read: Reads | None = None

    def under(self, seen: PoolStatistics) -> PoolStatistics:
        """Return a pool with its provider's notice and billing rule.

        A refund counts where instances were seen to be taken back. Drops of probes stand for preemptions
        and are rather too many: that errs on the safe side for lost work, and on the other for money
        given back.
        """
        provider = seen.pool.provider
        refund = self.tariffs.refund_s(provider) if seen.evidence is Evidence.TENURES else None
        rule = BillingRule(refund_s=refund.value) if refund else EVERY_SECOND
        return replace(seen, notice_s=self.tariffs.notice_s(provider).value, billing=rule)

    def ahead(self, pools: Sequence[PoolStatistics]) -> list[PoolStatistics]:
        """Return pools with their prices to come and their first waits."""
        if self.read:
            self.read(pools)
        return [self._ahead(seen) for seen in pools]

    def _ahead(self, seen: PoolStatistics) -> PoolStatistics:
        prices = self.outlook(seen) if self.outlook else None
        wait = self.waits(seen) if self.waits else None
        return replace(seen, prices=prices, first_wait_hours=wait)
