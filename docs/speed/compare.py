"""Times genkeras and its peers in turn; makes docs/speed/results.json and README.md's table.

    pip install torch
    python docs/speed/compare.py --json=docs/speed/results.json

To be started in the project's root, on a machine that does nothing else: 35 minutes on two CPU
cores. `--torch_python` names the Python of another environment, where PyTorch is installed.
"""

import argparse
import datetime
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
BATCH_SIZE = 64
# Model, width, and training steps of a round: seconds each, not milliseconds.
WORKLOADS = [
    ("nsgan", 16, 200),
    ("nsgan", 64, 40),
    ("wgan_gp", 16, 60),
    ("wgan_gp", 64, 15),
    ("vae", 16, 200),
    ("vae", 64, 60),
    ("dcgan", 16, 40),
    ("dcgan", 64, 8),
]
TITLES = {
    "nsgan": "NS-GAN",
    "wgan_gp": "WGAN-GP",
    "vae": "VAE (InfoGAN's networks)",
    "dcgan": "DCGAN, 64×64×3",
}
TURNS = 2


def run(command):
    """Returns what a command prints; its errors are the user's to see."""
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"Failed, for the reason above: {' '.join(map(str, command))}")
    return done.stdout


def peer(python, name, *words):
    return json.loads(run([python, HERE / f"peer_{name}.py", *words]).splitlines()[-1])


def genkeras(model, *words):
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "benchmark.json")
        run([sys.executable, "-m", "apps.benchmark", f"--models={model}", *words, f"--json={file}"])
        benchmark = json.loads(file.read_text())
    return benchmark["results"][0] | {"ceilings": benchmark["ceilings"]}


def measure(model, width, steps, torch_python):
    """Returns a list of what was measured, one peer after the other, `TURNS` times."""
    words = [f"--width={width}", f"--batch_size={BATCH_SIZE}", f"--steps={steps}"]
    measured = []
    for _ in range(TURNS):
        turn = {"torch": peer(torch_python, "torch", f"--model={model}", *words)}
        if model == "nsgan":
            turn["keras"] = peer(sys.executable, "keras", *words)
        turn["genkeras"] = genkeras(model, *words)
        measured.append(turn)
    return measured


def best(turns, name):
    """Returns the best rate of all rounds, in pictures per second, or `None`."""
    rates = [turn[name]["images_per_second_best"] for turn in turns if name in turn]
    return max(rates, default=None)


def number(rate):
    if rate is None:
        return "–"
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.1f}"


def row(model, width, turns):
    """Returns the table's line for a workload."""
    ours, torch, keras = (best(turns, name) for name in ("genkeras", "torch", "keras"))
    ratio = ours / max(torch, keras or 0.0)
    ceiling = max(turn["genkeras"]["fraction_of_ceiling"] for turn in turns)
    rates = " | ".join(map(number, (ours, torch, keras)))
    return f"| {TITLES[model]} | {width} | {rates} | {ratio:.2f} | {100 * ceiling:.0f} % |"


def unwritable(file):
    """Returns why a file cannot be written, or `None`; better now than when all is measured."""
    if file.is_dir():
        return "it is a folder, expected a file's name"
    if not file.parent.is_dir():
        return f"there is no folder {file.parent}"
    try:
        with tempfile.TemporaryFile(dir=file.parent):
            return None
    except OSError as error:
        return f"nothing can be written in {file.parent} ({error.strerror})"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=pathlib.Path, required=True)
    parser.add_argument("--torch_python", default=sys.executable)
    args = parser.parse_args()
    refusal = unwritable(args.json)
    if refusal:
        parser.error(f"--json={args.json}: {refusal}.")
    results = []
    for model, width, steps in WORKLOADS:
        turns = measure(model, width, steps, args.torch_python)
        results.append({"model": model, "width": width, "steps": steps, "turns": turns})
        print(row(model, width, turns), flush=True)
    facts = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "cpus": os.cpu_count(),
        "batch_size": BATCH_SIZE,
    }
    args.json.write_text(json.dumps(facts | {"results": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
