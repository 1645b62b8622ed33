#!/bin/sh
# Prints the Python that the virtual environment is made with: one of 3.11 to 3.13 that can make one and has headers.
#
# An interpreter that was compiled with its own profile runs a node by a third faster than one that wasn't. `python3`
# is taken if it is such a one; if not, the distribution's, which always are; if there is none that fits, `python3`.

fits='
import ensurepip, os, sys, sysconfig, venv
sys.exit(not ((3, 11) <= sys.version_info < (3, 14) and os.path.exists(sysconfig.get_path("include") + "/Python.h")))'
profiled='
import sys, sysconfig
sys.exit("--enable-optimizations" not in (sysconfig.get_config_var("CONFIG_ARGS") or ""))'

if python3 -c "$fits" 2>/dev/null && python3 -c "$profiled" 2>/dev/null; then
    echo python3
    exit
fi
for python in /usr/bin/python3.13 /usr/bin/python3.12 /usr/bin/python3.11; do
    if "$python" -c "$fits" 2>/dev/null; then
        echo "$python"
        exit
    fi
done
echo python3
