"""What the job is made of, and what other commands share with it: opening, planning, seeding."""
