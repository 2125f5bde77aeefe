"""A scan written as it comes, as LiberTEM's raw CSR.

While it comes, its rows are appended to files beside `NAME.unfinished.toml`, which opens at any
time as the rows that are there (`recon.io.events.unfinished`): so nothing is lost, whatever ends
the process. At the end `NAME.toml` appears with all of it, in one step, and the other goes.
"""

import json
import os
import shutil
from itertools import count
from pathlib import Path
from time import monotonic
from types import SimpleNamespace

import numpy as np

from recon.io.events import libertem_csr, unfinished
from recon.io.files.atomic import DISK_FULL, replacing
from recon.io.files.slabs import FileArray
from recon.io.metadata import known_metadata
from recon.live.source import Began, Block, Ended

SYNC_S = 2.0
"""Seconds after which what was written is on the disk, should the power fail."""


class Recorder:
    """Keeps the scan that has begun.

    What cannot be written is no reason to stop: `trouble` says from which row on nothing is kept,
    and what was kept stays, unfinished.

    Parameters
    ----------
    path : path-like
        The `.toml` to be.
    began : Began

    Attributes
    ----------
    electrons, rows : int
        Kept so far.
    trouble : str
        A sentence if something could not be written; else empty.
    """

    def __init__(self, path, began: Began):
        self.path, self.began = Path(os.path.realpath(path)), began
        self.electrons, self.trouble = 0, ""
        self._rows: list[int] = []
        self._counts: list[np.ndarray] = []
        self._files, self._sides, self._toml = {}, {}, None
        self._placed, self._synced = None, monotonic()

    @property
    def rows(self) -> int:
        """Rows that are kept."""
        return len(set(self._rows))

    @property
    def unfinished(self) -> Path | None:
        """The file that opens while the scan comes; None before its first row."""
        return self._toml

    def add(self, block: Block) -> None:
        """Keep a block."""
        if self.trouble:
            return
        try:
            if self._toml is None:
                self._begin(block.events.subpixel is not None)
            self._append(block)
        except OSError as error:
            self._fail(block.first_row, error)

    def finish(self, ended: Ended) -> Path | None:
        """Publish the scan; the file that holds it, or None if nothing came.

        It is the unfinished one if something could not be written; `trouble` then says what.
        """
        if self._toml is None:
            return None
        if not self.trouble:
            try:
                for file in self._files.values():
                    file.flush()
                    os.fsync(file.fileno())
                self._publish(ended)
                self.close()
                self._remove()
                return self.path
            except OSError as error:
                reason = _reason(error) if error.errno else str(error).rstrip(".")
                self.trouble = f"{reason}; the scan is kept as {self._toml.name}."
        self.close()
        return self._toml

    def close(self) -> None:
        """Let go of the files; what is written stays."""
        for file in self._files.values():
            try:
                file.close()
            except OSError:
                continue  # What it still held does not fit the disk, which was told.
        self._files = {}

    def _begin(self, placed):
        """Files of names that are not taken, and what describes them."""
        self._placed = placed
        stem = self.path.stem[:180]
        for number in count(1):
            name = f"{stem}.unfinished{'' if number == 1 else f'-{number}'}"
            toml = self.path.with_name(f"{name}.toml")
            try:
                file = open(toml, "xb")  # noqa: SIM115 - closed below
            except FileExistsError:
                continue
            break
        with file:
            self._toml = toml
            wanted = ["pixels", *(["places"] if placed else []), "rows"]
            self._sides = {key: self.path.with_name(f"{name}.{key}.raw") for key in wanted}
            file.write(self._description().encode())
            file.flush()
            os.fsync(file.fileno())
        self._files = {key: open(side, "wb") for key, side in self._sides.items()}  # noqa: SIM115

    def _description(self):
        quoted = libertem_csr.quoted
        metadata = json.dumps(known_metadata(self.began.metadata))
        return "\n".join(
            [
                "[params]",
                'filetype = "raw_csr"',
                "nav_shape = [{}, {}]".format(*self.began.scan_shape),
                "sig_shape = [{}, {}]".format(*self.began.frame_shape),
                "",
                "[unfinished]",
                *(f"{key}_file = {quoted(side.name)}" for key, side in self._sides.items()),
                "",
                "[livestem]",
                f"metadata = {quoted(metadata)}",
                "",
            ]
        )

    def _append(self, block):
        events = block.events
        self._files["pixels"].write(np.ascontiguousarray(events.pixels, "<u4").data)
        if self._placed:
            self._files["places"].write(np.ascontiguousarray(events.subpixel, np.uint8).data)
        height, width = events.scan_shape
        records = np.empty(height, unfinished.record_type(width))
        records["row"] = np.arange(block.first_row, block.first_row + height)
        records["counts"] = events.counts
        # Electrons before the record that counts them.
        for name in ("pixels", "places"):
            if name in self._files:
                self._files[name].flush()
        self._files["rows"].write(records.data)
        self._files["rows"].flush()
        self.electrons += events.electrons
        self._rows += records["row"].tolist()
        self._counts.append(records["counts"])
        if monotonic() - self._synced > SYNC_S:
            for file in self._files.values():
                os.fsync(file.fileno())
            self._synced = monotonic()

    def _fail(self, row, error):
        self.trouble = f"From row {row} on nothing is kept: {_reason(error)}."

    def _publish(self, ended):
        """`path` with all that is kept, in raster order."""
        rows, counts = np.array(self._rows, np.int64), np.concatenate(self._counts)
        height, width = self.began.scan_shape
        came = height if not ended.lost else int(rows.max()) + 1
        offsets = unfinished.offsets_of(rows, counts, came)
        notes = list(ended.notes)
        if came < height:
            notes.append(f"The scan was to have {height} rows; it ended after row {came - 1}.")
        before = libertem_csr.own_files(self.path)
        names = libertem_csr.free_names(self.path)
        columns = {"indptr": (offsets, "<i8"), "indices": (None, "<i4"), "data": (None, "|u1")}
        if self._placed:
            columns["subpixel"] = None, "|u1"
        sides = {name: self.path.with_name(names[name]) for name in columns}
        try:
            for name in ("indptr", "data"):
                with replacing(sides[name]) as file:
                    libertem_csr.write_column(
                        file, name, columns[name][0], self.electrons, lambda fraction: None
                    )
            self._sort("pixels", sides["indices"], rows, counts)
            if self._placed:
                self._sort("places", sides["subpixel"], rows, counts)
            scan = SimpleNamespace(
                scan_shape=(came, width),
                frame_shape=self.began.frame_shape,
                metadata=self.began.metadata,
            )
            with replacing(self.path) as file:
                file.write(libertem_csr.description(scan, names, columns, notes).encode())
        except BaseException:
            for side in sides.values():
                side.unlink(missing_ok=True)
            raise
        for old in before:
            old.unlink(missing_ok=True)

    def _sort(self, key, target, rows, counts):
        """A column in raster order; the file as it is, if it is so already."""
        source = self._sides[key]
        if np.all(np.diff(rows) > 0):
            try:
                # Another name for it: until the new file is described, the old one holds.
                os.link(source, target)
                return
            except OSError:
                with replacing(target, source.stat().st_size) as file, open(source, "rb") as old:
                    shutil.copyfileobj(old, file)
                return
        column = FileArray(source, unfinished.FILES[key], (self.electrons,))
        with replacing(target, source.stat().st_size) as file:
            for piece in unfinished.in_raster_order(rows, counts, lambda a, b: column[a:b]):
                file.write(np.ascontiguousarray(piece).data)

    def _remove(self):
        for path in (self._toml, *self._sides.values()):
            path.unlink(missing_ok=True)


def _reason(error):
    full = error.errno in DISK_FULL
    return "the disk is full" if full else (error.strerror or str(error)).lower().rstrip(".")
