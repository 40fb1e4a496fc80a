"""What a command may write over: never an input, never another kind of file."""

import hashlib
import os
import shutil

import h5py
import numpy as np
import pytest
import tensorflow as tf
from matplotlib.image import imsave

from legacy_gbp.cli import main, main_all
from legacy_gbp.errors import OutputError
from legacy_gbp.exercises.definitions import EX07, EX08
from legacy_gbp.io.atomic import atomic_file
from legacy_gbp.io.destinations import HDF5, Output, check_outputs
from legacy_gbp.io.sources import files_read
from tests.files import write_xtcav
from tests.test_explain import photographs
from tests.weights import save_checkpoint

v1 = tf.compat.v1


@pytest.fixture(autouse=True)
def _in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def model():
    """A frozen graph and a photograph."""
    imsave("photo.png", np.random.RandomState(0).rand(8, 8, 3))
    return photographs()


def digests(folder="."):
    """Path to SHA-256 of every file."""
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    found[path] = hashlib.sha256(file.read()).hexdigest()
    return found


def refused(capsys, call, *argv):
    """Return the one line of a refusal, which changes no file."""
    before = digests()
    capsys.readouterr()
    assert call(*argv) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "Traceback" not in error, error
    assert digests() == before
    return error


def explain(*argv):
    return main_all(["explain", "photos.pb", "--images", "photo.png", *argv])


def other_names(path):
    """The same file under other names."""
    folder, name = os.path.split(os.path.abspath(path))
    os.makedirs("elsewhere", exist_ok=True)
    os.symlink(os.path.abspath(path), "elsewhere/link")
    os.symlink(folder, "elsewhere/folder")
    os.link(path, "elsewhere/hard")
    return [
        path, "./" + path, os.path.join("elsewhere", "..", path), os.path.abspath(path),
        "elsewhere/link", os.path.join("elsewhere/folder", name), "elsewhere/hard",
    ]  # fmt: skip


@pytest.mark.parametrize("insist", [[], ["--overwrite"]])
def test_explain_never_writes_over_what_it_reads(model, insist, capsys):
    for option, path in (("--output", model), ("--figure", "photo.png"), ("--output", "photo.png")):
        for name in other_names(path):
            line = refused(capsys, explain, option, name, *insist)
            assert f"{name}: is read by this command" in line
            assert f"give another {option}" in line
        shutil.rmtree("elsewhere")


def test_labels_and_targets_are_read_too(model, capsys):
    with open("names.txt", "w") as file:
        file.write("a\nb\nc\n")
    with open("target.txt", "w") as file:
        file.write("1\n")
    np.save("images.npy", np.zeros((1, 8, 8, 3)))
    argv = ["explain", model, "--images", "images.npy", "--labels", "names.txt"]
    argv += ["--target", "target.txt", "--overwrite", "--figure"]
    for name in ("names.txt", "target.txt", "images.npy"):
        assert f"{name}: is read by" in refused(capsys, main_all, [*argv, name])


def test_another_kind_of_file_is_never_replaced(model, capsys):
    write_xtcav("data.h5", 2)
    imsave("photo.jpg", np.zeros((8, 8, 3)), format="jpg")
    with open("thesis.txt", "w") as file:
        file.write("years of work\n")
    imsave("other.png", np.zeros((8, 8, 3)))
    for insist in ([], ["--overwrite"]):
        for option, name, kind in (
            ("--output", "other.png", "an HDF5 file"), ("--output", "thesis.txt", "an HDF5 file"),
            ("--figure", "data.h5", "a PNG picture"), ("--figure", "photo.jpg", "a PNG picture"),
        ):  # fmt: skip
            line = refused(capsys, explain, option, name, *insist)
            assert f"{name}: exists and is not {kind}; give another {option}, or remove it" in line


