//! stub
use clap::Args;
use crate::desk::{Desk, DeskError, Place};
use crate::talk::Talk;
/// stub
#[derive(Args, Debug)]
pub(crate) struct Accept {
    #[command(flatten)]
    place: Place,
}
pub(crate) fn run(args: &Accept, talk: Talk) -> Result<(), DeskError> { Desk::open(&args.place, talk)?; Ok(()) }
