"""A direct-electron camera, simulated: raw frames with known electrons."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import moyal


@dataclass
class Camera:
    """What a camera makes of an electron; numbers in its analogue units.

    An electron leaves a Landau-like charge of most probable value `signal`, spread over pixels as
    a Gaussian of standard deviation `spread` pixels; the read-out adds Gaussian noise.
    """

    frame_shape: tuple = (64, 64)
    signal: float = 120.0
    width: float = 18.0
    spread: float = 0.45
    noise: float = 5.0
    row_noise: float = 0.0
    saturation: int = 4095
    seed: int = 0

    def __post_init__(self):
        self.random = np.random.default_rng(self.seed)
        self.pattern = 200 + self.random.normal(0, 12, self.frame_shape)
        self.response = np.clip(self.random.normal(1, 0.06, self.frame_shape), 0.6, 1.4)

    @property
    def dark(self):
        """Dark reference: the mean of a hundred dark frames, as one would be measured."""
        error = np.random.default_rng(99).normal(0, self.noise / 10, self.frame_shape)
        return (self.pattern + error).astype(np.float32)

    @property
    def gain(self):
        return self.response.astype(np.float32)

    def electrons(self, frames, mean):
        """Places (frame, y, x) of electrons: Poisson, anywhere on the detector."""
        numbers = self.random.poisson(mean, frames)
        height, width = self.frame_shape
        total = numbers.sum()
        y = self.random.uniform(-0.5, height - 0.5, total)
        x = self.random.uniform(-0.5, width - 0.5, total)
        return np.repeat(np.arange(frames), numbers), y, x

    def expose(self, frames, places, xrays=0.0):
        """(frames, Ky, Kx) uint16: raw frames with electrons at `places`, and so many x-rays each.

        X-rays leave thirty times an electron's charge in a single pixel.
        """
        height, width = self.frame_shape
        charge = np.zeros((frames, height, width))
        frame, y, x = places
        energy = moyal.rvs(self.signal, self.width, y.size, random_state=self.random)
        from scipy.special import erf

        row, column = np.floor(y + 0.5).astype(int), np.floor(x + 0.5).astype(int)
        for dy in range(-2, 3):
            for dx in range(-2, 3):
                j, i = row + dy, column + dx
                scale = np.sqrt(2) * self.spread
                share_y = (erf((j + 0.5 - y) / scale) - erf((j - 0.5 - y) / scale)) / 2
                share_x = (erf((i + 0.5 - x) / scale) - erf((i - 0.5 - x) / scale)) / 2
                inside = (j >= 0) & (i >= 0) & (j < height) & (i < width)
                np.add.at(
                    charge,
                    (frame[inside], j[inside], i[inside]),
                    (energy * share_y * share_x)[inside],
                )
        number = self.random.poisson(xrays * frames)
        at = [self.random.integers(0, n, number) for n in charge.shape]
        np.add.at(charge, tuple(at), 30 * self.signal)
        raw = self.pattern + self.response * charge
        raw += self.random.normal(0, self.noise, raw.shape)
        if self.row_noise:
            raw += self.random.normal(0, self.row_noise, (frames, height, 1))
        return np.clip(raw.round(), 0, self.saturation).astype(np.uint16)


def matched(places, events, subpixel=None, reach=1.5):
    """Electrons found, false counts, and position errors (y, x) of one camera's frames.

    True and counted places are paired nearest first, one to one, within `reach` pixels.
    """
    frame, y, x = places
    counted = np.repeat(np.arange(events.positions), np.diff(events.offsets))
    row, column = np.divmod(events.pixels.astype(int), events.frame_shape[1])
    found_y, found_x = row.astype(float), column.astype(float)
    if subpixel is not None:
        found_y += ((subpixel >> 4) - 8.0) / 16
        found_x += ((subpixel & 15) - 8.0) / 16
    errors, false = [], 0
    for f in range(events.positions):
        mine, theirs = frame == f, counted == f
        dy = y[mine][:, None] - found_y[theirs]
        dx = x[mine][:, None] - found_x[theirs]
        distance = np.hypot(dy, dx)
        free_row, free_column = np.ones(dy.shape[0], bool), np.ones(dy.shape[1], bool)
        for index in np.argsort(distance, axis=None):
            j, i = np.unravel_index(index, distance.shape)
            if distance[j, i] > reach:
                break
            if free_row[j] and free_column[i]:
                free_row[j] = free_column[i] = False
                errors.append((dy[j, i], dx[j, i]))
        false += int(free_column.sum())
    return len(errors), false, np.array(errors).reshape(-1, 2)
