"""What ``legacy-gbp explain`` made: gathered batch by batch, then drawn and reported."""

import dataclasses
import functools
import operator
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from legacy_gbp.attribution.target_forms import PREDICTED
from legacy_gbp.cli.target_words import Target
from legacy_gbp.errors import Finding
from legacy_gbp.io.console import print_line

IMAGES_ON_A_PAGE = 12
LEAST_PICTURE = 8  # rows and columns

# Of an image: its caption, itself, and its maps by name.
Shown = Tuple[str, Any, List[Tuple[str, Any]]]


class Coverage(NamedTuple):
    """Which nonlinearities a rule missed.

    Attributes
    ----------
    missed : list of Finding
        Sorted; empty where every one takes the rule.
    total : int
        Of the nonlinearities.
    """

    missed: List[Finding]
    total: int

    def method(self, name: str) -> str:
        """Return the name of a method, which says where its rule missed something.

        Parameters
        ----------
        name : str

        Returns
        -------
        str
        """
        return f"{name} (partial)" if self.missed else name

    def __str__(self) -> str:
        return f"{len(self.missed)} of {self.total} nonlinearities missed"


def coverage_of(net: Any) -> Coverage:
    """Return what the graphs of a network say that they missed.

    Parameters
    ----------
    net : legacy_gbp.Network
        With every graph built that its maps need.

    Returns
    -------
    Coverage
    """
    findings = {finding for graph in net.open_graphs() for finding in graph.findings}
    missed = sorted(finding for finding in findings if not finding.took)
    return Coverage(missed, len({finding.name for finding in findings}))


@dataclasses.dataclass
class Outcome:
    """What a run made.

    Attributes
    ----------
    method : str
    asked : str
        The target, as the user wrote it.
    target : legacy_gbp.cli.target_option.Target
    images : legacy_gbp.data.images.ImageSet
    count : int
        Of the images that are explained.
    coverage : Coverage
        Known when all is explained, like the `notices`.
    notices : list of str
        What else a reader of the maps must know.
    zero_maps : list of str
        Names of images.
    reshaped : list of str
        How the page shows inputs that are flat; empty or one line.
    shown : list of (str, array, list of (str, array))
        Of the first images: caption, image, and its maps by name.
    unit_shape : tuple of int
        Of the output of one image.
    class_axis : int
        Of the classes in that output, counted from the end.
    output : str
        The tensor that is explained.
    wrt : str or None
        What the maps are differentiated with respect to, where it is not the images.
    """

    method: str
    asked: str
    target: Target
    images: Any
    count: int
    coverage: Coverage = dataclasses.field(default_factory=lambda: Coverage([], 0))
    notices: List[str] = dataclasses.field(default_factory=list)
    zero_maps: List[str] = dataclasses.field(default_factory=list)
    reshaped: List[str] = dataclasses.field(default_factory=list)
    shown: List[Shown] = dataclasses.field(default_factory=list)
    unit_shape: Tuple[int, ...] = ()
    class_axis: int = -1
    output: str = ""
    wrt: Optional[str] = None

    def add(self, found: Any, net: Any) -> None:
        """Keep what the page and the report show of a batch.

        Parameters
        ----------
        found : legacy_gbp.attribution.pipeline.Explained
        net : legacy_gbp.Network
        """
        import numpy as np

        input_t = net.open_graphs()[0].endpoints.input_ts[0]
        self.unit_shape = found.logits.shape[1:]
        self.class_axis = net.open_graphs()[0].class_axis
        axes = np.ndim(found.images)
        for k, index in enumerate(found.indices):
            name = self.images.name(index)
            if not found.maps[self.method][k].any():
                self.zero_maps.append(name)
            if len(self.shown) < IMAGES_ON_A_PAGE:
                maps = [
                    (self._panel(method, found, k), _to_draw(values[k : k + 1], input_t, axes))
                    for method, values in found.maps.items()
                ]
                largest = self.target.ranked(found.logits[k], self.class_axis)
                caption = f"{name[-18:]}: {largest}"
                image = _to_draw(found.images[k : k + 1], input_t, axes)
                self.shown.append((caption, image, maps))
                self.reshaped = _reshaped(image, found.images[k])

    def close(self, net: Any) -> None:
        """Ask the graphs what they missed, when all is explained.

        Parameters
        ----------
        net : legacy_gbp.Network
        """
        self.coverage = coverage_of(net)
        self.output = net.open_graphs()[0].endpoints.logits_t.name
        self.notices += [
            *self._about_units(),
            *self._about_names(),
            *self.images.notes(),
            *_notices(net, self.asked.startswith("layer:")),
        ]

    def _panel(self, name: str, found: Any, k: int) -> str:
        """Return the name of a map, and what it explains where images differ in that."""
        method, _, rank = name.partition("_top")
        if len(self.target.forms) > 1:
            unit = self.target.ranked(found.logits[k], self.class_axis, int(rank or 1))
        else:
            unit = self.target.of_image(int(found.indices[k]), self.class_axis)
        return f"{method} of {unit}" if unit else method

    def _about_names(self) -> List[str]:
        """Say where there are other names of classes than classes."""
        shape, names = self.unit_shape, self.target.names
        classes = shape[self.class_axis] if len(shape) >= -self.class_axis else 1
        if not names or len(names) == classes:
            return []
        number = f"{classes} classes" if classes > 1 else "one number an image"
        return [
            f"--labels has {len(names)} names, and the output {number}: check that they are of "
            "this model, in its order"
        ]

    def _about_units(self) -> List[str]:
        """Say what the default means where the output is no row of classes."""
        shape = self.unit_shape
        if self.asked != PREDICTED or (len(shape) == 1 and shape[0] > 1):
            return []
        count = functools.reduce(operator.mul, shape, 1)
        if count == 1:
            return ["the output is one number an image, which is explained"]
        return [
            f"the output of an image has the shape {shape}: the largest of its {count} units is "
            "explained; --target ROW,COLUMN,... names another, --target mean takes all"
        ]

    def draw(self, path: str, model: str, record: Mapping[str, str]) -> None:
        """Write the page of the first images.

        Parameters
        ----------
        path : str
            PNG.
        model : str
            Name, for the title.
        record : dict of str to str
            Texts that the file carries too.
        """
        from legacy_gbp import figures

        method = self.coverage.method(self.method)
        named, facts = self.method, {"Method": method}
        if self.coverage.missed:
            names = ", ".join(finding.name for finding in self.coverage.missed)
            named = f"{self.method} (PARTIAL: {self.coverage})"
            facts["Partial"] = f"{self.coverage}: {names}"
        title = f"{model}: {named} of {self._words()}"
        shown = [
            (caption, image, [(self._covered(name, method), m) for name, m in maps])
            for caption, image, maps in self.shown
        ]
        page = figures.explained_page(
            title, shown, self.images.rows_are_energy, self.images.notes()
        )
        figures.save(page, path, {"Title": title, **facts, **record})
        self.notices += [*self.reshaped, *figures.page_notices(shown)]

    def _words(self) -> str:
        """Return what is explained, in words."""
        words = self.target.words(self.asked, self.class_axis)
        return f"{words}, with respect to {self.wrt}" if self.wrt else words

    def _covered(self, panel: str, method: str) -> str:
        """Return the name of a panel; that of the method says where its rule missed something."""
        name, of, unit = panel.partition(" of ")
        return f"{method if name == self.method else name}{of}{unit}"

    def report(self, preparation: str) -> None:
        """Print what was made.

        Parameters
        ----------
        preparation : str
            What was done to the images, in words; ``none`` says nothing.
        """
        method = self.coverage.method(self.method)
        lines = [f"{self.count} maps by {method} of {self._words()}"]
        if preparation != "none":
            lines.append(f"images are prepared: {preparation}")
        lines += self.notices
        missed = self.coverage.missed
        if missed:
            lines.append(
                f"partial: {len(missed)} nonlinearities went backwards by the chain rule, such as "
                f"{missed[0].name}"
            )
        if self.zero_maps:
            lines.append(
                f"{len(self.zero_maps)} maps are all zero, such as that of {self.zero_maps[0]}: "
                "nothing that speaks for the target gets through"
            )
        for line in lines:
            print_line(f"-- {line}")


