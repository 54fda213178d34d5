"""Builds what pyproject.toml cannot describe: the Cython core and the code generated from proto/."""

import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_py import build_py
from setuptools.command.editable_wheel import editable_wheel
from setuptools.command.sdist import sdist

ROOT = Path(__file__).parent
NATIVE = Path("_native/blrcs_native")
GENERATED = Path("_generated")

sys.path.insert(0, str(ROOT))  # a PEP 517 build does not put the project itself on the path
from blrcs.protos import generate_own  # noqa: E402


class GenerateFirst(build_py):
    """Generates blrcs/v1 and buf/validate before the packages are collected."""

    def run(self) -> None:
        generate_own(ROOT)
        super().run()


class EditableGenerateFirst(editable_wheel):
    """Likewise for an editable installation, which collects packages before build_py runs."""

    def run(self) -> None:
        generate_own(ROOT)
        super().run()


def packages() -> list[str]:
    """Every package below blrcs/ that the repository holds, and the generated ones."""
    own = {".".join(init.parent.parts) for init in Path("blrcs").rglob("__init__.py")}
    return sorted(own | {"blrcs.v1", "blrcs_native", "buf.validate"})


def extensions() -> list[Extension]:
    """One extension module for each .pyx, so that a change rebuilds one file."""
    return [
        Extension(
            f"blrcs_native.{source.stem}",
            [source.as_posix()],
            extra_compile_args=["-O3", "-fno-semantic-interposition", "-Wno-unused-function"],
        )
        for source in sorted(NATIVE.glob("*.pyx"))
    ]


setup(
    packages=packages(),
    package_dir={
        "blrcs_native": NATIVE.as_posix(),
        "buf.validate": (GENERATED / "buf/validate").as_posix(),
    },
    package_data={
        "blrcs": ["py.typed"],
        "blrcs.v1": ["*.proto", "*.pyi"],
        "blrcs_native": ["*.pyi", "*.pxd", "py.typed"],
        "buf.validate": ["*.pyi"],
    },
    ext_modules=cythonize(
        extensions(),
        include_path=["_native"],
        compiler_directives={"language_level": 3, "binding": True, "embedsignature": True},
        nthreads=2,
    ),
    cmdclass={"build_py": GenerateFirst, "editable_wheel": EditableGenerateFirst, "sdist": sdist},
)
