"""The shape of telemetry.db: the tables as migrations and the views as data, one file a subject.

Tables are made by sqlite-utils migrations and never change under a reader's feet. Views carry no data, so
they are compared with the file at every start and made again where they differ.
"""
