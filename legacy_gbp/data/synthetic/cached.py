"""The small set for a first picture, made once in the user's cache folder.

With neither ``--data-dir`` nor ``DATADIR`` the commands work on it.
"""

import os

from legacy_gbp.data.synthetic.files import Recipe, file_list, write_set

BYTES_A_SHOT = 39e3
SHOTS_A_FILE = 200
VERSION = 3
RECIPE = Recipe(systematics=False)


def cached_set():
    """Make the small set, once, and say where it is.

    Returns
    -------
    str
        The folder.
    """
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = os.path.join(cache, "legacy_gbp", f"xtcav-synthetic-{VERSION}")
    listed = file_list((69, 70, 71), 5) + file_list((73,), 1)
    missing = any(not os.path.exists(os.path.join(folder, name)) for _, _, name in listed)
    shots = SHOTS_A_FILE * len(listed)
    doing = "making, once," if missing else "using"
    print(
        f"-- no --data-dir and no DATADIR: {doing} {shots} synthetic shots in {folder} "
        f"(about {shots * BYTES_A_SHOT / 1e6:.0f} MB)",
        flush=True,
    )
    if missing:
        write_set(folder, listed, SHOTS_A_FILE, RECIPE)
    return folder
