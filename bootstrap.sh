#!/bin/sh
# shellcheck shell=dash
# hitscanner's least: what must be there before Airflow can do the rest.
set -eu
umask 022

usage() {
    cat <<'USAGE'
Usage: ./bootstrap.sh COMMAND [OPTIONS]

Commands:
  demo      trace a simulated Internet from four vantage points and publish the result (root)
              --seed N --routers N --targets N --rate-pps N   another world
              --break VP           kill that vantage point's scamper half-way
              --min-vp-ratio R     publish only if this share of vantage points is whole
              --json               end with one JSON object
  local     the same, staying up: Airflow on 127.0.0.1   [--port N]
  cluster   set up the k3s server of $HITSCANNER_HOME/inventory.toml, here or over SSH, and, where
            the inventory names a registry, our images in it and by Helm all up to Airflow; say
            how hosts join; a second time changes nothing
              --json               end with one JSON object
  setup     install what is missing and build, nothing else   [--dev]
  down      remove what the others made: Airflow, the simulated Internet, the k3s server

Options of every command:
  --dry-run      print the steps and what each would do
  --only STEP    do one step: packages | venv | transform
                 of cluster: preflight | packages | venv | server | images | platform
  --help

Exit codes: 0 done, 1 bad input or missing tool, 2 done in part, 3 failed
USAGE
}

say() { printf '%s\n' "bootstrap: $*" >&2; }
die() {
    printf '%s\n' "bootstrap: $*" >&2
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

main() {
    HERE=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
    PYTHON_MIN='' RUST_MIN='' UV_VERSION='' K3S_VERSION=''
    # shellcheck source=versions.env disable=SC1091 # read beside this file
    . "$HERE/versions.env"
    CACHE=${HITSCANNER_CACHE:-$HOME/.cache/hitscanner}
    VENV=$HERE/.venv
    LOCK=$HERE/requirements.lock
    DRY_RUN='' ONLY='' DEV=''
    [ $# -gt 0 ] || { usage >&2; exit 1; }
    command=$1
    shift
    case $command in
        demo | local) run_with_hitscanner "$command" "$@" ;;
        cluster) cluster_command "$@" ;;
        setup) setup_command "$@" ;;
        down) down_command "$@" ;;
        -h | --help | help) usage ;;
        *) die "unknown command '$command'; see ./bootstrap.sh --help" ;;
    esac
}

run_with_hitscanner() {
    kind=$1
    shift
    for argument; do
        case $argument in
            --dry-run) DRY_RUN=1 ;;
            -h | --help) usage && return ;;
        esac
    done
    if [ "${2:-}" ] && [ "$1" = --only ]; then
        ONLY=$2
        setup_steps
        return
    fi
    [ -n "$DRY_RUN" ] || [ "$(id -u)" -eq 0 ] ||
        die "$kind makes network namespaces and needs root; run: sudo ./bootstrap.sh $kind"
    setup_steps
    if [ -n "$DRY_RUN" ]; then
        say "would run: hitscanner $kind $*"
        return
    fi
    exec "$VENV/bin/hitscanner" "$kind" "$@"
}

setup_command() {
    while [ $# -gt 0 ]; do
        case $1 in
            --dev) DEV=1 LOCK=$HERE/requirements-dev.lock ;;
            --dry-run) DRY_RUN=1 ;;
            --only)
                [ $# -gt 1 ] || die "--only needs a step: packages, venv or transform"
                ONLY=$2
                shift
                ;;
            -h | --help) usage && return ;;
            *) die "unknown option '$1' of setup; see ./bootstrap.sh --help" ;;
        esac
        shift
    done
    setup_steps
}

# Compiling and installing use different resources, so they go side by side.
setup_steps() {
    case $ONLY in
        '' | packages | venv | transform) ;;
        *) die "unknown step '$ONLY'; there are: packages, venv, transform" ;;
    esac
    if wanted packages; then step_packages; fi
    building=''
    if wanted transform; then
        step_transform &
        building=$!
    fi
    if wanted venv; then step_venv; fi
    if [ -n "$building" ]; then
        wait "$building" || die "hs-transform was not built; the reason is above"
    fi
}

wanted() { [ -z "$ONLY" ] || [ "$ONLY" = "$1" ]; }

