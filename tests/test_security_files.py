"""Data files that would show a secret, hang or fill the memory: shown to work, then stopped."""

import os
import socket
import struct
import zipfile
import zlib
from typing import Any, Dict, List

import h5py
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, PngImagePlugin

from legacy_gbp.cli import main, main_all
from legacy_gbp.data import arrays
from legacy_gbp.data.class_names import read_class_names
from legacy_gbp.data.images import image_set
from legacy_gbp.data.pictures import read_picture
from legacy_gbp.data.shots import FileShots
from legacy_gbp.errors import InputError
from legacy_gbp.exercises.definitions import EX07
from legacy_gbp.io.hdf5 import open_hdf5
from legacy_gbp.io.hdf5_filters import lzf_inflated
from legacy_gbp.io.hdf5_places import external_parts
from legacy_gbp.io.stored_rows import read_all
from legacy_gbp.models.meta_graphs import checkpoint_prefix
from legacy_gbp.results.reader import read_result
from legacy_gbp.training.resume_file import read_state
from tests.files import write_xtcav

SHAPE = (363, 284)
PIXELS = SHAPE[0] * SHAPE[1]
SECRET = b"PRIVATE KEY " + bytes(range(1, 256)) * 405


@pytest.fixture(autouse=True)
def _two_folders(tmp_path, monkeypatch):
    """The victim works in ``here``; a secret and other data lie in ``there``."""
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    (tmp_path / "there" / "secret").write_bytes(SECRET)
    monkeypatch.chdir(tmp_path / "here")


def write(path, fill, *args, **options):
    with h5py.File(path, "w", **options) as file:
        fill(file, *args)
        if "lasing" not in file:
            file["lasing"] = np.zeros(1, np.int8)


def external(file, path, name="xtcavimg"):
    file.create_dataset(name, (1, *SHAPE), np.uint8, external=[(path, 0, PIXELS)])


def virtual(file, path, name="xtcavimg"):
    layout = h5py.VirtualLayout((1, *SHAPE), np.uint8)
    layout[:] = h5py.VirtualSource(path, name, (1, *SHAPE))
    file.create_virtual_dataset(name, layout)


def counted(file, path):
    """A virtual dataset of the files that a pattern names."""
    space = h5py.h5s.create_simple((1, *SHAPE), (h5py.h5s.UNLIMITED, *SHAPE))
    space.select_hyperslab((0, 0, 0), (h5py.h5s.UNLIMITED, 1, 1), (1, 1, 1), (1, *SHAPE))
    created = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    created.set_virtual(space, path, b"xtcavimg", h5py.h5s.create_simple((1, *SHAPE)))
    full = h5py.h5s.create_simple((1, *SHAPE), (h5py.h5s.UNLIMITED, *SHAPE))
    h5py.h5d.create(file.id, b"xtcavimg", h5py.h5t.STD_U8LE, full, created)


def link(file, path, name="/xtcavimg"):
    file["xtcavimg"] = h5py.ExternalLink(path, name)


def stored_by_hdf5(path):
    """What HDF5 itself shows: the exploit."""
    with h5py.File(path, "r") as file:
        return file["xtcavimg"][:1].astype(np.uint8).tobytes()


def refused(argv, capsys):
    """Run a command that must refuse its input; return its one line."""
    assert main_all(argv) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "Traceback" not in error
    assert not [name for name in os.listdir(".") if name.endswith((".png", ".out"))]
    return error


def the_bytes_of_a_secret(how):
    """Write a.h5, whose image is the secret."""
    outside = os.path.abspath("../there/secret")
    if how == "absolute":
        write("a.h5", external, outside)
    elif how == "relative":
        write("a.h5", external, "../there/secret")
    elif how == "link in the folder":
        os.symlink(outside, "raw.bin")
        write("a.h5", external, "raw.bin")
    elif how == "prefix":
        write("a.h5", external, "secret")
    else:
        write("b0.h5", external, outside)
        fill, path = {
            "virtual": (virtual, "b0.h5"),
            "pattern": (counted, b"b%b.h5"),
            "external link": (link, "b0.h5"),
        }[how]
        write("a.h5", fill, path)


