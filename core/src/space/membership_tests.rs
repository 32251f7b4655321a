//! The life of a membership, several devices at a time: real spaces and real stores against a small
//! honest relay in memory.

mod acks;
mod carries;
mod checkpoints;
mod copies;
mod crashes;
mod device;
mod ending;
mod fleet;
mod forgetting;
mod held;
mod keys;
mod leaving;
mod left;
mod left_out;
mod letting_go;
mod liars;
mod lost;
mod opening;
mod places;
mod property;
mod relay;
mod sent;
mod starting;
mod twice;
mod verdicts;
mod wishes;
