"""Requests that wait for the network are answered together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mmaction.inference import Recognition, VideoRecognizer
from mmaction.inference.recognizer import Explain
from mmaction.inference.sources import Video


@dataclass(eq=False)
class _Waiting:
    item: dict[str, Any]
    video: Video
    explain: Explain
    answer: Recognition | None = None


class Batcher:
    """Gives the network one batch after the other, each of all that waits by then.

    Nobody waits for others to come: alone, a clip is a batch of one.

    Args:
        recognizer: What answers.
        batch_size: Clips a batch, at most.
        observe: Called with the size of each batch.
    """

    def __init__(
        self,
        recognizer: VideoRecognizer,
        *,
        batch_size: int,
        observe: Callable[[float], None] = lambda size: None,
    ) -> None:
        self.recognizer, self.batch_size, self.observe = recognizer, batch_size, observe
        self._waiting: list[_Waiting] = []
        self._network = asyncio.Lock()

    async def answer(self, item: dict[str, Any], video: Video, explain: Explain) -> Recognition:
        """Recognizes one clip.

        Args:
            item: From ``packed``.
            video: It is of.
            explain: As of a recognizer's call.

        Raises:
            UserError: The network has no maps to explain by.
        """
        own = _Waiting(item, video, explain)
        self._waiting.append(own)
        try:
            # Who is first in line takes the others along, who then find their answers.
            async with self._network:
                if own.answer is None:
                    await self._answer_batch(own)
        finally:
            self._waiting.remove(own)
        assert own.answer is not None
        return own.answer

    async def _answer_batch(self, own: _Waiting) -> None:
        alike = [
            each
            for each in self._waiting
            if each is not own and each.answer is None and each.explain == own.explain
        ]
        batch = [own, *alike[: self.batch_size - 1]]
        self.observe(len(batch))
        answers = await asyncio.to_thread(
            self.recognizer.answers,
            [each.item for each in batch],
            [each.video for each in batch],
            own.explain,
        )
        for each, answer in zip(batch, answers, strict=True):
            each.answer = answer
