"""What commands tell of the past: releases, runs, and rows that wait."""
