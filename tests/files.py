"""Small real XTCAV files, written through the schema of the measured ones."""

import os

import h5py
import numpy as np

SCHEMA = {
    "xtcavimg": np.int16,
    "lasing": np.int8,
    "acq.enPeaksLabel": np.int8,
    "run": np.int32,
    "run.index": np.int32,
    "evt.seconds": np.int64,
}


def write_xtcav(path, shots=4, labels=None, colours=None, images=None, seed=0, leave_out=()):
    """Write one file; brighter upper half means lasing, and quadrants mean colours.

    Returns
    -------
    (shots, 363, 284) int16
        The images.
    """
    rng = np.random.RandomState(seed)
    labels = np.arange(shots) % 2 if labels is None else np.asarray(labels)
    colours = np.arange(shots) % 4 if colours is None else np.asarray(colours)
    if images is None:
        images = rng.randint(0, 12, (shots, 363, 284))
        for k in range(shots):
            images[k, 100:140, 120:160] += 100 * int(labels[k])
            images[k, 200:240, 60:100] += 80 * int(colours[k] in (1, 3))
            images[k, 280:320, 180:220] += 80 * int(colours[k] in (2, 3))
    columns = {
        "xtcavimg": images,
        "lasing": labels,
        "acq.enPeaksLabel": colours,
        "run": np.full(shots, 70),
        "run.index": np.arange(shots),
        "evt.seconds": 1446000000 + np.arange(shots),
    }
    with h5py.File(path, "w") as file:
        for name, values in columns.items():
            if name not in leave_out:
                dtype = SCHEMA[name] if np.asarray(values).dtype.kind != "f" else None
                file.create_dataset(name, data=values, dtype=dtype)
    return np.asarray(images)


def write_selection(folder, shots=4):
    """Every file that ex07 and ex08 read, `shots` each, and a third file of run 71."""
    names = [
        f"amo86815_mlearn-r{run:03d}-c{chunk:04d}.h5"
        for run, chunks in (
            (69, (11, 12, 13, 16, 18, 31)),
            (70, (9, 14, 16, 17, 19, 49)),
            (71, (3, 8, 12)),
        )
        for chunk in chunks
    ]
    names.append("amo86815_pred-r073-c0121.h5")
    for seed, name in enumerate(names):
        write_xtcav(os.path.join(str(folder), name), shots, seed=seed)
    return str(folder)
