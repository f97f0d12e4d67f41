"""What a run shows of itself: means between logs, counts of skipped pictures, grids of samples."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tqdm import tqdm

from lama_deploy.training import report as report_module
from lama_deploy.training.data import Batch
from lama_deploy.training.report import GRID_ROWS, Report, sample_grid


def values(**scalars: float) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(value) for name, value in scalars.items()}


def test_logs_are_means_since_the_last(batch, tmp_path, capsys):
    report = Report(tmp_path, 0, 10, active=True)
    skipped = batch._replace(unreadable=["a.png: unreadable (x)"], padded=2)
    report.add(batch, values(gen_l1=1.0, discr_adv=4.0), 0.25)
    report.add(skipped, values(gen_l1=3.0, discr_adv=4.0), 0.25)
    first = report.log(2)
    report.add(batch, values(gen_l1=10.0), 0.0)
    second = report.log(3)
    report.close()
    assert (first["train_gen_l1"], first["train_discr_adv"], second["train_gen_l1"]) == (2.0, 4.0, 10.0)
    assert "train_discr_adv" not in second
    assert (first["unreadable"], first["padded"], second["unreadable"], second["padded"]) == (1, 2, 1, 2)
    assert first["data_wait_share"] > 0 and second["data_wait_share"] == 0
    assert first["pictures_per_second"] > 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "skipped: a.png: unreadable (x)"
    assert lines[1].startswith("step 2: gen_l1 2, discr_adv 4, pictures_per_second ")
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("train_gen_l1")] == [(2, 2.0), (3, 10.0)]


def test_bar_shows_the_losses(batch, tmp_path, monkeypatch):
    """Of the last step, at most twice a second."""
    report = Report(tmp_path, 0, 10, active=True)
    report.bar.close()
    report.bar = tqdm(total=10, disable=False, file=io.StringIO(), mininterval=0, ncols=200)
    now = [100.0]
    monkeypatch.setattr(report_module, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    for step, loss in enumerate((1.5, 2.5, 3.5)):
        now[0] += 0.3
        report.add(batch, values(gen_l1=loss, discr_adv=4, gen_gradient=9.0, adv_discr_real_out=7.0), 0.0)
        assert report.bar.postfix == ("gen_l1 3.5 discr_adv 4" if step == 2 else "gen_l1 1.5 discr_adv 4")
    report.bar.refresh()
    assert "gen_l1 3.5 discr_adv 4" in report.bar.fp.getvalue()
    report.close()


def test_other_processes_are_silent(batch, tmp_path, capsys):
    report = Report(tmp_path, 0, 10, active=False)
    report.add(batch._replace(unreadable=["a.png: unreadable (x)"]), values(gen_l1=1.0), 0.0)
    assert report.log(1)["train_gen_l1"] == 1.0
    report.samples(1, batch, batch.image)
    report.close()
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""
    assert list(tmp_path.iterdir()) == []


def test_grid_shows_hole_prediction_composite_and_truth(batch):
    """Values outside 0 and 1 are clamped, not wrapped; known pixels of the composite are the picture's."""
    predicted = torch.full_like(batch.image, 0.5)
    predicted[0, 0], predicted[1, 0] = 1.5, -0.5
    grid = sample_grid(batch, predicted)
    assert grid.shape == (2 * 32, 4 * 32, 3) and grid.dtype == np.uint8
    image = (batch.image * 255).round().permute(0, 2, 3, 1).numpy().astype(np.uint8)
    hole = batch.mask[:, 0].numpy() == 1
    for row in range(2):
        masked, shown, composite, truth = np.split(grid[32 * row : 32 * row + 32], 4, axis=1)
        np.testing.assert_array_equal(truth, image[row])
        assert set(np.unique(shown[..., 0])) == {255 if row == 0 else 0} and set(np.unique(shown[..., 1])) == {128}
        np.testing.assert_array_equal(masked, image[row] * ~hole[row][..., None])
        np.testing.assert_array_equal(composite, np.where(hole[row][..., None], shown, truth))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_grid_of_a_large_batch_is_cut(dtype):
    image = torch.rand(GRID_ROWS + 5, 3, 4, 6)
    batch = Batch(image, torch.ones(GRID_ROWS + 5, 1, 4, 6), [], [], 0)
    assert sample_grid(batch, image.to(dtype)).shape == (GRID_ROWS * 4, 4 * 6, 3)
