"""Electron counting on a CUDA device: the twin of `recon.kernels.cpu.counting`.

A block takes one frame, a stretch of as many neighbouring pixels as it has threads at a time. Most
stretches hold no electron and cost one comparison a pixel. In others, each electron's place in
the list is the number of electrons before it in the stretch: the order is the CPU's. Values are
computed in double precision by the same steps, for the few pixels near an electron alone.
"""

from math import floor, inf

from numba import cuda, float64, int32, int64, uint8, uint32

THREADS = 512
FINE = 16
"""Parts of a pixel along each axis, to which a centroid is given."""


@cuda.jit(device=True)
def _value(frames, f, p, camera):
    if camera.gain[p] == inf:
        return 0.0
    raw = float64(frames[f, p])
    if raw >= camera.saturation:
        return camera.level
    return (raw - float64(camera.dark[p])) / float64(camera.gain[p])


@cuda.jit(device=True)
def _is_peak(frames, f, p, camera):
    """Whether a pixel above its limit is the peak of an electron.

    Of equal neighbours the first in raster order is.
    """
    peak = _value(frames, f, p, camera)
    if not peak > camera.background or peak >= camera.xray:
        return False
    width = camera.width
    height = frames.shape[1] // width
    y, x = p // width, p % width
    for dy in range(-1, 2):
        for dx in range(-1, 2):
            j, i = y + dy, x + dx
            if (dy != 0 or dx != 0) and j >= 0 and i >= 0 and j < height and i < width:
                value = _value(frames, f, j * width + i, camera)
                if value > peak or (value == peak and (dy < 0 or (dy == 0 and dx < 0))):
                    return False
    return True


@cuda.jit
def _count(frames, camera, most, counts, pixels, subpixel):
    flags = cuda.shared.array(THREADS, int32)
    thread, f = int64(cuda.threadIdx.x), int64(cuda.blockIdx.x)
    size, width = frames.shape[1], camera.width
    number = int64(0)
    for start in range(0, size, THREADS):
        p = start + thread
        flag = int32(0)
        if p < size and frames[f, p] > camera.limits[p] and _is_peak(frames, f, p, camera):
            flag = int32(1)
        found = cuda.syncthreads_count(flag)
        if found > 0:
            flags[thread] = flag
            cuda.syncthreads()
            if flag:
                place = number
                for before in range(thread):
                    place += flags[before]
                if place < most:
                    weights = _value(frames, f, p, camera)
                    sum_y, sum_x = 0.0, 0.0
                    y, x = p // width, p % width
                    for dy in range(-1, 2):
                        for dx in range(-1, 2):
                            j, i = y + dy, x + dx
                            if (
                                (dy != 0 or dx != 0)
                                and j >= 0
                                and i >= 0
                                and j < size // width
                                and i < width
                            ):
                                value = _value(frames, f, j * width + i, camera)
                                if value > 0:
                                    weights += value
                                    sum_y += dy * value
                                    sum_x += dx * value
                    # To the nearest 1/16 pixel; a nibble n lies (n - 8) / 16 from the centre.
                    fine_y = int64(floor((y + sum_y / weights) * FINE + 0.5)) + FINE // 2
                    fine_x = int64(floor((x + sum_x / weights) * FINE + 0.5)) + FINE // 2
                    pixels[f, place] = uint32(fine_y // FINE * width + fine_x // FINE)
                    subpixel[f, place] = uint8((fine_y % FINE) * FINE + fine_x % FINE)
            cuda.syncthreads()
            number += found
    if thread == 0:
        counts[f] = number


def count(frames, camera, clusters, common, counts, found, pixels, subpixel):
    """Electrons of a slab of frames; see `recon.kernels.cpu.counting.count`.

    Local maxima alone, without common offsets (`clusters` and `common` must be false), and each
    frame is a part: `found` is filled with what `counts` is.
    """
    if frames.shape[0]:
        _count[frames.shape[0], THREADS](frames, camera, pixels.shape[1], counts, pixels, subpixel)
        found[:] = counts
