//! The life of a membership, several devices at a time: real spaces and real stores against a small
//! honest relay in memory.

mod crashes;
mod device;
mod ending;
mod fleet;
mod keys;
mod liars;
mod property;
mod relay;
mod wishes;
