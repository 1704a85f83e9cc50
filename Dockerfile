# Debian 12 has the study's own R 4.2.2 and pROC 1.18.
#   docker build -t nonmass . && docker run --rm -v "$PWD/reports:/nonmass/reports" nonmass
FROM debian:12
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates git make python3 python3-venv r-base-core r-cran-proc \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /nonmass
COPY . .
RUN make setup
CMD ["make", "repro"]
