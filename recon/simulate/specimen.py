"""Atoms of the demonstration specimen, and the phase they impart on a fast electron."""

from math import ceil, cos, pi, radians, sin, sqrt

import ase
import gemmi
import numpy as np
import scipy.fft
from ase.build import bulk, nanotube
from scipy.constants import c, e, h, m_e

BOND = 1.42
"""Length of a C-C bond in graphene [Å]."""
APART = 3.4
"""Distance of graphite's layers [Å], and of what fills a tube from its wall."""
WALLS = ((15, 15), (20, 20), (25, 25), (30, 30), (35, 35))
"""Armchair tubes (n, n), nested: their radii, 3 n · 1.42 Å / 2π, stand 3.39 Å apart."""
DEBYE_WALLER = {"C": 0.5, "K": 2.0, "I": 1.6}
"""B factors [Å²], exp(-B K²/4), typical of room temperature."""
DEFAULT_DEBYE_WALLER = 1.0
MARGIN = 3.0
"""Distance [Å] at which an atom outside the grid no longer matters to it."""


def interaction_constant(energy: float) -> float:
    """Phase per projected potential, σ = 2π m e λ / h² [rad/(V Å)], of electrons of `energy` [eV].

    Notes
    -----
    Kirkland, "Advanced Computing in Electron Microscopy", 3rd ed. (2020), eq. 5.6; with
    λ = h/p it is 2π e/(h v).
    """
    if not energy > 0:
        raise ValueError(f"The beam energy must be positive, not {energy} eV.")
    gamma = 1 + energy * e / (m_e * c**2)
    velocity = c * (1 - gamma**-2) ** 0.5
    return 1e-10 * 2 * pi * e / (h * velocity)


def scattering_factor(element: str, k) -> np.ndarray:
    """Electron scattering factor [Å] of a neutral atom at spatial frequencies k [1/Å].

    Notes
    -----
    Five Gaussians in s = k/2, fitted for s <= 2 1/Å: International Tables for Crystallography C,
    table 4.3.2.2 (Peng, Ren, Dudarev & Whelan, Acta Cryst. A52, 257, 1996), as kept in gemmi.
    """
    table = gemmi.Element(element).c4322
    s2 = np.asarray(k, float) ** 2 / 4
    return sum(a * np.exp(-b * s2) for a, b in zip(table.a, table.b, strict=True))


def tube_diameter(n: int, m: int) -> float:
    """Diameter [Å] of the carbon nanotube (n, m), between centres of atoms."""
    return sqrt(3 * (n * n + n * m + m * m)) * BOND / pi


def filled_nanotube(
    walls=WALLS, length: float = 230.0, rotation_deg: float = 24.0, seed: int = 0
) -> ase.Atoms:
    """A multi-wall carbon nanotube filled with a rock-salt wire of potassium iodide.

    Parameters
    ----------
    walls : sequence of (n, m)
        Chiral indices of the tubes, from the inside out.
    length : float
        Length [Å].
    rotation_deg : float
        Direction of the axis in the image: 0 lies along x, positive looks clockwise.
    seed : int
        Turns and shifts each wall on the axis, as no registry is known between them.

    Returns
    -------
    ase.Atoms
        Positions (x, y, z) [Å] with the middle at the origin, the beam along z.

    Notes
    -----
    KI grows in tubes as wires of few atoms' thickness: Sloan et al., C. R. Physique 4, 1063
    (2003). The wire is as thick as the van der Waals radii let it be.
    """
    rng = np.random.default_rng(seed)
    atoms = ase.Atoms()
    for n, m in walls:
        wall = nanotube(n, m, bond=BOND)
        period = wall.cell[2, 2]
        wall = wall.repeat((1, 1, ceil(length / period) + 1))
        wall.positions[:, :2] -= wall.positions[:, :2].mean(0)
        wall.rotate(rng.uniform(0, 360), "z")
        wall.positions[:, 2] += rng.uniform(-period, 0) - length / 2
        atoms += wall
    atoms += _wire(min(tube_diameter(*wall) for wall in walls) - 2 * APART, length)
    atoms = atoms[np.abs(atoms.positions[:, 2]) <= length / 2]

    # The axis, along z so far, is laid into the image plane and turned there.
    x, y, z = atoms.positions.T
    direction = radians(rotation_deg)
    along, across = (cos(direction), sin(direction)), (-sin(direction), cos(direction))
    atoms.positions = np.stack(
        [z * along[0] + x * across[0], z * along[1] + x * across[1], y], axis=1
    )
    atoms.set_cell(None)
    atoms.set_pbc(False)
    return atoms


