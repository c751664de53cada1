#!/bin/bash
# One training on four machines with eight GPUs each:
#
#   sbatch examples/slurm.sh apps.dcgan --dataset=celeba --input_height=108 --crop \
#     --data_dir=/shared/data --run_dir=/shared/runs/dcgan --cache_dir=/shared/cache \
#     --batch_size=2048 --save_every=5m
#
# Run directory, cache and data must be on a disk that all machines share. When a worker dies all
# are started again, at most RESTARTS times, and go on from the last stored state. Two minutes
# before its time is over, and when it is cancelled with scancel --signal=TERM, the job stores its
# state; the same command goes on from there.
#SBATCH --job-name=genkeras
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=32
#SBATCH --time=24:00:00
#SBATCH --signal=TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append
set -eu

: "${1:?name a program and its flags, such as apps.dcgan --dataset=celeba}"
RESTARTS=${RESTARTS:-3}
# Two jobs may share a machine.
port=$((20000 + SLURM_JOB_ID % 20000))
hosts=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed "s/.*/\"&:$port\"/" | paste -sd, -)
export TF_WORKERS="[$hosts]"
# Since Slurm 22.05 srun does not ask for those of sbatch by itself.
export SRUN_CPUS_PER_TASK="${SLURM_CPUS_PER_TASK:-1}"

attempt=0
while true; do
  status=0
  # The number of a task is known in the task alone. When one fails srun kills the others, status
  # 137, and returns the highest of all: what is final is made higher. A task's signals go to its
  # shell too, which waits.
  # shellcheck disable=SC2016
  srun --kill-on-bad-exit=1 bash -c '
    task="{\"type\": \"worker\", \"index\": $SLURM_PROCID}"
    export TF_CONFIG="{\"cluster\": {\"worker\": $TF_WORKERS}, \"task\": $task}"
    trap : INT TERM
    status=0
    python -m "$@" || status=$?
    case $status in
      1 | 2) status=$((status + 200)) ;;
      130 | 143) status=$((status + 100)) ;;
      75) sleep 5 ;; # Who was lost may still be telling why.
    esac
    exit "$status"' worker "$@" || status=$?
  # Done, a mistake that a restart does not mend, or told to stop.
  case $status in
    0) exit 0 ;;
    201 | 202) exit $((status - 200)) ;;
    230 | 243) exit $((status - 100)) ;;
  esac
  attempt=$((attempt + 1))
  if [ "$attempt" -gt "$RESTARTS" ]; then
    echo "Started again $RESTARTS times already: giving up." >&2
    exit "$status"
  fi
  echo "A worker died (status $status): starting all again ($attempt of $RESTARTS)." >&2
done
