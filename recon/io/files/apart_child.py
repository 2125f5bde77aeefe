"""Reads arrays for `recon.io.files.apart`, in a process of its own; imports nothing of ours.

On standard input one JSON line a request, {"kind": "HDF5" or "Zarr", "path", "name",
"index": [[first, last], ...], "rows"}; on standard output one JSON line, {"error"} or
{"parts": [[shape, dtype], ...]}, and the bytes.
"""

import contextlib
import json
import os
import sys


def answer(request):
    """Arrays that a request asks for: the elements, or lengths and events of ragged rows."""
    import numpy as np

    part = tuple(slice(*pair) for pair in request["index"])
    found = _of_zarr(request, part) if request["kind"] == "Zarr" else _of_hdf5(request, part)
    if not request["rows"]:
        return [np.ascontiguousarray(found)]
    lengths = np.array([len(row) for row in found], np.int64)
    return [lengths, np.concatenate(found) if lengths.any() else np.empty(0, np.uint32)]


def _of_hdf5(request, part):
    import h5py

    # Without it, HDF5 names the filter that it lacks.
    with contextlib.suppress(ImportError):
        import hdf5plugin  # noqa: F401
    with h5py.File(request["path"], "r") as file:
        return file[request["name"]][part]


def _of_zarr(request, part):
    import numpy as np
    import zarr

    folder = os.path.isdir(request["path"])
    store = request["path"] if folder else zarr.storage.ZipStore(request["path"], mode="r")
    try:
        return np.asarray(zarr.open_array(store, path=request["name"] or None, mode="r")[part])
    finally:
        if not folder:
            store.close()


def main():
    """Answer requests until standard input ends."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    # What a library prints must not be taken for an answer.
    os.dup2(2, 1)
    # Where a system knows no such limits, time alone is limited.
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        limit = int(sys.argv[1])
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for line in requests:
        try:
            parts = answer(json.loads(line))
        except Exception as error:
            # Libraries report damage under any name.
            text = " ".join(str(error).split())[:400] or type(error).__name__
            answers.write(json.dumps({"error": text}).encode() + b"\n")
        else:
            head = {"parts": [[part.shape, part.dtype.str] for part in parts]}
            answers.write(json.dumps(head).encode() + b"\n")
            for part in parts:
                answers.write(part.reshape(-1).view("u1").data)
        answers.flush()


if __name__ == "__main__":
    main()
