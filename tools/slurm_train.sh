#!/usr/bin/env bash
# Trains under Slurm.
#   tools/slurm_train.sh PARTITION JOB_NAME CONFIG WORK_DIR [options of tools/train.py]
# Environment: GPUS tasks in all (8), GPUS_PER_NODE (8; 0 for nodes without one),
# TASKS_PER_NODE (as GPUS_PER_NODE, or GPUS), CPUS_PER_TASK (5), SRUN_ARGS, MASTER_PORT (29500).
set -euo pipefail

if [ $# -lt 4 ]; then
    sed -n '2,5s/^# //p' "$0" >&2
    exit 2
fi
PARTITION=$1
JOB_NAME=$2
CONFIG=$3
WORK_DIR=$4
HERE=$(dirname "$0")
# shellcheck source=tools/_slurm.sh
source "$HERE/_slurm.sh"

srun_tasks "$PARTITION" "$JOB_NAME" \
    python -u "$HERE/train.py" "$CONFIG" --work-dir "$WORK_DIR" --launcher slurm "${@:5}"
