"""Data and weights that a file does not hold, or not soundly: refused, and named."""

import os
import re
import threading
import zlib
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from matplotlib.figure import Figure

from legacy_gbp import figures
from legacy_gbp.attribution.guided_backprop import guided_backprop
from legacy_gbp.attribution.network import Network
from legacy_gbp.cli import main, main_all
from legacy_gbp.data.shots import FileShots
from legacy_gbp.errors import InputError
from legacy_gbp.exercises.definitions import EX07
from legacy_gbp.io import stored_chunks
from legacy_gbp.io.hdf5 import LOCK, open_hdf5
from legacy_gbp.io.stored_rows import read_all, read_rows_of
from legacy_gbp.io.wanted_rows import Rows
from legacy_gbp.io.weights import not_finite
from legacy_gbp.models.frozen_graphs import frozen_graph
from legacy_gbp.models.keras_files import KerasFile, arrays_of
from tests.files import write_xtcav
from tests.weights import random_arrays, save_checkpoint

SHAPE = (363, 284)
IMAGES = np.random.RandomState(0).randint(0, 255, (6, *SHAPE)).astype(np.int16)


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(path, fill, **options):
    """A file of six labelled shots; `fill` writes their images."""
    with h5py.File(path, "w") as file:
        file["lasing"] = np.arange(6) % 2
        fill(file, options)


def plain(file, options):
    file.create_dataset("xtcavimg", data=IMAGES, **options)


def virtual(file, options, gone="gone.h5"):
    layout = h5py.VirtualLayout((6, *SHAPE), np.int16)
    layout[:4] = h5py.VirtualSource("whole.h5", "xtcavimg", (4, *SHAPE))
    layout[4:] = h5py.VirtualSource(gone, "xtcavimg", (2, *SHAPE))
    file.create_virtual_dataset("xtcavimg", layout, **options)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"chunks": (1, *SHAPE)},
        {"chunks": (4, 100, 90)},
        {"chunks": (1, *SHAPE), "compression": "gzip", "shuffle": True},
        {"chunks": (4, 100, 90), "compression": "gzip", "shuffle": True},
        {"chunks": (2, 363, 100), "compression": "gzip"},
        {"chunks": (2, 363, 100), "shuffle": True},
        {"chunks": (1, *SHAPE), "compression": "gzip", "shuffle": True, "fletcher32": True},
        {"chunks": (2, 363, 100), "fletcher32": True},
        {"chunks": (2, 363, 100), "compression": "lzf"},
        {"chunks": (2, 363, 100), "scaleoffset": 0},
    ],
)
@pytest.mark.parametrize("dtype", [np.int16, ">i4", np.float64, np.uint8])
def test_what_is_stored_reads_as_by_hdf5(options, dtype):
    if "scaleoffset" in options and dtype is not np.int16:
        pytest.skip("HDF5 itself fails for some of these")
    with h5py.File("a.h5", "w") as file:
        file.create_dataset("x", data=IMAGES.astype(dtype), **options)
    with open_hdf5("a.h5") as file:
        for start, stop in ((0, 6), (3, 5), (5, 6), (2, 2)):
            found = read_rows_of(file["x"], "a.h5", "x", start, stop)
            assert found.dtype == file["x"].dtype
            np.testing.assert_array_equal(found, file["x"][start:stop])


def test_texts_flags_and_scalars_read_as_by_hdf5():
    with h5py.File("a.h5", "w") as file:
        file.create_dataset(
            "text", data=np.array(["a", "bc"], object), dtype=h5py.special_dtype(vlen=str)
        )
        file.create_dataset("chunked", data=np.array(["a", "bc"], object), chunks=(1,),
                            dtype=h5py.special_dtype(vlen=str))  # fmt: skip
        file.create_dataset("flags", data=[[True, False], [False, True]], chunks=(1, 2))
        file["one"] = 3.5
        file.create_dataset("none", (0, 3), np.int8)
    with open_hdf5("a.h5") as file:
        for name in file:
            found = read_all(file[name], "a.h5", name)
            np.testing.assert_array_equal(found, file[name][()])


