"""CUDA kernels compiled without a GPU."""

import re
import subprocess
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest
from numba import config, cuda, types

CAPABILITY = (9, 0)


OLDER = (7, 5), (8, 0)  # Turing and Ampere


DOUBLE = re.compile(r"^.*\.f64\b.*$", re.MULTILINE)


IN_REGISTERS = "0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads"


WARNINGS = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def compiler():
    """NVIDIA's assembler; skips where its compiler is not installed."""
    if config.ENABLE_CUDASIM:
        pytest.skip("the simulator compiles nothing")
    nvcc = pytest.importorskip("nvidia.cuda_nvcc", reason="needs NVIDIA's compiler, not a GPU")
    root = Path(next(iter(nvcc.__path__)))
    with pytest.MonkeyPatch.context() as patch:
        if "numba_cuda" not in cuda.__file__:
            # Numba's own CUDA target knows neither the wheel's library, which has no version in
            # its name, nor what it compiles for, unless CUDA's runtime is there too.
            patch.setenv("CUDA_HOME", str(root))
            library = str(root / "nvvm" / "lib64" / "libnvvm.so")
            patch.setattr("numba.cuda.cudadrv.libs.get_cudalib", lambda *_: library)
            patch.setattr("numba.cuda.cudadrv.nvvm.get_supported_ccs", lambda: (*OLDER, CAPABILITY))
        patch.setattr(
            "numba.cuda.dispatcher.get_current_device",
            lambda: SimpleNamespace(compute_capability=CAPABILITY),
        )
        yield root / "bin" / "ptxas"


@cache
def ptx_of(kernel, signature, capability=CAPABILITY):
    """What Numba makes of a kernel for devices of that capability."""
    fast = bool(kernel.targetoptions.get("fastmath"))
    if "numba_cuda" in cuda.__file__:
        ptx, _ = cuda.compile_ptx(kernel.py_func, signature, cc=capability, fastmath=fast)
        return ptx if isinstance(ptx, str) else ptx.decode()
    return _library(kernel, signature, fast).get_asm_str(cc=capability)


@cache
def _library(kernel, signature, fast):
    """A kernel before it is compiled for a device: alike from Turing on, and the longer part."""
    from numba.cuda import compiler

    options, code = {"fastmath": fast, "opt": 3}, kernel.py_func.__code__
    how = {"fastmath": fast, "nvvm_options": options, "cc": OLDER[0]}
    made = compiler.compile_cuda(kernel.py_func, types.void, signature, **how)
    place = code.co_filename, code.co_firstlineno
    prepare = made.target_context.prepare_cuda_kernel
    return prepare(made.library, made.fndesc, False, False, options, *place)[0]


def assembled(compiler, folder, kernel, ptx, capability=CAPABILITY):
    """The assembler's report on memory and registers."""
    (folder / "kernel.ptx").write_text(ptx)
    options = ["-v", "-arch=sm_{}{}".format(*capability)]
    if most := kernel.targetoptions.get("max_registers"):
        options += ["-maxrregcount", str(most)]
    return subprocess.run(
        [compiler, *options, "-o", folder / "kernel.cubin", folder / "kernel.ptx"],
        capture_output=True,
        text=True,
        check=True,
    ).stderr
