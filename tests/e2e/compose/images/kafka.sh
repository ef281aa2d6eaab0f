#!/bin/sh
# Stands in for the official image's entry: KAFKA_ variables become properties, storage is formatted once.
set -eu
conf=/tmp/kafka.properties
env | grep '^KAFKA_' | grep -v '^KAFKA_HEAP_OPTS=' | while IFS='=' read -r key value; do
  echo "$(echo "${key#KAFKA_}" | tr 'A-Z_' 'a-z.')=$value"
done >"$conf"
export CLASSPATH='/opt/kafka/libs/*'
run="java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 ${KAFKA_HEAP_OPTS:-} -Dlog4j2.configurationFile=/opt/kafka/log4j2.properties"
[ -f "$KAFKA_LOG_DIRS/meta.properties" ] || $run kafka.tools.StorageTool format -t "$CLUSTER_ID" -c "$conf"
exec $run kafka.Kafka "$conf"
