"""Make attacks, all or those named: prints how many tries each had, and how many went wrong."""

import sys
import time
from collections import Counter

from attack import load

attacks = load()
failed = 0
for name in sys.argv[1:] or attacks:
    made, many, _ = attacks[name]
    start, tries, wrong = time.monotonic(), 0, Counter()
    for result in made(many, 1):
        tries += 1
        wrong.update([result] if result else [])
    failed += wrong.total()
    print(
        f"{name:30} {tries:8,} tries {wrong.total():6,} wrong {time.monotonic() - start:8.0f} s", flush=True
    )
    for text, count in wrong.most_common(10):
        print(f"    {count} x {text}", flush=True)
sys.exit(bool(failed))
