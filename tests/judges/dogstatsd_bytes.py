"""Says what Datadog's own DogStatsD client puts on the wire.

Standard input is a JSON list of calls, standard output the JSON list of their datagrams:

    {"kind": "gauge", "name": .., "value": .., "tags": [..]}            also with "timestamp"
    {"kind": "count", "name": .., "value": .., "tags": [..]}            also with "timestamp"
    {"kind": "event", "title": .., "text": .., "tags": [..]}            also with "alert_type", "aggregation_key"
    {"kind": "service_check", "name": .., "status": 0..3, "tags": [..]} also with "message"
"""

import json
import os
import socket
import sys


def send(client, call):
    kind = call.pop("kind")
    if kind in ("gauge", "count") and "timestamp" in call:
        kind += "_with_timestamp"
    if kind == "service_check":
        call["check_name"] = call.pop("name")
    elif kind != "event":
        call["metric"] = call.pop("name")
    if kind == "event":
        call["message"] = call.pop("text")
    getattr(client, kind)(**call)


def main():
    # The client reads tags and more from the environment; the bytes must depend on the calls alone.
    for name in [name for name in os.environ if name.startswith(("DD_", "DATADOG_"))]:
        del os.environ[name]
    from datadog.dogstatsd.base import DogStatsd

    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", 0))
    receiver.settimeout(5)
    client = DogStatsd(
        host="127.0.0.1",
        port=receiver.getsockname()[1],
        disable_telemetry=True,
        disable_buffering=True,
        disable_aggregation=True,
        origin_detection_enabled=False,
    )
    datagrams = []
    for call in json.load(sys.stdin):
        send(client, call)
        # The client ends a metric with a newline, which the protocol lets a sender leave out.
        datagrams.append(receiver.recv(65536).decode().rstrip("\n"))
    print(json.dumps(datagrams))


if __name__ == "__main__":
    main()
