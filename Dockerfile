# docker build --tag blrcs .
# docker run --publish 127.0.0.1:50051:50051 --env BLRCS_DOCTOR__ACCEPT='["plaintext"]' \
#     --volume blrcs:/var/lib/blrcs blrcs
#
# It listens beyond its own loopback, so without a certificate it starts only where that is accepted:
# whoever publishes the port says who reaches it. `blrcs doctor` tells what else is unsafe.
#
# The first start prints the one-time password of `admin`. Services of users, and blrcs.toml, are
# looked for in /app.

FROM python:3.13-slim AS build

# Any compiler that Debian has will do, and none of it reaches the second stage.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev libnghttp2-dev nghttp2-client \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /src
COPY LICENSE MANIFEST.in README.md pyproject.toml setup.py ./
COPY proto proto
COPY _native _native
COPY blrcs blrcs
COPY benchmarks benchmarks
COPY examples/orders examples/orders
COPY deploy/requirements deploy/requirements
COPY deploy/train deploy/train

# Debugging symbols would be most of the native core's size.
ENV CFLAGS=-g0
# The compiler goes by what it has seen of the core under load.
RUN pip install --no-cache-dir --require-hashes \
        --requirement deploy/requirements/build.txt --requirement deploy/requirements/run.txt \
    && BLRCS_WITHOUT_EXTENSIONS=1 pip install --no-cache-dir --no-deps --no-build-isolation \
        --editable . \
    && deploy/train python \
    && BLRCS_PROFILE=use pip wheel --no-cache-dir --no-deps --no-build-isolation \
        --wheel-dir /wheels .
RUN python -m venv --without-pip /opt/blrcs \
    && pip --python /opt/blrcs/bin/python install --no-cache-dir \
        --require-hashes --requirement deploy/requirements/run.txt \
    && pip --python /opt/blrcs/bin/python install --no-cache-dir --no-deps /wheels/*.whl


FROM python:3.13-slim

# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libnghttp2-14 \
    && rm -rf /var/lib/apt/lists/*

LABEL org.opencontainers.image.title="BLRCS" \
      org.opencontainers.image.description="A guarded gRPC backend" \
      org.opencontainers.image.licenses="Apache-2.0"

# The number is fixed, so that volumes keep their owner and orchestrators can see that it is not 0.
# A named volume takes the directory's owner and mode when it is first mounted.
RUN groupadd --gid 10001 blrcs \
    && useradd --uid 10001 --gid blrcs --no-create-home --home-dir /var/lib/blrcs \
        --shell /usr/sbin/nologin blrcs \
    && install --directory --owner=blrcs --group=blrcs --mode=0700 /var/lib/blrcs \
    && pip uninstall --yes --quiet --root-user-action=ignore pip

COPY --from=build /opt/blrcs /opt/blrcs

# Variables rather than arguments: `docker run blrcs serve --service shop:register` keeps them.
# The metrics stay on the container's own loopback unless BLRCS_METRICS__HOST says otherwise.
ENV PATH=/opt/blrcs/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    BLRCS_ENVIRONMENT=production \
    BLRCS_DATA_DIRECTORY=/var/lib/blrcs \
    BLRCS_SERVER__HOST=0.0.0.0

USER 10001:10001
WORKDIR /app
VOLUME /var/lib/blrcs
EXPOSE 50051

# It speaks plain text: with server.tls, override it by `blrcs health --ca FILE`,
# with client certificates by `--cert FILE --key FILE` too.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 CMD ["blrcs", "health"]

# SIGTERM drains for as long as server.drain_grace_s, 30 s by default; `docker stop` waits for 10 s
# unless --time says otherwise.
ENTRYPOINT ["blrcs"]
CMD ["serve"]
