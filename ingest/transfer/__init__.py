"""Import from other programs (`voltkeeper import`) and export to Parquet (`voltkeeper export`)."""
