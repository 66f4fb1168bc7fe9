//! Block devices: requests, completion, flush.
