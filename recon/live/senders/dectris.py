"""A scan as a Dectris detector sends it: version 1 of the SIMPLON API's stream, over ZeroMQ.

Sources: SIMPLON API reference; LiberTEM-rs, libertem_dectris 0.3.2 (MIT), whose receiver the tests
hold it to. Pixels are of 16 bits and encoded as "lz4<": one block that holds them as they are,
which is as sound as a smaller one.
"""

import json
from collections.abc import Callable
from hashlib import md5

import numpy as np

from recon.live.addresses import Address
from recon.live.senders.pushed import Pushed
from recon.live.source import LiveError
from recon.scan.events import ElectronEvents

MASKED = 0xFFFF
"""No count: pixels that hold it are masked."""
SHORT, MORE = 15, 255
"""LZ4: literals that a token counts, and that each further byte does."""


class DectrisSender:
    """Sends series: see `recon.live.replay.Sender`.

    Parameters
    ----------
    address : Address
        Where to connect to, or to wait for those who want them.
    stop : callable
        Whether to stop waiting for them.
    dwell : float
        Time at each position [s]; 0 for what is usual.

    Raises
    ------
    LiveError
        If pyzmq is missing, or the address cannot be taken.
    """

    def __init__(
        self, address: Address, stop: Callable[[], bool] = lambda: False, dwell: float = 0.0
    ):
        self._line, self._dwell = Pushed(address, stop, "Dectris' stream"), dwell or 1e-3
        self.endpoint = self._line.endpoint

    def begin(self, scan: ElectronEvents, number: int) -> None:
        """See `Sender`: a series with a trigger for each row."""
        self._scan, self._series = scan, number
        (height, width), (high, wide) = scan.scan_shape, scan.frame_shape
        said = {
            "ntrigger": height,
            "nimages": width,
            "trigger_mode": "exts",
            "x_pixels_in_detector": wide,
            "y_pixels_in_detector": high,
            "bit_depth_image": 16,
            "bit_depth_readout": 16,
            "compression": "lz4",
            "count_time": self._dwell,
            "frame_time": self._dwell,
        }
        head = {"htype": "dheader-1.0", "series": number, "header_detail": "basic"}
        self._before = [[_json(head)], [_json(said)]]

    def send(self, first: int, last: int) -> bool:
        """See `Sender`."""
        messages = [*self._before, *map(self._image, range(first, last))]
        self._before = []
        return all(self._line.push(message) for message in messages)

    def end(self) -> None:
        """See `Sender`."""
        self._line.push([_json({"htype": "dseries_end-1.0", "series": self._series})])

    def close(self) -> None:
        """See `Sender`."""
        self._line.close()

    def _image(self, frame):
        scan = self._scan
        pixels = scan.pixels[scan.offsets[frame] : scan.offsets[frame + 1]]
        counts = np.bincount(pixels, minlength=scan.frame_shape[0] * scan.frame_shape[1])
        if counts.max() >= MASKED:
            raise LiveError(f"{counts.max()} electrons on a pixel do not fit 16 bits.")
        data = stored(counts.astype("<u2").tobytes())
        form = {"htype": "dimage_d-1.0", "shape": list(scan.frame_shape[::-1]), "type": "uint16"}
        head = {"htype": "dimage-1.0", "series": self._series, "frame": frame}
        start, dwell = round(1e9 * frame * self._dwell), round(1e9 * self._dwell)
        times = {"start_time": start, "stop_time": start + dwell, "real_time": dwell}
        return [
            _json(head | {"hash": md5(data, usedforsecurity=False).hexdigest()}),
            _json(form | {"encoding": "lz4<", "size": len(data)}),
            data,
            _json({"htype": "dconfig-1.0", **times}),
        ]


def stored(data: bytes) -> bytes:
    """An LZ4 block of literals alone: the bytes as they are."""
    size = len(data)
    if size < SHORT:
        return bytes([size << 4]) + data
    more, rest = divmod(size - SHORT, MORE)
    return bytes([SHORT << 4]) + bytes([MORE]) * more + bytes([rest]) + data


def _json(said):
    return json.dumps(said).encode()