# Run a command that changes something, or say what would run.
change() {
    if [ -n "$DRY_RUN" ]; then
        say "would run: $*"
    else
        "$@"
    fi
}

step_packages() {
    missing=''
    have scamper || missing="$missing scamper"
    have ip || missing="$missing iproute2"
    have cc || missing="$missing gcc libc6-dev"
    python_works || missing="$missing python3-venv python3-pip"
    rust_works || missing="$missing $(rust_package)"
    # Tests look at pages with a browser; without one they are skipped, so its absence is no error.
    if [ -n "$DEV" ]; then
        have zstd || missing="$missing zstd"
        have rclone || missing="$missing rclone"
        have chromium || ! packaged chromium || missing="$missing chromium fonts-dejavu-core"
        # Tests of SSH start an sshd of their own; on a machine with systemd the package would
        # leave one running for good, so it is installed in containers only.
        if [ ! -d /run/systemd/system ]; then
            [ -x /usr/sbin/sshd ] || missing="$missing openssh-server"
            have sudo || missing="$missing sudo"
        fi
    fi
    # shellcheck disable=SC2086 # a list of names
    [ -z "$missing" ] || install_packages $missing
    [ -n "$DRY_RUN" ] || rust_works || die_rust
}

install_packages() {
    have apt-get || die "missing: $*; install them with this system's package manager"
    [ "$(id -u)" -eq 0 ] || [ -n "$DRY_RUN" ] ||
        die "missing: $*; run as root, or: sudo apt-get install $*"
    say "installing $*"
    change apt-get -qq update || die "apt-get update failed; check the network and try again"
    change env DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends \
        "$@" >&2 || die "apt-get could not install $*; the reason is above"
}

packaged() { apt-cache show "$1" >/dev/null 2>&1; }

python_works() {
    have python3 && python3 -c "
import sys, ensurepip, venv
minimum = tuple(map(int, '$PYTHON_MIN'.split('.')))
sys.exit(not minimum <= sys.version_info[:2] < (3, 14))" 2>/dev/null
}

rust_works() {
    have cargo && have rustc || return 1
    version=$(rustc --version | cut -d' ' -f2)
    [ "$(printf '%s\n%s\n' "$RUST_MIN" "$version" | sort -V | head -n 1)" = "$RUST_MIN" ]
}

# The distribution's own compiler where it is new enough; Ubuntu ships numbered ones beside it.
rust_package() {
    newest=
    ! have apt-cache || newest=$(apt-cache pkgnames cargo-1. | sort -V | tail -n 1)
    if [ -n "$newest" ]; then
        printf '%s %s' "$newest" "rustc-${newest#cargo-}"
    else
        printf 'cargo rustc'
    fi
}

die_rust() {
    for numbered in /usr/bin/cargo-1.* /usr/lib/rust-1.*/bin/cargo; do
        if [ -x "$numbered" ]; then
            RUST_BIN=$(dirname "$(readlink -f "$numbered")")
            export PATH="$RUST_BIN:$PATH"
        fi
    done
    rust_works ||
        die "Rust >= $RUST_MIN is needed, the distribution has $(rustc --version 2>/dev/null ||
            echo none); get it with rustup (rustup.rs), then run this again"
}

step_venv() {
    python_works || [ -n "$DRY_RUN" ] ||
        die "Python >= $PYTHON_MIN and < 3.14 with venv is needed; apt-get install python3-venv"
    stamp=$VENV/.installed
    sum=$(sum_of "$LOCK")
    # What the tests need contains what the others need.
    for lock in "$LOCK" "$HERE/requirements-dev.lock"; do
        if [ -f "$stamp" ] && grep -qx "$(sum_of "$lock")" "$stamp"; then return 0; fi
    done
    say "installing Python packages from $(basename "$LOCK")"
    if [ -n "$DRY_RUN" ]; then
        say "would make $VENV"
        return 0
    fi
    [ -x "$VENV/bin/python" ] || python3 -m venv "$VENV"
    [ -x "$VENV/bin/uv" ] || "$VENV/bin/python" -m ensurepip >/dev/null ||
        die "$VENV has no pip; remove the folder and run this again"
    [ -x "$VENV/bin/uv" ] || "$VENV/bin/python" -m pip -q --disable-pip-version-check \
        --no-input install "uv==$UV_VERSION" >&2 || die "pip could not install uv $UV_VERSION"
    UV_CACHE_DIR=$CACHE/uv
    UV_LINK_MODE=copy
    VIRTUAL_ENV=$VENV
    export UV_CACHE_DIR UV_LINK_MODE VIRTUAL_ENV
    # Compiled once here: every Airflow process starts three seconds sooner.
    "$VENV/bin/uv" pip install -q --compile-bytecode --require-hashes -r "$LOCK" >&2 ||
        die "the Python packages could not be installed; the reason is above"
    "$VENV/bin/uv" pip install -q --no-deps --editable "$HERE" >&2 ||
        die "the package could not be installed; the reason is above"
    printf '%s\n' "$sum" >>"$stamp"
}