def test_explain_repeats_itself_and_asks_before_it_replaces_another(model, capsys):
    both = ["--output", "maps.h5", "--figure", "maps.png"]
    assert explain(*both) == 0
    assert explain(*both) == 0  # the same again
    for option in both[::2]:
        path = both[both.index(option) + 1]
        line = refused(capsys, explain, option, path, "--method", "gradient")
        assert f"{path}: exists and was made with --method guided, not gradient" in line
        assert "or insist by --overwrite" in line
    imsave("photo.png", np.ones((8, 8, 3)))
    assert "made from other files, or they have changed" in refused(capsys, explain, *both)
    assert explain(*both, "--overwrite") == 0
    assert explain(*both) == 0
    write_xtcav("data.h5", 2)
    for option, name in (("--output", "data.h5"), ("--figure", "other.png")):
        imsave("other.png", np.zeros((8, 8, 3)))
        line = refused(capsys, explain, option, name)
        assert f"{name}: exists and was not made by this command" in line
        assert explain(option, name, "--overwrite") == 0


def test_two_outputs_of_one_name(model, capsys):
    os.symlink(".", "here")
    line = refused(capsys, explain, "--output", "a", "--figure", "here/a")
    assert "here/a: is another output of this command too; give another --figure" in line


def test_an_empty_file_holds_nothing(model):
    """As mktemp makes it; its permissions stay."""
    open("maps.h5", "w").close()
    os.chmod("maps.h5", 0o640)
    assert explain("--output", "maps.h5") == 0
    assert os.stat("maps.h5").st_mode & 0o777 == 0o640


def test_show_and_the_file_that_it_shows(capsys):
    write_xtcav("d.h5", 4)
    for name in other_names("d.h5"):
        assert f"{name}: is read by" in refused(
            capsys, main_all, ["show", "d.h5", "--output", name, "--overwrite"]
        )
    assert main_all(["show", "d.h5"]) == 0
    assert main_all(["show", "d.h5"]) == 0
    line = refused(capsys, main_all, ["show", "d.h5", "--index", "0:2"])
    assert "d.png: exists and was made with --index" in line
    assert main_all(["show", "d.h5", "--index", "0:2", "--overwrite"]) == 0


def test_a_job_script_is_not_written_over_data(capsys):
    write_xtcav("data.h5", 2)
    argv = ["jobscript", "slurm", "--partition", "p"]
    rest = ["ex07", "predict", "data.h5"]
    line = refused(capsys, main_all, [*argv, "--output", "data.h5", "--overwrite", *rest])
    assert "data.h5: exists and is not a script; give another --output" in line
    assert main_all([*argv, "--output", "job.sh", *rest]) == 0
    assert main_all([*argv, "--output", "job.sh", *rest]) == 0
    with open("job.sh", "a") as file:
        file.write("# changed by hand\n")
    line = refused(capsys, main_all, [*argv, "--output", "job.sh", *rest])
    assert "job.sh: exists and has another text" in line and "--overwrite" in line
    assert main_all([*argv, "--output", "job.sh", "--overwrite", *rest]) == 0


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return save_checkpoint(EX07, tmp_path_factory.mktemp("checkpoint") / "model")


def predict(checkpoint, *argv):
    return main(EX07, ["predict", "--checkpoint", checkpoint, *argv])


def test_results_are_repeated_and_never_lost(checkpoint, capsys):
    write_xtcav("a.h5", 4)
    write_xtcav("b.h5", 2, seed=1)
    assert predict(checkpoint, "a.h5", "--output", "p.h5") == 0
    assert predict(checkpoint, "a.h5", "--output", "p.h5") == 0
    line = refused(capsys, predict, checkpoint, "b.h5", "--output", "p.h5")
    assert "p.h5: exists and was made from other files" in line
    line = refused(capsys, predict, checkpoint, "a.h5", "--output", "p.h5", "--batch-size", "3")
    assert "p.h5: exists and was made with --batch-size the default, not 3" in line
    assert predict(checkpoint, "b.h5", "--output", "p.h5", "--overwrite") == 0
    for name in other_names("a.h5"):
        assert f"{name}: is read by this command" in refused(
            capsys, predict, checkpoint, "a.h5", "--output", name, "--overwrite"
        )