@pytest.mark.parametrize(
    "how",
    ["absolute", "relative", "link in the folder", "prefix", "virtual", "pattern", "external link"],
)
def test_external_storage_shows_no_secret(how, capsys, monkeypatch, historical_checkpoint):
    if how == "prefix":
        monkeypatch.setenv("HDF5_EXTFILE_PREFIX", os.path.abspath("../there"))
    the_bytes_of_a_secret(how)
    if how != "prefix":  # HDF5 reads the variable when it is loaded
        assert stored_by_hdf5("a.h5") == SECRET[:PIXELS]
    error = refused(["show", "a.h5"], capsys)
    assert "shows the bytes of " + os.path.realpath("../there/secret") in error
    assert "outside of the folder of the file; put it there" in error
    argv = ["predict", "a.h5", "--checkpoint", historical_checkpoint, "--output", "p.out"]
    assert main(EX07, argv) == 2
    assert "shows the bytes of" in capsys.readouterr().err and not os.path.exists("p.out")
    with pytest.raises(InputError, match="shows the bytes of"):
        image_set(["a.h5:xtcavimg"], None)


def test_external_storage_beside_the_file_is_read(monkeypatch):
    with open("raw.bin", "wb") as file:
        file.write(SECRET)
    write("a.h5", external, "raw.bin")
    assert image_set(["a.h5:xtcavimg"], None).read(0, 1).tobytes() == SECRET[:PIXELS]
    monkeypatch.setenv("HDF5_EXTFILE_PREFIX", "${ORIGIN}")
    with open_hdf5("a.h5") as file:
        (part,) = external_parts(file["xtcavimg"], "a.h5")
    assert part.path == os.path.abspath("raw.bin")


@pytest.mark.parametrize("how", ["virtual", "relative", "link", "soft link", "prefix", "symlink"])
def test_other_folders_are_named(how, capsys, monkeypatch):
    images = np.full((1, *SHAPE), 7)
    write_xtcav("../there/x.h5", 1, images=images)
    other = os.path.realpath("../there/x.h5")
    if how == "symlink":
        os.symlink(other, "x.h5")
    if how == "prefix":
        monkeypatch.setenv("HDF5_VDS_PREFIX", os.path.dirname(other))
    fill, path = {
        "virtual": (virtual, other), "relative": (virtual, "../there/x.h5"),
        "link": (link, other), "soft link": (link, other), "prefix": (virtual, "x.h5"),
        "symlink": (virtual, "x.h5"),
    }[how]  # fmt: skip
    write("a.h5", fill, path)
    if how == "soft link":
        with h5py.File("a.h5", "r+") as file:
            file.move("xtcavimg", "q")
            file["xtcavimg"] = h5py.SoftLink("/q")
    assert main_all(["show", "a.h5", "--index", "0"]) == 0
    out, error = capsys.readouterr()
    assert out.splitlines()[0] == f"-- a.h5: data are read from {other}" and not error
    shots = FileShots(["a.h5"], "lasing", 2)
    assert (shots.read([0]) == 7).all() and (shots.read([0]) == 7).all()
    assert capsys.readouterr().out == f"-- a.h5: data are read from {other}\n"  # once


def test_the_folder_of_the_file_and_those_in_it_are_not_named(capsys):
    os.mkdir("sub")
    write_xtcav("sub/x.h5", 1)
    write("a.h5", virtual, "sub/x.h5")
    os.symlink(os.path.abspath("a.h5"), "../there/a.h5")
    for path in ("a.h5", "../there/a.h5"):
        FileShots([path], "lasing", 2).read([0])
    assert capsys.readouterr().out == ""


