//! `checkpoint`: brings everything up to date, and checkpoints into the logs that need one.

use clap::Args;
use waymark_core::space::TAIL;

use super::status;
use crate::desk::{Desk, DeskError, Place};
use crate::talk::Talk;

/// Where, and when.
#[derive(Args, Debug)]
pub(crate) struct Checkpoint {
    #[command(flatten)]
    place: Place,

    /// Publish one where more than N batches stand behind the last one.
    #[arg(long, value_name = "N", default_value_t = TAIL)]
    beyond: u64,
}

/// Syncs, and publishes checkpoints where they are due.
///
/// # Errors
/// [`DeskError`]: the first problem of any space; the others are up to date.
pub(crate) fn run(args: &Checkpoint, talk: Talk) -> Result<(), DeskError> {
    let desk = Desk::open(&args.place, talk)?;
    let tended = desk.tend(args.beyond);
    status::spaces(&desk)?;
    Ok(tended?)
}
