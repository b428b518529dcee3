"""A folder of pictures becomes a data set: `python -m pipelines.label`.

`classes` says what is looked for, `work` finds it on one picture, `manifest` remembers what was done,
`run` carries it through, `formats` writes it down, and `sheet` shows it to a person.
"""
