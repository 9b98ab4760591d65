"""A thread looks at the file where another program has written, and now and then."""

from ingest.process.due_looks import DueLooks


def test_a_look_is_due_at_first_and_where_another_program_has_written():
    changes = 0
    looks = DueLooks(lambda: changes)
    assert looks.is_due()
    assert not looks.is_due()
    changes = 1
    assert looks.is_due()
    assert not looks.is_due()


def test_a_look_is_due_when_the_time_is_over():
    looks = DueLooks(lambda: 0, quiet_s=0.0)
    assert looks.is_due()
    assert looks.is_due()
    looks = DueLooks(lambda: 0)
    looks.is_due()
    looks.look_within(30.0)
    assert not looks.is_due()
    looks.look_within(0.0)
    assert looks.is_due()


def test_every_look_is_due_where_nobody_counts():
    looks = DueLooks()
    assert looks.is_due()
    assert looks.is_due()
