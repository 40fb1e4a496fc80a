"""Reading XTCAV files: the right rows, bounded memory, advice for bad input."""

import os

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from legacy_gbp.data.batches import in_order, one_hot, shuffled
from legacy_gbp.data.shots import ArrayShots, FileShots
from legacy_gbp.errors import InputError
from tests.files import write_xtcav


def test_rows_and_labels_come_back(tmp_path):
    first, second = str(tmp_path / "a.h5"), str(tmp_path / "b.h5")
    images = [write_xtcav(first, 3, seed=1), write_xtcav(second, 2, seed=2)]
    shots = FileShots([first, second], "lasing", 2)
    assert len(shots) == 5
    np.testing.assert_array_equal(shots.labels, [0, 1, 0, 0, 1])
    np.testing.assert_array_equal(shots.files, [0, 0, 0, 1, 1])
    np.testing.assert_array_equal(shots.rows, [0, 1, 2, 0, 1])
    read = shots.read([4, 0, 2, 0])
    assert read.shape == (4, 363, 284, 1) and read.dtype == np.int16
    np.testing.assert_array_equal(read[0, :, :, 0], images[1][1])
    np.testing.assert_array_equal(read[1, :, :, 0], images[0][0])
    np.testing.assert_array_equal(read[3], read[1])


@pytest.mark.parametrize("chunks", [None, (1, 363, 284), (3, 363, 284), (7, 100, 284)])
def test_any_chunking_gives_the_same_images(tmp_path, chunks):
    path = str(tmp_path / "a.h5")
    images = np.random.RandomState(0).randint(0, 255, (7, 363, 284)).astype(np.int16)
    with h5py.File(path, "w") as file:
        file.create_dataset("xtcavimg", data=images, chunks=chunks)
        file["lasing"] = np.zeros(7, np.int8)
    shots = FileShots([path], "lasing", 2)
    for indices in ([6, 0, 3, 3, 5], [2], range(7)):
        np.testing.assert_array_equal(shots.read(indices)[..., 0], images[list(indices)])


def test_minus_one_means_do_not_use(tmp_path):
    path = str(tmp_path / "a.h5")
    write_xtcav(path, 5, colours=[3, -1, 0, -1, 2])
    shots = FileShots([path], "acq.enPeaksLabel", 4)
    np.testing.assert_array_equal(shots.labels, [3, 0, 2])
    np.testing.assert_array_equal(shots.rows, [0, 2, 4])
    assert shots.skipped == 2


def test_files_without_labels_serve_prediction_alone(tmp_path):
    path = str(tmp_path / "a.h5")
    write_xtcav(path, 2, leave_out=["lasing"])
    shots = FileShots([path], "lasing", 2, need_labels=False)
    np.testing.assert_array_equal(shots.labels, [-1, -1])
    with pytest.raises(InputError, match=r"a.h5: no dataset 'lasing'; the file holds .*xtcavimg"):
        FileShots([path], "lasing", 2)


def test_arrays_in_memory_have_the_same_face():
    images = np.arange(3 * 363 * 284, dtype=np.int32).reshape(3, 363, 284)
    shots = ArrayShots(images, [1, -1, 0])
    np.testing.assert_array_equal(shots.labels, [1, 0])
    np.testing.assert_array_equal(shots.read([1])[0, :, :, 0], images[2])
    with pytest.raises(InputError, match=r"3 images but labels of shape \(2,\)"):
        ArrayShots(images, [0, 1])
    with pytest.raises(InputError, match="every label is -1"):
        ArrayShots(images, [-1, -1, -1])
    with pytest.raises(InputError, match=r"label 0\.5 of image 1"):
        ArrayShots(images, [0, 0.5, 1])
    with pytest.raises(InputError, match=r"images of shape \(1, 726, 568\)"):
        ArrayShots(np.zeros((1, 726, 568)), [0])


def test_one_hot_by_hand():
    np.testing.assert_array_equal(one_hot(np.array([2, 0]), 3), [[0, 0, 1], [1, 0, 0]])


class Counted:
    """Shots that are their own index; remembers the largest read."""

    def __init__(self, count):
        self.count, self.largest = count, 0
        self.labels = self.rows = np.arange(count)

    def __len__(self):
        return self.count

    def read(self, indices):
        self.largest = max(self.largest, len(indices))
        return np.asarray(indices)


@settings(deadline=None, max_examples=200)
@given(
    count=st.integers(1, 300), batch=st.integers(1, 40), window=st.integers(1, 100),
    seed=st.integers(0, 2**31 - 1),
)  # fmt: skip
def test_the_shuffle_is_one_permutation_in_bounded_windows(count, batch, window, seed):
    shots = Counted(count)
    batches = list(shuffled(shots, batch, np.random.RandomState(seed), window))
    assert len(batches) == count // batch  # the incomplete last batch is dropped
    order = np.random.RandomState(seed).permutation(count)[: count - count % batch]
    for k, (indices, images) in enumerate(batches):
        np.testing.assert_array_equal(indices, order[k * batch : (k + 1) * batch])
        np.testing.assert_array_equal(images, indices)
    assert shots.largest <= max(window, batch)