def never_written(file, options):
    file.create_dataset("xtcavimg", (6, *SHAPE), np.int16)


def one_chunk_missing(file, options):
    images = file.create_dataset("xtcavimg", (6, *SHAPE), np.int16, **options)
    for row in (0, 1, 2, 3, 5):
        images[row] = IMAGES[row]


def no_chunk_written(file, options):
    file.create_dataset("xtcavimg", (6, *SHAPE), np.int16, **options)


def external_link(file, options):
    file["xtcavimg"] = h5py.ExternalLink("gone.h5", "/x")


def external_bytes(file, options):
    file.create_dataset(
        "xtcavimg", (6, *SHAPE), np.int16, external=[("raw.bin", 0, h5py.h5f.UNLIMITED)]
    )


GZIP = {"chunks": (1, *SHAPE), "compression": "gzip", "shuffle": True}
MISSING = [
    (never_written, {}, r"'xtcavimg' holds no data \(never written\)"),
    (one_chunk_missing, GZIP, r"'xtcavimg' holds no data for row 4 \(never written\)"),
    (one_chunk_missing, {"chunks": (1, *SHAPE)}, r"holds no data for row 4 \(never written\)"),
    (one_chunk_missing, {"chunks": (1, *SHAPE), "compression": "lzf"}, r"no data for row 4 "),
    (no_chunk_written, GZIP, r"holds no data for row 0 \(never written\)"),
    (no_chunk_written, {"chunks": (2, *SHAPE)}, r"holds no data for rows 0 to 1 \(never"),
    (virtual, {}, r"'xtcavimg' takes its data from gone\.h5, which is missing"),
    (external_link, {}, r"'xtcavimg' is a link to '/x' in gone\.h5, which is missing"),
    (external_bytes, {}, r"'xtcavimg' lies in raw\.bin, which is missing"),
]  # fmt: skip


@pytest.mark.parametrize("fill, options, message", MISSING)
def test_predict_refuses_what_is_missing(fill, options, message, checkpoints, capsys):
    write_xtcav("whole.h5", 4)
    write("a.h5", fill, **options)
    argv = ["predict", "a.h5", "--checkpoint", checkpoints["ex07"], "--output", "p.h5"]
    assert main(EX07, argv) == 2
    out, error = capsys.readouterr()
    assert "Accuracy" not in out and error.count("\n") == 1
    assert re.search(r"a\.h5: dataset " + ("" if message[0] == "'" else ".*") + message, error)
    assert not os.path.exists("p.h5")


def test_rows_that_are_read_must_exist_and_others_need_not():
    """Whoever left out rows labelled -1 did no harm."""
    write("a.h5", one_chunk_missing, **GZIP)
    with h5py.File("a.h5", "r+") as file:
        file["lasing"][4] = -1
    shots = FileShots(["a.h5"], "lasing", 2)
    np.testing.assert_array_equal(shots.read([0, 1, 2, 3, 4])[4, ..., 0], IMAGES[5])


def test_labels_that_were_never_written_are_refused():
    write("a.h5", plain)
    with h5py.File("a.h5", "r+") as file:
        del file["lasing"]
        file.create_dataset("lasing", (6,), np.int8, chunks=(2,))[:4] = 1
    with pytest.raises(InputError, match=r"'lasing' holds no data for rows 4 to 5"):
        FileShots(["a.h5"], "lasing", 2)
    with h5py.File("a.h5", "r+") as file:  # "do not use" was meant
        del file["lasing"]
        file.create_dataset("lasing", (6,), np.int8, chunks=(2,), fillvalue=-1)[:4] = 1
    assert list(FileShots(["a.h5"], "lasing", 2).rows) == [0, 1, 2, 3]
    with h5py.File("a.h5", "r+") as file:
        del file["lasing"]
        file["lasing"] = h5py.ExternalLink("gone.h5", "/x")
    with pytest.raises(InputError, match=r"'lasing' is a link to '/x' in gone\.h5"):
        FileShots(["a.h5"], "lasing", 2, need_labels=False)


