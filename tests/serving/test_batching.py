from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np

from mmaction.errors import UserError
from mmaction.inference import Recognition, VideoRecognizer
from mmaction.inference.sources import open_path, packed
from mmaction.serving.batching import Batcher
from tests.frame_fixtures import write_film


def test_who_waits_shares_a_batch_with_its_likes(
    recognizer: VideoRecognizer, tmp_path: Path
) -> None:
    paths = [write_film(tmp_path / f"{n}.mp4", 8 + 3 * n, step=n + 2) for n in range(7)]
    videos = [open_path(path) for path in paths]
    items = [packed(video, recognizer.pipeline) for video in videos]
    explain = [n == 3 for n in range(7)]
    sizes: list[float] = []
    batcher = Batcher(recognizer, batch_size=3, observe=sizes.append)

    async def ask() -> list[Recognition]:
        given = zip(items, videos, explain, strict=True)
        return list(await asyncio.gather(*(batcher.answer(*each) for each in given)))

    answers = asyncio.run(ask())
    # The first finds nobody waiting; of the six behind it one asks for maps.
    assert sizes == [1, 3, 1, 2]
    for path, answer, mapped in zip(paths, answers, explain, strict=True):
        expected = recognizer(path, explain=mapped)
        assert answer.name == path.name
        assert (answer.spatial is not None) == mapped
        np.testing.assert_allclose(answer.probabilities, expected.probabilities, atol=1e-5)
        np.testing.assert_array_equal(answer.seconds, expected.seconds)


def test_an_error_is_that_of_all_who_cause_it(recognizer: VideoRecognizer, tmp_path: Path) -> None:
    video = open_path(write_film(tmp_path / "film.mp4", 8))
    item = packed(video, recognizer.pipeline)
    batcher = Batcher(recognizer, batch_size=8)

    async def ask() -> list[Recognition | BaseException]:
        asked = [batcher.answer(item, video, explain) for explain in ("no_such", False, "no_such")]
        return list(await asyncio.gather(*asked, return_exceptions=True))

    first, right, last = asyncio.run(ask())
    assert isinstance(first, UserError)
    assert isinstance(right, Recognition)
    assert isinstance(last, UserError)
