# The image of ces-gateway: one virtual environment on Debian's slim Python, run by an unprivileged numeric user.
#
# Debian 13 for its OpenSSL 3.5: the mutual-TLS handshake is most of what an enrollment costs, and 3.0 is slower at it.
# A release names the base by digest:  --build-arg PYTHON_IMAGE=python:3.13-slim-trixie@sha256:...
# Runs with a read-only root. Mount the configuration at /etc/ces-gateway, and a volume for audit record and state at
# /var/lib/ces-gateway: nothing else is written, except, where the configuration has realms, Kerberos' own configuration
# and its replay cache: mount something small and writable at /tmp then.

ARG PYTHON_IMAGE=python:3.13-slim-trixie


FROM ${PYTHON_IMAGE} AS builder

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ONLY_BINARY=:all: \
    PIP_ROOT_USER_ACTION=ignore

# bonsai, gssapi and krb5 have no wheels.
RUN ["apt-get", "install", "--update", "--yes", "--no-install-recommends", "gcc", "libc6-dev", "libkrb5-dev", "libldap-dev", "libsasl2-dev"]

# Two environments, so that the build backends do not end up in the image. Everything that is downloaded is
# downloaded by hash; wheels are then made without build isolation, which would fetch the backends unchecked.
RUN ["python", "-m", "venv", "/build/venv"]
RUN ["python", "-m", "venv", "--without-pip", "/opt/ces-gateway"]

WORKDIR /build/source
COPY requirements-build.lock requirements.lock requirements-kerberos.lock ./
RUN ["/build/venv/bin/pip", "install", "--require-hashes", "--requirement=requirements-build.lock"]
RUN ["/build/venv/bin/pip", "--python=/opt/ces-gateway/bin/python", "install", "--require-hashes", "--requirement=requirements.lock"]

# CFLAGS replaces Python's own. Hardened as Debian's packages are: this code reads what comes from the network.
RUN ["env", "CFLAGS=-O2 -g0 -DNDEBUG -fwrapv -fstack-protector-strong -D_FORTIFY_SOURCE=3", "LDFLAGS=-Wl,-z,relro,-z,now", \
     "/build/venv/bin/pip", "wheel", "--no-deps", "--no-build-isolation", "--check-build-dependencies", "--no-binary=bonsai,gssapi,krb5", \
     "--require-hashes", "--requirement=requirements-kerberos.lock", "--wheel-dir=/build/wheel"]

COPY pyproject.toml README.md LICENSE ./
COPY gateway/ gateway/
COPY policies/ policies/
RUN ["/build/venv/bin/pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir=/build/wheel", "."]
RUN ["/build/venv/bin/pip", "--python=/opt/ces-gateway/bin/python", "install", "--no-deps", "--no-index", "--find-links=/build/wheel", "ces-gateway", "bonsai", "decorator", "gssapi", "krb5"]
RUN ["/build/venv/bin/pip", "--python=/opt/ces-gateway/bin/python", "check"]


FROM ${PYTHON_IMAGE}

# What the extra's wheels load at run time. The lists of packages do not stay.
RUN --mount=type=tmpfs,target=/var/lib/apt/lists --mount=type=tmpfs,target=/var/cache/apt \
    ["apt-get", "install", "--update", "--yes", "--no-install-recommends", "libgssapi-krb5-2", "libldap2", "libsasl2-modules-gssapi-mit"]

ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="ces-gateway" \
      org.opencontainers.image.description="A policy-enforcing gateway in front of Microsoft's Certificate Enrollment Web Services" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# No .pyc is written at run time (pip compiled them at build time); what is logged is seen at once.
ENV PATH=/opt/ces-gateway/bin:${PATH} \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

COPY --from=builder /opt/ces-gateway /opt/ces-gateway
# They find their libraries here as they did where they were compiled.
RUN ["/opt/ces-gateway/bin/python", "-c", "import bonsai, gssapi, krb5"]
# A named volume that is mounted here inherits the owner.
RUN ["install", "--directory", "--owner=10001", "--group=10001", "--mode=0750", "/var/lib/ces-gateway"]

# Numeric, so that Kubernetes' runAsNonRoot can be verified without reading /etc/passwd.
USER 10001:10001
EXPOSE 8443 9090

# http.client and not urllib: a proxy in the environment must not be asked about the loopback address.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-I", "-c", "from http.client import HTTPConnection as C; c = C('127.0.0.1', 9090, timeout=3); c.request('GET', '/livez'); raise SystemExit(c.getresponse().status != 200)"]

ENTRYPOINT ["ces-gateway"]
CMD ["serve", "--config", "/etc/ces-gateway/gateway.yaml"]
