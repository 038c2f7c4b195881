import math

import numpy as np
import pytest

from mmaction.errors import UserError
from mmaction.explain.records import ClipExplanation, as_probabilities


def test_the_file_has_exactly_the_documented_fields(make_explanation, tmp_path):
    explanation = make_explanation(clip_len=7, cells=(3, 4), classes=5, label=2)
    explanation.save(tmp_path / "explanation.npz")
    with np.load(tmp_path / "explanation.npz", allow_pickle=False) as archive:
        found = {key: (archive[key].dtype.name, archive[key].shape) for key in archive.files}
        np.testing.assert_array_equal(archive["spatial"], explanation.spatial)
        assert archive["label"] == 2
        assert archive["prediction"] == max(range(5), key=lambda k: explanation.scores[k])
    assert found == {
        "spatial": ("float32", (7, 3, 4)),
        "temporal": ("float32", (7,)),
        "frame_indices": ("int64", (7,)),
        "scores": ("float32", (5,)),
        "attention_scores": ("float32", (5,)),
        "label": ("int64", ()),
        "prediction": ("int64", ()),
    }
    assert [path.name for path in tmp_path.iterdir()] == ["explanation.npz"]


@pytest.mark.parametrize(
    ("fields", "label", "target", "has_attention"),
    [
        (dict(label=None), -1, None, True),
        (dict(label=0, attention_scores=None), 0, None, False),
        (dict(label=2, method="grad_cam", target=2), 2, 2, True),
    ],
)
def test_what_is_saved_is_what_was_given(
    make_explanation, tmp_path, fields, label, target, has_attention
):
    explanation = make_explanation(**fields)
    explanation.save(tmp_path / "explanation.npz")
    with np.load(tmp_path / "explanation.npz", allow_pickle=False) as archive:
        saved = dict(archive)
    for field in ("spatial", "temporal", "frame_indices", "scores"):
        np.testing.assert_array_equal(saved[field], getattr(explanation, field))
    assert (saved["attention_scores"].size > 0) == has_attention
    assert (saved["label"], saved["prediction"]) == (label, explanation.prediction)
    assert saved.get("target") == target


@pytest.mark.parametrize("field", ["spatial", "temporal", "scores", "attention_scores"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_maps_of_a_diverged_model_are_refused(make_explanation, field, value):
    values = getattr(make_explanation(), field).copy()
    values.flat[0] = value
    with pytest.raises(UserError, match=f"person 1/bend.*{field}.*diverged"):
        make_explanation(**{field: values})


def test_classes_go_by_number_where_names_end(make_explanation):
    assert make_explanation(classes=3).class_name(2) == "class 2"
    explanation = make_explanation()
    assert ClipExplanation(**{**explanation.__dict__, "classes": ["a"]}).class_name(2) == "class 2"
    assert make_explanation(label=None).correct is None
    assert make_explanation(label=explanation.prediction).correct is True


def test_probabilities_stay_and_logits_go_through_a_softmax():
    given = np.array([0.2, 0.7, 0.1])
    np.testing.assert_array_equal(as_probabilities(given), given)
    logits = [2.0, -1.0, 1000.0]
    np.testing.assert_allclose(as_probabilities(np.array(logits)), [0, 0, 1], atol=1e-12)
    total = math.exp(1) + math.exp(2)
    np.testing.assert_allclose(
        as_probabilities(np.array([1.0, 2.0])), [math.exp(1) / total, math.exp(2) / total]
    )
