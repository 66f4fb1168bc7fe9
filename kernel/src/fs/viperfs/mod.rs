//! The ViperFS engine.
