import contextlib
import errno
import os
import struct
import warnings
import zlib

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from PIL import Image

from genkeras.data import scan

MAX_PIXELS = 64_000_000


def names(root, pattern=None):
    return [file.name for file in scan.walk(root, pattern)[0]]


def refused(root):
    return {item.name: item for item in scan.walk(root)[1]}


def reason(path, max_pixels=MAX_PIXELS):
    with scan.pillow_limits(), pytest.raises(scan.PictureError) as caught:
        scan.read_picture(path, max_pixels)
    return str(caught.value)


def pixels(path):
    return np.asarray(scan.read_picture(path, MAX_PIXELS))


def test_finds_all_kinds_at_any_depth_in_order(tmp_path):
    found = ["B.PNG", "a.jpg", "b/c/d.webp", "b/x.Jpeg", "c.bmp", "d.gif"]
    for name in [*found, "notes.txt", ".hidden.png", ".git/e.png", "b/.x/f.png"]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    files, left_out, unmatched = scan.walk(tmp_path)
    assert [file.name for file in files] == found
    assert not left_out
    assert unmatched == 1


def test_patterns_look_at_the_name_or_at_the_path(tmp_path):
    for name in ("one.jpg", "two.JPG", "three.png", "sub/four.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert names(tmp_path, "*.jpg") == ["one.jpg", "sub/four.jpg", "two.JPG"]
    assert names(tmp_path, "t*") == ["three.png", "two.JPG"]
    assert names(tmp_path, "sub/*") == ["sub/four.jpg"]


def test_links(tmp_path):
    root, outside = tmp_path / "root", tmp_path / "outside"
    for path in (root / "a" / "x.png", root / ".store" / "real.png", outside / "y.png"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (root / "a" / "loop").symlink_to(root)
    (root / "other").symlink_to(root / "a")
    (root / "self.png").symlink_to("self.png")
    (root / "gone.png").symlink_to("nowhere.png")
    (root / "out.png").symlink_to(outside / "y.png")
    (root / "outside").symlink_to(outside)
    (root / "again.png").symlink_to("a/x.png")
    (root / "stored.png").symlink_to(".store/real.png")
    assert names(root) == ["a/x.png", "stored.png"]
    reasons = refused(root)
    assert "a loop" in reasons["a/loop"].reason
    assert "another folder of this set" in reasons["other"].reason
    assert "leads nowhere" in reasons["self.png"].reason
    assert "leads nowhere" in reasons["gone.png"].reason
    assert "leaves the folder" in reasons["out.png"].reason
    assert str(outside) in reasons["outside"].reason
    assert "a/x.png, which is read already" in reasons["again.png"].reason
    harmless = {name for name, item in reasons.items() if not item.bad}
    assert harmless == {"a/loop", "other", "again.png"}


def test_links_to_names_that_are_not_text(tmp_path):
    (tmp_path / "root").mkdir()
    target = tmp_path / os.fsdecode(b"new\nline\xff.png")
    target.touch()
    (tmp_path / "root" / "x.png").symlink_to(target)
    told = refused(tmp_path / "root")["x.png"].reason
    assert told.endswith("new\\nline\\udcff.png): refused")
    told.encode()


def test_a_folder_reached_through_a_link_is_walked(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "x.png").touch()
    (tmp_path / "link").symlink_to("real")
    assert names(tmp_path / "link") == ["x.png"]


def test_pipes_are_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    assert refused(tmp_path)["pipe.png"].reason == "not a regular file"


def test_names_that_are_not_text(tmp_path):
    (tmp_path / os.fsdecode(b"\xff.png")).touch()
    (tmp_path / "line\nbreak.png").touch()
    shown = [scan.printable(name) for name in names(tmp_path)]
    assert sorted(shown) == ["\\udcff.png", "line\\nbreak.png"]
    "".join(shown).encode()


def test_folders_that_cannot_be_read_are_named(tmp_path, monkeypatch):
    (tmp_path / "locked").mkdir()
    scandir = os.scandir

    def refuse(path):
        if str(path).rstrip("/").endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert "Permission denied" in refused(tmp_path)["locked/"].reason


def system_error(number):
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (system_error(errno.EACCES), "Permission denied"),
        (system_error(errno.EIO), "Input/output error"),
        (system_error(errno.EMFILE), "Too many open files"),
        (system_error(errno.ENOENT), "No such file or directory"),
        (MemoryError(), "not enough memory"),
    ],
)
@pytest.mark.parametrize(
    "where", ["genkeras.data.scan.open", "PIL.Image.open", "PIL.ImageOps.exif_transpose"]
)
def test_errors_of_the_machine_are_told_from_broken_pictures(
    tmp_path, monkeypatch, draw, error, told, where
):
    draw(tmp_path / "x.png")

    def refuse(*_args, **_kwargs):
        raise error

    monkeypatch.setattr(where, refuse, raising=False)
    with pytest.raises(scan.UnreadableError) as caught:
        scan.read_picture(tmp_path / "x.png", MAX_PIXELS)
    assert str(caught.value) == f"cannot be read: {told}"


