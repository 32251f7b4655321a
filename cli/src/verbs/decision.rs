//! What every verb asks for that decides something for good about a plan.

use clap::Args;
use waymark_core::client::PlanId;

use crate::desk::{Desk, DeskError, Place, Which};
use crate::talk::Talk;

/// About which plan, and whether to ask first.
#[derive(Args, Debug)]
pub(super) struct Decision {
    #[command(flatten)]
    which: Which,

    /// Do not ask.
    #[arg(long)]
    pub(super) yes: bool,

    #[command(flatten)]
    place: Place,
}

impl Decision {
    /// The desk, and the plan that is meant.
    ///
    /// # Errors
    /// [`DeskError`].
    pub(super) fn open(&self, talk: Talk) -> Result<(Desk, PlanId), DeskError> {
        self.which.open(&self.place, talk)
    }
}
