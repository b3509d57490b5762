"""The process itself: its log, signals, threads and progress."""
