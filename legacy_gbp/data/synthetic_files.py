"""Folders of synthetic shots under the tutorial's file names.

With neither ``--data-dir`` nor ``DATADIR`` the commands work on a small set
that is made once in the user's cache folder.
"""

import os

from legacy_gbp.data import synthetic
from legacy_gbp.data.xtcav import write_shots
from legacy_gbp.progress import progress

# The chunks that the two exercises read; a larger set goes on counting.
CHUNKS = {
    69: (11, 12, 13, 16, 18, 31),
    70: (9, 14, 16, 17, 19, 49),
    71: (3, 8, 12, 20, 27, 40),
    73: (121,),
}
GROWING_RUNS = (70, 71)
PREDICTION_RUNS = (72, 73)
BYTES_A_SHOT = 37e3
CACHED_SHOTS = 100
CACHE_VERSION = 1


def file_list(files=6):
    """(run, chunk, name) of every file of a set.

    Parameters
    ----------
    files : int
        Files of each lasing run, 6 or more.
    """
    listed = []
    for run, chunks in CHUNKS.items():
        more = max(files - len(chunks), 0) if run in GROWING_RUNS else 0
        for chunk in chunks + tuple(range(chunks[-1] + 1, chunks[-1] + 1 + more)):
            kind = "pred" if run in PREDICTION_RUNS else "mlearn"
            listed.append((run, chunk, f"amo86815_{kind}-r{run:03d}-c{chunk:04d}.h5"))
    return listed


def write_set(folder, shots, files=6, seed=1, **options):
    """Write the files that are not there yet.

    Parameters
    ----------
    folder : str
    shots : int
        A file.
    files : int
        Files of each lasing run, 6 or more.
    seed : int
    **options
        ``unusable``, ``flip``, ``systematics`` of
        :func:`legacy_gbp.data.synthetic.shots_of_file`.
    """
    todo = [row for row in file_list(files) if not os.path.exists(os.path.join(folder, row[2]))]
    for run, chunk, name in progress(todo, len(todo), "synthetic files"):
        lasing, colour, amplitudes, images = synthetic.shots_of_file(
            run, chunk, shots, seed, **options
        )
        columns = {
            "lasing": lasing,
            "acq.enPeaksLabel": colour,
            "acq.e1.ampl": amplitudes[:, 0],
            "acq.e2.ampl": amplitudes[:, 1],
        }
        write_shots(os.path.join(folder, name), images, shots, columns)


def cached_set():
    """Make the small set in the cache folder, once, and say where it is.

    Returns
    -------
    str
        The folder.
    """
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = os.path.join(cache, "legacy_gbp", f"xtcav-synthetic-{CACHE_VERSION}")
    listed = file_list()
    missing = any(not os.path.exists(os.path.join(folder, name)) for _, _, name in listed)
    shots = CACHED_SHOTS * len(listed)
    doing = "making, once," if missing else "using"
    megabytes = shots * BYTES_A_SHOT / 1e6
    print(
        f"-- no --data-dir and no DATADIR: {doing} {shots} synthetic shots in {folder} "
        f"(about {megabytes:.0f} MB)",
        flush=True,
    )
    if missing:
        write_set(folder, CACHED_SHOTS, systematics=False)
    return folder
