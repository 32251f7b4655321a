//! Devices that start at a checkpoint: what they come to, and what of a false one stays.

mod away;
mod behind_cut;
mod bench;
mod false_offers;
mod false_pieces;
mod newcomer;