@given(count=st.integers(1, 50), batch=st.integers(1, 20))
def test_in_order_leaves_nothing_out(count, batch):
    seen = [indices for indices, _ in in_order(Counted(count), batch)]
    np.testing.assert_array_equal(np.concatenate(seen), np.arange(count))
    assert max(map(len, seen)) <= batch


def _truncated(path):
    write_xtcav(path, 4)
    with open(path, "r+b") as file:
        file.truncate(os.path.getsize(path) // 2)


def _not_hdf5(path):
    with open(path, "w") as file:
        file.write("no data here")


def _no_images(path):
    write_xtcav(path, 2, leave_out=["xtcavimg"])


def _wrong_shape(path):
    write_xtcav(path, 2, images=np.zeros((2, 726, 568)))


def _text_images(path):
    with h5py.File(path, "w") as file:
        file["xtcavimg"] = np.full((2, 363, 284), b"x")
        file["lasing"] = [0, 1]


def _link_to_nowhere(path):
    write_xtcav(path, 2, leave_out=["xtcavimg"])
    with h5py.File(path, "r+") as file:
        file["xtcavimg"] = h5py.SoftLink("/lost")


def _group(path):
    write_xtcav(path, 2, leave_out=["xtcavimg"])
    with h5py.File(path, "r+") as file:
        file.create_group("xtcavimg")


def _null(path):
    write_xtcav(path, 2, leave_out=["xtcavimg"])
    with h5py.File(path, "r+") as file:
        file["xtcavimg"] = h5py.Empty("i2")


def _no_rows(path):
    write_xtcav(path, 0, images=np.zeros((0, 363, 284)))


def _nan_label(path):
    write_xtcav(path, 2, labels=[0.0, np.nan], colours=[0, 0], images=np.zeros((2, 363, 284)))


def _label_out_of_range(path):
    write_xtcav(path, 3, labels=[0, 1, 7])


def _labels_too_few(path):
    write_xtcav(path, 3, labels=[0, 1], images=np.zeros((3, 363, 284)), colours=[0, 0, 0])


def _nothing_usable(path):
    write_xtcav(path, 2, labels=[-1, -1], images=np.zeros((2, 363, 284)))


@pytest.mark.parametrize(
    "damage, advice",
    [
        (lambda path: None, r"no such file; check the name"),
        (_truncated, r"not a whole HDF5 file .*copy it again"),
        (_not_hdf5, r"not a whole HDF5 file"),
        (_no_images, r"no dataset 'xtcavimg'; the file holds acq.enPeaksLabel"),
        (_wrong_shape, r"'xtcavimg' has shape \(2, 726, 568\); expected \(N, 363, 284\)"),
        (_text_images, r"'xtcavimg' has type \|S1; expected int16"),
        (os.mkdir, r"is not a file; name an HDF5 file"),
        (_link_to_nowhere, r"'xtcavimg' is a link to '/lost', which is missing; put it back"),
        (_group, r"'xtcavimg' is a group; expected a dataset"),
        (_null, r"'xtcavimg' has shape None; expected \(N, 363, 284\)"),
        (_no_rows, r"'xtcavimg' holds no image"),
        (_nan_label, r"'lasing' row 1 is nan; labels lie in 0..1"),
        (_label_out_of_range, r"'lasing' row 2 is 7; labels lie in 0..1"),
        (_labels_too_few, r"'lasing' has shape \(2,\) .*expected 3 integers"),
        (_nothing_usable, r"no usable row \(2 with label -1 in 'lasing'\)"),
    ],
)
def test_bad_files_are_refused_with_advice(tmp_path, damage, advice):
    path = str(tmp_path / "bad.h5")
    damage(path)
    with pytest.raises(InputError, match=advice) as caught:
        FileShots([path], "lasing", 2)
    assert path in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_float_images_must_be_finite(tmp_path, value):
    path = str(tmp_path / "a.h5")
    images = np.ones((3, 363, 284), np.float32)
    images[1, 5, 6] = value
    write_xtcav(path, 3, images=images)
    shots = FileShots([path], "lasing", 2)
    assert shots.read([0, 2]).dtype == np.float32
    with pytest.raises(InputError, match=r"a.h5: dataset 'xtcavimg' row 1 holds NaN, Inf or more"):
        shots.read([0, 1])


def test_a_damaged_chunk_is_named(tmp_path):
    path = str(tmp_path / "a.h5")
    with h5py.File(path, "w") as file:
        images = np.random.RandomState(0).randint(0, 255, (4, 363, 284)).astype(np.int16)
        file.create_dataset("xtcavimg", data=images, chunks=(1, 363, 284), fletcher32=True)
        file["lasing"] = np.zeros(4, np.int8)
    with open(path, "r+b") as file:
        content = file.read()
        place = content.index(images[2].tobytes()[:400])
        file.seek(place + 100)
        file.write(b"\xff\x00\xff\x00")
    shots = FileShots([path], "lasing", 2)
    shots.read([0, 1, 3])
    with pytest.raises(InputError, match=r"'xtcavimg' cannot be read .*copy the file again"):
        shots.read([2])