sum_of() { cat "$1" "$HERE/pyproject.toml" | sha256sum | cut -d' ' -f1; }

step_transform() {
    if [ -n "$DRY_RUN" ]; then
        say "would run: cargo build --release --locked (transform_rs)"
        return 0
    fi
    # Compiled dependencies are kept between checkouts: cargo keys them by content.
    CARGO_TARGET_DIR=$CACHE/cargo
    export CARGO_TARGET_DIR
    (cd "$HERE/transform_rs" && cargo build --quiet --release --locked >&2) || return 1
    mkdir -p "$HERE/transform_rs/target/release"
    built=$CARGO_TARGET_DIR/release/hs-transform
    installed=$HERE/transform_rs/target/release/hs-transform
    cmp -s "$built" "$installed" && return 0
    cp "$built" "$installed.new" && mv "$installed.new" "$installed"
}

# The least that DAGs cannot do for themselves, in order; each may be run alone and again.
CLUSTER_STEPS='
preflight
packages
venv
server
images
platform
'

cluster_command() {
    JSON=''
    while [ $# -gt 0 ]; do
        case $1 in
            --dry-run) DRY_RUN=1 ;;
            --json) JSON=--json ;;
            --only)
                [ $# -gt 1 ] || die "--only needs a step: $(list_steps)"
                ONLY=$2
                shift
                ;;
            -h | --help) usage && return ;;
            *) die "unknown option '$1' of cluster; see ./bootstrap.sh --help" ;;
        esac
        shift
    done
    HOME_OF_FLEET=${HITSCANNER_HOME:-$HERE/.hitscanner/cluster}
    HITSCANNER_HOME=$HOME_OF_FLEET
    export HITSCANNER_HOME
    case " $(list_steps), " in
        *" ${ONLY:-preflight}, "*) ;;
        *) die "unknown step '$ONLY' of cluster; there are: $(list_steps)" ;;
    esac
    for step in $CLUSTER_STEPS; do
        if wanted "$step"; then "cluster_$step"; fi
    done
    [ -n "$ONLY$DRY_RUN" ] || cluster_next
}

list_steps() {
    # shellcheck disable=SC2086 # a list of words
    printf '%s, ' $CLUSTER_STEPS | sed 's/, $//'
}

# What a shell can see; the rest is looked at by `hitscanner fleet`, with a cause for each refusal.
cluster_preflight() {
    inventory=$HOME_OF_FLEET/inventory.toml
    [ -f "$inventory" ] ||
        die "$inventory is missing; copy inventory.sample.toml there and edit it"
    grep -q '^\[server\]' "$inventory" ||
        die "$inventory has no [server]; add one as in inventory.sample.toml"
    bundle=$HOME_OF_FLEET/bundle
    found=''
    for binary in "$bundle"/k3s-amd64 "$bundle"/k3s-arm64; do
        if [ -f "$binary" ]; then found=1; fi
    done
    [ -n "$found" ] || die "there is no k3s in $bundle; put the release files of k3s $K3S_VERSION" \
        "there as k3s-amd64 and k3s-arm64, their images into images/, and run in it:" \
        "find . -type f ! -name SHA256SUMS | sed 's,^./,,' | xargs sha256sum > SHA256SUMS"
    [ -f "$bundle/SHA256SUMS" ] || die "$bundle/SHA256SUMS is missing; run in $bundle:" \
        "find . -type f ! -name SHA256SUMS | sed 's,^./,,' | xargs sha256sum > SHA256SUMS"
}

# Neither scamper nor Rust: the server probes nothing, and its programs come as images.
cluster_packages() { python_works || install_packages python3-venv python3-pip; }

