"""The passes of one step of the regularised integration of a deflection field, on CUDA.

The twins of `recon.kernels.cpu.dpc`. A block owns a row of the scan; sums over a row are made in
shared memory, always in the same order, in single precision: `sums` are float32 here. The few
thousand of them are added in double precision, and what follows from them, the next step, is
decided on the device: an integration is queued from beginning to end, and waits for nothing.
"""

import numpy as np
from numba import cuda, float32, float64

from recon.kernels.cpu.dpc import DONE, ENDED, ERROR, STEP
from recon.kernels.formulas import FOUR, ONE, ZERO

THREADS = 128


@cuda.jit(fastmath=True)
def _combine(spectra, qy, qx, highpass, lowpass):
    i = cuda.blockIdx.x
    j = cuda.blockIdx.y * THREADS + cuda.threadIdx.x
    rows = spectra.shape[1]
    if j >= spectra.shape[2]:
        return
    y, x = qy[i], qx[j]
    along = ZERO if 2 * i == rows else y
    q2 = y * y + x * x
    divisor = FOUR * (q2 + highpass + lowpass * q2 * q2)
    scale = ONE / divisor if divisor > ZERO else ZERO
    first, second = spectra[0, i, j], spectra[1, i, j]
    real = (along * first.real + x * second.real) * scale
    imaginary = (along * first.imag + x * second.imag) * scale
    spectra[0, i, j] = complex(imaginary, -real)


def combine(spectra, qy, qx, highpass, lowpass):
    """Turn the residual's transform (2, Py, Cx) into that of the update, in its first plane.

    See `recon.kernels.cpu.dpc.combine`.
    """
    # Rows along x, of which a grid may have more than 65 535.
    grid = spectra.shape[1], -(-spectra.shape[2] // THREADS)
    _combine[grid, THREADS](spectra, qy, qx, highpass, lowpass)


@cuda.jit(device=True)
def _slopes(update, i, j, top, across):
    """Central differences along y and x of the update at a position of the scan."""
    rows, columns = update.shape
    above, below = (i + top + rows - 1) % rows, (i + top + 1) % rows
    left = j - 1 if j > 0 else columns - 1
    right = j + 1 if j + 1 < columns else 0
    here = (i + top) % rows
    dy = across[0] * (update[below, j] - update[above, j])
    dx = across[1] * (update[here, right] - update[here, left])
    return dy, dx


@cuda.jit(device=True)
def _add_up(parts, thread):
    """Sum of `parts` (THREADS,) in shared memory, into its first place."""
    cuda.syncthreads()
    reach = THREADS // 2
    while reach > 0:
        if thread < reach:
            parts[thread] += parts[thread + reach]
        cuda.syncthreads()
        reach //= 2


@cuda.jit(fastmath=True)
def _measure(update, residual, weight, top, across, sums):
    products = cuda.shared.array(THREADS, float32)
    squares = cuda.shared.array(THREADS, float32)
    thread, i = cuda.threadIdx.x, cuda.blockIdx.x
    product, square = ZERO, ZERO
    for j in range(thread, weight.shape[1], THREADS):
        dy, dx = _slopes(update, i, j, top, across)
        dy, dx = weight[i, j] * dy, weight[i, j] * dx
        product += residual[0, i, j] * dy + residual[1, i, j] * dx
        square += dy * dy + dx * dx
    products[thread], squares[thread] = product, square
    _add_up(products, thread)
    _add_up(squares, thread)
    if thread == 0:
        sums[i, 0], sums[i, 1] = products[0], squares[0]


def measure(update, residual, weight, top, across, sums):
    """Fill `sums` (Sy, 2) with, row by row, the residual times mask·D update, and its square.

    See `recon.kernels.cpu.dpc.measure`.
    """
    _measure[weight.shape[0], THREADS](update, residual, weight, top, across, sums)


@cuda.jit
def _choose_step(sums, squares, state, history, step):
    errors = cuda.shared.array(THREADS, float64)
    products = cuda.shared.array(THREADS, float64)
    others = cuda.shared.array(THREADS, float64)
    thread = cuda.threadIdx.x
    error, product, square = 0.0, 0.0, 0.0
    for i in range(thread, squares.size, THREADS):
        error += squares[i]
        product += sums[i, 0]
        square += sums[i, 1]
    errors[thread], products[thread], others[thread] = error, product, square
    _add_up(errors, thread)
    _add_up(products, thread)
    _add_up(others, thread)
    if thread > 0 or state[ENDED] > 0:
        return
    error, product, square = errors[0], products[0], others[0]
    size = state[STEP]
    if error > state[ERROR]:
        state[ENDED], step[0] = 1, 0
        return
    done = np.int64(state[DONE])
    history[done, 0], history[done, 1] = error, size
    state[ERROR], state[DONE] = error, done + 1
    if product <= 0:
        state[ENDED], step[0] = 1, 0
        return
    while size * square > 2 * product:
        size /= 2
    state[STEP], step[0] = size, size


def choose_step(sums, squares, state, history, step):
    """Note the residual that the last step left, and choose the next step by what it will leave.

    See `recon.kernels.cpu.dpc.choose_step`. One block: there is one number a row.
    """
    _choose_step[1, THREADS](sums, squares, state, history, step)


@cuda.jit(fastmath=True)
def _advance(update, residual, phase, weight, top, across, step, sums):
    squares = cuda.shared.array(THREADS, float32)
    thread, i = cuda.threadIdx.x, cuda.blockIdx.x
    size, square = step[0], ZERO
    for j in range(thread, weight.shape[1], THREADS):
        dy, dx = _slopes(update, i, j, top, across)
        length = size * weight[i, j]
        ry = residual[0, i, j] - length * dy
        rx = residual[1, i, j] - length * dx
        residual[0, i, j], residual[1, i, j] = ry, rx
        phase[i, j] += size * update[i + top, j]
        square += ry * ry + rx * rx
    squares[thread] = square
    _add_up(squares, thread)
    if thread == 0:
        sums[i] = squares[0]


def advance(update, residual, phase, weight, top, across, step, sums):
    """Add step · update to the phase (Sy, Sx), take its gradient from the residual (2, Sy, Sx).

    See `recon.kernels.cpu.dpc.advance`.
    """
    _advance[weight.shape[0], THREADS](update, residual, phase, weight, top, across, step, sums)
