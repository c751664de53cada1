import pytest
from PIL import Image

from genkeras import registry
from genkeras.evaluation import description
from genkeras.training.errors import RunError


@pytest.mark.parametrize("name", registry.MODELS)
def test_every_model_can_be_described(name, tmp_path):
    described = description.describe(name, (28, 28, 1), 10, {"width": 4})
    model = registry.build(name, (28, 28, 1), num_classes=10, width=4)
    recipe = registry.recipe(name)
    text = description.to_text(described)
    for part in (recipe.title, recipe.paper, recipe.value_function, "batch_size", "epochs"):
        assert part in text
    trained = sum(variable.value.numpy().size for variable in model.trainable_variables)
    assert f"\n{trained:,} trained parameters in all" in text
    assert {network.name for network in described.networks} in (
        {"generator", "discriminator"},
        {"encoder", "decoder"},
        {"encoder", "decoder", "discriminator"},
    )
    for network in described.networks:
        real = getattr(model, network.name)
        assert network.trainable + network.fixed == real.count_params()
        assert sum(layer.parameters for layer in network.layers) == real.count_params()
        assert network.layers[-1].output_shape == real.output_shape[1:]
        assert len(network.layers) == len(real.layers)
    description.draw(described, tmp_path / "figure.png")
    assert min(Image.open(tmp_path / "figure.png").size) > 300


def test_table_of_a_network_by_hand():
    described = description.describe("nsgan", (28, 28, 3), None, {"width": 4, "latent_dim": 5})
    generator, discriminator = described.networks
    rows = [(layer.name, layer.output_shape, layer.parameters) for layer in discriminator.layers]
    assert rows[:4] == [
        ("Input", (28, 28, 3), 0),
        ("Conv2D 4×4, stride 2", (14, 14, 4), 4 * 4 * 3 * 4 + 4),
        ("LeakyReLU 0.2", (14, 14, 4), 0),
        ("Conv2D 4×4, stride 2", (7, 7, 8), 4 * 4 * 4 * 8),
    ]
    assert generator.layers[1].name == "Dense"
    assert generator.layers[1].parameters == 5 * 64
    assert generator.layers[-1].name == "tanh"
    # Moving mean and variance of 64, 392 and 4 units.
    assert generator.fixed == 2 * (64 + 392 + 4)
    text = description.to_text(described)
    assert "Conv2D 4×4, stride 2  14×14×4" in text
    assert f"{generator.trainable:,} trained parameters, {generator.fixed:,} statistics" in text


def test_figure_joins_what_belongs_to_a_layer(monkeypatch, tmp_path):
    drawn = []
    monkeypatch.setattr(
        description.network_figure, "draw_networks", lambda *parts: drawn.append(parts) or b"png"
    )
    described = description.describe("nsgan", (28, 28, 1), None, {"width": 4})
    description.draw(described, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes() == b"png"
    title, value_function, paper, columns = drawn[0]
    assert (title, value_function) == (described.title, described.value_function)
    assert paper == described.paper
    generator = columns[0]
    assert [box.names for box in generator.boxes] == [
        ("Input",),
        ("Dense", "BatchNormalization", "ReLU"),
        ("Dense", "BatchNormalization", "ReLU"),
        ("Reshape",),
        ("Conv2DTranspose 4×4, stride 2", "BatchNormalization", "ReLU"),
        ("Conv2DTranspose 4×4, stride 2", "tanh"),
    ]
    # 62·64 weights and four numbers per unit of batch norm.
    assert (generator.boxes[1].shape, generator.boxes[1].parameters) == ("64", 62 * 64 + 4 * 64)
    assert generator.boxes[-1].shape == "28×28×1"


def test_options_replace_defaults():
    described = description.describe("vae", (8, 8, 1), None, {"network": "infogan", "width": 2})
    assert described.options["latent_dim"] == 62
    assert described.networks[0].layers[-1].output_shape == (124,)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("nsgam", {}, "Did you mean 'nsgan'"),
        ("vae", {"widht": 3}, "did you mean 'width'"),
        ("vae", {"likelihood": "poisson"}, "likelihood='poisson' is unknown"),
        ("nsgan", {"width": "wide"}, "nsgan has width='wide'; expected a whole number"),
        ("nsgan", {"width": 100_000_000}, "width=100000000 is too large"),
    ],
)
def test_mistakes_are_named(name, options, message):
    with pytest.raises(RunError, match=message):
        description.describe(name, (28, 28, 1), None, options)


def test_what_does_not_fit_into_memory_is_told(monkeypatch):
    def build(*_, **__):
        raise MemoryError

    monkeypatch.setattr(registry, "build", build)
    with pytest.raises(RunError, match="nsgan of this size does not fit into memory"):
        description.describe("nsgan", (28, 28, 1), None, {})


def test_many_epochs_are_no_size():
    options = {"width": 2, "epochs": 100_000, "batch_size": 100_000}
    described = description.describe("nsgan", (8, 8, 1), None, options)
    assert described.options["epochs"] == described.options["batch_size"] == 100_000


def test_an_optimizer_is_told_in_mixed_precision_too():
    plain, mixed = (
        description.describe("nsgan", (28, 28, 1), None, {"width": 2, "precision": precision})
        for precision in ("float32", "mixed_float16")
    )
    assert mixed.optimizers == plain.optimizers
    assert plain.optimizers["generator"] == "Adam(learning_rate=0.001, beta_1=0.5, beta_2=0.999)"
