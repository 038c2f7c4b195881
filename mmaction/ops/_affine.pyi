import numpy as np
from numpy.typing import NDArray

def frames_to_planes(
    clips: NDArray[np.uint8],
    matrix: NDArray[np.float32],
    out: NDArray[np.float32],
    first: int,
    last: int,
) -> None: ...
def frames_to_pixels(
    clips: NDArray[np.uint8],
    matrix: NDArray[np.float32],
    out: NDArray[np.float32],
    first: int,
    last: int,
) -> None: ...
