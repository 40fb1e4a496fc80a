"""Picture files of every kind as (H, W, 3) uint8."""

import os

import numpy as np
import pytest
from PIL import Image

from legacy_gbp.data.pictures import read_picture
from legacy_gbp.errors import InputError

RNG = np.random.RandomState(0)
COLOURS = RNG.randint(0, 256, (20, 30, 3)).astype(np.uint8)


def saved(path, array, mode=None, **options):
    Image.fromarray(array).convert(mode or "RGB").save(str(path), **options)
    return str(path)


def test_a_png_of_the_right_size_comes_back_as_it_is(tmp_path):
    found = read_picture(saved(tmp_path / "a.png", COLOURS), (20, 30))
    assert found.dtype == np.uint8 and found.flags.writeable
    np.testing.assert_array_equal(found, COLOURS)


def test_the_size_of_vgg19_is_the_default(tmp_path):
    assert read_picture(tmp_path / saved(tmp_path / "a.bmp", COLOURS)).shape == (224, 224, 3)


def test_a_smaller_picture_averages_and_a_larger_one_interpolates(tmp_path):
    """Twice the columns: halfway pixels lie a quarter and three quarters between, ends repeat."""
    row = np.zeros((1, 2, 3), np.uint8)
    row[0, 1] = 200
    wide = read_picture(saved(tmp_path / "a.png", row), (1, 4))
    assert wide[0, :, 0].tolist() == [0, 50, 150, 200]
    checks = (np.indices((64, 64)).sum(axis=0) % 2 * 200).astype(np.uint8)
    small = read_picture(saved(tmp_path / "b.png", checks), (8, 8))
    assert np.abs(small[1:-1, 1:-1].astype(int) - 100).max() <= 1  # nearest would give 0 or 200


def test_a_jpeg_is_near_its_source(tmp_path):
    ramp = np.broadcast_to(np.arange(0, 240, 8, dtype=np.uint8)[None, :, None], (20, 30, 3))
    found = read_picture(saved(tmp_path / "a.jpg", ramp, quality=95), (20, 30))
    assert np.abs(found.astype(int) - ramp).max() < 8


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "LA", "CMYK"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    half = np.zeros((4, 6, 3), np.uint8)
    half[:, 3:] = 255
    path = saved(tmp_path / ("a.tif" if mode == "CMYK" else "a.png"), half, mode)
    np.testing.assert_array_equal(read_picture(path, (4, 6)), half)


def test_a_picture_is_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held sideways: turn by 90 degrees clockwise
    found = read_picture(saved(tmp_path / "a.png", COLOURS, exif=exif), (30, 20))
    np.testing.assert_array_equal(found, np.rot90(COLOURS, -1))


def test_sixteen_bits_are_refused_rather_than_cut(tmp_path):
    path = str(tmp_path / "a.png")
    Image.fromarray(np.full((4, 4), 1000, np.uint16)).save(path)
    with pytest.raises(InputError, match=r"a.png: has more than 8 bits a channel .*scale it"):
        read_picture(path)


@pytest.mark.parametrize("content", [b"", b"no picture at all", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_what_is_not_a_picture_is_named(tmp_path, content):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(
        InputError, match=r"^\S+/a.png: not a readable picture \(.+\); give"
    ) as error:
        read_picture(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["png", "jpg", "gif", "tif"])
@pytest.mark.parametrize("share", [0.1, 0.6, 0.9])
def test_a_truncated_picture_is_refused(tmp_path, kind, share):
    path = saved(tmp_path / f"a.{kind}", COLOURS)
    os.truncate(path, int(share * os.path.getsize(path)))
    with pytest.raises(InputError, match="not a readable picture"):
        read_picture(path)


def test_a_picture_of_absurd_size_is_refused(tmp_path, monkeypatch):
    path = saved(tmp_path / "a.png", COLOURS)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(InputError, match=r"not a readable picture .*exceeds limit"):
        read_picture(path)


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(InputError, match=r"b\.png: no such file; give a picture"):
        read_picture(tmp_path / "b.png")
    with pytest.raises(InputError, match="is not a file; give a picture"):
        read_picture(tmp_path)
