"""Write a day's minutes to a journal, saying each that is on the disk; run by a test that kills it."""

import sys

from kwx.live.journal.journal import Journal
from tests.kwx.live.journal.made_journal import DAY, an_origin, lived, wild_day

journal = Journal(sys.argv[1])
journal.begin(an_origin())
for record in lived(wild_day(200, settles=False)):
    journal.append(DAY, record)
    sys.stdout.write(f"{record.minute_utc.timestamp():.0f}\n")
    sys.stdout.flush()
