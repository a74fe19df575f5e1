import numpy as np
import pytest
from PIL import Image

from drawenv import ArrayTargets, BezierRenderer, Symbols, load_pictures, load_targets
from drawenv.metrics import mse
from drawenv.renderers import RectangleRenderer
from drawenv.renderers.color import rgb_to_lab
from drawenv.targets import files
from drawenv.targets.mnist import digit_labels
from drawenv.targets.pictures import line_sketch, read_picture, square
from drawenv.targets.sketches import sketch_files
from drawenv.tasks.digits import DIGIT_COLORS


def test_symbols_are_endless_and_seeded():
    symbols = load_targets("symbols")
    first = symbols.sample(20, np.random.default_rng(3))
    np.testing.assert_array_equal(first, symbols.sample(20, np.random.default_rng(3)))
    assert first.shape == (20, 1, 64, 64) and first.dtype == np.uint8
    assert (first.max((1, 2, 3)) == 255).all()
    assert not (first == symbols.sample(20, np.random.default_rng(4))).all()


def test_symbols_know_their_strokes():
    test = load_targets("symbols:test")
    assert len(test) == 2000 and {len(s) for s in test.strokes} == {1, 2, 3, 4, 5}
    for image, strokes in zip(test.images[:50, 0], test.strokes[:50], strict=True):
        points = np.concatenate(strokes)
        on_ink = image[points[:, 1].astype(int), points[:, 0].astype(int)]
        assert (on_ink > 128).mean() > 0.95


def test_symbols_of_one_stroke_and_another_size(rng):
    assert Symbols(32, max_strokes=1).sample(4, rng).shape == (4, 1, 32, 32)


def test_mnist(data):
    train, val, test = (load_targets(f"mnist:{s}") for s in ("train", "val", "test"))
    assert (len(train), len(val), len(test)) == (55_000, 5_000, 10_000)
    blank = mse(test.images[:, 0], np.zeros((10_000, 64, 64), np.uint8)).mean()
    assert blank == pytest.approx(0.1027, abs=0.0001)


def test_omniglot_strokes_lie_on_the_ink(data):
    test = load_targets("omniglot:test")
    assert len(test) == 1280
    hits = []
    for image, strokes in zip(test.images[:200, 0], test.strokes[:200], strict=True):
        points = np.concatenate(strokes).astype(int).clip(0, 63)
        hits.append((image[points[:, 1], points[:, 0]] > 64).mean())
    assert np.mean(hits) > 0.98


def test_omniglot_splits_are_disjoint(data):
    images = [load_targets(f"omniglot:{s}").images for s in ("train", "val", "test")]
    kinds = [{i.tobytes() for i in split} for split in images]
    assert sum(map(len, kinds)) == len(set.union(*kinds))


@pytest.mark.parametrize("name", ["symbols:x", "mnist:dev", "omniglot:all"])
def test_unknown_split(name):
    with pytest.raises(ValueError, match="splits train, val and test"):
        load_targets(name)


@pytest.mark.parametrize(
    ("targets", "error", "words"),
    [
        ("minst", ValueError, "did you mean 'mnist'"),
        ("/no/such/folder", ValueError, "unknown targets"),
        (np.zeros((2, 64, 64)), TypeError, "must be uint8"),
        (np.zeros((64, 64), np.uint8), ValueError, r"\[N, H, W\]"),
        (np.zeros((0, 64, 64), np.uint8), ValueError, "empty"),
        (7, TypeError, "a name, a folder, an array or Targets"),
    ],
)
def test_bad_targets(targets, error, words):
    with pytest.raises(error, match=words):
        load_targets(targets)


def test_folder(tmp_path):
    with pytest.raises(ValueError, match="holds no pictures"):
        load_targets(tmp_path)
    Image.new("L", (40, 20), 255).save(tmp_path / "b.png")
    Image.fromarray(np.eye(100, dtype=np.uint8) * 255).save(tmp_path / "a.png")
    targets = load_targets(str(tmp_path))
    assert targets.images.shape == (2, 1, 64, 64)
    assert targets.images[0].max() > 50 and targets.images[1].max() == 0
    (tmp_path / "c.png").write_bytes(b"\x89PNG no more")
    with pytest.raises(ValueError, match=r"c\.png cannot be read as a picture"):
        load_targets(tmp_path)


