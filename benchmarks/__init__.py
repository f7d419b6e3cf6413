"""What dayfly promises in numbers, measured: `scripts/bench NAME`.

Each benchmark starts the platform as a process, loads it from another process on the same machine, and prints its
figure beside a ceiling measured in the same run: a server that does nothing, a bare fsync, a bare fork. `load.py` is
the load generator (wrk where it is installed, else our own), `platform.py` starts the platform, `report.py` prints.
"""
