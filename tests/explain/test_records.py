import math

import numpy as np
import pytest

from mmaction.errors import UserError
from mmaction.explain.records import as_probabilities


@pytest.mark.parametrize(
    ("fields", "label", "answers", "target"),
    [
        (dict(label=None), -1, 5, {}),
        (dict(label=0, attention_scores=None), 0, 0, {}),
        (dict(label=2, method="grad_cam", target=2), 2, 5, {"target": ("int64", ())}),
    ],
)
def test_what_is_saved_is_what_was_given(
    make_explanation, tmp_path, fields, label, answers, target
):
    explanation = make_explanation(clip_len=7, cells=(3, 4), answers=5, **fields)
    explanation.save(tmp_path / "explanation.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["explanation.npz"]
    with np.load(tmp_path / "explanation.npz", allow_pickle=False) as archive:
        saved = dict(archive)
    assert {key: (each.dtype.name, each.shape) for key, each in saved.items()} == {
        "spatial": ("float32", (7, 3, 4)),
        "temporal": ("float32", (7,)),
        "frame_indices": ("int64", (7,)),
        "scores": ("float32", (5,)),
        "attention_scores": ("float32", (answers,)),
        "label": ("int64", ()),
        "prediction": ("int64", ()),
        **target,
    }
    for field in ("spatial", "temporal", "frame_indices", "scores", "target"):
        if field in saved:
            np.testing.assert_array_equal(saved[field], getattr(explanation, field))
    assert saved["label"] == label
    assert saved["prediction"] == max(range(5), key=lambda k: explanation.scores[k])


@pytest.mark.parametrize("field", ["spatial", "temporal", "scores", "attention_scores"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_maps_of_a_diverged_model_are_refused(make_explanation, field, value):
    values = getattr(make_explanation(), field).copy()
    values.flat[0] = value
    with pytest.raises(UserError, match=f"person 1/bend.*{field}.*diverged"):
        make_explanation(**{field: values})


def test_classes_go_by_number_where_names_end(make_explanation):
    assert make_explanation().class_name(2) == "class 2"
    explanation = make_explanation(classes=["a"])
    assert [explanation.class_name(index) for index in (0, 2)] == ["a", "class 2"]


def test_what_is_right_is_known_by_its_label(make_explanation):
    scores = np.array([0.1, 0.9], dtype=np.float32)
    right = [
        make_explanation(scores=scores, attention_scores=None, label=label).correct
        for label in (None, 0, 1)
    ]
    assert right == [None, False, True]


def test_probabilities_stay_and_logits_go_through_a_softmax():
    given = np.array([0.2, 0.7, 0.1])
    np.testing.assert_array_equal(as_probabilities(given), given)
    logits = [2.0, -1.0, 1000.0]
    np.testing.assert_allclose(as_probabilities(np.array(logits)), [0, 0, 1], atol=1e-12)
    total = math.exp(1) + math.exp(2)
    np.testing.assert_allclose(
        as_probabilities(np.array([1.0, 2.0])), [math.exp(1) / total, math.exp(2) / total]
    )