def test_a_folder_in_color_and_in_parts(tmp_path):
    """Where the canvas is in colour, so are the pictures; every tenth is held out."""
    for k in range(12):
        Image.new("RGB", (40, 20), (200, 10, 10 * k)).save(tmp_path / f"{k:02}.png")
    folder = str(tmp_path)
    red = load_pictures(folder, 32, RectangleRenderer())
    assert red.shape == (3, 32, 32) and red.images[5, :, 16, 16].tolist() == [200, 10, 50]
    assert red.images[0, :, 0, 0].tolist() == [0, 0, 0]  # the canvas' paper around it
    assert load_pictures(folder, 32, BezierRenderer()).shape == (1, 32, 32)
    assert (len(load_pictures(f"{folder}:train")), len(load_pictures(f"{folder}:val"))) == (10, 2)
    with pytest.raises(ValueError, match="has the splits train and val, not 'test'"):
        load_targets(f"{folder}:test")
    gray = load_targets("symbols:test", 32, RectangleRenderer())
    assert gray.shape == (3, 32, 32) and (gray.images[:5, 0] == gray.images[:5, 2]).all()
    assert load_targets("symbols", 32, RectangleRenderer()).sample(2, np.random.default_rng(0)).shape[1] == 3


def test_some_pictures_from_all_over():
    images = np.arange(200, dtype=np.uint8)[:, None, None] * np.ones((2, 2), np.uint8)
    some = ArrayTargets(np.repeat(images, 4, 0)).spread(500).images[:, 0, 0, 0]  # of 800, not the first 500
    assert len(some) == 500 and some[0] == 0 and some[-1] == 199
    assert len(ArrayTargets(images).spread(500)) == 200


def test_a_long_strip_stays_small():
    """Its square would have ten thousand million pixels."""
    strip = np.zeros((1, 100_000), np.uint8)
    strip[:, 50_000:] = 255
    out = square(strip, 64)
    assert out.shape == (64, 64) and out.max() > 0 and out[:28].max() == out[36:].max() == 0


def test_missing_data_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("DRAWENV_DATA", str(tmp_path))
    monkeypatch.setattr(files.pooch, "os_cache", lambda name: tmp_path / "cache")

    def no_network(*args, **kwargs):
        raise ConnectionError("no network")

    monkeypatch.setattr(files.pooch, "retrieve", no_network)
    with pytest.raises(FileNotFoundError, match=r"t10k-images.*DRAWENV_DATA.*cache.*Put the file"):
        load_targets("mnist:test")


def test_array_targets_sample(rng):
    targets = ArrayTargets(np.arange(5, dtype=np.uint8)[:, None, None] * np.ones((8, 8), np.uint8))
    assert set(targets.sample(200, rng)[:, 0, 0, 0]) == {0, 1, 2, 3, 4}


INK = np.zeros((30, 30), np.uint8)
INK[10:20, 14:16] = 255


@pytest.mark.parametrize(
    "picture",
    [
        INK,
        255 - INK,
        INK / 255.0,
        INK > 0,
        np.repeat(INK[..., None], 3, 2),
        Image.fromarray(255 - INK).convert("RGB"),
        Image.fromarray(255 - INK).convert("P"),
        Image.fromarray((255 - INK).astype(np.int32) * 257).convert("I"),
        np.dstack([INK * 0] * 3 + [INK]),  # black ink, cut out
        np.dstack([INK * 0 + 255] * 3 + [INK]),  # white ink, cut out
        np.dstack([255 - INK] * 3 + [np.pad(np.full((28, 28), 255, np.uint8), 1)]),  # a page with holes
    ],
)
def test_every_kind_of_picture_is_read_as_ink(picture):
    np.testing.assert_allclose(read_picture(picture), INK, atol=2)


def test_invert_overrides():
    assert read_picture(INK, "yes").mean() > 200 and read_picture(255 - INK, "no").mean() > 200
    with pytest.raises(ValueError, match="auto, yes or no"):
        read_picture(INK, "maybe")


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (np.zeros((3, 4, 5), np.uint8), r"\[H, W\]"),
        (np.zeros((0, 5), np.uint8), "empty"),
        (np.full((5, 5), np.nan), "no NaN"),
        (np.full((5, 5), 3.0), r"\[0, 1\]"),
        (np.zeros((5, 5), np.int64), "uint8 or float"),
    ],
)
def test_bad_arrays(picture, words):
    with pytest.raises(ValueError, match=words):
        read_picture(picture)


def test_huge_picture_is_refused(tmp_path):
    path = tmp_path / "huge.png"
    Image.new("1", (20_000, 6_000)).save(path)
    with pytest.raises(ValueError, match=r"20000x6000 pixels; the most is 100 megapixels"):
        read_picture(path)


def test_square_keeps_the_shape():
    wide = np.zeros((10, 40), np.uint8)
    wide[:, 20:] = 255
    out = square(wide, 64)
    assert out.shape == (64, 64) and out[:20].max() == 0 and out[30, 50] == 255 and out[30, 10] == 0


