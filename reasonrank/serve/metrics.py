"""What Prometheus is told: requests, refusals, what is under way, and how long each stage took."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)


class Metrics:
    """One server's figures, in a registry of their own. No label has anything that a client wrote."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "reasonrank_requests", "Requests answered", ["route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "reasonrank_request_seconds",
            "Until the answer was complete",
            ["route"],
            registry=self.registry,
            buckets=SECONDS,
        )
        self._stages = Histogram(
            "reasonrank_stage_seconds",
            "What a stage of a search took",
            ["stage"],
            registry=self.registry,
            buckets=SECONDS,
        )
        self._failures = Counter("reasonrank_stage_failures", "Stages that failed", ["stage"], registry=self.registry)
        self.under_way = Gauge("reasonrank_requests_under_way", "Admitted and not ended", registry=self.registry)
        self.waiting = Gauge("reasonrank_requests_waiting", "Of these, waiting for the student", registry=self.registry)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count a request. ``route`` is one of the server's own paths, or ``page``."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def searched(self, timings_ms: Mapping[str, float], problems: Mapping[str, str]) -> None:
        """Count the stages of one search or reranking."""
        for stage, spent in timings_ms.items():
            self._stages.labels(stage).observe(spent / 1000)
        for stage in problems:
            self._failures.labels(stage).inc()

    def text(self) -> bytes:
        """Everything in Prometheus's text format."""
        return generate_latest(self.registry)
