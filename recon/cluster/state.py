"""What a cluster tells of itself: how many workers there are, and how full."""

from dataclasses import dataclass

from recon.device.failure import filling


@dataclass(frozen=True)
class ClusterState:
    """How many workers there are, and how full they are [bytes]."""

    workers: int
    gpus: int
    used: int
    total: int

    @property
    def name(self) -> str:
        """Such as "4 workers, 3 GPUs"."""
        said = [_number(self.workers, "worker")]
        if self.gpus:
            said.append(_number(self.gpus, "GPU"))
        return ", ".join(said)

    @property
    def line(self) -> str:
        """Such as "4 workers, 3 GPUs, 61 of 380 GB"."""
        return f"{self.name}, {filling(self.used, self.total)}"


def _number(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


@dataclass(frozen=True)
class Worker:
    """A worker: its address, whether it has a GPU, and its memory [bytes]."""

    address: str
    gpu: bool
    used: int
    total: int

    @property
    def free(self) -> int:
        """What it can still take."""
        return max(0, self.total - self.used)
