#!/usr/bin/env python3
"""Makes starts.tsv: random schedules and when they start, by programs that share no code with ours.

Maps are answered by APScheduler 3, which the manual's schedules were made for; strings by a matcher that tries every
minute of every day; both on the wall clock. Time zones are Python's. Needs `pip install "apscheduler<4" tzdata`.

    python3 engine/schedule/tests/oracle.py > engine/schedule/tests/starts.tsv

Columns: zone; seconds since 1970 after which starts are asked for; the schedule (`name=value;…` or a cron expression);
how many starts there are before 2200 (200 at most); the first three; the last; FNV-1a over all, each as decimal digits
and a line end. `--show LINE` prints all starts of a line.
"""

import random
import sys
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

SEED = 20261127
MAPS, STRINGS, STARTS = 1000, 1000, 200
UTC = timezone.utc
END = datetime(2200, 1, 1)
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
# Days on which clocks are changed, in UTC.
CHANGES = {
    "Europe/Zurich": ["2026-03-29 01:00", "2026-10-25 01:00", "2027-03-28 01:00", "2027-10-31 01:00"],
    "America/New_York": ["2026-03-08 07:00", "2026-11-01 06:00", "2027-03-14 07:00", "2027-11-07 06:00"],
    # By half an hour; and a day that did not exist.
    "Australia/Lord_Howe": ["2026-04-04 15:00", "2026-10-03 15:30"],
    "Pacific/Apia": ["2011-12-30 10:00"],
    "Asia/Kolkata": [],
    "UTC": [],
}
ZONES = ["Europe/Zurich"] * 5 + ["America/New_York"] * 5 + list(CHANGES)[2:]


# Random schedules