def test_an_offset_beyond_every_file_is_damage(tmp_path):
    """The only error with a number that random damage of pictures gave."""
    path = tmp_path / "x.tif"
    # BigTIFF, whose table of tags begins at the last byte that 64 bits can count.
    path.write_bytes(b"II+\0\x08\0\0\0" + struct.pack("<Q", 2**63 - 1))
    assert "Invalid argument" in reason(path)
    with pytest.raises(scan.PictureError) as caught:
        scan.read_picture(path, MAX_PIXELS)
    assert not isinstance(caught.value, scan.UnreadableError)


def test_no_pictures_at_all(tmp_path):
    path = tmp_path / "x.jpg"
    path.touch()
    assert reason(path) == "empty file (0 bytes)"
    path.write_text("\n <!DOCTYPE html><html><title>404</title></html>")
    assert reason(path) == "a web page (HTML), not a picture"
    path.write_text("<svg/>")
    assert "SVG" in reason(path)
    path.write_bytes(b"\x89PNG\r\n\x1a\nxxxx")
    assert "begins like a PNG" in reason(path)
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    assert "not a PNG, JPEG" in reason(path)


@pytest.mark.parametrize("kind", ["png", "jpg", "gif", "bmp", "webp"])
def test_pictures_cut_short(tmp_path, draw, kind):
    path = tmp_path / f"x.{kind}"
    draw(path, size=(90, 80))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    assert "damaged" in reason(path)


def test_one_wrong_bit_in_a_png(tmp_path, draw):
    path = tmp_path / "x.png"
    draw(path, size=(90, 80))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert "checksum" in reason(path)


