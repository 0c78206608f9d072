"""Recommendations of a service: asked for, worked out, kept byte for byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .first_waits import FirstWaits
from .foresight import Foresight
from .missing import Missing
from .present import recommendation_bytes
from .price_outlook import PriceOutlooks
from .recommend import recommend
from .refine import Refine, Remembered, ShowsCourses
from .wire import RecommendationRequest

if TYPE_CHECKING:
    from .service import Service


class Recommending:
    """What a service recommends.

    Args:
        service: Whose store, catalogue, tariffs and clock are used.
        refine: Estimates the best options once more; None where the closed form is to stand.
    """

    def __init__(self, service: Service, refine: Refine | None = None) -> None:
        self._service = service
        outlooks, waits = PriceOutlooks(service.store), FirstWaits(service.store)
        self.foresight = Foresight(tariffs=service.tariffs, outlook=outlooks, waits=waits, read=outlooks.read)
        self._refine = None if refine is None else Remembered(refine)
        self._courses = refine.courses if isinstance(refine, ShowsCourses) else None

    def recommend(self, request: RecommendationRequest) -> bytes:
        """Rank pools for a job and keep the answer; returns the stored bytes.

        Raises:
            ImpossibleInput: The job contradicts itself or the market.
            InsufficientHistory: No pool can be ranked.
        """
        service = self._service
        as_of = request.as_of or service.clock()
        job = service.job(request.spec, as_of)
        known, refused = service.statistics(job, as_of, request.window_hours)
        found = recommend(
            job, known, refused, service.tariffs,
            as_of=as_of, catalog=service.catalog, seed=request.seed, draws=request.draws,
            named=request.pools, refine=self._refine if request.simulate else None,
            foresight=self.foresight, courses=self._courses if request.simulate else None,
        )  # fmt: skip
        used = [option.estimate.statistics for option in found.options]
        name, body = recommendation_bytes(
            found,
            request,
            age_s=service.age_s(as_of),
            sources=sorted({source for seen in used for source in seen.sources}),
            synthetic=any(seen.synthetic for seen in used),
        )
        service.store.save_recommendation(
            name, as_of=as_of, request=request.model_dump_json().encode(), body=body
        )
        return body

    def recommendation(self, recommendation_id: str) -> bytes:
        """Return a stored recommendation, byte for byte."""
        body = self._service.store.recommendation(recommendation_id)
        if body is None:
            raise Missing(f"There is no recommendation {recommendation_id!r} here.", fix="Ask for a new one.")
        return body