@pytest.mark.parametrize("name", ["gone.h5", os.path.abspath("/nowhere/gone.h5")])
def test_virtual_rows_come_from_their_files(name):
    write_xtcav("whole.h5", 4, images=IMAGES[:4])
    write_xtcav("gone.h5", 2, images=IMAGES[4:])  # beside the file, whatever its folder was
    write("a.h5", lambda file, options: virtual(file, options, name))
    shots = FileShots(["a.h5"], "lasing", 2)
    np.testing.assert_array_equal(shots.read(range(6))[..., 0], IMAGES)
    np.testing.assert_array_equal(shots.read([5, 1])[..., 0], IMAGES[[5, 1]])


def test_the_file_beside_is_taken_from_any_folder(monkeypatch):
    """HDF5 1.10.4 alone would take the one in the current folder."""
    os.makedirs("data")
    os.makedirs("elsewhere")
    write_xtcav("data/whole.h5", 4, images=IMAGES[:4])
    write_xtcav("data/gone.h5", 2, images=IMAGES[4:])
    write("data/a.h5", virtual)
    monkeypatch.chdir("elsewhere")
    write_xtcav("whole.h5", 4, images=np.zeros((4, *SHAPE)))
    read = FileShots(["../data/a.h5"], "lasing", 2).read(range(6))
    np.testing.assert_array_equal(read[..., 0], IMAGES)


def test_a_virtual_source_must_hold_what_is_mapped():
    write_xtcav("whole.h5", 4)
    write_xtcav("gone.h5", 1)
    write("a.h5", virtual)
    shots = FileShots(["a.h5"], "lasing", 2)
    shots.read([0, 4])
    with pytest.raises(InputError, match=r"row 1 from .*gone\.h5, whose 'xtcavimg' has 1"):
        shots.read([5])
    write("gone.h5", no_chunk_written, **GZIP)
    with pytest.raises(InputError, match=r"gone\.h5: dataset 'xtcavimg' holds no data for row 0"):
        FileShots(["a.h5"], "lasing", 2).read([4])
    write_xtcav("gone.h5", 2, leave_out=["xtcavimg"])
    with pytest.raises(InputError, match=r"gone\.h5, which has no 'xtcavimg'"):
        FileShots(["a.h5"], "lasing", 2).read([4])


def test_rows_that_no_file_is_mapped_to():
    def half(file, options):
        layout = h5py.VirtualLayout((6, *SHAPE), np.int16)
        layout[:4] = h5py.VirtualSource("whole.h5", "xtcavimg", (4, *SHAPE))
        file.create_virtual_dataset("xtcavimg", layout)

    write_xtcav("whole.h5", 4)
    write("a.h5", half)
    shots = FileShots(["a.h5"], "lasing", 2)
    shots.read([0, 3])
    with pytest.raises(InputError, match=r"a\.h5: dataset 'xtcavimg' takes row 4 from no file"):
        shots.read([3, 4])


def test_mappings_of_other_pieces_than_rows():
    """Left and right halves from two files."""

    def halves(file, options):
        layout = h5py.VirtualLayout((6, *SHAPE), np.int16)
        for name, columns in (("l.h5", slice(0, 142)), ("r.h5", slice(142, 284))):
            layout[:, :, columns] = h5py.VirtualSource(name, "x", (6, 363, 142))
        file.create_virtual_dataset("xtcavimg", layout)

    for name, half in (("l.h5", IMAGES[..., :142]), ("r.h5", IMAGES[..., 142:])):
        with h5py.File(name, "w") as file:
            file["x"] = half
    write("a.h5", halves)
    np.testing.assert_array_equal(FileShots(["a.h5"], "lasing", 2).read([1, 4])[..., 0],
                                  IMAGES[[1, 4]])  # fmt: skip
    os.remove("r.h5")
    with pytest.raises(InputError, match=r"'xtcavimg' takes its data from r\.h5, which is missing"):
        FileShots(["a.h5"], "lasing", 2).read([0])


