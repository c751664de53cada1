"""The direction of imports, and what must not be imported early."""

import ast
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]

# Room -> rooms of ours it may import, beside itself. `genkeras.atomic` serves the rooms that
# write files.
ALLOWED = {
    "apps": {"genkeras"},
    "genkeras.data": {"genkeras.atomic"},
    "genkeras.visualization": set(),
    "genkeras.metrics": {"genkeras.atomic"},
    "genkeras.networks": set(),
    "genkeras.models": {"genkeras.networks"},
    "genkeras.registry": {"genkeras.models"},
    "genkeras.training": {
        "genkeras",
        "genkeras.atomic",
        "genkeras.data",
        "genkeras.metrics",
        "genkeras.models",
        "genkeras.registry",
        "genkeras.visualization",
    },
    "genkeras.evaluation": {
        "genkeras",
        "genkeras.atomic",
        "genkeras.data",
        "genkeras.metrics",
        "genkeras.models",
        "genkeras.registry",
        "genkeras.training",
        "genkeras.visualization",
    },
    "genkeras.serving": {
        "genkeras",
        "genkeras.atomic",
        "genkeras.data",
        "genkeras.models",
        "genkeras.registry",
        "genkeras.training",
        "genkeras.visualization",
    },
    "genkeras.atomic": set(),
    "genkeras": set(),
}


def _files():
    return [
        path for folder in ("genkeras", "apps") for path in sorted((ROOT / folder).rglob("*.py"))
    ]


def _module(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _room(module):
    # The package itself is a room of one file: every other file lies in one of its rooms.
    names = [
        room
        for room in ALLOWED
        if module == room or (room != "genkeras" and module.startswith(room + "."))
    ]
    assert names, f"{module} lies in no room: ALLOWED has to say what it may import"
    return max(names, key=len)


def _imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}, line {node.lineno}: imports name the whole module"
            for alias in node.names:
                # `from genkeras import registry` imports a module, not a name of one.
                full = f"{node.module}.{alias.name}"
                is_module = (ROOT / pathlib.Path(*full.split("."))).with_suffix(".py").exists()
                is_package = (ROOT / pathlib.Path(*full.split("."))).is_dir()
                yield full if is_module or is_package else node.module


@pytest.mark.parametrize("path", _files(), ids=_module)
def test_imports_go_one_way(path):
    room = _room(_module(path))
    for name in _imports(path):
        if name.split(".")[0] in ("genkeras", "apps"):
            target = _room(name)
            allowed = {room, *ALLOWED[room]}
            fits = target in allowed or ("genkeras" in ALLOWED["apps"] and room == "apps")
            assert fits, f"{_module(path)} must not import {name}"
        if name.split(".")[0] == "absl":
            assert room == "apps", "absl belongs to the apps"


def test_files_in_no_room_and_relative_imports_do_not_pass(tmp_path):
    with pytest.raises(AssertionError, match="lies in no room"):
        _room("genkeras.anything.file")
    path = tmp_path / "file.py"
    path.write_text("from ..training import state\n")
    with pytest.raises(AssertionError, match="line 1: imports name the whole module"):
        list(_imports(path))


def test_nothing_we_read_is_executed():
    for path in _files():
        text = path.read_text(encoding="utf-8")
        for word in ("load_model", "pickle", "eval(", "exec(", "marshal"):
            allowed = text.count("allow_pickle=False") + text.count("no pickle")
            found = text.count(word)
            assert found == (allowed if word == "pickle" else 0), f"{path} holds {word}"


@pytest.mark.parametrize(
    "module",
    sorted(path.stem for path in (ROOT / "apps").glob("*.py") if "def main(" in path.read_text()),
)
def test_help_and_flag_errors_need_no_tensorflow(module):
    code = (
        f"import sys; from apps import {module} as app\n"
        "try:\n    app.main(['--help'])\nexcept SystemExit as stop:\n    assert stop.code == 0\n"
        "assert app.main(['--no_such_flag=1']) == 2\n"
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "no_such_flag" in done.stderr
    assert "--" in done.stdout
