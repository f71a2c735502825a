"""What a forecast over HTTP costs: the same model behind our server and others."""
