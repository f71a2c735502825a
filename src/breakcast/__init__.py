"""breakcast forecasts which CI builds will break, and says what that is worth."""
