"""The kinds of files that are read: which file is mutated, how, and which command reads it."""

from typing import Any, Callable, NamedTuple, Tuple

from tests.fuzz import mutators

INSPECT = ("inspect", "{}")
GRADIENT = ("--method", "gradient")


class Kind(NamedTuple):
    """A kind of files.

    Attributes
    ----------
    name : str
        For the table.
    folder : str
        Of its valid files.
    mutated : tuple of str
        The files of it that are mutated, one at a time.
    commands : tuple of tuple of str
        One of them is run.
    structured : tuple of callable
        Mutators that know the format.
    has_checksum : bool
        Whether the format has a checksum over all that is read.
    weight : int
        How often it is taken.
    """

    name: str
    folder: str
    mutated: Tuple[str, ...]
    commands: Tuple[Tuple[str, ...], ...]
    structured: Tuple[Callable[..., bytes], ...] = ()
    has_checksum: bool = False
    weight: int = 3


def _explain(*words: str) -> Tuple[str, ...]:
    return ("explain", "net.pb", *GRADIENT, *words)


def _ex07(command: str) -> Tuple[str, ...]:
    return ("ex07", command, "shots.h5", "--checkpoint", "net")


PICTURES = tuple(
    Kind(f"picture {ending}", "explain", ("cat." + ending,),
         (_explain("--images", "cat." + ending),), weight=1)
    for ending in ("png", "jpg", "gif", "bmp", "tif", "webp", "ppm")
)  # fmt: skip
SHOW = ("show", "shots.h5", "--index", "0:1", "--output", "out.png")

KINDS: Tuple[Kind, ...] = (
    Kind("frozen .pb", "pb", ("net.pb",),
         (("inspect", "net.pb"), ("inspect", "net.pb"), ("selftest", "net.pb")),
         (mutators.graph("graph"),), weight=8),
    Kind("frozen .pb, explained", "explain", ("net.pb",),
         (_explain("--images", "images.npy", "--output", "out.h5"),
          ("explain", "net.pb", "--images", "images.npy", "--output", "out.h5")),
         (mutators.graph("graph"),), weight=4),
    Kind("frozen .pbtxt", "pbtxt", ("net.pbtxt",), (("inspect", "net.pbtxt"),),
         (mutators.words,), weight=6),
    Kind(".meta", "checkpoint", ("model-7.meta",), (("inspect", "model-7"),),
         (mutators.graph("meta"),), weight=6),
    Kind("checkpoint .index, .data", "checkpoint",
         ("model-7.index", "model-7.data-00000-of-00001"),
         (("inspect", "model-7", "--input", "images"),), (), True, 5),
    Kind("file `checkpoint`", "checkpoint", ("checkpoint",), (("inspect", "."),),
         (mutators.words,), weight=2),
    Kind("checkpoint V1", "v1", ("model", "model.meta"), (("inspect", "model"),), weight=4),
    Kind("SavedModel .pb", "saved", ("model/saved_model.pb",), (("inspect", "model"),),
         (mutators.graph("saved"),), weight=6),
    Kind("SavedModel variables", "saved",
         ("model/variables/variables.index", "model/variables/variables.data-00000-of-00001"),
         (("inspect", "model", "--input", "images"),), (), True, 3),
    Kind("Keras .h5", "keras_h5", ("net.h5",), (("inspect", "net.h5"),), (mutators.hdf5,),
         weight=6),
    Kind("Keras .keras", "keras_zip", ("net.keras",), (("inspect", "net.keras"),),
         (mutators.zipped,), weight=6),
    Kind("Keras .json + .h5", "keras_json", ("net.json", "net.h5"), (("inspect", "net.h5"),),
         (mutators.json_value, mutators.words), weight=4),
    Kind("XTCAV .h5", "xtcav", ("shots.h5",), (SHOW,), (mutators.hdf5,)),
    Kind("XTCAV .h5, gzip", "xtcav_gzip", ("shots.h5",), (SHOW,), (mutators.hdf5,)),
    Kind("XTCAV .h5, virtual", "xtcav_virtual", ("shots.h5", "part.h5"), (SHOW,),
         (mutators.hdf5,)),
    Kind("XTCAV .h5, predicted", "ours", ("shots.h5",),
         ((*_ex07("predict"), "--output", "out.h5"),
          (*_ex07("gbprop"), "--pages", "0", "--output", "out.h5")), (mutators.hdf5,), weight=2),
    Kind("checkpoint of ours", "ours", ("net.index", "net.data-00000-of-00001"),
         (_ex07("predict"),), (), True, 2),
    Kind("results", "results", ("part0.h5", "part1.h5"),
         (("merge", "part0.h5", "part1.h5", "--output", "out.h5"),), (mutators.hdf5,), weight=6),
    Kind("resume file", "resume", ("net_resume.npz",), (("resume", "net_resume.npz"),),
         (mutators.zipped,), True, 4),
    Kind("class names, targets", "explain", ("names.txt", "names.json", "target.txt", "target.npy"),
         (_explain("--images", "images.npy", "--labels", "names.txt", "--target", "cat"),
          _explain("--images", "images.npy", "--labels", "names.json", "--target", "cat"),
          _explain("--images", "images.npy", "--target", "target.txt"),
          _explain("--images", "images.npy", "--target", "target.npy")), (mutators.words,)),
    Kind("images .npy", "explain", ("images.npy",),
         (_explain("--images", "images.npy", "--figure", "out.png"),)),
    Kind("images .h5", "explain", ("images.h5",), (_explain("--images", "images.h5:x"),),
         (mutators.hdf5,)),
    *PICTURES,
    Kind("options", "explain", ("inspect.words", "explain.words", "jobscript.words"),
         (("words", "inspect.words"), ("words", "explain.words"), ("words", "jobscript.words")),
         (mutators.words,)),
)  # fmt: skip


def command_for(rng: Any, kind: Kind, mutated: str) -> Tuple[str, ...]:
    """Return a command of a kind that reads the mutated file, where not all do."""
    naming = [command for command in kind.commands if mutated in command]
    return tuple(rng.choice(naming or kind.commands))
