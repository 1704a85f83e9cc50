"""Who belongs together: rows of a table that share a value, directly or over further rows."""

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def linked(names: "pd.Series[str]", marks: "pd.Series[str]") -> "pd.Series[str]":
    """Name of the group each row belongs to: two rows are in one if they share a name or a mark.

    The groups are the connected components of the graph of names and marks, each called by its
    smallest name, so that the answer does not depend on the order of rows.

    Args:
        names: Such as patients.
        marks: What may link names, such as files; of the same index.
    """
    name, all_names = pd.factorize(names)
    mark, all_marks = pd.factorize(marks)
    n = len(all_names) + len(all_marks)
    graph = coo_array((np.ones(len(names), bool), (name, len(all_names) + mark)), shape=(n, n))
    component = pd.Series(connected_components(graph, directed=False)[1][name], index=names.index)
    return names.groupby(component).transform("min")
