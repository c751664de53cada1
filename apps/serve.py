"""Serves samplers over HTTP: TensorFlow Serving's REST protocol, and a page to explore them.

python -m apps.serve --model_dir=samplers
python -m apps.serve --model_dir=checkpoints/vae/mnist/default/export --port=8502
"""

import contextlib
import importlib.util
import sys

from apps import command_line, flags, runner

FLAGS = {
    "model_dir": flags.Flag(
        "path",
        "Folder of samplers, the --output of apps.export. A new version in it is served without "
        "a restart.",
    ),
    "host": flags.Flag(
        "string",
        "Address to listen at; 0.0.0.0 lets other machines in. There is no password. Default: "
        "127.0.0.1.",
        default="127.0.0.1",
    ),
    "port": flags.Flag(
        "integer",
        "Port; 0: any that is free. Default: 8501.",
        default=8501,
        minimum=0,
        maximum=65535,
    ),
    "explorer": flags.Flag(
        "boolean",
        "The page at /, which needs gradio. Default: when it is installed.",
    ),
    "max_batch_size": flags.Flag(
        "integer",
        "Rows that are computed at once, of one request or of several; 1: requests are not "
        "joined. Default: 64.",
        default=64,
        minimum=1,
        maximum=65536,
    ),
    "batch_delay": flags.Flag(
        "float",
        "Milliseconds for which a request waits for others to be joined with. Default: 0, those "
        "that came while the batch before was computed.",
        default=0.0,
        minimum=0.0,
        maximum=10_000.0,
    ),
    "max_rows": flags.Flag(
        "integer", "Rows of a request at most. Default: 256.", default=256, minimum=1, maximum=65536
    ),
    "max_body_mb": flags.Flag(
        "integer",
        "Megabytes of a request at most. Default: 16.",
        default=16,
        minimum=1,
        maximum=1024,
    ),
    "max_queue": flags.Flag(
        "integer",
        "Requests that wait, are computed or answered at once; more are told to come again. "
        "Default: 128.",
        default=128,
        minimum=1,
        maximum=65536,
    ),
}


def main(argv=None):
    return runner.run(_serve, argv)


def _serve(words):
    values = command_line.parse(words, __doc__, FLAGS)
    flags.require(values, "model_dir")
    try:
        _run(values)
    except KeyboardInterrupt:
        print("Stopped before a request could come.", file=sys.stderr)
    else:
        print("Stopped.", file=sys.stderr)


def _run(values):
    from genkeras.training.errors import RunError

    try:
        from genkeras.serving import listening, server
    except ImportError as error:
        raise RunError(
            f"apps.serve needs packages that cannot be imported ({error}): pip install '.[serve]'"
        ) from error
    from genkeras.serving.repository import Repository

    explorer = _wants_explorer(values["explorer"])
    with listening.listen(values["host"], values["port"]) as listener:
        repository = Repository(values["model_dir"])
        repository.refresh()
        if not repository.names:
            raise RunError(
                f"None of the samplers in --model_dir={values['model_dir']} can be served; the "
                "lines above say why."
            )
        limits = server.Limits(
            max_batch_size=values["max_batch_size"],
            batch_delay=values["batch_delay"] / 1000,
            max_rows=values["max_rows"],
            max_body=values["max_body_mb"] << 20,
            max_queue=values["max_queue"],
        )
        service = server.Service(repository, limits)
        app, stop = server.create_app(service), []
        with contextlib.ExitStack() as held:
            if explorer:
                from genkeras.serving.explorer import mount, private_folder

                held.enter_context(private_folder())
                app = mount(app, service)
                stop.append(app.stop)
            host, port = listener.getsockname()[:2]
            host = f"[{host}]" if ":" in host else host
            print(f"Serving http://{host}:{port} until Ctrl-C", flush=True)
            listening.run(app, listener, limits.max_queue, *stop)


def _wants_explorer(asked):
    there = importlib.util.find_spec("gradio") is not None
    if asked and not there:
        from genkeras.training.errors import RunError

        raise RunError("--explorer needs gradio, which is not installed: pip install '.[explorer]'")
    return there if asked is None else asked


if __name__ == "__main__":
    sys.exit(main())
