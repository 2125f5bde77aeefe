"""Lists of different lengths in another order."""

from hypothesis import given
from hypothesis import strategies as st

from recon.scan.regroup import regrouped


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3))))
def test_it_is_a_stable_sort_of_lists(entries):
    keys, counts = [k for k, _ in entries], [c for _, c in entries]
    lists = [[(n, i) for i in range(c)] for n, c in enumerate(counts)]
    flat = [element for one in lists for element in one]
    wanted = [e for n in sorted(range(len(keys)), key=keys.__getitem__) for e in lists[n]]
    assert [flat[place] for place in regrouped(keys, counts)] == wanted
