#!/bin/sh
# As pinsensor.sh with two workers, on both CPUs: beside raw-node-2.
PINSENSOR_WORKERS=2 PINSENSOR_FACTS=cpus=0,1 . "$(dirname "$0")/pinsensor.sh"
