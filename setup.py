"""Packaging. The base install is the maths (torch and numpy); extras add the rest."""

import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent


def requirements(name: str) -> list[str]:
    """The lines of requirements/NAME.txt without comments."""
    lines = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]


def version() -> str:
    scope: dict[str, str] = {}
    exec((ROOT / "dmmix" / "version.py").read_text(encoding="utf-8"), scope)
    return scope["__version__"]


class BuildWithConfigs(build_py):
    """Puts ``configs/`` into the wheel; a checkout, editable or not, reads those at its top."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            there = Path(self.build_lib, "dmmix", "configs")
            shutil.rmtree(there, ignore_errors=True)
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / "configs", there, ignore=ignored)


setup(
    name="dmmix",
    version=version(),
    description="Mixup for image classification, with the decoupled mixup loss at its heart",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11,<3.15",
    packages=find_packages(include=["dmmix", "dmmix.*"]),
    package_data={"dmmix": ["py.typed"]},
    cmdclass={"build_py": BuildWithConfigs},
    entry_points={"console_scripts": ["dmmix = dmmix.cli.main:main"]},
    install_requires=requirements("base"),
    extras_require={
        extra: requirements(extra)
        for extra in ("mm", "openmmlab", "test", "docs", "triton", "benchmarks", "sweep", "export")
    },
    keywords=["mixup", "cutmix", "classification", "semi-supervised", "pytorch", "openmmlab"],
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Science/Research",
        "Operating System :: MacOS :: MacOS X",
        "Operating System :: Microsoft :: Windows",
        "Operating System :: POSIX :: Linux",
        *(f"Programming Language :: Python :: 3.{minor}" for minor in range(11, 15)),
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
