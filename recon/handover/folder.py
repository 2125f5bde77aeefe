"""All files for one program, as a folder or as an archive."""

import shutil
import tempfile
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from recon.device.backend import amount
from recon.handover import ptyrad, scripts
from recon.handover.data import frames_size, write_frames
from recon.handover.start import Cut, Start, cut_of
from recon.io.files.atomic import reason
from recon.scan.kinds import ScanData

PROGRAMS = {"ptyrad": "PtyRAD", "quantem": "quantem", "py4dstem": "py4DSTEM", "abtem": "abTEM"}
"""Kinds of a hand-over and the program that each is for."""

_README = """\
{title}, handed over to {program} by livestem
{line}
Energy {energy:g} keV, semi-angle {semiangle:g} mrad, step {step_y:.5g} × {step_x:.5g} Å (y, x),
{rows} × {columns} positions, defocus {defocus:.4g} nm (positive for underfocus).
K_camera = R({rotation:.4g}°) K_scan once the frames are as they are here{swapped}.
Frames: {pixels} × {pixels} pixels of {dk:.5g} 1/Å ({angle:.4g} mrad), {bin} × {bin} of the
detector's to one, its pixel ({first_y}, {first_x}) first. The disc lies
({off_y:+.2f}, {off_x:+.2f}) pixels off pixel ({middle}, {middle}).
{frames}
The phase is livestem's, a weak-phase image: a start, not a result. Corrections of distortions are
not in the frames.
"""


def files(kind: str, start: Start, bin: int = 1, frames: str = "") -> dict[str, bytes]:
    """Contents by file name, but for the frames.

    Parameters
    ----------
    kind : str
        One of `PROGRAMS`.
    start : Start
    bin : int
        Detector pixels to one, along each axis.
    frames : str
        What the text says of them; how they are made, if left out.

    Raises
    ------
    ValueError
        If the kind is none of them, or too little is left of the detector.
    """
    if kind not in PROGRAMS:
        raise ValueError(f"A scan is handed over to {', '.join(PROGRAMS)}, not to {kind}.")
    cut = cut_of(start.calibration, start.frame_shape, bin)
    frames = frames or (
        "frames.h5 is not here. Make it by\n  livestem hand-over RESULTS.h5 --to "
        f"{kind} --scan SCAN --bin {bin} -o FOLDER"
    )
    made = ptyrad.files(start, cut) if kind == "ptyrad" else scripts.files(kind, start, cut)
    return made | {"README.txt": _readme(kind, start, cut, frames).encode()}


def zipped(kind: str, start: Start) -> bytes:
    """The same as a ZIP archive."""
    file = BytesIO()
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        for name, content in files(kind, start).items():
            archive.writestr(f"for_{kind}/{name}", content)
    return file.getvalue()


def write_folder(
    folder: Path, kind: str, start: Start, bin: int = 1, scan: ScanData | None = None, progress=None
) -> None:
    """Write a folder that appears whole or not at all.

    Parameters
    ----------
    folder : Path
        New, or an empty one.
    kind, start, bin
        As for `files`.
    scan : ElectronEvents or DenseFrames, optional
        Its frames are written besides.
    progress : callable, optional
        Called with the fraction done.

    Raises
    ------
    OSError
        With one sentence: the folder holds files, or cannot be written.
    ValueError
        As `files` and `write_frames`.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OSError(f"{folder} is there already: name a new or an empty folder.")
    frames = ""
    if scan is not None:
        cut = cut_of(start.calibration, start.frame_shape, bin)
        frames = f"frames.h5, dataset data: {amount(frames_size(scan, cut))} in memory."
    made = files(kind, start, bin, frames)
    try:
        temporary = Path(tempfile.mkdtemp(prefix=".livestem-", dir=folder.parent))
    except OSError as error:
        raise OSError(f"{folder} was not written: {reason(error)}.") from error
    try:
        for name, content in made.items():
            (temporary / name).write_bytes(content)
        if scan is not None:
            write_frames(temporary / ptyrad.FRAMES, scan, start, cut, progress)
        temporary.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _readme(kind, start: Start, cut: Cut, frames: str) -> str:
    calibration = start.calibration
    head = f"{start.title}, handed over to {PROGRAMS[kind]} by livestem"
    return _README.format(
        title=start.title,
        program=PROGRAMS[kind],
        line="=" * len(head),
        energy=calibration.energy / 1e3,
        semiangle=calibration.semiangle_cutoff,
        step_y=calibration.scan_sampling[0],
        step_x=calibration.scan_sampling[1],
        rows=start.scan_shape[0],
        columns=start.scan_shape[1],
        defocus=start.aberrations.defocus / 10,
        rotation=calibration.rotation_deg,
        swapped=", their axes swapped" if calibration.transpose else "",
        pixels=cut.pixels,
        dk=cut.bin * calibration.reciprocal_sampling,
        angle=cut.bin * calibration.angular_sampling,
        bin=cut.bin,
        first_y=cut.first[0],
        first_x=cut.first[1],
        off_y=cut.off[0],
        off_x=cut.off[1],
        middle=cut.pixels // 2,
        frames=frames,
    )
