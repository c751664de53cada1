"""What a model is: its equations, its defaults, its networks with shapes and parameters."""

import dataclasses

import keras

from genkeras import atomic, registry
from genkeras.training.config import Config
from genkeras.training.errors import RunError
from genkeras.visualization import network_figure

# Joined, in a figure, with the layer before them, whose shape they keep.
_ATTACHED = (
    keras.layers.BatchNormalization,
    keras.layers.LayerNormalization,
    keras.layers.GroupNormalization,
    keras.layers.Activation,
    keras.layers.ReLU,
    keras.layers.LeakyReLU,
    keras.layers.ELU,
    keras.layers.Dropout,
)
# Of kinds of layers whose own name says less.
_NAMES = {"InputLayer": "Input", "Upsampling": "Conv2DTranspose"}


@dataclasses.dataclass(frozen=True)
class Layer:
    """A row of a network's table.

    Args:
        name: String, such as `Conv2D 64, 4×4, stride 2`.
        output_shape: Tuple of integers, without the batch.
        parameters: Integer. Trained ones and statistics.
        attached: Boolean. Whether it belongs to the layer before it.
    """

    name: str
    output_shape: tuple[int, ...]
    parameters: int
    attached: bool


@dataclasses.dataclass(frozen=True)
class Network:
    """A network of a model.

    Args:
        name: String, such as `generator`.
        layers: Tuple of `Layer`, inputs first.
        trainable, fixed: Integers. Parameters that training changes by gradients, and
            others (moving statistics).
    """

    name: str
    layers: tuple[Layer, ...]
    trainable: int
    fixed: int


@dataclasses.dataclass(frozen=True)
class Description:
    """What is printed and drawn of a model.

    Args:
        name: String. A key of `registry.MODELS`.
        title, paper, value_function: Strings, as in its `Recipe`.
        options: Dict of all options, `batch_size` and `epochs`.
        networks: Tuple of `Network`.
        optimizers: Dict of a network's name to its optimizer's kind and settings.
    """

    name: str
    title: str
    paper: str
    value_function: str
    options: dict
    networks: tuple[Network, ...]
    optimizers: dict


def describe(name, image_shape, num_classes, options):
    """Builds a model and describes it.

    Args:
        name: String. A key of `registry.MODELS`.
        image_shape: Tuple `(height, width, channels)`.
        num_classes: Integer. Classes of the data, for a conditional model.
        options: Dict of options that differ from the defaults.

    Returns:
        `Description`.

    Raises:
        RunError: If there is no such model or option, or it cannot be built like that.
    """
    try:
        recipe = registry.recipe(name)
        complete = recipe.complete(options)
    except ValueError as error:
        raise RunError(f"{name} cannot be built: {error}") from error
    # Built, and refused, as for a training: of no data, but so many classes.
    model = Config(
        model=name,
        dataset="",
        data={},
        image_shape=image_shape,
        class_names=None if num_classes is None else tuple(map(str, range(num_classes))),
        options={option: value for option, value in options.items() if option != "epochs"},
        epochs=complete["epochs"],
        seed=0,
        data_facts={},
    ).build_model()
    return Description(
        name=name,
        title=recipe.title,
        paper=recipe.paper,
        value_function=recipe.value_function,
        options=complete,
        networks=tuple(
            _network(network) for network in model.layers if isinstance(network, keras.Model)
        ),
        optimizers={name: _optimizer(each) for name, each in model.optimizers.items()},
    )


def to_text(description):
    """Returns a description for a terminal."""
    options = description.options
    width = max(map(len, options))
    lines = [
        f"{description.title} ({description.name})",
        description.paper,
        "",
        f"  {description.value_function}",
        "",
        "options",
        *(f"  {name.ljust(width)}  {options[name]}" for name in sorted(options)),
    ]
    for network in description.networks:
        rows = [
            (layer.name, shape_text(layer.output_shape), f"{layer.parameters:,}")
            for layer in network.layers
        ]
        rows = [("layer", "output shape", "parameters"), *rows]
        first, second, third = (max(len(row[column]) for row in rows) for column in range(3))
        lines += ["", network.name]
        lines += [f"  {a.ljust(first)}  {b.ljust(second)}  {c.rjust(third)}" for a, b, c in rows]
        lines += [f"  {_total(network)}"]
    total = sum(network.trainable for network in description.networks)
    return "\n".join([*lines, "", f"{total:,} trained parameters in all"])


def to_png(description):
    """Draws a description: one column of layers for each network.

    Args:
        description: `Description`.

    Returns:
        Bytes of a PNG file.
    """
    columns = [
        network_figure.Column(network.name, _boxes(network), _total(network))
        for network in description.networks
    ]
    return network_figure.draw_networks(
        description.title, description.value_function, description.paper, columns
    )


def draw(description, output):
    """Writes `to_png(description)` to a file."""
    atomic.write_bytes(output, to_png(description))


def shape_text(shape):
    """Returns `(7, 7, 128)` as `7×7×128`."""
    return "×".join(map(str, shape))


def _network(network):
    layers = []
    for layer in network.layers:
        shape = tuple(layer.output.shape[1:])
        layers.append(
            Layer(
                _layer_name(layer),
                shape,
                layer.count_params(),
                attached=isinstance(layer, _ATTACHED),
            )
        )
    trainable = sum(variable.value.shape.num_elements() for variable in network.trainable_variables)
    return Network(
        network.name, tuple(layers), int(trainable), network.count_params() - int(trainable)
    )


def _optimizer(optimizer):
    """Returns `Adam(learning_rate=0.001, beta_1=0.5, beta_2=0.999)` and the like."""
    # Scaling the loss changes no update.
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    settings = optimizer.get_config()
    shown = [
        f"{name}={settings[name]:g}"
        for name in ("learning_rate", "beta_1", "beta_2", "rho", "momentum")
        if settings.get(name) is not None
    ]
    return f"{type(optimizer).__name__}({', '.join(shown)})"


def _layer_name(layer):
    """Returns the kind of a layer with what its output shape does not tell."""
    kind = type(layer).__name__
    details = []
    if isinstance(layer, keras.layers.Activation):
        return layer.activation.__name__
    if isinstance(layer, keras.layers.Conv2D | keras.layers.Conv2DTranspose):
        details = ["×".join(map(str, layer.kernel_size)), f"stride {layer.strides[0]}"]
    if isinstance(layer, keras.layers.LeakyReLU):
        details = [f"{layer.negative_slope:g}"]
    if isinstance(layer, keras.layers.Dropout):
        details = [f"{layer.rate:g}"]
    activation = getattr(layer, "activation", None)
    if activation is not None and activation is not keras.activations.linear:
        details.append(activation.__name__)
    return " ".join(
        [
            _NAMES.get(kind, kind),
            ", ".join(details),
        ]
    ).strip()


def _boxes(network):
    """Returns the layers for a figure, each with those that are attached to it."""
    boxes = []
    for layer in network.layers:
        if layer.attached:
            lines, shape, parameters = boxes[-1]
            boxes[-1] = ([*lines, layer.name], shape, parameters + layer.parameters)
        else:
            boxes.append(([layer.name], shape_text(layer.output_shape), layer.parameters))
    return [network_figure.Box(tuple(lines), *rest) for lines, *rest in boxes]


def _total(network):
    fixed = f", {network.fixed:,} statistics" if network.fixed else ""
    return f"{network.trainable:,} trained parameters{fixed}"
