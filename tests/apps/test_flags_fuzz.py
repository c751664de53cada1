"""Command lines of any kind are read, or refused in a sentence; never a traceback."""

import contextlib
import io

import hypothesis
import hypothesis.strategies as st
import pytest

from apps import command_line, dcgan, flags, runner, vae, wae

GROUPS = (flags.RUN, flags.SCORES, flags.SCORING, vae.FLAGS, vae.DRAWING, wae.FLAGS, flags.DATA)
GROUP = {name: flag for group in (*GROUPS, dcgan.MODEL) for name, flag in group.items()}
SPELLINGS = sorted({spelling for name, flag in GROUP.items() for spelling in (name, *flag.aliases)})

VALUES = st.one_of(
    st.text(max_size=12),
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(
        ["", "True", "no", "nan", "1e999", "0x10", "~", "~no_such_user/x", "a,b,,c", "1_0"]
    ),
)
NAMES = st.one_of(st.sampled_from(SPELLINGS), st.text(max_size=8))
DASHES = st.sampled_from(["--", "-", "", "---", "--no", "–"])
WORDS = st.one_of(
    st.builds(lambda dashes, name, value: f"{dashes}{name}={value}", DASHES, NAMES, VALUES),
    st.builds(lambda dashes, name: f"{dashes}{name}", DASHES, NAMES),
    VALUES,
    st.sampled_from(["--", "-", "--help", "--flagfile=x", "--undefok=z_dim", "--=1", "\0"]),
)


@hypothesis.settings(max_examples=200, deadline=None)
@hypothesis.given(st.lists(WORDS, max_size=6))
def test_any_words_give_values_or_a_usage_error(words):
    values = None
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(flags.UsageError):
        asks_for_help = {"--help", "-help", "-h", "--helpfull"} & set(words)
        with pytest.raises(SystemExit) if asks_for_help else contextlib.nullcontext():
            values = command_line.parse(words, "A program.", GROUP)
            runner.state_every(values)
    if values is None:
        return
    assert values.keys() == GROUP.keys()
    for name, flag in GROUP.items():
        value = values[name]
        if value is None:
            continue
        kinds = {"integer": int, "float": float, "boolean": bool, "list": list}
        assert type(value) is kinds.get(flag.kind, str)
        if flag.minimum is not None:
            assert value >= flag.minimum
        if flag.maximum is not None:
            assert value <= flag.maximum
        if flag.values:
            assert value in flag.values
