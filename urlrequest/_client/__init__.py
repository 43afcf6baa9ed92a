"""What a program holds: `UrlRequest` and `Session`, and what stands behind them."""
