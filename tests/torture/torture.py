"""Kills training programs again and again, and compares what they come to.

    python -m tests.torture.torture [--models=gan,vae] [--kills=6] [--seed=0]

The promise: killed at any moment and started again by the same command, a run ends with the
bits of a run that was never killed. Every model is trained once undisturbed. Then it is
killed with SIGKILL `--kills` times, started again by the same command each time, and let
finish. Compared are the SHA-256 of all arrays of the last state and of the best one, the
history without its seconds, and every sheet, byte by byte. A run killed while it was exported
has one sampler at its end, of its last state.
"""

import argparse
import collections
import hashlib
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).parents[2]
VICTIM = pathlib.Path(__file__).with_name("victim.py")
PROGRAMS = {
    "gan": ["apps.gan"],
    "nsgan": ["apps.nsgan", "--ema_decay=0.9"],
    "cgan": ["apps.cgan"],
    "wgan": ["apps.wgan"],
    "wgan_gp": ["apps.wgan_gp"],
    "dcgan": ["apps.dcgan", "--sample_freq=9"],
    "vae": ["apps.vae", "--n_hidden=8"],  # With dropout.
    "wae_mmd": ["apps.wae", "--z_test=mmd", "--lr_schedule=plateau"],
    "wae_gan": ["apps.wae", "--z_test=gan", "--lr_schedule=manual_smooth"],
}
SHARED = [
    "--dataset=fashion_mnist_sample",
    "--width=2",
    "--batch_size=125",
    "--epochs=3",
    "--eval_every=1",
    "--keep_best=score",
]
# Of every model's kills, in turn. Most saves are of states within an epoch.
ORDER = (
    *("step", "save", "sheet", "rename", "score", "export"),
    *("step", "save", "epoch_begin", "rename"),
)
# How often a point is passed at most before the kill; the results do not depend on how often
# a state is stored, so every start may do it otherwise.
COUNTS = {
    "step": 40,
    "save": 5,
    "rename": 12,
    "sheet": 3,
    "score": 4,
    "epoch_begin": 2,
    "export": 3,
}
SAVE_EVERY = ("3", "7", "10", "1s", "0")


def torture(model, folder, kills, seed=0, words=(), points=ORDER, tell=print):
    """Trains a model straight and killed.

    Args:
        model: String. A key of `PROGRAMS`.
        folder: Path for both run directories.
        kills: Integer. Kills to be made.
        seed: Integer. Of points, counts and moments.
        words: List of more flags.
        points: Tuple of keys of `victim.POINTS`, taken in turn.
        tell: Function that gets lines of text.

    Returns:
        Pair of a list of dicts, what each victim noted before its end, and the dict of what
        differs between the two runs; empty if the promise is kept.
    """
    # One stream per model, whatever else is tortured.
    chosen = random.Random(f"{model} {seed}")
    folder.mkdir(parents=True, exist_ok=True)
    straight, killed, log = folder / "straight", folder / "killed", folder / "kills.jsonl"
    _train(model, straight, {"where": None}, ["--save_every=0", *words])
    starts = 0
    while (done := len(_lines(log))) < kills:
        where = points[done % len(points)]
        plan = {
            "where": where,
            # Towards the end of the run there may be fewer points left.
            "count": chosen.randint(1, max(1, COUNTS[where] // (1 + starts - done))),
            "share": chosen.random(),
            "log": str(log),
        }
        every = chosen.choice(SAVE_EVERY[: 3 if where == "save" else None])
        exporting = ["--export"] if where == "export" else []
        status = _train(model, killed, plan, [f"--save_every={every}", *exporting, *words])
        starts += 1
        if status == 0:  # It came to its end before the point: once more from the beginning.
            tell(f"{model}: finished before {plan}")
            if _differences(straight, killed):
                break
            killed.rename(folder / f"finished-{starts}")
        else:
            tell(f"{model}: {_lines(log)[-1]}")
    exporting = ["--export"] if "export" in points else []
    _train(model, killed, {"where": None}, ["--save_every=0", *exporting, *words])
    differences = _differences(straight, killed)
    if exporting and _sampler(killed) != (wanted := {"1": _contents(killed)["state"]}):
        differences["sampler"] = (wanted, _sampler(killed))
    return _lines(log), differences


def _train(model, run_dir, plan, words):
    """Runs a victim; returns its status, 0 or -9 (killed).

    Raises:
        RuntimeError: If it ended otherwise.
    """
    module, *own = PROGRAMS[model]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2"}
    command = [sys.executable, str(VICTIM), json.dumps(plan), module, *SHARED, *own, *words]
    done = subprocess.run(
        [*command, f"--run_dir={run_dir}"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, -9) or (done.returncode and plan["where"] is None):
        raise RuntimeError(f"{command} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return done.returncode


def _lines(log):
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def _differences(straight, killed):
    """Returns a dict of what is not the same in two run directories."""
    first, second = _contents(straight), _contents(killed)
    return {
        name: (first.get(name), second.get(name))
        for name in sorted({*first, *second})
        if first.get(name) != second.get(name)
    }


def _sampler(run_dir):
    """Returns what lies in the folder of a run's sampler: versions, and the state each is of."""
    from genkeras.serving import metadata

    (folder,) = (run_dir / "export").iterdir()
    return {path.name: metadata.read(path)["state_sha256"] for path in folder.iterdir()}


def _contents(run_dir):
    """Returns all of a run that does not depend on the clock."""
    from genkeras.training import state

    (arrays, meta), best = state.load_newest(run_dir), state.load_best(run_dir)
    rows = [{name: row[name] for name in row if name != "seconds"} for row in meta["history"]]
    csv = [line.split(",") for line in (run_dir / "history.csv").read_text().splitlines()]
    contents = {
        "state": state.digest(arrays),
        "best": (state.digest(best[0]), best[1]["best"]) if best else None,
        "history": rows,
        "history.csv": [line[:1] + line[2:] for line in csv],
        "losses": json.loads((run_dir / "metrics.json").read_text())["final_losses"],
    }
    for path in sorted(run_dir.rglob("*.png")):
        contents[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return contents


def main():
    """Tortures models and prints a table; the status is 1 if a run came to other bits."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--models", default=",".join(PROGRAMS))
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", help="Where runs stay. Default: a temporary folder.")
    values = parser.parse_args()
    kept = values.folder or tempfile.mkdtemp(prefix="torture-")
    print(f"Runs in {kept}", flush=True)
    table, total, failed = [], collections.Counter(), 0
    for model in values.models.split(","):
        begun = time.monotonic()
        made, differences = torture(
            model,
            pathlib.Path(kept) / model,
            values.kills,
            values.seed,
            tell=lambda text: print(text, flush=True),
        )
        where = collections.Counter(kill["where"] for kill in made)
        total += where
        failed += bool(differences)
        seconds = time.monotonic() - begun
        verdict = f"DIFFERENT: {differences}" if differences else "identical"
        points = ", ".join(f"{name} {count}" for name, count in sorted(where.items()))
        table.append(f"{model:8}  {len(made):3} kills  {verdict}  ({points}; {seconds:.0f} s)")
        print(table[-1], flush=True)
    print("\n".join(["", *table, f"Kills by place: {dict(total)}, {total.total()} in all"]))
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
