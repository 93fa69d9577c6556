#!/bin/sh
# The compiler of what is ours, for `cargo xtask fuzz --coverage`: it counts what is run.
exec "$@" -C instrument-coverage
