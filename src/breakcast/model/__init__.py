"""What we believe: split, estimator, calibration, and what the forecasts are worth."""
