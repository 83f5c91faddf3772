#!/usr/bin/env bash
# Usage: fuzz/seed.sh TARGET: put samples into fuzz/corpus/TARGET, so that fuzzing starts from real inputs.
set -euo pipefail
cd "$(dirname "$0")"
case $1 in
    reader) cp ../tests/data/{trace_misc,ping,d_*,wc_a,killed}.warts corpus/reader/ ;;
    lines) for file in ../tests/data/golden/*.json; do
        # The target puts {"type": in front.
        head -c 20000 "$file" | sed '1s/^{"type": *//' > "corpus/lines/$(basename "$file")"
    done ;;
    iffinder) cp ../tests/data/iffinder-1.38.out corpus/iffinder/ ;;
    links) echo '100.127.0.2 100.127.0.6 N 0 0.000 1 1 m1 1795366798 1795366798' > corpus/links/row ;;
esac