def _notices(net: Any, of_a_layer: bool) -> List[str]:
    """Return what the audits of all graphs notice, once each; a layer has no final operation."""
    found: Dict[str, None] = {}
    for graph in net.open_graphs():
        for notice in graph.report.notices:
            found[f"{notice.name}: {notice.text}"] = None
        for name in () if of_a_layer else graph.endpoints.stepped_over:
            found[f"{name}: the final operation is stepped over, what it reads is explained"] = None
        for name in graph.endpoints.removed_overrides:
            found[f"{name}: a gradient override of its exporter was removed"] = None
        if graph.report.notices and graph.endpoints.flags:
            found[f"flags that --feed sets: {', '.join(graph.endpoints.flags)}"] = None
    return list(found)


def _to_draw(batch: Any, input_t: Any, axes: int) -> Any:
    """Return one input or map as it is drawn: channels last, with one where it has none.

    Flat inputs get the shape that the network makes of them. A map of another number of axes
    than the `axes` of the inputs, as at a hidden layer, is not changed.
    """
    import numpy as np

    from legacy_gbp.graph.layout import layout_of_input, unflattened

    batch = np.asarray(batch)
    if batch.ndim != axes:
        return batch[0]
    image_t = unflattened(input_t)
    if image_t is not None:
        batch, input_t = batch.reshape(-1, *image_t.shape.as_list()[1:]), image_t
    layout = layout_of_input(input_t, batch.ndim)
    _, *sizes = batch.shape
    if layout.channels is None or (layout.channels == 2 and _is_square_picture(sizes)):
        return batch[0][..., None]
    return np.moveaxis(batch, layout.channels, -1)[0]


def _reshaped(image: Any, stored: Any) -> List[str]:
    """Say that a flat input is drawn as the network reshapes it."""
    if stored.ndim != 1 or image.ndim == 1 or image.shape == (stored.size, 1):
        return []
    shape = " x ".join(str(size) for size in image.shape)
    return [f"the page shows {stored.size} values as {shape}, as the network reshapes them"]


def _is_square_picture(sizes: Sequence[int]) -> bool:
    """Return whether a series has as many channels as steps: a picture that is read by rows."""
    return len(sizes) == 2 and sizes[0] == sizes[1] > LEAST_PICTURE
