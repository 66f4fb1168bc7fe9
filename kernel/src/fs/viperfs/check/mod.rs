//! Checking a volume.
