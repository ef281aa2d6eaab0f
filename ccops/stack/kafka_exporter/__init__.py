"""Lag of consumer groups as metrics: the names, labels and job of danielqsj/kafka_exporter 1.9.0."""
