"""Picture files of every kind as (H, W, 3) uint8."""

import os

import numpy as np
import pytest
from PIL import Image

from legacy_gbp.data.images import image_set
from legacy_gbp.data.pictures import Picture, read_picture
from legacy_gbp.errors import InputError

RNG = np.random.RandomState(0)
COLOURS = RNG.randint(0, 256, (20, 30, 3)).astype(np.uint8)


def saved(path, array, mode=None, **options):
    Image.fromarray(array).convert(mode or "RGB").save(str(path), **options)
    return str(path)


def test_a_png_of_the_right_size_comes_back_as_it_is(tmp_path):
    found = read_picture(saved(tmp_path / "a.png", COLOURS), (20, 30)).pixels
    assert found.dtype == np.uint8 and found.flags.writeable
    np.testing.assert_array_equal(found, COLOURS)


def test_the_size_of_vgg19_is_the_default(tmp_path):
    assert read_picture(tmp_path / saved(tmp_path / "a.bmp", COLOURS)).pixels.shape == (224, 224, 3)


def test_a_smaller_picture_averages_and_a_larger_one_interpolates(tmp_path):
    """Twice the columns: halfway pixels lie a quarter and three quarters between, ends repeat."""
    row = np.zeros((1, 2, 3), np.uint8)
    row[0, 1] = 200
    wide = read_picture(saved(tmp_path / "a.png", row), (1, 4)).pixels
    assert wide[0, :, 0].tolist() == [0, 50, 150, 200]
    checks = (np.indices((64, 64)).sum(axis=0) % 2 * 200).astype(np.uint8)
    small = read_picture(saved(tmp_path / "b.png", checks), (8, 8)).pixels
    assert np.abs(small[1:-1, 1:-1].astype(int) - 100).max() <= 1  # nearest would give 0 or 200


def test_a_jpeg_is_near_its_source(tmp_path):
    ramp = np.broadcast_to(np.arange(0, 240, 8, dtype=np.uint8)[None, :, None], (20, 30, 3))
    found = read_picture(saved(tmp_path / "a.jpg", ramp, quality=95), (20, 30)).pixels
    assert np.abs(found.astype(int) - ramp).max() < 8


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "LA", "CMYK"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    half = np.zeros((4, 6, 3), np.uint8)
    half[:, 3:] = 255
    path = saved(tmp_path / ("a.tif" if mode == "CMYK" else "a.png"), half, mode)
    np.testing.assert_array_equal(read_picture(path, (4, 6)).pixels, half)


def test_a_picture_is_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held sideways: turn by 90 degrees clockwise
    found = read_picture(saved(tmp_path / "a.png", COLOURS, exif=exif), (30, 20))
    assert found.turned and found.stored_size == (30, 20)
    np.testing.assert_array_equal(found.pixels, np.rot90(COLOURS, -1))


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


def notes_of(paths, shape):
    images = image_set(paths, shape)
    assert images.notes() == []  # nothing is read yet
    for start in range(len(paths)):
        images.read(start, start + 1)
        images.read(start, start + 1)  # twice: counted once
    return images.notes()


def test_what_is_done_to_pictures_is_said(tmp_path):
    """Grey, transparent, stretched; the untouched one is not mentioned."""
    big = np.zeros((480, 640, 3), np.uint8)
    clear = np.dstack([COLOURS, np.full((20, 30), 128, np.uint8)])
    paths = [
        saved(tmp_path / "same.png", COLOURS),
        saved(tmp_path / "wide1.png", big),
        saved(tmp_path / "wide2.png", big),
        saved(tmp_path / "grey.png", COLOURS, "L"),
        saved(tmp_path / "clear.png", clear, "RGBA"),
        saved(tmp_path / "opaque.png", COLOURS, "RGBA"),
        saved(tmp_path / "ink.tif", COLOURS, "CMYK"),
        saved(tmp_path / "twice.png", COLOURS.repeat(2, axis=0).repeat(2, axis=1)),
    ]
    assert notes_of(paths, (20, 30, 3)) == [
        "2 pictures were stretched from 640x480 to 30x20",
        "1 picture was resized from 60x40 to 30x20",
        "1 picture is grey: repeated in three channels",
        "transparency of 1 picture was dropped",
        "1 picture was converted from CMYK to RGB",
    ]
    assert notes_of(paths[:1], (20, 30, 3)) == []


def test_other_sizes_frames_and_one_channel_are_said(tmp_path):
    paths = [
        saved(tmp_path / f"{k}.png", np.zeros((9, 10 + k, 3), np.uint8), "L") for k in range(7)
    ]
    assert notes_of(paths, (20, 30, None))[0] == (
        "7 pictures were stretched from 10x9, 11x9, 12x9, 13x9, 14x9 and 2 more to 30x20"
    )
    frames = [Image.fromarray(COLOURS), Image.fromarray(255 - COLOURS)]
    frames[0].save(str(tmp_path / "a.gif"), save_all=True, append_images=frames[1:])
    exif = Image.Exif()
    exif[0x0112] = 3
    turned = saved(tmp_path / "b.png", COLOURS, exif=exif)
    assert notes_of([str(tmp_path / "a.gif"), turned], (20, 30, 1)) == [
        "1 picture was turned upright, as the camera asks",
        "2 pictures are in colour: the mean of three channels is taken",
        "of 1 picture with several frames the first is taken",
    ]


@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
def test_a_transparent_colour_is_transparency_too(tmp_path, mode):
    """PNG names one colour, or entries of its palette, as transparent: chunk tRNS."""
    path = str(tmp_path / "a.png")
    image = Image.fromarray(np.zeros((4, 6, 3), np.uint8)).convert(mode)
    found = (0, 0, 0) if mode == "RGB" else 0
    image.save(path, transparency=found)
    assert read_picture(path, (4, 6)).transparent
    plain = read_picture(saved(tmp_path / "b.png", COLOURS, mode), (20, 30))
    assert isinstance(plain, Picture) and not plain.transparent


@pytest.mark.parametrize(
    "shape, energy",
    [
        ((363, 284), True),
        ((363, 284, 1), True),
        ((1, 363, 284), True),
        ((363, 284, 3), False),
        ((284, 363, 1), False),
        ((224, 224, 3), False),
    ],
)
def test_xtcav_images_are_recognised_by_their_shape(tmp_path, shape, energy):
    np.save(str(tmp_path / "x.npy"), np.zeros((1, *shape), np.int16))
    assert image_set([str(tmp_path / "x.npy")], None).rows_are_energy is energy
