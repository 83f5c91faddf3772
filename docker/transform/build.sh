#!/usr/bin/env bash
# Usage: docker/transform/build.sh [BINARY-ONLY]
# Build hs-transform with the C library inside it and check that it needs nothing else; then, unless
# `binary-only` is given, an image FROM scratch that holds it and nothing else.
#
# HITSCANNER_CACHE  where cargo builds (default ~/.cache/hitscanner)
# BUILDER           docker, podman or buildah (default: the first that is installed and answers)
# IMAGE             name of the image (default hitscanner-transform)
set -euo pipefail
cd "$(dirname "$0")/../.."

say() { echo "build.sh: $*" >&2; }
fail() { say "$*"; exit 1; }

cache=${HITSCANNER_CACHE:-$HOME/.cache/hitscanner}
triple=$(rustc -vV | sed -n 's/^host: //p')
static=$cache/cargo-static
binary=$static/$triple/release/hs-transform

build_binary() {
    # glibc needs no other files here: the program looks up no names and no users.
    (cd transform_rs && RUSTFLAGS="-C target-feature=+crt-static" CARGO_TARGET_DIR=$static \
        cargo build --release --locked --target "$triple")
    ! readelf --program-headers "$binary" | grep -q INTERP || fail "$binary needs a loader"
    ! readelf --dynamic "$binary" | grep -q NEEDED || fail "$binary needs shared libraries"
    say "$binary needs no other file"
}

find_builder() {
    # The docker command alone builds nothing: its daemon must answer.
    if docker info > /dev/null 2>&1; then echo docker; return; fi
    for found in podman buildah; do
        if command -v "$found" > /dev/null; then echo "$found"; return; fi
    done
    fail "no docker with its daemon, podman or buildah; install one, or give binary-only"
}

build_image() {
    local builder=${BUILDER:-$(find_builder)} context
    context=$(mktemp -d)
    cp "$binary" "$context/hs-transform"
    "$builder" build -f docker/transform/Dockerfile -t "${IMAGE:-hitscanner-transform}" "$context"
    rm -r "$context"
}

build_binary
[ "${1:-}" = binary-only ] || build_image