def result(path, fill):
    with h5py.File(path, "w") as file:
        fill(file)
        file["row"] = np.zeros(1, np.int64)
        file["file"] = np.array(["x"], object).astype(h5py.special_dtype(vlen=str))
        file.attrs.update(
            exercise="ex07", options='{"command": "predict"}', checkpoint_sha256="0" * 64,
            preprocess="none", data_files='["x"]', data_shots="[1]",
        )  # fmt: skip


def test_merge_names_and_refuses(capsys):
    result("../there/x.h5", lambda file: file.create_dataset("xtcavimg", data=np.ones((1, *SHAPE))))
    result("a.h5", lambda file: link(file, os.path.abspath("../there/x.h5")))
    assert main_all(["merge", "a.h5", "--output", "m.h5"]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first == f"-- a.h5: data are read from {os.path.realpath('../there/x.h5')}"
    result("a.h5", lambda file: external(file, "../there/secret"))
    assert "shows the bytes of" in refused(["merge", "a.h5", "--output", "n.out"], capsys)


@pytest.mark.parametrize("name, value, message", [
    ("options", "[" * 100000, "attribute 'options' is no valid JSON"),
    ("options", "3", "attribute 'options' is '3'"),
    ("data_files", "[1]", "attribute 'data_files' is "),
    ("data_shots", '["x"]', "attribute 'data_shots' is "),
    ("exercise", [1, 2], "attribute 'exercise' is no text"),
    ("data_files", h5py.Empty(np.dtype("f4")), "attribute 'data_files' is no valid JSON"),
])  # fmt: skip
def test_attributes_of_results(name, value, message, capsys):
    with h5py.File("a.h5", "w", libver="latest"):
        pass
    result("a.h5", lambda file: None)
    with h5py.File("a.h5", "r+", libver="latest") as file:
        del file.attrs[name]
        if isinstance(value, str) and len(value) > 60000:
            file.attrs.create(name, value, dtype=h5py.special_dtype(vlen=str))
        else:
            file.attrs[name] = value
    assert message in refused(["merge", "a.h5", "--output", "m.out"], capsys)


def special(kind):
    """Make a FIFO or socket in the folder; return a path."""
    if kind == "fifo":
        os.mkfifo("special")
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as one:
            one.bind("special")
    return "/dev/zero" if kind == "device" else "special"


@pytest.mark.parametrize("kind", ["fifo", "socket", "device"])
def test_what_is_no_file_is_not_opened(kind, capsys):
    """HDF5 would wait for the writer of a FIFO, forever."""
    path = special(kind)
    for fill in (external, virtual, link):
        write("a.h5", fill, path)
        assert f"{path}, a FIFO, socket or device" in refused(["show", "a.h5"], capsys)
    if kind != "device":
        for name in ("a.h5", "b.npy", "c.png", "names.txt"):
            if os.path.exists(name):
                os.remove(name)
            os.rename("special", name)
            if name.endswith("h5"):
                assert "a.h5: is not a file" in refused(["show", name], capsys)
            elif name.endswith("txt"):
                with pytest.raises(InputError, match="is not a file"):
                    read_class_names(name)
            else:
                with pytest.raises(InputError, match="is not a file"):
                    image_set([name], (8, 8, 3)).read(0, 1)
            os.rename(name, "special")


def in_a_circle(kind):
    if kind == "itself":
        write("a.h5", virtual, ".")
    elif kind == "its name":
        write("a.h5", virtual, "a.h5")
    elif kind == "each other":
        write("b.h5", virtual, "a.h5")
        write("a.h5", virtual, "b.h5")
    elif kind == "link":
        write("a.h5", link, "a.h5")
    elif kind == "soft links":
        with h5py.File("a.h5", "w") as file:
            file["xtcavimg"], file["q"] = h5py.SoftLink("/q"), h5py.SoftLink("/xtcavimg")
            file["lasing"] = [0]
    else:
        for number in range(12):
            write(f"n{number}.h5", virtual, f"n{number + 1}.h5")
        write("a.h5", virtual, "n0.h5")


@pytest.mark.parametrize(
    "kind", ["itself", "its name", "each other", "link", "soft links", "too many"]
)
def test_circles_are_refused(kind, capsys):
    in_a_circle(kind)
    error = refused(["show", "a.h5"], capsys)
    assert "takes its data from itself" in error or "is a link to a link" in error


def bomb(file, filters, content):
    images = file.create_dataset("xtcavimg", (1, *SHAPE), np.uint8, chunks=(1, *SHAPE), **filters)
    images.id.write_direct_chunk((0, 0, 0), content)


INFLATES = zlib.compress(b"\0" * (1 << 26), 9)  # to 64 MiB; the length does not matter
LZF_INFLATES = b"\x00\x00" + b"\xe0\xff\x00" * 250000  # to 63 MiB


@pytest.mark.parametrize(
    "filters, content",
    [
        ({"compression": "gzip"}, INFLATES),
        ({"compression": "gzip", "shuffle": True}, INFLATES),
        ({"compression": "gzip", "fletcher32": True}, INFLATES + b"\0\0\0\0"),
        ({"compression": "gzip", "scaleoffset": 0}, INFLATES),
        ({"compression": "lzf"}, LZF_INFLATES),
        ({"compression": "lzf", "fletcher32": True}, LZF_INFLATES + b"\0\0\0\0"),
    ],
)
def test_a_chunk_inflates_to_its_own_length_at_most(filters, content, capsys):
    assert len(zlib.decompress(INFLATES)) == 1 << 26
    assert len(lzf_inflated(LZF_INFLATES, 1 << 26)) == 1 + 250000 * 264
    write("a.h5", bomb, filters, content)
    error = refused(["show", "a.h5"], capsys)
    assert "more than 103092 bytes" in error or "holds more than" in error


def test_lzf_reads_as_by_hdf5():
    images = np.random.RandomState(0).randint(0, 9, (5, *SHAPE)).astype(np.int16)
    options: List[Dict[str, Any]] = [
        {}, {"shuffle": True}, {"fletcher32": True}, {"chunks": (2, 100, 284)},
    ]  # fmt: skip
    with h5py.File("a.h5", "w") as file:
        for number, one in enumerate(options):
            one = {"chunks": (1, *SHAPE), **one}
            file.create_dataset(str(number), data=images, compression="lzf", **one)
    with open_hdf5("a.h5") as file:
        for number in range(len(options)):
            name = str(number)
            np.testing.assert_array_equal(read_all(file[name], "a.h5", name), images)


def test_a_scaleoffset_that_declares_another_length(capsys):
    created = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    created.set_chunk((1, *SHAPE))
    created.set_scaleoffset(2, 0)
    with h5py.File("a.h5", "w") as file:
        space = h5py.h5s.create_simple((1, *SHAPE))
        images = h5py.h5d.create(file.id, b"xtcavimg", h5py.h5t.STD_I16LE, space, created)
        images.write(h5py.h5s.ALL, h5py.h5s.ALL, np.ones((1, *SHAPE), np.int16))
        file["lasing"] = [0]
    with open("a.h5", "rb") as file:
        content = file.read()
    place = content.index(struct.pack("<III", 2, 0, PIXELS)) + 8
    with open("a.h5", "wb") as file:
        file.write(content[:place] + struct.pack("<I", PIXELS // 2) + content[place + 4 :])
    assert f"holds {PIXELS} bytes, not {2 * PIXELS}" in refused(["show", "a.h5"], capsys)


def declared(file, chunks):
    file.create_dataset("xtcavimg", (2**31, *SHAPE), np.int16, chunks=chunks)
    file.create_dataset("lasing", (2**31,), np.int8, chunks=(1 << 20,), fillvalue=-1)


@pytest.mark.parametrize("chunks", [None, (1, *SHAPE)])
def test_rows_that_are_declared_and_not_stored(chunks, capsys):
    write("a.h5", declared, chunks)
    error = refused(["show", "a.h5"], capsys)
    assert "'xtcavimg' declares 2147483648 images; 10000000 at most are read" in error
    with pytest.raises(InputError, match="declares 2147483648 images"):
        FileShots(["a.h5"], "lasing", 2)
    with pytest.raises(InputError, match="holds no data"):
        image_set(["a.h5:xtcavimg"], None).read(0, 1)
    with open_hdf5("a.h5") as file, pytest.raises(InputError, match=r"declares .* where 0 are"):
        read_all(file["lasing"], "a.h5", "lasing", filled=True)


def test_chunks_of_gigabytes_are_refused(capsys):
    write(
        "a.h5",
        lambda file: file.create_dataset(
            "xtcavimg", (1, *SHAPE), np.uint8, maxshape=(None, *SHAPE), chunks=(20000, *SHAPE)
        ),
    )
    error = refused(["show", "a.h5"], capsys)
    assert "has chunks of 2061840000 bytes, and 536870912 at most are read" in error


def test_a_row_of_many_small_chunks_that_are_missing():
    with h5py.File("a.h5", "w") as file:
        file.create_dataset("x", (1, 1 << 28), np.uint8, chunks=(1, 1))
    with open_hdf5("a.h5") as file, pytest.raises(InputError, match="never written"):
        read_all(file["x"], "a.h5", "x")


@pytest.mark.parametrize(
    "fill",
    [
        lambda file: file.create_group("xtcavimg"),
        lambda file: file.__setitem__("xtcavimg", np.dtype("f4")),
        lambda file: file.create_dataset("xtcavimg", data=h5py.Empty(np.dtype("f4"))),
        lambda file: file.create_dataset("xtcavimg", data=3),
        lambda file: file.create_dataset("xtcavimg", (0, *SHAPE), "i2"),
        lambda file: file.create_dataset("xtcavimg", (1, *SHAPE), "c8"),
        lambda file: file.create_dataset("xtcavimg", (1, *SHAPE), "V3"),
        lambda file: file.create_dataset("xtcavimg", (1, *SHAPE), "S4"),
        lambda file: file.create_dataset("xtcavimg", (1, *SHAPE), np.dtype([("a", "i2")])),
        lambda file: file.create_dataset(
            "xtcavimg", (1, *SHAPE), h5py.special_dtype(ref=h5py.Reference)
        ),
        lambda file: h5py.h5d.create(
            file.id, b"xtcavimg", h5py.h5t.UNIX_D32LE, h5py.h5s.create_simple((1, *SHAPE))
        ),
        lambda file: h5py.h5g.create(file.id, b"\xff\xfe"),
    ],
)
def test_datasets_of_other_kinds(fill, capsys):
    write("a.h5", fill)
    error = refused(["show", "a.h5"], capsys)
    assert "xtcavimg" in error and "Error" not in error


def a_million(file):
    file["x"] = 1
    for number in range(30000):
        file.id.links.create_hard(b"n%d" % number, file.id, b"x")


def test_many_names_are_not_listed(capsys):
    write("a.h5", a_million, libver="latest")
    error = refused(["show", "a.h5"], capsys)
    assert "no dataset 'xtcavimg'; the file holds " in error and len(error) < 400


def deep(file):
    for _ in range(100):
        file = file.create_group("g")


def test_failures_of_h5py_name_the_file():
    write_xtcav("a.h5", 1)
    for error in (RuntimeError("Can't synchronously read data"), KeyError("x"), MemoryError()):
        with pytest.raises(InputError, match=r"^a\.h5: cannot be read \("), open_hdf5("a.h5"):
            raise error
    with pytest.raises(KeyboardInterrupt), open_hdf5("a.h5"):
        raise KeyboardInterrupt


def test_attributes_are_bounded(monkeypatch, capsys):
    result("a.h5", lambda file: file.attrs.update({f"n{number}": 1 for number in range(50)}))
    monkeypatch.setattr("legacy_gbp.io.hdf5_attributes.MOST_ATTRIBUTES", 40)
    with pytest.raises(InputError, match="has more than 40 attributes"):
        read_result("a.h5")
    monkeypatch.setattr("legacy_gbp.io.hdf5_attributes.MOST_ATTRIBUTES", 100)
    monkeypatch.setattr("legacy_gbp.io.hdf5_attributes.MOST_BYTES_AN_ATTRIBUTE", 4)
    with pytest.raises(InputError, match="holds more than"):
        read_result("a.h5")


def save(prefix, value):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.compat.v1.get_variable("x", initializer=np.float32(value), use_resource=False)
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver().save(session, prefix)


@pytest.mark.parametrize("named", ["absolute", "relative"])
def test_the_checkpoint_file_names_no_other_folder(named, capsys):
    save("./model-1", 1)
    save("../there/model-2", 2)
    other = "../there/model-2" if named == "relative" else os.path.abspath("../there/model-2")
    with open("checkpoint", "w") as file:
        file.write(f'model_checkpoint_path: "{other}"\n')
    # TensorFlow itself follows it.
    assert os.path.realpath(tf.train.latest_checkpoint(".")) == os.path.realpath(other)
    error = refused(["inspect", "."], capsys)
    assert f"checkpoint: names {other}, which is not in this folder; name the prefix" in error
    assert checkpoint_prefix("model-1") == "model-1"
    os.rename("../there/model-2.index", "../there/model-1.index")
    with open("checkpoint", "w") as file:  # a folder that was moved
        file.write('model_checkpoint_path: "/nowhere/model-1"\n')
    assert checkpoint_prefix(".") == "./model-1"


def test_a_checkpoint_of_links_and_a_fifo(capsys):
    save("./model-1", 1)
    data = "model-1.data-00000-of-00001"
    os.rename(data, "../there/data")
    os.symlink("../there/data", data)
    error = refused(["inspect", "."], capsys)
    assert f"is a link to {os.path.realpath('../there/data')}" in error
    assert checkpoint_prefix("model-1") == "model-1"  # the user has named it
    os.remove(data)
    os.mkfifo(data)
    assert "is no regular file" in refused(["inspect", "."], capsys)
    assert "is no regular file" in refused(["inspect", "model-1.meta"], capsys)


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n(x) show\n%%EOF\n"


def test_only_common_pictures_are_opened():
    """Pillow starts Ghostscript to load an EPS file."""
    with open("a.png", "wb") as file:
        file.write(EPS)
    with Image.open("a.png") as image:
        assert image.format == "EPS"
    with pytest.raises(InputError, match=r"a\.png: not a readable picture .* PNG, JPEG, GIF"):
        read_picture("a.png")
    for name in ("a.jpg", "a.gif", "a.bmp", "a.tiff", "a.webp", "a.ppm"):
        Image.new("RGB", (9, 9), (1, 2, 3)).save(name)
        assert read_picture(name, (9, 9)).pixels.shape == (9, 9, 3)


def chunk(name, content):
    check = zlib.crc32(name + content) & 0xFFFFFFFF
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)


@pytest.mark.parametrize("size", [(10**9, 1), (50000, 50000)])
def test_pictures_of_absurd_size(size):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, 0))
    with open("a.png", "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 1000)))
    with pytest.raises(InputError, match=r"a\.png: not a readable picture \(Image size"):
        read_picture("a.png")


def test_pictures_with_bombs_of_text_and_many_frames():
    text = PngImagePlugin.PngInfo()
    for number in range(80):
        text.add_text(f"k{number}", "x" * (1 << 20), zip=True)
    Image.new("L", (4, 4)).save("a.png", pnginfo=text)
    with pytest.raises(InputError, match=r"a\.png: not a readable picture"):
        read_picture("a.png")
    frames = [Image.new("L", (4, 4)) for _ in range(300)]
    frames[0].save("a.tiff", save_all=True, append_images=frames[1:])
    assert read_picture("a.tiff").frames == 2


class Gadget:
    """What a pickle runs when it is read."""

    def __reduce__(self):
        return os.mkdir, ("ran",)


def test_arrays_run_nothing():
    np.save("a.npy", np.array([[Gadget()]], object), allow_pickle=True)
    np.load("a.npy", allow_pickle=True)
    assert os.path.isdir("ran")  # the exploit
    os.rmdir("ran")
    with pytest.raises(InputError, match=r"a\.npy: not a readable array"):
        image_set(["a.npy"], None)
    assert not os.path.exists("ran")


def npy(header, version=1, length=None):
    size = struct.pack("<H" if version == 1 else "<I", len(header) if length is None else length)
    return b"\x93NUMPY" + bytes([version, 0]) + size + header


HUGE = b"{'descr': '<i2', 'fortran_order': False, 'shape': (2147483648, 363, 284)}\n"
WRAPS = b"{'descr': '<i2', 'fortran_order': False, 'shape': (9223372036854775807, 9, 9)}\n"


@pytest.mark.parametrize(
    "content",
    [
        npy(HUGE), npy(WRAPS), npy(b"(" * 9000), npy(b"(" * 60000), npy(b"-" * 100000 + b"1", 2),
        npy(b"x", 2, 2**31), npy(b"{'descr': 'O'"), b"\x93NUMPY", b"", b"\x93NUMPY\xff\0\0\0\0\0\0",
        npy(b"{'descr': '<i2', 'fortran_order': False, 'shape': (-1, 2)}\n"),
    ],
)  # fmt: skip
def test_headers_of_arrays(content):
    with open("a.npy", "wb") as file:
        file.write(content)
    with pytest.raises(InputError, match=r"^a\.npy: not a readable array"):
        image_set(["a.npy"], None)


def test_an_archive_is_no_array_and_other_orders_are_read():
    np.savez("a.npz", np.zeros(3))
    os.rename("a.npz", "a.npy")
    with pytest.raises(InputError, match="an archive of several arrays"):
        arrays.map_array("a.npy", "images")
    values = np.asfortranarray(np.arange(24.0).reshape(2, 3, 4))
    np.save("f.npy", values)
    np.testing.assert_array_equal(image_set(["f.npy"], None).read(0, 2), values)
    assert isinstance(arrays.map_array("f.npy", "images"), np.memmap)


def test_the_text_of_a_resume_file_has_characters_of_unicode():
    """NumPy makes a string of any numbers, and Python fails when it looks at them."""
    letters = np.frombuffer(b'{"a": "?"}'.ljust(10), np.uint8).astype(np.uint32)
    letters[7] = 0x110000
    for record in (letters.view("U10"), letters, np.array(b"{}")):
        np.savez("a_resume.npz", record=record)
        with pytest.raises(
            InputError, match="not a readable record of a stopped training"
        ) as caught:
            read_state("a_resume.npz")
        assert str(caught.value).isprintable()


def test_a_resume_file_does_not_inflate():
    with zipfile.ZipFile("a_resume.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("losses.npy", npy(b"{}") + b"\0" * (1 << 24))
    assert os.path.getsize("a_resume.npz") < 1 << 16
    with pytest.raises(InputError, match=r"not a readable record .*compressed"):
        read_state("a_resume.npz")
    os.remove("a_resume.npz")
    os.mkfifo("a_resume.npz")
    with pytest.raises(InputError, match="is not a file"):
        read_state("a_resume.npz")


def test_names_of_classes_that_nest_or_never_end(monkeypatch):
    with open("names.json", "w") as file:
        file.write("[" * 100000)
    with pytest.raises(InputError, match=r"names\.json: no valid JSON"):
        read_class_names("names.json")
    monkeypatch.setattr("legacy_gbp.data.class_names.MOST_CHARACTERS", 1000)
    with pytest.raises(InputError, match="holds more than"):
        read_class_names("names.json")
