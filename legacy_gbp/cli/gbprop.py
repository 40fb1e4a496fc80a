"""``gbprop``: where does the network look? Maps of the predicted class's logit."""

import contextlib
import os
import re
from typing import Any, Dict, List, Optional

from legacy_gbp.attribution import METHODS, bound_method
from legacy_gbp.batch.stop import Stop, stoppable
from legacy_gbp.cli import option_types
from legacy_gbp.cli.parser import Options, Parser
from legacy_gbp.cli.restored_options import add_restored_arguments
from legacy_gbp.errors import InputError
from legacy_gbp.exercises.definitions import Exercise
from legacy_gbp.io.console import print_line

HELP = "show where the network looks"
EXAMPLE = "gbprop --compare --output maps.h5"
SUFFIX = "-maps.h5"
PLAIN, GUIDED = "gradient", "guided"


def add_arguments(parser: Parser, exercise: Exercise) -> None:
    """Add the options of the command.

    Parameters
    ----------
    parser : Parser
    exercise : Exercise
    """
    add_restored_arguments(parser, exercise, "maps")
    _add_method_arguments(parser)
    shown = "all" if exercise.shown_class is None else exercise.shown_class
    parser.add_argument(
        "--only-class",
        type=option_types.class_of(exercise),
        metavar="K|all",
        help=f"shots predicted as this class ({shown})",
    )
    parser.add_argument(
        "--limit", type=option_types.positive, metavar="N", help="stop after N maps"
    )
    parser.add_argument(
        "--figure",
        metavar="PREFIX",
        type=option_types.path,
        default=f"{exercise.name}_gbprop",
        help=f"pages go to PREFIX-001.png, ... ({exercise.name}_gbprop)",
    )
    parser.add_argument(
        "--pages",
        type=option_types.not_negative,
        default=4,
        metavar="N",
        help="most pages to draw (4)",
    )
    parser.add_argument(
        "--show", action="store_true", help="step through a window: Enter for the next, q to quit"
    )


def _add_method_arguments(parser: Parser) -> None:
    parser.add_argument(
        "--method",
        choices=tuple(METHODS),
        default=GUIDED,
        help="how to explain the logit (guided)",
    )
    parser.add_argument("--layer", metavar="NAME", help="the layer that Grad-CAM looks at")
    parser.add_argument(
        "--compress",
        action="store_true",
        help="maps through gzip: less room, several times the time",
    )
    parser.add_argument(
        "--compare",
        action="store_true",
        help="show the plain gradient and the guided map side by side",
    )
    parser.add_argument(
        "--historical",
        action="store_true",
        help="the layer-by-layer algorithm of 2016, with its NaN workaround",
    )


def run(options: Options) -> None:
    """Make maps and pages.

    Parameters
    ----------
    options : Options
    """
    from legacy_gbp.cli.restore import restore
    from legacy_gbp.cli.work import find_work

    exercise: Exercise = options.exercise
    if options.historical and options.method not in (PLAIN, GUIDED):
        raise InputError(
            f"--historical knows no {options.method}; choose guided or gradient, as in 2016"
        )
    with contextlib.ExitStack() as stack:
        window = stack.enter_context(_figures().Window()) if options.show else None
        work = find_work(exercise, options, SUFFIX, options.figure)
        if not work.planned:
            return
        source = restore(exercise, work)
        net = stack.enter_context(_network(source, options.historical))
        explained_by = _Explainer(exercise, options, source, net, window)
        stop = stack.enter_context(stoppable(options.requeue))
        for planned in stop.between(work.planned, len(work.planned)):
            explained_by.make(planned, stop)
            stop.finished += 1


def _network(source: Any, historical: bool) -> Any:
    from legacy_gbp.attribution.network import Network
    from legacy_gbp.exercises.layer_by_layer import LayerByLayer

    return Network(source, LayerByLayer) if historical else Network(source)


def _figures() -> Any:
    try:
        from legacy_gbp import figures
    except ValueError as error:  # matplotlib reads its settings when imported
        raise InputError(f"matplotlib does not start ({error}); unset MPLBACKEND") from error
    return figures