def test_the_parts_of_an_input_are_inputs(checkpoint, capsys):
    """The file behind a virtual dataset, behind a link, and raw data elsewhere."""
    write_xtcav("source.h5", 3)
    with h5py.File("source.h5", "r") as source, h5py.File("virtual.h5", "w") as file:
        for name in source:
            shape, dtype = source[name].shape, source[name].dtype
            layout = h5py.VirtualLayout(shape, dtype)
            layout[:] = h5py.VirtualSource("source.h5", name, shape, dtype)
            file.create_virtual_dataset(name, layout)
    with h5py.File("linked.h5", "w") as file:
        for name in ("xtcavimg", "lasing"):
            file[name] = h5py.ExternalLink("virtual.h5", "/" + name)
    for data in ("virtual.h5", "linked.h5"):
        line = refused(capsys, predict, checkpoint, data, "--output", "source.h5", "--overwrite")
        assert "source.h5: is read by this command" in line
    found = files_read(["linked.h5"])
    assert [os.path.basename(path) for path in found] == ["linked.h5", "virtual.h5", "source.h5"]
    with h5py.File("raw.h5", "w") as file:
        file.create_dataset("x", (4,), "u1", external=[("raw.bin", 0, 4)])
    with open("raw.bin", "wb") as raw:
        raw.write(b"abcd")
    assert any(path.endswith("raw.bin") for path in files_read(["raw.h5"]))
    with h5py.File("self.h5", "w") as file:  # ends
        layout = h5py.VirtualLayout((2,), "f4")
        layout[:] = h5py.VirtualSource(".", "x", (2,), "f4")
        file.create_virtual_dataset("x", layout)
        file["again"] = h5py.SoftLink("/")
        file["group/up"] = file["/"]
    assert files_read(["self.h5", "self.h5:x", "missing"]) == ["self.h5"]


def test_the_files_of_models_are_inputs(checkpoint, capsys):
    for suffix in (".index", ".data-00000-of-00001", ".meta"):
        argv = ["explain", checkpoint, "--net", "ex07", "--images", "photo.png", "--overwrite"]
        line = refused(capsys, main_all, [*argv, "--output", checkpoint + suffix])
        assert "is read by this command" in line
    os.makedirs("saved/variables")
    for name in ("saved_model.pb", "variables/variables.index", "assets"):
        with open(os.path.join("saved", name), "w") as file:
            file.write("x")
        argv = ["explain", "saved", "--images", "photo.png", "--overwrite", "--figure"]
        line = refused(capsys, main_all, [*argv, f"saved/{name}"])
        assert f"saved/{name}: is read by this command" in line
    h5py.File("weights.h5", "w").close()
    with open("model.json", "w") as topology:
        topology.write("{}")
    argv = ["explain", "weights.h5", "--images", "photo.png", "--overwrite", "--output"]
    assert "model.json: is read by this" in refused(capsys, main_all, [*argv, "model.json"])


def test_pages_replace_pages_alone(checkpoint, capsys):
    write_xtcav("a.h5", 2)
    imsave("p-001.png", np.zeros((4, 4, 3)))
    argv = ["gbprop", "a.h5", "--checkpoint", checkpoint, "--only-class", "all", "--figure", "p"]
    for insist in ([], ["--overwrite"]):
        line = refused(capsys, main, EX07, [*argv, *insist])
        assert "p-001.png: exists and is not a page of this program; give another --figure" in line
    os.remove("p-001.png")
    assert main(EX07, argv) == 0
    assert main(EX07, [*argv, "--compare"]) == 0  # pages of an earlier run


def test_a_merged_file(checkpoint, capsys):
    for seed, name in enumerate(("a.h5", "b.h5")):
        write_xtcav(name, 2, seed=seed)
    assert predict(checkpoint, "a.h5", "b.h5", "--output-dir", "parts") == 0
    parts = sorted(os.path.join("parts", name) for name in os.listdir("parts"))
    argv = ["merge", *parts, "--output"]
    for name in other_names(parts[0]):
        assert f"{name}: is read by" in refused(capsys, main_all, [*argv, name, "--overwrite"])
    assert main_all([*argv, "all.h5"]) == 0
    assert main_all([*argv, "all.h5"]) == 0
    assert predict(checkpoint, "a.h5", "--output", "one.h5") == 0
    line = refused(capsys, main_all, [*argv, "one.h5"])
    assert "one.h5: exists and was made" in line and "insist by --overwrite" in line
    assert main_all([*argv, "one.h5", "--overwrite"]) == 0
    # A part is a source of what is merged.
    line = refused(capsys, main_all, ["merge", "all.h5", "--output", parts[0], "--overwrite"])
    assert "is read by this command" in line


