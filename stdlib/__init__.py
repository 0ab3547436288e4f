"""The standard library of pybpfc, written in its language: `from pybpfc.stdlib import task, net`."""

if __name__ == "stdlib":
    raise ImportError("import this package as pybpfc.stdlib")
