"""The scripts for clusters: their syntax, and what they tell the workers of each other."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

yaml = pytest.importorskip("yaml")
EXAMPLES = pathlib.Path(__file__).parents[1] / "examples"
pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")


@pytest.fixture
def commands(tmp_path):
    """Function of a name and a shell script: puts a program of that name before all others;
    returns the environment in which it is."""
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}

    def make(name, text):
        path = tmp_path / name
        path.write_text(f"#!/bin/bash\n{text}\n")
        path.chmod(0o755)
        return environment

    return make


@pytest.fixture
def job():
    service, job = yaml.safe_load_all((EXAMPLES / "kubernetes.yaml").read_text())
    return service, job


def test_the_job_s_numbers_and_names_fit_together(job):
    service, job = job
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    environment = {entry["name"]: entry["value"] for entry in container["env"]}
    assert job["spec"]["completions"] == job["spec"]["parallelism"] == int(environment["WORKERS"])
    assert pod["subdomain"] == service["metadata"]["name"]
    assert service["spec"]["selector"]["job-name"] == job["metadata"]["name"]
    assert {each["name"] for each in container["volumeMounts"]} == {
        each["name"] for each in pod["volumes"]
    }


def test_a_pod_tells_its_worker_of_the_others(job, commands):
    _, job = job
    (container,) = job["spec"]["template"]["spec"]["containers"]
    environment = commands("python", 'echo "$TF_CONFIG"; echo "$@"')
    done = subprocess.run(
        [*container["command"], *container["args"]],
        env=environment | {"WORKERS": "3", "JOB_COMPLETION_INDEX": "2"},
        capture_output=True,
        text=True,
        check=True,
    )
    config, words = done.stdout.splitlines()
    # Names of pods: that of the job and the number; the service is their domain.
    name = job["metadata"]["name"]
    hosts = [f"{name}-{index}.{name}:2222" for index in range(3)]
    assert json.loads(config) == {
        "cluster": {"worker": hosts},
        "task": {"type": "worker", "index": 2},
    }
    assert words.startswith("-m apps.dcgan --dataset=celeba")
    port = container["ports"][0]["containerPort"]
    assert all(host.endswith(f":{port}") for host in hosts)


@pytest.fixture
def slurm(commands, tmp_path):
    """Function of a `python` script, run as two tasks: the finished process of the job."""
    commands("scontrol", '[ "$*" = "show hostnames node[3-4]" ] && printf "node3\\nnode4\\n"')
    commands("sleep", "")
    # As Slurm's: when a task fails the others are killed, and the highest status is that of all.
    commands(
        "srun",
        '[ "$1" = --kill-on-bad-exit=1 ] && shift\nworst=0\n'
        "for SLURM_PROCID in 0 1; do export SLURM_PROCID\n"
        '  if [ $worst = 0 ]; then status=0; "$@" || status=$?; else status=137; fi\n'
        "  [ $status -gt $worst ] && worst=$status\ndone\nexit $worst",
    )

    def run(python, *words):
        environment = commands("python", python)
        return subprocess.run(
            ["bash", str(EXAMPLES / "slurm.sh"), *words],
            env=environment
            | {"SLURM_JOB_ID": "41234", "SLURM_JOB_NODELIST": "node[3-4]", "RESTARTS": "2"}
            | {"SLURM_CPUS_PER_TASK": "32"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_slurm_tells_each_worker_of_the_others(slurm):
    done = slurm('echo "$TF_CONFIG"; echo "$@"', "apps.vae", "--width=8", "--label=two words")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [json.loads(line) for line in lines[::2]] == [
        {
            "cluster": {"worker": ["node3:21234", "node4:21234"]},
            "task": {"type": "worker", "index": index},
        }
        for index in range(2)
    ]
    assert lines[1::2] == ["-m apps.vae --width=8 --label=two words"] * 2


@pytest.mark.parametrize(
    ("statuses", "starts", "status"),
    [
        ("75 0", 2, 0),
        ("137 137 137 137", 3, 137),
        ("143 0", 1, 143),
        ("130 0", 1, 130),
        ("1 0", 1, 1),
        ("2 0", 1, 2),
    ],
)
def test_slurm_starts_all_again_a_few_times(slurm, tmp_path, statuses, starts, status):
    python = (
        f"[ $SLURM_PROCID = 0 ] && echo x >> starts\n"
        f"statuses=({statuses})\nexit ${{statuses[$(wc -l < starts) - 1]}}"
    )
    done = slurm(python, "apps.vae")
    assert done.returncode == status
    assert len((tmp_path / "starts").read_text().split()) == starts


def test_a_task_that_is_told_to_stop_stores_its_state(slurm, tmp_path):
    """Slurm signals the task's shell and what the shell has started."""
    python = (
        "trap 'echo x >> stored; exit 143' TERM\nkill -TERM $PPID $$\n"
        "while true; do /bin/sleep 0.1; done"
    )
    assert slurm(python, "apps.vae").returncode == 143
    assert (tmp_path / "stored").read_text() == "x\n"


def test_slurm_asks_for_the_processors_of_a_task(slurm):
    done = slurm('echo "$SRUN_CPUS_PER_TASK"', "apps.vae")
    assert done.stdout.split() == ["32", "32"]


def test_slurm_says_what_it_needs(slurm):
    done = slurm("exit 0")
    assert done.returncode != 0
    assert "name a program" in done.stderr
