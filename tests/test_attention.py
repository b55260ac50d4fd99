"""Folded attention against the network it was folded from."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from am4cm_cli.attention import fold, spectral_index, unfoldable
from am4cm_cli.errors import WeightsError
from am4cm_cli.models import MODEL_NAMES, build
from networks import tiny_model


def unfolded(model, reflectance, days):
    """(H, T, P) attention logits by the layers themselves, for (T, B, P) reflectance."""
    pixels = reflectance.permute(2, 0, 1)
    day = days.expand(pixels.shape[:2])
    embedded = model.embed(pixels, day, torch.ones(day.shape, dtype=torch.bool))
    return model.attention_logits(embedded).transpose(1, 2)


def small(name, seed=0):
    """A model by its name on four bands, in float64, whose batch norms have seen something."""
    torch.manual_seed(seed)
    bands, mean, std = ("B02", "B03", "B08", "B11"), (0.1, 0.12, 0.3, 0.25), (0.05, 0.06, 0.1, 0.08)
    model = build(name, bands=bands, mean=mean, std=std, classes=("a", "b"))
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            torch.nn.init.normal_(module.running_mean)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
            torch.nn.init.normal_(module.bias)
    return model.eval().double()


@given(seed=st.integers(0, 10**6), dates=st.integers(1, 9), pixels=st.integers(1, 5))
def test_folded_logits_are_the_networks(seed, dates, pixels):
    model = tiny_model(seed).double()
    reflectance = torch.rand(dates, 4, pixels, dtype=torch.float64) * 1.5
    days = torch.randint(1, 366, (dates,)).double()
    with torch.no_grad():
        expected = unfolded(model, reflectance, days)
    torch.testing.assert_close(fold(model).logits(reflectance, days), expected, atol=1e-5, rtol=0)


FOLDABLE = [name for name in MODEL_NAMES if unfoldable(small(name)) is None]


@pytest.mark.parametrize("name", FOLDABLE)
@given(seed=st.integers(0, 10**6), kept=st.sets(st.integers(0, 3), min_size=1))
def test_every_linear_model_is_folded_exactly_on_any_of_its_bands(name, seed, kept):
    model = small(name, seed)
    generator = torch.Generator().manual_seed(seed)
    covariance = torch.cov(torch.rand(4, 30, generator=generator, dtype=torch.float64))
    rest, kept = [band for band in range(4) if band not in kept], sorted(kept)
    seen = torch.rand(6, len(kept), 3, generator=generator, dtype=torch.float64) * 1.5
    # The second way: the missing bands by regression, then the network itself on all of them.
    reflectance = torch.empty(6, 4, 3, dtype=torch.float64)
    reflectance[:, kept] = seen
    slope = torch.linalg.solve(covariance[kept][:, kept], covariance[kept][:, rest]).T
    mean = model.mean.double()
    centred = seen - mean[kept, None]
    reflectance[:, rest] = mean[rest, None] + torch.einsum("rk,tkp->trp", slope, centred)
    days = torch.randint(1, 366, (6,), generator=generator).double()
    with torch.no_grad():
        expected = unfolded(model, reflectance, days)
    folded = fold(model).on_bands(tuple(model.config.bands[band] for band in kept), covariance)
    torch.testing.assert_close(folded.logits(seen, days), expected, atol=1e-5, rtol=0)


def test_missing_bands_are_regressed_on_the_others():
    # The second way: predict the missing bands by least squares, then use all of them.
    spectra = torch.rand(50, 4, dtype=torch.float64) @ torch.rand(4, 4, dtype=torch.float64)
    centred = spectra - spectra.mean(0)
    slope = torch.linalg.lstsq(centred[:, :2], centred[:, 2:]).solution
    whole = replace(fold(tiny_model()), mean=spectra.mean(0))
    guessed = torch.cat([centred[:, :2], centred[:, :2] @ slope], 1) + spectra.mean(0)
    days = torch.arange(50, dtype=torch.float64)
    part = whole.on_bands(("B02", "B03"), torch.cov(spectra.T))
    torch.testing.assert_close(
        part.logits(spectra[:, :2, None], days), whole.logits(guessed[..., None], days)
    )


def test_all_bands_in_another_order_are_the_same_attention():
    whole = fold(tiny_model())
    turned = whole.on_bands(whole.bands[::-1], torch.eye(4, dtype=torch.float64))
    reflectance, days = torch.rand(6, 4, 3, dtype=torch.float64), torch.arange(6.0)
    torch.testing.assert_close(
        turned.logits(reflectance.flip(1), days), whole.logits(reflectance, days)
    )


def test_spectral_index_is_the_mean_standardised_logit_but_for_a_constant():
    attention = fold(tiny_model())
    sd = torch.tensor([0.7, 2.0], dtype=torch.float64)
    reflectance = torch.rand(2, 4, 3, dtype=torch.float64)
    logits = attention.logits(reflectance, torch.full((2,), 100.0, dtype=torch.float64))
    expected = (logits / sd[:, None, None]).mean(0).diff(dim=0)
    index = torch.einsum("b,tbp->tp", spectral_index(attention, sd), reflectance)
    torch.testing.assert_close(index.diff(dim=0), expected)


@pytest.mark.parametrize("name", MODEL_NAMES)
def test_what_is_not_affine_is_not_folded(name):
    # The second way: affine means that the logits of a mean are the mean of the logits.
    torch.manual_seed(0)
    model = build(name, bands=("B02", "B08"), mean=(0.1, 0.3), std=(0.1, 0.1), classes=("a", "b"))
    model.eval().double()
    dates = getattr(model.config, "dates", 5)
    day, valid = torch.full((3, dates), 99.0), torch.ones(3, dates, dtype=torch.bool)
    reflectance = torch.rand(3, dates, 2, dtype=torch.float64)
    reflectance[2] = (reflectance[0] + reflectance[1]) / 2
    with torch.no_grad():
        logits = model.observed_logits(reflectance, day, valid).unflatten(1, (3, dates))
    affine = torch.allclose(logits[:, 2], (logits[:, 0] + logits[:, 1]) / 2, atol=1e-6)
    assert (unfoldable(model) is None) == affine
    if not affine:
        with pytest.raises(WeightsError, match=r"^mine: .* not affine in reflectance.*--model"):
            fold(model, name="mine")
