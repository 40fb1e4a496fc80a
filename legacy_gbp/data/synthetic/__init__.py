"""Synthetic XTCAV shots whose truth is known: the pixels that lasing changed.

The measured shots are not public. These have the same size, scaling, labels
and file layout, and follow the mechanism that the networks are asked to find.
One idea a file::

    run.py      what all shots of a run share: lasing or not, beam, sensor defects
    labels.py   which colours lase in a shot, and what the labels say
    bunch.py    current, energy and spread of one bunch along time; its charge density
    lasing.py   energy loss and power of one colour along time
    camera.py   from charge to counts, and from counts to xtcavimg
    shot.py     one shot from all of these, its counterfactual twin, its truth
    files.py    folders of files
    cached.py   the small set for a first picture

NumPy only. Every shot has its own random stream: shot k of a file can be made
alone, and made again without its lasing.

References
----------
C. Behrens et al., Nat. Commun. 5, 3762 (2014), doi:10.1038/ncomms4762: the
XTCAV image of a bunch that has lased. Y. Ding et al., Phys. Rev. ST Accel.
Beams 14, 120701 (2011), doi:10.1103/PhysRevSTAB.14.120701: power from energy
loss. A. Marinelli et al., Nat. Commun. 6, 6369 (2015),
doi:10.1038/ncomms7369: twin bunches, two colours.
"""
