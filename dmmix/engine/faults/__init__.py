"""What goes wrong with the numbers of a run: how it is noticed, told and, if asked for, undone."""
