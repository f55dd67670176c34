"""Where tasks are done: in processes here or on a Dask cluster, either way in order; the first failure ends all."""

from __future__ import annotations

import importlib.util
import operator

import pytest

from pipelines.runner import WORKERS, executor_of, map_tasks, workers_wanted
from warehouse.errors import KwxError, Usage

HAS_DASK = importlib.util.find_spec("distributed") is not None


def test_a_pool_of_processes_does_every_task_in_order():
    """Results come in the order of the tasks, whatever finished first; one worker is a thread of this process."""
    for workers in (1, 2):
        with executor_of(workers) as executor:
            assert [-3, -1, -2] == map_tasks(operator.neg, [3, 1, 2], executor=executor)


def test_what_was_said_goes_before_the_environment_and_that_before_the_cores(monkeypatch):
    monkeypatch.setenv(WORKERS, "3")
    assert (5, 3) == (workers_wanted(5), workers_wanted())

    monkeypatch.delenv(WORKERS)
    assert workers_wanted() >= 1

    for wrong in ("none", "0", "-2", "1.5"):
        monkeypatch.setenv(WORKERS, wrong)
        with pytest.raises(Usage, match=f"KWX_WORKERS={wrong} is no number"):
            workers_wanted()


@pytest.mark.skipif(not HAS_DASK, reason="the extra dask is not installed")
@pytest.mark.filterwarnings("ignore")  # the cluster warns of its own ports and threads
def test_a_dask_cluster_does_the_same_tasks_and_passes_failures_on():
    """The executor of a scheduler's address is used like a pool; a task that is asked again is done again."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
        with executor_of(1, scheduler=cluster.scheduler_address) as executor:
            assert [-3, -1, -2] == map_tasks(operator.neg, [3, 1, 2], executor=executor)
        with (
            pytest.raises(ZeroDivisionError),
            executor_of(1, scheduler=cluster.scheduler_address) as executor,
        ):
            map_tasks(lambda number: 1 / number, [0], executor=executor)


@pytest.mark.skipif(not HAS_DASK, reason="the extra dask is not installed")
def test_an_address_that_cannot_be_a_scheduler_is_refused():
    """Before anything is computed, with the command that starts one."""
    with (
        pytest.raises(KwxError, match="no Dask scheduler answers at nothing://here") as caught,
        executor_of(1, scheduler="nothing://here"),
    ):
        pass

    assert "dask scheduler" in caught.value.hint
