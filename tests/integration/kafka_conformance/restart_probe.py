"""`python -m ... write|read BOOTSTRAP TOPIC GROUP START`: a client process of its own for the restart tests.

Librdkafka has crashed the test process when a broker went away under the many clients of a long session.
"""

from __future__ import annotations

import sys

from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

WAIT_S = 20.0


def main(what: str, bootstrap: str, topic: str, group: str, start: int) -> str:
    """Write 100 records and a commit at 42, or say what is left: end, offset of a moment, commit."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    place = TopicPartition(topic, 0)
    if what == "write":
        admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(WAIT_S)
        producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0})
        for number in range(100):
            producer.produce(topic, b"x", partition=0, timestamp=start + number)
        asked = [ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0, 42)])]
        left = producer.flush(WAIT_S)
        altered = admin.alter_consumer_group_offsets(asked)[group].result(WAIT_S)
        return f"{left} {altered.topic_partitions[0].error}"
    asked = [ConsumerGroupTopicPartitions(group, [place])]
    (kept,) = admin.list_consumer_group_offsets(asked)[group].result(WAIT_S).topic_partitions
    specs = (OffsetSpec.latest(), OffsetSpec.for_timestamp(start + 70))
    end, moment = (admin.list_offsets({place: spec})[place].result(WAIT_S).offset for spec in specs)
    return f"{end} {moment} {kept.offset}"


if __name__ == "__main__":
    what, bootstrap, topic, group, start = sys.argv[1:]
    print(main(what, bootstrap, topic, group, int(start)))