def test_a_result_of_a_folder_is_made_again_on_demand(checkpoint, capsys):
    write_xtcav("a.h5", 2)
    argv = ["a.h5", "--output-dir", "parts"]
    assert predict(checkpoint, *argv) == 0
    line = refused(capsys, predict, checkpoint, *argv, "--batch-size", "2")
    assert "or insist by --overwrite" in line
    assert predict(checkpoint, *argv, "--batch-size", "2", "--overwrite") == 0
    assert predict(checkpoint, *argv, "--batch-size", "2") == 0
    assert "1 finished before" in capsys.readouterr().out


def test_training_keeps_a_checkpoint_of_2016_and_files_that_are_none(data_dir, capsys):
    reference = os.path.join(os.path.dirname(__file__), "reference")
    for name in os.listdir(reference):
        if name.startswith("tf_saved_model."):
            shutil.copy(os.path.join(reference, name), ".")
    argv = ["train", "--data-dir", data_dir, "--batch-size", "8", "--epochs", "1"]
    line = refused(capsys, main, EX07, argv)
    assert "of a checkpoint of another program; give another --checkpoint" in line
    assert "or insist by --overwrite" in line
    with open("notes.index", "w") as file:
        file.write("of a book")
    for insist in ([], ["--overwrite"]):
        line = refused(capsys, main, EX07, [*argv, "--checkpoint", "notes", *insist])
        assert "notes.index: exists and is not an index of a checkpoint" in line
    write_xtcav("best.index", 8)
    files = ["--train-files", "best.index", "--validation-files", "best.index", "--overwrite"]
    line = refused(capsys, main, EX07, ["train", *files, "--checkpoint", "best"])
    assert "best.index: is read by this command" in line
    os.symlink(".", "here")
    argv = ["train", "--data-dir", data_dir, "--checkpoint", "b", "--final-checkpoint", "here/b"]
    assert "here/b.index: is another output of this" in refused(capsys, main, EX08, argv)


def test_training_repeats_itself(data_dir):
    argv = ["train", "--data-dir", data_dir, "--batch-size", "8", "--epochs", "1"]
    assert main(EX07, argv) == 0
    assert main(EX07, argv) == 0


def test_a_link_as_the_final_name_is_replaced_and_not_followed():
    """Somebody planted ``out`` as a link to a file of ours or of another user."""
    with open("precious", "w") as file:
        file.write("keep me")
    for target in ("precious", "missing"):
        os.symlink(target, "out")
        with atomic_file("out") as file:
            file.write(b"result")
        assert not os.path.islink("out")
        os.remove("out")
    with open("precious") as file:
        assert file.read() == "keep me"
    assert not os.path.exists("missing")


def test_a_file_that_appears_as_an_input_by_its_inode_is_one():
    """Compared by device and inode, as a file system without case would have it."""
    open("a", "w").close()
    os.link("a", "A")
    with pytest.raises(OutputError, match="A: is read by this command as a;"):
        check_outputs([Output("A", "--output", HDF5)], ["a"], overwrite=True)


@pytest.mark.parametrize(
    "name",
    [
        ".partial-host", ".partial-host@" + "9" * 30 + "-0123456789abcdef-out.h5",
        ".partial-@1-x-out.h5", ".partial-a@b@1-0123456789abcdef-out.h5",
        ".partial-host@\u0663-0123456789abcdef-out.h5", ".partial-h\n@1-0123456789abcdef-out.h5",
        os.fsdecode(b".partial-\xff@1-0123456789abcdef-out.h5"), ".partial-",
    ],
)  # fmt: skip
@pytest.mark.parametrize("make", [os.mkdir, lambda name: open(name, "w").close(), os.mkfifo])
def test_a_badly_named_temporary_file_blocks_nothing(name, make):
    make(name)
    check_outputs([Output("out.h5", "--output", HDF5)])
    check_outputs([Output("out.h5", "--output", HDF5), Output("b.h5", "--output", HDF5)])
    assert not os.path.exists("out.h5")
