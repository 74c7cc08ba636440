# Sourced by bootstrap.sh: Debian packages that are missing, installed all at once.

missing=()

need() { # WHY PACKAGE...
    local why=$1 package lacking=()
    shift
    for package; do
        is_installed "$package" || lacking+=("$package")
    done
    [ ${#lacking[@]} = 0 ] && return
    missing+=("${lacking[@]}")
    echo "Debian packages for $why: ${lacking[*]}"
}

is_installed() { # PACKAGE
    dpkg-query --show --showformat='${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

install_needed() {
    [ ${#missing[@]} = 0 ] && return
    if ! command -v apt-get >/dev/null; then
        echo "This is no Debian: what it calls so must be there under its name here." >&2
        return
    fi
    echo "Installing them"
    local as_root=() output
    [ "$(id -u)" = 0 ] || as_root=(sudo)
    output=$("${as_root[@]}" bash -euc "$(declare -f apt_install); apt_install ${missing[*]}" 2>&1) || {
        echo "$output" >&2
        return 1
    }
}

apt_install() { # PACKAGE...; runs as root
    # Samba and Redis are here for tests to run, not to serve this machine: neither now nor after its next start.
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
        printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
        chmod 755 /usr/sbin/policy-rc.d
    fi
    export DEBIAN_FRONTEND=noninteractive
    local wait='DPkg::Lock::Timeout=300'
    apt-get update -qq -o $wait
    apt-get install -qq -o $wait --no-install-recommends "$@"
    if command -v systemctl >/dev/null; then
        dpkg --listfiles "$@" | sed -nE 's,^(/usr)?/lib/systemd/system/(.+\.service)$,\2,p' |
            xargs --no-run-if-empty systemctl --quiet disable
    fi
}
