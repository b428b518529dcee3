"""Memory that was freed goes back to the system."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
MOST = 16e6  # bytes that are free and still this process's
SCRIPT = """
import ctypes, io, random, threading
from PIL import Image
from pipelines import heap, pictures

class Books(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks",
        "keepcost",
    )]

if not SETTLED:
    print("left")
elif not heap.settle():
    print("other")
    raise SystemExit
libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Books
files = []
for number in range(8):
    file = io.BytesIO()
    Image.linear_gradient("L").resize((2000 + 100 * number, 1500)).convert("RGB").save(file, "JPEG")
    files.append(file.getvalue())
pictures.KEPT_DECODED = 40_000_000
store = pictures.Pictures()

def visit(data):
    picture = store.open(data)
    store.image(picture).resize((512, 512), reducing_gap=2.0)

dice = random.Random(0)
for _ in range(8):
    threads = [threading.Thread(target=visit, args=(dice.choice(files),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
print(libc.mallinfo2().fordblks)
"""


def left(settled: bool) -> str:
    """What a process says that opened pictures in many threads."""
    command = [sys.executable, "-c", SCRIPT.replace("SETTLED", str(settled))]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()[-1]


def test_many_threads_that_open_pictures_leave_no_holes():
    said = left(True)
    if said == "other":
        return  # another allocator, which is left as it is
    assert int(said) < MOST < int(left(False))