def test_external_bytes_that_are_too_few():
    IMAGES.tofile("raw.bin")
    write("a.h5", external_bytes)
    np.testing.assert_array_equal(FileShots(["a.h5"], "lasing", 2).read([3])[0, ..., 0], IMAGES[3])
    IMAGES[:5].tofile("raw.bin")
    with pytest.raises(InputError, match=r"lies in raw\.bin, which holds 1030920 bytes of 1237104"):
        FileShots(["a.h5"], "lasing", 2).read([0])


def test_a_file_that_is_replaced_while_it_is_read():
    write_xtcav("a.h5", 4)
    write_xtcav("b.h5", 4, seed=1)
    shots = FileShots(["a.h5"], "lasing", 2)
    shots.read([0])
    os.replace("b.h5", "a.h5")
    with pytest.raises(InputError, match=r"^a\.h5: was replaced or written to while it is read"):
        shots.read([1])


def test_a_file_that_is_written_to_while_it_is_read():
    write_xtcav("a.h5", 4)
    shots = FileShots(["a.h5"], "lasing", 2)
    with h5py.File("a.h5", "r+") as file:
        file["xtcavimg"][2] = 0
    with pytest.raises(InputError, match=r"^a\.h5: was replaced or written to"):
        shots.read([0])


def test_a_virtual_source_that_is_replaced():
    write_xtcav("whole.h5", 4)
    write_xtcav("gone.h5", 2)
    write("a.h5", virtual)
    shots = FileShots(["a.h5"], "lasing", 2)
    write_xtcav("b.h5", 2, seed=1)
    os.replace("b.h5", "gone.h5")
    with pytest.raises(InputError, match=r"gone\.h5: was replaced or written to"):
        shots.read([0])


def short_chunk(content, mask=0):
    def fill(file, options):
        images = file.create_dataset("xtcavimg", data=IMAGES, **options)
        images.id.write_direct_chunk((2, 0, 0), content, mask)

    return fill


WHOLE = 2 * SHAPE[0] * SHAPE[1]


@pytest.mark.parametrize(
    "content, mask, found",
    [
        (zlib.compress(b"\x05" * 50000), 0, "a chunk holds 50000 bytes, not 206184"),
        (zlib.compress(b""), 0, "a chunk holds 0 bytes, not 206184"),
        (zlib.compress(b"\x05" * (WHOLE + 1)), 0, "holds more than 206184 bytes, not 206184"),
        (zlib.compress(IMAGES[2].tobytes())[:-3000], 0, "bytes, not 206184"),
        (b"\x05" * 50000, 0b10, "a chunk holds 50000 bytes, not 206184"),
        (b"no zlib", 0, "cannot be read"),
    ],
)
@pytest.mark.parametrize("more", [{}, {"fletcher32": True}])
def test_a_chunk_of_another_length_is_refused(content, mask, found, more):
    """HDF5 would read beyond its end."""
    if more:  # HDF5 appends the checksum; without a right one it refuses by itself
        content, found = content + b"\0\0\0\0", "row 2|cannot be read"
    write("a.h5", short_chunk(content, mask), **GZIP, **more)
    shots = FileShots(["a.h5"], "lasing", 2)
    np.testing.assert_array_equal(shots.read([1, 3])[..., 0], IMAGES[[1, 3]])
    for indices in ([2], range(6), [5, 2]):
        with pytest.raises(InputError, match=found) as caught:
            shots.read(indices)
        assert str(caught.value).startswith("a.h5: dataset 'xtcavimg' ")


def test_a_chunk_that_skipped_its_filters_is_read():
    write("a.h5", short_chunk(IMAGES[2].tobytes(), 0b11), **GZIP)
    read = FileShots(["a.h5"], "lasing", 2).read(range(6))
    np.testing.assert_array_equal(read[..., 0], IMAGES)


