"""The command ``dmmix`` and its verbs."""

from dmmix.cli.output import write_any_character

write_any_character()
