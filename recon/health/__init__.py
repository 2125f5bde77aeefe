"""What is wrong with a scan, found from its electrons alone: faults, how large, what to do."""

from recon.health.finding import Finding, HealthReport
from recon.health.report import health

__all__ = ["Finding", "HealthReport", "health"]
