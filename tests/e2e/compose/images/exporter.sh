#!/bin/sh
# Stands in for danielqsj/kafka-exporter: ccops' own exporter has the same metric names.
set -eu
exec /opt/ccops/bin/python -P -m ccops.stack.kafka_exporter --bootstrap "${1#--kafka.server=}" --host 0.0.0.0 --port 9308
