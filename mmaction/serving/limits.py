"""How much of what a request may take, and how one is refused."""

from __future__ import annotations

from dataclasses import dataclass, fields

from mmaction.errors import ConfigError, UserError

MEGABYTE = 1 << 20
MOST_PARTS = 32  # of one video; each is a clip for the network
# FFmpeg's names. Playlists are not among the formats: they name other files and addresses.
FORMATS = ("mov", "mp4", "matroska", "webm", "avi", "mpegts", "mpeg", "flv")
CODECS = ("h264", "hevc", "av1", "vp8", "vp9", "mpeg4", "mpeg2video", "mpeg1video", "mjpeg")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one request, and all of them together, may take.

    Attributes:
        megabytes: Of an upload.
        seconds: Of a video.
        pixels: Of a frame.
        codecs: By FFmpeg's names.
        upload_seconds: From a request's head to the end of its body.
        decode_seconds: Of decoding, by the clock and of a processor's time.
        decode_megabytes: Of memory that decoding takes beyond the process's own.
        parallel: Requests at a time; more are sent away.
        decoders: Videos decoded at a time; more wait.
        batch_size: Clips that go through the network at once.

    Raises:
        ConfigError: One that isn't positive, or no codec.
    """

    megabytes: float = 64
    seconds: float = 60
    pixels: int = 1920 * 1088
    codecs: tuple[str, ...] = CODECS
    upload_seconds: float = 30
    decode_seconds: float = 30
    decode_megabytes: float = 1024
    parallel: int = 16
    decoders: int = 2
    batch_size: int = 8

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (value if isinstance(value, tuple) else value > 0):
                raise ConfigError(f"{field.name}={value!r}: expected more than none")


class Refused(UserError):
    """A request that gets no answer.

    Args:
        status: Of HTTP, 4xx.
        message: One line.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
