"""What a benchmark of a cluster measures, and what it says of it."""

import json

from recon.cluster.speed import run, text
from tests.support.clusters import threads


def test_a_cluster_is_measured_beside_one_process():
    with threads(2) as cluster:
        figures = run(cluster, (24, 20), 12, 20.0)
    figures = json.loads(json.dumps(figures))
    assert figures["parts"] == 2
    for name in ("building_ms", "redraw_draft_ms", "redraw_exact_ms"):
        assert set(figures[name]) == {"one process", "cluster"}
        assert min(figures[name].values()) > 0
    # Eight bytes for each frequency up to 2 k0, whoever has it; and coefficients alone there.
    reach_y, reach_x = (int(2 * 0.5987 * n * 0.316) for n in (24, 20))
    rectangle = 8 * (2 * reach_y + 1) * (reach_x + 1)
    assert 0.8 * rectangle < figures["traffic_bytes"]["received"] <= rectangle
    assert figures["traffic_bytes"]["sent"] < 4000
    said = text(figures)
    assert "24 × 20 positions, 12 pixels across; 2 workers" in said
    assert "planned" in said