def test_a_short_chunk_without_filters_is_refused():
    """HDF5 1.10.4 does not tell which one it is."""
    write("a.h5", short_chunk(b"\x05" * 50000), chunks=(1, *SHAPE))
    with pytest.raises(InputError, match=r"chunks of less than 206184 bytes|holds 50000 bytes"):
        FileShots(["a.h5"], "lasing", 2).read([2])


def test_a_merged_file_whose_part_is_gone(data_dir, checkpoints, capsys):
    files = [os.path.join(data_dir, name) for name in sorted(os.listdir(data_dir))[:2]]
    argv = ["predict", *files, "--checkpoint", checkpoints["ex07"], "--output-dir", "parts"]
    assert main(EX07, argv) == 0
    parts = sorted(os.path.join("parts", name) for name in os.listdir("parts"))
    assert main_all(["merge", *parts, "--output", "all.h5"]) == 0
    os.remove(parts[1])
    capsys.readouterr()
    assert main_all(["merge", "all.h5", "--output", "again.h5"]) == 2
    assert "all.h5: dataset 'file' takes its data from parts/" in capsys.readouterr().err


BAD = [np.nan, np.inf, -np.inf]


@pytest.mark.parametrize("value", BAD)
@pytest.mark.parametrize("name", ["conv1/batch_norm/beta", "dense2/weights"])
def test_a_bad_weight_of_a_checkpoint_is_named(name, value, capsys):
    """ReLU would swallow it: max(NaN, 0) is 0."""
    arrays = random_arrays(EX07.network)
    arrays[name].flat[0] = value
    prefix = save_checkpoint(EX07, "bad/model", **arrays)
    write_xtcav("a.h5", 2)
    what = "NaN" if np.isnan(value) else "Inf"
    for argv in (
        ["ex07", "predict", "a.h5", "--checkpoint", prefix],
        ["ex07", "gbprop", "a.h5", "--checkpoint", prefix],
        ["explain", prefix, "--net", "ex07", "--images", "a.h5:xtcavimg"],
    ):
        assert main_all(argv) == 2
        assert f"bad/model: tensor {name!r} holds {what}" in capsys.readouterr().err


@pytest.mark.parametrize("value", [np.nan, 1e300])
def test_a_bad_array_of_a_built_network_is_named(value):
    from legacy_gbp import Network
    from legacy_gbp.models.built_network import BuiltNetwork

    arrays = random_arrays(EX07.network)
    arrays["conv2/batch_norm/gamma"][1] = value  # float64, for a graph of float32
    with Network(BuiltNetwork(EX07.network, arrays)) as net, pytest.raises(
        InputError, match=r"variable 'conv2/batch_norm/gamma' holds"
    ):
        net.logits(np.zeros((1, *SHAPE, 1), np.float32))


def test_a_bad_weight_of_a_keras_file_is_named(tmp_path):
    from legacy_gbp import Network
    from tests.test_vgg19 import LITTLE_IMAGES, little_arrays, source, write_old

    arrays = little_arrays()
    path = write_old(tmp_path / "little.h5", arrays)
    with h5py.File(path, "r+") as file:
        file["fc1/fc1_W_1:0"][0, 0] = np.nan
    with Network(source(path)) as net, pytest.raises(InputError) as caught:
        net.logits(LITTLE_IMAGES)
    assert "little.h5: layer 'fc1' holds NaN in" in str(caught.value)


def frozen(weights, adds=0.0):
    """A frozen graph relu(x W) + adds, as bytes in a file."""
    import tensorflow as tf

    with tf.Graph().as_default() as graph:
        x_t = tf.compat.v1.placeholder(tf.float32, (None, 3), name="x")
        y_t = tf.nn.relu(tf.matmul(x_t, tf.constant(np.float32(weights), name="weights")))
        tf.identity(y_t + tf.constant(np.float32(adds), name="mask"), name="logits")
    with open("frozen.pb", "wb") as file:
        file.write(graph.as_graph_def().SerializeToString())
    return "frozen.pb"


