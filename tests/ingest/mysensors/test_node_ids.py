"""The ring of ids that were given and never heard, with a clock that is turned by hand."""

from random import Random

import pytest

from ingest.mysensors.node_ids import NODE_IDS, REST_S, NodeIds

HOUR = 3600


def network(nodes):
    """A gateway with so many nodes of 254."""
    return NodeIds(used={0, *range(1, nodes + 1), 255})


def bootloader(start, end):
    """A deaf MYSBootloader: token 255, every 2 s."""
    return [(start + 2.0 * n, 255) for n in range(int((end - start) / 2))]


def library(start, end, seed):
    """A deaf node of library 2.2 and later: a new token each time, 4 tries 2 s apart, then 10 s of pause."""
    random, requests, at = Random(seed), [], start
    while at < end:
        requests += [(at + 2.0 * n, random.randrange(256)) for n in range(4)]
        at += 18.0
    return requests


def copied(requests, seed):
    """The same, some of them received twice within milliseconds."""
    random = Random(seed)
    return [
        (at + extra, token) for at, token in requests for extra in (0.0, 0.03)[: 1 + (random.random() < 0.3)]
    ]


def play(ids, requests):
    """Every id that is given, as (at, id); checks what holds whatever asks."""
    used, last, given = set(ids.used), {}, []
    for at, token in sorted(requests):
        node_id = ids.give(token, at)
        if node_id is None:
            continue
        assert node_id not in used and 1 <= node_id <= NODE_IDS
        assert at - last.get(node_id, -REST_S) >= REST_S, "two nodes may have received this id"
        assert len(ids.ring) <= 8
        last[node_id] = at
        given.append((at, node_id))
    return given


DEAF = {
    "bootloader": bootloader(0, HOUR),
    "library": library(0, HOUR, 1),
    "two bootloaders at once": bootloader(0, HOUR) + bootloader(0.3, HOUR),
    "bootloader and library": bootloader(0, HOUR) + library(0.1, HOUR, 2),
    "with second copies of the radio": copied(bootloader(0, HOUR), 3),
    "five of a kind": [request for n in range(5) for request in bootloader(n / 10, HOUR)],
}


@pytest.mark.parametrize("requests", DEAF.values(), ids=DEAF)
@pytest.mark.parametrize("left", [254, 54, 40, 8, 3, 1])
def test_nodes_that_hear_no_answer_use_up_eight_ids_at_the_most(requests, left):
    ids = network(NODE_IDS - left)
    given = play(ids, requests)
    assert len({node_id for _, node_id in given}) <= min(8, left)
    assert given[-1][0] > HOUR - 40, "they go on getting answers"
    assert ids.left == left


@pytest.mark.parametrize("requests", DEAF.values(), ids=DEAF)
def test_with_no_id_left_they_get_none(requests):
    ids = network(NODE_IDS)
    assert play(ids, requests) == [] and ids.left == 0 and ids.ring == []


def test_a_real_new_node_gets_its_id_at_once_beside_a_deaf_one():
    ids = network(200)
    for at, token in bootloader(0, HOUR):
        ids.give(token, at)
    new = ids.give(79, HOUR + 0.5)
    assert new is not None
    ids.hear({new})
    assert ids.left == 53 and new not in {given.node_id for given in ids.ring}


@pytest.mark.parametrize("token", [255, 79, 0])
@pytest.mark.parametrize("apart", [0.0, 0.01, 2.0, 9.9])
def test_two_nodes_with_the_same_token_get_two_ids(token, apart):
    ids = network(3)
    assert [ids.give(token, 100.0), ids.give(token, 100.0 + apart)] == [4, 5]


def test_a_repeated_request_gets_the_oldest_that_rested_another_token_another_id():
    ids = network(0)
    assert [ids.give(255, at) for at in (0, 2, 4, 6, 8)] == [1, 2, 3, 4, 5]
    assert ids.give(255, 10) == 1
    assert ids.give(17, 10) == 6
    assert ids.give(255, 30) == 2  # not 6: another node may have that


def test_a_node_that_is_heard_leaves_the_ring_and_a_deleted_one_frees_its_id():
    ids = NodeIds()
    assert ids.give(9, 0) == 1
    ids.hear([1, 255])
    assert ids.ring == [] and ids.give(9, 60) == 2
    ids.free(1)
    assert ids.give(33, 61) == 1


def test_the_only_id_that_a_deletion_frees_is_given_at_once():
    ids = network(254)
    assert ids.give(255, 0) is None
    ids.free(7)
    assert (ids.left, ids.give(255, 0.1), ids.left) == (1, 7, 1)


def test_an_import_takes_an_id_out_of_the_ring():
    ids = NodeIds()
    assert ids.give(9, 0) == 1
    ids.hear({1, 2, 3})  # what `merge_imported` does
    assert ids.ring == []
    assert ids.give(9, 60) == 4