def huge_png(path, width=12_000, height=12_000):
    """A PNG whose header promises more than its data could fill."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


def test_size_is_judged_by_the_header_and_max_pixels_alone(tmp_path, draw, monkeypatch):
    huge_png(tmp_path / "huge.png")
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("decoded"))
    text = reason(tmp_path / "huge.png")
    assert text == "12000x12000 is 144,000,000 pixels, more than --max_pixels=64,000,000"
    monkeypatch.undo()
    # Pillow's own limits give way to a larger one, without a warning.
    huge_png(tmp_path / "larger.png", 20_000, 20_000)
    with scan.pillow_limits(), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert scan.read_header(tmp_path / "larger.png", 10**9)[:2] == (20_000, 20_000)
    draw(tmp_path / "small.png", size=(10, 10))
    assert "more than --max_pixels=99" in reason(tmp_path / "small.png", max_pixels=99)


def test_pillow_limits_are_put_back():
    before = Image.MAX_IMAGE_PIXELS
    with scan.pillow_limits():
        assert Image.MAX_IMAGE_PIXELS is None
    assert before == Image.MAX_IMAGE_PIXELS


def test_sixteen_bits_are_scaled(tmp_path):
    values = np.array([[0, 128, 129, 257 * 7, 32768, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / "x.png")
    assert pixels(tmp_path / "x.png").tolist() == [[0, 0, 1, 7, 128, 255]]
    wide = Image.fromarray(values.astype(np.int32))
    assert np.asarray(scan.to_eight_bits(wide)).tolist() == [[0, 0, 1, 7, 128, 255]]


def test_floating_point_pictures_lie_between_0_and_1():
    picture = Image.fromarray(np.array([[0.0, 0.5, 1.0]], np.float32))
    assert np.asarray(scan.to_eight_bits(picture)).tolist() == [[0, 128, 255]]
    for wrong in (1.5, -0.1, np.nan):
        with pytest.raises(scan.PictureError, match=r"mode F"):
            scan.to_eight_bits(Image.fromarray(np.array([[0.0, wrong]], np.float32)))
    with pytest.raises(scan.PictureError, match=r"mode I"):
        scan.to_eight_bits(Image.fromarray(np.array([[70_000]], np.int32)))


def test_transparent_parts_lie_on_white(tmp_path):
    for mode, clear, opaque in (
        ("RGBA", (9, 9, 9, 0), (9, 8, 7, 255)),
        ("LA", (9, 0), (9, 255)),
    ):
        picture = Image.new(mode, (2, 1), clear)
        picture.putpixel((1, 0), opaque)
        picture.save(tmp_path / "x.png")
        result = pixels(tmp_path / "x.png")
        assert result[0, 0].max() == result[0, 0].min() == 255
        assert result[0, 1].tolist() == ([9, 8, 7] if mode == "RGBA" else 9)


def test_a_transparent_colour_lies_on_white(tmp_path):
    picture = Image.new("L", (2, 1), 9)
    picture.putpixel((1, 0), 50)
    picture.save(tmp_path / "x.png", transparency=9)
    assert pixels(tmp_path / "x.png").tolist() == [[255, 50]]


def test_cmyk(tmp_path):
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "x.jpg", quality=95)
    red, green, blue = pixels(tmp_path / "x.jpg")[4, 4]
    assert red > 240
    assert green < 15
    assert blue < 15


def test_palettes_are_grey_if_their_pixels_are(tmp_path):
    colours = Image.new("RGB", (4, 4), (200, 10, 10))
    colours.quantize(4).save(tmp_path / "red.png")
    assert pixels(tmp_path / "red.png")[0, 0].tolist() == [200, 10, 10]
    assert scan.read_header(tmp_path / "red.png", MAX_PIXELS) == (4, 4, False)
    grey = Image.new("P", (4, 4), 1)
    grey.putpalette([0, 0, 0, 77, 77, 77, 255, 255, 255])
    grey.save(tmp_path / "grey.png")
    assert scan.read_header(tmp_path / "grey.png", MAX_PIXELS) == (4, 4, True)
    assert pixels(tmp_path / "grey.png").tolist() == [[77] * 4] * 4


def test_exif_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = Image.new("RGB", (30, 20))
    picture.paste((255, 255, 255), (0, 0, 15, 20))
    picture.save(tmp_path / "x.jpg", exif=exif, quality=95)
    upright = pixels(tmp_path / "x.jpg")
    # Turned clockwise: what was left is now above.
    assert upright.shape == (30, 20, 3)
    assert upright[5].mean() > 250
    assert upright[25].mean() < 5


def test_the_first_frame_of_an_animation(tmp_path):
    frames = [Image.new("RGB", (5, 5), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:])
    assert pixels(tmp_path / "x.gif")[2, 2].tolist() == [255, 0, 0]


@hypothesis.settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
@hypothesis.given(
    kind=st.sampled_from(["png", "jpg", "gif", "bmp", "webp"]),
    position=st.floats(0.0, 1.0),
    value=st.binary(min_size=1, max_size=6),
    kept=st.one_of(st.just(1.0), st.floats(0.0, 1.0)),
)
def test_any_damage_gives_a_reason_or_a_picture(tmp_path, draw, kind, position, value, kept):
    path = tmp_path / f"sound.{kind}"
    if not path.exists():
        draw(path, size=(12, 10))
    data = path.read_bytes()
    first = int(position * (len(data) - 1))
    data = data[:first] + value + data[first + len(value) :]
    (tmp_path / f"x.{kind}").write_bytes(data[: int(kept * len(data))])
    # Any other error fails the test by itself.
    with contextlib.suppress(scan.PictureError), scan.pillow_limits():
        picture = scan.read_picture(tmp_path / f"x.{kind}", 10_000)
        assert picture.size[0] * picture.size[1] <= 10_000
