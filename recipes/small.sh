#!/usr/bin/env bash
# From judged and soft lists to an adapter and its figures, on whatever machine there is (two processor cores, or a GPU).
#
#     recipes/small.sh DATA OUT [flags of train.distill ...]
#
# DATA holds judged.*.jsonl.gz (teacher records) and soft.*.jsonl.gz (lists with a target distribution); where it holds
# dl19.candidates.jsonl.gz and dl19.qrels, the adapter is measured on them. Run it again after a stop: it goes on from
# the last checkpoint. STEPS and PYTHON may be set.
set -euo pipefail
if [ $# -lt 2 ]; then
  echo "usage: recipes/small.sh DATA OUT [flags of train.distill ...]" >&2
  exit 2
fi
data=$1
out=$2
shift 2
here=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-$here/.venv/bin/python}
steps=${STEPS:-600}
cd "$here"

# On shared cores threads that spin while they wait cost more than they bring.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}
"$python" -m train.distill --resume --out "$out" --steps "$steps" --decay_steps $((steps / 4)) \
  --judged "$data"/judged.*.jsonl.gz assets/collection/train.jsonl --soft "$data"/soft.*.jsonl.gz \
  --groups 2 --soft_lists 3 --easy_negatives 5 --crossed_pairs 1 --pair_orders 1 --text_share 0.5 --weight_text 0.3 \
  --warm_groups 40 --eval_steps 100 --eval_lists 30 --eval_comparisons 20 --save_steps 10 "$@"

"$python" -m train.explanations --judged "$data"/judged.*.jsonl.gz --student "$out/adapter" --out "$out/explanations"
if [ -f "$data/dl19.candidates.jsonl.gz" ]; then
  for order in student fused; do
    "$python" -m train.evaluate --candidates "$data/dl19.candidates.jsonl.gz" --qrels "$data/dl19.qrels" \
      --rel-cutoff 2 --student "$out/adapter" --order $order --out "$out/dl19-$order"
  done
fi
