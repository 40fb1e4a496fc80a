"""Results as HDF5: written batch by batch, read as parts, merged without a copy."""

from legacy_gbp.results.reader import difference, read_part
from legacy_gbp.results.virtual import write_merged
from legacy_gbp.results.writer import input_facts, provenance, result_file, sha256_of, versions

__all__ = [
    "difference",
    "input_facts",
    "provenance",
    "read_part",
    "result_file",
    "sha256_of",
    "versions",
    "write_merged",
]
