#!/usr/bin/env bash
# What makes the prior follow the player: queues the experiments of the table in docs/experiments.md, a rung each, every one
# without what the later rungs add. Then: dvc queue start; dvc exp show --only-changed
set -euo pipefail

rung() { # name, then values of the variant that are not the committed ones
    local name=$1 changes=()
    shift
    for change in "$@"; do changes+=(-S "variants.prior.mi_net_sync.$change"); done
    dvc exp run --queue --name "$name" "${changes[@]}" evaluate@mi_net_sync
}

later="codes_hidden=0 onset_weight=0 movement_hidden=0"
# shellcheck disable=SC2086
{
    rung ladder-0-last-state body=last_state body_layers=3 velocities=false body_at_head=false $later
    rung ladder-1-sequence body=gru body_layers=3 velocities=false body_at_head=false $later
    rung ladder-2-velocities body=gru body_layers=3 body_at_head=false $later
    rung ladder-3-head body=gru body_layers=3 $later
    rung ladder-4-convolutions $later
    rung ladder-5-codes-hidden onset_weight=0 movement_hidden=0
    rung ladder-6-onsets movement_hidden=0
}
for guidance in 1 1.5 3 4; do # 2 is the committed run
    dvc exp run --queue --name "ladder-7-guidance-$guidance" -S "generate.guidance=$guidance" evaluate@mi_net_sync
done
dvc exp run --queue --name ladder-8-cross-attention -S +variants.prior.mi_net_sync.body_reach_s=0.2 evaluate@mi_net_sync
