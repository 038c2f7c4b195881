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


@pytest.mark.parametrize("label", [None, 0, 2])
@pytest.mark.parametrize("has_attention_scores", [True, False])
def test_what_is_saved_is_loaded(make_explanation, tmp_path, label, has_attention_scores):
    fields = {} if has_attention_scores else {"attention_scores": None}
    saved = make_explanation(label=label, **fields)
    path = tmp_path / "some video" / "explanation.npz"
    path.parent.mkdir()
    saved.save(path)
    loaded = ClipExplanation.load(path, classes=["a", "b", "c"])
    for field in ("spatial", "temporal", "frame_indices", "scores"):
        np.testing.assert_array_equal(getattr(loaded, field), getattr(saved, field))
    assert (loaded.attention_scores is not None) == has_attention_scores
    assert (loaded.label, loaded.prediction) == (label, saved.prediction)
    assert loaded.name == "some video"
    assert loaded.class_name(1) == "b"
    assert loaded.frames.shape == (5, 0, 0, 3)
    assert ClipExplanation.load(path, frames=saved.frames, name="x").frames is saved.frames


def test_the_class_the_maps_were_made_for_is_kept_where_there_is_one(make_explanation, tmp_path):
    path = tmp_path / "explanation.grad_cam.npz"
    make_explanation(method="grad_cam", target=2).save(path)
    loaded = ClipExplanation.load(path, method="grad_cam")
    assert (loaded.method, loaded.target) == ("grad_cam", 2)


def test_unreadable_files_are_named(tmp_path, make_explanation):
    path = tmp_path / "explanation.npz"
    with pytest.raises(UserError, match=r"explanation\.npz: can't be read"):
        ClipExplanation.load(path)
    make_explanation().save(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(UserError, match=r"explanation\.npz: can't be read"):
        ClipExplanation.load(path)
    np.savez(path, spatial=np.zeros(3))
    with pytest.raises(UserError, match="temporal"):
        ClipExplanation.load(path)
    np.savez(path, spatial=np.array([object()], dtype=object))
    with pytest.raises(UserError, match="can't be read"):
        ClipExplanation.load(path)


@pytest.mark.parametrize("field", ["spatial", "temporal", "scores", "attention_scores"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_maps_of_a_diverged_model_are_refused(make_explanation, field, value):
    values = getattr(make_explanation(), field).copy()
    values.flat[0] = value
    with pytest.raises(UserError, match=f"person 1/bend.*{field}.*diverged"):
        make_explanation(**{field: values})


def test_shapes_that_do_not_belong_together_are_refused(make_explanation):
    with pytest.raises(ValueError, match=r"frame_indices \(3,\).*T = 5"):
        make_explanation(frame_indices=np.arange(3))
    with pytest.raises(ValueError, match=r"attention_scores \(9,\)"):
        make_explanation(attention_scores=np.zeros(9, dtype=np.float32))


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
