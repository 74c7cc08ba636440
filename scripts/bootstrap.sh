#!/usr/bin/env bash
# Make .venv from a hash-locked list: `run` holds what the product needs, `dev` what its tests need as well.
set -euo pipefail
cd "$(dirname "$0")/.."
kind=${1:?run or dev}
lock=requirements.lock
[ "$kind" = dev ] && lock=requirements-dev.lock

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "ces-gateway needs Python 3.11 or newer; $python is $("$python" -V 2>&1). Set PYTHON=/path/to/python3." >&2
    exit 1
}

install() { # PACKAGE WHY
    echo "Installing the Debian package $1: $2"
    local as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$1" >/dev/null
}

"$python" -c 'import ensurepip, venv' 2>/dev/null || install python3-venv "this Python cannot make virtual environments"
if [ "$kind" = dev ] && ! command -v openssl >/dev/null; then
    install openssl "the lab's signatures are verified by a foreign program"
fi

if [ ! -x .venv/bin/python ]; then
    echo "Making the virtual environment .venv"
    "$python" -m venv .venv
fi
echo "Installing $lock into .venv"
.venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes -r "$lock"
.venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --editable .
touch ".venv/$kind"
# What tests need is more than what running needs.
[ "$kind" = dev ] && touch .venv/run
exit 0
