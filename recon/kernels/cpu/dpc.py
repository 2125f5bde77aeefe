"""The passes of one step of the regularised integration of a deflection field."""

import numpy as np
from numba import njit, prange

from recon.kernels import parallel

STEP, ERROR, DONE, ENDED = 0, 1, 2, 3
"""Places in the state of an integration: the step, the squared residual, rows of its history, and
whether no step lowers the residual any further."""


@parallel(fastmath=True)
def combine(spectra, qy, qx, highpass, lowpass):
    """Turn the residual's transform (2, Py, Cx) into that of the update, in its first plane.

    -(i/4) (qy Fy + qx Fx) / (q² + λ1 + λ2 q⁴), and nothing at q = 0. Half a transform (columns
    up to Nyquist) is worked on. There, the row of even Py at Nyquist has no sign, so its qy drops
    out of the gradient; its column does so by itself in the inverse real transform.
    """
    nyquist = spectra.shape[1] // 2 if spectra.shape[1] % 2 == 0 else -1
    for i in prange(spectra.shape[1]):
        first, second = spectra[0, i], spectra[1, i]
        y = qy[i]
        along = y if i != nyquist else np.float32(0)
        for j in range(first.size):
            x = qx[j]
            q2 = y * y + x * x
            divisor = np.float32(4) * (q2 + highpass + lowpass * q2 * q2)
            scale = np.float32(1) / divisor if divisor > np.float32(0) else np.float32(0)
            real = (along * first[j].real + x * second[j].real) * scale
            imag = (along * first[j].imag + x * second[j].imag) * scale
            first[j] = complex(imag, -real)


@parallel(fastmath=True)
def measure(update, residual, weight, top, across, sums):
    """Fill `sums` (Sy, 2) with, row by row, the residual times mask·D update, and its square.

    `update` (rows, Px) holds the scan from its row `top` on, and wraps round at its edges; the
    residual (2, Sy, Sx) may have rows and columns beyond the scan's, which are left alone;
    `across` is the distance of next neighbours' neighbours along (y, x), inverted.
    """
    rows, columns = update.shape
    height, width = weight.shape
    for i in prange(height):
        here = update[i + top]
        above, below = update[(i + top + rows - 1) % rows], update[(i + top + 1) % rows]
        product, square = 0.0, 0.0
        for j in range(width):
            left = here[j - 1] if j > 0 else here[columns - 1]
            right = here[j + 1] if j + 1 < columns else here[0]
            dy = weight[i, j] * across[0] * (below[j] - above[j])
            dx = weight[i, j] * across[1] * (right - left)
            product += residual[0, i, j] * dy + residual[1, i, j] * dx
            square += dy * dy + dx * dx
        sums[i, 0] = product
        sums[i, 1] = square


@njit(cache=True, nogil=True)
def choose_step(sums, squares, state, history, step):
    """Note the residual that the last step left, and choose the next step by what it will leave.

    Parameters
    ----------
    sums : (Sy, 2)
        From `measure`, of the next step.
    squares : (Sy,)
        Squared residual of each row: to begin with, and then from `advance`.
    state : (4,) float64
        STEP, ERROR, DONE and ENDED.
    history : (n + 1, 2) float64
        Receives the squared residual to begin with, and then, for each step that did not raise
        it, the squared residual and the step.
    step : (1,) float32
        Receives the step to take, 0 at the end.

    Notes
    -----
    |r - t w|² < |r|² for 0 < t < 2 <r, w> / |w|²: the step is halved until it is in there.
    """
    if state[ENDED]:
        return
    error = 0.0
    for i in range(squares.size):
        error += squares[i]
    if error > state[ERROR]:
        # By rounding: single precision has no more to give.
        state[ENDED], step[0] = 1, 0
        return
    done = int(state[DONE])
    history[done, 0], history[done, 1] = error, state[STEP]
    state[ERROR], state[DONE] = error, done + 1
    product, square = 0.0, 0.0
    for i in range(sums.shape[0]):
        product += sums[i, 0]
        square += sums[i, 1]
    if product <= 0:
        state[ENDED], step[0] = 1, 0
        return
    while state[STEP] * square > 2 * product:
        state[STEP] /= 2
    step[0] = state[STEP]


@parallel(fastmath=True)
def advance(update, residual, phase, weight, top, across, step, sums):
    """Add step · update to the phase (Sy, Sx), take its gradient from the residual (2, Sy, Sx).

    `step` (1,) comes from `choose_step`. Fills `sums` (Sy,) with the squared residual of each row;
    the rest as in `measure`.
    """
    size = step[0]
    rows, columns = update.shape
    height, width = weight.shape
    for i in prange(height):
        here = update[i + top]
        above, below = update[(i + top + rows - 1) % rows], update[(i + top + 1) % rows]
        square = 0.0
        for j in range(width):
            left = here[j - 1] if j > 0 else here[columns - 1]
            right = here[j + 1] if j + 1 < columns else here[0]
            length = size * weight[i, j]
            ry = residual[0, i, j] - length * across[0] * (below[j] - above[j])
            rx = residual[1, i, j] - length * across[1] * (right - left)
            residual[0, i, j] = ry
            residual[1, i, j] = rx
            phase[i, j] += size * here[j]
            square += ry * ry + rx * rx
        sums[i] = square
