# livestem on a server, with or without a GPU: see "On a GPU server" in README.md.
#   docker build -t livestem .                            for NVIDIA drivers that show CUDA 12
#   docker build -t livestem --build-arg CUDA=13 .        ... CUDA 13
#   docker build -t livestem --build-arg CUDA=none .      without a GPU: a third of the size
ARG PYTHON=3.13-slim-trixie

# ---- packages, in an environment of their own
FROM python:${PYTHON} AS packages
ARG CUDA=12
# The checkout is installed in place: the page's style sheet and pictures lie beside the packages.
# Only their names are needed for that, so that a changed line of code installs nothing anew.
WORKDIR /opt/livestem
COPY pyproject.toml .ci/constraints.txt ./
RUN mkdir app recon && touch README.md app/__init__.py recon/__init__.py
RUN case "$CUDA" in \
        12) extras=gpu,login,cluster ;; \
        13) extras=gpu13,login,cluster ;; \
        none) extras=login,cluster ;; \
        *) echo "CUDA is 12, 13 or none, not $CUDA" >&2; exit 1 ;; \
    esac \
    && python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir -c constraints.txt -e ".[$extras]"

# ---- what runs
FROM python:${PYTHON}
COPY --from=packages /opt/venv /opt/venv
WORKDIR /opt/livestem
COPY . .

# Any user of group 0 may run it, as some clusters demand. Nothing but these folders is written to:
# compiled kernels, the demonstration scan and the server's keys are kept in the cache.
RUN useradd --uid 10001 --gid 0 --home-dir /var/cache/livestem --no-create-home livestem \
    && mkdir -p /data /results /var/cache/livestem \
    && chown 10001:0 /results /var/cache/livestem \
    && chmod 770 /results /var/cache/livestem \
    && /opt/venv/bin/python -m compileall -q app recon

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/var/cache/livestem \
    XDG_CACHE_HOME=/var/cache/livestem \
    XDG_CONFIG_HOME=/var/cache/livestem \
    MPLCONFIGDIR=/var/cache/livestem/matplotlib \
    NUMBA_CACHE_DIR=/var/cache/livestem/numba \
    CUPY_CACHE_DIR=/var/cache/livestem/cupy \
    CUDA_CACHE_PATH=/var/cache/livestem/cuda \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    LIVESTEM_CACHE=/var/cache/livestem \
    LIVESTEM_DATA=/data \
    LIVESTEM_RESULTS=/results \
    LIVESTEM_HOST=localhost \
    LIVESTEM_PORT=5006

USER 10001:0
# Kernels for this machine's processor; one of another kind compiles its own at the first start.
RUN umask 002 && python -c "from recon.warm import warm_up, warm_up_later; warm_up(); warm_up_later()"

VOLUME ["/var/cache/livestem", "/results"]
EXPOSE 5006
STOPSIGNAL SIGTERM
# A page that failed still answers "200 OK": look at what is on it.
HEALTHCHECK --interval=120s --timeout=60s --start-period=120s CMD ["python", "-m", "app.server.health_check"]
ENTRYPOINT ["livestem", "serve", "--address", "0.0.0.0", "--no-open"]
