import os

# Tests must give the same result whatever runs beside them, and toy models gain nothing from threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")
