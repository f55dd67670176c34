"""Which reader takes which text product: climate reports, F-6 forms, summary messages and guidance, by their ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import polars as pl

from pipelines.payload import Parsed, Payload, refusal
from pipelines.weather.bulletins import read_bulletins
from pipelines.weather.cf6 import cf6_issuances
from pipelines.weather.cli_report import cli_issuances
from pipelines.weather.dsm import dsm_issuances
from pipelines.weather.guidance import RAW, bulletin_rows, forecasts_of
from pipelines.weather.issuances import Issuance, settlements_of
from pipelines.weather.products import Product, split_products
from pipelines.weather.reports import Refusal, subject_of
from warehouse.errors import Refused

_REPORTS = ("CLI", "CF6", "DSM")
_GUIDANCE = ("NBS", "NBE", "NBX", "LAV", "MAV", "MET", "MEX")
_SHOWN_STATIONS = 5
_SHOWN_LETTERS = 120


def parse_nws_text(payloads: Sequence[Payload]) -> Iterator[Parsed]:
    """Turn texts of kind nws_text, and of kind iem_afos (`asked`: pil, city; for DSM since, until), into rows.

    Reports of a day's high become settlements, guidance becomes forecasts. A text of another id than was asked for,
    or without a heading, is refused.
    """
    issuances: list[Issuance] = []
    frames: list[pl.DataFrame] = []
    refused: list[Refusal] = []
    for payload, product in _products(payloads, refused):
        if product.pil[:3] in _GUIDANCE:
            frames.append(_guidance(product, payload, refused))
        else:
            issuances += _reports(product, payload, refused)
    yield settlements_of(issuances, refused)
    if frames:
        yield forecasts_of(pl.concat(frames), (), kind="nws_text")


def _products(payloads: Iterable[Payload], refused: list[Refusal]) -> Iterator[tuple[Payload, Product]]:
    for payload in payloads:
        products, headless = split_products(payload.body.decode("utf-8", errors="replace"))
        for piece in headless:
            rule = f"no heading of the Weather Service above it: it begins {piece[:_SHOWN_LETTERS]!r}"
            refused.append(refusal(subject_of(payload), rule, piece))
        for product in products:
            wanted = payload.asked.get("pil", product.pil)
            if product.pil != wanted:
                refused.append(
                    refusal(subject_of(payload), f"asked for {wanted}, it is {product.pil!r}", product.words)
                )
                continue
            yield payload, product


def _reports(product: Product, payload: Payload, refused: list[Refusal]) -> Iterator[Issuance]:
    kind = product.pil[:3]
    if kind == "CLI":
        yield from cli_issuances(product, payload.received_utc, refused)
    elif kind == "CF6":
        yield from cf6_issuances(product, payload.received_utc, refused, asked=payload.asked)
    elif kind == "DSM":
        yield from dsm_issuances(product, payload.received_utc, refused, asked=payload.asked)
    else:
        rule = f"no reader for product {product.pil!r}: known are {' '.join((*_REPORTS, *_GUIDANCE))}"
        refused.append(refusal(subject_of(payload), rule, product.words))


def _guidance(product: Product, payload: Payload, refused: list[Refusal]) -> pl.DataFrame:
    try:
        bulletins, unread = read_bulletins(product)
    except Refused as error:
        refused.append(refusal(product.pil, str(error), product.words))
        return pl.DataFrame(schema=RAW)
    refused += [refusal(product.pil, rule, words) for words, rule in unread]
    rows, foreign = bulletin_rows(bulletins, payload.received_utc)
    if foreign:
        shown = " ".join(foreign[:_SHOWN_STATIONS]) + (" …" if len(foreign) > _SHOWN_STATIONS else "")
        rule = f"{len(foreign)} of its stations are not of a city in the registry: {shown}"
        refused.append(refusal(product.pil, rule, " ".join(foreign)))
    return rows
