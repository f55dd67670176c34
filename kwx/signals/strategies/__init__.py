"""Strategies, one file each; the file's name is the strategy's.

A new one is one file here, or anywhere else under `--strategy path/to/file.py`, that ends with a STRATEGY:

    import polars as pl
    from kwx.signals.strategy import Columns, Strategy

    def build(settings):
        fair = (pl.col("p_wx") + pl.col("mid_prob")) / 2
        return Columns(p_fair=fair, score=fair - pl.col("mid_prob"), terms={"p_wx": pl.col("p_wx")})

    STRATEGY = Strategy(
        name="half",
        meaning="halfway between weather and market",
        reads=("p_wx", "mid_prob", "p_fused_norm"),
        build=build,
    )

It may read any column of `minute_panel_full`, and of the signal panel's own: `p_said` (the model's probability as it is
used), `left_p_said` and `right_p_said` (those of the brackets beside it), `whole_ladder`. `settings` are those of the
configuration's section `signals`. It looks back over the minutes of a market with `kwx.signals.trailing`; one from
elsewhere that looks ahead is refused when it is run.
"""
