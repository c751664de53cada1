"""A list of picture files -> uint8 rows: checked, decoded, cropped, resized, once."""

import collections
import concurrent.futures
import dataclasses
import hashlib
import logging
import os
import time

import numpy as np

from genkeras.data import cache, scan
from genkeras.data.dataset import DataError, ImageDataset, Split, content_fingerprint
from genkeras.data.preprocessing import transform

logger = logging.getLogger("genkeras")

CHUNK = 256
SHOWN = 20
SECONDS_BETWEEN_REPORTS = 5.0

Plan = collections.namedtuple("Plan", "geometry native_size channels good bad")


def load_pictures(name, root, train, test, geometry, options, left_out=()):
    """Reads the files of a set through the cache.

    Args:
        name: Name of the set.
        root: Folder of the files, for messages, and as part of what the cache is keyed by.
        train: List of `scan.PictureFile` to learn from.
        test: List of `scan.PictureFile` to test with.
        geometry: `Geometry`, resolved or not.
        options: `DataOptions`.
        left_out: List of `scan.LeftOut` found before.

    Returns:
        Quadruple of the memory map of all good pictures, training pictures first; the
        positions in `train` of the good ones; the positions in `test`; and a dictionary of
        facts.

    Raises:
        DataError: If a file cannot be read on this machine, too many files are bad, or none
            is left to train or to test with.
    """
    files = [*train, *test]
    key = {
        "root": os.fsencode(os.path.realpath(root)).hex(),
        "files": _digest(files),
        "geometry": dataclasses.asdict(geometry),
        "max_pixels": options.max_pixels,
    }

    def build(writer):
        return _decode_all(root, files, geometry, options, left_out, writer)

    images, stored = cache.open_or_build(options.cache_dir, name, key, build)
    bad = dict(stored["bad"])
    refused = [scan.LeftOut(files[position].name, reason) for position, reason in bad.items()]
    # The share allowed is no part of the key, so what is stored is judged again.
    _judge(root, left_out, refused, len(files), options.max_bad_fraction)
    left_out = [*left_out, *refused]
    _report(root, left_out)
    good = np.array([position for position in range(len(files)) if position not in bad])
    train_good = good[good < len(train)]
    test_good = good[good >= len(train)] - len(train)
    for positions, split in ((train_good, "training"), (test_good, "test")):
        if len(positions) == 0:
            raise DataError(f"{root}: no good picture is left for the {split} part.")
    facts = {
        "source": os.fspath(root),
        "num_train": len(train_good),
        "num_test": len(test_good),
        "native_size": stored["native_size"],
        "pixels_sha256": stored["sha256"],
        "num_left_out": len(left_out),
        "left_out": [
            {"file": scan.printable(item.name), "reason": item.reason} for item in left_out
        ],
    }
    return images, train_good, test_good, facts


def dataset_from_pictures(name, images, train_labels, test_labels, class_names, facts):
    """Puts rows and labels together.

    Args:
        name: Name of the set.
        images: uint8 rows, training pictures first.
        train_labels: int64 array, or `None`.
        test_labels: int64 array, or `None`.
        class_names: Tuple of strings, or `None`.
        facts: Dictionary with `num_train` and `pixels_sha256`.

    Returns:
        `ImageDataset`.
    """
    facts = {
        **facts,
        "fingerprint": content_fingerprint(
            facts["pixels_sha256"], facts["num_train"], train_labels, test_labels
        ),
    }
    split = facts["num_train"]
    return ImageDataset(
        name,
        Split(images[:split], train_labels),
        Split(images[split:], test_labels),
        class_names,
        facts,
    )


def _digest(files):
    digest = hashlib.sha256()
    for file in files:
        digest.update(os.fsencode(file.name))
        digest.update(f"\0{file.size}\0{file.mtime_ns}\0".encode())
    return digest.hexdigest()


def _decode_all(root, files, geometry, options, left_out, writer):
    """Writes all good pictures; returns `bad`, `[position, reason]` each, and `native_size`."""
    workers = min(4, os.cpu_count() or 1)
    with scan.pillow_limits(), concurrent.futures.ThreadPoolExecutor(workers) as pool:
        plan = _plan(root, pool, files, geometry, options.max_pixels)
        bad = dict(plan.bad)
        if plan.good:
            shape = (plan.geometry.output_height, plan.geometry.output_width, plan.channels)
            writer.start(len(plan.good), shape)
            all_grey = True

            def read(position):
                return _read(files[position], plan, options.max_pixels)

            for position, result in _in_chunks(root, "decoded", pool, read, plan.good):
                if isinstance(result, str):
                    bad[position] = result
                else:
                    row, grey = result
                    all_grey = all_grey and grey
                    writer.append(row[np.newaxis])
    bad = sorted(bad.items())
    refused = [scan.LeftOut(files[position].name, reason) for position, reason in bad]
    _judge(root, left_out, refused, len(files), options.max_bad_fraction)
    if plan.channels == 3 and all_grey:
        # The pictures in colour by their headers turned out bad, or without coloured pixels.
        writer.keep_first_channel()
    return {"bad": bad, "native_size": plan.native_size}