def _wire(diameter: float, length: float) -> ase.Atoms:
    """Rock-salt KI along [001], of square section, that fits a cylinder of `diameter` [Å]."""
    crystal = bulk("KI", "rocksalt", a=7.066, cubic=True)
    spacing = crystal.cell[0, 0] / 2
    # The diagonal of n × n atoms is (n - 1) √2 spacings.
    across = max(int(diameter / (spacing * 2**0.5)) + 1, 1)
    wire = crystal.repeat((across, across, ceil(length / (2 * spacing))))
    inner = (wire.positions[:, :2] < (across - 0.5) * spacing).all(1)
    wire = wire[inner]
    wire.positions[:, :2] -= wire.positions[:, :2].mean(0)
    wire.positions[:, 2] -= length / 2
    return wire


def projected_potential(atoms: ase.Atoms, shape, sampling) -> np.ndarray:
    """Electrostatic potential of the atoms, integrated along z [V Å].

    Parameters
    ----------
    atoms : ase.Atoms
        Positions (x, y, z) [Å]; the origin lies in the middle of the grid, at index shape // 2.
    shape : (Ny, Nx)
        Grid points. Atoms outside by no more than 3 Å still count.
    sampling : (float, float)
        Grid step along (y, x) [Å].

    Returns
    -------
    (Ny, Nx) float64 array
        Band-limited to 2/3 of the grid's highest frequency.

    Notes
    -----
    V(K) = h²/(2π m_e e) Σ_j f_j(K) exp(-B_j K²/4) exp(-2πi K·r_j), Kirkland, eqs. 5.9 to 5.14,
    zero-th order in thickness. The sum runs over a cubic B-spline of each atom, whose
    transform is then divided out.
    """
    constant = 1e20 * h**2 / (2 * pi * m_e * e)
    # A margin keeps the transform's periodic images of the atoms away from the other side.
    padded = [
        2 * scipy.fft.next_fast_len(ceil(n / 2 + MARGIN / step), real=True)
        for n, step in zip(shape, sampling, strict=True)
    ]
    ky, kx = np.fft.fftfreq(padded[0])[:, None], np.fft.rfftfreq(padded[1])
    k = np.hypot(ky / sampling[0], kx / sampling[1])
    spline = (np.sinc(ky) * np.sinc(kx)) ** 4
    weight = constant / (sampling[0] * sampling[1]) * (k <= 1 / (3 * max(sampling))) / spline
    spectrum = np.zeros(k.shape, complex)
    symbols = np.array(atoms.get_chemical_symbols())
    for element in np.unique(symbols):
        x, y, _ = atoms.positions[symbols == element].T
        factor = scattering_factor(element, k)
        factor *= np.exp(-DEBYE_WALLER.get(element, DEFAULT_DEBYE_WALLER) * k**2 / 4)
        image = _splat(y / sampling[0] + padded[0] // 2, x / sampling[1] + padded[1] // 2, padded)
        spectrum += factor * scipy.fft.rfft2(image, workers=-1)
    potential = scipy.fft.irfft2(weight * spectrum, s=padded, workers=-1)
    top, left = (m // 2 - n // 2 for m, n in zip(padded, shape, strict=True))
    return potential[top : top + shape[0], left : left + shape[1]].copy()


def _splat(y, x, shape) -> np.ndarray:
    """(Ny, Nx) sum of cubic B-splines around the points (y, x) that lie inside the grid."""
    inside = (y > 1) & (y < shape[0] - 2) & (x > 1) & (x < shape[1] - 2)
    (row, wy), (column, wx) = (_spline_weights(value[inside]) for value in (y, x))
    image = np.zeros(shape[0] * shape[1])
    for i in range(4):
        for j in range(4):
            index = (row + i) * shape[1] + column + j
            image += np.bincount(index, wy[i] * wx[j], image.size)
    return image.reshape(shape)


def _spline_weights(position):
    """First of four grid points around each position, and the cubic B-spline's values there."""
    cell = np.floor(position).astype(int)
    t = position - cell
    weights = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    return cell - 1, [w / 6 for w in weights]


def object_phase(atoms: ase.Atoms, shape, sampling, energy: float) -> np.ndarray:
    """(Ny, Nx) float64 phase σ V [rad] that the atoms impart, in projection.

    Propagation inside the specimen is left out: it matters beyond λ/α² (67 Å at 80 keV and
    25 mrad), and the tube is thinner. Arguments as of `projected_potential`.
    """
    return interaction_constant(energy) * projected_potential(atoms, shape, sampling)
