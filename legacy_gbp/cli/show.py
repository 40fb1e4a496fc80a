"""``legacy-gbp show``: a contact sheet of the shots of one file."""

import os

from legacy_gbp.data.truth import read_seen
from legacy_gbp.io.atomic import check_destination

MOST = 64  # shots on a sheet


def run(_, options):
    """Draw the sheet; the options are those of :mod:`legacy_gbp.cli`."""
    output = options.output or os.path.splitext(os.path.basename(options.file))[0] + ".png"
    check_destination(output)
    seen = read_seen(options.file, options.index, MOST)
    from legacy_gbp import figures  # matplotlib takes its time

    figures.save(figures.contact_sheet(os.path.basename(options.file), seen), output)
    print(f"-- {len(seen.rows)} shots in {output}", flush=True)
