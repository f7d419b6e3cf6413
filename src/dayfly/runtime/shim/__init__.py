"""What runs inside environments: standard library only, never imported by the platform itself.

`zygote.py` is the single-threaded parent that forks environments; `sandbox.py` gives a child its namespaces and root,
`seccomp.py` its system call filter; `python_bootstrap.py` and `node_bootstrap.cjs` serve events over the channel
(frames as in `runtime/frames.py`); `python_redirect.py` and `node_redirect.cjs` lead AWS calls to the platform;
`python_retired.py` brings back what packages of older Pythons ask for.
"""
