//! Databases that are slow, that restart, and that let nobody in.
