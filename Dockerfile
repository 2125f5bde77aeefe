# livestem on a server. `docker build -t livestem .`, then
# `docker run -p 5006:5006 -v /path/to/scans:/data:ro -e BOKEH_SECRET_KEY=... livestem`
FROM python:3.12-slim

# The checkout is installed in place: the page's style sheet and pictures lie beside the packages.
WORKDIR /opt/livestem
COPY . .
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir -c .ci/constraints.txt -e .

# Any user of group 0 may run it, as some clusters demand; compiled kernels and the demonstration
# scan are kept under /var/cache/livestem.
RUN useradd --uid 10001 --gid 0 --home-dir /var/cache/livestem --create-home livestem \
    && mkdir -p /data && chmod -R g=u /var/cache/livestem /opt/livestem
USER 10001:0
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/var/cache/livestem \
    XDG_CACHE_HOME=/var/cache/livestem \
    NUMBA_CACHE_DIR=/var/cache/livestem/numba \
    LIVESTEM_DATA=/data \
    BOKEH_SIGN_SESSIONS=true \
    PYTHONUNBUFFERED=1

EXPOSE 5006
# A page that failed still answers "200 OK": look at what is on it.
HEALTHCHECK --interval=300s --timeout=60s --start-period=120s CMD ["python", ".ci/page_has_contents.py", "http://127.0.0.1:5006/app"]
ENTRYPOINT ["livestem", "serve", "--address", "0.0.0.0", "--no-open"]
