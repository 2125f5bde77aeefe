"""What is wrong with a scan, found from its data alone: faults, how large, what to do."""

from recon.quality.health.finding import Finding, HealthReport
from recon.quality.health.pixels import faulty_pixels
from recon.quality.health.report import health

__all__ = ["Finding", "HealthReport", "faulty_pixels", "health"]
