"""Steps of a program: what each does, and how the script beside the fakes has them taken (harness/python.mjs)."""

import hashlib
import json
import sys


def main(session, steps, refusals):
    """Prints the names of the steps, then takes each step that is named on a line of its own, and prints what came of it."""
    print(json.dumps([step.__name__ for step in steps]), flush=True)
    by_name = {step.__name__: step for step in steps + refusals}
    for line in sys.stdin:
        name, base, key = json.loads(line)
        try:
            result = by_name[name](session(base, key), base)
        except Exception as error:  # what the program is told
            result = {"raised": type(error).__name__, "message": str(error)}
        print(json.dumps(result), flush=True)


def pieces():
    """A body in pieces of several sizes."""
    for n in range(300):
        yield (b"piece %03d " % n) * (1 + n * 37 % 400)


def same_file(chunks):
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()