def _plan(root, pool, files, geometry, max_pixels):
    """Looks at all headers: what size and how many channels the rows will have."""
    headers, bad = {}, {}

    def look(position):
        try:
            return scan.read_header(files[position].path, max_pixels)
        except scan.UnreadableError as error:
            raise _unreadable(files[position], error) from error
        except scan.PictureError as error:
            return str(error)

    for position, result in _in_chunks(root, "scanned", pool, look, range(len(files))):
        if isinstance(result, str):
            bad[position] = result
        else:
            headers[position] = result
    sizes = {header[:2] for header in headers.values()}
    native_size = sizes.pop() if len(sizes) == 1 else None
    geometry = geometry.resolve(native_size)
    for position, (height, width, _) in list(headers.items()):
        # EXIF may turn the picture by a right angle.
        refusal = geometry.refusal(width, height)
        if refusal and geometry.refusal(height, width):
            bad[position] = refusal
            del headers[position]
    grey = all(header[2] for header in headers.values())
    return Plan(geometry, native_size, 1 if grey else 3, sorted(headers), bad)


def _read(file, plan, max_pixels):
    try:
        picture = scan.read_picture(file.path, max_pixels)
        grey = picture.mode == "L"
        if plan.channels == 1 and not grey:
            raise scan.PictureError("grey by its header, but its pixels have colours")
        if plan.channels == 3:
            picture = picture.convert("RGB")
        row = np.asarray(transform(picture, plan.geometry))
        return row.reshape(*row.shape[:2], plan.channels), grey
    except scan.UnreadableError as error:
        raise _unreadable(file, error) from error
    except MemoryError as error:
        raise _unreadable(file, "not enough memory to resize it") from error
    except (scan.PictureError, DataError) as error:
        return str(error)


def _unreadable(file, reason):
    # Left out, it would be missing from the cache after the rights are mended, too.
    return DataError(
        f"{scan.printable(file.path)}: {reason}. The picture itself may be good, so it is not left "
        "out, and nothing is stored. Make it readable (rights: chmod u+r; open files: ulimit -n; "
        "else memory or the disk) or take it out of the folder, and start again."
    )


def _in_chunks(root, what, pool, function, positions):
    """Yields `(position, function(position))` in order, holding one chunk in memory."""
    started = reported = time.monotonic()
    for first in range(0, len(positions), CHUNK):
        chunk = positions[first : first + CHUNK]
        yield from zip(chunk, pool.map(function, chunk), strict=True)
        now = time.monotonic()
        if now - reported > SECONDS_BETWEEN_REPORTS:
            reported, done = now, first + len(chunk)
            left = (now - started) * (len(positions) - done) / done
            logger.info(
                "%s: %s %d of %d pictures, %.0f s left.", root, what, done, len(positions), left
            )


def _judge(root, found_before, refused, num_files, max_bad_fraction):
    """Raises when the share of bad files is above the one allowed, or none is good."""
    bad = [*(item for item in found_before if item.bad), *refused]
    total = num_files + len(bad) - len(refused)
    if len(bad) <= max_bad_fraction * total and len(bad) < total:
        return
    reasons = {item.reason for item in bad}
    if len(bad) == total > 1 and len(reasons) == 1:
        raise DataError(f"{root}: each of {total} files is bad: {reasons.pop()}.")
    listed = "\n".join(f"  {item}" for item in bad[:SHOWN])
    more = f"\n  and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
    if len(bad) == total:
        advice = "None is good: mend the files."
    else:
        advice = (
            f"--max_bad_fraction={max_bad_fraction:g} allows fewer: mend or remove them, "
            "or raise it to leave them out."
        )
    harmless = [item for item in found_before if not item.bad]
    if harmless:
        more += "\nLeft out too, without harm:\n"
        more += "\n".join(f"  {item}" for item in harmless[:SHOWN])
    raise DataError(f"{root}: {len(bad)} of {total} files are bad:\n{listed}{more}\n{advice}")


def _report(root, left_out):
    for item in left_out[:SHOWN]:
        logger.warning("%s: left out %s", root, item)
    if left_out:
        logger.warning("%s: %d files left out in all.", root, len(left_out))
