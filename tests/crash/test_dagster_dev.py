"""Kill -9 of a whole ``dagster dev``: webserver, daemon, code server, run workers, steps; and terminating its runs.

One story, as starting ``dagster dev`` takes long: several runs, one of them terminated, the others killed; then a
second ``dagster dev`` where they are recovered.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import psutil
import pytest
from dagster._grpc.types import ResumeRunArgs

from fabric_assets.local.script import Fault
from tests.crash import dev_definitions
from tests.crash.dev_definitions import (
    ASSETS,
    DONE,
    HELD,
    NOTEBOOKS,
    REEXECUTED,
    RESUMED,
    TERMINATED,
    UNANSWERED,
)
from tests.crash.place import DEADLINE_SECONDS, Place, crash_place
from tests.ui.dagster_server import ROOT, DagsterServer, dagster_dev

pytestmark = pytest.mark.timeout(600)  # two starts of dagster dev, on a machine that may be busy

OPTIONS = ("-m", dev_definitions.__name__)
TERMINATION_SECONDS = 30.0
"""Ten are promised; the machine of the tests may be busy."""
(LOST_START,) = ASSETS[UNANSWERED]
*CANCELLABLE, UNCANCELLABLE = ASSETS[TERMINATED]
KILLED = [name for name in NOTEBOOKS if name not in ASSETS[TERMINATED]]


@dataclass
class Story:
    """What happened, for the tests to judge.

    Attributes:
        runs: of the first ``dagster dev``, by job.
        ends: how runs ended that were recovered, by job.
        cancelled_after_seconds: from the request to terminate a run to the end of its job instances.
        left: statuses of the job instances at the moment of the kill, by asset.
    """

    place: Place
    runs: dict[str, str] = field(default_factory=dict)
    ends: dict[str, str] = field(default_factory=dict)
    cancelled_after_seconds: float = 0.0
    left: dict[str, list[str]] = field(default_factory=dict)


def run_and_terminate_one(story: Story, server: DagsterServer) -> None:
    place = story.place
    for job in (REEXECUTED, RESUMED, TERMINATED):
        story.runs[job] = server.launch(job)
    running = [name for name in HELD if name != LOST_START]
    place.wait_for("running", lambda: all("is InProgress" in place.lines(name) for name in running))

    (stubborn,) = place.started(UNCANCELLABLE)
    refusal = {"errorCode": "InsufficientPrivileges", "message": "not yours"}
    place.fabric.add_fault(Fault("POST", f"*/{stubborn}/cancel", status=403, body=refusal, times=None))
    begun = time.monotonic()
    server.terminate(story.runs[TERMINATED])
    place.wait_for("cancelled", lambda: all(place.statuses(name) == ["Cancelled"] for name in CANCELLABLE))
    story.cancelled_after_seconds = time.monotonic() - begun
    story.ends[TERMINATED] = server.wait_for_end(story.runs[TERMINATED])


def kill_everything(story: Story, server: DagsterServer) -> None:
    """While notebooks run, and one has been started whose id nobody has learned yet."""
    place = story.place
    place.fabric.add_fault(Fault("POST", "*/jobs/instances[?]jobType=*", drop="after"))
    story.runs[UNANSWERED] = server.launch(UNANSWERED)
    place.wait_for("started", lambda: bool(place.started(LOST_START)))
    processes = psutil.Process(server.process.pid).children(recursive=True)
    server.kill()
    gone, left = psutil.wait_procs(processes, timeout=DEADLINE_SECONDS)
    assert len(gone) > len(story.runs)
    assert not left
    story.left = {name: place.statuses(name) for name in NOTEBOOKS}
    assert "started job instance" not in place.lines(LOST_START)


def resume(place: Place, run_id: str) -> subprocess.Popen[bytes]:
    """Start what run monitoring has a launcher start that can resume runs, as those for Docker and Kubernetes."""
    run = place.instance.get_run_by_id(run_id)
    assert run is not None
    assert run.job_code_origin is not None
    arguments = ResumeRunArgs(run.job_code_origin, run_id, place.instance.get_ref(), True).get_command_args()
    with place.log.open("a") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "dagster", *arguments[arguments.index("api") :]],
            cwd=ROOT,
            env={**os.environ, **place.settings, "DAGSTER_HOME": str(place.folder)},
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
        )


def recover(story: Story, server: DagsterServer) -> None:
    place = story.place
    resumed = resume(place, story.runs[RESUMED])
    reexecuted = {}
    try:
        for job in (REEXECUTED, UNANSWERED):
            # Nobody was left to note that the run has ended.
            assert server.status(story.runs[job]) == "STARTED"
            server.terminate(story.runs[job], force=True)
            reexecuted[job] = server.reexecute_from_failure(story.runs[job])
        taken = [name for name in HELD if name in KILLED]
        place.wait_for("taken over", lambda: all("takes over" in place.lines(name) for name in taken))
        assert [place.statuses(name) for name in taken] == [["InProgress"]] * len(taken)
        place.release()
        story.ends |= {job: server.wait_for_end(run_id) for job, run_id in reexecuted.items()}
        resumed.wait(DEADLINE_SECONDS)
        story.ends[RESUMED] = server.status(story.runs[RESUMED])
    finally:
        if resumed.poll() is None:
            os.killpg(resumed.pid, signal.SIGKILL)
            resumed.wait()


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("dagster_dev")
    with crash_place(folder, NOTEBOOKS, HELD) as place:
        story = Story(place)
        with dagster_dev(folder, *OPTIONS, environment=place.settings) as server:
            run_and_terminate_one(story, server)
            kill_everything(story, server)
        with dagster_dev(folder, *OPTIONS, environment=place.settings) as server:
            recover(story, server)
            server.kill()  # quicker than its shutdown
        yield story


def test_everything_was_under_way_when_it_was_killed(story: Story) -> None:
    left = {name: story.left[name] for name in KILLED if story.left[name]}
    running = {name: ["InProgress"] for name in HELD if name in KILLED}
    assert left == running | {name: ["Completed"] for name in KILLED if name.endswith(DONE)}


@pytest.mark.parametrize("job", [REEXECUTED, UNANSWERED, RESUMED])
def test_a_run_that_is_recovered_starts_no_second_job_instance(story: Story, job: str) -> None:
    assert story.ends[job] == "SUCCESS"
    for name in ASSETS[job]:
        (started,) = story.place.started(name)
        assert story.place.statuses(name) == ["Completed"]
        # A resumed run repeats what had succeeded under executors that cannot resume, without a start.
        assert set(story.place.materialized(name)) == {started}


def test_one_start_was_sent_for_each_notebook(story: Story) -> None:
    assert story.place.posts() == len(NOTEBOOKS)


def test_terminating_a_run_cancels_its_job_instances_soon_and_says_which_it_could_not(story: Story) -> None:
    print(f"cancelled after {story.cancelled_after_seconds:.1f} s")  # noqa: T201
    assert story.cancelled_after_seconds < TERMINATION_SECONDS
    assert story.ends[TERMINATED] == "CANCELED"
    for name in CANCELLABLE:
        assert "is Cancelled" in story.place.lines(name)
    (stubborn,) = story.place.started(UNCANCELLABLE)
    assert story.left[UNCANCELLABLE] == ["InProgress"]
    said = story.place.lines(UNCANCELLABLE)
    assert f"did not confirm that job instance {stubborn} of notebook '{UNCANCELLABLE}' was cancelled" in said
    assert "InsufficientPrivileges" in said