def item(rng, least, most, steps=True):
    """One item of a list."""
    kind = rng.randrange(4 if steps else 2)
    first = rng.randint(least, most)
    if kind == 0 or first == most:
        return str(first)
    if kind == 2:
        return "*/%d" % rng.randint(1, max(1, (most - least) // 2))
    last = rng.randint(first + 1, most)
    return "%d-%d" % (first, last) + ("/%d" % rng.randint(1, last - first) if kind == 3 else "")


def items(rng, least, most, steps=True):
    return ",".join(item(rng, least, most, steps) for _ in range(rng.choice([1, 1, 1, 2, 3])))


def names(rng, known):
    first = rng.randrange(len(known))
    last = rng.randrange(first, len(known))
    return known[first] if first == last or rng.random() < 0.5 else "%s-%s" % (known[first], known[last].upper())


def hours(rng):
    return rng.choice(["*", "0-4", "1,2", "2", "3", "1-3", "*/2", items(rng, 0, 23)])


def random_map(rng):
    make = {
        "year": lambda: rng.choice(["*", "2026-2030", "2027", "*/2", "2028,2032-2040/4"]),
        "month": lambda: rng.choice(["*", items(rng, 1, 12), names(rng, MONTHS), "3,10,11", "2"]),
        "day": lambda: rng.choice(["*", items(rng, 1, 31), "last", "29", "31", "last sun", "2nd fri", "5th mon",
                                   "1,last", "1st sun, 3rd sat", "15,last fri"]),
        "week": lambda: rng.choice(["*", items(rng, 1, 53), "53", "1"]),
        "day_of_week": lambda: rng.choice(["*", items(rng, 0, 6), names(rng, DAYS), "sun", "6"]),
        "hour": lambda: hours(rng),
        "minute": lambda: rng.choice(["*", "0", "30", "08", "*/5", items(rng, 0, 59)]),
        "second": lambda: rng.choice(["*", "30", "0", items(rng, 0, 59)]),
    }
    likely = {"year": 0.1, "month": 0.3, "day": 0.4, "week": 0.1, "day_of_week": 0.3, "hour": 0.7, "minute": 0.7,
              "second": 0.25}
    chosen = {}
    while not chosen:
        chosen = {name: make[name]() for name in make if rng.random() < likely[name]}
    return chosen


def random_string(rng):
    return " ".join([
        rng.choice(["*", "0", "30", "*/5", items(rng, 0, 59)]),
        hours(rng),
        rng.choice(["*", "*", "*/2", "31", "29", items(rng, 1, 31)]),
        rng.choice(["*", "*", "3,10,11", names(rng, MONTHS), items(rng, 1, 12)]),
        rng.choice(["*", "*", "0", "7", "1-5", "5-7", "*/2", "SUN", names(rng, DAYS[:6]), items(rng, 0, 7)]),
    ])


def random_time(rng, zone):
    """Every other one is within some hours of a change of the zone's clock."""
    if CHANGES[zone] and rng.random() < 0.6:
        change = datetime.fromisoformat(rng.choice(CHANGES[zone])).replace(tzinfo=UTC)
        return int(change.timestamp()) + rng.choice([0, -1, 1, rng.randint(-14400, 7200), rng.randint(-90000, 3600)])
    return rng.randint(1_577_836_800, 1_893_456_000)


# What they mean

def by_apscheduler(fields, local):
    """All wall-clock times from `local` on."""
    trigger = CronTrigger(timezone=UTC, end_date=END.replace(tzinfo=UTC), **fields)
    time = trigger.get_next_fire_time(None, local.replace(tzinfo=UTC))
    while time is not None:
        yield time.replace(tzinfo=None)
        time = trigger.get_next_fire_time(time, time)


def expand(text, least, most, known=()):
    values = set()
    for part in text.lower().split(","):
        part, _, step = part.partition("/")
        first, _, last = part.partition("-")
        number = lambda word: known.index(word) + least if word in known else int(word)
        first, last = (least, most) if first == "*" else (number(first), number(last or first))
        values.update(range(first, last + 1, int(step or 1)))
    return values


def by_trying(text, local):
    """Vixie's rules: of two restricted day fields one is enough; what begins with `*` restricts nothing by itself."""
    minute, hour, day, month, weekday = text.split()
    either = not day.startswith("*") and not weekday.startswith("*")
    minutes, hours_ = sorted(expand(minute, 0, 59)), sorted(expand(hour, 0, 23))
    days, months = expand(day, 1, 31), expand(month, 1, 12, MONTHS)
    weekdays = {value % 7 for value in expand(weekday, 0, 7, ["sun"] + DAYS[:6])}
    date = local.replace(hour=0, minute=0, second=0)
    while date < END:
        of_day, of_week = date.day in days, date.isoweekday() % 7 in weekdays
        if date.month in months and (of_day or of_week if either else of_day and of_week):
            for h in hours_:
                for m in minutes:
                    time = date.replace(hour=h, minute=m)
                    if time >= local:
                        yield time
        date += timedelta(days=1)


def instant(zone, local):
    """The first time that the zone's clock shows this, or the first moment after the gap."""
    early = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if early.astimezone(zone).replace(tzinfo=None) == local:
        return int(early.timestamp())
    before, after = local.replace(tzinfo=zone, fold=1), local.replace(tzinfo=zone, fold=0)
    low, high = int(before.timestamp()), int(after.timestamp())
    offset = lambda at: datetime.fromtimestamp(at, zone).utcoffset()
    target = offset(high)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if offset(middle) == target else (middle, high)
    return high


def starts(zone, after, schedule):
    zone = ZoneInfo(zone)
    local = datetime.fromtimestamp(after, zone).replace(tzinfo=None)
    times = by_apscheduler(schedule, local) if isinstance(schedule, dict) else by_trying(schedule, local)
    end = int(END.replace(tzinfo=UTC).timestamp())
    found = []
    for time in times:
        at = instant(zone, time)
        if at >= end or len(found) == STARTS:
            break
        if at > after and found[-1:] != [at]:
            found.append(at)
    return found


def digest(found):
    value = 0xCBF29CE484222325
    for byte in "".join("%d\n" % at for at in found).encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return "%016x" % value


def main():
    rng = random.Random(SEED)
    show = int(sys.argv[2]) if sys.argv[1:2] == ["--show"] else None
    for line in range(1, MAPS + STRINGS + 1):
        zone = rng.choice(ZONES)
        after = random_time(rng, zone)
        schedule = random_map(rng) if line <= MAPS else random_string(rng)
        if show not in (None, line):
            continue
        found = starts(zone, after, schedule)
        if show is not None:
            print(zone, after, schedule)
            print("\n".join("%d %s" % (at, datetime.fromtimestamp(at, ZoneInfo(zone))) for at in found))
            continue
        text = ";".join("%s=%s" % pair for pair in schedule.items()) if isinstance(schedule, dict) else schedule
        some = ",".join(map(str, found[:3]))
        print(zone, after, text, len(found), some, found[-1] if found else "", digest(found), sep="\t", flush=True)


if __name__ == "__main__":
    main()
