import pytest

from apps import flags

GROUP = {
    "latent_dim": flags.MODEL["latent_dim"],
    "crop": flags.DATA["crop"],
    "max_bad_fraction": flags.DATA["max_bad_fraction"],
    "crop_mode": flags.DATA["crop_mode"],
    "dataset": flags.DATA["dataset"],
    "names": flags.Flag("list", "Names."),
}


def _parse(*words):
    return flags.parse(words, "A program.", GROUP)


def test_nothing_given_is_none():
    assert set(_parse().values()) == {None}


@pytest.mark.parametrize("spelling", ["latent_dim", "dim_z", "z_dim", "zdim"])
def test_aliases(spelling):
    assert _parse(f"--{spelling}=7")["latent_dim"] == 7
    assert _parse(f"--{spelling}", "7")["latent_dim"] == 7


def test_aliases_with_two_values_are_an_error():
    with pytest.raises(flags.UsageError, match=r"--dim_z=3 and --z_dim=4 are the same flag"):
        _parse("--dim_z=3", "--z_dim=4")
    assert _parse("--dim_z=3", "--z_dim=3")["latent_dim"] == 3


@pytest.mark.parametrize(
    ("words", "value"),
    [
        (["--crop"], True),
        (["--nocrop"], False),
        (["--crop=False"], False),
        (["--crop=true"], True),
        (["--crop", "False"], False),
        (["--crop", "true"], True),
        (["--crop", "0"], False),
        (["--crop", "--dim_z=2"], True),
    ],
)
def test_booleans_are_booleans(words, value):
    assert _parse(*words)["crop"] is value


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--crop", "maybe"], "Did not understand 'maybe'"),
        (["word"], "Did not understand 'word'"),
        (["--crop=maybe"], "crop"),
        (["--dim_z=two"], "two"),
        (["--dim_z=0"], "latent_dim|dim_z"),
        (["--max_bad_fraction=1.5"], "max_bad_fraction"),
        (["--crop_mode=left"], "center"),
        (["--latent_dimm=2"], "latent_dim"),
        (["--dim_z"], "dim_z"),
    ],
)
def test_what_makes_no_sense_is_refused(words, message):
    with pytest.raises(flags.UsageError, match=message):
        _parse(*words)


def test_lists():
    assert _parse("--names=gan,vae")["names"] == ["gan", "vae"]


def test_help_names_every_flag_and_alias(capsys):
    with pytest.raises(SystemExit) as stop:
        _parse("--help")
    assert stop.value.code == 0
    text = capsys.readouterr().out
    for name in ("A program.", "--latent_dim, --dim_z, --z_dim, --zdim", "--crop_mode"):
        assert name in text


def test_given_and_require():
    values = _parse("--dim_z=2")
    assert flags.given(values, GROUP) == {"latent_dim": 2}
    flags.require(values, "latent_dim")
    with pytest.raises(flags.UsageError, match="--dataset is needed"):
        flags.require(values, "dataset")


def test_every_flag_of_every_group_has_one_name():
    groups = (flags.DATA, flags.RUN, flags.MODEL, flags.ADAM, flags.GAN)
    names = [
        spelling
        for group in groups
        for name, flag in group.items()
        for spelling in (name, *flag.aliases)
    ]
    assert len(names) == len(set(names))
