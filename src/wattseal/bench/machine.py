"""Facts about the machine and the libraries, without which no figure can be read."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from wattseal import __version__

_LIBRARIES = ("numpy", "numba", "gmpy2", "pynacl", "cryptography", "phe", "tenseal")


def machine_facts() -> dict[str, str]:
    found = {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB",
        "load before": f"{os.getloadavg()[0]:.2f}",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "wattseal": __version__,
    }
    return found | {library: _version(library) for library in _LIBRARIES}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "not installed"
