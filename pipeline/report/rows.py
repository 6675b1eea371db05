"""The rows of the tables: their names, and the figures of the paper."""

# Row → the contents of metrics/<row>.json. A figure is None if it has no meaning for the row or if the model was skipped.
Metrics = dict[str, dict[str, float | None]]
# A figure and its interval: `value`, and `low` and `high`, which are None if there is only one track.
Estimate = dict[str, float | None]

NAMES = {
    "rnn_seq2seq": "RNN Seq2Seq",
    "graph_transformer": "Graph-Transformer",
    "mi_net": "MI Net",
    "mi_net_sync": "MI Net in time",
    "mi_net_content": "MI Net with content",
    "mi_net_sync_content": "MI Net in time with content",
    "gru_content": "GRU Seq2Seq with content",
    "vqvae": "VQ-VAE",
    "vqvae_plain": "VQ-VAE without multi-band blocks",
    "test_set": "test set",
    "training_set": "training set",
}
# An addition to the names of the rows for which nothing was generated.
RECORDED = {
    "vqvae": "recorded, through the codes",
    "test_set": "recorded",
    "training_set": "held-out tracks, the floor",
}
ROWS = tuple(NAMES)
PRIORS = ("mi_net", "mi_net_sync", "mi_net_content", "mi_net_sync_content", "gru_content")
BASELINES = ("rnn_seq2seq", "graph_transformer")
SYSTEMS = (*BASELINES, *PRIORS)  # the models that generate
NDB_ROWS = (*SYSTEMS, "vqvae", "test_set", "training_set")

# The figures of arXiv 2012.03478: row → (on URMP, on Solos).
PAPER_CORPORA = ("URMP", "Solos")
PaperFigures = dict[str, tuple[float | None, float | None]]
PAPER_NDB: PaperFigures = {
    "rnn_seq2seq": (48, 44),
    "graph_transformer": (45, 41),
    "mi_net": (33, 36),
    "mi_net_content": (35, None),
    "test_set": (36, 31),
}
PAPER_KNN_PERCENT: PaperFigures = {
    "rnn_seq2seq": (82.6, 37.8),
    "graph_transformer": (89.2, 38.3),
    "mi_net": (93.7, 61.5),
}
PAPER_VQVAE_ERROR: PaperFigures = {"vqvae_plain": (0.89, None), "vqvae": (0.78, None)}
PAPER_NLL: PaperFigures = {"gru_content": (2.93, None), "mi_net_content": (2.55, None)}


def skipped(metrics: Metrics) -> list[str]:
    """The rows whose model was skipped: all their figures are None."""
    return [row for row, figures in metrics.items() if all(figure is None for figure in figures.values())]
