# What slurm_train.sh and slurm_test.sh share; sourced, not run.

# srun_tasks PARTITION JOB_NAME COMMAND...
srun_tasks() {
    local partition=$1 name=$2
    shift 2
    local tasks=${GPUS:-8}
    local gpus_per_node=${GPUS_PER_NODE:-8}
    # Fewer tasks than a node has GPUS must not ask for all of them.
    if [ "$tasks" -lt "$gpus_per_node" ]; then gpus_per_node=$tasks; fi
    local tasks_per_node=${TASKS_PER_NODE:-$gpus_per_node}
    if [ "$tasks_per_node" -eq 0 ]; then tasks_per_node=$tasks; fi
    local gres=()
    if [ "$gpus_per_node" -gt 0 ]; then gres=("--gres=gpu:$gpus_per_node"); fi
    # SRUN_ARGS is split into words on purpose.
    # shellcheck disable=SC2086
    exec srun --partition="$partition" --job-name="$name" \
        --ntasks="$tasks" --ntasks-per-node="$tasks_per_node" \
        --cpus-per-task="${CPUS_PER_TASK:-5}" --kill-on-bad-exit=1 \
        ${gres[@]+"${gres[@]}"} ${SRUN_ARGS:-} "$@"
}
