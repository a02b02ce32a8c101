#!/usr/bin/env bash
# Tests under Slurm.
#   tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT [options of tools/test.py]
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
CHECKPOINT=$4
HERE=$(dirname "$0")
# shellcheck source=tools/_slurm.sh
source "$HERE/_slurm.sh"

srun_tasks "$PARTITION" "$JOB_NAME" \
    python -u "$HERE/test.py" "$CONFIG" "$CHECKPOINT" --launcher slurm "${@:5}"
