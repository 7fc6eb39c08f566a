"""Writes cronsim.tsv: random expressions in several zones, and their next runs by cronsim (Debian's rules).

Run by hand when the generator changes: python3 -m venv v && v/bin/pip install cronsim==2.8 tzdata && v/bin/python make.py > cronsim.tsv
Columns: expression, zone, the moment to start from, the next runs (seconds since the epoch).
"""

import random
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

ZONES = ["UTC", "UTC", "Asia/Tokyo", "Asia/Kathmandu", "Europe/Berlin", "America/New_York", "Australia/Sydney"]
MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
DAYS = "SUN MON TUE WED THU FRI SAT".split()
random.seed(20261130)


def element(low, high, names=None):
    name = lambda value: names[value - low] if names and random.random() < 0.4 else str(value)
    # Two different ends: cronsim reads 2-2/7 as 2/7, from 2 to the end, where cron has only 2.
    first, last = sorted(random.sample(range(low, high + 1), 2))
    return random.choice([
        lambda: name(first),
        lambda: name(first),
        lambda: f"{name(first)}-{name(last)}",
        lambda: f"{first}-{last}/{random.randint(1, 7)}",
        lambda: f"*/{random.randint(1, min(high, 31))}",
    ])()


def field(low, high, names=None, stars=0.3, extra=()):
    if random.random() < stars:
        return "*"
    if extra and random.random() < 0.2:
        return random.choice(extra)()
    return ",".join(element(low, high, names) for _ in range(random.choice([1, 1, 1, 2, 3])))


def expression():
    weekday = [lambda: f"{random.randint(0, 6)}#{random.randint(1, 5)}", lambda: f"{random.choice(DAYS)}#{random.randint(1, 4)}",
               lambda: f"{random.randint(0, 6)}L"]
    return " ".join([
        field(0, 59, stars=0.2), field(0, 23), field(1, 31, stars=0.4, extra=[lambda: "L", lambda: "LW"]),
        field(1, 12, MONTHS, stars=0.6), field(0, 6, DAYS, stars=0.4, extra=weekday),
    ])


def main():
    count = 0
    while count < 3000:
        text, zone = expression(), random.choice(ZONES)
        start = random.randint(1767225600, 1893456000)
        try:
            runs = CronSim(text, datetime.fromtimestamp(start, ZoneInfo(zone)))
            times = [int(next(runs).astimezone(timezone.utc).timestamp()) for _ in range(4)]
        except (CronSimError, StopIteration):
            continue
        print(text, zone, start, ",".join(map(str, times)), sep="\t")
        count += 1


main()