class _Explainer:
    """Makes the results of one run of the command."""

    def __init__(
        self, exercise: Exercise, options: Options, source: Any, net: Any, window: Optional[Any]
    ) -> None:
        from legacy_gbp.rules.relu import OVERRIDES

        self._exercise, self._options, self._source = exercise, options, source
        self._net, self._window = net, window
        self._rule = options.method if options.method in OVERRIDES else None
        if self._rule:
            net.under(self._rule)  # opened first, this graph also has the logits
        names = [options.method]
        if options.compare:
            names = sorted({PLAIN, GUIDED, options.method}, key=list(METHODS).index)
        self._methods = {name: bound_method(name, net, options.layer) for name in names}

    def make(self, planned: Any, stop: Stop) -> None:
        """Make one result and its pages, and say so."""
        from legacy_gbp.attribution.pipeline import explain_batches
        from legacy_gbp.cli.restore import recorded
        from legacy_gbp.data.batches import count_file_by_file, file_by_file

        exercise, options, shots = self._exercise, self._options, planned.shots
        size = options.batch_size or exercise.predict_batch_size
        count, shown = count_file_by_file(shots, size), 0
        with contextlib.ExitStack() as stack:
            record = stack.enter_context(recorded(exercise, options, planned, self._source))
            figure = planned.figure
            pages = stack.enter_context(_figures().Pages(figure, self._title(), options.pages))
            batches, asked = file_by_file(shots, size), self._asked(shots)

            def write(found: Any) -> None:
                record(found.indices, **self._columns(found))

            # Closed first: where a row cannot be written, no page appears either.
            explained = stack.enter_context(
                contextlib.closing(
                    explain_batches(self._net, batches, count, asked, write, "gbprop")
                )
            )
            for found in stop.between(explained, count):
                shown += len(found.indices)
                if not self._draw(shots, found, pages):
                    break
        self._report(planned, shown, pages.paths)

    def _asked(self, shots: Any) -> Any:
        from legacy_gbp.attribution.pipeline import Explanation

        wanted = self._options.only_class
        wanted = self._exercise.shown_class if wanted is None else wanted
        limit = self._options.limit
        return Explanation(
            self._methods,
            "predicted",
            shots.name,
            only_class=None if wanted == "all" else wanted,
            limit=None if limit is None or limit >= len(shots) else limit,
            logits_from=self._rule,
            concurrent=not self._options.historical,  # as in 2016
        )

    def _columns(self, found: Any) -> Dict[str, Any]:
        columns = {"logits": found.logits, "target": found.predicted}
        for name, maps in found.maps.items():
            own = name == self._options.method
            columns["maps" if own else "maps_" + self._map_name(name)] = maps
        return columns

    def _map_name(self, name: str) -> str:
        """Layer by layer the plain map of 2016 is not the gradient."""
        return "unguided" if self._options.historical and name == PLAIN else name

    def _draw(self, shots: Any, found: Any, pages: Any) -> bool:
        """Put shots on pages and into the window; False when the reader quits."""
        for k, index in enumerate(found.indices):
            caption = self._caption(shots, index, found.predicted[k])
            panels = [("image", found.images[k, :, :, 0])]
            panels += [
                (self._map_name(name), maps[k, :, :, 0]) for name, maps in found.maps.items()
            ]
            pages.add(caption, panels)
            if self._window and not self._window.show(caption, panels):
                return False
        return True

    def _caption(self, shots: Any, index: int, predicted: int) -> str:
        """Run, chunk and row, the predicted class, and the label where it differs."""
        from legacy_gbp.data.xtcav import NO_LABEL

        name = os.path.basename(shots.paths[shots.files[index]])
        known = re.search(r"r\d+-c\d+", name)
        where = known.group() if known else name[:16]
        text = f"{where}/{shots.rows[index]}: {self._exercise.classes[predicted]}"
        label = shots.labels[index]
        return text if label in (NO_LABEL, predicted) else f"{text} (label {label})"

    def _title(self) -> str:
        method = self._map_name(self._options.method)
        year = ", as in 2016" if self._options.historical else ""
        exercise = self._exercise
        return f"{exercise.name}, {exercise.title}: {method} map of the predicted class{year}"

    def _report(self, planned: Any, shown: int, pages: List[str]) -> None:
        print_line(f"-- {shown} maps of {len(planned.shots)} samples")
        if not shown:
            classes = ", ".join(f"{k} {name}" for k, name in enumerate(self._exercise.classes))
            print_line(
                f"-- no shot is predicted as the shown class; see --only-class ({classes})",
            )
        if planned.path:
            print_line(f"-- maps in {planned.path}")
        for path in pages:
            print_line(f"-- page {path}")