@pytest.mark.parametrize("value", BAD)
def test_a_bad_weight_of_a_frozen_graph_is_named(value):
    from legacy_gbp.models.frozen_graphs import frozen_graph

    weights = np.random.RandomState(0).normal(size=(3, 2))
    frozen_graph(frozen(weights), input="x", output="logits")
    weights[1, 0] = value
    what = "NaN" if np.isnan(value) else "Inf"
    with pytest.raises(InputError, match=rf"frozen\.pb: constant 'weights' holds {what}"):
        frozen_graph(frozen(weights), input="x", output="logits")


def test_masks_of_infinity_are_no_weights():
    from legacy_gbp.models.frozen_graphs import frozen_graph

    weights = np.random.RandomState(0).normal(size=(3, 2))
    for mask in (-np.inf, [0, -np.inf], [-np.inf, -np.inf]):
        frozen_graph(frozen(weights, mask), input="x", output="logits")
    with pytest.raises(InputError, match="constant 'mask' holds NaN"):
        frozen_graph(frozen(weights, [0, np.nan]), input="x", output="logits")


@pytest.mark.parametrize("value", BAD)
def test_a_bad_variable_of_a_session_is_named(value):
    import tensorflow as tf

    from legacy_gbp.models.live_sessions import live_session

    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x_t = tf.compat.v1.placeholder(tf.float32, (None, 2), name="x")
        bias_t = tf.compat.v1.get_variable("bias", initializer=np.array([0, value], np.float32))
        logits_t = tf.nn.relu(x_t + bias_t)
        session.run(tf.compat.v1.global_variables_initializer())
        with pytest.raises(InputError, match=r"the session's graph: variable 'bias' holds"):
            live_session(session, x_t, logits_t)


def test_types_whose_sum_overflows_are_finite():
    assert not_finite(np.full(9, 3e38, np.float32)) is None
    assert not_finite(np.full(9, 6e4, np.float16)) is None
    assert not_finite(np.array(b"text")) is None and not_finite(np.arange(3)) is None
    assert not_finite(np.array(np.nan)) == "NaN" and not_finite(np.float16(np.inf)) == "Inf"
    assert not_finite(np.array([np.inf, np.nan])) == "NaN"


def test_pixels_that_the_graph_cannot_hold_are_named(capsys):
    """1e300 is Inf in float32, and a ReLU may swallow what comes of it."""
    path = frozen(np.random.RandomState(0).normal(size=(3, 2)))
    images = np.ones((5, 3))
    images[3, 1] = -1e300
    np.save("x.npy", images)
    argv = ["explain", path, "--images", "x.npy", "--input", "x:0", "--output-tensor", "logits:0",
            "--output", "m.h5"]  # fmt: skip
    assert main_all(argv) == 2
    error = capsys.readouterr().err
    assert "x.npy row 3" in error and "more than float32 can" in error
    assert not os.path.exists("m.h5")
    np.save("x.npy", np.full((2, 3), 2**63, np.uint64))
    assert main_all(argv) == 0


def test_a_chunk_is_fetched_under_the_lock_of_h5py():
    """`read_direct_chunk` of h5py 3.14 does not keep it: reads fail beside a writer."""
    free = []

    def try_lock():
        taken = LOCK.acquire(False)
        free.append(taken)
        if taken:
            LOCK.release()

    class Identifier:
        def read_direct_chunk(self, offset):
            other = threading.Thread(target=try_lock)
            other.start()
            other.join()
            return 0, b"chunk"

    dataset = SimpleNamespace(id=Identifier())
    rows = Rows(dataset, "x.h5", "x", 0, 1, False)
    assert stored_chunks._stored(rows, (0,)) == (0, b"chunk")
    assert free == [False]


