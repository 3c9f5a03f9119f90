"""Table 19.1.1 of Dive into Deep Learning, and its conditional version, as spaces."""

import numpy as np

from rung.space import Categorical, Float, Int, Space, param

TABLE = Space(
    {
        "learning_rate": Float(1e-6, 1e-1, log=True),
        "batch_size": Int(8, 256, log=True),
        "momentum": Float(0, 0.99),
        "activation": Categorical(["tanh", "relu"]),
        "num_units": Int(32, 1024, log=True),
        "num_layers": Int(1, 6),
    }
)
CONDITIONAL = Space(
    {
        **{
            name: TABLE[name]
            for name in ("learning_rate", "batch_size", "momentum", "activation", "num_layers")
        },
        **{f"units_{i}": Int(32, 1024, log=True).when(param("num_layers") >= i) for i in range(1, 7)},
    }
)


def test_table_19_1_1():
    rng = np.random.default_rng(0)
    configs = [TABLE.sample(rng) for _ in range(2000)]
    low = {name: min(c[name] for c in configs) for name in TABLE if name != "activation"}
    high = {name: max(c[name] for c in configs) for name in TABLE if name != "activation"}
    assert 1e-6 <= low["learning_rate"] < 2e-6
    assert 8e-2 < high["learning_rate"] <= 1e-1
    assert (low["batch_size"], high["batch_size"]) == (8, 256)
    assert (low["num_layers"], high["num_layers"]) == (1, 6)
    assert 0 <= low["momentum"] < 0.01
    assert 0.98 < high["momentum"] <= 0.99
    assert {c["activation"] for c in configs} == {"tanh", "relu"}
    decades = np.histogram(np.log10([c["learning_rate"] for c in configs]), bins=[-6, -5, -4, -3, -2, -1])[0]
    assert (abs(decades - 400) < 60).all(), "each decade is equally likely"


def test_each_layer_has_units_of_its_own():
    rng = np.random.default_rng(0)
    for config in (CONDITIONAL.sample(rng) for _ in range(200)):
        widths = [name for name in config if name.startswith("units_")]
        assert widths == [f"units_{i}" for i in range(1, config["num_layers"] + 1)]


def test_the_conditional_table_in_the_cube():
    config = CONDITIONAL.sample(np.random.default_rng(1)) | {"num_layers": 1}
    config = {name: config[name] for name in config if name[:6] != "units_"} | {"units_1": 64}
    assert np.isnan(CONDITIONAL.encode([config])[0, 6:]).all()
    assert not np.isnan(CONDITIONAL.encode([config])[0, :6]).any()
