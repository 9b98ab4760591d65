"""Moving in from other programs (`voltkeeper import`) and moving out to Parquet (`voltkeeper export`)."""
