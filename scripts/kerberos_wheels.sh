# Sourced by bootstrap.sh: the wheels of the extra `kerberos`. No index has them for Linux: they are compiled, once.

wheel_directory() { # PYTHON -> where they are, or are to be: elsewhere as soon as anything is different that they depend on
    local key
    key=$({
        cat requirements-kerberos.lock requirements-build.lock scripts/kerberos_wheels.sh
        "$1" -c 'from sysconfig import *; print(get_config_var("SOABI"), get_platform())'
        # The C, Kerberos and LDAP libraries keep their interfaces as long as the release stays the same.
        sed -nE '/^(ID|VERSION_ID)=/p' /etc/os-release
    } | sha256sum)
    echo "${XDG_CACHE_HOME:-$HOME/.cache}/ces-gateway/wheels/${key:0:16}"
}

need_compiler() { # PYTHON
    local version headers python_headers=()
    read -r version headers < <("$1" -c 'from sysconfig import *; print(get_python_version(), get_path("include"))')
    [ -e "$headers/Python.h" ] || python_headers=("libpython$version-dev")
    need "compiling gssapi, krb5 and bonsai" gcc libc6-dev libkrb5-dev libsasl2-dev "${python_headers[@]}"
}

compile_wheels() { # PYTHON DIRECTORY; there all at once, when they are finished
    echo "Compiling the extra kerberos into $2, which takes half a minute; the next time it is there"
    mkdir -p "$(dirname "$2")"
    unfinished=$(mktemp -d "$2.XXXXXX")
    trap 'rm -rf "$unfinished"' EXIT
    printf '[build_ext]\nparallel = %d\n' "$(nproc)" >"$unfinished/setup.cfg"
    # Not optimised: this code hands arguments to the libraries, and what it takes longer is less than a microsecond a
    # call. CFLAGS replaces all flags of Python's own, of which it needs the last two. Without pip's cache, which does
    # not ask how its wheels were made.
    CFLAGS='-O0 -g0 -fwrapv -DNDEBUG' DIST_EXTRA_CONFIG="$unfinished/setup.cfg" \
        "$1" -m pip wheel --require-hashes --requirement requirements-kerberos.lock \
        --no-deps --no-binary=bonsai,gssapi,krb5 --no-build-isolation --check-build-dependencies \
        --no-cache-dir --wheel-dir "$unfinished/wheels"
    # Somebody else may have been faster.
    mv -T "$unfinished/wheels" "$2" 2>/dev/null || [ -d "$2" ]
}