cluster_venv() { step_venv; }

cluster_server() {
    if [ -n "$DRY_RUN" ] && [ ! -x "$VENV/bin/hitscanner" ]; then
        say "would run: hitscanner fleet apply --hosts server"
        return 0
    fi
    json=$JSON
    if has_registry; then json=''; fi # the last step's object is the result
    # shellcheck disable=SC2086 # options that may be absent
    "$VENV/bin/hitscanner" fleet apply --hosts server ${DRY_RUN:+--dry-run} $json || {
        code=$?
        say "the server is not up; its line above has the cause and the remedy (docs/runbook.md)"
        exit "$code"
    }
}

# Without a registry the server alone is set up, and Airflow runs beside it (hitscanner local).
has_registry() { grep -q '^registry *=' "$HOME_OF_FLEET/inventory.toml" 2>/dev/null; }

# Built once; afterwards by `--only images`, or by hitscanner images build|push.
cluster_images() {
    has_registry || return 0
    if [ -z "$ONLY" ] && [ -f "$HOME_OF_FLEET/cluster/images.json" ]; then return 0; fi
    have buildah || [ -n "$DRY_RUN" ] || die "buildah is missing; run: apt-get install buildah"
    for verb in build push; do
        change "$VENV/bin/hitscanner" images "$verb" ||
            die "the images could not be made ($verb); the reason is above"
    done
}

cluster_platform() {
    has_registry || return 0
    verb=apply
    [ -z "$DRY_RUN" ] || verb=plan
    if [ -n "$DRY_RUN" ] && ! { [ -x "$VENV/bin/hitscanner" ] &&
        [ -f "$HOME_OF_FLEET/cluster/kubeconfig" ] && [ -f "$HOME_OF_FLEET/cluster/images.json" ]; }; then
        say "would run: hitscanner platform apply (what it changes is known once server and images are there)"
        return 0
    fi
    # shellcheck disable=SC2086 # an option that may be absent
    "$VENV/bin/hitscanner" platform "$verb" $JSON || {
        code=$?
        say "not all is installed; the release's line above has the cause; run this again then"
        exit "$code"
    }
}

cluster_next_with_airflow() {
    kubectl="k3s kubectl --kubeconfig $HOME_OF_FLEET/cluster/kubeconfig -n airflow"
    host=$(sed -n 's/^web_host *= *"\(.*\)".*/\1/p' "$HOME_OF_FLEET/inventory.toml")
    if [ -n "$host" ]; then
        say "Airflow is up: https://$host"
    else
        say "Airflow is up: http://127.0.0.1:8080 while this runs:"
        say "  $kubectl port-forward service/airflow-api-server 8080"
    fi
    say "user admin, password: $kubectl get secret hitscanner-admin -o jsonpath={.data.password} | base64 -d"
    say "next: $kubectl exec deploy/airflow-scheduler -- airflow dags trigger join_agent --conf" \
        "'{\"hosts\": [\"all\"], \"dry_run\": false}'"
}

cluster_next() {
    if has_registry; then
        cluster_next_with_airflow
        return 0
    fi
    say "the server is up; kubeconfig: $HOME_OF_FLEET/cluster/kubeconfig"
    say "next, with HITSCANNER_HOME=$HOME_OF_FLEET:"
    say "  $VENV/bin/hitscanner local"
    say "  $HOME_OF_FLEET/airflow/bin/airflow dags trigger join_agent --conf" \
        "'{\"hosts\": [\"all\"], \"dry_run\": false}'"
}

down_command() {
    for argument; do
        case $argument in
            --dry-run) DRY_RUN=1 ;;
            *) die "unknown option '$argument' of down; see ./bootstrap.sh --help" ;;
        esac
    done
    [ -x "$VENV/bin/hitscanner" ] || return 0
    status=0
    "$VENV/bin/hitscanner" down ${DRY_RUN:+--dry-run} || status=$?
    # Unless told which, both homes that the others use.
    if [ -z "${HITSCANNER_HOME:-}" ] && [ -d "$HERE/.hitscanner/cluster" ]; then
        HITSCANNER_HOME=$HERE/.hitscanner/cluster "$VENV/bin/hitscanner" down ${DRY_RUN:+--dry-run} || status=$?
    fi
    return $status
}

main "$@" # no `||` after it: that would switch set -e off inside
