#!/bin/sh
# install-tools.sh: the open tools that the checks of fpga-ref use, from Debian or Ubuntu. Needs root.
set -eu
apt-get update
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ghdl yosys verilator nextpnr-ice40 fpga-icestorm g++ make
