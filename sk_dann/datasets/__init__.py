"""Two-domain data sets: a toy problem, real reviews in a package, the paper's benchmark."""

from ._amazon_reviews import fetch_amazon_reviews
from ._food_reviews import load_food_reviews
from ._moons import make_inter_twinning_moons

__all__ = ["fetch_amazon_reviews", "load_food_reviews", "make_inter_twinning_moons"]
