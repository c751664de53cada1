import json

import numpy as np
import pytest

import genkeras
from genkeras.training import experiment, host, state


def test_facts_name_versions_threads_and_devices():
    facts = host.facts()
    assert json.loads(json.dumps(facts)) == facts
    assert facts["tensorflow"].count(".") == 2
    assert facts["threads"] >= 1
    assert facts["devices"][0] == "CPU"
    assert facts["processor"]


def test_the_same_host_is_no_news(caplog):
    host.warn_of_differences(json.loads(json.dumps(host.facts())))
    assert not caplog.records


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("genkeras", "0.0.1", f"genkeras was 0.0.1 and is {genkeras.__version__}"),
        ("tensorflow", "2.0.0", "tensorflow was 2.0.0 and is 2."),
        ("threads", 999, "threads was 999 and is "),
        ("devices", ["CPU", "H100"], "devices was ['CPU', 'H100'] and is ['CPU']"),
        ("XLA_FLAGS", "--fast", "XLA_FLAGS was --fast and is not set"),
    ],
)
def test_a_difference_is_told(caplog, monkeypatch, name, value, text):
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    host.facts.cache_clear()
    host.warn_of_differences(host.facts() | {name: value})
    (record,) = caplog.records
    assert text in record.getMessage()
    assert "last bits" in record.getMessage()


@pytest.mark.parametrize(
    "name",
    [
        "TF_ENABLE_ONEDNN_OPTS",
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
        "NVIDIA_TF32_OVERRIDE",
    ],
)
def test_an_environment_variable_that_changes_arithmetic_is_a_fact(monkeypatch, caplog, name):
    monkeypatch.delenv(name, raising=False)
    host.facts.cache_clear()
    without = host.facts()
    monkeypatch.setenv(name, "0")
    host.facts.cache_clear()
    assert host.facts()[name] == "0"
    host.warn_of_differences(without)
    assert f"{name} was not set and is 0." in caplog.text
    # The state of an earlier version does not say how it was.
    caplog.clear()
    del without[name]
    host.warn_of_differences(without)
    assert not caplog.records
    monkeypatch.undo()
    host.facts.cache_clear()


def test_a_state_holds_them(tmp_path):
    state.save(tmp_path, 1, {"a": np.zeros(1)}, {})
    assert state.load_newest(tmp_path)[1]["host"] == host.facts()


def test_a_run_that_is_gone_on_with_elsewhere_is_told_so(prepare, caplog, monkeypatch):
    experiment.train(prepare("run", 1))
    experiment.train(prepare("run", 2))
    assert "last bits" not in caplog.text
    elsewhere = host.facts() | {"threads": 999}
    monkeypatch.setattr(host, "facts", lambda: elsewhere)
    experiment.train(prepare("run", 3))
    assert "threads was" in caplog.text
    # From here on it is this host's.
    caplog.clear()
    experiment.train(prepare("run", 4))
    assert "last bits" not in caplog.text
