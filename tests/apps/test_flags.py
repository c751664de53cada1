import pytest

from apps import command_line, flags

GROUP = {
    "latent_dim": flags.MODEL["latent_dim"],
    "crop": flags.DATA["crop"],
    "max_bad_fraction": flags.DATA["max_bad_fraction"],
    "crop_mode": flags.DATA["crop_mode"],
    "dataset": flags.DATA["dataset"],
    "names": flags.Flag("list", "Names."),
    "pretrain": flags.Flag("boolean", "A boolean with another name.", ("e_pretrain",)),
    "output": flags.Flag("path", "Where to."),
}


def _parse(*words):
    return command_line.parse(words, "A program.", GROUP)


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
        (["-crop", "False"], False),
        (["--crop", "--dim_z=2"], True),
    ],
)
def test_booleans_are_booleans(words, value):
    assert _parse(*words)["crop"] is value


def test_aliases_of_booleans_are_booleans():
    assert _parse("--e_pretrain", "False")["pretrain"] is False
    assert _parse("--noe_pretrain")["pretrain"] is False


def test_home_folders_are_expanded(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert _parse("--output=~/a.png")["output"] == f"{tmp_path}/a.png"
    assert _parse("--output=~/pictures/")["output"] == f"{tmp_path}/pictures/"
    assert _parse("--output=b.png")["output"] == "b.png"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--max_bad_fraction=nan"], "^--max_bad_fraction=nan: expected a finite number"),
        (["--output="], "^--output= is empty: give it a value, or leave it out"),
        (["--output", " "], "^--output= is empty"),
        (["--dataset="], "^--dataset= is empty"),
        (["--dataset", " "], "^--dataset= is empty"),
        (["--names="], "^--names= is empty"),
        (["--names=,"], "^--names= is empty"),
        (["--crop_mode="], "center"),
        (["--crop", "yes"], "^--crop=yes: expected true or false.$"),
        (["--e_pretrain", "N"], "^--e_pretrain=N: expected true or false.$"),
        (["--crop="], "^--crop=: expected true or false.$"),
        (["--dim_z="], "^--dim_z=: expected a whole number, at least 1.$"),
        (["--crop", "maybe"], "Did not understand 'maybe'"),
        (["word"], "Did not understand 'word'"),
        (["--crop=maybe"], "^--crop=maybe: expected true or false.$"),
        (["--dim_z=two: 2"], "^--dim_z=two: 2: expected a whole number, at least 1.$"),
        (["--dim_z=1.5"], "^--dim_z=1.5: expected a whole number, at least 1.$"),
        (["--dim_z=0"], "^--dim_z=0: expected a whole number, at least 1.$"),
        (
            ["--max_bad_fraction=1.5"],
            "^--max_bad_fraction=1.5: expected a number, at least 0.0, at most 1.0.$",
        ),
        (["--crop_mode=left"], "center"),
        (["--latent_dimm=2"], "Unknown command line flag 'latent_dimm'. Did you mean: latent_dim"),
        (["--dim_z"], "Missing value for flag --dim_z"),
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
    for name in ("A program.", "--latent_dim, --dim_z, --z_dim, --zdim", "One of: center, wae"):
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


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "0", "-1"])
def test_a_rate_is_finite_and_above_zero(value):
    with pytest.raises(flags.UsageError, match="learning_rate"):
        command_line.parse([f"--learning_rate={value}"], "A program.", flags.MODEL)


def test_the_home_of_a_user_who_is_not_there():
    with pytest.raises(flags.UsageError, match="--output=~no_such_user/x: there is no such user"):
        _parse("--output=~no_such_user/x")


def test_a_negated_boolean_takes_no_value():
    with pytest.raises(flags.UsageError, match="does not take an argument"):
        _parse("--nocrop=")


@pytest.mark.parametrize("word", ["--dataset=folder:/a\udcff", "--output=\udcff", "b\udcff"])
def test_words_that_are_not_utf_8(word):
    """As Python hands over bytes that it cannot decode."""
    with pytest.raises(flags.UsageError, match=r"\\udcff', which is not UTF-8"):
        _parse(word)
