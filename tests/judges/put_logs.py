"""Puts events into the logs of an emulator with boto3, and says what has to be read.

    put_logs.py AWS_URL PREFIX GROUPS EVENTS

So many groups whose names start with PREFIX, in each so many events of the last hours in three streams, put in small
batches and not in the order of their times. Prints one JSON object: {"from", "to", "groups": {name: {stream: [[at, text]]}}},
times in Unix milliseconds, each stream in the order of its times.
"""

import json
import random
import sys
import time

import boto3

AWS_URL, PREFIX, GROUPS, EVENTS = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
STREAMS = ["AllTraffic/i-0a", "AllTraffic/i-0a/data-log", "2024/05/01/[$LATEST]0f"]
NASTY = ["", " \t", "\u202e\u05e9 \U0001f600", "\x1b[31mred", "a\nb\r\n", '{"a": "\\u0000"}', "x" * 50_000]
SEED = 20


def main():
    keys = {"aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "secret"}
    logs = boto3.client("logs", endpoint_url=AWS_URL, region_name="us-west-2", **keys)
    dice = random.Random(SEED)
    end = int(time.time()) * 1000
    start = end - 6 * 3_600_000
    wanted = {}
    for number in range(GROUPS):
        group = f"{PREFIX}{number:03}"
        logs.create_log_group(logGroupName=group)
        # The first and the last millisecond of the time are among them, and those that are next to it are not.
        times = [start, end - 1, *dice.sample(range(start + 1, end - 1), EVENTS - 2)]
        put = {stream: [] for stream in STREAMS}
        for index, at in enumerate(times):
            text = NASTY[index] if index < len(NASTY) else f"event {index} of {group}"
            put[dice.choice(STREAMS)].append((at, text or "."))
        for stream, events in put.items():
            logs.create_log_stream(logGroupName=group, logStreamName=stream)
            outside = [(start - 1, "before"), (end, "after")]
            batches = [events[first : first + 100] for first in range(0, len(events), 100)]
            dice.shuffle(batches)
            for batch in [*batches, outside]:
                # Within a batch AWS wants the order of time.
                sent = [{"timestamp": at, "message": text} for at, text in sorted(batch)]
                logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=sent)
        wanted[group] = {stream: sorted(events) for stream, events in put.items()}
    print(json.dumps({"from": start, "to": end, "groups": wanted}))


if __name__ == "__main__":
    main()
