def widest_vector_bytes() -> int: ...
def multiply(
    a: int,
    a_steps: tuple[int, ...],
    b: int,
    b_steps: tuple[int, ...],
    c: int,
    c_steps: tuple[int, ...],
    sizes: tuple[int, int, int, int],
    bias: int,
    other: int,
    other_step: int,
    onto: bool,
    relu: bool,
    threads: int,
    vector_bytes: int,
) -> None: ...