def test_line_sketch():
    """Lines run along edges, on their dark side; a flat picture has none; holes are paper."""
    photo = np.full((60, 80, 3), 200, np.uint8)
    photo[:, 40:] = (200, 60, 200)  # an edge in one channel alone
    ink = line_sketch(photo)
    assert ink.shape == (60, 80) and ink.dtype == np.uint8
    columns = ink.mean(0)
    assert columns[40:43].max() > 128 and columns[:36].max() == columns[46:].max() == 0
    assert line_sketch(np.full((9, 9), 77, np.uint8)).max() == 0
    hole = np.zeros((30, 30, 4), np.uint8)
    hole[10:20, 10:20, 3] = 255
    assert line_sketch(hole)[10, 12] > 128 and line_sketch(hole)[0, 0] == 0
    with pytest.raises(ValueError, match="empty"):
        line_sketch(np.zeros((0, 4), np.uint8))
    with pytest.raises(FileNotFoundError, match="no such file"):
        line_sketch("nowhere.png")


def test_sketches(data):
    splits = {split: sketch_files(split) for split in ("train", "val", "test")}
    assert [len(files) for files in splits.values()] == [405, 46, 96]
    assert len({path for files in splits.values() for path in files}) == 405 + 46 + 96
    test = load_pictures("sketches:test", 512)
    assert test.shape == (1, 512, 512) and len(test) == 96
    assert np.square(test.images / 255.0).mean() == pytest.approx(0.0426, abs=5e-5)
    assert load_pictures("sketches:val", 64).shape == (1, 64, 64)
    with pytest.raises(ValueError, match="train, val and test, not 'dev'"):
        load_targets("sketches:dev")


def test_openmoji_strokes_lie_on_ink(data):
    moji = load_pictures("openmoji:test", 512)
    assert len(moji) == len(moji.strokes) == 160
    points = np.concatenate(moji.strokes[5]).astype(int)
    assert (moji.images[5, 0][points[:, 1], points[:, 0]] > 100).mean() > 0.95
    with pytest.raises(ValueError, match="the split test alone, not 'train'"):
        load_targets("openmoji")


@pytest.mark.parametrize("folder", ["", "elsewhere"])
def test_absent_sketches_say_how_to_get_them(monkeypatch, folder):
    monkeypatch.setenv("DRAWENV_DATA", folder)
    with pytest.raises(
        FileNotFoundError, match=r"sketches/manifest.csv is not in DRAWENV_DATA .* set DRAWENV"
    ):
        load_targets("sketches")


def test_color_digits(data):
    """A digit's target is its gray picture in the colour of its class; colours tell classes apart."""
    test = load_targets("colormnist:test")
    assert test.shape == (3, 64, 64) and test.hint_shape == (1, 64, 64) and len(test) == 10_000
    labels = digit_labels("test")
    assert labels[:5].tolist() == [7, 2, 1, 0, 4] and len(labels) == 10_000
    brightest = test.hints[0].argmax()
    pixel = test.images[0].reshape(3, -1)[:, brightest]
    np.testing.assert_allclose(pixel, DIGIT_COLORS[7] * (test.hints[0].max() / 255), atol=1)
    train = load_targets("colormnist")
    hints, targets = train.sample_pairs(50, np.random.default_rng(0))
    assert hints.shape == (50, 1, 64, 64) and targets.shape == (50, 3, 64, 64)
    assert ((targets.max(1) > 0) <= (hints[:, 0] > 0)).all()
    np.testing.assert_array_equal(train.sample(50, np.random.default_rng(0)), targets)
    lab = rgb_to_lab(DIGIT_COLORS)
    apart = np.linalg.norm(lab[:, None] - lab, axis=-1)[~np.eye(10, dtype=bool)]
    assert apart.min() > 60


def test_hints_must_match_their_targets():
    targets = np.zeros((4, 3, 8, 8), np.uint8)
    pairs = ArrayTargets(targets, hints=np.zeros((4, 8, 8), np.uint8))
    assert pairs.hint_shape == (1, 8, 8)
    larger = ArrayTargets(targets, hints=np.zeros((4, 16, 16), np.uint8))
    assert larger.hint_shape == (1, 16, 16)
    with pytest.raises(ValueError, match="4 targets need as many hints, got 3"):
        ArrayTargets(targets, hints=np.zeros((3, 8, 8), np.uint8))
    assert ArrayTargets(targets).sample_pairs(1, np.random.default_rng(0))[0] is None


def test_omniglot_in_other_widths(data):
    """The same characters, with about half and twice the ink."""
    thin, normal, wide = (load_targets(f"omniglot{s}:test").images for s in ("-thin", "", "-wide"))
    assert len(thin) == len(normal) == len(wide)
    ink = [x.reshape(len(x), -1).sum(1, np.int64) for x in (thin, normal, wide)]
    assert 0.35 < np.median(ink[0] / ink[1]) < 0.55 and 1.5 < np.median(ink[2] / ink[1]) < 2.1
