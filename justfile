# The stages of tests/run, by name. `just` alone runs all of them.

# every stage
all:
    ./tests/run

# install what the stages need
tools:
    ./tests/run tools

# rustfmt
format:
    ./tests/run format

# clippy
lint:
    ./tests/run lint

# codespell
spelling:
    ./tests/run spelling

# licences, banned crates, sources and advisories (cargo deny)
licences:
    ./tests/run licences

# buf lint, and buf breaking against the last release's image
buf:
    ./tests/run buf

# generate and compile clients in four languages, and run the publishers
clients:
    ./tests/run clients

# what the Helm charts render and refuse
charts:
    ./tests/run charts

# install the Helm charts on a real API server
kubernetes:
    ./tests/run kubernetes

# whether the alert rules are right, and each fires
telemetry:
    ./tests/run telemetry

# scale agents by the real KEDA; not among the stages of `all`
keda:
    ./tests/run keda

# simulate four times as many seeds as `sim` does; not among the stages of `all`
seeds:
    ./tests/run seeds

# build everything
build:
    ./tests/run build

# the crates' own tests and the conformance suite
unit:
    ./tests/run unit

# that libFuzzer could run the fuzz targets; `unit` runs them under proptest
fuzz:
    ./tests/run fuzz

# the harness's own tests, and tidy
harness:
    ./tests/run harness

# simulated seeds: those that failed once, and a fixed range
sim:
    ./tests/run sim

# end-to-end tests with real processes
e2e:
    ./tests/run e2e

# docs/openapi.json, and a server that is sent what schemathesis makes of it
http:
    ./tests/run http

# the web console, clicked through in a real browser
console:
    ./tests/run console

# README's commands and the five systems' pages
readme:
    ./tests/run readme

# signatures, as receivers' libraries and snippets verify them
signatures:
    ./tests/run signatures

# a minute of soaking on each engine
soak:
    ./tests/run soak

# the benchmark, small
bench:
    ./tests/run bench

# both images, the compose file and the units
images:
    ./tests/run images

# random seeds: simulated, and as crashes of real processes
search minutes='30':
    ./tests/run search --minutes {{minutes}}
