"""Packaging of legacy_gbp; tool configuration lives in dotfiles."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).resolve().parent
INIT = (HERE / "legacy_gbp/__init__.py").read_text(encoding="utf-8")
(VERSION,) = re.findall(r'^__version__ = "(.+)"$', INIT, re.M)

# It requires the tensorflow of its own version; before 2.16 TensorFlow brought this Keras.
KERAS_2 = "tf_keras>=2.16; python_version >= '3.9'"

setup(
    name="legacy_gbp",
    version=VERSION,
    description="Guided backpropagation and its relatives for TensorFlow-1 graphs",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author="legacy_gbp developers",
    license="Apache-2.0",
    license_files=["legacy_gbp/LICENSE"],
    keywords=[
        "guided backpropagation",
        "saliency",
        "attribution",
        "explainability",
        "Grad-CAM",
        "TensorFlow 1",
        "frozen graph",
        "XTCAV",
        "free-electron laser",
    ],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.7",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Scientific/Engineering :: Physics",
        "Typing :: Typed",
    ],
    packages=find_packages(include=["legacy_gbp", "legacy_gbp.*"]),
    # Read at run time: the help topics. The licence goes where the code goes.
    package_data={"legacy_gbp": ["LICENSE", "py.typed", "help/*.md"]},
    zip_safe=False,
    python_requires=">=3.7",
    install_requires=[
        # TensorFlow 1.15 is the last of its era; 2.12 is the first that Python 3.11 can use.
        "tensorflow==1.15.5; python_version < '3.8'",
        "tensorflow>=2.12; python_version >= '3.8'",
        "protobuf<3.21; python_version < '3.8'",
        "typing_extensions; python_version < '3.8'",  # Protocol
        "numpy",
        "h5py",
        "matplotlib",
        "pillow>=9.1",
        "tqdm",
    ],
    extras_require={
        # The test suite. The tests of Slurm need Debian's packages too; without them they skip.
        "test": ["pytest", "hypothesis", KERAS_2],
        # Keras files of 2015-2023 whose layers the Keras of today lacks.
        "keras2": [KERAS_2],
        # Training on several tasks of a Slurm step.
        "mpi": ["mpi4py>=4", "mpich>=5"],
        # Formatter, linter, type checker and branch coverage, as .ci/run calls them.
        "lint": ["ruff==0.17.6", "mypy==2.4.1", "types-tqdm", "coverage==7.17.5"],
        # Mutants, for `python -m tests.mutation`.
        "mutation": ["cosmic-ray==8.7.0"],
        # To look at what `train --logdir` writes. Writing needs TensorFlow alone, which
        # brought its viewer until 2.20.
        "tensorboard": ["tensorboard"],
    },
    entry_points={"console_scripts": ["legacy-gbp=legacy_gbp.cli:program"]},
)
