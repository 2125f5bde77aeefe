"""What a store keeps, of a known size."""

from dataclasses import dataclass, field


@dataclass(eq=False)
class Scan:
    """A value that can be referred to weakly."""

    pixels: object
    spare: list = field(default_factory=list)
