from __future__ import annotations

from mmaction.errors import DataError, first_line, near


def test_near_names_are_suggested_best_first() -> None:
    assert near("STABNN", ["ResNet3D", "STABN"]) == "; did you mean 'STABN'?"


def test_a_few_names_are_listed_where_none_is_near() -> None:
    assert near("zzz", ["b", "a", "a"]) == "; there are: a, b"


def test_many_names_or_none_are_not_listed() -> None:
    assert near("zzz", [f"name{n:03d}" for n in range(41)]) == ""
    assert near("zzz", []) == ""


def test_the_first_line_of_an_error_or_its_type() -> None:
    assert first_line(DataError("\nwhat\nand more")) == "what"
    assert first_line(DataError()) == "DataError"
