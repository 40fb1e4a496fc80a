"""Packaging of legacy_gbp; tool configuration lives in dotfiles."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).resolve().parent
INIT = (HERE / "legacy_gbp/__init__.py").read_text(encoding="utf-8")
(VERSION,) = re.findall(r'^__version__ = "(.+)"$', INIT, re.M)

setup(
    name="legacy_gbp",
    version=VERSION,
    description="Guided backpropagation for TensorFlow-1 graphs",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    packages=find_packages(include=["legacy_gbp", "legacy_gbp.*"]),
    python_requires=">=3.7",
    install_requires=[
        # TensorFlow 1.15 is the last of its era; 2.12 is the first that Python 3.11 can use.
        "tensorflow==1.15.5; python_version < '3.8'",
        "tensorflow>=2.12; python_version >= '3.8'",
        "protobuf<3.21; python_version < '3.8'",
        "numpy",
        "h5py",
        "matplotlib",
        "pillow>=9.1",
        "tqdm",
    ],
    extras_require={
        "test": ["pytest", "hypothesis"],
        "lint": ["ruff==0.17.6", "mypy==2.4.1", "types-tqdm"],
    },
    entry_points={"console_scripts": ["legacy-gbp=legacy_gbp.cli:main_all"]},
)
