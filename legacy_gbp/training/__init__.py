"""Training of an exercise's network, as in 2016, on one task or several.

``loop`` is the training. ``trainer`` has the graph of one process, ``distributed`` that of
several; both build their loss by ``loss``. ``state`` is what a training has reached,
``resume_file`` stores it, ``resume_policy`` says when.
"""
