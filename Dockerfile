# The image of rightful: one binary, the C library it needs and certificates of public authorities. No shell, no root.
# `scripts/check_image` builds and tries it where there is neither an engine nor a registry.
FROM docker.io/library/rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
# As docs/building.md says, so that the bytes do not hang on where they were compiled.
RUN export RUSTFLAGS="--remap-path-prefix=/src=/rightful --remap-path-prefix=$CARGO_HOME=/cargo" \
        CFLAGS="-ffile-prefix-map=/src=/rightful -ffile-prefix-map=$CARGO_HOME=/cargo" \
    && cargo build --release --locked --bin rightful \
    && install -D --mode=0755 target/release/rightful /image/usr/bin/rightful

FROM gcr.io/distroless/cc-debian12:nonroot
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="rightful" \
      org.opencontainers.image.description="Fulfils data-subject requests across a company's services" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.base.name="gcr.io/distroless/cc-debian12:nonroot"
COPY --from=build /image/ /
# What is in it, written by scripts/sbom.py before the image is built.
COPY target/sbom/rightful.cdx.json /usr/share/sbom/rightful.cdx.json
# The number, not the name: Kubernetes has to see that it is not root.
USER 65532:65532
EXPOSE 50051
ENTRYPOINT ["/usr/bin/rightful"]
CMD ["--help"]
