"""Directories of frames into one file, and the check that nothing was lost on the way."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TextIO

import numpy as np

from mmaction.dataprep.frame_files import is_frame, read_file, read_files, walk_files
from mmaction.dataprep.pack_writers import WRITERS, PackWriter
from mmaction.datasets.sources.frame_names import check_template
from mmaction.datasets.sources.image_decoding import decode_image, find_decoder
from mmaction.datasets.sources.packed_file import PackFile, index_of
from mmaction.datasets.sources.packed_index import (
    INDEX_SUFFIX,
    FrameIndex,
    PackError,
    save_index,
    shown,
)
from mmaction.errors import ConfigError, DataError
from mmaction.files import atomic_path, require_writable
from mmaction.progress import Progress

_BUFFER = 1 << 22
_LISTED = 5


@dataclass(frozen=True)
class PackReport:
    """What a pack holds.

    Attributes:
        frames: Their number.
        size: Bytes of the pack.
        left_out: Number of files of the source that are no frames.
        example: One of those.
        empty: Number of frames of zero bytes, packed as they are.
    """

    frames: int
    size: int
    left_out: int = 0
    example: str = ""
    empty: int = 0


@dataclass
class _Survey:
    """The files below a directory, counted."""

    frames: int = 0
    room: int = 0
    left_out: int = 0
    example: str = ""


def pack_frames(
    source: str,
    out: str,
    *,
    image_tmpl: str | None = None,
    overwrite: bool = False,
    verify: bool = True,
    stream: TextIO = sys.stderr,
) -> PackReport:
    """Pack all frames below a directory, in sorted order; the same frames give the same bytes.

    ``out`` is there once it is complete and, with ``verify``, compared; never before.

    Args:
        source: Directory of the videos' directories.
        out: The pack to make, ``.zip`` or ``.tar``.
        image_tmpl: Pack only the files named so, such as ``img_{:05d}.jpg``; None: all images.
        overwrite: Replace ``out`` where it exists.
        verify: Read the pack back and compare each frame with its file, byte by byte.
        stream: Where progress goes.

    Raises:
        ConfigError: ``out`` or ``image_tmpl`` can't be right.
        DataError: ``source`` holds no frames or unreadable ones, the disk has too little room,
            or the pack is not what was written.
    """
    writer = WRITERS.get(os.path.splitext(out)[1])
    if writer is None:
        raise ConfigError(f"'{out}' has to end in {' or '.join(WRITERS)}, which says the format")
    if os.path.lexists(out) and not overwrite:
        raise ConfigError(f"'{out}' exists; --overwrite replaces it")
    if os.path.isdir(out):
        raise ConfigError(f"'{out}' is a directory")
    folder = os.path.dirname(os.path.abspath(out))
    require_writable(folder, name="OUT")
    survey = _survey(source, image_tmpl, writer)
    free = shutil.disk_usage(folder).free
    if free < survey.room:
        raise DataError(
            f"'{folder}' has {_gigabytes(free)} free, but packing takes {_gigabytes(survey.room)}"
        )
    with atomic_path(out) as temporary:
        empty = _write(source, str(temporary), image_tmpl, writer, survey.frames, stream)
        fingerprint, index = index_of(str(temporary))
        if verify:
            pack = PackFile(str(temporary), (fingerprint, index))
            _verify(pack, out, source, image_tmpl, survey.frames, stream)
    # Otherwise it is made on first use.
    with suppress(OSError):
        save_index(out + INDEX_SUFFIX, index, fingerprint)
    return PackReport(
        frames=len(index.sizes),
        size=fingerprint.size,
        left_out=survey.left_out,
        example=survey.example,
        empty=empty,
    )


def verify_pack(
    path: str,
    source: str | None = None,
    *,
    image_tmpl: str | None = None,
    stream: TextIO = sys.stderr,
) -> PackReport:
    """Read a whole pack.

    Against a source, each frame is compared with its file, byte by byte, and none may be missing.
    Without one, a zip's checksums are compared; a tar has none, so that its images are decoded.

    Args:
        path: The pack.
        source: Directory of the videos' directories.
        image_tmpl: What was packed of it, see :func:`pack_frames`.
        stream: Where progress goes.

    Raises:
        DataError: The pack is damaged or differs; names the first frames.
    """
    pack = PackFile(path)
    sizes = pack.index.sizes
    expected = None
    if source is not None:
        expected = _survey(source, image_tmpl, WRITERS[os.path.splitext(path)[1]]).frames
    _verify(pack, path, source, image_tmpl, expected, stream)
    return PackReport(
        frames=len(sizes), size=os.path.getsize(path), empty=int(np.count_nonzero(sizes == 0))
    )


def _survey(source: str, image_tmpl: str | None, writer: type[PackWriter]) -> _Survey:
    if image_tmpl is not None:
        check_template(image_tmpl)
    if not os.path.isdir(source):
        raise DataError(f"'{source}' is not a directory")
    survey = _Survey()
    for path in walk_files(source):
        if is_frame(path, image_tmpl):
            survey.frames += 1
            survey.room += writer.room(_name(source, path), _size(os.path.join(source, path)))
        else:
            survey.left_out += 1
            survey.example = survey.example or path
    if not survey.frames:
        kind = "images" if image_tmpl is None else f"files named '{image_tmpl}'"
        other = f", but {survey.left_out} others such as '{survey.example}'"
        raise DataError(f"'{source}' holds no {kind}{other if survey.left_out else ''}")
    return survey


def _write(
    source: str,
    path: str,
    image_tmpl: str | None,
    writer: type[PackWriter],
    total: int,
    stream: TextIO,
) -> int:
    """Write the archive; the number of empty files."""
    empty = 0
    try:
        with open(path, "wb", buffering=_BUFFER) as file:
            with (
                writer(file) as pack,
                Progress("packing", total, "frames", stream=stream) as progress,
            ):
                for frame, data in read_files(source, _frames(source, image_tmpl)):
                    pack.add(_name(source, frame), data)
                    empty += not data
                    progress.advance()
            file.flush()
            os.fsync(file.fileno())
            if hasattr(os, "posix_fadvise"):  # what is read back then comes from the disk
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    except OSError as error:
        raise DataError(f"'{path}' can't be written: {error.strerror}") from None
    return empty


def _verify(
    pack: PackFile,
    shown_path: str,
    source: str | None,
    image_tmpl: str | None,
    expected: int | None,
    stream: TextIO,
) -> None:
    """Raise DataError where a file is not what it should be; they are read in their order."""
    index = pack.index
    above = "" if source is None else _folder_above(index, source)
    frames = bad = 0
    problems: list[str] = []
    with Progress("verifying", len(index.sizes), "files", stream=stream) as progress:
        for at in np.argsort(index.offsets, kind="stable").tolist():
            name = index.name(at)
            path = shown(name).removeprefix(above)
            file = None
            if source is not None and is_frame(path, image_tmpl):
                file = os.path.join(source, path)
                frames += 1
            try:
                data = pack.read((int(index.offsets[at]), int(index.sizes[at])), name)
                _check(data, shown(name), file, decoded=pack.path.endswith(".tar"))
            except (PackError, DataError) as error:
                bad += 1
                if len(problems) < _LISTED:
                    problems.append(f"'{shown(name)}': {error}")
            except OSError as error:
                raise DataError(f"'{shown_path}' can't be read: {error.strerror}") from None
            progress.advance()
    if bad:
        more = "; …" if bad > len(problems) else ""
        raise DataError(
            f"{bad} of {len(index.sizes)} files in '{shown_path}' are not right:"
            f" {'; '.join(problems)}{more}"
        )
    if expected is not None and expected != frames:
        raise DataError(f"'{shown_path}' holds {frames} frames, but '{source}' {expected}")


def _folder_above(index: FrameIndex, source: str) -> str:
    """What names in the pack begin with that are relative to ``source`` otherwise, or nothing."""
    folder = index.only_folder
    inside = folder == "." or os.path.isdir(os.path.join(source, folder))
    return "" if inside else folder + "/"


def _check(data: bytes, name: str, file: str | None, *, decoded: bool) -> None:
    """Raise DataError where bytes are not the file's, or, ``decoded`` without one, no image."""
    if file is not None:
        if data != read_file(file):
            raise DataError(f"differs from '{file}'")
    elif data and decoded and is_frame(name, None):
        decode_image(data, name, decode=find_decoder(None))


def _frames(source: str, image_tmpl: str | None) -> Iterator[str]:
    return (path for path in walk_files(source) if is_frame(path, image_tmpl))


def _name(source: str, path: str) -> bytes:
    try:
        return path.encode()
    except UnicodeEncodeError:
        file = shown(os.fsencode(os.path.join(source, path)))
        raise DataError(f"'{file}' has a name that is not UTF-8; rename it") from None


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError as error:
        raise DataError(f"'{path}' can't be read: {error.strerror}") from None


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.2f} GB"
