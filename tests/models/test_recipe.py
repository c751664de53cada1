import pytest

from genkeras.models.recipe import Recipe, build_options


@pytest.fixture
def recipe():
    return Recipe(
        title="Test model",
        paper="-",
        value_function="-",
        build=lambda image_shape: None,
        defaults={"network": "small", "rate": 0.1},
        dataset_epochs={"long": 40},
        variants=(
            "network",
            {
                "small": {"latent_dim": 2, "batch_size": 8, "epochs": 5},
                "large": {"latent_dim": 20, "batch_size": 8},
                "other": {"batch_size": 8, "epochs": 5, "dataset_epochs": {"long": 50}},
            },
        ),
    )


def test_complete_fills_in_the_variant(recipe):
    assert recipe.complete({}) == {
        "network": "small",
        "rate": 0.1,
        "latent_dim": 2,
        "batch_size": 8,
        "epochs": 5,
        "precision": "float32",
        "sync_batch_norm": False,
    }
    assert recipe.complete({"network": "large", "rate": 1})["latent_dim"] == 20
    assert recipe.complete({"network": "large"}, "long")["epochs"] == 40
    other = recipe.complete({"network": "other"}, "long")
    assert other["epochs"] == 50
    assert "dataset_epochs" not in other
    assert recipe.complete({"network": "other"})["epochs"] == 5


def test_changed_compares_with_the_default_of_the_variant(recipe):
    assert recipe.changed({"latent_dim": 2, "rate": 0.1}) == {}
    assert recipe.changed({"network": "large", "latent_dim": 2}) == {
        "network": "large",
        "latent_dim": 2,
    }
    assert recipe.changed({"network": "large", "latent_dim": 20}) == {"network": "large"}


def test_unknown_names_are_refused(recipe):
    with pytest.raises(ValueError, match=r"no option 'latent_dims'; did you mean 'latent_dim'\?"):
        recipe.complete({"latent_dims": 3})
    with pytest.raises(ValueError, match=r"network='huge' is unknown; use one of"):
        recipe.complete({"network": "huge"})


def test_build_options_leave_training_out(recipe):
    assert build_options(recipe.complete({})) == {"network": "small", "rate": 0.1, "latent_dim": 2}