@pytest.mark.parametrize("pixel", [np.nan, np.inf, -1e300])
def test_pixels_are_checked_in_python_too(pixel):
    images = np.ones((5, 3))
    images[3, 1] = pixel
    path = frozen(np.random.RandomState(0).normal(size=(3, 2)))
    with Network(frozen_graph(path, "x:0", "logits:0")) as net:
        for found in (net.logits, lambda x: guided_backprop(net, x)):
            with pytest.raises(InputError, match="image 3 holds NaN, Inf or more than float32"):
                found(images)


def pages(prefix, shots, most=9, fail=False):
    with figures.Pages(prefix, "title", most) as written:
        for k in range(shots):
            image = np.full((20, 20), k)
            written.add(f"row {k}", [("image", image), ("guided", image - 3.0)])
        if fail:
            raise InputError("a bad image")
    return written.paths


def listed():
    return sorted(os.listdir("."))


def contents():
    found = {}
    for name in listed():
        with open(name, "rb") as file:
            found[name] = file.read()
    return found


def test_fewer_pages_leave_no_old_ones():
    for foreign in ("p-009.png", "p-0003.txt", "p-x-001.png", "p-03.png"):
        with open(foreign, "wb") as file:
            file.write(b"somebody else's")
    others = listed()
    figure = Figure(figsize=(1, 1))
    figure.savefig("p-008.png")  # by the same library, but not of ours
    assert pages("p", 13) == ["p-001.png", "p-002.png", "p-003.png"]
    assert pages("p-x", 13)[2] == "p-x-003.png"
    assert pages("p", 6) == ["p-001.png"]
    kept = ["p-008.png", *others, "p-001.png", "p-x-002.png", "p-x-003.png"]
    assert listed() == sorted(set(kept))
    assert pages("p", 3, most=0) == [] and listed() == sorted(set(kept))
    assert pages("p", 0) == [] and "p-001.png" not in listed()


def test_an_interrupted_run_keeps_the_earlier_pages():
    pages("p", 7)
    before = contents()
    with pytest.raises(InputError):
        pages("p", 8, fail=True)
    assert contents() == before
    assert len(before) == 2


def test_pages_appear_together():
    with figures.Pages("p", "title", 9) as written:
        for k in range(7):
            written.add(f"row {k}", [("image", np.eye(9)), ("guided", np.eye(9))])
        assert len(written.paths) == 1 and not os.path.exists("p-001.png")
    assert listed() == ["p-001.png", "p-002.png"]


def test_explain_reads_what_is_stored(capsys):
    """Rows of an HDF5 file, through the same reader."""
    path = frozen(np.random.RandomState(0).normal(size=(3, 2)))
    with h5py.File("x.h5", "w") as file:
        images = file.create_dataset("x", (5, 3), np.float32, chunks=(1, 3), compression="gzip")
        images[:4] = 1
    argv = ["explain", path, "--images", "x.h5:x", "--input", "x:0", "--output-tensor", "logits:0"]
    assert main_all([*argv, "--limit", "4"]) == 0
    capsys.readouterr()
    assert main_all(argv) == 2
    assert "x.h5: dataset 'x' holds no data for row 4 (never written)" in capsys.readouterr().err


def test_a_keras_model_whose_weights_are_gone():
    with h5py.File("model.h5", "w") as file:
        file.attrs["layer_names"] = [b"dense"]
        file["dense/kernel"] = np.ones((2, 3))
        file["dense"].attrs["weight_names"] = [b"kernel", b"bias"]
        file.create_dataset("dense/bias", (3,), np.float32)
    model = KerasFile("model.h5", False, "", "model.json", "2", "tensorflow")
    with pytest.raises(InputError, match=r"'dense/bias' holds no data \(never written\)"):
        arrays_of(model)
    with h5py.File("model.h5", "r+") as file:
        file["dense/bias"][:] = 2
    _, bias = arrays_of(model)["dense"]
    np.testing.assert_array_equal(bias.value, [2, 2, 2])
