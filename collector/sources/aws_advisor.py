"""The Spot Advisor: AWS's published interruption bands per region and machine.

A band says that between so and so much of the machines running in the trailing month were
interrupted, region-wide. It is stored as the interval it is; nothing here makes a rate of
it. The file is asked for with the tag of the last one read, and an unchanged file is not
sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx
import pandas as pd

from model.market import Sku

from .base import Batch, SourceSkipped, UnreadableSource
from .recorded_published import ADVISOR, BANDS
from .retry import endpoint, fetch
from .web import PATIENT, Patience

ADDRESS: Final = "https://spot-bid-advisor.s3.amazonaws.com/spot-advisor-data.json"
AGAIN: Final = "Collect again; if it stays, upgrade lowtide, for AWS may have changed the file."


@dataclass(slots=True, kw_only=True)
class AwsAdvisor:
    """`Source` of the bands. After reading, `etag` holds the tag to ask with next time."""

    client: httpx.Client = field(repr=False)
    skus: tuple[Sku, ...]  # Machines whose bands are kept.
    now: Callable[[], datetime] = field(repr=False)
    etag: str | None = None
    address: str = ADDRESS
    patience: Patience = field(default=PATIENT, repr=False)
    source_id: str = "aws-spot-advisor-live"
    kind: str = "recorded"
    licence: str = "AWS: published without stated terms; not to be redistributed"
    note: str = "bands over the trailing month, region-wide; Linux only"

    @property
    def origin(self) -> str:
        """The address read."""
        return self.address

    def batches(self) -> Iterator[Batch]:
        """One batch, or none where the file is unchanged; see `base.Source`."""
        at = self.now()
        request = self.client.build_request("GET", self.address, headers=self._tag())
        patience = self.patience
        answer = fetch(
            self.client, request, budget_s=patience.budget_s, sleep=patience.sleep, now=patience.now
        )
        if answer.status_code == httpx.codes.NOT_MODIFIED:
            return
        if answer.status_code != httpx.codes.OK:
            raise SourceSkipped(
                f"{endpoint(request)} answered {answer.status_code}, so no band was read.",
                fix="Check the address of the Spot Advisor and the proxy in between.",
            )
        bands = self._bands(answer, at)
        yield Batch(bands=bands, skus=self.skus)
        self.etag = answer.headers.get("ETag")  # Only now: a batch that was not stored is asked for again.

    def _tag(self) -> dict[str, str]:
        """The header that asks for a changed file only."""
        return {"If-None-Match": self.etag} if self.etag else {}

    def _bands(self, answer: httpx.Response, at: datetime) -> pd.DataFrame:
        """The file's bands of our machines, on the day AWS wrote it."""
        try:
            rows = list(_rows(answer.json(), {sku.name for sku in self.skus}))
            written = answer.headers.get("Last-Modified")
            effective_at = min(parsedate_to_datetime(written), at) if written else at
        except (LookupError, TypeError, ValueError, AttributeError) as foreign:
            raise UnreadableSource(
                f"{endpoint(answer.request)} answered in another shape ({type(foreign).__name__}).", fix=AGAIN
            ) from None
        table = pd.DataFrame(rows, columns=["region", "sku", "label", "rate_low", "rate_high", "saving"])
        return table.assign(
            **ADVISOR,
            effective_at=pd.Timestamp(effective_at),
            observed_at=pd.Timestamp(at),
        )


def _rows(
    content: dict[str, Any], wanted: set[str]
) -> Iterator[tuple[str, str, str, float, float | None, float]]:
    """Region, machine, label, band and saving of every Linux entry.

    Raises:
        KeyError: A band has a label that is not known, so its limits are not either.
    """
    band_of = {entry["index"]: (entry["label"], *BANDS[entry["label"]]) for entry in content["ranges"]}
    for region, systems in content["spot_advisor"].items():
        for sku, found in systems.get("Linux", {}).items():
            if sku in wanted:
                yield region, sku, *band_of[found["r"]], found["s"] / 100
