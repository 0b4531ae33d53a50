"""Tensor helpers with no opinion: masked reductions, group statistics, KL estimators."""
