"""Whole recipes, from the counts to the predictions, as columns of the Amazon benchmark.

Name → function of `_reviews.Reviews` and a seed that returns accuracy, AUC and seconds, and a
sentence on how its hyper-parameters were chosen.
"""

RECIPES = {}
