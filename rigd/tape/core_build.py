"""Builds the C core as `rigd/tape/_core.abi3.so` with cffi (API mode, stable ABI).

setuptools loads `BuildCore` from here by file path while the package is built, so this file must
import nothing of rigd. `python rigd/tape/core_build.py` builds in place, for development.
RIGD_STRICT=1 makes every warning of the compiler an error.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from cffi import FFI
from setuptools import Distribution, Extension
from setuptools.command.build_ext import build_ext

HERE = Path(__file__).resolve().parent
STRICT = "RIGD_STRICT"
SOURCES = [
    "core.c",
    "core_read.c",
    "core_pack.c",
    "core_clips.c",
    "core_host.c",
    "core_line.c",
    "core_rows.c",
    "core_wakes.c",
    "core_write.c",
]
FLAGS = ["-std=c11", "-O3", "-fno-math-errno", "-fno-trapping-math", "-Wall", "-Wextra"]


def declarations(header: str) -> str:
    """The part of core.h that Python sees, between its two marks."""
    return header.split("/* cdef begin */", 1)[1].split("/* cdef end */", 1)[0]


ffibuilder = FFI()
ffibuilder.cdef(declarations((HERE / "core.h").read_text("utf-8")))
ffibuilder.set_source(
    "rigd.tape._core",
    # cffi's own generated code is not ours to make free of warnings.
    '#include "core.h"\n#pragma GCC diagnostic ignored "-Wextra"\n'
    '#pragma GCC diagnostic ignored "-Wunused-parameter"\n'
    '#pragma GCC diagnostic ignored "-Wmissing-field-initializers"\n',
    py_limited_api=True,
)


class BuildCore(build_ext):  # type: ignore[misc,unused-ignore]  # setuptools may come without types
    """setuptools' build_ext, which first writes cffi's glue and compiles it with the core."""

    def build_extension(self, ext: Extension) -> None:
        glue = Path(self.build_temp) / "_core.c"
        glue.parent.mkdir(parents=True, exist_ok=True)
        ffibuilder.emit_c_code(str(glue))
        ext.sources = [str(glue), *(os.path.relpath(HERE / name) for name in SOURCES)]
        ext.depends = [os.path.relpath(header) for header in HERE.glob("*.h")]
        ext.include_dirs = [str(HERE)]
        ext.libraries = ["m", "pthread"]
        ext.extra_compile_args = [*FLAGS, *(["-Werror"] if os.environ.get(STRICT) == "1" else [])]
        ext.py_limited_api = True
        # Objects that were made without the check do not count as checked.
        if os.environ.get(STRICT) == "1":
            self.force = True
        super().build_extension(ext)


def build_in_place() -> Path:
    """Builds `_core.abi3.so` beside this file and returns its path."""
    extension = Extension("rigd.tape._core", sources=[], py_limited_api=True)
    distribution = Distribution({"name": "rigd", "ext_modules": [extension]})
    command = BuildCore(distribution)
    command.build_lib = str(HERE.parent.parent)
    command.force = True
    with tempfile.TemporaryDirectory() as scratch:
        command.build_temp = scratch
        command.ensure_finalized()
        command.run()
    return Path(command.get_outputs()[0])


if __name__ == "__main__":
    print(build_in_place(), file=sys.stderr)
