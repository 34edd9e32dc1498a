#!/usr/bin/env bash
# A search, or a campaign, as a Slurm job array: each task is one more worker on the same study.
#
#   sbatch --array=1-8 docs/clusters/slurm_array.sh
#
# The study lies in a database that all nodes reach: PostgreSQL, or a journal on a shared file system (SQLite is for one
# machine). The log folder lies on the shared file system too, as a trial may go on on another node. When its time is
# over, Slurm sends SIGTERM ahead: the trainings under way save a checkpoint, their trials are queued again, and the
# command ends with exit code 75; the task is then requeued and goes on.
#SBATCH --job-name=tune-dqn
#SBATCH --cpus-per-task=4
#SBATCH --mem=16G
#SBATCH --time=04:00:00
#SBATCH --signal=B:TERM@180
#SBATCH --requeue
#SBATCH --open-mode=append
# For a GPU:  #SBATCH --gres=gpu:1

set -uo pipefail
LOGS=${LOGS:-$HOME/dqn/logs}
STORAGE=${STORAGE:-$LOGS/studies.log}   # or postgresql://user@host/studies, the password in ~/.pgpass

python -m dqn_zoo_ext.tune --algo dqn --env SpaceInvadersNoFrameskip-v4 -n 1000000 --n-trials 64 \
  --pruner hyperband --study-name space-invaders --storage "$STORAGE" -f "$LOGS" --n-jobs 1 &
worker=$!
trap 'kill -TERM "$worker"' TERM
wait "$worker"
code=$?
if [ "$code" -gt 128 ]; then   # `wait` was ended by the signal; now for the worker itself
  wait "$worker"
  code=$?
fi
if [ "$code" -eq 75 ]; then
  scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"
fi
exit "$code"
