//! Devices that start at a checkpoint, because the relay has let go of what stands before it.
#![expect(clippy::unwrap_used, reason = "a test stops where something fails")]

mod newcomers {
    mod away;
    mod lies;
    mod phones;
    mod restored;
    mod support;
}
