"""The kernel's constants under their own names: `from pybpfc.uapi import XDP_PASS, ETH_P_IP`."""

from pybpfc.abi.uapi import *  # noqa: F403
