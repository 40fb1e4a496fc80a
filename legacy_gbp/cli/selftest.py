"""``legacy-gbp selftest``: published numbers, and the same questions asked of a user's model."""

import numpy as np

from legacy_gbp.cli.open_model import open_model
from legacy_gbp.cli.quiet_tensorflow import load_quietly
from legacy_gbp.errors import InputError

RULES = ("gradient", "guided", "deconvnet")
IMAGES = 3
STEP = 1e-3  # of the images' range, for finite differences


def run(_, options):
    """Print one line a check; refuse with the first that failed."""
    load_quietly()
    from legacy_gbp.attribution.published_numbers import CHECKS

    failed = [name for name, check in CHECKS.items() if not _said(name, *check())]
    if options.model:
        source, kind = open_model(options)
        print(f"-- {options.model}: {kind}", flush=True)
        failed += [name for name, *found in _of_model(source) if not _said(name, *found)]
    if failed:
        raise InputError(f"selftest failed: {', '.join(failed)}; do not trust maps made here")
    print("-- all passed", flush=True)


def _said(name, passed, figure):
    print(f"{'passed' if passed else 'FAILED'}  {name}: {figure}", flush=True)
    return passed


def _of_model(source):
    """Yield (name, passed, figure) of the checks on a model, for random images."""
    from legacy_gbp.attribution.network import Network
    from legacy_gbp.attribution.target import seeded

    with Network(source, allow_partial=True) as net:
        images = _images(net.under("gradient").ends)
        plain, seeds = seeded(net, "gradient", images, "predicted")
        logits = plain.logits(images)
        yield "logits are finite", np.isfinite(logits).all(), f"largest {np.abs(logits).max():.3g}"
        for rule in RULES[1:]:
            model = net.under(rule)
            took = sum(finding.took for finding in model.audit)
            yield (
                f"{rule} reaches every nonlinearity",
                took == len(model.audit),
                f"{took} of {len(model.audit)}",
            )
            error = _relative(model.logits(images), logits)
            yield f"{rule} leaves the forward pass alone", error < 1e-6, f"{error:.1e}"
            together = model.gradient(images, seeds)
            alone = [model.gradient(_part(images, k), seeds[k : k + 1]) for k in range(IMAGES)]
            error = max(
                _relative(np.concatenate(parts), whole)
                for parts, whole in zip(zip(*map(_tuple, alone)), _tuple(together))
            )
            yield f"{rule}: a batch is its single images", error < 1e-5, f"{error:.1e}"
        error = _finite_differences(plain, images, seeds)
        yield "gradient against finite differences", error < 2e-2, f"{error:.1e} relative"


def _images(ends):
    """Random images of the input's shape; open sizes are taken as 64."""
    rng = np.random.default_rng(0)
    drawn = []
    for tensor_t in ends.input_ts:
        if tensor_t.shape.rank is None:
            raise InputError(f"input {tensor_t.name} has no shape; name another by --input")
        shape = [size or 64 for size in tensor_t.shape.as_list()[1:]]
        images = rng.uniform(0, 1, (IMAGES, *shape))
        drawn.append(images.astype(tensor_t.dtype.as_numpy_dtype))
    return drawn[0] if len(drawn) == 1 else tuple(drawn)


def _finite_differences(model, images, seeds):
    """Change of the seeded output along the gradient's direction against its length.

    A step may cross kinks of ReLUs: the median of several sizes is taken.
    """
    gradient = _tuple(model.gradient(images, seeds))
    length = np.sqrt(sum((part.astype(float) ** 2).sum() for part in gradient))
    if length == 0:
        return 0.0
    errors = []
    for step in (STEP, STEP / 3, STEP * 3):
        ends = []
        for sign in (1, -1):
            moved = tuple(
                (image + sign * step * part / length).astype(image.dtype)
                for image, part in zip(_tuple(images), gradient)
            )
            moved = moved if len(moved) > 1 else moved[0]
            ends.append((model.output(moved).astype(float) * seeds).sum())
        errors.append(abs((ends[0] - ends[1]) / (2 * step) / length - 1))
    return float(np.median(errors))


def _tuple(values):
    return values if isinstance(values, tuple) else (values,)


def _part(images, k):
    return tuple(x[k : k + 1] for x in images) if isinstance(images, tuple) else images[k : k + 1]


def _relative(found, wanted):
    scale = np.abs(wanted).max()
    return float(np.abs(found - wanted).max() / scale) if scale else float(np.abs(found).max())
