"""Builds what pyproject.toml cannot describe: the Cython core and the code made of proto/."""

import itertools
import os
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.modified import newer_group

ROOT = Path(__file__).parent
NATIVE = Path("_native/blrcs_native")
GENERATED = Path("_generated")
FAST = ["-O3", "-g0", "-fno-semantic-interposition"]  # a fifth of compiling is for debuggers
SANITIZED = ["-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined"]
COUNTED = ["-fsanitize-coverage=trace-pc"]  # see tests/fuzz/coverage.c
PROFILES = {  # see deploy/train
    "record": ["-fprofile-generate"],
    "use": [
        "-fprofile-use",
        "-fprofile-partial-training",  # what the training has not run is no rarer for that
        "-fprofile-correction",
        "-Wno-missing-profile",
        "-Wno-coverage-mismatch",
        "-Wno-maybe-uninitialized",  # what Cython itself writes, where the profile has it inlined
    ],
}
QUIET = ["-Wno-unused-function", "-Wno-sign-compare"]  # what Cython itself writes

sys.path.insert(0, str(ROOT))  # a PEP 517 build does not put the project itself on the path
from blrcs.protos import generate_own  # noqa: E402


def packages() -> list[str]:
    """Every package below blrcs/ and of the native core, and the generated ones outside them."""
    own = {".".join(init.parent.parts) for init in Path("blrcs").rglob("__init__.py")}
    return sorted(own | set(native_packages()) | {"blrcs.v1", "buf.validate"})


def native_packages() -> list[str]:
    found = (init.parent.relative_to(NATIVE.parent) for init in NATIVE.rglob("__init__.py"))
    return sorted(".".join(package.parts) for package in found)


def profile() -> list[str]:
    """What the compiler is told of the ways that are taken: nothing, unless it is asked for."""
    chosen = os.environ.get("BLRCS_PROFILE")
    if chosen == "use" and not any(ROOT.joinpath("build").rglob("*.gcda")):
        raise SystemExit("nothing has been counted in build/: deploy/train does")
    return [] if chosen is None else PROFILES[chosen]


def extensions() -> list[Extension]:
    """One extension module for each .pyx, so that a change rebuilds one file."""
    if "BLRCS_WITHOUT_EXTENSIONS" in os.environ:  # an editable build would not keep them
        return []
    compiled, linked = [*FAST, *profile()], profile()
    if "BLRCS_SANITIZE" in os.environ:  # see deploy/sanitize
        compiled, linked = [*SANITIZED, *COUNTED], SANITIZED
    return [
        Extension(
            ".".join(source.relative_to(NATIVE.parent).with_suffix("").parts),
            [source.as_posix()],
            extra_compile_args=[*compiled, *QUIET],
            extra_link_args=linked,
            libraries=["nghttp2"] if source.parent.name == "http2" else [],
        )
        for source in sorted(NATIVE.rglob("*.pyx"))
    ]


class BuildExtensions(build_ext):
    """Says what is compiled, as Cython does: all of it takes minutes, in which gcc is silent."""

    def build_extensions(self) -> None:
        self._begun = itertools.count(1)
        self._due = {extension.name for extension in self.extensions if self._is_due(extension)}
        super().build_extensions()

    def build_extension(self, ext: Extension) -> None:
        if ext.name in self._due:
            of_all = f"{next(self._begun)}/{len(self._due)}"
            sys.stdout.write(f"[{of_all}] Compiling {ext.name}\n")
            sys.stdout.flush()
        super().build_extension(ext)

    def _is_due(self, extension: Extension) -> bool:
        sources = [*extension.sources, *extension.depends]
        return bool(
            self.force or newer_group(sources, self.get_ext_fullpath(extension.name), "newer")
        )


generate_own(ROOT)  # every command of setuptools looks at the packages, so they must be there

setup(
    packages=packages(),
    package_dir={
        "blrcs_native": NATIVE.as_posix(),
        "buf.validate": (GENERATED / "buf/validate").as_posix(),
    },
    package_data={
        "blrcs": ["py.typed"],
        "blrcs.cache.redis": ["*.lua"],
        "blrcs.cli": ["template/*.tmpl"],
        "blrcs.limits": ["*.lua"],
        "blrcs.v1": ["*.proto", "*.pyi"],
        "buf.validate": ["*.pyi"],
    }
    | {name: ["*.pyi", "*.pxd", "*.pyx", "py.typed"] for name in native_packages()},
    cmdclass={"build_ext": BuildExtensions},
    ext_modules=cythonize(
        extensions(),
        include_path=["_native"],
        compiler_directives={"language_level": 3, "binding": True, "embedsignature": True},
        nthreads=os.cpu_count() or 1,
    ),
    options={"build_ext": {"parallel": os.cpu_count() or 1}},
)
