"""What does not fit together in a run, said before anything is trained or tested."""
