"""Events VALUE: values of channels and figures of UPSes beyond the limits of `thresholds:`."""
