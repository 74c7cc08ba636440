#!/usr/bin/env bash
# Make .venv from hash-locked lists, and install the Debian packages that are missing for it.
#
#   bootstrap.sh run         what the product needs
#   bootstrap.sh kerberos    and its extra `kerberos`, which is compiled the first time
#   bootstrap.sh dev         and what tests need
#   bootstrap.sh samba       nothing in .venv: what the lab's Active Directory domain needs
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/debian_packages.sh
. scripts/kerberos_wheels.sh
kind=${1:?run, kerberos, dev or samba}

if [ "$kind" = samba ]; then
    # libfaketime is for a domain controller whose clock is wrong.
    need "the lab's Active Directory domain" samba samba-ad-dc samba-ad-provision winbind libfaketime
    install_needed
    exit
fi

python=${PYTHON:-python3}
[ -x .venv/bin/python ] && python=.venv/bin/python
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "ces-gateway needs Python 3.11 or newer; $python is $("$python" -V 2>&1). Set PYTHON=/path/to/python3." >&2
    exit 1
}
wheels=$(wheel_directory "$python")

"$python" -c 'import ensurepip, venv' 2>/dev/null || need "virtual environments" python3-venv
if [ "$kind" = dev ]; then
    command -v openssl >/dev/null || need "a foreign program that verifies the lab's signatures" openssl
    command -v redis-server >/dev/null || need "the state that replicas share" redis-server
fi
if [ "$kind" != run ]; then
    # libldap-dev for its library, whose own package is called otherwise in each release.
    need "Kerberos and LDAP" libgssapi-krb5-2 libldap-dev libsasl2-modules-gssapi-mit
    [ -d "$wheels" ] || need_compiler "$python"
fi
install_needed

pip() {
    .venv/bin/python -m pip "$@"
}
export PIP_QUIET=2 PIP_DISABLE_PIP_VERSION_CHECK=1

if [ ! -x .venv/bin/python ]; then
    echo "Making the virtual environment .venv"
    "$python" -m venv .venv
fi
lock=requirements.lock
[ "$kind" = dev ] && lock=requirements-dev.lock
echo "Installing $lock into .venv"
pip install --require-hashes --requirement "$lock" --requirement requirements-build.lock
# Without build isolation, which would fetch the backend unchecked.
pip install --no-index --no-deps --no-build-isolation --editable .
touch .venv/run

if [ "$kind" != run ]; then
    [ -d "$wheels" ] || compile_wheels .venv/bin/python "$wheels"
    pip install --no-index --no-deps "$wheels"/*.whl
    .venv/bin/python -c 'import bonsai, gssapi, krb5' || {
        echo "The extra does not load. Was it compiled for another system? Remove $wheels and try again." >&2
        exit 1
    }
    touch .venv/kerberos
fi
broken=$(PIP_QUIET=0 pip check) || {
    echo "$broken" >&2
    exit 1
}
[ "$kind" != dev ] || touch .venv/dev
